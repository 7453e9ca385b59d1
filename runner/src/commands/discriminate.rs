//! `piton lab discriminate`: whether the gates tell right from wrong.

use std::path::Path;

use super::world;
use piton_core::base::error::Result;
use piton_core::base::level::Level;
use piton_core::report::tables;
use piton_lab::discriminate;
use piton_system::terminal;

/// Shows the gates what is right and what is wrong.
///
/// # Errors
/// A directory without variants, or a variant that does not measure.
pub(super) fn run(
    dir: &Path,
    least: Level,
    variants: &Path,
    only: Option<&str>,
    samples: u32,
    json: bool,
) -> Result<u8> {
    let world = world(dir, least)?;
    let rows = discriminate::run(&world, &dir.join(variants), only, samples)?;
    terminal::either(json, &rows, || tables::discrimination_table(&rows));
    Ok(discriminate::status(&rows))
}
