//! A control group that is stopped as a whole: what is in it does not run, whatever it does about it.
//!
//! No controller is needed for that: of the second version every group can be frozen, of the first those of one hierarchy.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::policy::{Asked, Policy};

const ROOT: &str = "/sys/fs/cgroup";
static MADE: AtomicU32 = AtomicU32::new(0);

/// A control group for one tree of processes. Dropping it lets them run on, and removes it once they are gone.
#[derive(Debug)]
pub struct Freezer {
    dir: PathBuf,
}

impl Freezer {
    /// `None` where this machine does not let this user make one, or move processes into it.
    pub fn make() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("piton-{}-still-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        places(&own).into_iter().find_map(|parent| {
            // Whoever moves a process must be able to write where it was, too.
            writable(&parent.join("cgroup.procs")).then_some(())?;
            let freezer = Self { dir: parent.join(&name) };
            fs::create_dir(&freezer.dir).ok()?;
            let works = writable(&freezer.dir.join("cgroup.procs")) && freezer.switch().is_some();
            works.then_some(freezer)
        })
    }

    /// One that was made by somebody who is gone.
    pub fn left(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// As [`Policy::wrap`], and in this group from before its first own instruction.
    pub fn wrap(&self, policy: &Policy, exe: &Path, argv: &[OsString]) -> Vec<OsString> {
        Asked { policy: policy.clone(), groups: vec![self.dir.clone()], ..Asked::default() }.wrap(exe, argv)
    }

    /// The processes in it and below.
    pub fn members(&self) -> Vec<i32> {
        let (mut all, mut open) = (vec![], vec![self.dir.clone()]);
        while let Some(dir) = open.pop() {
            let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            all.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
            let below = fs::read_dir(&dir).into_iter().flatten().flatten();
            open.extend(
                below
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
        }
        all
    }

    /// Asks the kernel to stop everything in it. [`is_frozen`](Self::is_frozen) says when it has.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn freeze(&self) -> std::io::Result<()> {
        self.set(true)
    }

    /// Lets everything in it run.
    ///
    /// # Errors
    /// Where the kernel refuses.
    pub fn thaw(&self) -> std::io::Result<()> {
        self.set(false)
    }

    /// Whether everything in it is stopped.
    pub fn is_frozen(&self) -> bool {
        let read = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        read("cgroup.events").lines().any(|line| line == "frozen 1")
            || read("freezer.state").trim() == "FROZEN"
    }

    fn set(&self, frozen: bool) -> std::io::Result<()> {
        let (name, words) = self.switch().ok_or(std::io::ErrorKind::NotFound)?;
        fs::write(self.dir.join(name), words[usize::from(frozen)])
    }

    /// The file that freezes, and what it takes.
    fn switch(&self) -> Option<(&'static str, [&'static str; 2])> {
        let all = [("cgroup.freeze", ["0", "1"]), ("freezer.state", ["THAWED", "FROZEN"])];
        all.into_iter().find(|(name, _)| writable(&self.dir.join(name)))
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = self.thaw();
        let _ = fs::remove_dir(&self.dir);
    }
}

fn writable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Where such a group can be made, below those that this process is in: of the second version first.
fn places(own: &str) -> Vec<PathBuf> {
    let lines = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?.trim_start_matches('/')))
    });
    let (mut unified, mut others) = (vec![], vec![]);
    for (controllers, path) in lines {
        if controllers.is_empty() {
            // On machines with both versions the second one has a directory of its own.
            unified.extend(["", "unified"].map(|base| Path::new(ROOT).join(base).join(path)));
        } else if controllers.split(',').any(|name| name == "freezer") {
            others.push(Path::new(ROOT).join(controllers).join(path));
        }
    }
    unified.into_iter().chain(others).filter(|dir| dir.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_no_place() {
        assert!(places("0::/no/such/group\n7:freezer:/none\n5:pids:/\n").is_empty());
    }
}
