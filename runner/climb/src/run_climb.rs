//! The unattended climb: asks an agent for an edit, has it tried, and goes on until something says stop.
//!
//! When to stop, whether a call counts and how long to wait is for `stopping` to say, what to tell the agent for `brief`.

mod hold;
mod hooks;
mod recipes;
mod start;
mod take_up;

use std::collections::BTreeSet;

use piton_core::base::level::Level;

use crate::run_store;
use crate::run_trial::{Begun, ProposalMeta, Session};
use piton_agent::kind::CostUnit;
use piton_agent::{Agent, CallContext, Reply};
use piton_core::base::error::Result;
use piton_core::run::brief::Left;
use piton_core::run::hot_lines::Profile;
use piton_core::run::stopping::{self, Ascent, Budget, Call, ClimbOptions, Spent, Stop};
use piton_core::run::summary;
use piton_core::trial::crash;
use piton_core::trial::record::{Outcome, Proposer};
use piton_core::trial::scope;
use piton_core::trial::state::Owner;
use piton_core::trial::text;
use piton_system::clock::{self, Stopwatch};
use piton_system::git::{Id, Repo};
use piton_system::ledger::Ledger;
use piton_system::process;
use piton_system::terminal::Tone;

pub use hold::{clear_stop_request, request_stop, stop_requested};
pub use start::from_incumbent;

/// A climb.
pub struct Climber<'a, 'w> {
    /// The run, and what carries out its trials.
    pub session: &'a mut Session<'w>,
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
    /// What the worktree begins with, where that is not the incumbent.
    pub begun: Option<Begun>,
    /// The incumbent that a profiler looked at last, and what it saw.
    pub hot: Option<(Id, Option<Profile>)>,
    /// Void trials whose edits do not fit the incumbent any more.
    pub passed: BTreeSet<u32>,
    /// Proposals since the last keep that changed nothing: the next is asked for something else all the same.
    pub unedited: u32,
}

impl Climber<'_, '_> {
    /// Climbs until the budget is spent.
    ///
    /// # Errors
    /// When piton itself fails. The trials recorded until then stand.
    pub fn climb(&mut self) -> Result<Stop> {
        let stop = self.go_on();
        let ascent = &mut self.ascent;
        ascent.waiting = None;
        ascent.stopped = Some(*stop.as_ref().unwrap_or(&Stop::Broken));
        if let Err(error) = &stop {
            ascent.trouble = Some(text::clean(&error.what, 300));
        }
        // Where piton has failed already, that is the error to tell.
        let kept = self.keep();
        self.run_stop_hook();
        let stop = stop?;
        kept.map(|()| stop)
    }

    fn go_on(&mut self) -> Result<Stop> {
        let (before, mut session, mut note) = (self.ascent.spent.wall, None::<String>, None::<String>);
        let budget = self.ascent.options.budget.clone();
        // What the last piton left outstanding.
        self.session.run_due_rechecks(self.work, false, self.owner)?;
        loop {
            self.take_up()?;
            let asked = self.asked_to_stop();
            let metric = &self.session.book.config.metric.name;
            let spent = &mut self.ascent.spent;
            spent.wall = before + self.watch.elapsed();
            spent.best = self.session.book.incumbent().value(metric);
            spent.interrupted = self.session.world.runner.interrupted();
            spent.asked = asked;
            let stop = stopping::stop(&budget, spent);
            let interrupted = spent.interrupted;
            self.keep()?;
            if let Some(stop) = stop {
                if !interrupted {
                    self.session.run_due_rechecks(self.work, true, self.owner)?;
                }
                return Ok(stop);
            }
            if self.session.book.tally.unblinded.blind_is_due(self.session.book.config.rule.blind_after()) {
                self.session.blind(self.work, self.owner)?;
                continue;
            }
            let (reply, turn) = self.ask(&budget, session.as_deref(), note.take())?;
            let made = self.take(reply, turn, &mut session)?;
            note = made.note;
            self.ascent.spent.wall = before + self.watch.elapsed();
            if !self.pause(&made.call)? {
                self.ascent.spent.barred = true;
            }
        }
    }

