//! A run in the ledger, with what its records come to; and a verdict carried out.
//!
//! Order is the business of this module: objects, the ref that keeps them, the entry, synced, then the branch, the worktree, the
//! table. What is carried out is what the ledger holds, and it is the same code that does so in the course of a trial and
//! after somebody pulled the plug.

mod files;

use piton_core::base::commit::CommitId;
use std::path::PathBuf;

use piton_core::base::error::{Context, Error, Result};
use piton_core::report::tables;
use piton_core::run::run_state::Tally;
use piton_core::trial::record::Record;
use piton_core::trial::state::{Owner, Reset, State, TrialInProgress, reset};
use piton_system::config::Config;
use piton_system::failpoint;
use piton_system::fsync;
use piton_system::git::{Id, Repo, Site};
use piton_system::ledger::{Ledger, Printed, Run, Table};

pub use files::{ExperimentFiles, LOG, Names, OWN, RESULTS, files, overlooked, settle, stray, text};

/// Trials after which a snapshot of the tally is kept.
const SNAPSHOT: u32 = 64;
/// The mark of what a table was when it was last printed.
const TABLE: &str = "table";

/// A run in the ledger.
pub struct Book {
    /// What is remembered.
    pub ledger: Ledger,
    /// The run.
    pub run: Run,
    /// The sealed experiment.
    pub config: Config,
    /// What its records come to.
    pub tally: Tally,
    incumbent: Record,
    last: Record,
    snapshot: u32,
}

