//! `piton audit`: whether the ledger and git say the same.

use std::path::Path;

use super::args::Which;
use piton_climb::audit;
use piton_core::base::error::{Result, exit};
use piton_system::git::Repo;
use piton_system::terminal;

/// Examines the records of a run, or of all.
///
/// # Errors
/// A ledger that cannot be read.
pub(super) fn run(dir: &Path, which: &Which) -> Result<u8> {
    let audit = audit::examine(&Repo::open(dir)?, which.run.as_deref())?;
    terminal::either(which.json, &audit, || audit::words(&audit));
    Ok(if audit.faults.is_empty() { exit::DONE } else { exit::FAILED })
}