    /// Asks the agent for a proposal.
    fn ask(
        &mut self,
        budget: &Budget,
        session: Option<&str>,
        note: Option<String>,
    ) -> Result<(Reply, ProposalMeta)> {
        let (work, agent) = (self.work, self.agent);
        let next = self.session.book.ledger.next_trial(&self.session.book.run.name)?;
        let left = stopping::left(budget, &self.ascent.spent);
        let seconds = left.wall.map(|wall| wall.as_secs_f64());
        let left = Left { trials: left.trials, seconds, usd: left.usd, tokens: left.tokens };
        let mut brief = self.prepare_worktree(next, left)?;
        brief.extend(note.map(|note| format!("\n{note}\n")));
        let thinking = format!("{} is thinking", agent.name());
        self.session.world.progress.doing(&format!("trial {next}: {thinking}"));
        let deadline = left.seconds.map(|seconds| clock::unix() + seconds as u64);
        self.session.world.status_file.waiting_for_proposal(&thinking, deadline);
        let (book, config) = (&self.session.book, &self.session.book.config);
        let dir = scope::below(work.root(), &book.run.within);
        let context = CallContext {
            worktree: work.root(),
            dir: &dir,
            homes: &self.session.world.place.at()?.join("agents/climb"),
            editable: &config.scope.editable,
            more: &self.ascent.options.more,
            least: self.least,
            runner: &self.session.world.runner,
            knobs: &config.knobs,
            tried: &book.tally.tried,
            sweep: self.sweep()?,
            brief,
            prompt: None,
            logs: self.session.world.repo.state_dir().join("logs"),
            timeout: self.ascent.options.timeout,
            stall: self.ascent.options.stall,
            usd: left.usd,
            session,
        };
        let (thinking, repo_state) = (Stopwatch::start(), work.repo_state(&self.session.branch()));
        let reply = agent.propose(&context)?;
        let turn = ProposalMeta {
            seconds: thinking.seconds(),
            agent: None,
            moved: repo_state.moved(&work.repo_state(&self.session.branch())),
            begun: self.begun,
        };
        if !turn.moved.is_empty() {
            work.restore_state(&repo_state)?;
        }
        self.session.world.progress.idle();
        Ok((reply, turn))
    }

    /// Makes of a reply what it is: a trial, a failed call, or the end.
    fn take(
        &mut self,
        reply: Reply,
        mut turn: ProposalMeta,
        session: &mut Option<String>,
    ) -> Result<ReplyOutcome> {
        let (work, owner) = (self.work, self.owner);
        let left = |call: &Call| call.failed() || reply.idle != *call;
        let edited = !left(&reply.call) || !turn.moved.is_empty() || !self.untouched()?;
        let call = if edited { reply.call } else { reply.idle };
        self.ascent.spent.call(&call, &reply.cost);
        self.ascent.pending.add(&reply.cost);
        self.ascent.trouble = call.words();
        *session = reply.session.filter(|_| self.agent.keeps_session() && !call.failed());
        if let Some(words) = &self.ascent.trouble {
            let log = "its output is in .git/piton/logs/agent.log and agent.out";
            self.session.world.progress.line(Tone::Bad, &format!("the agent {words}; {log}"));
        }
        if call == Call::Exhausted {
            self.ascent.spent.exhausted = true;
            return Ok(ReplyOutcome { call, note: None });
        }
        // A failed call is no trial, unless what it left is a whole edit, or it moved what is not its own.
        let nothing = call.failed() && (!edited || !reply.whole) && turn.moved.is_empty();
        if call == Call::Interrupted || nothing {
            if edited {
                let base = work.commit_id(self.session.book.incumbent().committed()?)?;
                work.restore(
                    base,
                    if owner == Owner::Piton { None } else { Some(&self.session.book.config.scope) },
                )?;
            }
            if call != Call::Interrupted {
                self.ascent.spent.fail();
                // What is wrong with a command line does not pass, and too small a limit on a call neither.
                self.ascent.spent.idle += u32::from(!self.agent.may_recover() || call == Call::Spent);
                if let Some((trouble, note)) = self.denied() {
                    self.ascent.trouble = Some(trouble);
                    return Ok(ReplyOutcome { note: Some(note), call });
                }
            }
            return Ok(ReplyOutcome { note: stopping::note(&call), call });
        }
        turn.agent = self.agent.program().map(|name| Proposer {
            name,
            model: reply.model,
            end: call.word().to_owned(),
            cost: std::mem::take(&mut self.ascent.pending),
        });
        if !call.failed() && turn.moved.is_empty() && self.untouched()? {
            return self.unedited(call, turn);
        }
        self.begun = None;
        let record = self.session.trial(work, &reply.proposal, turn, owner)?;
        self.session.run_due_rechecks(work, false, owner)?;
        self.ascent.spent.trial(&record);
        if record.outcome.kept() {
            self.unedited = 0;
        }
        self.run_trial_hook(&record);
        let note = matches!(record.outcome, Outcome::NoEdit).then(|| stopping::note(&call)).flatten();
        let again = matches!(
            record.outcome,
            Outcome::NoEdit | Outcome::Duplicate { .. } | Outcome::Alike { .. } | Outcome::OutOfScope { .. }
        );
        let Some((trouble, more)) = again.then(|| self.denied()).flatten() else {
            return Ok(ReplyOutcome { call, note });
        };
        self.ascent.trouble = Some(trouble);
        Ok(ReplyOutcome { call, note: Some(note.map_or(more.clone(), |note| format!("{note}\n{more}"))) })
    }

