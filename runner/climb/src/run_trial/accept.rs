//! A trial that was held for a person is accepted by one: its edit is measured again, and kept where the rule says so.

use super::Session;
use crate::run_store::Book;
use piton_core::base::error::{Error, Result};
use piton_core::trial::record::{Claimed, Outcome, Record};
use piton_core::trial::state::Owner;
use piton_system::git::Repo;

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
        Ok((held, self.goes_along(repo, WHAT)?))
    }

    /// Whether this checkout is on the run's branch, and goes along with a keep.
    ///
    /// # Errors
    /// It is, and is not clean: then `what` is said.
    pub(super) fn goes_along(&self, repo: &Repo, what: &str) -> Result<bool> {
        if repo.head()?.branch != self.branch() {
            return Ok(false);
        }
        let dirty = repo.dirty()?;
        if dirty.is_empty() {
            return Ok(true);
        }
        Err(Error::refused(what)
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
        let repo = &self.world.repo;
        let (held, checkout) = self.book.may_accept(repo, trial)?;
        let Some(tree) = self.fits(repo, &held)? else {
            return Err(Error::refused(WHAT)
                .cause(format!(
                    "the edit of trial {} does not fit the incumbent of now, or is in it already",
                    held.trial
                ))
                .note("nothing was changed; the edit stays in git")
                .hint(format!("git show refs/piton/{}/trials/{}", held.run, held.trial)));
        };
        let claimed = Claimed {
            description: format!("{} (trial {trial}, accepted by {by})", held.claimed.description),
            claim: held.claimed.claim.clone(),
            accepted: Some(trial),
            ..Claimed::default()
        };
        self.measure_edit(repo, checkout.then_some(repo), (tree, claimed), Owner::Piton)
    }
}
