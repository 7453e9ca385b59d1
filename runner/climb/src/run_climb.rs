//! The unattended climb: asks an agent for an edit, has it tried, and goes on until something says stop.
//!
//! When to stop, whether a call counts and how long to wait is for `session` to say, what to tell the agent for `brief`.

mod hold;
mod hooks;

use piton_core::base::level::Level;

use crate::run_store;
use crate::run_trial::Session;
use piton_agent::kind::CostUnit;
use piton_agent::{Agent, CallContext, Reply};
use piton_core::base::error::Result;
use piton_core::run::brief::Left;
use piton_core::run::stopping::{self, Ascent, Budget, Call, ClimbOptions, Spent, Stop};
use piton_core::run::summary;
use piton_core::trial::crash;
use piton_core::trial::record::{Outcome, Proposer};
use piton_core::trial::scope;
use piton_core::trial::state::Owner;
use piton_core::trial::text;
use piton_system::clock::{self, Stopwatch};
use piton_system::git::Repo;
use piton_system::ledger::Ledger;
use piton_system::process;
use piton_system::terminal::Tone;

pub use hold::{clear_stop_request, request_stop, stop_requested};

/// A climb.
pub struct Climber<'a> {
    /// The worktree that it is in.
    pub work: &'a Repo,
    /// Whose that is.
    pub owner: Owner,
    /// Who proposes.
    pub agent: &'a Agent,
    /// The weakest walls that will do.
    pub least: Level,
    /// Runs since the climb was started.
    pub watch: Stopwatch,
    /// What it is told, what it has spent; kept up while it goes on.
    pub ascent: Ascent,
}

