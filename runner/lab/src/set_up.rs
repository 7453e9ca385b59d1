//! An agent completes the draft of an experiment: it is asked, held to what an experiment of its may say, and told what a try came to.
//!
//! It works in the user's checkout behind the walls of any agent, and may write there in one directory of its own, which holds copies of the
//! files. Nothing that it says is believed: its files are read from there, refused or tried, and tried once more with everything emptied
//! that they let an agent edit.

mod brief;
mod chosen;
mod refusals;
mod room;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use crate::doctor::Attempt;
use crate::draft::{Draft, Facts};
use crate::try_once::{self, Files};
use piton_agent::{Agent, CallContext};
use piton_climb::context::World;
use piton_core::base::error::{Context, Error, Result};
use piton_core::run::stopping::{Call, ClimbOptions};
use piton_core::trial::record::Cost;
use piton_core::trial::scope::{EXECUTABLE, FILE};
use piton_core::trial::text::clean;
use piton_system::config::{self, Config};
use piton_system::git::Id;
use piton_system::process;
use piton_system::terminal::Tone;

pub use room::Room;

/// How often an agent is asked.
pub const ROUNDS: usize = 3;
/// Where its output goes, in the state of the repository: that of a climb's agent is another's.
pub const LOGS: &str = "logs/init";
/// What does not happen where this fails.
pub const WHAT: &str = "the agent set nothing up";

/// Who is asked, and about what.
pub struct SetUp<'a> {
    /// The repository, the processes, the walls.
    pub world: &'a World,
    /// A fresh one, for a try.
    pub anew: &'a dyn Fn() -> Result<World>,
    /// Who is asked.
    pub agent: &'a Agent,
    /// How it is called.
    pub options: &'a ClimbOptions,
    /// The directory of the experiment.
    pub dir: &'a Path,
    /// Where that lies in the repository.
    pub within: &'a str,
    /// The commit that the experiment is laid over.
    pub head: Id,
    /// What is known of the directory.
    pub facts: &'a Facts,
    /// What piton would measure, the chosen one first.
    pub candidates: &'a [Draft],
    /// Names of the files that the agent may write.
    pub names: &'a [&'a str],
    /// Whether an experiment is there already, which is to be mended.
    pub standing: bool,
    /// What else would be committed.
    pub beside: &'a Files,
    /// What the user wants, in his words.
    pub say: Option<&'a str>,
}

/// One time that the agent was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Round {
    /// How its call ended, where that was not in order.
    pub call: Option<String>,
    /// Why its files were not tried.
    pub refused: Vec<String>,
    /// What the try of its files came to.
    pub tried: Option<Attempt>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetUpReport {
    /// The agent.
    pub agent: String,
    /// Each time that it was asked.
    pub rounds: Vec<Round>,
    /// What it chose, read from its files.
    pub chose: Vec<String>,
    /// What it changed of the draft.
    pub diff: String,
    /// What it has cost.
    pub cost: Cost,
    /// Whether its files hold.
    pub holds: bool,
    /// Its files as they were at last.
    #[serde(skip)]
    pub files: Files,
}

