//! The unattended climb: asks an agent for an edit, has it tried, and goes on until something says stop.
//!
//! When to stop is for `session` to say, what to tell the agent for `brief`.

use std::path::PathBuf;
use std::time::Duration;

use piton_confine::Level;

use crate::agent::{Agent, Desk, Proposed};
use crate::brief::Left;
use crate::clock::Stopwatch;
use crate::drive::Session;
use crate::error::Result;
use crate::flight::Owner;
use crate::git::Repo;
use crate::say::Tone;
use crate::session::{self, Budget, Spent, Stop};
use crate::trial::Outcome;
use crate::{book, standing};

/// What an agent is given.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// Limit on the wall clock of one proposal.
    pub timeout: Duration,
    /// What it may write besides its edit and what is its own.
    pub more: Vec<PathBuf>,
    /// The weakest walls that will do.
    pub least: Level,
}

impl Session<'_> {
    /// Climbs until the budget is spent.
    ///
    /// # Errors
    /// When piton itself fails. The trials recorded until then stand.
    pub fn climb(
        &mut self,
        work: &Repo,
        agent: &Agent,
        budget: &Budget,
        owner: Owner,
        desk: &Allowed,
        watch: Stopwatch,
    ) -> Result<Stop> {
        let mut spent = Spent::default();
        loop {
            spent.wall = watch.elapsed();
            spent.interrupted = self.world.runner.interrupted();
            if let Some(stop) = session::stop(budget, &spent) {
                if !spent.interrupted {
                    self.bundle(work, true, owner)?;
                }
                return Ok(stop);
            }
            let (book, config) = (&self.book, &self.book.config);
            if book.tally.unblinded.blind_is_due(config.rule.blind_after()) {
                self.blind(work, owner)?;
                continue;
            }
            let next = book.ledger.next_trial(&book.run.name)?;
            let left = Left {
                trials: budget.trials.map(|most| most.saturating_sub(spent.trials)),
                seconds: budget.wall.map(|most| most.saturating_sub(spent.wall).as_secs_f64()),
                ..Left::default()
            };
            let brief = self.brief(work, agent, owner, next, left)?;
            let (book, config) = (&self.book, &self.book.config);
            self.world.progress.doing(&format!("trial {next}: {} is thinking", agent.name()));
            let asked = Desk {
                worktree: work.root(),
                state: &work.git_dir(),
                editable: &config.scope.editable,
                more: &desk.more,
                least: desk.least,
                runner: &self.world.runner,
                knobs: &config.knobs,
                tried: &book.tally.tried,
                brief,
                logs: self.world.repo.state_dir().join("logs"),
                timeout: desk.timeout,
            };
            let (thinking, stance) = (Stopwatch::start(), work.stance(&self.branch()));
            let proposed = agent.propose(&asked)?;
            self.turn.seconds = thinking.seconds();
            self.turn.moved = stance.moved(&work.stance(&self.branch()));
            if !self.turn.moved.is_empty() {
                work.put_back(&stance)?;
            }
            self.world.progress.idle();
            let book = &self.book;
            let base = work.commit_id(book.incumbent().commit.as_deref().unwrap_or_default())?;
            let proposal = match proposed {
                Proposed::Exhausted => {
                    spent.exhausted = true;
                    continue;
                }
                Proposed::Interrupted => {
                    work.restore(base, if owner == Owner::Piton { None } else { Some(&config.scope) })?;
                    continue;
                }
                // A failed call is no trial; but what it edited before it failed is judged like any edit.
                Proposed::Failed(why) => {
                    self.world.progress.line(
                        Tone::Bad,
                        &format!("the agent failed: {why}; its output is in .git/piton/logs/agent.log"),
                    );
                    if self.untouched(work)? && self.turn.moved.is_empty() {
                        spent.idle += 1;
                        continue;
                    }
                    None
                }
                Proposed::Done(proposal) => proposal,
            };
            let record = self.trial(work, &proposal.unwrap_or_default(), owner)?;
            self.bundle(work, false, owner)?;
            spent.idle = if matches!(record.outcome, Outcome::NoEdit | Outcome::Tampered { .. }) {
                spent.idle + 1
            } else {
                0
            };
            spent.trials += 1;
        }
    }

    /// The last lines of a climb.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn summary(&self, stop: &Stop, wall_s: f64) -> Result<String> {
        let records = self.book.records()?;
        let results = book::table_path(&self.world.repo).display().to_string();
        let summary = standing::Summary {
            run: &self.book.run.name,
            records: &records,
            stopped: stop.words(),
            wall_s,
            results: &results,
        };
        Ok(standing::summary(&summary, &self.book.config.metric))
    }

    /// Makes the worktree what trial `next` begins with, and returns what the agent is told. The tuner starts from the incumbent: it
    /// says what it changed from there.
    fn brief(&mut self, work: &Repo, agent: &Agent, owner: Owner, next: u32, left: Left) -> Result<String> {
        self.set_out(work, next, left, owner == Owner::Piton && *agent != Agent::Tuner)
    }
}
