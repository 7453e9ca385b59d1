//! A trial that said too little of its edit is measured again: on the incumbent of now, as a new trial.

use super::Session;
use crate::run_store::{self, Book};
use piton_core::base::commit::CommitId;
use piton_core::base::error::{Error, Result};
use piton_core::report::tables;
use piton_core::trial::record::{Again, Claimed, Record};
use piton_core::trial::state::Owner;
use piton_system::clock::Stopwatch;
use piton_system::git::{Id, Repo};
use piton_system::ledger::Ledger;

const WHAT: &str = "nothing was measured again";

impl Book {
    /// A trial whose edit may be measured again, and whether this checkout is on the run's branch and goes along with it.
    ///
    /// # Errors
    /// A trial that says what its edit is worth, or was measured again; a checkout on the run's branch that is not clean.
    pub fn may_retake(&self, repo: &Repo, trial: u32) -> Result<(Record, bool)> {
        let record = self.record(trial)?;
        let refused = |why: String| Error::refused(WHAT).cause(why).note("nothing was changed");
        let again = |of: &Record| of.claimed.again.is_some_and(|again| again.trial == trial);
        if let Some(later) = self.records()?.iter().find(|later| again(later)) {
            return Err(refused(format!("trial {trial} was measured again, as trial {}", later.trial))
                .hint(format!("piton show {}", later.trial)));
        }
        if record.again().is_none() {
            return Err(refused(format!(
                "trial {trial} ended as {}, and only what was void or given up by fewer than three pairs is measured again",
                record.outcome.reason()
            ))
            .hint("piton log --reason given_up, or --reason void, lists those that may be"));
        }
        Ok((record, self.goes_along(repo, WHAT)?))
    }
}

/// What a trial of this content would measure again.
///
/// # Errors
/// A disk that refuses.
pub(crate) fn unsettled(
    ledger: &Ledger,
    run: &str,
    tree: Option<&str>,
    artifact: Option<&str>,
) -> Result<Option<Again>> {
    let Some(trial) = ledger.unsettled(run, tree, artifact)? else { return Ok(None) };
    Ok(ledger.record(run, trial)?.and_then(|record| record.again()))
}

/// What is said of a trial that measures this one again.
fn once_more(of: &Record) -> Claimed {
    Claimed {
        description: format!("{} (trial {} again)", of.claimed.description, of.trial),
        claim: of.claimed.claim.clone(),
        again: of.again(),
        ..Claimed::default()
    }
}

impl Session<'_> {
    /// Measures the edit of a trial again that said too little of it.
    ///
    /// # Errors
    /// A trial that may not be, or whose edit does not fit the incumbent any more; a checkout on the run's branch that is not clean.
    pub fn retake(&mut self, trial: u32) -> Result<Record> {
        let repo = &self.world.repo;
        let (little, checkout) = self.book.may_retake(repo, trial)?;
        let Some(tree) = self.fits(repo, &little)? else {
            return Err(Error::refused(WHAT)
                .cause(format!(
                    "the edit of trial {trial} does not fit the incumbent of now, or is in it already"
                ))
                .note("nothing was changed; the edit stays in git")
                .hint(format!("git show refs/piton/{}/trials/{trial}", little.run)));
        };
        self.measure_edit(repo, checkout.then_some(repo), (tree, once_more(&little)), Owner::Piton)
    }

    /// The same in the worktree of a climb; `None` where the edit does not fit the incumbent of now.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn retake_in(&mut self, work: &Repo, trial: u32, owner: Owner) -> Result<Option<Record>> {
        let little = self.book.record(trial)?;
        let Some(tree) = self.fits(work, &little)? else { return Ok(None) };
        self.measure_edit(work, Some(work), (tree, once_more(&little)), owner).map(Some)
    }

    /// The tree of an edit on the incumbent of now, where it fits and is not in it already.
    pub(super) fn fits(&self, repo: &Repo, of: &Record) -> Result<Option<Id>> {
        let base = repo.commit_id(self.book.incumbent().committed()?)?;
        let edit = repo.commit_id(of.committed()?)?;
        if of.parent.as_deref() == Some(&base.to_string()) {
            return repo.tree_id(edit).map(Some);
        }
        match repo.commit_edit_onto(base, edit)? {
            Some(commit) => repo.tree_id(commit).map(Some),
            None => Ok(None),
        }
    }

    /// A trial of an edit that was judged before, as this tree has it on the incumbent of now.
    pub(super) fn measure_edit(
        &mut self,
        repo: &Repo,
        checkout: Option<&Repo>,
        (tree, claimed): (Id, Claimed),
        owner: Owner,
    ) -> Result<Record> {
        let watch = Stopwatch::start();
        let base = repo.commit_id(self.book.incumbent().committed()?)?;
        let mut record = self.blank(base)?;
        record.claimed = claimed;
        let (_, head) = self.book.ledger.head()?;
        let message = tables::proposal_message(&record.claimed.description, &record.run, record.trial, &head);
        let commit = repo.commit(tree, base, &message)?;
        record.commit = Some(CommitId::of(commit));
        record.measured.changes = Some(self.changes(repo, base, commit)?);
        record.measured.since_baseline =
            Some(self.changes(repo, repo.commit_id(&self.book.run.base)?, commit)?);
        record = record.bounded();
        let mut in_progress = run_store::trial_in_progress(&record, Some(tree), repo, owner);
        self.book.propose(repo, &in_progress)?;
        self.announce(&record);
        record.outcome = self.evaluator().judge(repo, base, &mut record)?;
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(repo, checkout, in_progress)
    }
}
