//! An extra wall where this machine has it: a view of the file system in which only some places can be written.
//!
//! Landlock says nothing of a file's mode, owner, times and attributes. In a mount namespace of its own, with
//! everything read-only but what the policy names, a process cannot change those either.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::raw::{Arg, call};

const HERE: i64 = libc::AT_FDCWD as i64;
const RECURSIVE: i64 = 0x8000;
const READ_ONLY: u64 = 1;

/// Makes everything read-only for this process but `write`. `Ok(false)` where this machine does not let it.
///
/// # Errors
/// Where it began and cannot be ended well: then nothing should be started.
pub(crate) fn only(write: &[PathBuf]) -> Result<bool, String> {
    let cwd = std::env::current_dir();
    if !own_namespace() || begin(write).is_err() {
        return Ok(false);
    }
    if attribute(Path::new("/"), READ_ONLY, 0).is_err() {
        return Ok(false);
    }
    for path in write {
        attribute(path, 0, READ_ONLY).map_err(|e| format!("{} stays read-only: {e}", path.display()))?;
    }
    // The present directory still lies on the mount that was there before.
    if let Ok(cwd) = cwd {
        std::env::set_current_dir(&cwd).map_err(|e| format!("{}: {e}", cwd.display()))?;
    }
    Ok(true)
}

/// A mount namespace: by right, or in a user namespace that maps this user to itself.
fn own_namespace() -> bool {
    let unshare = |flags: i32| call(libc::SYS_unshare, [Arg::Int(flags.into())]).is_ok();
    if unshare(libc::CLONE_NEWNS) {
        return true;
    }
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)
        && std::fs::write("/proc/self/setgroups", "deny").is_ok()
        && std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).is_ok()
        && std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).is_ok()
}

/// Nothing of this reaches other namespaces, and each place becomes a mount.
fn begin(write: &[PathBuf]) -> std::io::Result<()> {
    mount(Path::new("/"), libc::MS_PRIVATE | libc::MS_REC)?;
    write.iter().try_for_each(|path| mount(path, libc::MS_BIND | libc::MS_REC))
}

fn mount(path: &Path, flags: libc::c_ulong) -> std::io::Result<()> {
    let path = terminated(path);
    let args = [Arg::In(&path), Arg::In(&path), Arg::Int(0), Arg::Int(flags.cast_signed()), Arg::Int(0)];
    call(libc::SYS_mount, args).map(|_| ())
}

/// `mount_setattr`, for a mount and all below it.
fn attribute(path: &Path, set: u64, clear: u64) -> std::io::Result<()> {
    let attributes = [set, clear, 0, 0].map(u64::to_ne_bytes).concat();
    let path = terminated(path);
    let size = attributes.len() as i64;
    let args = [Arg::Int(HERE), Arg::In(&path), Arg::Int(RECURSIVE), Arg::In(&attributes), Arg::Int(size)];
    call(libc::SYS_mount_setattr, args).map(|_| ())
}

fn terminated(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), &[0]].concat()
}
