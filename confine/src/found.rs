//! What the walls are worth on this machine, found by attacking them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use piton_base::level::Level;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What the walls hold. Never more than the attacks show.
    pub level: Level,
    /// Landlock's ABI; 0 where there is none.
    pub abi: u32,
    /// The walls that stand, a line each.
    pub walls: Vec<String>,
    /// The attacks that were tried.
    pub attacks: Vec<Tried>,
    /// What builds and measuring commands are given here: `held` says that they have it.
    #[serde(default)]
    pub given: Vec<Tried>,
}

/// How an attack's end begins that was not carried out: that says nothing of the walls.
pub(crate) const NOT_TRIED: &str = "it was not tried";

impl Found {
    /// Why this says nothing of the walls; `None` where every attack was carried out.
    pub fn unsound(&self) -> Option<&str> {
        self.attacks.iter().map(|tried| &*tried.how).find(|how| how.starts_with(NOT_TRIED))
    }

    /// Whether builds and measuring commands are given this, one of [`gift`].
    pub fn gives(&self, name: &str) -> bool {
        self.given.iter().any(|tried| tried.held && tried.name == name)
    }
}

/// What builds and measuring commands are given where a machine lets them have it.
pub mod gift {
    /// A /dev/shm that ends with the job.
    pub const SHARED_MEMORY: &str = "a /dev/shm of its own";
    /// Terminals that end with the job.
    pub const TERMINALS: &str = "pseudo-terminals of its own";
    /// The job's private directory as /tmp.
    pub const TEMPORARY: &str = "a /tmp of its own";
    /// Sockets in its own directories.
    pub const SOCKETS: &str = "unix sockets in its own directories";
    /// A network with nobody else in it, for who asks for it.
    pub const LOOPBACK: &str = "a loopback of its own (with `loopback = true`)";
    /// Writing `/proc/self/comm` in every process; else only the first one does.
    pub const NAMES: &str = "the names of all its processes in /proc";
}

/// An attack that was tried from behind the walls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Whose walls, and what.
    pub name: String,
    /// Whether the walls held.
    pub held: bool,
    /// How it ended.
    pub how: String,
}

/// What this machine's kernel promises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub level: Level,
    pub abi: u32,
}

/// The level that the walls reach here by what the kernel offers, and Landlock's ABI. A process started by a
/// policy with this level as its `least` has reached it, or was not started.
pub fn reachable() -> (Level, u32) {
    let reach = reach(None);
    (reach.level, reach.abi)
}

#[cfg(target_os = "linux")]
pub(crate) fn reach(abi_at_most: Option<u32>) -> Reach {
    let abi = crate::raw::landlock_abi().min(abi_at_most.unwrap_or(u32::MAX));
    Reach { level: level(abi, crate::calls::available()), abi }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reach(_: Option<u32>) -> Reach {
    let sandbox = cfg!(target_os = "macos") && Path::new(crate::mac::SANDBOX).exists();
    Reach { level: if sandbox { Level::Partial } else { Level::None }, abi: 0 }
}

/// What a Landlock ABI is worth with and without a filter on system calls.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn level(abi: u32, seccomp: bool) -> Level {
    match (abi, seccomp) {
        (0, _) => Level::None,
        (_, false) => Level::Partial,
        (1..=5, true) => Level::Strong,
        (_, true) => Level::Full,
    }
}

/// Attacks itself through helpers of `exe`, a binary that begins with [`enter_if_asked`](crate::enter_if_asked).
///
/// Takes some tenths of a second. The level is what the kernel promises, and [`Level::Partial`] at most where an
/// attack got through that it should hold.
#[cfg(target_os = "linux")]
pub fn find(exe: &Path) -> Found {
    find_below(exe, None, false)
}

/// The same as if the kernel had this Landlock ABI at most, and no extra walls where it is `plain`. For tests.
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub fn find_below(exe: &Path, abi_at_most: Option<u32>, plain: bool) -> Found {
    let reach = reach(abi_at_most);
    let (attacks, broken) = crate::attack::try_all(exe, &reach, plain);
    let level = if broken { reach.level.min(Level::Partial) } else { reach.level };
    let given = crate::attack::try_gifts(exe, &reach, plain);
    Found { level, abi: reach.abi, walls: walls(&reach, &attacks), attacks, given }
}

#[cfg(target_os = "linux")]
fn walls(reach: &Reach, attacks: &[Tried]) -> Vec<String> {
    let mut walls = vec![];
    let mut more = |stands: bool, words: String| walls.extend(stands.then_some(words));
    let abi = reach.abi;
    more(
        abi > 0,
        format!(
            "Landlock ABI {abi}: files{}{}{}",
            if abi >= 3 { ", truncation" } else { "" },
            if abi >= 4 { ", TCP" } else { "" },
            if abi >= 6 { ", signals, abstract sockets" } else { "" },
        ),
    );
    more(
        crate::calls::available(),
        "seccomp: an allow-list for workers, a deny-list for builds and measuring commands, none that types for agents".to_owned(),
    );
    more(true, "no capability, no new privileges, limits on memory, files and processes".to_owned());
    let modes = attacks.iter().filter(|tried| tried.name.ends_with(": chmod outside"));
    more(
        modes.clone().count() > 0 && modes.clone().all(|tried| tried.held),
        "mounts: read-only for builds and measuring commands but where they write".to_owned(),
    );
    let groups = crate::group::Group::make(64, 1 << 30);
    more(groups.is_some(), "control groups: processes and memory of a build together".to_owned());
    walls
}

/// Every attack without walls: `held` is what the system refuses by itself. For tests.
///
/// # Errors
/// Where no temporary directory can be made.
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub fn bare(exe: &Path) -> std::io::Result<Vec<Tried>> {
    crate::attack::try_bare(exe)
}

/// What a worker must still be able to do: `held` says that it could. For tests.
///
/// # Errors
/// Where no temporary directory can be made.
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub fn controls(exe: &Path) -> std::io::Result<Vec<Tried>> {
    crate::attack::try_controls(exe)
}

/// The same where the walls are the system's own: nothing is attacked.
#[cfg(not(target_os = "linux"))]
pub fn find(_: &Path) -> Found {
    let reach = reach(None);
    let walls = if reach.level == Level::Partial {
        vec!["sandbox-exec: files and network".to_owned()]
    } else {
        vec![]
    };
    Found { level: reach.level, abi: 0, walls, attacks: vec![], given: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_says_what_the_kernel_holds_and_never_more() {
        assert_eq!(
            [level(0, true), level(7, false), level(1, true), level(5, true), level(6, true)],
            [Level::None, Level::Partial, Level::Strong, Level::Strong, Level::Full]
        );
    }
}
