//! Who proposes: the built-in tuner, a known agent by its adapter, or any command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use piton_core::base::level::Level;

use piton_core::base::error::{Context, Error, Result};
use piton_core::run::recipes::{self, Knobs};
use piton_core::run::stopping::{Call, ClimbOptions};
use piton_core::run::tuner::{self, Knob};
use piton_core::trial::proposal::Proposal;
use piton_core::trial::record::Cost;
use piton_core::trial::text::clean;
use piton_server::recipe::TrialRecipe;
use piton_system::beneath;
use piton_system::config::Config;
use piton_system::process::{self, Runner};

use super::ask::{CalledAgent, ask};
use super::kind::{AgentKind, CostUnit};

/// A proposer.
#[derive(Debug, Clone, PartialEq)]
pub enum Agent {
    /// Tries the declared values of the declared constants.
    Tuner,
    /// One that piton knows how to start and to read.
    Known(Box<KnownAgent>),
    /// A command line for `sh`, run in the worktree.
    Command(String),
}

/// A known agent, as the user wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownAgent {
    pub(super) kind: AgentKind,
    /// Its program, by its whole path.
    pub(super) program: String,
    pub(super) model: Option<String>,
    pub(super) words: Vec<String>,
    pub(super) turns: Option<u32>,
    pub(super) same_session: bool,
}

/// What a proposer came back with. Whether there is an edit is for the trial to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// How the call ended.
    pub call: Call,
    /// The same, where it turns out that there is no edit.
    pub idle: Call,
    /// What it says of its edit.
    pub proposal: Proposal,
    /// Whether an edit that it left is a whole one, though the call may have failed.
    pub whole: bool,
    /// What the call has cost.
    pub cost: Cost,
    /// The model, where it tells.
    pub model: Option<String>,
    /// The session that it can go on with.
    pub session: Option<String>,
}

impl Reply {
    pub(super) fn of(call: Call, description: Option<String>) -> Self {
        let proposal = Proposal::described(description);
        let cost = Cost::default();
        Self { idle: call.clone(), call, proposal, whole: true, cost, model: None, session: None }
    }
}

/// What a proposer may know.
pub struct CallContext<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The directory of the experiment there: where it is started.
    pub dir: &'a Path,
    /// Where private settings of agents lie.
    pub homes: &'a Path,
    /// Editable paths.
    pub editable: &'a [String],
    /// What the user lets it write besides.
    pub more: &'a [PathBuf],
    /// The weakest walls that will do.
    pub least: Level,
    /// What starts commands.
    pub runner: &'a Runner,
    /// Constants that the tuner tries.
    pub knobs: &'a [Knob],
    /// Settings of them that were tried in this run.
    pub tried: &'a BTreeSet<(String, String)>,
    /// What the tuner goes by where trials are recipes of a model server.
    pub sweep: Option<SweepContext<'a>>,
    /// Text of the brief.
    pub brief: String,
    /// What a known agent is told, where it is not to propose an edit: the brief says the rest.
    pub prompt: Option<&'a str>,
    /// Where output goes.
    pub logs: PathBuf,
    /// Limit on a command's wall clock.
    pub timeout: Duration,
    /// Limit on the time without a word or an edit.
    pub stall: Duration,
    /// Money that is left, in US dollars, where there is a limit.
    pub usd: Option<f64>,
    /// The session to go on with.
    pub session: Option<&'a str>,
}

/// What the tuner goes by where trials are recipes.
pub struct SweepContext<'a> {
    /// The experiment.
    pub config: &'a Config,
    /// Its recipe, in the worktree.
    pub recipe: String,
    /// What was tried in this run.
    pub tried: BTreeSet<Knobs>,
    /// The run's seed.
    pub seed: u64,
}

impl CallContext<'_> {
    /// The editable paths from where it is started.
    pub(super) fn places(&self) -> Vec<String> {
        let short = |path: &String| {
            let full = self.worktree.join(path);
            full.strip_prefix(self.dir)
                .map_or_else(|_| path.clone(), |path| path.to_string_lossy().into_owned())
        };
        self.editable.iter().map(short).collect()
    }
}