impl Book {
    /// Opens a run that has begun.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open(ledger: Ledger, run: Run) -> Result<Self> {
        let mut book = Self::open_read_only(ledger, run)?;
        book.keep_snapshot()?;
        Ok(book)
    }

    /// The same, and nothing is written.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_read_only(ledger: Ledger, run: Run) -> Result<Self> {
        let config = ledger.config(&run)?;
        let none = || Error::new(format!("run {} has no baseline", run.name));
        let snapshot = ledger.tally(&run.name)?.filter(|tally| tally.records > 0);
        let mut tally = match snapshot {
            Some(tally) => tally,
            None => Tally::new(&config.metric, config.histories(&[], false)),
        };
        let snapshot = tally.records;
        ledger.each(&run.name, tally.records, &mut |record| {
            tally.take(&record, &config.knobs);
            Ok(())
        })?;
        let record = |trial: u32| ledger.record(&run.name, trial)?.ok_or_else(none);
        let incumbent = record(tally.branch_state.incumbent)?;
        let last = record(tally.records.checked_sub(1).ok_or_else(none)?)?;
        Ok(Self { ledger, run, config, tally, incumbent, last, snapshot })
    }

    /// Name of the run's branch.
    pub fn branch(&self) -> String {
        format!("piton/{}", self.run.name)
    }

    /// The ref of a trial.
    pub(crate) fn trial_ref(&self, number: u32) -> String {
        format!("refs/piton/{}/trials/{number}", self.run.name)
    }

    /// The incumbent's record.
    pub fn incumbent(&self) -> &Record {
        &self.incumbent
    }

    /// One record.
    ///
    /// # Errors
    /// When the ledger cannot be read, or has no such trial.
    pub fn record(&self, trial: u32) -> Result<Record> {
        let none = || Error::new(format!("run {} has no trial {trial}", self.run.name));
        self.ledger.record(&self.run.name, trial)?.ok_or_else(none)
    }

    /// All records of the run.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.ledger.records(&self.run.name)
    }

    /// A trial begins: a row, then its objects on the disk, then its ref, which is never another trial's.
    ///
    /// # Errors
    /// When piton cannot write.
    pub fn propose(&self, repo: &Repo, in_progress: &TrialInProgress) -> Result<()> {
        self.ledger.propose(in_progress)?;
        failpoint::point("proposed");
        if let Some(commit) = commit_of(repo, &in_progress.record)? {
            repo.sync(commit, parent_of(repo, &in_progress.record)?)?;
            repo.new_ref(&self.trial_ref(in_progress.record.trial), commit, "piton: challenger")?;
            failpoint::point("referenced");
        }
        Ok(())
    }

    /// A trial whose outcome is known is decided: what the row names is synced, then the row is.
    ///
    /// # Errors
    /// When piton cannot write. The branch is where it was.
    pub fn decide(&mut self, repo: &Repo, mut record: Record, tree: Option<&str>) -> Result<Record> {
        if record.outcome.kept() {
            let base = parent_of(repo, &record)?;
            let (_, head) = self.ledger.head()?;
            let tree = repo.object_id(tree.unwrap_or_default())?;
            let message = tables::keep_message(&record, &self.config.metric, self.config.rule.alpha, &head);
            let commit = repo.commit(tree, base, &message)?;
            // Its tree is that of the challenger.
            repo.sync_objects(&[commit])?;
            repo.set_ref(&self.trial_ref(record.trial), commit, "piton: kept")?;
            record.commit = Some(CommitId::of(commit));
            failpoint::point("kept");
        }
        if let Some(hash) = &record.provenance.artifact {
            fsync::sync_within(&artifact_dir(repo, hash)).context("the artifact was not synced")?;
        }
        self.ledger.decide(&record, tree)?;
        failpoint::point("decided");
        self.take(&record)?;
        Ok(record)
    }

    /// Takes a decided trial in.
    fn take(&mut self, record: &Record) -> Result<()> {
        self.tally.take(record, &self.config.knobs);
        if self.tally.branch_state.incumbent == record.trial {
            self.incumbent = record.clone();
        } else if self.tally.branch_state.incumbent != self.incumbent.trial {
            self.incumbent = self.record(self.tally.branch_state.incumbent)?;
        }
        self.keep_snapshot()
    }

    fn keep_snapshot(&mut self) -> Result<()> {
        if self.tally.records >= self.snapshot + SNAPSHOT {
            self.ledger.save_tally(&self.run.name, &self.tally)?;
            self.snapshot = self.tally.records;
        }
        Ok(())
    }

    /// Carries out what the ledger holds of a trial that is decided: branch, worktree, table. Doing it again changes nothing.
    /// Returns whether the worktree was left alone because it holds edits that are not the trial's.
    ///
    /// # Errors
    /// When somebody moved the branch, or piton cannot write.
    pub fn apply(&mut self, repo: &Repo, work: Option<&Repo>, trial: u32, owner: Owner) -> Result<bool> {
        let record = self.record(trial)?;
        self.move_branch(repo, &record)?;
        failpoint::point("moved");
        let spared = match work {
            Some(work) => self.reset(work, &record, owner)?,
            None => false,
        };
        failpoint::point("reset");
        self.print_table(repo, &record)?;
        failpoint::point("printed");
        self.ledger.applied(&self.run.name, trial)?;
        failpoint::point("applied");
        Ok(spared)
    }

    fn move_branch(&self, repo: &Repo, record: &Record) -> Result<()> {
        let (from, why) = match &record.outcome {
            outcome if outcome.kept() => {
                (record.held_against()?, format!("piton: keep trial {}", record.trial))
            }
            // A keep that others stand on is no commit that the branch is at: then it stays.
            outcome if outcome.takes_back() => (
                record.committed()?,
                format!("piton: trial {} took it back to trial {}", record.trial, self.incumbent.trial),
            ),
            _ => return Ok(()),
        };
        let (branch, to) = (self.branch(), self.should(repo)?);
        match repo.get_ref(&format!("refs/heads/{branch}")) {
            Some(is) if is == to => Ok(()),
            None => self.create_branch(repo),
            Some(_) => repo.advance(&branch, repo.commit_id(from)?, to, &why),
        }
    }

    /// Where the branch should be.
    fn should(&self, repo: &Repo) -> Result<Id> {
        repo.commit_id(self.incumbent.committed()?)
    }

    /// Makes the branch at the incumbent, also where a power cut left a file without content.
    ///
    /// # Errors
    /// When it exists.
    pub fn create_branch(&self, repo: &Repo) -> Result<()> {
        repo.remove_broken_ref(&format!("refs/heads/{}", self.branch()))?;
        repo.create_branch(&self.branch(), self.should(repo)?)
    }

    /// Sees to it that the branch is at the incumbent.
    ///
    /// # Errors
    /// When somebody moved it.
    pub(crate) fn settle_branch(&self, repo: &Repo) -> Result<()> {
        self.branch_may_go_on(repo)?;
        let (branch, should) = (self.branch(), self.should(repo)?);
        match repo.get_ref(&format!("refs/heads/{branch}")) {
            Some(is) if is == should => Ok(()),
            None => self.create_branch(repo),
            Some(is) => repo.advance(&branch, is, should, "piton: recorded keep"),
        }
    }

    /// Whether the branch is at the incumbent, on its way there, or gone.
    ///
    /// # Errors
    /// When somebody moved it.
    pub(crate) fn branch_may_go_on(&self, repo: &Repo) -> Result<()> {
        let (branch, should) = (self.branch(), self.should(repo)?);
        match repo.get_ref(&format!("refs/heads/{branch}")) {
            None => Ok(()),
            Some(is) if is == should || self.incumbent.parent.as_deref() == Some(&is.to_string()) => Ok(()),
            Some(is) => {
                Err(Error::refused(format!("run {} was not taken up: its branch has moved", self.run.name))
                    .cause(format!("{branch} is at {is}; the ledger's incumbent is {should}"))
                    .note("nothing was changed; every trial is recorded and has a ref below refs/piton/")
                    .hint(format!(
                        "keep what is there under another name, then: git branch -f {branch} {should}"
                    )))
            }
        }
    }

    /// Makes the worktree what the verdict says. Returns whether it was left alone.
    fn reset(&self, work: &Repo, record: &Record, owner: Owner) -> Result<bool> {
        let scope = &self.config.scope;
        let to = self.should(work)?;
        match reset(&record.outcome, owner) {
            Reset::Nothing => Ok(false),
            Reset::Everything => work.restore(to, None).map(|()| false),
            Reset::Scope if owner == Owner::Piton => work.restore(to, Some(scope)).map(|()| false),
            Reset::Scope => {
                let was = commit_of(work, record)?.unwrap_or(to);
                // What somebody has edited since the trial began is theirs.
                if !work.untouched(scope, &[was, to])? {
                    return Ok(true);
                }
                work.restore(to, Some(scope))?;
                fsync::sync(&work.differ(was, to)?).context("the worktree was not synced").map(|()| false)
            }
        }
    }

    /// Brings `results.tsv` up to date: one row more where it is still what was printed last, else all of it.
    fn print_table(&mut self, repo: &Repo, record: &Record) -> Result<()> {
        let site = self.run.site(repo);
        let mark = files::mark(TABLE, &site);
        let then: Option<Printed> = self.ledger.mark(&mark)?;
        let mut path = files(&self.ledger, repo, &site)?.table();
        if then.as_ref().is_none_or(|then| !then.untouched(&path)) {
            path = settle(&self.ledger, repo, &site)?.0.table();
        }
        let table = Table { path: &path, metric: &self.config.metric, columns: &self.tally.columns };
        let done = match then.filter(|_| self.last.trial + 1 == record.trial) {
            Some(then) => table.append(&then, &self.last, record)?,
            None => None,
        };
        let printed = match done {
            Some(printed) => Some(printed),
            None => table.print(&self.ledger, &self.run.name)?,
        };
        if record.trial > self.last.trial {
            self.last = record.clone();
        }
        printed.map_or(Ok(()), |printed| self.ledger.set_mark(&mark, &printed))
    }

    /// Prints the whole of `results.tsv` anew.
    ///
    /// # Errors
    /// A disk that refuses; the file is then as it was.
    pub(crate) fn reprint_table(&self, repo: &Repo) -> Result<()> {
        let site = self.run.site(repo);
        let path = settle(&self.ledger, repo, &site)?.0.table();
        let table = Table { path: &path, metric: &self.config.metric, columns: &self.tally.columns };
        let printed = table.print(&self.ledger, &self.run.name)?;
        printed.map_or(Ok(()), |printed| self.ledger.set_mark(&files::mark(TABLE, &site), &printed))
    }
}

