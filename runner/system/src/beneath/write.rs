//! Writing: what is new takes the place of what stood there.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Dir, FileKind, Meta, parent, single};

/// How the names of files begin that are not finished. Whoever lists a tree leaves them out, and whoever restores it removes them.
const UNFINISHED: &str = ".piton-unfinished-";
/// How often a place is taken again.
const TRIES: usize = 100;

/// Whether a file of this name is one that was never finished.
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(UNFINISHED.as_bytes())
}

fn fresh() -> OsString {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{UNFINISHED}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

impl Dir {
    /// Puts a plain file with this content under a name, in the place of whatever stands there; permissions are `mode` but for what the
    /// user withholds from every new file.
    ///
    /// # Errors
    /// A disk that refuses. What stood there is then still there, unless it was a directory.
    pub fn put(&self, name: &OsStr, mut content: impl Read, mode: u32) -> io::Result<Meta> {
        single(name)?;
        let (temporary, mut file) = self.create_fresh(mode)?;
        let written = io::copy(&mut content, &mut file).and_then(|_| Meta::of_file(&file));
        let done = written.and_then(|meta| self.take_place(&temporary, name).map(|()| meta));
        if done.is_err() {
            let _ = self.remove(&temporary);
        }
        done
    }

    /// Puts a link there.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(crate) fn put_link(&self, name: &OsStr, target: &[u8]) -> io::Result<()> {
        single(name)?;
        let (temporary, target) = (fresh(), OsStr::from_bytes(target));
        let _ = self.remove(&temporary);
        self.may(|| rustix::fs::symlinkat(target, self, &temporary))?;
        let done = self.take_place(&temporary, name);
        if done.is_err() {
            let _ = self.remove(&temporary);
        }
        done
    }

    /// Sees to it that a directory stands there, and enters it.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn put_dir(&self, name: &OsStr) -> io::Result<Self> {
        for _ in 0..TRIES {
            match self.stat(name).map(|meta| meta.kind) {
                Some(FileKind::Dir) => {
                    match self.enter_open(name) {
                        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                        done => return done,
                    };
                }
                Some(_) => self.remove(name)?,
                None => match self.may(|| rustix::fs::mkdirat(self, name, Mode::from_raw_mode(0o777))) {
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    done => done?,
                },
            }
        }
        Err(io::Error::other("somebody puts something else there again and again"))
    }

    /// The same for every name in a path.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn put_dirs(&self, path: &Path) -> io::Result<Self> {
        let mut dir = Self { fd: self.fd.try_clone()?, ..*self };
        for name in super::names(path)? {
            dir = dir.put_dir(name)?;
        }
        Ok(dir)
    }

    /// A file to go on with: what stands under a name where that is a plain file with this name alone, which belongs to who asks; else a
    /// new one in its place. It is emptied where `anew`.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(crate) fn own_file(&self, name: &OsStr, anew: bool) -> io::Result<File> {
        let user = rustix::process::geteuid().as_raw();
        let plain = |meta: &Meta| meta.kind == FileKind::File && meta.names == 1 && meta.owner.0 == user;
        // What is no plain file is not even opened.
        let there = self.stat(name).filter(plain).and_then(|_| self.open_one(name, OFlags::RDWR).ok());
        if let Some(fd) = there.filter(|fd| Meta::of_file(fd).is_ok_and(|meta| plain(&meta))) {
            if anew {
                rustix::fs::ftruncate(&fd, 0)?;
            }
            return Ok(File::from(fd));
        }
        let (temporary, file) = self.create_fresh(0o666)?;
        self.take_place(&temporary, name).inspect_err(|_| drop(self.remove(&temporary)))?;
        Ok(file)
    }

    fn create_fresh(&self, mode: u32) -> io::Result<(OsString, File)> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode as rustix::fs::RawMode);
        loop {
            let name = fresh();
            match self.may(|| rustix::fs::openat(self, &name, flags, mode)) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                done => return Ok((name, File::from(done?))),
            }
        }
    }

    /// Renames what was made to where it belongs. Only a directory has to be removed first.
    fn take_place(&self, temporary: &OsStr, name: &OsStr) -> io::Result<()> {
        for _ in 0..TRIES {
            match rustix::fs::renameat(self, temporary, self, name) {
                Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => self.remove(name)?,
                done => return Ok(done?),
            }
        }
        Err(io::Error::other("somebody puts a directory there again and again"))
    }
}

/// Puts a file with this content at `path` below `root`; the directory that it lies in is there. It can be executed where the one
/// before it could.
///
/// # Errors
/// When that is not reached without a link, or a disk refuses.
pub fn put(root: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let (dir, name) = parent(root, path)?;
    let executable =
        dir.stat(&name).is_some_and(|meta| meta.kind == FileKind::File && meta.mode & 0o100 != 0);
    dir.put(&name, content, if executable { 0o777 } else { 0o666 }).map(|_| ())
}

/// Opens the file at `path` to be written anew: see `Dir::own_file`. Whoever calls says where it lies.
///
/// # Errors
/// A disk that refuses.
pub fn create_file(path: &Path) -> io::Result<File> {
    let (dir, name) = parent_of(path)?;
    dir.own_file(&name, true)
}

/// Opens the file at `path` to be read and written on: see `Dir::own_file`. Whoever calls says where it lies.
///
/// # Errors
/// A disk that refuses.
pub fn open_read_write(path: &Path) -> io::Result<File> {
    let (dir, name) = parent_of(path)?;
    dir.own_file(&name, false)
}

/// Opens the plain file at `path` for reading. Whoever calls says where it lies; the file itself is no link.
///
/// # Errors
/// When no plain file stands there.
pub fn open(path: &Path) -> io::Result<File> {
    let (dir, name) = parent_of(path)?;
    Ok(dir.file(&name)?.0)
}

fn parent_of(path: &Path) -> io::Result<(Dir, OsString)> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    Ok((Dir::open(above)?, name.to_owned()))
}
