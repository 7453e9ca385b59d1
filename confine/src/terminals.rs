//! What an agent has of terminals: its own, and none of another's.
//!
//! A terminal that can be opened can be typed from and written to, and the machine's lie in one directory for everybody. In a mount
//! namespace an agent finds terminals there that end with it. Where there is no such namespace it finds none. It keeps the one that it
//! was started at, if it was, by the descriptors that it inherited.

use std::fs::{self, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::mounts;
use crate::places::HARMLESS;
use crate::raw::{self, Arg, call};

/// Gives up the terminal that this process would be controlled by.
const TIOCNOTTY: i64 = 0x5422;
/// Where the machine's terminals are.
const PTS: &str = "/dev/pts";
/// What makes a new one.
const PTMX: &str = "/dev/ptmx";
/// The terminal that a process is controlled by, whichever that is.
const TTY: &str = "/dev/tty";
/// What lies in /dev and is files.
const FILES: [&str; 3] = ["/dev/shm", "/dev/mqueue", "/dev/hugepages"];

/// Whether this process was started at a terminal.
pub(crate) fn started_at_one() -> bool {
    (0..3).any(raw::is_terminal)
}

/// Lays terminals of its own over the machine's, for this process and what it starts. Says whether they are there.
pub(crate) fn give() -> bool {
    if !mounts::leave() {
        return false;
    }
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let others: Vec<PathBuf> =
        terminals(&mounted).into_iter().filter(|place| place != Path::new(PTS)).collect();
    // One in a place that nobody can reach any more is none.
    others
        .iter()
        .filter(|place| place.exists())
        .chain([&PathBuf::from(PTS)])
        .all(|place| mounts::own_terminals(place))
}

/// Gives up the terminal that piton was started at, where this process was not given it: what it starts does not have it either.
///
/// # Errors
/// Where it stays.
pub(crate) fn let_go() -> Result<(), String> {
    let mut options = OpenOptions::new();
    // None there, or none of its own: then nothing is to be given up.
    let Ok(tty) = options.read(true).custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open(TTY) else {
        return Ok(());
    };
    call(libc::SYS_ioctl, [Arg::Int(tty.as_raw_fd().into()), Arg::Int(TIOCNOTTY), Arg::Int(0)])
        .map(|_| ())
        .map_err(|e| format!("it would keep piton's terminal: {e}"))
}

/// What an agent may open, read, write and command.
pub(crate) fn places(given: bool) -> Vec<PathBuf> {
    [(TTY, started_at_one()), (PTS, given), (PTMX, given)]
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(path, _)| path.into())
        .collect()
}

/// Everything that may be read: all that lies in the root, but of devices only what keeps nothing and tells nothing.
pub(crate) fn all_but_devices() -> Vec<PathBuf> {
    let entries = fs::read_dir("/").into_iter().flatten().flatten().map(|entry| entry.path());
    let device = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|real| real.starts_with("/dev"));
    let files = HARMLESS.iter().chain(&FILES).map(PathBuf::from);
    entries.filter(|path| !device(path)).chain(files).collect()
}

/// Where terminals are mounted.
fn terminals(mounted: &str) -> Vec<PathBuf> {
    let place = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let place = before.split(' ').nth(4)?;
        after.starts_with("devpts ").then(|| PathBuf::from(place.replace("\\040", " ")))
    };
    let mut all: Vec<PathBuf> = mounted.lines().filter_map(place).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_where_terminals_are_mounted_is_found() {
        let mounted = "22 1 0:20 / /dev/pts rw,relatime shared:3 - devpts devpts rw,gid=5\n\
                       23 1 0:21 / /proc rw - proc proc rw\n\
                       24 1 0:22 / /srv/a\\040b/dev/pts rw - devpts devpts rw\n";
        assert_eq!(terminals(mounted), [Path::new("/dev/pts"), Path::new("/srv/a b/dev/pts")]);
    }

    #[test]
    fn what_may_be_read_holds_no_terminal_and_no_disk() {
        let all = all_but_devices();
        assert!(all.contains(&"/proc".into()) && all.contains(&"/dev/null".into()));
        let closed = ["/", "/dev", "/dev/pts", "/dev/tty", "/dev/console", "/dev/mem"];
        assert!(closed.iter().all(|path| !all.contains(&PathBuf::from(path))), "{all:?}");
    }
}
