//! `piton again`: a trial that said too little of its edit is measured again.

use std::path::Path;

use super::args::Which;
use super::chosen::chosen;
use super::verdict::{answer, status_of};
use super::world;
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run::{may_resume, resume};
use piton_core::base::error::Result;
use piton_core::base::level::Level;
use piton_system::terminal;

/// Measures the edit of a trial once more.
///
/// # Errors
/// A trial that says what its edit is worth, or whose edit does not fit.
pub(super) fn run(dir: &Path, least: Level, trial: u32, which: &Which) -> Result<u8> {
    let (_, _, run) = chosen(dir, which)?;
    let world = world(dir, least)?;
    if let Some(book) = may_resume(&world.repo, &run.name)? {
        book.may_retake(&world.repo, trial)?;
    }
    let mut session = resume(&world, lock_and_recover(&world, "piton again", true)?, &run.name)?;
    let record = session.retake(trial)?;
    terminal::either(which.json, &record, || answer(&record, &session.book.config));
    Ok(status_of(&record))
}
