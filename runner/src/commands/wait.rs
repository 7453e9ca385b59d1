//! `piton wait`: goes on with a trial that is under way, and tells its verdict. `piton trial` waits by the same code.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use piton_core::base::level::Level;
use serde_json::{Value, json};

use super::verdict::{answer, status_of};
use super::world;
use piton_climb::background::{Errand, ErrandEnd, Errands};
use piton_climb::recover::lock_and_recover;
use piton_core::base::error::{Error, Result, exit};
use piton_core::trial::record::Record;
use piton_core::trial::text;
use piton_system::clock::{self, Stopwatch};
use piton_system::git::Repo;
use piton_system::ledger::Ledger;
use piton_system::process::{self, EndRequests};
use piton_system::terminal::{self, Progress, Tone};

/// How long a command waits that no person reads: agents' tools end calls after 120 s, some sooner.
const PATIENCE: Duration = Duration::from_secs(95);
/// How often what is told meanwhile is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long one that is about to begin may take to say so.
const BEGINNING: Duration = Duration::from_secs(10);

/// Somebody who waits for a trial.
pub(super) struct Waiter<'a> {
    pub dir: &'a Path,
    pub repo: &'a Repo,
    pub errands: Errands,
    /// How long to wait; without end where absent.
    pub patience: Option<Duration>,
    /// Whether the answer is for programs.
    pub json: bool,
    /// Whether Ctrl-C interrupts the trial, not the waiting alone.
    pub interrupts: bool,
    asked: EndRequests,
    progress: Progress,
    watch: Stopwatch,
}

/// `piton wait`.
pub(super) fn run(dir: &Path, timeout: Option<Duration>, json: bool) -> Result<u8> {
    let repo = Repo::open(dir)?;
    let waiter = Waiter::new(dir, &repo, timeout, json)?;
    let beginning = Stopwatch::start();
    loop {
        let Some(errand) = waiter.errands.last() else { return waiter.none() };
        match (waiter.errands.under_way(), &errand.end) {
            (true, None) => return waiter.follow(errand, terminal::tells_a_terminal()),
            // One that is about to begin has not said so yet.
            (true, Some(_)) if beginning.elapsed() < BEGINNING => clock::wait(LOOK / 10),
            (_, Some(_)) if waiter.errands.was_reported(&errand) => return waiter.none(),
            (_, Some(_)) => return waiter.tell(&errand),
            (false, None) => match waiter.errands.try_lock()? {
                // What it came to is looked at once more.
                Some(_lock) => drop(waiter.settle(errand)?),
                None => clock::wait(LOOK / 10),
            },
        }
    }
}

impl<'a> Waiter<'a> {
    /// Waits for `patience`, or as long as suits whoever reads the answer.
    pub fn new(dir: &'a Path, repo: &'a Repo, patience: Option<Duration>, json: bool) -> Result<Self> {
        Ok(Self {
            dir,
            repo,
            errands: Errands::of(&repo.state_dir()),
            patience: patience.or_else(|| (!terminal::answers_a_terminal()).then_some(PATIENCE)),
            json,
            interrupts: false,
            asked: EndRequests::install()?,
            progress: Progress::new(),
            watch: Stopwatch::start(),
        })
    }

    /// Waits for the end of an errand that is under way, and tells it. `log` says whether to hand on what its process tells, too.
    pub fn follow(&self, errand: Errand, log: bool) -> Result<u8> {
        let (ended, mut log) = (self.errands.ended(), log.then(|| ErrandLog::of(&self.errands)));
        let (mut errand, mut doing, mut stop) = (errand, None, false);
        loop {
            let wait = ended.recv_timeout(LOOK);
            if let Some(log) = &mut log {
                log.hand_on(&self.progress);
            }
            match self.errands.last() {
                Some(now) if now.id == errand.id => errand = now,
                // It has ended, and another has begun since.
                _ => break,
            }
            if wait != Err(RecvTimeoutError::Timeout) {
                break;
            }
            let now = self.errands.doing();
            if doing != now {
                self.progress.doing(now.as_deref().unwrap_or("starting"));
                doing = now;
            }
            stop |= self.asked.interrupted();
            if let (true, true, Some(process)) = (stop, self.interrupts, errand.process) {
                self.progress.line(Tone::Dim, "interrupting the trial");
                // It may have ended meanwhile.
                let _ = process::interrupt(process);
                stop = false;
            }
            let enough = self.patience.is_some_and(|patience| self.watch.elapsed() >= patience);
            if enough || self.asked.asked_to_end() || (stop && !self.interrupts) {
                self.progress.idle();
                return Ok(self.running(&errand));
            }
        }
        self.progress.idle();
        self.tell(&errand)
    }

    /// Says that a trial is still under way.
    fn running(&self, errand: &Errand) -> u8 {
        let now = under_way(&self.errands, errand);
        terminal::either(self.json, &now, || format!("{}\nnext: piton wait", under_way_words(&now)));
        exit::RUNNING
    }

    /// Tells how an errand ended: what the ledger has of its trial, or why there is none.
    pub fn tell(&self, errand: &Errand) -> Result<u8> {
        let known = self.record(errand)?;
        let status = match (&errand.end, known) {
            (Some(ErrandEnd { error: Some(error) }), _) => Err(error.clone()),
            (_, Some((record, words))) => {
                self.show(&record, &words);
                Ok(status_of(&record))
            }
            // Not told: `piton wait` finds out what is left of it.
            (None, None) => return Err(died()),
            (Some(ErrandEnd { error: None }), None) => {
                Err(Error::new("the trial's verdict is not in the ledger"))
            }
        };
        self.errands.mark_reported(errand);
        status
    }

