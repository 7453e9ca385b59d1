//! Looks on: at the ledger of a repository and at what the piton at work says, as both change.
//!
//! It reads, and no more: no lock, nothing written, and of the ledger only what has come since. So any number of those who look on cost
//! a climb nothing but the processor's time, of which they take little: whether there is anything new is a look at a counter in
//! shared memory and at the beginnings of two files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::run_climb;
use crate::status_file;
use piton_core::base::error::{Error, Result};
use piton_core::report::live_state::{Live, Now};
use piton_core::run::rechecks::BranchState;
use piton_core::run::summary::Verification;
use piton_core::trial::record::Record;
use piton_core::trial::text::clean;
use piton_system::clock::Stopwatch;
use piton_system::config::Config;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Run};

/// How often it is looked whether the process is still there that said something, in seconds.
const ALIVE: f64 = 1.0;

/// A run, as it is seen.
#[derive(Debug, Clone)]
pub struct FollowedRun {
    /// The run.
    pub run: Run,
    /// Its experiment.
    pub config: Config,
    /// Its trials, the baseline first.
    pub records: Vec<Record>,
    /// Its verified figure.
    pub verification: Option<Verification>,
}

/// What is different since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// What goes on.
    Live,
    /// Trials, or the verified figure.
    Trials,
    /// It is another run.
    Run,
}

/// Somebody who looks on.
pub struct RunFollower {
    repo: Repo,
    state: PathBuf,
    /// The run that is wanted, where one was named.
    wanted: Option<String>,
    /// The ledger, and which file it is.
    ledger: Option<(Ledger, (u64, u64))>,
    /// How far it was read.
    version: Option<i64>,
    said: Option<[u8; 16]>,
    alive: Stopwatch,
    /// The run that began last, when it was looked.
    latest: Option<String>,
    followed: Option<Arc<FollowedRun>>,
    live: Live,
}

impl RunFollower {
    /// At the repository `repo`: at the run that is wanted, else at the one that is at work, or began, or was seen last, else at
    /// that of the branch, else the latest.
    pub fn new(repo: Repo, wanted: Option<String>) -> Self {
        let state = repo.state_dir();
        let (ledger, version, said) = (None, None, None);
        let (alive, followed, live) = (Stopwatch::start(), None, Live::default());
        Self { repo, state, wanted, ledger, version, said, alive, latest: None, followed, live }
    }

    /// The repository.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The run; none where none has begun.
    pub fn followed(&self) -> Option<&Arc<FollowedRun>> {
        self.followed.as_ref()
    }

    /// What goes on.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Looks, and says what is different. What cannot be read is told among what goes on, and looked at again.
    pub fn refresh(&mut self) -> Change {
        let status = self.read_status();
        let asked =
            self.live.now.as_ref().is_some_and(|now| run_climb::stop_requested(&self.state, now.process));
        let new = status == Some(true) || asked != self.live.asked;
        self.live.asked = asked;
        match self.read(status.is_some()) {
            Ok(change) if new => change.max(Change::Live),
            Ok(change) => change,
            Err(error) => {
                (self.ledger, self.version) = (None, None);
                let told = Some(error.cause.unwrap_or(error.what));
                let new = self.live.trouble != told;
                self.live.trouble = told;
                if new { Change::Live } else { Change::Nothing }
            }
        }
    }

    /// Reads the status file. `Some` where that was done at all, with whether it says something new.
    fn read_status(&mut self) -> Option<bool> {
        let said = status_file::number(&self.state);
        if said == self.said {
            // It may have been said by one that was killed since.
            let due = self.live.now.is_some() && self.alive.seconds() >= ALIVE;
            if !due || self.live.now.as_ref().is_some_and(|now| status_file::is_at_work(&self.state, now)) {
                if due {
                    self.alive = Stopwatch::start();
                }
                return None;
            }
        }
        (self.said, self.alive) = (said, Stopwatch::start());
        let now = status_file::read(&self.state);
        let new = now != self.live.now;
        self.live.now = now;
        Some(new)
    }

