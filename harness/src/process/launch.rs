//! The last thing that happens before the worker's own code runs.
//!
//! Limits set from outside after the start come too late for what the worker does first, and limits set
//! between fork and exec need unsafe code. So this binary starts itself once more, limits itself, and then
//! becomes the worker by exec: the same process id, one thread, nothing left of the harness in it.

use super::cores::restrict;
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Exit status of a worker that could not be executed.
pub(super) const NOT_EXECUTED: i32 = 127;
/// What the message about it begins with.
pub(super) const NOT_EXECUTED_MESSAGE: &str = "harness: the worker was not executed:";

/// What a worker may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Cores that it is pinned to.
    pub cores: Vec<usize>,
    /// Address space, in bytes.
    pub memory_bytes: u64,
}

/// Limits this process and becomes `command`. Returns only where that is not possible, with the exit status.
pub fn become_worker(limits: &Limits, command: &[OsString]) -> u8 {
    let Some((program, arguments)) = command.split_first() else {
        eprintln!("{NOT_EXECUTED_MESSAGE} no command");
        return NOT_EXECUTED as u8;
    };
    restrict(&limits.cores);
    let result = limit(Resource::Core, 0)
        .and_then(|()| limit(Resource::As, limits.memory_bytes))
        // Should the harness be killed, nothing may stay behind. Survives the exec.
        .and_then(|()| set_parent_process_death_signal(Some(Signal::KILL)));
    let cause = match result {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(e) => e.into(),
    };
    eprintln!("{NOT_EXECUTED_MESSAGE} {}: {cause}", program.display());
    NOT_EXECUTED as u8
}

fn limit(resource: Resource, value: u64) -> rustix::io::Result<()> {
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
}
