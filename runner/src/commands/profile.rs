//! `piton profile`: where the incumbent's time goes.

use std::path::Path;

use serde_json::json;

use super::args::{ProfileArgs, Which};
use super::chosen::{chosen, experiment};
use super::world;
use piton_climb::profile::{self, Profiled};
use piton_climb::run_store::Book;
use piton_core::base::error::{Error, Result, exit};
use piton_core::base::level::Level;
use piton_core::run::hot_lines;
use piton_core::trial::text::plural;
use piton_system::config::Config;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Lock};
use piton_system::terminal;

/// Profiles the incumbent of the run that is meant, or what is committed here where no run has begun.
///
/// # Errors
/// No experiment, a run at work, no profiler, or a commit that does not build.
pub(super) fn run(dir: &Path, least: Level, args: &ProfileArgs) -> Result<u8> {
    let world = world(dir, least)?;
    // It would disturb what is measured, and be disturbed.
    let _lock = Lock::take(&world.repo.state_dir(), "piton profile")?;
    let Subject { config, commit, what, base } = subject(dir, &world.repo, args.run.as_deref())?;
    let harness = match base {
        Some(base) => Some(world.build_store().harness(world.repo.commit_id(&base)?, &config)?),
        None => None,
    };
    let id = world.repo.commit_id(&commit)?;
    let (by, seen) = match profile::profile(&world, &config, id, harness.as_ref(), args.with)? {
        Profiled::Seen(by, seen) => (by, seen),
        Profiled::Nothing(why, todo) => {
            return Err(Error::new("nothing was profiled")
                .cause(why)
                .note("no run, branch or file was touched")
                .hint(todo));
        }
    };
    terminal::either(
        args.json,
        &json!({ "commit": commit, "what": what, "profiler": by.word(), "samples": seen.samples, "hot": seen.hot }),
        || {
            let head = format!(
                "{what}, {} by {}, of the functions themselves without what they call:\n",
                plural(seen.samples as usize, "sample"),
                by.word()
            );
            let lines: Vec<String> = seen.hot.iter().map(hot_lines::line).collect();
            head + &lines.join("\n")
        },
    );
    Ok(exit::DONE)
}

/// What is profiled.
struct Subject {
    config: Config,
    commit: String,
    /// What that is.
    what: String,
    /// The commit that the run began with, whose harness stands.
    base: Option<String>,
}

fn subject(dir: &Path, repo: &Repo, run: Option<&str>) -> Result<Subject> {
    let ledger = Ledger::open_existing(&repo.state_dir())?;
    let begun = match &ledger {
        Some(ledger) => ledger.latest_within(repo.within().unwrap_or_default())?.is_some(),
        None => false,
    };
    if run.is_none() && !begun {
        let (config, _) = experiment(dir)?;
        let commit = repo.head()?.commit.to_string();
        return Ok(Subject { config, commit, what: "what is committed here".to_owned(), base: None });
    }
    let (_, ledger, known) = chosen(dir, &Which { run: run.map(str::to_owned), json: false })?;
    let book = Book::open_read_only(ledger, known)?;
    let best = book.incumbent();
    let what = match best.trial {
        0 => format!("the baseline of run {}", book.run.name),
        trial => format!("trial {trial} of run {}, the best so far", book.run.name),
    };
    let base = Some(book.run.base.to_string());
    Ok(Subject { commit: best.committed()?.to_string(), config: book.config.clone(), what, base })
}
