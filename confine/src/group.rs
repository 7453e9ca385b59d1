//! An extra wall where this machine has it: a control group, which counts a whole tree of processes.
//!
//! The kernel does not hold root to a number of processes, and a limit on address space is each process's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::policy::{Asked, Policy};
use std::ffi::OsString;

const ROOT: &str = "/sys/fs/cgroup";
static MADE: AtomicU32 = AtomicU32::new(0);

/// Control groups for one tree of processes. Dropping it removes them, once the processes are gone.
#[derive(Debug)]
pub struct Group {
    dirs: Vec<PathBuf>,
}

impl Group {
    /// Groups that hold at most so many processes and threads, and so many bytes of memory, together.
    ///
    /// `None` where this machine does not let this user make them, or they do not take the numbers.
    pub fn make(processes: u64, memory_bytes: u64) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("piton-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut group = Self { dirs: vec![] };
        let limits = [
            ("pids", "pids.max", "pids.max", processes),
            ("memory", "memory.max", "memory.limit_in_bytes", memory_bytes),
        ];
        for (controller, new, old, most) in limits {
            let (dir, file) = match place(&own, controller)? {
                Place::Unified(parent) => (parent.join(&name), new),
                Place::Own(parent) => (parent.join(&name), old),
            };
            sweep(dir.parent()?);
            if !group.dirs.contains(&dir) {
                fs::create_dir(&dir).ok()?;
                group.dirs.push(dir.clone());
            }
            fs::write(dir.join(file), most.to_string()).ok()?;
        }
        Some(group)
    }

    /// The same with one that counts the time on processors, where this machine lets this user make it.
    pub fn counting_time(mut self) -> Self {
        if self.dirs.iter().any(|dir| dir.join("cpu.stat").exists()) {
            return self;
        }
        let name = self.dirs.first().and_then(|dir| dir.file_name()).map(ToOwned::to_owned);
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        if let (Some(name), Some(Place::Own(parent))) = (name, place(&own, "cpuacct")) {
            sweep(&parent);
            let dir = parent.join(name);
            if fs::create_dir(&dir).is_ok() {
                self.dirs.push(dir);
            }
        }
        self
    }

    /// As [`Policy::wrap`], and in these groups from before its first own instruction.
    pub fn wrap(&self, policy: &Policy, exe: &Path, argv: &[OsString]) -> Vec<OsString> {
        Asked { policy: policy.clone(), groups: self.dirs.clone(), ..Asked::default() }.wrap(exe, argv)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for dir in &self.dirs {
            let _ = fs::write(dir.join("cgroup.kill"), "1");
            let _ = fs::remove_dir(dir);
        }
    }
}

enum Place {
    /// Of the second version: one tree for all controllers.
    Unified(PathBuf),
    /// Of the first: a tree for each.
    Own(PathBuf),
}

/// Where a group with this controller can be made, below the one that this process is in.
fn place(own: &str, controller: &str) -> Option<Place> {
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        if controllers.split(',').any(|name| name == controller) {
            let dir = Path::new(ROOT).join(controllers).join(path);
            return dir.is_dir().then_some(Place::Own(dir));
        }
        if controllers.is_empty() {
            let dir = Path::new(ROOT).join(path);
            let passed = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
            if passed.split_whitespace().any(|name| name == controller) {
                return Some(Place::Unified(dir));
            }
            // Allowed where no process is in the group itself, and in the outermost one.
            if fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}")).is_ok() {
                return Some(Place::Unified(dir));
            }
        }
    }
    None
}

/// Removes groups of processes that are gone. The kernel keeps a group in which anything lives.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("piton-")?.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Moves this process into the groups.
///
/// # Errors
/// Where one refuses: whoever named it counts on it.
pub(crate) fn join(groups: &[PathBuf]) -> Result<(), String> {
    for group in groups {
        fs::write(group.join("cgroup.procs"), "0")
            .map_err(|e| format!("the control group {} was not joined: {e}", group.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_without_a_tree_has_no_place() {
        assert!(place("0::/no/such/group\n", "pids").is_none());
        assert!(place("5:pids:/no/such/group\n", "pids").is_none());
        assert!(place("", "memory").is_none());
    }
}
