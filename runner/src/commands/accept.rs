//! `piton accept`: a person keeps what was held for one.

use std::path::Path;

use super::args::Which;
use super::chosen::chosen;
use super::verdict::{answer, status_of};
use super::world;
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run::{may_resume, resume};
use piton_core::base::error::{Error, Result};
use piton_core::base::level::Level;
use piton_core::trial::text;
use piton_system::terminal;

/// Keeps a trial that was held.
///
/// # Errors
/// A trial that is not held, or somebody who is no person.
pub(super) fn run(dir: &Path, least: Level, trial: u32, by: Option<&str>, which: &Which) -> Result<u8> {
    if piton_agent::guard::called_from_walls() {
        return Err(Error::refused("nothing was accepted: only a person accepts what is held for one")
            .note("nothing was changed"));
    }
    let (_, _, run) = chosen(dir, which)?;
    let world = world(dir, least)?;
    if let Some(book) = may_resume(&world.repo, &run.name)? {
        book.may_accept(&world.repo, trial)?;
    }
    let by = match by {
        Some(name) => text::clean(name, 80),
        // `Name <address>`: the name.
        None => world.repo.identity().map_or_else(
            |_| "a person".to_owned(),
            |who| text::clean(who.split(" <").next().unwrap_or(&who), 80),
        ),
    };
    let mut session = resume(&world, lock_and_recover(&world, "piton accept", true)?, &run.name)?;
    let record = session.accept(trial, &by)?;
    terminal::either(which.json, &record, || answer(&record, &session.book.config));
    Ok(status_of(&record))
}
