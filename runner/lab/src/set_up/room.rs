//! The one directory of the checkout in which the agent writes. What it leaves there is read without following a link, and removed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::WHAT;
use crate::try_once::Files;
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::text::clean;
use piton_system::beneath::{self, Dir};
use piton_system::config::SCHEMA;

/// Where the files lie, from the directory of the experiment.
pub(super) const AT: &str = ".piton/agent/init";
/// What says which keys there are.
pub(super) const KEYS: &str = ".piton/agent/piton.schema.json";
/// Longest of its files, in bytes.
const MOST: u64 = 256 << 10;
/// Most names that are told.
const NAMED: usize = 8;

/// The directory, until this is dropped.
pub struct Room {
    dir: PathBuf,
    /// What was not there before.
    made: PathBuf,
}

impl Room {
    /// Nothing lies in it yet.
    ///
    /// # Errors
    /// Where something of the user's stands in its place.
    pub fn open(dir: &Path) -> Result<Self> {
        let own = dir.join(".piton");
        if fs::symlink_metadata(&own).is_ok_and(|meta| !meta.is_dir()) {
            return Err(Error::refused(WHAT)
                .cause(format!("{} is no directory, and the agent works below it", own.display()))
                .note("nothing was written")
                .hint("move it away"));
        }
        let parts = [".piton", ".piton/agent", AT];
        let made = parts.iter().map(|part| dir.join(part)).find(|part| fs::symlink_metadata(part).is_err());
        Ok(Self { dir: dir.to_owned(), made: made.unwrap_or_else(|| dir.join(AT)) })
    }

    /// Puts these files there, and the schema beside them.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn lay(&self, files: &Files) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let dir = Dir::open(&self.dir)?;
            let room = dir.put_dirs(Path::new(AT))?;
            for (name, text) in files {
                room.put(OsStr::new(name), &text[..], 0o666)?;
            }
            beneath::put(&self.dir, Path::new(KEYS), SCHEMA.as_bytes())
        };
        write().context(WHAT)
    }

    /// What lies there; else why that is not taken.
    ///
    /// # Errors
    /// What lies there and is none of `names`, or no plain text.
    pub fn take(&self, names: &[&str]) -> std::result::Result<Files, Vec<String>> {
        let list = || Dir::open(&self.dir)?.descend(Path::new(AT))?.list();
        let found = list().map_err(|e| vec![format!("{AT} was not read: {e}")])?;
        let (mut files, mut why) = (Files::new(), vec![]);
        for name in found {
            let name = name.to_string_lossy().into_owned();
            if !names.contains(&name.as_str()) {
                why.push(format!(
                    "{} is none of the files that are taken: {}",
                    clean(&name, 80),
                    names.join(", ")
                ));
                continue;
            }
            match beneath::read(&self.dir, &Path::new(AT).join(&name), MOST).map(String::from_utf8) {
                Ok(Ok(text)) => drop(files.insert(name, text.into_bytes())),
                Ok(Err(_)) => why.push(format!("{name} is no UTF-8 text")),
                Err(e) => why.push(format!("{name} was not read: {e}")),
            }
        }
        why.truncate(NAMED);
        if why.is_empty() { Ok(files) } else { Err(why) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for path in [
            Path::new(AT),
            Path::new(KEYS),
            Path::new(".piton/agent/proposal.json"),
            Path::new(".piton/brief.md"),
        ] {
            let _ = beneath::remove(&self.dir, path);
        }
        // Whatever else it left in directories that were made for it.
        let _ = beneath::remove_at(&self.made);
    }
}
