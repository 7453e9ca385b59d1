//! Trees on the disk: what one holds as a digest, whether it still does, and copies of it.
//!
//! No link is followed.

mod seal;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, futimens, utimensat};
use sha2::{Digest as _, Sha256};

use crate::beneath;

pub use seal::{Seal, SealedPaths};

/// Git's mode of a symbolic link.
pub(crate) const LINK: u32 = 0o120_000;
/// The time of everything in a copy, in seconds since 1970: long ago, so that nothing which a tool noted down is older.
pub const WHEN: u64 = 1_000_000_000;
const TIMES: Timestamps = {
    let when = Timespec { tv_sec: WHEN.cast_signed(), tv_nsec: 0 };
    Timestamps { last_access: when, last_modification: when }
};

/// SHA-256 over the paths, modes and contents of files and links, taken in the order of their paths. Directories do not count.
#[derive(Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes in one file or link: its path in the tree, its permissions (0 for a link), the SHA-256 of its content.
    pub fn add(&mut self, path: &Path, mode: u32, content: &[u8]) {
        let path = path.as_os_str().as_bytes();
        self.0.update((path.len() as u64).to_le_bytes());
        self.0.update(path);
        self.0.update(mode.to_le_bytes());
        self.0.update(content);
    }

    /// Hexadecimal.
    pub fn end(self) -> String {
        hex(&self.0.finalize())
    }
}

/// SHA-256 of bytes.
pub fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file. However large it is, it is never held whole.
fn hash_file(path: &Path) -> io::Result<Vec<u8>> {
    hash_open(beneath::open(path)?)
}

/// The same of one that is open, from where it stands.
///
/// # Errors
/// When it cannot be read.
pub fn hash_open(mut file: File) -> io::Result<Vec<u8>> {
    let (mut hash, mut part) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hash.finalize().to_vec()),
            n => hash.update(&part[..n]),
        }
    }
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    hash_file(path).map(|hash| hex(&hash))
}

/// SHA-256 of bytes, hexadecimal.
pub fn sha256_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What tells that a file was touched: inode, size, modification and change in nanoseconds, mode.
type FileStat = (u64, u64, (i64, i64), (i64, i64), u32);

fn stat(meta: &fs::Metadata) -> FileStat {
    let (modified, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
    (meta.ino(), meta.size(), modified, changed, meta.mode())
}

/// A tree, or a file, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeSnapshot {
    root: PathBuf,
    /// Paths at which something stands that is not the tree's own.
    skip: Vec<PathBuf>,
    digest: String,
    files: BTreeMap<PathBuf, FileStat>,
}

impl TreeSnapshot {
    /// Reads everything at or below `root`, but for the paths `skip` in it.
    ///
    /// # Errors
    /// When something there cannot be read.
    pub fn of(root: &Path, skip: &[PathBuf]) -> io::Result<Self> {
        let files = stats(root, skip)?;
        Ok(Self { root: root.to_owned(), skip: skip.to_vec(), digest: digest(root, &files)?, files })
    }

    /// What it held.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The same of a tree that was moved as a whole.
    pub fn moved(&self, root: &Path) -> Self {
        Self { root: root.to_owned(), ..self.clone() }
    }

    /// The files in it.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let full = |path: &PathBuf| {
            if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
        };
        self.files.keys().map(full)
    }

    /// The paths in it that do not count.
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skip
    }

    /// Whether it still holds that. What was not touched is not read.
    ///
    /// # Errors
    /// When something there cannot be read.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        let files = stats(&self.root, &self.skip)?;
        Ok(files == self.files || digest(&self.root, &files)? == self.digest)
    }
}

fn stats(root: &Path, skip: &[PathBuf]) -> io::Result<BTreeMap<PathBuf, FileStat>> {
    let mut found = BTreeMap::new();
    let meta = fs::symlink_metadata(root)?;
    if !meta.is_dir() {
        found.insert(PathBuf::new(), stat(&meta));
        return Ok(found);
    }
    let mut left = vec![PathBuf::new()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            let path = dir.join(entry.file_name());
            if skip.contains(&path) {
                continue;
            }
            let meta = entry.metadata()?;
            if meta.is_dir() {
                left.push(path);
            } else {
                found.insert(path, stat(&meta));
            }
        }
    }
    Ok(found)
}

fn digest(root: &Path, files: &BTreeMap<PathBuf, FileStat>) -> io::Result<String> {
    let mut digest = Digest::default();
    for path in files.keys() {
        // Joining nothing would ask for a directory.
        let full = if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) };
        let meta = fs::symlink_metadata(&full)?;
        if meta.is_symlink() {
            digest.add(path, 0, &hash(fs::read_link(&full)?.as_os_str().as_bytes()));
        } else if meta.is_file() {
            digest.add(path, meta.mode() & 0o777, &hash_file(&full)?);
        } else {
            digest.add(path, meta.mode(), &[]);
        }
    }
    Ok(digest.end())
}

/// Bytes of a file, or of all plain files below a directory.
///
/// # Errors
/// When something there cannot be read.
pub fn size(root: &Path) -> io::Result<u64> {
    const KIND: u32 = 0o170_000;
    const PLAIN: u32 = 0o100_000;
    let files = stats(root, &[])?;
    Ok(files.values().filter(|stat| stat.4 & KIND == PLAIN).map(|stat| stat.1).sum())
}

