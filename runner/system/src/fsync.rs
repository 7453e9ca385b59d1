//! What must survive a power cut: files and directories, synced by path.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Most files that are synced at a time.
const AT_ONCE: usize = 8;

/// Syncs files, then the directories that name them. One that is not there is left out: it lies in a pack, which git has synced.
///
/// All at once, so that they share one turn of the disk where the file system can do that.
///
/// # Errors
/// A disk that refuses.
pub fn sync(files: &[PathBuf]) -> io::Result<()> {
    let there: Vec<&Path> = files.iter().map(PathBuf::as_path).filter(|file| file.exists()).collect();
    at_once(&there)?;
    let dirs: BTreeSet<&Path> = there.iter().filter_map(|file| file.parent()).collect();
    at_once(&Vec::from_iter(dirs))
}

fn at_once(paths: &[&Path]) -> io::Result<()> {
    for paths in paths.chunks(AT_ONCE) {
        let (last, others) = paths.split_last().expect("a chunk holds something");
        std::thread::scope(|scope| {
            let others: Vec<_> = others.iter().map(|path| scope.spawn(|| sync_one(path))).collect();
            let last = sync_one(last);
            let joined = others.into_iter().map(|thread| thread.join().expect("a sync does not panic"));
            joined.chain([last]).collect::<io::Result<()>>()
        })?;
    }
    Ok(())
}

/// Syncs a file, or a directory: the names in it.
///
/// # Errors
/// A disk that refuses.
pub fn sync_one(path: &Path) -> io::Result<()> {
    // Never waits, and never through a link: somebody may have put something else there.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    match rustix::fs::open(path, flags, Mode::empty()) {
        // A link or a socket holds nothing to be synced.
        Err(Errno::LOOP | Errno::NXIO) => Ok(()),
        file => {
            let file = File::from(file?);
            let kept = file.metadata()?.file_type();
            if kept.is_file() || kept.is_dir() { file.sync_all() } else { Ok(()) }
        }
    }
}

/// Syncs the directories from `dir` up to `top`, both among them.
///
/// # Errors
/// A disk that refuses.
pub(crate) fn sync_up(dir: &Path, top: &Path) -> io::Result<()> {
    dir.ancestors().take_while(|dir| dir.starts_with(top)).try_for_each(sync_one)
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
    dir.parent().map_or(Ok(()), sync_one)
}
