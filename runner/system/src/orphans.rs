//! Processes that a piton which was killed has left, and whether somebody else's git is at work.
//!
//! Every job carries the name of its repository's state in its environment, and so do its descendants. While the lock is held no
//! other piton is at work here: whoever carries that name then has nobody left to end it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// Name of the variable that every job carries.
pub const MARK: &str = "PITON_OWNER";

/// Ends every process that carries the name of `state`, except this one and those that it descends from. Returns how many there were.
pub fn end(state: &Path) -> usize {
    let kin = kin();
    let mut ended = BTreeSet::new();
    // One that is being ended may start another: look until there is none. Bounded, as a fork bomb could race us.
    for _ in 0..1000 {
        let left: Vec<i32> =
            processes().into_iter().filter(|pid| !kin.contains(pid) && carries(*pid, state)).collect();
        if left.is_empty() {
            break;
        }
        for pid in left {
            if kill(pid, || carries(pid, state)) {
                ended.insert(pid);
            }
        }
    }
    ended.len()
}

/// Ends a process that is still the one that was meant: held by a descriptor, and asked once more, since numbers are used again.
#[cfg(target_os = "linux")]
fn kill(pid: i32, meant: impl Fn() -> bool) -> bool {
    let held = Pid::from_raw(pid)
        .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
    held.is_some_and(|held| meant() && rustix::process::pidfd_send_signal(&held, Signal::KILL).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn kill(pid: i32, meant: impl Fn() -> bool) -> bool {
    meant() && Pid::from_raw(pid).is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok())
}

/// Whether a process has `file` open, or a git command stands below `root`: then a lock file is somebody's.
pub fn in_use(file: &Path, root: &Path) -> bool {
    processes().into_iter().any(|pid| {
        let proc = format!("/proc/{pid}");
        let open = fs::read_dir(format!("{proc}/fd")).is_ok_and(|fds| {
            fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == file))
        });
        let name = fs::read_to_string(format!("{proc}/comm")).unwrap_or_default();
        open || name.starts_with("git")
            && fs::read_link(format!("{proc}/cwd")).is_ok_and(|cwd| cwd.starts_with(root))
    })
}

/// This process and its ancestors.
fn kin() -> BTreeSet<i32> {
    let mut kin = BTreeSet::new();
    let mut pid = rustix::process::getpid().as_raw_nonzero().get();
    while pid > 0 && kin.insert(pid) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may hold anything; the parent stands second after it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        pid = parent.unwrap_or(0);
    }
    kin
}

fn processes() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn carries(pid: i32, state: &Path) -> bool {
    let mark = format!("{MARK}={}", state.display());
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}