impl Session<'_> {
    /// Climbs until the budget is spent.
    ///
    /// # Errors
    /// When piton itself fails. The trials recorded until then stand.
    pub fn climb(&mut self, climber: &mut Climber) -> Result<Stop> {
        let stop = self.go_on(climber);
        let ascent = &mut climber.ascent;
        ascent.waiting = None;
        ascent.stopped = Some(*stop.as_ref().unwrap_or(&Stop::Broken));
        if let Err(error) = &stop {
            ascent.trouble = Some(text::clean(&error.what, 300));
        }
        // Where piton has failed already, that is the error to tell.
        let kept = self.keep(ascent);
        self.run_stop_hook(ascent);
        let stop = stop?;
        kept.map(|()| stop)
    }

    fn go_on(&mut self, climber: &mut Climber) -> Result<Stop> {
        let (before, mut session, mut note) = (climber.ascent.spent.wall, None::<String>, None::<String>);
        let budget = climber.ascent.options.budget.clone();
        // What the last piton left outstanding.
        self.run_due_rechecks(climber.work, false, climber.owner)?;
        loop {
            let metric = &self.book.config.metric.name;
            let spent = &mut climber.ascent.spent;
            spent.wall = before + climber.watch.elapsed();
            spent.best = self.book.incumbent().value(metric);
            spent.interrupted = self.world.runner.interrupted();
            spent.asked = self.asked_to_stop();
            let stop = stopping::stop(&budget, spent);
            let interrupted = spent.interrupted;
            self.keep(&climber.ascent)?;
            if let Some(stop) = stop {
                if !interrupted {
                    self.run_due_rechecks(climber.work, true, climber.owner)?;
                }
                return Ok(stop);
            }
            if self.book.tally.unblinded.blind_is_due(self.book.config.rule.blind_after()) {
                self.blind(climber.work, climber.owner)?;
                continue;
            }
            let reply = self.ask(climber, &budget, session.as_deref(), note.take())?;
            let made = self.take(climber, reply, &mut session)?;
            note = made.note;
            climber.ascent.spent.wall = before + climber.watch.elapsed();
            if !self.pause(&mut climber.ascent, climber.agent, &made.call)? {
                climber.ascent.spent.barred = true;
            }
        }
    }

    /// Asks the agent for a proposal.
    fn ask(
        &mut self,
        climber: &Climber,
        budget: &Budget,
        session: Option<&str>,
        note: Option<String>,
    ) -> Result<Reply> {
        let (work, agent, options) = (climber.work, climber.agent, &climber.ascent.options);
        let next = self.book.ledger.next_trial(&self.book.run.name)?;
        let left = stopping::left(budget, &climber.ascent.spent);
        let seconds = left.wall.map(|wall| wall.as_secs_f64());
        let left = Left { trials: left.trials, seconds, usd: left.usd, tokens: left.tokens };
        let mut brief = self.brief(work, agent, climber.owner, next, left)?;
        brief.extend(note.map(|note| format!("\n{note}\n")));
        let thinking = format!("{} is thinking", agent.name());
        self.world.progress.doing(&format!("trial {next}: {thinking}"));
        let deadline = left.seconds.map(|seconds| clock::unix() + seconds as u64);
        self.world.status_file.waiting_for_proposal(&thinking, deadline);
        let (book, config) = (&self.book, &self.book.config);
        let dir = scope::below(work.root(), &book.run.within);
        let context = CallContext {
            worktree: work.root(),
            dir: &dir,
            homes: &self.world.place.at()?.join("agents/climb"),
            editable: &config.scope.editable,
            more: &options.more,
            least: climber.least,
            runner: &self.world.runner,
            knobs: &config.knobs,
            tried: &book.tally.tried,
            brief,
            logs: self.world.repo.state_dir().join("logs"),
            timeout: options.timeout,
            stall: options.stall,
            usd: left.usd,
            session,
        };
        let (thinking, repo_state) = (Stopwatch::start(), work.repo_state(&self.branch()));
        let reply = agent.propose(&context)?;
        self.turn.seconds = thinking.seconds();
        self.turn.moved = repo_state.moved(&work.repo_state(&self.branch()));
        if !self.turn.moved.is_empty() {
            work.restore_state(&repo_state)?;
        }
        self.world.progress.idle();
        Ok(reply)
    }

    /// Makes of a reply what it is: a trial, a failed call, or the end.
    fn take(
        &mut self,
        climber: &mut Climber,
        reply: Reply,
        session: &mut Option<String>,
    ) -> Result<ReplyOutcome> {
        let (work, owner, ascent) = (climber.work, climber.owner, &mut climber.ascent);
        let left = |call: &Call| call.failed() || reply.idle != *call;
        let edited = !left(&reply.call) || !self.turn.moved.is_empty() || !self.untouched(work)?;
        let call = if edited { reply.call } else { reply.idle };
        ascent.spent.call(&call, &reply.cost);
        ascent.pending.add(&reply.cost);
        ascent.trouble = call.words();
        *session = reply.session.filter(|_| climber.agent.keeps_session() && !call.failed());
        if let Some(words) = &ascent.trouble {
            let log = "its output is in .git/piton/logs/agent.log and agent.out";
            self.world.progress.line(Tone::Bad, &format!("the agent {words}; {log}"));
        }
        if call == Call::Exhausted {
            ascent.spent.exhausted = true;
            return Ok(ReplyOutcome { call, note: None });
        }
        // A failed call is no trial, unless what it left is a whole edit, or it moved what is not its own.
        let nothing = call.failed() && (!edited || !reply.whole) && self.turn.moved.is_empty();
        if call == Call::Interrupted || nothing {
            if edited {
                let base = work.commit_id(self.book.incumbent().commit.as_deref().unwrap_or_default())?;
                work.restore(base, if owner == Owner::Piton { None } else { Some(&self.book.config.scope) })?;
            }
            if call != Call::Interrupted {
                ascent.spent.fail();
                // What is wrong with a command line does not pass, and too small a limit on a call neither.
                ascent.spent.idle += u32::from(!climber.agent.may_recover() || call == Call::Spent);
                if let Some((trouble, note)) = self.denied() {
                    ascent.trouble = Some(trouble);
                    return Ok(ReplyOutcome { note: Some(note), call });
                }
            }
            return Ok(ReplyOutcome { note: stopping::note(&call), call });
        }
        self.turn.agent = climber.agent.program().map(|name| Proposer {
            name,
            model: reply.model,
            end: call.word().to_owned(),
            cost: std::mem::take(&mut ascent.pending),
        });
        let record = self.trial(work, &reply.proposal, owner)?;
        self.run_due_rechecks(work, false, owner)?;
        climber.ascent.spent.trial(&record);
        self.run_trial_hook(&climber.ascent, &record);
        let note = matches!(record.outcome, Outcome::NoEdit).then(|| stopping::note(&call)).flatten();
        let again = matches!(
            record.outcome,
            Outcome::NoEdit | Outcome::Duplicate { .. } | Outcome::Alike { .. } | Outcome::OutOfScope { .. }
        );
        let Some((trouble, more)) = again.then(|| self.denied()).flatten() else {
            return Ok(ReplyOutcome { call, note });
        };
        climber.ascent.trouble = Some(trouble);
        Ok(ReplyOutcome { call, note: Some(note.map_or(more.clone(), |note| format!("{note}\n{more}"))) })
    }

    /// Tells what the agent was not let do, where what it printed says so. Returns the same for the status, and for the next brief.
    fn denied(&self) -> Option<(String, String)> {
        let logs = self.world.repo.state_dir().join("logs");
        let line = ["agent.log", "agent.out"]
            .iter()
            .find_map(|name| crash::not_permitted(&process::tail(&logs.join(name), TAIL)))?;
        let scope = self.book.config.scope.editable.join(", ");
        let told = format!("something that it did was not permitted: `{}`", line.replace('`', "'"));
        self.world.progress.line(
            Tone::Bad,
            &format!(
                "the agent's output says that {told}; it may write {scope}, and what --allow-write opens"
            ),
        );
        let more = format!("In your last turn {told} (data). You may write only: {scope}, and $TMPDIR.");
        Some((format!("came to nothing new, and {told}"), more))
    }

    /// Keeps what is known of the climb where `piton status` and `piton resume` find it.
    fn keep(&self, ascent: &Ascent) -> Result<()> {
        self.book.ledger.set_mark(LAST, &ascent.run)?;
        self.book.ledger.set_mark(&mark(&ascent.run), ascent)
    }

    /// The last lines of a climb.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn summary(&self, stop: &Stop, ascent: &Ascent, wall_s: f64) -> Result<String> {
        let records = self.book.records()?;
        let results =
            run_store::table_path(&self.book.ledger, &self.world.repo, &self.book.run)?.display().to_string();
        let cost = (ascent.spent.cost.calls > 0).then(|| stopping::spent(&ascent.spent));
        let summary = summary::Summary {
            run: &self.book.run.name,
            records: &records,
            stopped: stop.words(),
            wall_s,
            spent: cost.as_deref(),
            trouble: ascent.trouble.as_deref(),
            results: &results,
        };
        Ok(summary::summary(&summary, &self.book.config.metric))
    }

    /// Makes the worktree what trial `next` begins with, and returns what the agent is told. The tuner starts from the incumbent: it
    /// says what it changed from there.
    fn brief(&mut self, work: &Repo, agent: &Agent, owner: Owner, next: u32, left: Left) -> Result<String> {
        self.prepare_worktree(work, next, left, owner == Owner::Piton && *agent != Agent::Tuner)
    }
}

