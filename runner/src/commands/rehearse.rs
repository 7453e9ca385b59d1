//! `piton lab rehearse`: the rule on changes whose effect is known.

use std::path::Path;

use super::world;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_core::report::tables;
use piton_lab::rehearse;
use piton_system::terminal;

/// Tries each variant of a directory several times.
///
/// # Errors
/// A directory without variants, or a variant that does not measure.
pub(super) fn run(
    dir: &Path,
    least: Level,
    variants: &Path,
    only: Option<&str>,
    trials: u32,
    reversed: bool,
    json: bool,
) -> Result<u8> {
    let world = world(dir, least)?;
    let mut told = |row: &tables::Rehearsal| {
        world
            .progress
            .line(terminal::Tone::Plain, &format!("{}: {} of {} kept", row.name, row.kept, row.trials));
    };
    let (rows, metric, alpha) =
        rehearse::run(&world, &dir.join(variants), only, trials, reversed, &mut told)?;
    terminal::either(json, &rows, || tables::rehearsal_table(&rows, &metric, alpha));
    Ok(exit::DONE)
}
