//! How a process ended, or was never there.

use crate::outcome::{Failure, Kind};
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A process that could not be started or watched.
pub(super) fn setup(e: &io::Error) -> Failure {
    Failure::new(Kind::BadSetup, format!("the worker's process could not be started or watched: {e}"))
}

/// An address space limit shows as a failed allocation; the kernel's own limit as a kill that nobody here sent.
pub(super) fn ran_out_of_memory(status: ExitStatus, words: &str) -> bool {
    let words = words.to_lowercase();
    let said = ["memory allocation of", "out of memory", "cannot allocate memory", "bad_alloc"];
    status.signal() == Some(Signal::KILL.as_raw()) || said.iter().any(|said| words.contains(said))
}

/// How a process ended, in words.
pub(super) fn shown(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("exit status {}", status.code().unwrap_or_default());
    };
    let name = match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS: a system call that its confinement forbids)",
        _ => "",
    };
    format!("signal {signal}{name}")
}
