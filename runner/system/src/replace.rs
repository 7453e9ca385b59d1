//! A file of the user's, replaced whole or not at all, the old one kept beside it.
//!
//! Whoever reads it meanwhile sees the old text or the new one. Mode, owner and extended attributes stay. What a rename would break is
//! refused: a link, a second name, what is no plain file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, XattrFlags};
use rustix::io::Errno;

use crate::clock::{self, Stopwatch};
use crate::{failpoint, fsync};
use piton_core::base::error::{Context, Error, Result};

/// Most backups that may be made in one second.
const MOST_BACKUPS: u32 = 65_535;

/// How long another may hold the file's lock, and how often it is asked for.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(10);

/// A file whose text is to be replaced. Another who replaces it so waits until this is dropped.
#[derive(Debug)]
pub struct Replaced {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
}

impl Replaced {
    /// Opens a file of at most `most` bytes and waits until nobody else replaces it.
    ///
    /// # Errors
    /// A file that is not there, that is no plain file or has another name too, that is larger, or that cannot be read.
    pub fn open(path: &Path, most: u64) -> Result<Self> {
        loop {
            let mut file = Self::plain(path, most)?;
            let what = || unchanged(path);
            Self::lock(&file, path)?;
            // Whoever had it until now may have put another in its place.
            if !is_same(path, &file).context(what())? {
                continue;
            }
            let mut bytes = vec![];
            (&mut file).take(most + 1).read_to_end(&mut bytes).context(what())?;
            if bytes.len() as u64 > most {
                return Err(too_large(path, most));
            }
            return Ok(Self { path: path.to_owned(), file, bytes });
        }
    }

    fn lock(file: &File, path: &Path) -> Result<()> {
        let begun = Stopwatch::start();
        loop {
            match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => std::thread::sleep(RETRY),
                Err(Errno::WOULDBLOCK) => {
                    return Err(Error::refused(unchanged(path))
                        .cause(format!("another program has locked it for {} s", PATIENCE.as_secs()))
                        .note("nothing was written")
                        .hint("do it again when that program has ended: fuser FILE names it"));
                }
                locked => return locked.context(unchanged(path)),
            }
        }
    }

    fn plain(path: &Path, most: u64) -> Result<File> {
        let refuse = |cause: &str, hint: &str| {
            Err(Error::refused(unchanged(path)).cause(cause).note("nothing was written").hint(hint))
        };
        let meta = fs::symlink_metadata(path).context(unchanged(path))?;
        let kind = meta.file_type();
        if kind.is_symlink() {
            return refuse("it is a link, which a new file would replace", "name the file that it leads to");
        }
        if !kind.is_file() {
            return refuse("it is no plain file", "name a file");
        }
        if meta.nlink() > 1 {
            return refuse(
                "the file has another name too, which would keep the old text",
                "make it a file of its own: cp FILE FILE.new && mv FILE.new FILE",
            );
        }
        if meta.len() > most {
            return Err(too_large(path, most));
        }
        // Never through a link, never waiting: something else may stand there by now.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
        let file = file.context(unchanged(path))?;
        match file.metadata().context(unchanged(path))?.is_file() {
            true => Ok(file),
            false => refuse("it is no plain file", "name a file"),
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// What is no UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.bytes).map_err(|_| {
            Error::refused(unchanged(&self.path)).cause("it is no UTF-8 text").note("nothing was written")
        })
    }

    /// Puts the new text in its place, and returns where the old one is kept: `FILE.bak-<seconds since 1970>-<n>`, n the lowest that is free.
    ///
    /// # Errors
    /// A file that changed since it was opened, a directory that cannot be written, an owner or an attribute that the new file cannot get.
    /// The file is the old one then.
    pub fn with(self, text: &str) -> Result<PathBuf> {
        let what = || unchanged(&self.path);
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new = tempfile::Builder::new().prefix(".piton-").tempfile_in(dir).context(what())?;
        new.write_all(text.as_bytes()).context(what())?;
        alike(&self.file, new.as_file()).context(what())?;
        new.as_file().sync_all().context(what())?;
        let backup = self.keep()?;
        failpoint::point("replace_kept");
        let kept = |error: Error| error.note(format!("the old text stands in {} too", backup.display()));
        if !self.is_untouched().context(what())? {
            let _ = fs::remove_file(&backup);
            return Err(Error::refused(what())
                .cause("somebody else changed it meanwhile")
                .note("nothing was written")
                .hint("do it again"));
        }
        new.persist(&self.path).map_err(|e| e.error).context(what()).map_err(kept)?;
        fsync::sync_one(dir).context(format!("{} may not survive a power cut", self.path.display()))?;
        Ok(backup)
    }

    /// Whether the file that stands there is the one that was opened, with the bytes that were read.
    fn is_untouched(&self) -> io::Result<bool> {
        let same = is_same(&self.path, &self.file)? && self.file.metadata()?.nlink() == 1;
        Ok(same && fs::read(&self.path)? == self.bytes)
    }

    fn keep(&self) -> Result<PathBuf> {
        let what = || format!("{}, and no backup was made", unchanged(&self.path));
        let time = clock::unix();
        for number in 0..=MOST_BACKUPS {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".bak-{time}-{number}"));
            let path = PathBuf::from(name);
            let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let mut file = match created {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                created => created.context(what())?,
            };
            let filled = file
                .write_all(&self.bytes)
                .and_then(|()| alike(&self.file, &file))
                .and_then(|()| file.sync_all());
            if let Err(error) = filled {
                let _ = fs::remove_file(&path);
                return Err(error).context(what());
            }
            return Ok(path);
        }
        Err(Error::refused(what()).cause("this second has as many backups as it may have"))
    }
}

fn unchanged(path: &Path) -> String {
    format!("{} was not changed", path.display())
}

fn too_large(path: &Path, most: u64) -> Error {
    Error::refused(unchanged(path))
        .cause(format!("it has more than {most} bytes"))
        .note("nothing was written")
}

fn is_same(path: &Path, file: &File) -> io::Result<bool> {
    let (there, open) = (fs::symlink_metadata(path)?, file.metadata()?);
    Ok((there.dev(), there.ino()) == (open.dev(), open.ino()))
}

/// Gives a file the owner, the extended attributes and the mode of another.
fn alike(old: &File, new: &File) -> io::Result<()> {
    let (from, to) = (old.metadata()?, new.metadata()?);
    if (from.uid(), from.gid()) != (to.uid(), to.gid()) {
        std::os::unix::fs::fchown(new, Some(from.uid()), Some(from.gid()))?;
    }
    attributes(old, new)?;
    // Last: a change of owner takes some of the mode away.
    new.set_permissions(from.permissions())
}

fn attributes(old: impl AsFd, new: impl AsFd) -> io::Result<()> {
    let mut names = vec![0_u8; 64 << 10];
    let length = match rustix::fs::flistxattr(&old, &mut names) {
        Err(Errno::NOTSUP) => return Ok(()),
        length => length?,
    };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; 64 << 10];
        let length = rustix::fs::fgetxattr(&old, name, &mut value)?;
        let mut there = vec![0_u8; 64 << 10];
        let same = rustix::fs::fgetxattr(&new, name, &mut there).is_ok_and(|l| there[..l] == value[..length]);
        if !same {
            rustix::fs::fsetxattr(&new, name, &value[..length], XattrFlags::empty())?;
        }
    }
    Ok(())
}
