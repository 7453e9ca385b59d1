//! `piton baseline`: begins a run.

use std::path::Path;

use super::world;
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_core::trial::state::Owner;
use piton_system::terminal;

/// Begins a run and measures where it starts.
///
/// # Errors
/// What stands in the way of a run, or a baseline that does not measure.
pub(super) fn run(dir: &Path, least: Level, name: Option<&str>, json: bool) -> Result<u8> {
    let world = world(dir, least)?;
    start_run::may_begin(&world, name, Owner::User, None)?;
    let session =
        start_run::begin(&world, lock_and_recover(&world, "piton baseline", true)?, name, Owner::User, None)?;
    world.repo.switch(&session.branch())?;
    terminal::either(json, session.book.incumbent(), || {
        format!(
            "run {} begun; this checkout is now on {}\nnext: edit below {}, then `piton trial -m \"what you tried\"`",
            session.book.run.name,
            session.branch(),
            session.book.config.editable_paths().join(", ")
        )
    });
    Ok(exit::DONE)
}
