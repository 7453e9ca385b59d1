//! The sealed part of a tree that a job may write in: as it was when the job began, and whether it still is.
//!
//! Three things tell. A file's state holds its change time, which no program can set back; a watch on the directories tells of what was
//! there for a moment alone; and what is there in the end is looked at where no watch can be had. What was touched is not read and
//! excused: nobody but an attack has a reason to write what it may not change.

mod watch;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{FileStat, hash_file, stat};
use crate::beneath;
use piton_core::trial::scope::Scope;

/// Where Python keeps what it compiled, beside the source, and believes it by a time that anyone can write.
const CACHE: &str = "__pycache__";
/// Changes within that time of each other may carry the same time, in nanoseconds: a tick is 10 ms at most.
const TICK: i128 = 50_000_000;
/// With more files and directories than that, a job's mounts are not worth their time: what it does is only seen.
const MOST_MOUNTS: usize = 4096;

/// What of a commit's tree a job must leave alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPaths {
    scope: Scope,
    /// The sealed files and links.
    files: BTreeSet<PathBuf>,
    /// Directories that the commit has.
    dirs: BTreeSet<PathBuf>,
}

impl SealedPaths {
    /// Of a commit that holds the files and links `all`.
    pub fn of(scope: &Scope, all: impl Iterator<Item = PathBuf>) -> Self {
        let (mut files, mut dirs) = (BTreeSet::new(), BTreeSet::from([PathBuf::new()]));
        for path in all {
            dirs.extend(path.ancestors().skip(1).map(Path::to_owned));
            if scope.holds(&path.to_string_lossy()) {
                files.insert(path);
            }
        }
        Self { scope: scope.clone(), files, dirs }
    }

    /// Whether the commit has a sealed file at `path` or below, or a directory.
    pub fn has(&self, path: &Path) -> bool {
        self.dirs.contains(path) || self.files.iter().any(|file| file.starts_with(path))
    }

    /// Why what a job made at `path` is not to be there.
    fn planted(&self, path: &Path, directory: bool) -> Option<String> {
        let mut beside = |name: &str| self.files.contains(&path.with_file_name(name));
        self.scope.planted(&path.to_string_lossy(), directory, &mut beside)
    }

    /// Directories in which Python finds nothing that it compiled earlier: those beside sealed sources.
    fn caches(&self) -> BTreeSet<PathBuf> {
        let sources = self.files.iter().filter(|path| path.extension() == Some(OsStr::new("py")));
        let caches = sources.map(|path| path.with_file_name(CACHE));
        caches.filter(|cache| !self.dirs.contains(cache)).collect()
    }

    /// What is planted in `tree` and in none of `others`: one challenger's build made it, the incumbent's did not.
    pub fn made_here_alone(&self, tree: &Path, others: &[&Path]) -> Option<String> {
        self.dirs.iter().find_map(|dir| {
            let mut entries = fs::read_dir(tree.join(dir)).ok()?.flatten();
            entries.find_map(|entry| {
                let path = dir.join(entry.file_name());
                let laid = self.files.contains(&path)
                    || self.dirs.contains(&path)
                    || self.scope.contains(&path.to_string_lossy());
                if laid || others.iter().any(|other| other.join(&path).symlink_metadata().is_ok()) {
                    return None;
                }
                let why = self.planted(&path, entry.file_type().is_ok_and(|kind| kind.is_dir()))?;
                Some(format!("{} was made ({why}), and the incumbent's build makes none", path.display()))
            })
        })
    }
}

/// The sealed part of one laid tree.
#[derive(Debug)]
pub struct Seal<'h> {
    root: PathBuf,
    held: &'h SealedPaths,
    /// Content where the time alone might not tell.
    files: BTreeMap<PathBuf, (FileStat, Option<Vec<u8>>)>,
    dirs: BTreeMap<PathBuf, (u64, u64)>,
    caches: BTreeMap<PathBuf, FileStat>,
    /// What was there in each directory.
    there: BTreeMap<PathBuf, BTreeSet<OsString>>,
    watch: Option<watch::Watch>,
    found: RefCell<Option<String>>,
}

impl<'h> Seal<'h> {
    /// Closes what must be closed in a tree that was just laid at `root`, and looks at it. Where `makes` is set, the job may make what it
    /// likes there, as builds do, and only what is sealed is held.
    ///
    /// # Errors
    /// When something there cannot be read or made.
    pub fn lay(root: &Path, held: &'h SealedPaths, makes: bool) -> io::Result<Self> {
        let mut caches = BTreeMap::new();
        for cache in held.caches() {
            let full = root.join(&cache);
            if full.parent().is_some_and(Path::is_dir) {
                close(&full)?;
                caches.insert(cache, stat(&fs::symlink_metadata(&full)?));
            }
        }
        let now = now_at(root)?;
        let (mut files, mut dirs, mut there) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for path in &held.files {
            let full = root.join(path);
            let meta = fs::symlink_metadata(&full)?;
            let recent = meta.is_file() && now - changed(&meta) < TICK;
            let content = recent.then(|| hash_file(&full)).transpose()?;
            files.insert(path.clone(), (stat(&meta), content));
        }
        for dir in &held.dirs {
            let full = root.join(dir);
            let meta = fs::symlink_metadata(&full)?;
            dirs.insert(dir.clone(), (meta.dev(), meta.ino()));
            if !makes {
                there.insert(dir.clone(), names(&full)?);
            }
        }
        let watch = if makes { None } else { watch::Watch::on(root, dirs.keys()) };
        // Walls know real paths.
        let root = fs::canonicalize(root)?;
        Ok(Self { root, held, files, dirs, caches, there, watch, found: RefCell::default() })
    }

