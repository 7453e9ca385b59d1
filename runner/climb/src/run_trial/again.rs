//! What was kept is put to the test again: keeps measured once more, those for now together, an incumbent that failed a gate alone.

use super::Session;
use crate::run_store;
use piton_core::base::commit::CommitId;
use piton_core::base::error::{Error, Result};
use piton_core::base::metric::Gain;
use piton_core::rule::keep::{KeepReason, RecordedGain, Verdict};
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::state::Owner;
use piton_core::trial::text;
use piton_system::clock::Stopwatch;
use piton_system::git::{Id, Repo};

impl Session<'_> {
    /// Carries out every test of what was kept that is due, or `all` that are outstanding. Where one fails, the branch goes back. One that
    /// comes to nothing, because the machine is busy or the user stopped it, stays outstanding.
    ///
    /// # Errors
    /// When piton itself fails, and when the baseline fails its gates too: then nothing is taken back, and nothing can go on.
    pub fn run_due_rechecks(&mut self, work: &Repo, all: bool, owner: Owner) -> Result<()> {
        loop {
            let before = self.book.tally.branch_state.clone();
            let branch_state = &self.book.tally.branch_state;
            if self.world.runner.interrupted() {
                return Ok(());
            } else if branch_state.doubted {
                self.regate(work, owner)?;
            } else if branch_state.fell {
                self.bundle(work, true, owner)?;
            } else if let Some(keep) = branch_state.recheck_due(&self.book.config.rule, all) {
                self.recheck(work, keep, owner)?;
            } else if branch_state.bundle_is_due(all) {
                self.bundle(work, all, owner)?;
            } else {
                return Ok(());
            }
            if self.book.tally.branch_state == before {
                return Ok(());
            }
        }
    }

    /// Holds a keep, as it is now, against what it stands on.
    fn recheck(&mut self, work: &Repo, keep: u32, owner: Owner) -> Result<()> {
        let watch = Stopwatch::start();
        let none = || Error::new(format!("trial {keep} is no keep of this run any more"));
        let before = self.book.tally.branch_state.before(keep).ok_or_else(none)?;
        let (before, kept) = (self.book.record(before)?, self.book.record(keep)?);
        // What it stands on may have fallen since; then another trial has shown what it is worth.
        let shown = match self.book.tally.branch_state.shown.get(&keep) {
            Some(trial) => &self.book.record(*trial)?,
            None => &kept,
        };
        let recorded = match &shown.outcome {
            Outcome::Judged { verdict: Verdict::Keep(path), estimate } => {
                RecordedGain::of(path, estimate, kept.margin_spent())
            }
            Outcome::Bundle { estimate, .. } => RecordedGain::of(&KeepReason::Better, estimate, Gain::ZERO),
            _ => return Err(none()),
        };
        let ids = (commit_of(work, &before)?, commit_of(work, &kept)?);
        let mut record = self.blank(ids.0)?;
        record.commit = Some(CommitId::of(ids.1));
        record.claimed.description = format!("trial {keep} once more, against what it stands on");
        let mut in_progress = run_store::trial_in_progress(&record, Some(work.tree_id(ids.1)?), work, owner);
        self.book.propose(work, &in_progress)?;
        self.announce(&record);
        record.outcome = self.evaluator().recheck(ids, (&before, &kept), recorded, &mut record)?;
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(work, Some(work), in_progress).map(drop)
    }

    /// Measures the incumbent alone, after it failed a gate.
    fn regate(&mut self, work: &Repo, owner: Owner) -> Result<()> {
        let watch = Stopwatch::start();
        let way = self.book.tally.branch_state.way.clone();
        let way = way.into_iter().map(|trial| self.book.record(trial)).collect::<Result<Vec<_>>>()?;
        let incumbent = self.book.incumbent().clone();
        let head = commit_of(work, &incumbent)?;
        let base = match &incumbent.parent {
            Some(parent) => work.commit_id(parent)?,
            None => head,
        };
        let mut record = self.blank(base)?;
        record.commit = Some(CommitId::of(head));
        record.provenance.artifact = incumbent.provenance.artifact.clone();
        record.claimed.description = "the incumbent alone, after it failed".to_owned();
        let mut in_progress = run_store::trial_in_progress(&record, Some(work.tree_id(head)?), work, owner);
        self.book.propose(work, &in_progress)?;
        self.announce(&record);
        let found = self.evaluator().recheck_gates(&way, &mut record)?;
        let healthy = found.is_some();
        record.outcome =
            found.unwrap_or_else(|| Outcome::Void { reason: "the baseline fails too".to_owned() });
        record.measured.seconds.total = watch.seconds();
        let failed = text::failing(&record);
        in_progress.record = record;
        self.conclude(work, Some(work), in_progress)?;
        if healthy {
            return Ok(());
        }
        Err(Error::new("the run cannot go on: its baseline fails, as every keep does")
            .cause(format!("the incumbent alone: {failed}"))
            .note("nothing was taken back; every trial is recorded, and the branch is where it was")
            .hint("look at what measures (piton doctor, run.log): something outside of the candidate has changed; then piton resume"))
    }
}

fn commit_of(repo: &Repo, record: &Record) -> Result<Id> {
    repo.commit_id(record.committed()?)
}
