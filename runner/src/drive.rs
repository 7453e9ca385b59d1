//! Carries a run out: begins it, tries challengers, applies verdicts.
//!
//! The driver decides nothing. What is in scope, what a gate says, what the rule says and when to stop are
//! answers that it asks for and obeys. Its own business is order: objects, then the ref that keeps them, then
//! the ledger row, synced, then the branch, then the worktree and the table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::agent::{Agent, Desk, Proposed};
use crate::build::Built;
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::git::{Id, Repo};
use crate::judge::Judge;
use crate::ledger::{self, Ledger, Lock, Run};
use crate::say::Tone;
use crate::session::{self, Budget, Spent, Stop};
use crate::trial::{Outcome, Record, Seconds, Status};
use crate::world::World;
use crate::{confine, expensive, host, monitor, report, standing, words};

/// What a climb leaves in a checkout and git overlooks.
pub const LEFT_BEHIND: [&str; 3] = ["/results.tsv", "/run.log", "/.piton/"];

/// A run in progress, and the lock on the repository.
pub struct Session<'w> {
    /// Where it happens.
    pub world: &'w World,
    /// Held for as long as the run is in progress.
    pub lock: Lock,
    /// What is remembered.
    pub ledger: Ledger,
    /// The sealed experiment.
    pub config: Config,
    /// The run.
    pub run: Run,
    /// The sealed tree and the harness.
    pub harness: Built,
}

/// Whose worktree it is: what is not judged stays in the user's, and is cleared from piton's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user's checkout, or one that an agent drives by hand.
    User,
    /// A worktree that `climb` made.
    Piton,
}

