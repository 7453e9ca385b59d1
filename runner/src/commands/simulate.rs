//! `piton lab simulate`: the rule on noise of every kind, without a machine.

use piton_core::base::error::{Error, Result, exit};
use piton_lab::simulate;
use piton_system::host;
use piton_system::terminal::{self, Progress};

/// Simulates, and holds the rule against its bars.
///
/// # Errors
/// No part has such a name; a bar that does not hold shows in the exit status.
pub(super) fn run(trials: u32, seed: u64, only: Option<&str>, json: bool) -> Result<u8> {
    let only = only.unwrap_or_default();
    if !simulate::parts().any(|name| name.contains(only)) {
        return Err(Error::usage("nothing was simulated")
            .cause(format!("no part has {only:?} in its name"))
            .note("nothing is written by this command, whatever it simulates")
            .hint(format!(
                "leave --only out, or name one of these: {}",
                simulate::parts().collect::<Vec<_>>().join("; ")
            )));
    }
    let progress = Progress::new();
    let options = simulate::SimulateOptions { trials, seed, threads: host::cores(), only: only.to_owned() };
    let report = simulate::run(&options, &|part| progress.doing(part));
    progress.idle();
    terminal::either(json, &report, || simulate::table(&report));
    Ok(if report.bars.iter().all(|bar| bar.holds) { exit::DONE } else { exit::FAILED })
}
