//! `piton lab noise`: how much this machine's figures differ by themselves.

use std::path::Path;

use super::world;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_core::report::tables;
use piton_lab::noise;
use piton_system::terminal;

/// Measures the incumbent against itself.
///
/// # Errors
/// An experiment that does not measure.
pub(super) fn run(dir: &Path, least: Level, pairs: u32, json: bool) -> Result<u8> {
    let noise = noise::run(&world(dir, least)?, pairs)?;
    terminal::either(json, &noise, || tables::noise_words(&noise));
    Ok(exit::DONE)
}