    /// Writes the list by which walls hold the sealed files: see `piton_confine::Policy::held`. False where there are too many.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn list(&self, list: &Path) -> io::Result<bool> {
        // A link cannot be mounted upon; it is looked at.
        let plain =
            |path: &&PathBuf| fs::symlink_metadata(self.root.join(path)).is_ok_and(|meta| meta.is_file());
        let plain: Vec<&PathBuf> = self.files.keys().filter(plain).collect();
        let above = plain.iter().copied().chain(self.caches.keys()).flat_map(|path| path.ancestors().skip(1));
        let above: BTreeSet<&Path> = above.filter(|dir| !dir.as_os_str().is_empty()).collect();
        if plain.len() + above.len() + self.caches.len() > MOST_MOUNTS {
            return Ok(false);
        }
        let mut text = vec![];
        let mut line = |kind: u8, path: &Path| {
            text.push(kind);
            text.extend_from_slice(self.root.join(path).as_os_str().as_bytes());
            text.push(0);
        };
        // Parents before what lies in them.
        above.into_iter().for_each(|dir| line(b'w', dir));
        plain.into_iter().chain(self.caches.keys()).for_each(|path| line(b'r', path));
        let _ = fs::remove_file(list);
        File::create_new(list)?.write_all(&text)?;
        Ok(true)
    }

    /// What was planted so far, for while the job runs: one call where nothing was made.
    pub fn planted(&self) -> Option<String> {
        let mut found = self.found.borrow_mut();
        if let Some(watch) = self.watch.as_ref().filter(|_| found.is_none()) {
            *found = watch.each(&mut |dir, name, directory| {
                let path = dir.join(name);
                if self.files.contains_key(&path) || self.dirs.contains_key(&path) {
                    return Some(format!("{} was put in the place of what was laid", path.display()));
                }
                let why = self.held.planted(&path, directory)?;
                Some(format!("{} was made ({why})", path.display()))
            });
        }
        found.clone()
    }

    /// What a job did to what it was to leave alone; `None` where it left it alone.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn broken(&self) -> io::Result<Option<String>> {
        if let Some(found) = self.planted() {
            return Ok(Some(found));
        }
        let at = |path: &Path| fs::symlink_metadata(self.root.join(path));
        for (path, id) in &self.dirs {
            if !at(path).is_ok_and(|meta| meta.is_dir() && (meta.dev(), meta.ino()) == *id) {
                return Ok(Some(format!("{} was moved, removed or replaced", shown(path))));
            }
        }
        for (path, (was, content)) in &self.files {
            let same = at(path).is_ok_and(|meta| stat(&meta) == *was)
                && content
                    .as_ref()
                    .is_none_or(|was| hash_file(&self.root.join(path)).is_ok_and(|is| is == *was));
            if !same {
                return Ok(Some(format!("{} was written to, replaced or removed", shown(path))));
            }
        }
        for (path, was) in &self.caches {
            if !at(path).is_ok_and(|meta| stat(&meta) == *was) {
                return Ok(Some(format!("{} was opened", shown(path))));
            }
        }
        for (dir, there) in &self.there {
            for name in names(&self.root.join(dir))?.difference(there) {
                let path = dir.join(name);
                let directory = at(&path).is_ok_and(|meta| meta.is_dir());
                if let Some(why) = self.held.planted(&path, directory) {
                    return Ok(Some(format!("{} was made ({why})", shown(&path))));
                }
            }
        }
        Ok(None)
    }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { "the tree itself".to_owned() } else { path.display().to_string() }
}

fn names(dir: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

/// An empty directory that its own user cannot write in, whatever was there.
fn close(dir: &Path) -> io::Result<()> {
    beneath::remove_at(dir)?;
    fs::create_dir(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555))
}

/// When something last changed, in nanoseconds.
fn changed(meta: &fs::Metadata) -> i128 {
    i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec())
}

/// The present time by the clock of the file system on which `root` lies.
fn now_at(root: &Path) -> io::Result<i128> {
    let meta = fs::symlink_metadata(root)?;
    fs::set_permissions(root, meta.permissions())?;
    Ok(changed(&fs::symlink_metadata(root)?))
}

#[cfg(test)]
mod tests;
