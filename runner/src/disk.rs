//! What must survive a power cut: files and directories, synced by path.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Syncs files, then the directories that name them. One that is not there is left out: it lies in a pack, which git has synced.
///
/// # Errors
/// A disk that refuses.
pub fn sync(files: &[PathBuf]) -> io::Result<()> {
    let mut dirs = BTreeSet::new();
    for file in files {
        match File::open(file) {
            Ok(open) => open.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        dirs.extend(file.parent().map(Path::to_path_buf));
    }
    dirs.iter().try_for_each(|dir| sync_dir(dir))
}

/// Syncs a directory: the names in it.
///
/// # Errors
/// A disk that refuses.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Syncs the directories from `dir` up to `top`, both among them.
///
/// # Errors
/// A disk that refuses.
pub fn sync_up(dir: &Path, top: &Path) -> io::Result<()> {
    dir.ancestors().take_while(|dir| dir.starts_with(top)).try_for_each(sync_dir)
}

/// Syncs the plain files in `dir`, the directory, and the one above it. A directory that is not there is no error.
///
/// # Errors
/// A disk that refuses.
pub fn sync_within(dir: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    let files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    sync(&files)?;
    dir.parent().map_or(Ok(()), sync_dir)
}
