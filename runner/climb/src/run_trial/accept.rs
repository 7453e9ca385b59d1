//! A trial that was held for a person is accepted by one: its edit is measured again, and kept where the rule says so.

use super::Session;
use crate::run_store::{self, Book};
use piton_core::base::commit::CommitId;
use piton_core::base::error::{Error, Result};
use piton_core::report::tables;
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::state::Owner;
use piton_system::clock::Stopwatch;
use piton_system::git::{Id, Repo};

const WHAT: &str = "nothing was accepted";

impl Book {
    /// A trial that a person may accept, and whether this checkout is on the run's branch and goes along with it.
    ///
    /// # Errors
    /// A trial that is not held, or was accepted before; a checkout on the run's branch that is not clean.
    pub fn may_accept(&self, repo: &Repo, trial: u32) -> Result<(Record, bool)> {
        let held = self.record(trial)?;
        if !matches!(held.outcome, Outcome::Held { .. }) {
            return Err(Error::refused(WHAT)
                .cause(format!("trial {trial} is not held for a person: {}", held.outcome.reason()))
                .note("nothing was changed")
                .hint("piton log --reason held_implausible lists those that are"));
        }
        let before = self.records()?;
        if let Some(kept) = before.iter().find(|r| r.claimed.accepted == Some(trial) && r.outcome.kept()) {
            return Err(Error::refused(WHAT)
                .cause(format!("trial {trial} was accepted before, and kept as trial {}", kept.trial))
                .note("nothing was changed"));
        }
        Ok((held, self.checkout(repo)?))
    }

    fn checkout(&self, repo: &Repo) -> Result<bool> {
        if repo.head()?.branch != self.branch() {
            return Ok(false);
        }
        let dirty = repo.dirty()?;
        if dirty.is_empty() {
            return Ok(true);
        }
        Err(Error::refused(WHAT)
            .cause(format!(
                "this checkout is on {}, which would move, and has an edit that is not committed: {}",
                self.branch(),
                dirty[0]
            ))
            .note("nothing was changed")
            .hint("have it judged first (piton trial), or put it aside (git stash)"))
    }
}

impl Session<'_> {
    /// Measures the edit of a held trial once more, against the incumbent of now, and keeps it where the rule says so, however much it
    /// gains: a person has read it.
    ///
    /// # Errors
    /// A trial that is not held, was accepted before, or whose edit does not fit the incumbent any more; a checkout on the run's branch that
    /// is not clean.
    pub fn accept(&mut self, trial: u32, by: &str) -> Result<Record> {
        let watch = Stopwatch::start();
        let repo = &self.world.repo;
        let (held, checkout) = self.book.may_accept(repo, trial)?;
        let base = repo.commit_id(self.book.incumbent().committed()?)?;
        let edit = repo.commit_id(held.committed()?)?;
        let tree = self.fitted(&held, base, edit)?;
        let mut record = self.blank(base)?;
        record.claimed.accepted = Some(trial);
        record.claimed.claim = held.claimed.claim.clone();
        record.claimed.description =
            format!("{} (trial {trial}, accepted by {by})", held.claimed.description);
        let (_, head) = self.book.ledger.head()?;
        let message = tables::proposal_message(&record.claimed.description, &record.run, record.trial, &head);
        let repo = &self.world.repo;
        let commit = repo.commit(tree, base, &message)?;
        record.commit = Some(CommitId::of(commit));
        record.measured.changes = Some(self.changes(repo, base, commit)?);
        record.measured.since_baseline =
            Some(self.changes(repo, repo.commit_id(&self.book.run.base)?, commit)?);
        record = record.bounded();
        let mut in_progress = run_store::trial_in_progress(&record, Some(tree), repo, Owner::Piton);
        self.book.propose(repo, &in_progress)?;
        self.announce(&record);
        record.outcome = self.evaluator().judge(repo, base, &mut record)?;
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(repo, checkout.then_some(repo), in_progress)
    }

    /// The tree of a held edit on the incumbent of now.
    fn fitted(&self, held: &Record, base: Id, edit: Id) -> Result<Id> {
        let repo = &self.world.repo;
        if held.parent.as_deref() == Some(&base.to_string()) {
            return repo.tree_id(edit);
        }
        match repo.commit_edit_onto(base, edit)? {
            Some(commit) => repo.tree_id(commit),
            None => Err(Error::refused(WHAT)
                .cause(format!(
                    "the edit of trial {} does not fit the incumbent of now, or is in it already",
                    held.trial
                ))
                .note("nothing was changed; the edit stays in git")
                .hint(format!("git show refs/piton/{}/trials/{}", held.run, held.trial))),
        }
    }
}
