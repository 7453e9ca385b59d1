//! An extra wall where this machine has it: a root of its own.
//!
//! Landlock says nothing of a file's mode, owner, times and attributes, and before its ninth ABI nothing of sockets. In a mount
//! namespace of its own a process finds what its policy names and nothing else, read-only but where it writes; and
//! it can be given what the machine has once for everybody: /dev/shm, terminals and /tmp, which end with it.

mod root;

pub(crate) use root::own_names;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::policy::Policy;
use crate::raw::{Arg, call};

const HERE: i64 = libc::AT_FDCWD as i64;
const RECURSIVE: i64 = 0x8000;
const READ_ONLY: u64 = 1;

/// What a process was given that others cannot reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// A root with nothing but what its policy names, and a /dev/shm and terminals of its own.
    pub root: bool,
    /// A /proc that shows nobody but itself and what it starts.
    pub proc: bool,
    /// Terminals that nobody else has, where the machine's are for others. With a root of its own it has them there.
    pub terminals: bool,
    /// A network with a loopback device and nothing else.
    pub net: bool,
}

/// Gives this process what this machine lets it have; nothing at all is an answer too.
///
/// # Errors
/// Where it began and cannot be ended well: then nothing should be started.
pub(crate) fn give(policy: &Policy) -> Result<Given, String> {
    let cwd = std::env::current_dir();
    let held = held(policy)?;
    let Some(by_right) = own_namespace() else { return Ok(Given::default()) };
    let net = policy.opened.loopback && !policy.network && own_network();
    if mount(Path::new("/"), libc::MS_PRIVATE | libc::MS_REC).is_err() {
        return Ok(Given { net, ..Given::default() });
    }
    if let Ok(proc) = root::enter(policy, &held, cwd.as_deref().ok(), by_right) {
        return Ok(Given { root: true, proc, net, ..Given::default() });
    }
    only(policy, &held, cwd.ok().as_deref())?;
    Ok(Given { net, ..Given::default() })
}

/// Leaves the mounts that others see: what is mounted there from now on is mounted here too, and nothing the other way round. Says whether
/// this machine lets it.
pub(crate) fn leave() -> bool {
    own_namespace().is_some() && mount(Path::new("/"), libc::MS_SLAVE | libc::MS_REC).is_ok()
}

/// Mounts terminals on `place` that nobody has yet.
pub(crate) fn own_terminals(place: &Path) -> bool {
    root::file_system(place, "devpts", root::TERMINALS).is_ok()
}

/// Makes everything read-only for this process but where it writes, where it cannot have a root of its own.
fn only(policy: &Policy, held: &[Held], cwd: Option<&Path>) -> Result<(), String> {
    let begun = policy.write.iter().try_for_each(|path| mount(path, libc::MS_BIND | libc::MS_REC));
    if begun.is_err() || attribute(Path::new("/"), READ_ONLY, 0, RECURSIVE).is_err() {
        return Ok(());
    }
    for path in &policy.write {
        attribute(path, 0, READ_ONLY, RECURSIVE)
            .map_err(|e| format!("{} stays read-only: {e}", path.display()))?;
    }
    hold(Path::new("/"), held).map_err(|e| format!("what is sealed was not held: {e}"))?;
    // The present directory still lies on the mount that was there before.
    cwd.map_or(Ok(()), |cwd| std::env::set_current_dir(cwd).map_err(|e| format!("{}: {e}", cwd.display())))
}

/// Something in a directory that is written, which stays as it is, or where it is.
struct Held {
    path: PathBuf,
    read_only: bool,
}

fn held(policy: &Policy) -> Result<Vec<Held>, String> {
    let Some(list) = &policy.opened.held else { return Ok(vec![]) };
    let text = std::fs::read(list).map_err(|e| format!("{}: {e}", list.display()))?;
    let lines = text.split(|byte| *byte == 0).filter_map(|line| line.split_first());
    let of = |(letter, path): (&u8, &[u8])| Held {
        path: Path::new(OsStr::from_bytes(path)).to_owned(),
        read_only: *letter == b'r',
    };
    Ok(lines.map(of).collect())
}

/// Mounts each upon itself below `base`: what something is mounted upon cannot be moved or removed.
fn hold(base: &Path, held: &[Held]) -> std::io::Result<()> {
    held.iter().try_for_each(|one| {
        let place = base.join(one.path.strip_prefix("/").unwrap_or(&one.path));
        mount(&place, libc::MS_BIND)?;
        if one.read_only { attribute(&place, READ_ONLY, 0, 0) } else { Ok(()) }
    })
}

/// A mount namespace: by right (`true`), or in a user namespace that maps this user to itself.
fn own_namespace() -> Option<bool> {
    if call(libc::SYS_unshare, [Arg::Int(libc::CLONE_NEWNS.into())]).is_ok() {
        return Some(true);
    }
    // Some systems let a user make a user namespace and then nothing in it: found out in a child, since a process
    // cannot leave one.
    let works = || {
        crate::raw::in_a_child(|| {
            own_user_namespace() && mount(Path::new("/"), libc::MS_PRIVATE | libc::MS_REC).is_ok()
        })
    };
    (works() && own_user_namespace()).then_some(false)
}

fn own_user_namespace() -> bool {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    call(libc::SYS_unshare, [Arg::Int(flags.into())]).is_ok()
        && std::fs::write("/proc/self/setgroups", "deny").is_ok()
        && std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).is_ok()
        && std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).is_ok()
}

/// A network with nothing in it but a loopback device, which is switched on.
fn own_network() -> bool {
    const SET_FLAGS: i64 = 0x8914;
    if call(libc::SYS_unshare, [Arg::Int(libc::CLONE_NEWNET.into())]).is_err() {
        return false;
    }
    // A struct ifreq: a name, then flags.
    let mut request = [0; 40];
    request[..2].copy_from_slice(b"lo");
    request[16..18].copy_from_slice(&((libc::IFF_UP | libc::IFF_RUNNING) as u16).to_ne_bytes());
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    call(libc::SYS_socket, [Arg::Int(libc::AF_INET.into()), Arg::Int(kind.into()), Arg::Int(0)])
        .and_then(|socket| call(libc::SYS_ioctl, [Arg::Int(socket), Arg::Int(SET_FLAGS), Arg::In(&request)]))
        .is_ok()
}

/// Binds a place to itself, or changes how it is shared.
fn mount(path: &Path, flags: libc::c_ulong) -> std::io::Result<()> {
    let path = terminated(path);
    let args = [Arg::In(&path), Arg::In(&path), Arg::Int(0), Arg::Int(flags.cast_signed()), Arg::Int(0)];
    call(libc::SYS_mount, args).map(|_| ())
}

/// `mount_setattr`, for a mount, and all below it where `reach` says so.
fn attribute(path: &Path, set: u64, clear: u64, reach: i64) -> std::io::Result<()> {
    let attributes = [set, clear, 0, 0].map(u64::to_ne_bytes).concat();
    let path = terminated(path);
    let size = attributes.len() as i64;
    let args = [Arg::Int(HERE), Arg::In(&path), Arg::Int(reach), Arg::In(&attributes), Arg::Int(size)];
    call(libc::SYS_mount_setattr, args).map(|_| ())
}

fn terminated(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), &[0]].concat()
}
