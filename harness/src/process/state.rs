//! What a process is doing, and how much memory it had, as the kernel says.

use rustix::process::Pid;
use std::fs;
use std::time::Duration;

/// How long a worker that has answered may take until it waits for the next prompt, before it is asked all the same.
pub(super) const SETTLES: Duration = Duration::from_millis(20);

/// Whether all its threads wait, or it has ended.
pub(super) fn asleep(process: Pid) -> bool {
    all_threads(process, |state| !matches!(state, b'R'))
}

/// Whether all its threads stand still, or it has ended.
pub(super) fn stopped(process: Pid) -> bool {
    all_threads(process, |state| matches!(state, b'T' | b't' | b'Z' | b'X'))
}

/// Peak resident memory, in bytes; absent of a process that has ended. `ru_maxrss` would not do: it is inherited across exec, and so never
/// below that of the process that started the worker.
pub(super) fn peak_memory(process: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}

fn all_threads(process: Pid, is: impl Fn(u8) -> bool) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).into_iter().flatten();
    // A thread that ends meanwhile does nothing any more.
    tasks
        .flatten()
        .all(|task| fs::read(task.path().join("stat")).map_or(true, |stat| state(&stat).is_none_or(&is)))
}

/// The letter in `PID (name) LETTER ...`; the name may hold anything, brackets included.
fn state(stat: &[u8]) -> Option<u8> {
    let name = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name + 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_after_a_name_that_may_hold_anything() {
        assert_eq!(state(b"12 (a) R) S (x) T 1 2"), Some(b'T'));
        assert_eq!(state(b"12 (a"), None);
    }

    #[test]
    fn this_thread_runs_while_it_looks() {
        let this = rustix::process::getpid();
        assert!(!asleep(this) && !stopped(this));
    }
}