    /// Reads what has come into the ledger. `again` where the run at work may be another.
    fn read(&mut self, again: bool) -> Result<Change> {
        let file = fs::metadata(self.state.join("ledger.db")).ok().map(|meta| (meta.dev(), meta.ino()));
        if self.ledger.as_ref().map(|(_, is)| *is) != file || self.ledger.is_none() {
            (self.ledger, self.version) = (None, None);
            if let (Some(file), Some(ledger)) = (file, Ledger::open_read_only(&self.state)?) {
                self.ledger = Some((ledger, file));
            }
        }
        let Some((ledger, _)) = &self.ledger else {
            self.live = Live { now: self.live.now.take(), asked: self.live.asked, ..Live::default() };
            return Ok(if self.followed.take().is_some() { Change::Run } else { Change::Nothing });
        };
        let version = ledger.version()?;
        if self.version == Some(version) && !again && self.live.trouble.is_none() {
            return Ok(Change::Nothing);
        }
        // Where the experiment here has no run yet, that of another one is better than none.
        let own = self.repo.within().map(|within| ledger.latest_within(within)).transpose()?.flatten();
        let latest = own.map_or_else(|| ledger.latest(), |run| Ok(Some(run)))?;
        let chosen = self.choose(ledger, latest.as_ref())?;
        self.latest = latest.map(|run| run.name);
        let change = match chosen {
            None => {
                if self.followed.take().is_some() {
                    Change::Run
                } else {
                    Change::Nothing
                }
            }
            Some(run) => self.follow(run)?,
        };
        self.version = Some(version);
        Ok(change)
    }

    /// The run to look at.
    fn choose(&self, ledger: &Ledger, latest: Option<&Run>) -> Result<Option<Run>> {
        if let Some(name) = &self.wanted {
            return ledger.run(name);
        }
        if let Some(now) = &self.live.now
            && let Some(run) = ledger.run(&now.run)?.filter(|run| self.meant(run))
        {
            return Ok(Some(run));
        }
        // What is shown is gone on with, also when its climb has ended, until another has begun.
        let shown = self.followed.as_ref().map(|followed| followed.run.name.as_str());
        let here = || Some(self.repo.head().ok()?.branch.strip_prefix("piton/")?.to_owned());
        let meant = |run: &Run| self.meant(run);
        let name = match (shown, latest) {
            (Some(_), Some(latest)) if self.latest.as_ref() != Some(&latest.name) => None,
            (Some(shown), _) => Some(shown.to_owned()),
            (None, _) => here(),
        };
        let run = name.map(|name| ledger.run(&name)).transpose()?.flatten().filter(meant);
        Ok(run.or_else(|| latest.cloned()))
    }

    /// Whether a run is of the experiment where the user stands, if he stands in one.
    fn meant(&self, run: &Run) -> bool {
        self.repo.within().is_none_or(|within| run.within == within)
    }

    /// Takes in what is new of `run`.
    fn follow(&mut self, run: Run) -> Result<Change> {
        let Some((ledger, _)) = &self.ledger else { return Ok(Change::Nothing) };
        let mut change = Change::Nothing;
        let mut followed = match self.followed.take().filter(|followed| followed.run == run) {
            Some(followed) => followed,
            None => {
                change = Change::Run;
                let config = ledger.config(&run)?;
                Arc::new(FollowedRun { run, config, records: vec![], verification: None })
            }
        };
        let from = followed.records.last().map_or(0, |record| record.trial + 1);
        let mut new = vec![];
        let name = followed.run.name.clone();
        ledger.each(&name, from, &mut |record| {
            new.push(record);
            Ok(())
        })?;
        let verification = ledger.last_verification(&name)?;
        if !new.is_empty() || verification != followed.verification {
            change = change.max(Change::Trials);
            let followed = Arc::make_mut(&mut followed);
            followed.records.extend(new);
            followed.verification = verification;
        }
        let mut branch_state = BranchState::default();
        if change > Change::Nothing {
            followed.records.iter().for_each(|record| branch_state.take(record));
            self.live.bundle = branch_state.waiting.len();
        }
        let live = Live {
            now: self.live.now.clone(),
            climb: run_climb::last(ledger, Some(&name))?,
            // A ledger from before there were notes has no place for them.
            notes: ledger.pending_notes(&name).unwrap_or(0),
            bundle: self.live.bundle,
            last: followed.records.last().map(|record| record.trial),
            asked: self.live.asked,
            trouble: None,
        };
        if live != self.live {
            change = change.max(Change::Live);
        }
        (self.live, self.followed) = (live, Some(followed));
        Ok(change)
    }
}

/// What is said where there is no run to look at.
pub fn no_run_text(wanted: Option<&str>, now: Option<&Now>) -> String {
    match (wanted, now) {
        (_, Some(now)) => format!("run {} is about to begin", clean(&now.run, 60)),
        (Some(name), None) => format!("there is no run {} yet", clean(name, 60)),
        (None, None) => "no run has begun in this repository yet: piton climb begins one".to_owned(),
    }
}

/// Refuses a run that was named and is not there, while others are: a slip of the pen.
///
/// # Errors
/// When it is not there.
pub fn require_named_run(follower: &RunFollower) -> Result<()> {
    match (&follower.wanted, &follower.ledger, &follower.followed) {
        (Some(name), Some(_), None) => {
            Err(Error::refused(format!("there is no run {name}")).hint("piton log shows the latest"))
        }
        _ => Ok(()),
    }
}
