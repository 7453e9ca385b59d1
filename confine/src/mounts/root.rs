//! A root in which nothing is but what a policy names.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::{HERE, Held, READ_ONLY, RECURSIVE, attribute, hold, mount, terminated};
use crate::places::HARMLESS;
use crate::policy::Policy;
use crate::raw::{Arg, call};

/// Directories that hold nothing which Landlock does not hold already, bound whole: their parts are many.
const WHOLE: [&str; 2] = ["/etc", "/sys"];
/// Where the new root is put together: a directory that every system has, and whose own content is not lost.
const BASES: [&str; 3] = ["/tmp", "/mnt", "/run"];
/// How terminals are mounted that nobody has yet.
pub(super) const TERMINALS: &str = "newinstance,ptmxmode=0666,mode=620";
/// More links than that in one path are a loop.
const MOST_LINKS: usize = 40;

/// A copy of a mount that is nowhere yet.
struct Taken {
    descriptor: i64,
    dir: bool,
}

/// Enters a root of its own. Says whether its /proc shows itself alone.
///
/// # Errors
/// Where this machine does not let it: then everything is as before.
pub(super) fn enter(policy: &Policy, held: &[Held], cwd: Option<&Path>, by_right: bool) -> io::Result<bool> {
    let base = BASES.map(PathBuf::from).into_iter().find(|dir| dir.is_dir());
    let base = base.ok_or_else(|| io::Error::other("no directory to put a root together in"))?;
    let plan = Plan::of(policy, cwd)?;
    // Taken before anything is laid over where they are.
    let mut taken = BTreeMap::new();
    for (path, writable) in &plan.binds {
        match take(path) {
            Ok(one) => drop(taken.insert(path.clone(), (one, *writable))),
            // What is not there is left out; Landlock says so of what must be.
            Err(_) if !writable => {}
            Err(e) => return Err(e),
        }
    }
    let temporary = plan.temporary.as_deref().map(take).transpose()?;
    let old_proc = take(Path::new("/proc"))?;
    file_system(&base, "tmpfs", "mode=755")?;
    let made = furnish(&base, &plan, taken, temporary, &old_proc, by_right).and_then(|proc| {
        hold(&base, held)?;
        std::env::set_current_dir(&base)?;
        let here = [Arg::In(b".\0"), Arg::In(b".\0")];
        call(libc::SYS_pivot_root, here).map(|_| proc)
    });
    let Ok(proc) = made else {
        let _ = std::env::set_current_dir(cwd.unwrap_or(Path::new("/")));
        let _ = detach(&base);
        return made;
    };
    // The old root lies over the new one now.
    call(libc::SYS_umount2, [Arg::In(b".\0"), Arg::Int(libc::MNT_DETACH.into())])?;
    std::env::set_current_dir("/")?;
    std::env::set_current_dir(cwd.unwrap_or(Path::new("/")))?;
    Ok(proc)
}

/// What lies where in the new root.
struct Plan {
    /// Real paths, and whether they are written; parents before what is below them.
    binds: BTreeMap<PathBuf, bool>,
    /// Links on the way to them, with what they say.
    links: Vec<(PathBuf, PathBuf)>,
    /// What stands for /tmp.
    temporary: Option<PathBuf>,
    /// Where the process stands.
    cwd: Option<PathBuf>,
    /// The machine's own /dev/shm is wanted.
    shared: bool,
}

impl Plan {
    fn of(policy: &Policy, cwd: Option<&Path>) -> io::Result<Self> {
        let (mut binds, mut links) = (BTreeMap::new(), vec![]);
        let devices = HARMLESS.iter().map(Path::new).chain(policy.opened.devices.iter().map(|path| &**path));
        let read = policy.read.iter().map(|path| &**path).chain(devices).map(|path| (path, false));
        for (path, writable) in read.chain(policy.write.iter().map(|path| (&**path, true))) {
            let Some((real, found)) = trace(path) else { continue };
            links.extend(found);
            if real.starts_with("/proc") {
                continue;
            }
            let whole = WHOLE.iter().map(Path::new).find(|whole| !writable && real.starts_with(whole));
            *binds.entry(whole.map_or(real, Path::to_owned)).or_insert(false) |= writable;
        }
        if binds.contains_key(Path::new("/")) {
            return Err(io::Error::other("everything is open"));
        }
        let shared = policy.opened.shared_memory && Path::new("/dev/shm").is_dir();
        if shared {
            binds.insert("/dev/shm".into(), true);
        }
        // What lies below what is bound already is there with it, unless it is to be written and the other is not.
        let all = binds.clone();
        binds.retain(|path, writable| {
            !path.ancestors().skip(1).any(|above| all.get(above).is_some_and(|other| *other || !*writable))
        });
        let temporary = policy.opened.temporary.as_deref().and_then(trace).map(|(real, _)| real);
        let temporary = temporary.filter(|_| !binds.contains_key(Path::new("/tmp")));
        let cwd = cwd.and_then(trace).map(|(real, _)| real);
        Ok(Self { shared: binds.contains_key(Path::new("/dev/shm")), binds, links, temporary, cwd })
    }
}

