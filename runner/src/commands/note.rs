//! `piton note` and `piton notes`: ideas for later proposals.

use std::path::Path;

use super::args::Which;
use super::chosen::chosen;
use piton_agent::guard;
use piton_core::base::error::{Error, Result, exit};
use piton_core::base::note::{self, Note};
use piton_core::trial::text::{clean, plural};
use piton_system::clock;
use piton_system::terminal;

/// Leaves a note on a run.
///
/// # Errors
/// No run, no text, or a disk that refuses.
pub(super) fn add(dir: &Path, text: &str, by: Option<&str>, which: &Which) -> Result<u8> {
    let note = keep(dir, text, by, which)?;
    terminal::either(which.json, &note, || kept(&note));
    Ok(exit::DONE)
}

/// Keeps a note.
///
/// # Errors
/// No run, no text, or a disk that refuses.
pub(super) fn keep(dir: &Path, text: &str, by: Option<&str>, which: &Which) -> Result<Note> {
    let (_, ledger, run) = chosen(dir, which)?;
    let text = note::text(text).ok_or_else(|| {
        Error::usage("the note was not kept: it says nothing").hint("piton note \"an idea in a sentence\"")
    })?;
    let by = note::author(by, guard::called_from_walls());
    let note = Note { run: run.name, at: clock::now(), by, text, guidance: false };
    ledger.add_note(&note)?;
    Ok(note)
}

/// What is said of a note that was kept.
pub(super) fn kept(note: &Note) -> String {
    format!("noted for run {}: the next brief tells it, `piton notes` lists it", note.run)
}

/// Lists the notes of a run, guidance among them.
///
/// # Errors
/// No run, or a ledger that cannot be read.
pub(super) fn list(dir: &Path, which: &Which) -> Result<u8> {
    let (_, ledger, run) = chosen(dir, which)?;
    let mut notes = ledger.notes(&run.name, false, usize::MAX)?;
    notes.extend(ledger.notes(&run.name, true, usize::MAX)?);
    notes.sort_by(|a, b| a.at.cmp(&b.at));
    terminal::either(which.json, &notes, || match notes.is_empty() {
        true => format!("run {} has no notes", run.name),
        false => notes.iter().map(line).collect(),
    });
    Ok(exit::DONE)
}

fn line(note: &Note) -> String {
    let kind = match (note.guidance, note.text.is_empty()) {
        (false, _) => String::new(),
        (true, false) => format!(" guidance, {},", plural(note.text.lines().count(), "line")),
        (true, true) => " guidance withdrawn".to_owned(),
    };
    format!("{} {}:{kind} {}\n", note.at, clean(&note.by, 80), clean(&note.text, 400))
}
