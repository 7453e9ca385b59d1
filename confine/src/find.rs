//! Finds what the walls are worth on this machine, by attacking them.

use std::path::Path;

use piton_base::level::Level;

#[cfg(target_os = "linux")]
use crate::attack;
use crate::found::Found;
#[cfg(target_os = "linux")]
use crate::found::Tried;
#[cfg(target_os = "linux")]
use crate::reach::Reach;
use crate::reach::reach;

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
    let (attacks, broken) = attack::try_all(exe, &reach, plain);
    let level = if broken { reach.level.min(Level::Partial) } else { reach.level };
    let given = attack::try_gifts(exe, &reach, plain);
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
    attack::try_bare(exe)
}

/// What a worker must still be able to do: `held` says that it could. For tests.
///
/// # Errors
/// Where no temporary directory can be made.
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub fn controls(exe: &Path) -> std::io::Result<Vec<Tried>> {
    attack::try_controls(exe)
}

/// What the kernel promises, where the walls are the system's own: nothing is attacked.
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
