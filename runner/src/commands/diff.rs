//! `piton diff`: what differs in the editable files of two trials.

use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::chosen::find;
use piton_core::base::error::{Error, Result, exit};
use piton_core::run::rechecks;
use piton_system::git::{Id, Repo};
use piton_system::ledger::{Ledger, Run};
use piton_system::terminal;

/// Prints the difference from `from` to `to`.
///
/// # Errors
/// A name that is no trial, or one without a commit.
pub(super) fn run(dir: &Path, from: &str, to: &str, which: &Which) -> Result<u8> {
    let (ledger, run, config) = find(dir, which)?;
    let repo = Repo::open(dir)?;
    let (a, b) = (commit(&repo, &ledger, &run, from)?, commit(&repo, &ledger, &run, to)?);
    let diff = repo.diff_within(a, b, &config.scope)?;
    if which.json {
        terminal::json(&json!({
            "from": a.to_string(), "to": b.to_string(), "added": diff.added, "removed": diff.removed, "diff": diff.text
        }));
    } else if diff.text.is_empty() {
        terminal::answer(&format!(
            "{from} and {to} do not differ below {}",
            config.editable_paths().join(", ")
        ));
    } else {
        terminal::diff(&diff.text);
    }
    Ok(exit::DONE)
}

/// The commit that a name stands for: the number of a trial, `baseline` or `head`.
fn commit(repo: &Repo, ledger: &Ledger, run: &Run, name: &str) -> Result<Id> {
    let what = format!("{name} was not compared");
    let trial = match name {
        "baseline" => 0,
        "head" | "HEAD" => rechecks::incumbent(&ledger.records(&run.name)?).map_or(0, |record| record.trial),
        number => number.parse().map_err(|_| {
            Error::usage(&what)
                .cause(format!("{name:?} names no trial of run {}", run.name))
                .hint("write the number of a trial, `baseline` or `head`")
        })?,
    };
    let record = ledger.record(&run.name, trial)?.ok_or_else(|| {
        Error::refused(&what)
            .cause(format!("run {} has no trial {trial}", run.name))
            .hint("piton log shows them")
    })?;
    let commit = record.commit.ok_or_else(|| {
        Error::refused(&what).cause(format!("trial {trial} has no commit: {}", record.outcome.reason()))
    })?;
    repo.commit_id(&commit)
}
