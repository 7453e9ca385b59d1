//! Removing whatever stands under a name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::{Dir, FileKind, parent, single};

/// How often something is begun anew because somebody changes it meanwhile.
const TRIES: usize = 100;
/// Most turns in which a directory is emptied: each takes a level away.
const TURNS: usize = 2_000_000;

impl Dir {
    /// Removes what stands under a name, whatever it is; a directory with everything in it, however deep. Nothing is followed.
    ///
    /// # Errors
    /// When the system refuses. Nothing being there is none.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        single(name)?;
        for _ in 0..TRIES {
            let done = match self.stat(name).map(|meta| meta.kind) {
                None => return Ok(()),
                Some(FileKind::Dir) => self.remove_dir(name),
                Some(_) => self.may(|| rustix::fs::unlinkat(self, name, AtFlags::empty())),
            };
            match done.as_ref().err().and_then(Errno::from_io_error) {
                // It became something else between the look and the deed.
                Some(Errno::NOENT | Errno::ISDIR | Errno::NOTDIR | Errno::LOOP | Errno::NOTEMPTY) => {}
                _ => return done,
            }
        }
        Err(io::Error::other("somebody puts it back again and again"))
    }

    /// Removes a directory that is empty. Returns whether it did.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> bool {
        single(name).is_ok() && rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR).is_ok()
    }

    /// Removes everything in it. The directories below are brought up one after the other, so that no depth is too much for names,
    /// descriptors or a stack.
    fn clear(&self) -> io::Result<()> {
        let mut fresh = 0u64;
        for _ in 0..TURNS {
            let names = self.list()?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                if self.stat(&name).is_some_and(|meta| meta.kind == FileKind::Dir) {
                    let below = self.enter_open(&name)?;
                    for inner in below.list()? {
                        if below.stat(&inner).is_some_and(|meta| meta.kind == FileKind::Dir) {
                            below.raise(&inner, self, &mut fresh)?;
                        } else {
                            gone(rustix::fs::unlinkat(&below, &inner, AtFlags::empty()))?;
                        }
                    }
                    match rustix::fs::unlinkat(self, &name, AtFlags::REMOVEDIR) {
                        // It comes up in the next turn.
                        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                        done => gone(done)?,
                    }
                } else {
                    gone(rustix::fs::unlinkat(self, &name, AtFlags::empty()))?;
                }
            }
        }
        Err(io::Error::other("somebody puts something into it again and again"))
    }

    fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        self.enter_open(name)?.clear()?;
        self.may(|| rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR))
    }

    /// Moves the directory `name` up into `to`, under a name of its own there, where it is not removed in its place.
    fn raise(&self, name: &OsStr, to: &Self, fresh: &mut u64) -> io::Result<()> {
        if rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR).is_ok() {
            return Ok(());
        }
        // To move a directory takes the right to write in it.
        if self.stat(name).is_some_and(|meta| meta.mode & 0o700 != 0o700) {
            self.loosen(name)?;
        }
        loop {
            *fresh += 1;
            let new = OsString::from(format!(".{fresh}"));
            match rustix::fs::renameat(self, name, to, &new) {
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR | Errno::ISDIR) => {}
                done => return gone(done),
            }
        }
    }

    /// Enters a directory of which something is to be removed: it is opened to its own user first where that is needed.
    pub(super) fn enter_open(&self, name: &OsStr) -> io::Result<Self> {
        if self.stat(name).is_some_and(|meta| meta.kind == FileKind::Dir && meta.mode & 0o700 != 0o700) {
            // Who may do everything needs no permission; who may not is told by what follows.
            let _ = self.loosen(name);
        }
        self.enter(name)
    }

    /// Opens a directory in this one to its own user, by its descriptor: a link in its place is not followed.
    fn loosen(&self, name: &OsStr) -> io::Result<()> {
        single(name)?;
        let mode = Mode::RWXU;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::OFlags;
            use std::os::fd::AsRawFd;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(self, name, flags, Mode::empty())?;
            Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode)?)
        }
        #[cfg(not(target_os = "linux"))]
        Ok(rustix::fs::chmodat(self, name, mode, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Does something in this directory; where that is refused, it is opened to its own user and done once more.
    pub(super) fn may<T>(&self, mut what: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
        match what() {
            Err(Errno::ACCESS | Errno::PERM) => {
                let mode = Mode::from_raw_mode(self.meta()?.mode as rustix::fs::RawMode) | Mode::RWXU;
                rustix::fs::fchmod(self, mode)?;
                Ok(what()?)
            }
            done => Ok(done?),
        }
    }
}

/// What is not there any more is removed.
fn gone(done: rustix::io::Result<()>) -> io::Result<()> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => Ok(done?),
    }
}

/// Removes what stands at `path` below `root`, whatever it is.
///
/// # Errors
/// When the system refuses. Nothing being there is none.
pub fn remove(root: &Path, path: &Path) -> io::Result<()> {
    match parent(root, path) {
        Ok((dir, name)) => dir.remove(&name),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Removes what stands at `path`, whatever it is, with everything in it. Whoever calls says where it lies: links above it are followed.
///
/// # Errors
/// When the system refuses. Nothing being there is none.
pub fn remove_at(path: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    remove(above, Path::new(name))
}
