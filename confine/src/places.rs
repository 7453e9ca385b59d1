//! Directories of the system that programs need, for the `read` list of a policy.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Devices that any program may expect, and that keep nothing.
#[cfg(target_os = "linux")]
pub(crate) const HARMLESS: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What tells a program how many processors there are. Nothing that changes: not /proc/cpuinfo, whose clock rates tell what the
/// machine did a moment ago, nor the rest of /sys.
pub fn processor() -> Vec<PathBuf> {
    there(&[
        "/sys/devices/system/cpu/online",
        "/sys/devices/system/cpu/possible",
        "/sys/devices/system/cpu/present",
    ])
}

/// What a build or a measuring command needs of the system: programs, libraries, settings that anyone may read.
/// Nothing of a home directory, and no device: root without capabilities could read a disk.
pub fn system() -> Vec<PathBuf> {
    let mut all = there(&[
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/usr",
        "/opt",
        "/nix",
        "/run/current-system",
        "/proc",
        "/sys/devices",
        "/sys/class",
        "/sys/bus",
        "/sys/fs/cgroup",
        "/System",
        "/Library",
        "/private/etc",
    ]);
    all.extend(settings(Path::new("/etc")));
    all
}

/// Settings that anyone may read, one by one: root without capabilities still owns the others.
fn settings(dir: &Path) -> Vec<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        return there(&[&dir.to_string_lossy()]);
    }
    let Ok(entries) = std::fs::read_dir(dir) else { return vec![] };
    let open = entries.flatten().filter(|entry| {
        let secret = ["ssh", "sudoers.d", "shadow", "gshadow"].iter().any(|name| entry.file_name() == *name);
        // A link says nothing: the file that it leads to has a place of its own.
        !secret
            && entry.metadata().is_ok_and(|meta| !meta.is_symlink() && meta.permissions().mode() & 0o004 != 0)
    });
    open.map(|entry| entry.path()).collect()
}

fn there(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}
