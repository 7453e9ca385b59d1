//! What a project brings along that climbed by other means: its `program.md`, its `results.tsv`.

use std::path::Path;

use super::Report;
use crate::commands::args::ImportArgs;
use crate::commands::import;
use crate::commands::pointers::{self, Did};
use piton_core::base::error::Result;
use piton_core::report::import::Source;
use piton_lab::draft::{self, Draft, PROGRAM};

/// The table of the tools that karpathy/autoresearch began.
const RESULTS: &str = "results.tsv";

/// Puts piton's part above a `program.md` that was there: it tells an agent to run, commit and loop by itself, which piton does.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn program(dir: &Path, draft: &Draft, report: &mut Report) -> Result<()> {
    if !report.left.iter().any(|name| name == PROGRAM) {
        return Ok(());
    }
    let did = pointers::put_above(&dir.join(PROGRAM), &draft::piton_part(draft))?;
    match did {
        Did::Wrote => {
            report.left.retain(|name| name != PROGRAM);
            report.wrote.push(PROGRAM.to_owned());
            report.notes.push(format!(
                "{PROGRAM}: your text is as it was, below a part of piton's. It may tell an agent to run the training, commit, reset and loop, which piton does: read it, and take out what contradicts"
            ));
        }
        Did::Same => {}
        Did::Left(why) => report.needs.push(format!(
            "{PROGRAM}: say there that piton runs, commits and resets: it was left as it is, since {why}"
        )),
    }
    Ok(())
}

/// Says what becomes of a `results.tsv` that is there, and keeps it as claims where that is asked for.
///
/// # Errors
/// None that is there where one was asked for, or one that is of no such tool.
pub(super) fn results(dir: &Path, wanted: bool, report: &mut Report) -> Result<()> {
    if wanted {
        let args = ImportArgs {
            file: RESULTS.into(),
            from: Source::Autoresearch,
            name: None,
            direction: None,
            json: false,
        };
        let name = import::keep(dir, &args)?.name;
        report.notes.push(format!(
            "{RESULTS}: kept as claims, none of which piton measured; piton log --run {name} shows them. The file stays as it is"
        ));
        return Ok(());
    }
    let text = std::fs::read_to_string(dir.join(RESULTS)).unwrap_or_default();
    let header = text.lines().next().unwrap_or_default();
    // Piton's own says whose trial each row is.
    if header.starts_with("commit\t") && !header.contains("\ttrial\t") {
        report.notes.push(format!(
            "{RESULTS} stays as it is, and piton's table gets another name; piton init --import keeps what it says as claims"
        ));
    }
    Ok(())
}
