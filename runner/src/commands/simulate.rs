//! `piton lab simulate`: the rule on noise of every kind, without a machine.

use piton_core::base::error::{Result, exit};
use piton_lab::simulate;
use piton_system::host;
use piton_system::terminal::{self, Progress};

/// Simulates, and holds the rule against its bars.
///
/// # Errors
/// None; a bar that does not hold shows in the exit status.
pub(super) fn run(trials: u32, seed: u64, json: bool) -> Result<u8> {
    let progress = Progress::new();
    let options = simulate::SimulateOptions { trials, seed, threads: host::cores() };
    let report = simulate::run(&options, &|part| progress.doing(part));
    progress.idle();
    terminal::either(json, &report, || simulate::table(&report));
    Ok(if report.bars.iter().all(|bar| bar.holds) { exit::DONE } else { exit::FAILED })
}