    /// A proposal that changes nothing is no trial: it uses up no number.
    fn unedited(&mut self, call: Call, turn: ProposalMeta) -> Result<ReplyOutcome> {
        let beyond = turn
            .begun
            .map_or_else(String::new, |begun| format!(" beyond trial {}, which it began as", begun.trial));
        self.session.world.progress.line(Tone::Neutral, &format!("no trial: no edit{beyond}"));
        self.unedited += 1;
        self.ascent.spent.unedited();
        // The next trial pays for it.
        self.ascent.pending = turn.agent.map(|agent| agent.cost).unwrap_or_default();
        let note = stopping::note(&call);
        let Some((trouble, more)) = self.denied() else { return Ok(ReplyOutcome { call, note }) };
        self.ascent.trouble = Some(trouble);
        Ok(ReplyOutcome { call, note: Some(note.map_or(more.clone(), |note| format!("{note}\n{more}"))) })
    }

    /// Tells what the agent was not let do, where what it printed says so. Returns the same for the status, and for the next brief.
    fn denied(&self) -> Option<(String, String)> {
        let logs = self.session.world.repo.state_dir().join("logs");
        let line = ["agent.log", "agent.out"]
            .iter()
            .find_map(|name| crash::not_permitted(&process::tail(&logs.join(name), TAIL)))?;
        let scope = self.session.book.config.scope.editable.join(", ");
        let told = format!("something that it did was not permitted: `{}`", line.replace('`', "'"));
        self.session.world.progress.line(
            Tone::Bad,
            &format!(
                "the agent's output says that {told}; it may write {scope}, and what --allow-write opens"
            ),
        );
        let more = format!("In your last turn {told} (data). You may write only: {scope}, and $TMPDIR.");
        Some((format!("came to nothing new, and {told}"), more))
    }

    /// Keeps what is known of the climb where `piton status` and `piton resume` find it.
    fn keep(&self) -> Result<()> {
        let ascent = &self.ascent;
        self.session.book.ledger.set_mark(LAST, &ascent.run)?;
        self.session.book.ledger.set_mark(&mark(&ascent.run), ascent)
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

/// The last lines of a climb.
///
/// # Errors
/// When the ledger cannot be read.
pub fn summary(session: &Session, stop: &Stop, ascent: &Ascent, wall_s: f64) -> Result<String> {
    let records = session.book.records()?;
    let results = run_store::table_path(&session.book.ledger, &session.world.repo, &session.book.run)?
        .display()
        .to_string();
    let cost = (ascent.spent.cost.calls > 0).then(|| stopping::spent(&ascent.spent));
    let summary = summary::Summary {
        run: &session.book.run.name,
        records: &records,
        stopped: stop.words(),
        wall_s,
        spent: cost.as_deref(),
        trouble: ascent.trouble.as_deref(),
        results: &results,
    };
    Ok(summary::summary(&summary, &session.book.config.metric))
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
