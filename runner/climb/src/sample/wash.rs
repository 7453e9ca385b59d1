//! What the sample before may have done to the machine is undone before the next: what it wrote is on the disk, and what the next one reads is in
//! memory. Else a side could take from memory at its end what the other reads, or leave it a disk that is busy.
//!
//! Of both sides' files nothing is left to be done, since each is a copy that was just made.

use std::cell::{Cell, OnceCell};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// So much that samples and their copies wrote since the last time is waited for, in bytes.
const WRITTEN: u64 = 32 << 20;
/// How long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Files that are read in: the largest.
const FILES: usize = 4096;
/// Entries of directories that are looked at for them.
const ENTRIES: usize = 50_000;
/// Of a file that was asked for whole, one byte in so many is waited for.
const STRIDE: u64 = 128 << 10;
/// What belongs to the system is too much to be read in.
const SYSTEM: [&str; 8] = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev"];

/// Remembers what is read in, from before the first sample.
#[derive(Default)]
pub struct Wash {
    files: OnceCell<Vec<PathBuf>>,
    given: Cell<u64>,
}

impl Wash {
    /// Washes out what was done on the disks of `disks` and to the files that `read` names.
    pub(crate) fn wash(&self, read: impl FnOnce() -> Vec<PathBuf>, disks: &[PathBuf]) {
        if given() > self.given.get() + WRITTEN {
            written(disks);
            self.given.set(given());
        }
        self.files.get_or_init(|| chosen(&read(), available() / 2)).iter().for_each(|file| read_in(file));
    }
}

/// The files at and below some paths that are read in: the largest, and no more than `bytes` of them.
fn chosen(roots: &[PathBuf], bytes: u64) -> Vec<PathBuf> {
    let (mut left, mut entries) = (roots.to_vec(), 0);
    let mut found: Vec<(u64, PathBuf)> = vec![];
    while let Some(path) = left.pop().filter(|_| entries < ENTRIES) {
        entries += 1;
        let Ok(meta) = fs::metadata(&path) else { continue };
        if meta.is_file() && meta.len() > 0 {
            found.push((meta.len(), path));
        } else if meta.is_dir()
            && !SYSTEM.iter().any(|system| path.starts_with(system))
            && path != Path::new("/")
        {
            let below = fs::read_dir(&path).into_iter().flatten().flatten();
            // A link to a directory may lead round in a circle.
            let own = below.filter(|entry| {
                !entry.file_type().is_ok_and(|kind| kind.is_symlink()) || entry.path().is_file()
            });
            left.extend(own.map(|entry| entry.path()));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.dedup();
    let mut sum = 0;
    let fits = |(size, _): &(u64, PathBuf)| {
        sum += size;
        sum <= bytes
    };
    found.into_iter().take(FILES).take_while(fits).map(|(_, path)| path).collect()
}

/// Has a file in memory. What is there already costs a look.
fn read_in(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    let Ok(size) = file.metadata().map(|meta| meta.len()) else { return };
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::WillNeed);
    let mut at = 0;
    while at < size {
        if rustix::io::pread(&file, &mut [0u8], at).is_err() {
            return;
        }
        at += STRIDE;
    }
}

/// Has what waits to be written on the disk, or gives up: a disk that hangs is the experiment's to notice.
fn written(disks: &[PathBuf]) {
    let open: Vec<File> = disks.iter().filter_map(|disk| File::open(disk).ok()).collect();
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        #[cfg(target_os = "linux")]
        for disk in &open {
            let _ = rustix::fs::syncfs(disk);
        }
        drop((open, done.send(())));
    });
    let _ = wait.recv_timeout(PATIENCE);
}

/// Bytes that this process, and all that it has started and that have ended, ever had written to disks, but for those of files that were removed
/// before. What others write is theirs: to wait for that would make a sample wait for whoever else uses the disk.
fn given() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let of = |name: &str| -> u64 {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.unwrap_or(0)
    };
    of("write_bytes:").saturating_sub(of("cancelled_write_bytes:"))
}

fn available() -> u64 {
    of_memory("MemAvailable:")
}

fn of_memory(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
    line.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_files_are_chosen_while_they_fit_through_links_to_files_and_never_round_in_a_circle() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("a")).unwrap();
        for (name, size) in [("a/large", 300), ("small", 10), ("middle", 100), ("empty", 0)] {
            fs::write(at(name), vec![b'x'; size]).unwrap();
        }
        std::os::unix::fs::symlink("..", at("a/up")).unwrap();
        std::os::unix::fs::symlink("../middle", at("a/link")).unwrap();
        let all = chosen(&[dir.path().to_owned(), at("none"), "/usr".into(), "/".into()], 1 << 20);
        assert_eq!(all, [at("a/large"), at("middle"), at("a/link"), at("small")]);
        assert_eq!(chosen(&[dir.path().to_owned()], 350), [at("a/large")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_was_taken_from_memory_is_there_again_after_a_washing() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("file");
        fs::write(&path, vec![b'x'; 4 << 20]).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        // What is in memory is read without waiting.
        let there = |at: u64| {
            let flags = rustix::io::ReadWriteFlags::NOWAIT;
            rustix::io::preadv2(&file, &mut [std::io::IoSliceMut::new(&mut [0u8])], at, flags).is_ok()
        };
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        if there(0) && there(3 << 20) {
            return; // A file system that keeps everything in memory has nothing to lose.
        }
        let wash = Wash::default();
        wash.wash(|| vec![path.clone()], &[]);
        assert!((0..1024).all(|page| there(page << 12)));
        rustix::fs::fadvise(&file, 1 << 20, std::num::NonZeroU64::new(8 << 10), rustix::fs::Advice::DontNeed)
            .unwrap();
        wash.wash(Vec::new, &[]);
        assert!((0..1024).all(|page| there(page << 12)), "a hole of two pages");
    }
}
