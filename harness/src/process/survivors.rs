//! Nothing stays behind.
//!
//! Killing a process or its group leaves what it double-forked. A confined worker cannot fork, but the harness
//! does not rely on having been given one: it adopts orphans, so that whatever a worker leaves becomes a child
//! of this process, and then ends every child that it has.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};
use std::fs;

/// Rounds of ending children before giving up: each ends all that are there, so only a fork bomb needs many.
const ROUNDS: usize = 10_000;

/// From now on, processes that lose their parent become children of this one.
pub fn adopt_orphans() {
    // Where the kernel refuses, the worker itself is still ended.
    let _ = set_child_subreaper(Some(getpid()));
}

/// Ends every child of this process, and gives how many there were. For a process whose only children are a
/// worker's.
pub fn end_survivors() -> usize {
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let children = children();
        if children.is_empty() {
            break;
        }
        for child in children {
            let _ = kill_process(child, Signal::KILL);
            if matches!(waitpid(Some(child), WaitOptions::empty()), Ok(Some(_))) {
                ended += 1;
            }
        }
    }
    ended
}

fn children() -> Vec<Pid> {
    let this = getpid().as_raw_nonzero().get();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid) == Some(this)).filter_map(Pid::from_raw).collect()
}

/// The parent of a process, from `PID (name) state PARENT ...`; the name may hold anything, brackets included.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
