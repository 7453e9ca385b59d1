//! `piton doctor`: what this machine and this experiment are fit for.

use std::path::Path;

use super::chosen::experiment;
use super::world;
use piton_core::base::error::{Result, exit};
use piton_core::base::level::Level;
use piton_lab::{doctor, noise, try_once};
use piton_system::terminal;

/// Examines both, and with `attempt` measures once.
///
/// # Errors
/// No experiment at HEAD, or an attempt that cannot be made.
pub(super) fn run(dir: &Path, attempt: bool, pairs: Option<u32>, json: bool) -> Result<u8> {
    let (config, known) = experiment(dir)?;
    let world = world(dir, Level::None)?;
    let mut found = doctor::examine(&config, known, world.walls.found());
    found.opened = doctor::opened(&config);
    if let Some(pairs) = pairs {
        found.noise = Some(noise::run(&world, pairs)?);
    }
    if attempt {
        found.attempt(try_once::attempt(world, &config)?);
    }
    terminal::either(json, &found, || format!("  figure     {}\n{}", config.trust(), doctor::words(&found)));
    Ok(if found.unfit.is_empty() { exit::DONE } else { exit::FAILED })
}
