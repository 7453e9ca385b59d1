//! Who proposes: the built-in tuner, or any command.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Context, Result};
use crate::proc::{self, End, Job, Runner};
use crate::sweep::{self, Knob};

/// A proposer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Tries the declared values of the declared constants.
    Tuner,
    /// A command line for `sh`, run in the worktree.
    Command(String),
}

/// What a proposer came back with. Whether there is an edit is for the trial to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposed {
    /// It says that it is done, perhaps with a description.
    Done(Option<String>),
    /// It failed: why.
    Failed(String),
    /// It has nothing left to try.
    Exhausted,
    /// The user stopped it.
    Interrupted,
}

/// Longest description that is taken from a proposal file, in bytes.
const PROPOSAL_BYTES: u64 = 64 << 10;

/// What a proposer may know.
pub struct Desk<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// What starts commands.
    pub runner: &'a Runner,
    /// Constants that the tuner tries.
    pub knobs: &'a [Knob],
    /// Settings of them that were tried in this run.
    pub tried: &'a BTreeSet<(String, String)>,
    /// Text of the brief.
    pub brief: String,
    /// Where output goes.
    pub logs: PathBuf,
    /// Limit on a command's wall clock.
    pub timeout: Duration,
}

impl Agent {
    /// From `--agent`.
    pub fn parse(text: &str) -> Self {
        if text == "tuner" { Self::Tuner } else { Self::Command(text.to_owned()) }
    }

    /// Its name, for the log.
    pub fn name(&self) -> &str {
        match self {
            Self::Tuner => "tuner",
            Self::Command(command) => command,
        }
    }

    /// Asks for one proposal: an edit of the worktree.
    ///
    /// # Errors
    /// When the worktree cannot be written, or a declared knob is not there.
    pub fn propose(&self, desk: &Desk) -> Result<Proposed> {
        match self {
            Self::Tuner => tune(desk),
            Self::Command(command) => ask(command, desk),
        }
    }
}

fn tune(desk: &Desk) -> Result<Proposed> {
    let source = |file: &str| fs::read_to_string(desk.worktree.join(file)).ok();
    match sweep::next(desk.knobs, desk.tried, source) {
        Ok(Some(proposal)) => {
            fs::write(desk.worktree.join(&proposal.file), &proposal.content)
                .context("the tuner's edit was not written")?;
            Ok(Proposed::Done(Some(proposal.description)))
        }
        Ok(None) => Ok(Proposed::Exhausted),
        Err(why) => Ok(Proposed::Failed(why)),
    }
}

fn ask(command: &str, desk: &Desk) -> Result<Proposed> {
    let what = "the agent was not started";
    let own = desk.worktree.join(".piton");
    fs::create_dir_all(&own).context(what)?;
    let (brief, proposal) = (own.join("brief.md"), own.join("proposal.json"));
    fs::write(&brief, &desk.brief).context(what)?;
    let _ = fs::remove_file(&proposal);
    let mut env = proc::full_env();
    env.push(("PITON_BRIEF".into(), brief.into()));
    env.push(("PITON_PROPOSAL".into(), proposal.clone().into()));
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let done = desk.runner.run(&Job {
        argv: &argv,
        cwd: desk.worktree,
        env,
        policy: None,
        stdout: desk.logs.join("agent.out"),
        stderr: desk.logs.join("agent.log"),
        timeout: desk.timeout,
        gently: true,
        seen: None,
    })?;
    Ok(match done.end {
        End::Interrupted => Proposed::Interrupted,
        End::Exited(0) => Proposed::Done(description(&proposal)),
        End::TimedOut => Proposed::Failed(format!("it took longer than {} s", desk.timeout.as_secs())),
        End::Exited(status) => Proposed::Failed(format!("exit status {status}")),
        End::Signalled(signal) => Proposed::Failed(format!("ended by signal {signal}")),
    })
}

/// The description in a proposal file; absent when there is none, or when it is too large or no JSON.
pub fn description(path: &Path) -> Option<String> {
    let meta =
        fs::symlink_metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= PROPOSAL_BYTES)?;
    let _ = meta;
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let text = value.get("description")?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
