//! `piton recover`: finishes what a killed piton left.

use std::path::Path;

use super::world;
use piton_climb::recover::lock_and_recover;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_system::terminal;

/// Recovers, and says what was mended.
///
/// # Errors
/// What cannot be recovered.
pub(super) fn run(dir: &Path, json: bool) -> Result<u8> {
    // It starts nothing that would need walls.
    let world = world(dir, Level::None)?;
    let mended = lock_and_recover(&world, "piton recover", true)?.mended;
    terminal::either(json, &mended, || {
        (match mended.len() {
            0 => "nothing was left undone",
            _ => "everything else is as it should be",
        })
        .to_owned()
    });
    Ok(exit::DONE)
}