/// Puts everything in its place below `base`.
fn furnish(
    base: &Path,
    plan: &Plan,
    taken: BTreeMap<PathBuf, (Taken, bool)>,
    temporary: Option<Taken>,
    old_proc: &Taken,
    by_right: bool,
) -> io::Result<bool> {
    let at = |path: &Path| base.join(path.strip_prefix("/").unwrap_or(path));
    let mut writable = vec![];
    for name in ["tmp", "var/tmp", "dev", "proc"] {
        fs::create_dir_all(base.join(name))?;
    }
    if let Some(own) = &temporary {
        put(own, &base.join("tmp"))?;
        symlink("../tmp", base.join("var/tmp2")).and_then(|()| fs::remove_dir(base.join("var/tmp")))?;
        fs::rename(base.join("var/tmp2"), base.join("var/tmp"))?;
        // What is laid in it stays as it is.
        writable.push((base.join("tmp"), 0));
        let named = taken.keys().chain(plan.cwd.iter()).chain(plan.links.iter().map(|(link, _)| link));
        named.filter_map(|path| within_tmp(path)).try_for_each(|first| stand(&taken, base, &first))?;
    }
    for (path, (one, written)) in &taken {
        let place = at(path);
        make(&place, one.dir)?;
        put(one, &place)?;
        writable.extend(written.then_some((place, RECURSIVE)));
    }
    for (link, target) in &plan.links {
        let place = at(link);
        if fs::symlink_metadata(&place).is_err() {
            place.parent().map_or(Ok(()), fs::create_dir_all)?;
            symlink(target, &place)?;
        }
    }
    if let Some(cwd) = &plan.cwd {
        make(&at(cwd), true)?;
    }
    writable.extend(devices(base, plan.shared)?.into_iter().map(|place| (place, RECURSIVE)));
    let proc = by_right && own_proc(&base.join("proc")).is_ok();
    if !proc {
        put(old_proc, &base.join("proc"))?;
    }
    attribute(base, READ_ONLY, 0, RECURSIVE)?;
    writable.iter().try_for_each(|(place, reach)| attribute(place, 0, READ_ONLY, *reach))?;
    if proc {
        // The mounts in it stay as they are.
        attribute(&base.join("proc"), 0, READ_ONLY, 0)?;
    } else {
        for name in own_names() {
            let place = base.join(name.strip_prefix("/").unwrap_or(&name));
            mount(&place, libc::MS_BIND)?;
            attribute(&place, 0, READ_ONLY, 0)?;
        }
    }
    Ok(proc)
}

/// The directory directly in /tmp in which a path lies, if it does not lie there itself.
fn within_tmp(path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix("/tmp").or_else(|_| path.strip_prefix("/var/tmp")).ok()?;
    let mut parts = below.components();
    let first = Path::new("/tmp").join(parts.next()?);
    parts.next().map(|_| first)
}

/// A directory in its /tmp for what it was named there, which is not its own to write.
fn stand(taken: &BTreeMap<PathBuf, (Taken, bool)>, base: &Path, dir: &Path) -> io::Result<()> {
    let place = base.join(dir.strip_prefix("/").unwrap_or(dir));
    if taken.contains_key(dir) || place.exists() {
        return Ok(());
    }
    fs::create_dir(&place)?;
    file_system(&place, "tmpfs", "mode=755")
}

/// A /dev/shm and terminals of its own, and the links that programs expect beside them.
fn devices(base: &Path, shared: bool) -> io::Result<Vec<PathBuf>> {
    let dev = base.join("dev");
    let (shm, pts) = (dev.join("shm"), dev.join("pts"));
    fs::create_dir_all(&pts)?;
    file_system(&pts, "devpts", TERMINALS)?;
    let mut writable = vec![pts];
    if !shared {
        fs::create_dir_all(&shm)?;
        file_system(&shm, "tmpfs", "mode=1777")?;
        writable.push(shm);
    }
    let links = [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ];
    for (target, name) in links {
        let place = dev.join(name);
        if fs::symlink_metadata(&place).is_err() {
            symlink(target, place)?;
        }
    }
    Ok(writable)
}