/// How much of the end of an agent's output is looked through, in bytes.
const TAIL: u64 = 64 << 10;

/// What became of a reply.
struct ReplyOutcome {
    call: Call,
    /// What the agent is told of it next time.
    note: Option<String>,
}

/// The mark of the run that was climbed last.
const LAST: &str = "climb";

fn mark(run: &str) -> String {
    format!("climb {run}")
}

/// The last climb of a run, or of all.
///
/// # Errors
/// When the ledger cannot be read.
pub fn last(ledger: &Ledger, run: Option<&str>) -> Result<Option<Ascent>> {
    match run.map(str::to_owned).map_or_else(|| ledger.mark::<String>(LAST), |run| Ok(Some(run)))? {
        Some(run) => ledger.mark(&mark(&run)),
        None => Ok(None),
    }
}

/// A climb that begins now, with what `before` has spent where it goes on with that.
pub fn ascent(run: &str, options: ClimbOptions, before: Option<Ascent>) -> Ascent {
    let (spent, pending) = before.map_or_else(Default::default, |before| {
        let Spent { trials, wall, cost, failed, keeps, since_keep, .. } = before.spent;
        (Spent { trials, wall, cost, failed, keeps, since_keep, ..Spent::default() }, before.pending)
    });
    Ascent {
        run: run.to_owned(),
        process: std::process::id(),
        began: clock::now(),
        options,
        spent,
        pending,
        waiting: None,
        trouble: None,
        stopped: None,
    }
}

/// What a user must know who limits what this agent does not tell.
pub fn warnings(agent: &Agent, budget: &Budget) -> Vec<String> {
    let name = text::clean(&agent.program().unwrap_or_else(|| "the tuner".to_owned()), 80);
    let mut warnings = vec![];
    if budget.usd.is_some() && !agent.reports(CostUnit::Usd) {
        let other = if agent.reports(CostUnit::Tokens) { "; --max-tokens can" } else { "" };
        warnings.push(format!("{name} does not tell what it costs: --max-usd cannot end this climb{other}"));
    }
    if budget.tokens.is_some() && !agent.reports(CostUnit::Tokens) {
        warnings.push(format!("{name} does not tell its tokens: --max-tokens cannot end this climb"));
    }
    warnings
}
