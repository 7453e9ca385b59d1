//! What stands around a proposal: what it begins with, what its agent is told, and whether it was tried before.

use super::Session;
use crate::briefing;
use crate::recall;
use piton_core::base::error::Result;
use piton_core::run::brief::Left;
use piton_core::run::next_start::{Directive, NextProposal, OnSimilar};
use piton_core::trial::record::Record;
use piton_core::trial::similarity::Like;
use piton_core::trial::text;
use piton_system::git::{Id, Repo};
use piton_system::terminal::Tone;

/// The edit that a proposal begins with: that of a near miss, laid over the incumbent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The near miss.
    pub trial: u32,
    /// A commit that holds it; no ref leads there.
    pub commit: Id,
    /// The tree of that commit.
    pub tree: Id,
}

impl Session<'_> {
    /// Makes `work` what proposal `next` begins with, and returns what its agent is told. Only where `anywhere` may it be
    /// anything but the incumbent.
    ///
    /// # Errors
    /// When the ledger or git cannot be read, or the worktree cannot be written.
    pub(crate) fn prepare_worktree(
        &mut self,
        work: &Repo,
        next: u32,
        left: Left,
        anywhere: bool,
    ) -> Result<String> {
        let base = work.commit_id(self.book.incumbent().commit.as_deref().unwrap_or_default())?;
        // The last proposal came to no trial: what it began with is not this one's.
        if self.turn.begun.take().is_some() {
            work.restore(base, None)?;
        }
        self.heed();
        let mut step = self.book.tally.frontier.step(self.book.config.search.plateau);
        for trial in step.starts.iter().filter(|_| anywhere) {
            self.turn.begun = self.lay(work, base, *trial)?;
            if self.turn.begun.is_some() {
                break;
            }
        }
        if self.turn.begun.is_none() {
            step = from_incumbent(step);
        }
        let begun = self.turn.begun.map(|begun| begun.trial);
        if let Some(trial) = begun {
            self.world
                .progress
                .line(Tone::Dim, &format!("trial {next} begins as trial {trial}, a near miss"));
        }
        briefing::text(&self.book, &self.world.repo, next, left, &step, begun)
    }

    /// Whether the agent left `work` as it found it.
    ///
    /// # Errors
    /// When the worktree cannot be read.
    pub fn untouched(&self, work: &Repo) -> Result<bool> {
        match self.turn.begun {
            Some(begun) => work.matches_commit(begun.commit),
            None => Ok(work.dirty()?.is_empty()),
        }
    }

    /// Takes in the human's guidance. What is wrong with that file ends no climb.
    fn heed(&self) {
        let root = self.world.repo.directory(&self.book.run.site(&self.world.repo));
        match briefing::take_guidance(&self.book.ledger, &root, &self.book.run.name) {
            Ok(true) => {
                self.world.progress.line(Tone::Dim, "the guidance in .piton/guidance.md is new, and taken in")
            }
            Ok(false) => {}
            Err(error) => self.world.progress.line(Tone::Bad, &error.to_string()),
        }
    }

    /// Lays the edit of a trial over the incumbent, where it fits.
    fn lay(&self, work: &Repo, base: Id, trial: u32) -> Result<Option<Begun>> {
        let record = self.book.record(trial)?;
        let Some(edit) = record.commit.as_deref().and_then(|id| work.commit_id(id).ok()) else {
            return Ok(None);
        };
        let Some(commit) = work.commit_edit_onto(base, edit)? else { return Ok(None) };
        work.restore(commit, Some(&self.book.config.scope))?;
        Ok(Some(Begun { trial, commit, tree: work.tree_id(commit)? }))
    }

    /// An earlier trial whose edit is nearly that of `record`; it is named. Where what is remembered cannot be used, nobody is.
    pub(super) fn find_similar(&self, work: &Repo, base: Id, record: &Record) -> Option<Like> {
        let commit = work.commit_id(record.commit.as_deref()?).ok()?;
        if self.book.config.search.like == OnSimilar::Allow {
            return None;
        }
        let found = recall::like((&self.book.ledger, work), &record.run, (base, commit), record.begun_as);
        let progress = &self.world.progress;
        match found {
            Ok(found) => {
                let said = found.as_ref().map(|like| text::like(like, &self.book.config.metric));
                said.iter().for_each(|said| progress.line(Tone::Neutral, &format!("         {said}")));
                found
            }
            Err(error) => {
                progress.line(Tone::Dim, &format!("         not compared with earlier trials: {error}"));
                None
            }
        }
    }
}

/// The same step where the files are the incumbent's: near misses can still be put together by hand.
pub fn from_incumbent(step: NextProposal) -> NextProposal {
    let directive = if step.starts.is_empty() { step.directive } else { Directive::Combine };
    NextProposal { directive, starts: vec![] }
}