impl SetUp<'_> {
    /// Asks until its files hold, and no more often than [`ROUNDS`]. `drafted` is what it begins with, `tried` what that came to.
    ///
    /// # Errors
    /// Ctrl-C, and when piton itself fails: the checkout is then as it was.
    pub fn run(&self, drafted: &Files, tried: Option<&Attempt>) -> Result<SetUpReport> {
        let room = Room::open(self.dir)?;
        let name = self.agent.name();
        let mut report = SetUpReport {
            agent: self.agent.program().unwrap_or_else(|| name.to_owned()),
            rounds: vec![],
            chose: vec![],
            diff: String::new(),
            cost: Cost::default(),
            holds: false,
            files: drafted.clone(),
        };
        room.lay(drafted)?;
        while report.rounds.len() < ROUNDS && !report.holds {
            let told = brief::brief(self, tried, &report.rounds);
            let doing = format!(
                "{} is at work on the experiment, round {} of {ROUNDS}",
                report.agent,
                report.rounds.len() + 1
            );
            self.world.begin_long(&doing);
            let call = self.ask(told, &mut report.cost)?;
            self.world.progress.idle();
            let mut round = Round { call: call.words(), ..Round::default() };
            let ended = call.failed() && !matches!(call, Call::Failed(_) | Call::Spent);
            if !ended {
                match room.take(self.names) {
                    Ok(files) if files == report.files => {
                        round.refused.push("the files are as they were before it was asked".to_owned());
                    }
                    Ok(files) => {
                        report.files = files;
                        self.judge(drafted, &report.files, &mut round)?;
                    }
                    Err(why) => round.refused = why,
                }
            }
            report.holds = round.holds();
            if let Some(why) = round.why() {
                self.world
                    .progress
                    .line(Tone::Neutral, &format!("round {}: {}", report.rounds.len() + 1, clean(&why, 300)));
            }
            report.rounds.push(round);
            let spent = report.cost.usd.unwrap_or_default();
            if ended || self.options.budget.usd.is_some_and(|most| spent >= most) {
                break;
            }
        }
        if report.holds {
            let (from, to) = (self.commit(drafted)?, self.commit(&report.files)?);
            report.diff = self.world.repo.diff(from, to)?.text;
            report.chose = chosen::lines(&self.config(&report.files)?);
        }
        Ok(report)
    }

    fn ask(&self, brief: String, cost: &mut Cost) -> Result<Call> {
        let context = CallContext {
            worktree: self.world.repo.root(),
            dir: self.dir,
            homes: &self.world.place.at()?.join("agents/init"),
            editable: &[],
            more: &self.options.more,
            least: self.world.walls.found().level,
            runner: &self.world.runner,
            knobs: &[],
            tried: &BTreeSet::new(),
            sweep: None,
            brief,
            prompt: Some(&brief::prompt(self.names)),
            logs: self.world.repo.state_dir().join(LOGS),
            timeout: self.options.timeout,
            stall: self.options.stall,
            usd: self.options.budget.usd.map(|most| most - cost.usd.unwrap_or(0.0)),
            session: None,
        };
        std::fs::create_dir_all(&context.logs).context(WHAT)?;
        let reply = self.agent.propose(&context)?;
        cost.add(&reply.cost);
        self.go_on()?;
        Ok(reply.call)
    }

    /// Whether the user has not stopped it.
    fn go_on(&self) -> Result<()> {
        if !self.world.runner.interrupted() {
            return Ok(());
        }
        Err(Error::new(WHAT)
            .cause(process::STOPPED)
            .note("nothing was written; the checkout is as it was")
            .status(130))
    }

    /// Refuses the files, or tries them.
    fn judge(&self, drafted: &Files, files: &Files, round: &mut Round) -> Result<()> {
        let config = match self.config(files) {
            Ok(config) => config,
            Err(error) => {
                round.refused.push(error.cause.unwrap_or(error.what));
                return Ok(());
            }
        };
        let paths: Vec<&str> = self.facts.files.keys().map(String::as_str).collect();
        round.refused = refusals::refusals(&config, self.config(drafted).ok().as_ref(), &paths);
        if !round.refused.is_empty() {
            return Ok(());
        }
        let attempt = try_once::attempt_with((self.anew)()?, self.head, self.within, &self.all(files))?;
        self.go_on()?;
        let measured = attempt.failed.is_none();
        round.tried = Some(attempt);
        if measured {
            round.refused.extend(self.emptied(&config, files)?);
        }
        Ok(())
    }

    /// Tries the files once more with everything empty that may be edited. Returns why they do not hold, where that is measured all the same.
    fn emptied(&self, config: &Config, files: &Files) -> Result<Option<String>> {
        let commit = self.commit(files)?;
        let start = piton_core::trial::scope::join(self.within, "");
        let own = |path: &str| path.strip_prefix(&start).map(|path| (path.to_owned(), vec![]));
        let held = self.world.repo.held(commit, &config.scope)?;
        let plain = held.iter().filter(|(_, mode, _)| matches!(*mode, FILE | EXECUTABLE));
        let empty: Files = plain.filter_map(|(path, ..)| own(path)).collect();
        let emptied = try_once::committed(&self.world.repo, commit, self.within, &empty)?;
        self.world.progress.line(
            Tone::Dim,
            "the same once more with every editable file emptied, which may not be measured",
        );
        let attempt = try_once::attempt_of((self.anew)()?, config, emptied)?;
        self.go_on()?;
        Ok(attempt.measured.map(|measured| {
            format!(
                "with every editable file emptied it is built, checked and measured all the same ({measured}): what may be edited does not \
                 decide the figure, or nothing checks that the program still works. Measure and check what the editable files do"
            )
        }))
    }

    fn config(&self, files: &Files) -> Result<Config> {
        Ok(Config::parse_new(&config::text(files.get(config::FILE).cloned())?)?.rooted(self.within))
    }

    /// The files with what else would be committed.
    fn all(&self, files: &Files) -> Files {
        self.beside.iter().chain(files).map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    fn commit(&self, files: &Files) -> Result<Id> {
        try_once::committed(&self.world.repo, self.head, self.within, &self.all(files))
    }
}

impl Round {
    /// Whether its files were tried, and hold.
    fn holds(&self) -> bool {
        self.refused.is_empty() && self.tried.as_ref().is_some_and(|tried| tried.failed.is_none())
    }

    /// Why its files do not hold, where they do not.
    pub fn why(&self) -> Option<String> {
        if self.holds() {
            return None;
        }
        let tried = self.tried.as_ref().and_then(|tried| tried.failed.clone());
        let call = self.call.as_ref().map(|call| format!("the agent {call}"));
        let all: Vec<String> = self.refused.iter().cloned().chain(tried).collect();
        if all.is_empty() {
            call.or_else(|| Some("it left nothing to try".to_owned()))
        } else {
            Some(all.join("; "))
        }
    }
}
