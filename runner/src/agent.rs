//! Who proposes: the built-in tuner, or any command.

mod proposal;
mod walls;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use piton_confine::Level;

use crate::error::{Context, Result};
use crate::proc::{self, End, Job, Runner};
use crate::proposal::Proposal;
use crate::sweep::{self, Knob};

pub use proposal::read as read_proposal;
pub use walls::Room;

/// A proposer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Tries the declared values of the declared constants.
    Tuner,
    /// A command line for `sh`, run in the worktree.
    Command(String),
}

/// What a proposer came back with. Whether there is an edit is for the trial to see.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposed {
    /// It says that it is done, perhaps with words.
    Done(Option<Proposal>),
    /// It failed: why.
    Failed(String),
    /// It has nothing left to try.
    Exhausted,
    /// The user stopped it.
    Interrupted,
}

/// What a proposer may know.
pub struct Desk<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The repository's `.git`, which it may not write.
    pub state: &'a Path,
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
            Ok(Proposed::Done(Some(Proposal::described(Some(proposal.description)))))
        }
        Ok(None) => Ok(Proposed::Exhausted),
        Err(why) => Ok(Proposed::Failed(why)),
    }
}

fn ask(command: &str, desk: &Desk) -> Result<Proposed> {
    let what = "the agent was not started";
    // The brief lies where the agent cannot write, the proposal where it can.
    let (told, own) = (desk.worktree.join(".piton"), Room::own(desk.worktree));
    let (brief, proposal) = (told.join("brief.md"), own.join("proposal.json"));
    let write = || -> io::Result<()> {
        for dir in [&told, &own] {
            if fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
                fs::remove_file(dir)?;
            }
            fs::create_dir_all(dir)?;
        }
        clear(&proposal)?;
        clear(&brief)?;
        // Made anew: a link that somebody left in its place would have piton write where an agent may not.
        File::create_new(&brief)?.write_all(desk.brief.as_bytes())
    };
    write().context(what)?;
    let temporary = tempfile::Builder::new().prefix("piton-agent-").tempdir().context(what)?;
    let room = Room {
        worktree: desk.worktree,
        state: desk.state,
        editable: desk.editable,
        temporary: temporary.path(),
        more: desk.more,
        least: desk.least,
    };
    let policy = room.policy()?;
    let mut env = proc::full_env();
    env.extend(room.env());
    env.push(("PITON_BRIEF".into(), brief.into()));
    env.push(("PITON_PROPOSAL".into(), proposal.clone().into()));
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let done = desk.runner.run(&Job {
        argv: &argv,
        cwd: desk.worktree,
        env,
        stdout: desk.logs.join("agent.out"),
        stderr: desk.logs.join("agent.log"),
        timeout: desk.timeout,
        gently: true,
        seen: None,
        policy: Some(&policy),
    })?;
    Ok(match done.end {
        End::Interrupted => Proposed::Interrupted,
        End::Exited(0) => Proposed::Done(proposal::read(&proposal)),
        End::TimedOut => Proposed::Failed(format!("it took longer than {} s", desk.timeout.as_secs())),
        End::Exited(status) => Proposed::Failed(format!("exit status {status}")),
        End::Signalled(signal) => Proposed::Failed(format!("ended by signal {signal}")),
    })
}

/// Removes what stands at `path`, whatever it is; a link, not what it points at.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}
