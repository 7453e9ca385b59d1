//! Files where others may write too: read, written and removed by descriptors, so that nothing outside of a directory is ever reached.
//!
//! A path is walked one name at a time, each opened below the directory before it and never through a link. What is read is a plain
//! file that is opened without waiting, so that a pipe, a socket or a device in its place is refused at once. What is written is a new
//! file that takes the place of whatever stands there: a link, or a file that has another name elsewhere, is never written into. Whoever
//! swaps a name for something else meanwhile finds that it is that which goes or is refused.

mod kinds;
mod remove;
mod write;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

pub use kinds::{FileKind, Meta};
pub use remove::{remove, remove_at};
pub use write::{create_file, is_temporary, open, open_read_write, put};

/// How deep directories may lie in each other before what is in them counts as no part of a tree: git's own paths end long before.
pub(crate) const DEEPEST: usize = 256;

/// A directory that is open.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    device: u64,
    /// Whether what is mounted in it may be entered.
    across: bool,
}

impl Dir {
    /// Opens a directory by a path that nobody else chooses: links in it are followed.
    ///
    /// # Errors
    /// When it is no directory, or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let device = Meta::of_file(&fd)?.device;
        Ok(Self { fd, device, across: false })
    }

    /// The same for one who only reads: other file systems that the user mounted in it are part of it.
    ///
    /// # Errors
    /// When it is no directory, or cannot be opened.
    pub(crate) fn open_across(path: &Path) -> io::Result<Self> {
        Ok(Self { across: true, ..Self::open(path)? })
    }

    /// Opens a directory in this one.
    ///
    /// # Errors
    /// When no directory of this name is there: a link to one is none.
    pub fn enter(&self, name: &OsStr) -> io::Result<Self> {
        let fd = self.open_one(name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let device = Meta::of_file(&fd)?.device;
        if device != self.device && !self.across && !cfg!(target_os = "linux") {
            return Err(Errno::XDEV.into());
        }
        Ok(Self { fd, device, across: self.across })
    }

    /// Opens the directory at `path` below this one.
    ///
    /// # Errors
    /// When there is none that is reached without a link.
    pub fn descend(&self, path: &Path) -> io::Result<Self> {
        let mut dir = Self { fd: self.fd.try_clone()?, ..*self };
        for name in names(path)? {
            dir = dir.enter(name)?;
        }
        Ok(dir)
    }

    /// Opens one name in this directory. Never waits, and never becomes anybody's terminal.
    fn open_one(&self, name: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        single(name)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{ResolveFlags, openat2};
            let mut how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            how.set(ResolveFlags::NO_XDEV, !self.across);
            for _ in 0..8 {
                match openat2(&self.fd, name, flags, Mode::empty(), how) {
                    // Somebody renamed something meanwhile.
                    Err(Errno::AGAIN) => {}
                    // A kernel before 5.6, or a container's filter. One name needs no more than not to be a link.
                    Err(Errno::NOSYS | Errno::PERM) => break,
                    done => return Ok(done?),
                }
            }
        }
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        if !self.across && Meta::of_file(&fd)?.device != self.device {
            return Err(Errno::XDEV.into());
        }
        Ok(fd)
    }

    /// The names in it, sorted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self) -> io::Result<Vec<OsString>> {
        let mut all = vec![];
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                all.push(OsString::from_vec(name));
            }
        }
        all.sort();
        Ok(all)
    }

    /// What stands under a name; `None` where nothing does, or nothing can.
    pub fn stat(&self, name: &OsStr) -> Option<Meta> {
        single(name).ok()?;
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Meta::of(&stat))
    }

    /// Whether something may stand under a name of which nothing is told, since the directory may not be searched.
    pub(crate) fn may_hide(&self, name: &OsStr) -> bool {
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).err() == Some(Errno::ACCESS)
    }

    /// What the directory itself is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn meta(&self) -> io::Result<Meta> {
        Meta::of_file(&self.fd)
    }

    /// Opens a plain file for reading.
    ///
    /// # Errors
    /// When what stands there is no plain file.
    pub fn file(&self, name: &OsStr) -> io::Result<(File, Meta)> {
        // Not even opened: some devices do something when they are.
        if self.stat(name).is_some_and(|meta| meta.kind != FileKind::File) {
            return Err(not_plain());
        }
        let fd = self.open_one(name, OFlags::RDONLY)?;
        let meta = Meta::of_file(&fd)?;
        if meta.kind != FileKind::File {
            return Err(not_plain());
        }
        Ok((File::from(fd), meta))
    }

    /// Reads a plain file of at most `most` bytes.
    ///
    /// # Errors
    /// When what stands there is no plain file, or a longer one.
    pub fn read(&self, name: &OsStr, most: u64) -> io::Result<(Vec<u8>, Meta)> {
        let (file, meta) = self.file(name)?;
        let mut bytes = vec![];
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(too_long(most));
        }
        Ok((bytes, meta))
    }

    /// Where a link points.
    ///
    /// # Errors
    /// When no link stands there.
    pub fn target(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        single(name)?;
        Ok(rustix::fs::readlinkat(&self.fd, name, vec![])?.into_bytes())
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reads the plain file at `path` below `root`, at most `most` bytes.
///
/// # Errors
/// When there is none that is reached without a link, or it is longer.
pub fn read(root: &Path, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (dir, name) = parent(root, path)?;
    Ok(dir.read(&name, most)?.0)
}

/// Reads the plain file at `path`, at most `most` bytes. Links are followed, as the user has set them; a pipe or a device is refused.
///
/// # Errors
/// When there is no plain file, or it is longer.
pub(crate) fn read_following(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    open_following(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    Ok(bytes)
}

/// Opens the plain file at `path` for reading. Links are followed, as the user has set them; a pipe or a device is refused.
///
/// # Errors
/// When there is no plain file.
pub fn open_following(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    if Meta::of_file(&fd)?.kind != FileKind::File {
        return Err(not_plain());
    }
    Ok(File::from(fd))
}

/// The directory below `root` that holds `path`, and the name there.
fn parent(root: &Path, path: &Path) -> io::Result<(Dir, OsString)> {
    let name = path.file_name().ok_or(Errno::INVAL)?.to_owned();
    let dir = Dir::open(root)?.descend(path.parent().unwrap_or(Path::new("")))?;
    Ok((dir, name))
}

/// The names in a relative path.
fn names(path: &Path) -> io::Result<Vec<&OsStr>> {
    let name = |part: Component<'_>| match part {
        Component::Normal(_) => Ok(()),
        _ => Err(io::Error::from(Errno::INVAL)),
    };
    path.components().map(|part| name(part).map(|()| part.as_os_str())).collect()
}

fn single(name: &OsStr) -> io::Result<()> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(Errno::INVAL.into()),
        bytes if bytes.contains(&b'/') => Err(Errno::INVAL.into()),
        _ => Ok(()),
    }
}

fn too_long(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes"))
}

fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file")
}

#[cfg(test)]
mod tests;
