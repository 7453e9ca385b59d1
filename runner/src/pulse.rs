//! Where a piton at work says what it does: a small file beside the ledger, replaced whole, which no piton ever reads back to decide
//! anything.
//!
//! It is written between samples and never during one, by whoever holds the lock, and not synced: a few dozen microseconds each time.
//! What cannot be written is left unsaid. Who reads it takes no lock, not even a shared one, since a climb that begins at that moment
//! would take it for another piton; that the file is not a dead one's is known by its process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::live::{Evidence, Now};
use crate::trial::Record;
use crate::{clock, host, proc};

const NAME: &str = "now.json";

/// Says what is done now.
#[derive(Debug)]
pub struct Pulse {
    dir: PathBuf,
    /// Nothing until a run is in progress: then the lock is held.
    now: Mutex<Option<Now>>,
}

impl Pulse {
    /// Says it in the state directory `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, now: Mutex::new(None) }
    }

    /// The lock is held, and `run` is in progress for as long as what is returned.
    pub fn begin(&self, run: &str) -> Beat<'_> {
        let (process, run) = (std::process::id(), run.to_owned());
        *self.lock() = Some(Now { process, boot: host::boot(), run, ..Now::default() });
        Beat(self)
    }

    /// Another proposal is waited for: no trial is under way.
    pub fn turn(&self, stage: &str, deadline: Option<u64>) {
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
    pub fn measured(&self, gains: &[f64], evidence: Option<Evidence>) {
        self.say(|now| {
            now.measured(gains, evidence);
            false
        });
    }

    fn say(&self, change: impl FnOnce(&mut Now) -> bool) {
        if let Some(now) = self.lock().as_mut()
            && change(now)
        {
            let _ = self.replace(now);
        }
    }

    /// A reader finds the old content or the new, never a part. Only who holds the lock writes, so one name is enough.
    fn replace(&self, now: &Now) -> std::io::Result<()> {
        let new = self.dir.join("now.new");
        fs::write(&new, serde_json::to_vec(now)?)?;
        fs::rename(new, self.dir.join(NAME))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Now>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run in progress. It goes before the lock does: afterwards the file may be another's.
#[derive(Debug)]
pub struct Beat<'a>(&'a Pulse);

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
        let _ = fs::remove_file(self.0.dir.join(NAME));
    }
}

/// What the piton at work in `state` says, where one is.
pub fn read(state: &Path) -> Option<Now> {
    let now: Now = serde_json::from_slice(&fs::read(state.join(NAME)).ok()?).ok()?;
    is_at_work(state, &now).then_some(now)
}

/// Whether it is still at work.
pub fn is_at_work(state: &Path, now: &Now) -> bool {
    // Whoever takes the lock writes down who it is.
    let holder = fs::read_to_string(state.join("lock")).unwrap_or_default();
    now.boot == host::boot()
        && holder.starts_with(&format!("process {} ", now.process))
        && proc::is_there(now.process)
}

/// When it was said, for who would know whether it was said anew.
pub fn stamp(state: &Path) -> Option<(i64, i64, u64)> {
    let meta = fs::metadata(state.join(NAME)).ok()?;
    Some((meta.mtime(), meta.mtime_nsec(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Lock;

    #[test]
    fn what_is_said_is_heard_while_its_process_holds_the_lock_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let pulse = Pulse::new(dir.path().to_owned());
        pulse.stage("before the lock is held");
        assert_eq!(stamp(dir.path()), None);
        let lock = Lock::take(dir.path(), "piton climb").unwrap();
        let beat = pulse.begin("r");
        pulse.turn("thinking", Some(9));
        assert_eq!(read(dir.path()).unwrap().stage, "thinking");
        let stamped = stamp(dir.path());
        pulse.stage("thinking");
        assert_eq!(stamp(dir.path()), stamped, "the same is not said twice");
        fs::write(dir.path().join("lock"), "process 1 (piton climb)\n").unwrap();
        assert_eq!(read(dir.path()), None, "the lock is another's");
        drop(beat);
        drop(lock);
        assert_eq!(stamp(dir.path()), None);
        fs::write(dir.path().join(NAME), "{\"process\"").unwrap();
        assert_eq!(read(dir.path()), None);
    }

    #[test]
    fn what_cannot_be_said_is_left_unsaid() {
        let pulse = Pulse::new("/nowhere/at/all".into());
        let _beat = pulse.begin("r");
        pulse.stage("building");
    }
}
