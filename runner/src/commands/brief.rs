//! `piton brief`: what an agent is told before its next proposal.

use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::chosen;
use crate::book::Book;
use crate::brief::Left;
use crate::drive::by_hand;
use crate::error::{Result, exit};
use crate::{briefing, say};

/// Prints the brief for the next trial of a run.
///
/// # Errors
/// No such run, or a ledger that cannot be read.
pub(super) fn run(dir: &Path, which: &Which) -> Result<u8> {
    let (repo, ledger, run) = chosen(dir, which)?;
    briefing::take_guidance(&ledger, &repo.directory(&run.site(&repo)), &run.name)?;
    let book = Book::open(ledger, run)?;
    let next = book.ledger.next_trial(&book.run.name)?;
    let step = by_hand(book.tally.frontier.step(book.config.search.plateau));
    let text = briefing::text(&book, &repo, next, Left::default(), &step, None)?;
    if which.json {
        say::json(&json!({
            "run": book.run.name,
            "trial": next,
            "directive": step.directive,
            "since_keep": book.tally.frontier.since_keep,
            "near": book.tally.frontier.near(),
            "bytes": text.len(),
            "tokens": text.len().div_ceil(3),
            "text": text,
        }));
    } else {
        say::answer(&text);
    }
    Ok(exit::DONE)
}
