//! A trial that somebody asked for and that a process of its own carries out, so that it outlives whoever asked.
//!
//! Agents' tools end long calls, and agents die. What was asked for, and how it ended, stands in small files beside the ledger, each
//! replaced whole. Whether it is under way is known by a lock that lies open as the standard input of the process that carries it out:
//! it is taken before that process starts, and goes with it, however it ends. What became of a trial is in the ledger, and only there.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::proposal::Proposal;
use piton_system::clock;

/// A trial that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Errand {
    /// Tells it from all others.
    pub id: String,
    /// When it was asked for, UTC, RFC 3339.
    pub began: String,
    /// What it is about; absent where the repository could not be read as it stood.
    pub edit: Option<EditIdentity>,
    /// What the proposer says of it.
    pub proposal: Proposal,
    /// Process that carries it out, once there is one.
    pub process: Option<u32>,
    /// Run and number, once it has them.
    pub trial: Option<(String, u32)>,
    /// How it ended.
    pub end: Option<ErrandEnd>,
}

/// An edit, as far as it takes to recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditIdentity {
    /// The worktree that it stands in.
    pub worktree: PathBuf,
    /// The commit that it is an edit of.
    pub head: String,
    /// The tree that it makes.
    pub tree: String,
    /// Whether it changes anything at all.
    pub changes: bool,
}

/// How an errand ended. What the trial came to is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandEnd {
    /// Why there is no trial.
    pub error: Option<Error>,
}

/// Where errands are written down: `.git/piton/errand`.
#[derive(Debug, Clone)]
pub struct Errands {
    dir: PathBuf,
    log: PathBuf,
}

const WHAT: &str = "the trial did not start";

impl Errands {
    /// Those of the repository whose state is in `state`.
    pub fn of(state: &Path) -> Self {
        Self { dir: state.join("errand"), log: state.join("logs").join("trial.log") }
    }

    /// What the process that carries it out says.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last one. A file that cannot be read is as good as none: what matters is in the ledger.
    pub fn last(&self) -> Option<Errand> {
        self.read("errand.json")
    }

    /// Whether one is under way, or about to be.
    pub fn under_way(&self) -> bool {
        let Ok(lock) = File::open(self.lock()) else { return false };
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Takes the lock; `None` while an errand is under way, or somebody looks whether one is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn try_lock(&self) -> Result<Option<File>> {
        fs::create_dir_all(&self.dir).context(WHAT)?;
        let mut options = File::options();
        let lock = options.read(true).write(true).create(true).truncate(false).open(self.lock());
        let lock = lock.context(WHAT)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(Error::new(WHAT).cause(e)),
        }
    }

    /// Hears when the one that is under way has ended, or its process has.
    pub fn ended(&self) -> Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        let lock = self.lock();
        std::thread::spawn(move || {
            if let Ok(lock) = File::open(lock) {
                let _ = lock.lock_shared();
            }
            // Whoever asked may have gone.
            let _ = sender.send(());
        });
        receiver
    }

    /// Begins a new one: its log is empty.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(&self, errand: &Errand) -> Result<File> {
        let logs = self.log.parent().expect("a file in a directory");
        fs::create_dir_all(logs).context(WHAT)?;
        let _ = fs::remove_file(self.dir.join("doing"));
        self.write(errand)?;
        File::create(&self.log).context(WHAT)
    }

    /// Writes down how far it is. Only who holds the lock does.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, errand: &Errand) -> Result<()> {
        self.replace("errand.json", errand).context("how far the trial is was not written down")
    }

    /// What is being done for it now, in words.
    pub fn doing(&self) -> Option<String> {
        self.read("doing")
    }

    /// Says what is being done for it now. What cannot be said is left unsaid.
    pub fn set_doing(&self, text: &str) {
        let _ = self.replace("doing", &text);
    }

    /// Whether somebody was told how it ended.
    pub fn was_reported(&self, errand: &Errand) -> bool {
        self.read::<String>("told").is_some_and(|id| id == errand.id)
    }

    /// Somebody was told. Should that not be written down, it is told twice.
    pub fn mark_reported(&self, errand: &Errand) {
        let _ = self.replace("told", &errand.id);
    }

    fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.dir.join(name)).ok()?).ok()
    }

    /// A reader finds the old content or the new, never a part.
    fn replace(&self, name: &str, value: &impl Serialize) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.persist(self.dir.join(name)).map(|_| ()).map_err(|e| e.error)
    }
}

impl Errand {
    /// A new one, not carried out yet.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(edit: Option<EditIdentity>, proposal: Proposal) -> Result<Self> {
        let id = format!("{:016x}", piton_system::host::fresh_seed()?);
        Ok(Self { id, began: clock::now(), edit, proposal, process: None, trial: None, end: None })
    }

    /// How long ago it was asked for, in seconds.
    pub fn seconds(&self) -> f64 {
        clock::since(&self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_is_under_way_exactly_as_long_as_its_lock_is_open_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        let errands = Errands::of(dir.path());
        assert!(!errands.under_way() && errands.last().is_none());
        let lock = errands.try_lock().unwrap().unwrap();
        assert!(errands.under_way() && errands.try_lock().unwrap().is_none());
        // What a process inherits is the same open file.
        let inherited = lock.try_clone().unwrap();
        drop(lock);
        assert!(errands.under_way());
        let ended = errands.ended();
        drop(inherited);
        ended.recv().unwrap();
        assert!(!errands.under_way());
    }

    #[test]
    fn what_is_written_down_is_read_back_and_what_is_broken_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let errands = Errands::of(dir.path());
        let _lock = errands.try_lock().unwrap();
        let mut errand = Errand::new(None, Proposal::described(Some("x".into()))).unwrap();
        errands.begin(&errand).unwrap();
        errand.end = Some(ErrandEnd { error: Some(Error::refused("a").cause("b").note("c").hint("d")) });
        errands.write(&errand).unwrap();
        assert_eq!(errands.last(), Some(errand.clone()));
        assert!(!errands.was_reported(&errand));
        errands.mark_reported(&errand);
        assert!(errands.was_reported(&errand));
        fs::write(dir.path().join("errand/errand.json"), "{\"id\"").unwrap();
        assert_eq!(errands.last(), None);
    }
}