/// A /proc that shows a process only what it could trace, which across Landlock's walls is nobody. What in it is not a process
/// stays read-only: the kernel's settings belong to root, capabilities or not.
fn own_proc(place: &Path) -> io::Result<()> {
    file_system(place, "proc", "hidepid=4")?;
    let closed = || -> io::Result<()> {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            let process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
            let meta = entry.metadata()?;
            if !process && !meta.is_symlink() && (meta.is_dir() || meta.mode() & 0o222 != 0) {
                mount(&entry.path(), libc::MS_BIND)?;
            }
        }
        Ok(())
    };
    closed().inspect_err(|_| drop(detach(place)))
}

/// The files by which this process, which becomes the command, names itself.
pub(crate) fn own_names() -> [PathBuf; 2] {
    let id = std::process::id();
    [format!("/proc/{id}/comm").into(), format!("/proc/{id}/task/{id}/comm").into()]
}

/// The real path behind a path, and the links on the way with what they say; `None` where it is not there.
fn trace(path: &Path) -> Option<(PathBuf, Vec<(PathBuf, PathBuf)>)> {
    let words = |path: &Path| -> Vec<OsString> {
        let parts =
            path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut real, mut links) = (PathBuf::from("/"), vec![]);
    let mut left: VecDeque<OsString> = words(path).into();
    while let Some(word) = left.pop_front() {
        if word == ".." {
            real.pop();
            continue;
        }
        let at = real.join(&word);
        if !fs::symlink_metadata(&at).ok()?.is_symlink() {
            real = at;
            continue;
        }
        let target = fs::read_link(&at).ok()?;
        if target.is_absolute() {
            real = "/".into();
        }
        words(&target).into_iter().rev().for_each(|word| left.push_front(word));
        links.push((at, target));
        if links.len() > MOST_LINKS {
            return None;
        }
    }
    Some((real, links))
}

/// A place to mount on.
fn make(place: &Path, dir: bool) -> io::Result<()> {
    if dir {
        return fs::create_dir_all(place);
    }
    place.parent().map_or(Ok(()), fs::create_dir_all)?;
    if place.exists() { Ok(()) } else { fs::File::create(place).map(|_| ()) }
}

fn take(path: &Path) -> io::Result<Taken> {
    const CLONE: i64 = 1;
    let dir = fs::metadata(path)?.is_dir();
    let flags = CLONE | RECURSIVE | i64::from(libc::O_CLOEXEC);
    let descriptor =
        call(libc::SYS_open_tree, [Arg::Int(HERE), Arg::In(&terminated(path)), Arg::Int(flags)])?;
    Ok(Taken { descriptor, dir })
}

fn put(taken: &Taken, place: &Path) -> io::Result<()> {
    const NO_PATH_FROM: i64 = 4;
    let place = terminated(place);
    let from = [Arg::Int(taken.descriptor), Arg::In(b"\0")];
    let [descriptor, empty] = from;
    let args = [descriptor, empty, Arg::Int(HERE), Arg::In(&place), Arg::Int(NO_PATH_FROM)];
    call(libc::SYS_move_mount, args).map(|_| ())
}

pub(super) fn file_system(place: &Path, kind: &str, options: &str) -> io::Result<()> {
    let flags = (libc::MS_NOSUID | if kind == "devpts" { 0 } else { libc::MS_NODEV }).cast_signed();
    let (place, kind) = (terminated(place), terminated(Path::new(kind)));
    let options = terminated(Path::new(options));
    let args = [Arg::In(&kind), Arg::In(&place), Arg::In(&kind), Arg::Int(flags), Arg::In(&options)];
    call(libc::SYS_mount, args).map(|_| ())
}

fn detach(place: &Path) -> io::Result<()> {
    call(libc::SYS_umount2, [Arg::In(&terminated(place)), Arg::Int(libc::MNT_DETACH.into())]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_traced_through_every_link_and_what_is_not_there_has_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("real/deep")).unwrap();
        symlink("real", dir.join("relative")).unwrap();
        symlink(dir.join("relative/deep"), dir.join("absolute")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        let (real, links) = trace(&dir.join("absolute/../deep")).unwrap();
        assert_eq!(real, dir.join("real/deep"));
        assert_eq!(
            links.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>(),
            [dir.join("absolute"), dir.join("relative")]
        );
        assert!(trace(&dir.join("loop")).is_none() && trace(&dir.join("none")).is_none());
    }
}
