//! The machine that piton runs on: what it is, and the randomness that it gives.

use std::fs;

use rand::TryRng;

use crate::error::{Context, Result};
use crate::words::plural;

/// Processor, cores and system.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{name}, {}, {} {}", plural(cores, "core"), std::env::consts::OS, kernel.trim())
}

/// A seed that nobody could have known before this moment.
///
/// # Errors
/// When the system gives no randomness.
pub fn fresh_seed() -> Result<u64> {
    rand::rngs::SysRng.try_next_u64().context("no seed was drawn: the system gave no randomness")
}
