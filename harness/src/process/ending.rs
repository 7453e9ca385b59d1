//! How a process ended, or was never there.

use crate::outcome::{Failure, Kind};
use piton_confine::{NOT_EXECUTED, NOT_STARTED, STATUS};
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A process that could not be started or watched.
pub(super) fn setup(e: &io::Error) -> Failure {
    Failure::new(Kind::BadSetup, format!("the worker's process could not be started or watched: {e}"))
}

/// An address space limit shows as a failed allocation; the kernel's own limit as a kill that nobody here sent.
fn ran_out_of_memory(status: ExitStatus, words: &str) -> bool {
    let words = words.to_lowercase();
    let said = ["memory allocation of", "out of memory", "cannot allocate memory", "bad_alloc"];
    status.signal() == Some(Signal::KILL.as_raw()) || said.iter().any(|said| words.contains(said))
}

/// The failure of a process that closed its output: how it ended, `None` where it ran on, and its last words. `quietly` is what it is
/// where it ended with 0.
pub(super) fn obituary(
    words: Option<String>,
    status: Option<ExitStatus>,
    quietly: Kind,
    when: &str,
) -> Failure {
    let said = words.as_deref().unwrap_or_default();
    let mut failure = match status {
        None => Failure::new(quietly, format!("it closed its output {when}, and ran on")),
        Some(status) => {
            let kind = match status.code() {
                Some(0) => quietly,
                Some(STATUS) if said.starts_with(NOT_EXECUTED) => Kind::NotFound,
                Some(STATUS) if said.starts_with(NOT_STARTED) => Kind::BadSetup,
                _ if ran_out_of_memory(status, said) => Kind::OutOfMemory,
                _ => Kind::Crashed,
            };
            Failure::new(kind, format!("it ended with {} {when}", shown(status)))
        }
    };
    failure.detail.status = status.map(shown);
    failure.detail.stderr = words;
    failure
}

/// How a process ended, in words.
fn shown(status: ExitStatus) -> String {
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
