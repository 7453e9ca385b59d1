//! What stands under a name.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat};

/// The kind of a thing in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A plain file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// What is known of a thing without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Its kind.
    pub kind: FileKind,
    /// Its permissions.
    pub mode: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many names it has.
    pub names: u64,
    /// The file system that it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Whom it belongs to, user and group.
    pub owner: (u32, u32),
    /// When its content changed: seconds and nanoseconds.
    pub modified: (i64, i64),
    /// When anything of it changed.
    pub changed: (i64, i64),
}

impl Meta {
    /// What `stat` says.
    // The widths differ from system to system.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
    pub(super) fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        Self {
            kind,
            mode: stat.st_mode as u32 & 0o7777,
            bytes: stat.st_size as u64,
            names: stat.st_nlink as u64,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            owner: (stat.st_uid, stat.st_gid),
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// What an open file is.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn of_file(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(file)?))
    }
}
