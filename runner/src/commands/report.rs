//! `piton report`: the morning's page, and the same for a pull request, a program or a picture.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::args::ReportArgs;
use super::chosen::reading;
use super::import;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::report::html::{self, View};
use piton_core::report::import::Imported;
use piton_core::report::plot::{self, Card, Medium, Picture, Wrap};
use piton_core::run::summary::Verification;
use piton_core::trial::record::Record;
use piton_core::trial::text::{plural, seconds};
use piton_system::config::Config;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Run};
use piton_system::png;
use piton_system::terminal;

/// Longest diff that is read for the page, in bytes: it is cut there anyway.
const DIFF_READ: usize = 64 << 10;

/// Writes the report.
///
/// # Errors
/// No run, or a file that cannot be written.
pub(super) fn run(dir: &Path, args: &ReportArgs) -> Result<u8> {
    if let Some(imported) = import::find(dir, args.which.run.as_deref())? {
        return claimed(dir, args, &imported);
    }
    let (repo, run, config, records) = reading(dir, &args.which)?;
    let verification = Ledger::open(&repo.state_dir())?.last_verification(&run.name)?;
    let none = BTreeMap::new();
    let view = view(&run, &config, &records, verification.as_ref(), &none);
    if args.which.json {
        return give(args.output.as_deref(), &terminal::pretty(&view.facts()));
    }
    if args.md {
        return give(args.output.as_deref(), &html::markdown(&view));
    }
    let picture = || {
        let stairs = view.staircase();
        match args.card {
            true => plot::card(&stairs, &card(&view)),
            false => Picture { margin: 16.0, ..plot::staircase(&stairs, Medium::pixels(1000.0, 440.0)) },
        }
    };
    let (name, content) = if args.svg {
        (
            if args.card { "card.svg" } else { "staircase.svg" },
            plot::svg(&picture(), Wrap::Alone).into_bytes(),
        )
    } else if args.png || args.card {
        (if args.card { "card.png" } else { "staircase.png" }, png::png(&picture())?)
    } else {
        let diffs = diffs(&repo, &records);
        ("report.html", html::page(&View { diffs: &diffs, ..view }).into_bytes())
    };
    put(&repo, args, name, &content)
}

/// The report of another tool's run: what it claims, and that it does.
fn claimed(dir: &Path, args: &ReportArgs, imported: &Imported) -> Result<u8> {
    let picture = || {
        let stairs = imported.staircase();
        let trials = plural(imported.claims.len(), "trial");
        let words = Card { experiment: imported.name.clone(), trials, time: String::new() };
        match args.card {
            true => plot::card(&stairs, &words),
            false => Picture { margin: 16.0, ..plot::staircase(&stairs, Medium::pixels(1000.0, 440.0)) },
        }
    };
    if args.which.json {
        return give(args.output.as_deref(), &terminal::pretty(imported));
    }
    if args.md {
        let log = imported.log().replace('`', "'");
        return give(args.output.as_deref(), &format!("```text\n{log}```\n"));
    }
    let (name, content) = if args.svg {
        ("staircase.svg", plot::svg(&picture(), Wrap::Alone).into_bytes())
    } else if args.png || args.card {
        (if args.card { "card.png" } else { "staircase.png" }, png::png(&picture())?)
    } else {
        let page = html::claims(&imported.staircase(), &imported.warning(), &imported.log());
        ("report.html", page.into_bytes())
    };
    put(&Repo::open(dir)?, args, name, &content)
}

/// Writes a file where it was asked for, or in its place, and says where.
fn put(repo: &Repo, args: &ReportArgs, name: &str, content: &[u8]) -> Result<u8> {
    match args.output.as_deref() {
        Some(file) if file == Path::new("-") => terminal::bytes(content),
        Some(file) => {
            fs::write(file, content).context(format!("{} was not written", file.display()))?;
            terminal::answer(&file.display().to_string());
        }
        None => terminal::answer(&in_its_place(repo, name, content)?.display().to_string()),
    }
    Ok(exit::DONE)
}

pub(super) fn view<'a>(
    run: &'a Run,
    config: &'a Config,
    records: &'a [Record],
    verification: Option<&'a Verification>,
    diffs: &'a BTreeMap<u32, String>,
) -> View<'a> {
    View {
        experiment: &config.name,
        run: &run.name,
        base: &run.base,
        began: &run.began,
        metric: &config.metric,
        secondary: &config.secondary,
        guards: &config.guards,
        alpha: config.rule.alpha,
        records,
        verification,
        diffs,
    }
}

fn card(view: &View) -> Card {
    let facts = view.facts();
    let spent = facts.seconds;
    let kept = facts.counts.get("kept").copied().unwrap_or(0);
    Card {
        experiment: view.experiment.to_owned(),
        trials: format!("{}, {kept} kept", plural(facts.trials, "trial")),
        time: seconds(spent.agent + spent.build + spent.measure + spent.waiting),
    }
}

/// The diffs that the page has room for. A commit that is gone has none.
pub(super) fn diffs(repo: &Repo, records: &[Record]) -> BTreeMap<u32, String> {
    let (mut diffs, mut used) = (BTreeMap::new(), 0);
    for record in html::order(records) {
        if used > html::DIFF_BYTES {
            break;
        }
        let (Some(from), Some(to), true) =
            (&record.parent, &record.commit, record.measured.changes.is_some())
        else {
            continue;
        };
        let diff = repo.commit_id(from).and_then(|from| repo.diff(from, repo.commit_id(to)?));
        if let Ok(mut diff) = diff {
            let end = (0..=DIFF_READ.min(diff.text.len())).rev().find(|at| diff.text.is_char_boundary(*at));
            diff.text.truncate(end.unwrap_or(0));
            used += diff.text.len();
            diffs.insert(record.trial, diff.text);
        }
    }
    diffs
}

/// Text on standard output, or in the file that was asked for.
fn give(file: Option<&Path>, text: &str) -> Result<u8> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => {
            fs::write(file, format!("{}\n", text.trim_end()))
                .context(format!("{} was not written", file.display()))?;
            terminal::answer(&file.display().to_string());
        }
        None => terminal::answer(text),
    }
    Ok(exit::DONE)
}

/// Writes below `.piton/`, which git overlooks: whole, or not at all.
fn in_its_place(repo: &Repo, name: &str, content: &[u8]) -> Result<PathBuf> {
    let dir = repo.directory(&repo.site()).join(".piton");
    let path = dir.join(name);
    let what = || format!("{} was not written", path.display());
    if fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_symlink()) {
        return Err(Error::refused(what())
            .cause(".piton is a link, and piton follows none")
            .hint("remove it, or name a file: piton report -o FILE"));
    }
    fs::create_dir_all(&dir).context(what())?;
    let mut file = tempfile::Builder::new().prefix(".report").tempfile_in(&dir).context(what())?;
    file.write_all(content).context(what())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).context(what())?;
    file.persist(&path).map_err(|e| Error::new(what()).cause(e.error))?;
    Ok(path)
}
