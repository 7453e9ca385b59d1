//! What this machine's kernel promises, before anything is tried.

#[cfg(not(target_os = "linux"))]
use std::path::Path;

use piton_base::level::Level;

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