impl Agent {
    /// The agent that `options` name; `dir` is where a file with an adapter is looked for. An error says that `what` did not happen.
    ///
    /// # Errors
    /// One that is not installed, an adapter that cannot be read, an option that it does not have.
    pub fn choose(options: &ClimbOptions, dir: &Path, what: &str) -> Result<Self> {
        let text = options.agent.as_str();
        let kind = match AgentKind::known(text) {
            Some(kind) => kind,
            None if is_file(text) => AgentKind::read(text.as_ref(), dir, what)?,
            None => {
                let given = [
                    ("--model", options.model.is_some()),
                    ("--agent-args", !options.words.is_empty()),
                    ("--agent-turns", options.turns.is_some()),
                    ("--same-session", options.same_session),
                ];
                if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
                    return Err(Error::usage(what)
                        .cause(format!(
                            "{option} is for an agent that piton knows, and `{}` is none",
                            clean(text, 80)
                        ))
                        .note("nothing was started and nothing was changed")
                        .hint("`piton agents` lists those that it knows"));
                }
                return Ok(if text == "tuner" { Self::Tuner } else { Self::Command(text.to_owned()) });
            }
        };
        let lacks = |option: &str| {
            Error::usage(what)
                .cause(format!("{} has nothing like {option}", kind.name))
                .note("nothing was started and nothing was changed")
        };
        if options.model.is_some() && kind.model.is_empty() {
            return Err(lacks("--model"));
        }
        if options.turns.is_some() && kind.turns.is_empty() {
            return Err(lacks("--agent-turns"));
        }
        if options.same_session && kind.session.is_empty() {
            return Err(lacks("--same-session"));
        }
        let program = process::absolute(&kind.command[0]);
        if !Path::new(&program).is_file() {
            return Err(Error::usage(what)
                .cause(format!("{} is not installed: no `{}` in PATH", kind.name, kind.command[0]))
                .note("nothing was started and nothing was changed")
                .hint("`piton agents` lists what is installed"));
        }
        Ok(Self::Known(Box::new(KnownAgent {
            kind,
            program,
            model: options.model.clone(),
            words: options.words.clone(),
            turns: options.turns,
            same_session: options.same_session,
        })))
    }

    /// Its name, for the log.
    pub fn name(&self) -> &str {
        match self {
            Self::Tuner => "tuner",
            Self::Known(known) => &known.kind.name,
            Self::Command(command) => command,
        }
    }

    /// Its name, for the record: of a command line, which may hold a secret, the program alone.
    pub fn program(&self) -> Option<String> {
        match self {
            Self::Tuner => None,
            Self::Known(known) => Some(clean(&known.kind.name, 80)),
            Self::Command(command) => {
                let program = command.split_whitespace().find(|word| !word.contains('='))?;
                let name = program.rsplit('/').next().unwrap_or(program);
                let fit = |c: char| c.is_alphanumeric() || "._-+".contains(c);
                // A script rather than a command: it is its shell's.
                Some(if name.chars().all(fit) { clean(name, 80) } else { "sh".to_owned() })
            }
        }
    }

    /// Whether its calls tell this of their cost.
    pub fn reports(&self, unit: CostUnit) -> bool {
        matches!(self, Self::Known(known) if known.kind.reports(unit))
    }

    /// Whether a call of it that fails is worth a pause: what is wrong may pass. A command line that fails is wrong itself.
    pub fn may_recover(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Whether each call goes on with the session of the one before.
    pub fn keeps_session(&self) -> bool {
        matches!(self, Self::Known(known) if known.same_session)
    }

    /// Asks for one proposal: an edit of the worktree.
    ///
    /// # Errors
    /// When the worktree cannot be written, or a declared knob is not there.
    pub fn propose(&self, context: &CallContext) -> Result<Reply> {
        match self {
            Self::Tuner => tune(context),
            Self::Known(known) => ask(&CalledAgent::Known(known), context),
            Self::Command(command) => ask(&CalledAgent::Command(command), context),
        }
    }
}

/// Whether `--agent` names a file with an adapter.
pub fn is_file(text: &str) -> bool {
    text.ends_with(".toml") && !text.contains(char::is_whitespace)
}

/// Largest source that the tuner reads, in bytes.
const MOST_SOURCE: u64 = 64 << 20;

fn tune(context: &CallContext) -> Result<Reply> {
    let source = |file: &str| {
        let read = beneath::read(context.worktree, Path::new(file), MOST_SOURCE).ok()?;
        String::from_utf8(read).ok()
    };
    if let Some(sweep) = &context.sweep {
        let text = source(&sweep.recipe).unwrap_or_default();
        return match TrialRecipe::parse(&text, sweep.config) {
            Ok(incumbent) => next_recipe(context, sweep, &incumbent),
            Err(why) => Ok(Reply::of(Call::Failed(format!("{}: {why}", sweep.recipe)), None)),
        };
    }
    Ok(match tuner::next(context.knobs, context.tried, source) {
        Ok(Some(proposal)) => {
            beneath::put(context.worktree, Path::new(&proposal.file), proposal.content.as_bytes())
                .context("the tuner's edit was not written")?;
            Reply::of(Call::Done, Some(proposal.description))
        }
        Ok(None) => Reply::of(Call::Exhausted, None),
        Err(why) => Reply::of(Call::Failed(why), None),
    })
}

fn next_recipe(context: &CallContext, sweep: &SweepContext, incumbent: &TrialRecipe) -> Result<Reply> {
    let settings = sweep.config.sweep.clone().unwrap_or_default();
    let axes: Vec<_> = context.knobs.iter().map(|knob| (knob.name.clone(), knob.values.clone())).collect();
    let Some(knobs) = recipes::next(&axes, &incumbent.knobs, &sweep.tried, settings.proposer, sweep.seed)
    else {
        return Ok(Reply::of(Call::Exhausted, None));
    };
    let recipe = TrialRecipe { model: incumbent.model.clone(), knobs };
    beneath::put(context.worktree, Path::new(&sweep.recipe), recipe.text().as_bytes())
        .context("the tuner's recipe was not written")?;
    Ok(Reply::of(Call::Done, Some(recipe.changes(incumbent))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_command_line_the_record_names_the_program_alone() {
        let name = |text: &str| Agent::Command(text.to_owned()).program();
        assert_eq!(name("KEY=secret /usr/bin/claude -p --key secret"), Some("claude".to_owned()));
        assert_eq!(name("n=$(cat steps); echo $n"), Some("sh".to_owned()));
        assert_eq!(Agent::Tuner.program(), None);
    }
}