impl Session<'_> {
    /// All records of the run.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.ledger.records(&self.run.name)
    }

    /// Name of the run's branch.
    pub fn branch(&self) -> String {
        format!("piton/{}", self.run.name)
    }

    fn table(&self) -> PathBuf {
        self.world.repo.main_root().join("results.tsv")
    }

    /// Prints `results.tsv` anew.
    ///
    /// # Errors
    /// A disk that refuses; the file is then as it was.
    pub fn print_table(&self) -> Result<()> {
        ledger::print_tsv(&self.table(), &self.records()?, &self.config.metric)
    }

    fn incumbent(&self) -> Result<Record> {
        let records = self.records()?;
        expensive::incumbent(&records)
            .cloned()
            .ok_or_else(|| Error::new(format!("run {} has no baseline", self.run.name)))
    }

    /// Carries out a keep that was recorded before somebody pulled the plug.
    ///
    /// # Errors
    /// When somebody moved the branch.
    pub fn settle_branch(&self) -> Result<()> {
        let incumbent = self.incumbent()?;
        let repo = &self.world.repo;
        let should = repo.commit_id(incumbent.commit.as_deref().unwrap_or_default())?;
        let branch = self.branch();
        match repo.get_ref(&format!("refs/heads/{branch}")) {
            Some(is) if is == should => Ok(()),
            None => repo.create_branch(&branch, should),
            Some(is) if self.failed_bundle()? == Some(is.to_string()) => {
                repo.advance(&branch, is, should, "piton: a recorded bundle failed")
            }
            Some(is) if incumbent.parent.as_deref() == Some(&is.to_string()) => {
                repo.advance(&branch, is, should, "piton: recorded keep")
            }
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

    /// The commit that failed in a bundle, where that is the last thing recorded.
    fn failed_bundle(&self) -> Result<Option<String>> {
        let last = self.records()?.pop();
        Ok(last.filter(|r| matches!(r.outcome, Outcome::Bundle { holds: false, .. })).and_then(|r| r.commit))
    }

    /// One trial of what stands in `work`, from edit to row.
    ///
    /// # Errors
    /// When the worktree is not on the run's branch, or piton itself fails. What the challenger does is an outcome.
    pub fn trial(&mut self, work: &Repo, description: Option<&str>, owner: Owner) -> Result<Record> {
        let watch = Stopwatch::start();
        let incumbent = self.incumbent()?;
        let base = work.commit_id(incumbent.commit.as_deref().unwrap_or_default())?;
        let head = work.head()?;
        if head.branch != self.branch() || head.commit != base {
            return Err(Error::refused("the trial did not start: HEAD is not the incumbent of this run")
                .cause(format!("{} is at {}; {} expects {base}", head.branch, head.commit, self.branch()))
                .note("nothing was changed")
                .hint(format!("git switch {}", self.branch())));
        }
        self.world.runner.transcribe(&self.world.repo.main_root().join("run.log"))?;
        let scope = &self.config.scope;
        let number = self.ledger.next_trial(&self.run.name)?;
        let mut record = blank(&self.run, number, &self.config);
        record.parent = Some(base.to_string());

        let entries = work.entries(scope)?;
        let sizes: Vec<(String, u32, u64)> =
            entries.iter().map(|e| (e.path.clone(), e.mode, e.content.len() as u64)).collect();
        let outside = work.changed_outside(base, scope)?;
        let refused: Vec<String> = outside.iter().cloned().chain(scope.violations(&sizes)).collect();
        let tree = work.write_tree(base, scope, &entries, &outside)?;
        let edited = tree != work.tree_id(base)? || !refused.is_empty();
        if edited {
            let commit = work.commit(
                tree,
                base,
                &report::proposal_message(description.unwrap_or("a proposal"), &self.run.name, number),
            )?;
            work.set_ref(&self.trial_ref(number), commit, "piton: challenger")?;
            record.commit = Some(commit.to_string());
            record.changes = Some(self.changes(work, base, commit)?);
            record.since_baseline = Some(self.changes(work, work.commit_id(&self.run.base)?, commit)?);
        }
        record.description = match (description, &record.changes) {
            (Some(text), _) => text.to_owned(),
            (None, Some(changes)) => changes.headline(),
            (None, None) => "no edit".to_owned(),
        };
        self.announce(&record);
        let twin = self.ledger.judged(&self.run.name, Some(&tree.to_string()), None)?;
        record.outcome = match twin {
            _ if !refused.is_empty() => Outcome::OutOfScope { paths: refused },
            _ if !edited => Outcome::NoEdit,
            Some(of) => Outcome::Duplicate { of },
            None => self.court().judge(work, base, &self.records()?, &incumbent, &mut record)?,
        };
        record.seconds.total = watch.seconds();
        self.world.progress.idle();
        self.conclude(work, base, tree, record, owner)
    }

    /// A trial of the incumbent against itself: what the rule says of a change that does nothing.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn blind(&mut self, work: &Repo) -> Result<Record> {
        let watch = Stopwatch::start();
        let (incumbent, records) = (self.incumbent()?, self.records()?);
        let base = work.commit_id(incumbent.commit.as_deref().unwrap_or_default())?;
        let number = self.ledger.next_trial(&self.run.name)?;
        let mut record = blank(&self.run, number, &self.config);
        (record.parent, record.commit) = (Some(base.to_string()), Some(base.to_string()));
        record.description = "the incumbent against itself".to_owned();
        work.set_ref(&self.trial_ref(number), base, "piton: blind trial")?;
        self.announce(&record);
        record.outcome = self.court().blind(base, &records, &incumbent, &mut record)?;
        record.seconds.total = watch.seconds();
        self.world.progress.idle();
        self.conclude(work, base, work.tree_id(base)?, record, Owner::User)
    }

    /// Puts the provisional keeps to the test, where enough of them wait, or `all` are wanted. Where they fail, the branch goes back.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn bundle(&mut self, work: &Repo, all: bool) -> Result<()> {
        let watch = Stopwatch::start();
        let records = self.records()?;
        let Some((verified, waiting)) = expensive::bundle(&records, all) else { return Ok(()) };
        let incumbent = *waiting.last().expect("a bundle holds something");
        let id = |record: &Record| work.commit_id(record.commit.as_deref().unwrap_or_default());
        let ids = (id(verified)?, id(incumbent)?);
        let trials: Vec<u32> = waiting.iter().map(|record| record.trial).collect();
        let number = self.ledger.next_trial(&self.run.name)?;
        let mut record = blank(&self.run, number, &self.config);
        (record.parent, record.commit) = (Some(ids.0.to_string()), Some(ids.1.to_string()));
        record.description = format!("{} together", words::plural(trials.len(), "provisional keep"));
        work.set_ref(&self.trial_ref(number), ids.1, "piton: bundle")?;
        self.announce(&record);
        record.outcome = self.court().bundle(ids, (verified, incumbent), &records, trials, &mut record)?;
        record.seconds.total = watch.seconds();
        self.world.progress.idle();
        let back = matches!(record.outcome, Outcome::Bundle { holds: false, .. });
        self.conclude(work, ids.1, work.tree_id(ids.1)?, record, Owner::User)?;
        if back {
            work.advance(&self.branch(), ids.1, ids.0, "piton: a bundle failed")?;
            work.restore(ids.0, Some(&self.config.scope))?;
        }
        Ok(())
    }

    fn court(&self) -> Judge<'_> {
        Judge { world: self.world, config: &self.config, harness: &self.harness, ledger: &self.ledger }
    }

    /// Row first, then the branch, then the worktree and the table.
    fn conclude(
        &mut self,
        work: &Repo,
        base: Id,
        tree: Id,
        mut record: Record,
        owner: Owner,
    ) -> Result<Record> {
        if record.outcome.kept() {
            let commit = work.commit(tree, base, &report::keep_message(&record, self.config.rule.alpha))?;
            work.set_ref(&self.trial_ref(record.trial), commit, "piton: kept")?;
            record.commit = Some(commit.to_string());
        }
        self.ledger.record(&record, record.commit.as_ref().map(|_| tree.to_string()).as_deref())?;
        let tone = match record.outcome.status() {
            Status::Keep => Tone::Good,
            Status::Discard => Tone::Neutral,
            Status::Crash => Tone::Bad,
        };
        self.world
            .progress
            .line(tone, &format!("         {}\n", words::verdict(&record, self.config.rule.alpha)));
        if record.outcome.kept() {
            let commit = work.commit_id(record.commit.as_deref().unwrap_or_default())?;
            work.advance(&self.branch(), base, commit, &format!("piton: keep trial {}", record.trial))?;
            work.restore(commit, Some(&self.config.scope))?;
        } else {
            match owner {
                Owner::Piton => work.restore(base, None)?,
                Owner::User
                    if record.outcome.settles() && !matches!(record.outcome, Outcome::OutOfScope { .. }) =>
                {
                    work.restore(base, Some(&self.config.scope))?;
                }
                Owner::User => {}
            }
        }
        self.print_table()?;
        Ok(record)
    }

    fn trial_ref(&self, number: u32) -> String {
        format!("refs/piton/{}/trials/{number}", self.run.name)
    }

    fn changes(&self, work: &Repo, from: Id, to: Id) -> Result<monitor::Changes> {
        let diff = work.diff(from, to)?;
        let (before, after) =
            (work.sources(from, &self.config.scope)?, work.sources(to, &self.config.scope)?);
        Ok(monitor::compare(&before, &after, (diff.added, diff.removed), &self.config.trade_offs))
    }

    fn announce(&self, record: &Record) {
        let progress = &self.world.progress;
        progress.line(
            Tone::Plain,
            &format!("trial {:<3} {}", record.trial, words::clean(&record.description, 200)),
        );
        let lines = record.changes.iter().flat_map(monitor::Changes::lines);
        lines.filter(|line| !record.description.contains(line)).for_each(|line| {
            progress.line(Tone::Dim, &format!("         {}", words::clean(&line, 200)));
        });
    }

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
        agent_timeout: Duration,
        watch: Stopwatch,
    ) -> Result<Stop> {
        let mut spent = Spent::default();
        loop {
            spent.wall = watch.elapsed();
            spent.interrupted = self.world.runner.interrupted();
            if let Some(stop) = session::stop(budget, &spent) {
                if !spent.interrupted {
                    self.bundle(work, true)?;
                }
                return Ok(stop);
            }
            if session::blind_is_due(self.config.rule.blind_after(), &self.records()?) {
                self.blind(work)?;
                continue;
            }
            let (records, next) = (self.records()?, self.ledger.next_trial(&self.run.name)?);
            let brief = report::brief(
                &self.run.name,
                &records,
                &self.config.metric,
                &self.config.scope.editable,
                next,
            );
            self.world.progress.doing(&format!("trial {next}: {} is thinking", agent.name()));
            let desk = Desk {
                worktree: work.root(),
                runner: &self.world.runner,
                knobs: &self.config.knobs,
                records: &records,
                brief,
                logs: self.world.repo.state_dir().join("logs"),
                timeout: agent_timeout,
            };
            let proposed = agent.propose(&desk)?;
            self.world.progress.idle();
            let base = work.commit_id(self.incumbent()?.commit.as_deref().unwrap_or_default())?;
            let description = match proposed {
                Proposed::Exhausted => {
                    spent.exhausted = true;
                    continue;
                }
                Proposed::Interrupted => {
                    work.restore(base, if owner == Owner::Piton { None } else { Some(&self.config.scope) })?;
                    continue;
                }
                // A failed call is no trial; but what it edited before it failed is judged like any edit.
                Proposed::Failed(why) => {
                    self.world.progress.line(
                        Tone::Bad,
                        &format!("the agent failed: {why}; its output is in .git/piton/logs/agent.log"),
                    );
                    if work.dirty()?.is_empty() {
                        spent.idle += 1;
                        continue;
                    }
                    None
                }
                Proposed::Done(description) => description,
            };
            let record = self.trial(work, description.as_deref(), owner)?;
            self.bundle(work, false)?;
            spent.idle = if record.outcome == Outcome::NoEdit { spent.idle + 1 } else { 0 };
            spent.trials += 1;
        }
    }

    /// The last lines of a climb.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn summary(&self, stop: &Stop, wall_s: f64) -> Result<String> {
        let records = self.records()?;
        let results = self.table().display().to_string();
        let summary = standing::Summary {
            run: &self.run.name,
            records: &records,
            stopped: stop.words(),
            wall_s,
            results: &results,
        };
        Ok(standing::summary(&summary, &self.config.metric))
    }
}

/// A record of this run with nothing in it yet.
pub fn blank(run: &Run, trial: u32, config: &Config) -> Record {
    Record {
        run: run.name.clone(),
        trial,
        description: String::new(),
        started: clock::now(),
        commit: None,
        parent: None,
        outcome: Outcome::NoEdit,
        metrics: None,
        pairs: vec![],
        runs: vec![],
        reference: vec![],
        void_pairs: vec![],
        tau: None,
        resolves: None,
        asked: vec![],
        gates: vec![],
        changes: None,
        since_baseline: None,
        artifact: None,
        seed: None,
        seconds: Seconds::default(),
        harness: run.harness.clone(),
        seal: run.seal.clone(),
        rule: config.rule.name(),
        confinement: confine::level(),
        machine: host::machine(),
        piton: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Where `climb` makes its worktree: below the ignored `.piton/`, outside `.git`, which some agents cannot write.
pub fn worktree_path(root: &Path, run: &str) -> PathBuf {
    root.join(".piton/work").join(run)
}
