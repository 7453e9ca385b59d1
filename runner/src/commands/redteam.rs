//! `piton redteam`: attacks on this experiment, and which of them succeed.

use std::path::Path;

use super::chosen::experiment;
use super::world;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_lab::redteam;
use piton_system::terminal;

/// Lists the attacks.
///
/// # Errors
/// A corpus that cannot be read.
pub(super) fn list(json: bool) -> Result<u8> {
    let listing = redteam::listing()?;
    terminal::either(json, &listing, || redteam::list(&listing));
    Ok(exit::DONE)
}

/// Carries the attacks out.
///
/// # Errors
/// An experiment that does not measure by itself.
pub(super) fn run(dir: &Path, least: Level, only: Vec<String>, in_place: bool, json: bool) -> Result<u8> {
    let world = world(dir, least)?;
    let mut told = |row: &redteam::AttackRow| redteam::tell(&world.progress, row);
    let report = redteam::run(&world, &redteam::RedteamOptions { only, in_place }, &mut told)?;
    terminal::either(json, &report, || {
        let trust =
            experiment(dir).map(|(config, _)| format!("\nwhose word a figure is: {}\n", config.trust()));
        format!("{}{}", redteam::table(&report), trust.unwrap_or_default())
    });
    Ok(redteam::status(&report))
}
