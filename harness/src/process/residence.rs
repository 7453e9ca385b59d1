//! What a worker may read is read before it starts, whole.
//!
//! The kernel keeps what was read of a file, and the time of a reading tells whether it did: a worker that reads a part of a library, or
//! has its neighbours pushed out, leaves word for the next one. Where every byte that it may read is there whenever a worker starts,
//! nothing of that can be seen, whichever side it is of: so the libraries need no copy for each side.

use rustix::fs::{Advice, fadvise};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// Reads every plain file at or below `paths`, and gives how many bytes that was. What the kernel makes up as it is read (/proc, /sys)
/// is left out; links below a directory are not followed.
///
/// # Errors
/// Where a file is there and cannot be read: what a worker would find of it is not known then.
pub fn read_in<'a>(paths: impl IntoIterator<Item = &'a Path>) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    for path in paths {
        let made_up = ["/proc", "/sys", "/dev"].iter().any(|place| path.starts_with(place));
        if !made_up && let Ok(meta) = fs::metadata(path) {
            bytes += if meta.is_dir() {
                below(path, &mut buffer)?
            } else {
                file(path, meta.is_file(), &mut buffer)?
            };
        }
    }
    Ok(bytes)
}

fn below(dir: &Path, buffer: &mut [u8]) -> io::Result<u64> {
    let mut bytes = 0;
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else {
                bytes += file(&entry.path(), kind.is_file(), buffer)?;
            }
        }
    }
    Ok(bytes)
}

fn file(path: &Path, plain: bool, buffer: &mut [u8]) -> io::Result<u64> {
    if !plain {
        return Ok(0);
    }
    let mut file = File::open(path)?;
    // Where a part is missing, what comes next is asked for at once.
    let _ = fadvise(&file, 0, None, Advice::Sequential);
    let mut bytes = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes += n as u64,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the first bytes of a file are in memory, as a reading says that must not wait.
    fn kept(file: &File) -> bool {
        let mut bytes = [0; 16];
        let mut parts = [io::IoSliceMut::new(&mut bytes)];
        rustix::io::preadv2(file, &mut parts, 0, rustix::io::ReadWriteFlags::NOWAIT).is_ok()
    }

    #[test]
    fn what_was_pushed_out_of_memory_is_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        fs::write(&path, vec![7; 1 << 20]).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        if kept(&file) {
            println!("skipped: this file system keeps its files in memory");
            return;
        }
        read_in([path.as_path()]).unwrap();
        assert!(kept(&file));
    }

    #[test]
    fn every_plain_file_is_read_whole_and_nothing_else_is_opened() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (large, deep, away) =
            (dir.path().join("large"), dir.path().join("a/b"), other.path().join("away"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(&large, vec![1; 3 * BUFFER + 5]).unwrap();
        fs::write(deep.join("small"), "12345").unwrap();
        fs::write(&away, "not below").unwrap();
        std::os::unix::fs::symlink(&away, dir.path().join("link")).unwrap();
        // Would wait for ever if it were opened.
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let whole = 3 * BUFFER as u64 + 5;
        assert_eq!(read_in([dir.path()]).unwrap(), whole + 5);
        assert_eq!(
            read_in([large.as_path(), Path::new("/proc/version"), Path::new("/no/such/file")]).unwrap(),
            whole
        );
        assert_eq!(read_in([dir.path().join("pipe").as_path()]).unwrap(), 0);
    }
}
