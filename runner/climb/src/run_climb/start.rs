//! What a proposal begins with, and what its agent is told.

use super::Climber;
use crate::briefing;
use crate::profile::{self, Profiled};
use crate::run_trial::Begun;
use piton_agent::Agent;
use piton_core::base::error::Result;
use piton_core::run::brief::Left;
use piton_core::run::next_start::{Directive, NextProposal};
use piton_core::trial::state::Owner;
use piton_system::git::Id;
use piton_system::terminal::Tone;

impl Climber<'_, '_> {
    /// Makes the worktree what proposal `next` begins with, and returns what its agent is told. Only in a worktree of piton's own may it
    /// be anything but the incumbent. The tuner starts from that: it says what it changed from there.
    pub(super) fn prepare_worktree(&mut self, next: u32, left: Left) -> Result<String> {
        let work = self.work;
        let anywhere = self.owner == Owner::Piton && *self.agent != Agent::Tuner;
        let base = work.commit_id(self.session.book.incumbent().committed()?)?;
        // The last proposal came to no trial: what it began with is not this one's.
        if self.begun.take().is_some() {
            work.restore(base, None)?;
        }
        self.heed();
        let mut step = self
            .session
            .book
            .tally
            .frontier
            .step_after(self.session.book.config.search.plateau, self.unedited);
        for trial in step.starts.iter().filter(|_| anywhere) {
            self.begun = self.lay(base, *trial)?;
            if self.begun.is_some() {
                break;
            }
        }
        if self.begun.is_none() {
            step = from_incumbent(step);
        }
        let begun = self.begun.map(|begun| begun.trial);
        if let Some(trial) = begun {
            self.session
                .world
                .progress
                .line(Tone::Dim, &format!("trial {next} begins as trial {trial}, a near miss"));
        }
        self.look(base)?;
        let hot = self.hot.as_ref().and_then(|(_, hot)| hot.as_ref());
        briefing::text(&self.session.book, &self.session.world.repo, next, left, &step, begun, hot)
    }

    /// Has a profiler look at the incumbent, once for each. Where none can, the climb goes on without and says so.
    fn look(&mut self, incumbent: Id) -> Result<()> {
        let known = self.hot.as_ref().is_some_and(|(of, _)| *of == incumbent);
        if known || !self.ascent.options.profile {
            return Ok(());
        }
        let (world, config) = (self.session.world, &self.session.book.config);
        let seen = profile::profile(world, config, incumbent, Some(&self.session.harness), None)?;
        let seen = match seen {
            Profiled::Seen(_, seen) => Some(seen),
            Profiled::Nothing(why, todo) => {
                let told =
                    format!("the incumbent was not profiled: {why}; {todo}. The climb goes on without");
                world.progress.line(Tone::Bad, &told);
                None
            }
        };
        self.hot = Some((incumbent, seen));
        Ok(())
    }

    /// Whether the agent left the worktree as it found it.
    pub(super) fn untouched(&self) -> Result<bool> {
        match self.begun {
            Some(begun) => self.work.matches_commit(begun.commit),
            None => Ok(self.work.dirty()?.is_empty()),
        }
    }

    /// Takes in the human's guidance. What is wrong with that file ends no climb.
    fn heed(&self) {
        let root = self.session.world.repo.directory(&self.session.book.run.site(&self.session.world.repo));
        match briefing::take_guidance(&self.session.book.ledger, &root, &self.session.book.run.name) {
            Ok(true) => self
                .session
                .world
                .progress
                .line(Tone::Dim, "the guidance in .piton/guidance.md is new, and taken in"),
            Ok(false) => {}
            Err(error) => self.session.world.progress.line(Tone::Bad, &error.to_string()),
        }
    }

    /// Lays the edit of a trial over the incumbent, where it fits.
    fn lay(&self, base: Id, trial: u32) -> Result<Option<Begun>> {
        let work = self.work;
        let record = self.session.book.record(trial)?;
        let Some(edit) = record.commit.as_deref().and_then(|id| work.commit_id(id).ok()) else {
            return Ok(None);
        };
        let Some(commit) = work.commit_edit_onto(base, edit)? else { return Ok(None) };
        work.restore(commit, Some(&self.session.book.config.scope))?;
        Ok(Some(Begun { trial, commit, tree: work.tree_id(commit)? }))
    }
}

/// The same step where the files are the incumbent's: near misses can still be put together by hand.
pub fn from_incumbent(step: NextProposal) -> NextProposal {
    let directive = if step.starts.is_empty() { step.directive } else { Directive::Combine };
    NextProposal { directive, starts: vec![] }
}
