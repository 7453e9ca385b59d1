//! `piton brief`: what an agent is told before its next proposal.

use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::chosen::chosen;
use piton_climb::briefing;
use piton_climb::run_climb::from_incumbent;
use piton_climb::run_store::Book;
use piton_core::base::error::{Result, exit};
use piton_core::run::brief::Left;
use piton_system::terminal;

/// Prints the brief for the next trial of a run.
///
/// # Errors
/// No such run, or a ledger that cannot be read.
pub(super) fn run(dir: &Path, which: &Which) -> Result<u8> {
    let (repo, ledger, run) = chosen(dir, which)?;
    briefing::take_guidance(&ledger, &repo.directory(&run.site(&repo)), &run.name)?;
    let book = Book::open(ledger, run)?;
    let next = book.ledger.next_trial(&book.run.name)?;
    let step = from_incumbent(book.tally.frontier.step(book.config.search.plateau));
    let text = briefing::text(&book, &repo, next, Left::default(), &step, None, None)?;
    terminal::either(
        which.json,
        &json!({
            "run": book.run.name,
            "trial": next,
            "directive": step.directive,
            "since_keep": book.tally.frontier.since_keep,
            "near": book.tally.frontier.near(),
            "bytes": text.len(),
            "tokens": text.len().div_ceil(3),
            "text": text,
        }),
        || text,
    );
    Ok(exit::DONE)
}