/// What is said of a job that changed what is sealed; `job` is what it was.
pub fn tampered(job: &str, what: &str) -> String {
    format!(
        "what is sealed is not as it was laid after the {job}: {what}. Where the experiment itself needs that, [scope] made in piton.toml names it"
    )
}

/// What to know where a job whose sealed files were held says that it was not let write.
pub fn refused(held: bool, outputs: [&str; 2]) -> Option<String> {
    let said = outputs.iter().any(|text| text.contains("Read-only file system") || text.contains("EROFS"));
    (held && said).then(|| {
        "it was to write a file that is sealed; [scope] made in piton.toml names what builds and samples may rewrite".to_owned()
    })
}

/// Copies the tree `from` to `to`, which is not there: contents, permissions and links. The file system shares the blocks where it can. What
/// is neither file, directory nor link is left out.
///
/// Two copies of equal trees cannot be told apart: everything has the time [`WHEN`] and inodes of its own, and was made in the order of names.
///
/// # Errors
/// A file that cannot be read, or a disk that refuses.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    let mut names: Vec<OsString> =
        fs::read_dir(from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let (path, copy) = (from.join(&name), to.join(&name));
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            self::copy(&path, &copy)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path)?, &copy)?;
            utimensat(CWD, &copy, &TIMES, AtFlags::SYMLINK_NOFOLLOW)?;
        } else if kind.is_file() {
            copy_file(&path, &copy)?;
        }
    }
    // What is copied is a scratch copy: its user can write in it, and remove it.
    let mode = fs::metadata(from)?.mode();
    fs::set_permissions(to, fs::Permissions::from_mode(mode & 0o777 | 0o700))?;
    set_times(&File::open(to)?)
}

/// Copies one file, as [`copy`] does.
///
/// # Errors
/// A file that cannot be read, or a disk that refuses.
pub fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let file = File::options().write(true).open(to);
    // One that its own user may not write is opened for reading: times can be set all the same.
    set_times(&file.or_else(|_| File::open(to))?)
}

/// Gives a directory the time of what is copied.
///
/// # Errors
/// A disk that refuses.
pub fn set_time(dir: &Path) -> io::Result<()> {
    set_times(&File::open(dir)?)
}

fn set_times(file: &File) -> io::Result<()> {
    Ok(futimens(file, &TIMES)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::create_dir_all(dir.path().join("empty")).unwrap();
        fs::write(dir.path().join("a/b/file"), "content").unwrap();
        fs::write(dir.path().join("run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o555)).unwrap();
        symlink("a/b/file", dir.path().join("link")).unwrap();
        symlink("/etc/passwd", dir.path().join("out")).unwrap();
        dir
    }

    #[test]
    fn a_copy_holds_the_same_says_nothing_of_when_it_was_made_and_shares_nothing() {
        let (from, place) = (tree(), tempfile::tempdir().unwrap());
        fs::hard_link(from.path().join("run"), from.path().join("again")).unwrap();
        let to = place.path().join("copy");
        copy(from.path(), &to).unwrap();
        let (one, other) = (TreeSnapshot::of(from.path(), &[]).unwrap(), TreeSnapshot::of(&to, &[]).unwrap());
        assert_eq!(one.digest(), other.digest());
        for name in ["", "a", "a/b", "a/b/file", "empty", "run", "again", "link", "out"] {
            let meta = fs::symlink_metadata(to.join(name)).unwrap();
            assert_eq!((meta.mtime(), meta.mtime_nsec()), (WHEN.cast_signed(), 0), "{name}");
            assert!(meta.is_dir() || meta.nlink() == 1, "{name}");
        }
        assert!(to.join("empty").is_dir());
        assert_eq!(fs::read_link(to.join("out")).unwrap(), Path::new("/etc/passwd"));
        fs::write(to.join("a/b/file"), "another").unwrap();
        assert_eq!(fs::read_to_string(from.path().join("a/b/file")).unwrap(), "content");
    }

    #[test]
    fn what_was_changed_added_removed_or_put_in_place_of_something_is_seen() {
        let changes: [fn(&Path); 5] = [
            |dir| fs::write(dir.join("a/b/file"), "CONTENT").unwrap(),
            |dir| fs::write(dir.join("a/new"), "").unwrap(),
            |dir| fs::remove_file(dir.join("link")).unwrap(),
            |dir| fs::set_permissions(dir.join("run"), fs::Permissions::from_mode(0o644)).unwrap(),
            |dir| {
                fs::remove_file(dir.join("link")).unwrap();
                fs::write(dir.join("link"), "content").unwrap();
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let dir = tree();
            let seen = TreeSnapshot::of(dir.path(), &[]).unwrap();
            assert!(seen.is_unchanged().unwrap());
            change(dir.path());
            assert!(!seen.is_unchanged().unwrap(), "change {number}");
        }
    }

    #[test]
    fn what_was_only_touched_is_read_again_and_found_the_same() {
        let dir = tree();
        let seen = TreeSnapshot::of(dir.path(), &["a/b/not".into()]).unwrap();
        fs::write(dir.path().join("a/b/file"), "content").unwrap();
        fs::write(dir.path().join("a/b/not"), "not the tree's").unwrap();
        assert!(seen.is_unchanged().unwrap());
    }
}