    /// Tells how an errand ended, in passing.
    pub(crate) fn mention(&self, errand: &Errand) -> Result<()> {
        if let Some((_, words)) = self.record(errand)? {
            let verdict = words.lines().next().unwrap_or_default();
            self.progress.line(Tone::Dim, &format!("not told yet: {verdict}"));
        }
        Ok(())
    }

    pub(super) fn show(&self, record: &Record, words: &str) {
        let mut value = serde_json::to_value(record).expect("our own types serialise");
        value["words"] = json!(words);
        terminal::either(self.json, &value, || words.to_owned());
    }

    /// The record of an errand's trial, where it is decided and carried out, and the answer in words.
    fn record(&self, errand: &Errand) -> Result<Option<(Record, String)>> {
        let Some((run, trial)) = &errand.trial else { return Ok(None) };
        let ledger = Ledger::open(&self.repo.state_dir())?;
        let (Some(run), Some(record)) = (ledger.run(run)?, ledger.record(run, *trial)?) else {
            return Ok(None);
        };
        let mut left = ledger.unfinished()?.into_iter();
        if errand.end.is_none()
            && left
                .any(|in_progress| in_progress.record.run == run.name && in_progress.record.trial == *trial)
        {
            return Ok(None);
        }
        let config = ledger.config(&run)?;
        let mut words = answer(&record, &config);
        // What was tested again after it, and took the run back.
        let mut next = *trial + 1;
        while let Some(later) = ledger.record(&run.name, next)?.filter(|later| later.outcome.check()) {
            if later.outcome.takes_back() {
                let verdict = text::verdict(&later, &config.metric, config.rule.alpha);
                words.push_str(&format!("\nthen, trial {next}: {verdict}"));
            }
            next += 1;
        }
        Ok(Some((record, words)))
    }

    /// Finishes what an errand's process has left that was ended in the middle of it. The caller holds the lock on errands.
    pub fn settle(&self, mut errand: Errand) -> Result<Errand> {
        // It starts nothing that would need walls.
        let entered = lock_and_recover(&world(self.dir, Level::None)?, "piton wait", false)?;
        let record = match &errand.trial {
            Some((run, trial)) => entered.ledger.record(run, *trial)?,
            None => None,
        };
        // A number that it did not come to use may be another's by now.
        let same = |commit: &str| {
            let tree = self.repo.commit_id(commit).and_then(|commit| self.repo.tree_id(commit)).ok()?;
            Some(tree.to_string() == errand.edit.as_ref()?.tree)
        };
        let commit = record.as_ref().and_then(|record| record.commit.as_deref());
        let known = record.is_some() && commit.and_then(same) != Some(false);
        errand.trial.take_if(|_| !known);
        errand.end = Some(ErrandEnd { error: (!known).then(died) });
        self.errands.write(&errand)?;
        Ok(errand)
    }

    /// Says that no trial is under way, and which was the last.
    fn none(&self) -> Result<u8> {
        let last = match self.errands.last() {
            Some(errand) => self.record(&errand)?,
            None => None,
        };
        let facts = last.as_ref().map(|(record, words)| {
            json!({ "run": record.run, "trial": record.trial, "reason": record.outcome.reason(), "words": words })
        });
        terminal::either(self.json, &json!({ "state": "none", "last": facts }), || {
            let last = last.map_or_else(String::new, |(_, words)| format!("; the last one:\n{words}"));
            format!("no trial is under way{last}")
        });
        Ok(exit::NOT_JUDGED)
    }
}

/// A trial that is under way, for programs.
pub(super) fn under_way(errands: &Errands, errand: &Errand) -> Value {
    let (run, trial) = errand.trial.clone().unzip();
    let doing = errands.doing().unwrap_or_else(|| "starting".to_owned());
    let seconds = errand.seconds().round();
    json!({ "state": "running", "id": errand.id, "run": run, "trial": trial, "seconds": seconds, "doing": doing })
}

/// The trial of a run that somebody asked for and that is under way, for programs.
pub(super) fn of_run(repo: &Repo, run: &str) -> Option<Value> {
    let errands = Errands::of(&repo.state_dir());
    let errand = errands.last().filter(|errand| errand.end.is_none() && errands.under_way())?;
    errand.trial.as_ref().is_some_and(|(of, _)| of == run).then(|| under_way(&errands, &errand))
}

/// The same in words.
pub(super) fn under_way_words(now: &Value) -> String {
    let trial = now["trial"].as_u64().map_or_else(|| "a trial".to_owned(), |trial| format!("trial {trial}"));
    let seconds = text::seconds(now["seconds"].as_f64().unwrap_or_default());
    format!("{trial} is under way: {}, {seconds} so far", now["doing"].as_str().unwrap_or("-"))
}

fn died() -> Error {
    Error::new("the trial came to no verdict: the process that carried it out was ended")
        .cause("it was killed, or it could not write")
        .note("every recorded trial stands, and your edit is as it was; the next command ends what was left")
}

/// What the process says that carries an errand out.
struct ErrandLog {
    file: Option<File>,
}

impl ErrandLog {
    fn of(errands: &Errands) -> Self {
        Self { file: File::open(errands.log()).ok() }
    }

    /// Hands on the whole lines that have come since.
    fn hand_on(&mut self, progress: &Progress) {
        let Some(file) = &mut self.file else { return };
        let mut bytes = vec![];
        if file.read_to_end(&mut bytes).is_err() {
            return;
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let part = i64::try_from(bytes.len() - whole).unwrap_or_default();
        let _ = file.seek(SeekFrom::Current(-part));
        if whole > 0 {
            progress.copy(&String::from_utf8_lossy(&bytes[..whole]));
        }
    }
}
