//! `piton verify`: whether what was kept still holds.

use std::path::Path;

use super::args::Which;
use super::chosen::reading;
use super::world;
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run::{may_resume, resume};
use piton_climb::verify::verify;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_core::run::summary;
use piton_system::terminal;

/// Measures the head of a run against its baseline, or each keep against what was before it.
///
/// # Errors
/// No such run, or a side that does not measure.
pub(super) fn run(dir: &Path, least: Level, each: bool, which: &Which) -> Result<u8> {
    let (_, run, config, _) = reading(dir, which)?;
    let world = world(dir, least)?;
    may_resume(&world.repo, &run.name)?;
    let session = resume(&world, lock_and_recover(&world, "piton verify", false)?, &run.name)?;
    let verification = verify(&session, each)?;
    terminal::either(which.json, &verification, || {
        summary::verification_words(&verification, &config.metric)
    });
    Ok(exit::DONE)
}
