//! Where a piton at work says what it does: a small file beside the ledger, which no piton ever reads back to decide anything.
//!
//! It is written between samples and never during one, by whoever holds the lock: one write in place, not synced, a few microseconds. A file
//! that is replaced whole would take a tenth of a trial's own time. So that nobody takes half of one state and half of the next for a
//! state, its number stands before and behind it. What cannot be written is left unsaid.
//!
//! Who reads it takes no lock, not even a shared one, since a climb that begins at that moment would take it for another piton. That the
//! file is not a dead one's is known by its process.

use piton_core::base::metric::Gain;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use piton_core::report::live_state::{Now, TestProgress};
use piton_core::trial::record::Record;
use piton_system::clock;
use piton_system::host;
use piton_system::process;

const NAME: &str = "now";
/// Length of the file: a state that is longer is not said.
const BYTES: usize = 8 << 10;
/// Length of its number, in digits.
const DIGITS: usize = 16;
/// How often it is read again where a write came between: each takes a moment.
const TRIES: usize = 20;

/// Says what is done now.
#[derive(Debug)]
pub struct StatusFile {
    dir: PathBuf,
    /// Nothing until a run is in progress: then the lock is held.
    voice: Mutex<Option<Voice>>,
}

#[derive(Debug)]
struct Voice {
    file: File,
    serial: u64,
    now: Now,
}

impl Voice {
    fn say(&mut self) -> std::io::Result<()> {
        self.serial += 1;
        let number = format!("{:0DIGITS$x}", self.serial);
        let room = BYTES - 2 * DIGITS;
        let text = serde_json::to_string(&self.now)?;
        if text.len() > room {
            return Ok(());
        }
        self.file.write_all_at(format!("{number}{text:room$}{number}").as_bytes(), 0)
    }
}

impl StatusFile {
    /// Says it in the state directory `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, voice: Mutex::new(None) }
    }

    /// The lock is held, and `run` is in progress for as long as what is returned.
    pub fn begin(&self, run: &str) -> StatusGuard<'_> {
        let file = File::options().write(true).create(true).truncate(false).open(self.dir.join(NAME));
        let now =
            Now { process: std::process::id(), boot: host::boot(), run: run.to_owned(), ..Now::default() };
        // No two pitons begin with the same number.
        let serial = clock::unix() << 24 | u64::from(now.process & 0xffff);
        *self.lock() = file.ok().map(|file| Voice { file, serial, now });
        StatusGuard(self)
    }

    /// Another proposal is waited for: no trial is under way.
    pub(crate) fn waiting_for_proposal(&self, stage: &str, deadline: Option<u64>) {
        self.say(|now| {
            (now.trial, now.deadline) = (None, deadline);
            now.go_on(stage, clock::unix());
            true
        });
    }

    /// A trial begins.
    pub fn trial(&self, record: &Record) {
        self.say(|now| {
            now.begin(record, clock::unix());
            now.go_on("looking at the edit", clock::unix());
            true
        });
    }

    /// What is done from now on.
    pub fn stage(&self, text: &str) {
        self.say(|now| now.go_on(text, clock::unix()));
    }

    /// The pairs so far: told with what is done next.
    pub fn measured(&self, gains: &[Gain], evidence: Option<TestProgress>) {
        self.say(|now| {
            now.measured(gains, evidence);
            false
        });
    }

    fn say(&self, change: impl FnOnce(&mut Now) -> bool) {
        if let Some(voice) = self.lock().as_mut()
            && change(&mut voice.now)
        {
            let _ = voice.say();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Voice>> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run in progress. It goes before the lock does: afterwards the file may be another's.
#[derive(Debug)]
pub struct StatusGuard<'a>(&'a StatusFile);

impl Drop for StatusGuard<'_> {
    fn drop(&mut self) {
        if self.0.lock().take().is_some() {
            let _ = fs::remove_file(self.0.dir.join(NAME));
        }
    }
}

/// What the piton at work in `state` says, where one is.
pub fn read(state: &Path) -> Option<Now> {
    let now = (0..TRIES).find_map(|_| whole(&fs::read(state.join(NAME)).ok()?))?;
    is_at_work(state, &now).then_some(now)
}

/// A state, where it is one.
fn whole(bytes: &[u8]) -> Option<Now> {
    let (before, rest) = bytes.split_at_checked(DIGITS)?;
    let (text, behind) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let same = before == behind && bytes.len() == BYTES;
    same.then(|| serde_json::from_slice(text).ok())?
}

/// Whether it is still at work.
pub(crate) fn is_at_work(state: &Path, now: &Now) -> bool {
    // Whoever takes the lock writes down who it is.
    let holder = fs::read_to_string(state.join("lock")).unwrap_or_default();
    now.boot == host::boot()
        && holder.starts_with(&format!("process {} ", now.process))
        && process::is_there(now.process)
}

/// The command of the piton that holds the lock, by its own words: `piton verify`. The lock itself is not tried. Those words outlive who
/// wrote them, so that a process of that number must be there.
pub fn holder(state: &Path) -> Option<String> {
    let text = fs::read_to_string(state.join("lock")).ok()?;
    let (process, command) = text.strip_prefix("process ")?.trim().split_once(' ')?;
    process::is_there(process.parse().ok()?).then(|| command.trim_matches(['(', ')']).to_owned())
}

/// The number of what is said, for who would know whether it was said anew.
pub fn number(state: &Path) -> Option<[u8; DIGITS]> {
    let mut number = [0; DIGITS];
    File::open(state.join(NAME)).ok()?.read_exact(&mut number).ok()?;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_system::ledger::Lock;

    #[test]
    fn what_is_said_is_heard_while_its_process_holds_the_lock_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let status_file = StatusFile::new(dir.path().to_owned());
        status_file.stage("before the lock is held");
        assert_eq!(number(dir.path()), None);
        let lock = Lock::take(dir.path(), "piton climb").unwrap();
        let status_guard = status_file.begin("r");
        status_file.waiting_for_proposal("thinking", Some(9));
        assert_eq!(read(dir.path()).unwrap().stage, "thinking");
        let said = number(dir.path());
        status_file.stage("thinking");
        assert_eq!(number(dir.path()), said, "the same is not said twice");
        status_file.stage("building");
        assert_ne!(number(dir.path()), said);
        fs::write(dir.path().join("lock"), "process 1 (piton climb)\n").unwrap();
        assert_eq!(read(dir.path()), None, "the lock is another's");
        drop(status_guard);
        drop(lock);
        assert_eq!(number(dir.path()), None);
    }

    #[test]
    fn half_of_one_state_and_half_of_the_next_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let status_file = StatusFile::new(dir.path().to_owned());
        let _guard = status_file.begin("r");
        let said = |stage: &str| {
            status_file.stage(stage);
            fs::read(dir.path().join(NAME)).unwrap()
        };
        let (one, next) = (said("one"), said("next"));
        assert_eq!((whole(&one).unwrap().stage, whole(&next).unwrap().stage), ("one".into(), "next".into()));
        for at in [DIGITS, 100, BYTES - DIGITS] {
            assert_eq!(whole(&[&one[..at], &next[at..]].concat()), None, "{at}");
        }
        assert_eq!((whole(b""), whole(&one[..50]), whole(&[b'0'; BYTES])), (None, None, None));
    }

    #[test]
    fn what_cannot_be_said_is_left_unsaid() {
        let status_file = StatusFile::new("/nowhere/at/all".into());
        let _guard = status_file.begin("r");
        status_file.stage("building");
    }
}