/// Where the artifact of this hash lies.
pub(crate) fn artifact_dir(repo: &Repo, hash: &str) -> PathBuf {
    repo.state_dir().join("artifacts").join(hash)
}

/// The runs whose tables were printed last, one for each place where there is a table.
///
/// # Errors
/// When the ledger cannot be read.
pub fn tables(ledger: &Ledger, repo: &Repo) -> Result<Vec<(Run, Printed)>> {
    let mut sites: Vec<Site> = vec![];
    let mut tables = vec![];
    for run in ledger.runs()? {
        let site = run.site(repo);
        if sites.contains(&site) {
            continue;
        }
        if let Some(printed) = ledger.mark::<Printed>(&files::mark(TABLE, &site))? {
            tables.extend(ledger.run(&printed.run)?.map(|run| (run, printed)));
        }
        sites.push(site);
    }
    Ok(tables)
}

/// Whether the table is what was printed last, and that is all there is to print.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn table_is_settled(ledger: &Ledger, repo: &Repo, run: &Run, then: &Printed) -> Result<bool> {
    let path = table_path(ledger, repo, run)?;
    Ok(then.untouched(&path) && then.last + 1 == ledger.next_trial(&then.run)?)
}

/// Where the table of a run is printed.
///
/// # Errors
/// When the ledger cannot be read.
pub fn table_path(ledger: &Ledger, repo: &Repo, run: &Run) -> Result<PathBuf> {
    Ok(files(ledger, repo, &run.site(repo))?.table())
}

fn commit_of(repo: &Repo, record: &Record) -> Result<Option<Id>> {
    record.commit.as_deref().map(|commit| repo.commit_id(commit)).transpose()
}

fn parent_of(repo: &Repo, record: &Record) -> Result<Id> {
    repo.commit_id(record.held_against()?)
}

/// A trial that begins now.
pub fn trial_in_progress(record: &Record, tree: Option<Id>, work: &Repo, owner: Owner) -> TrialInProgress {
    TrialInProgress {
        state: State::Proposed,
        record: record.clone(),
        tree: tree.map(|tree| tree.to_string()),
        work: work.root().to_string_lossy().into_owned(),
        owner,
    }
}
