//! `piton guard`: an agent that a person drives, behind the walls that `climb` gives its own.

use std::ffi::OsString;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use piton_confine::Freezer;
use piton_core::base::level::Level;

use super::args::{Cli, Command, LabCommand, RuleCommand};
use super::world;
use piton_agent::Workspace;
use piton_agent::guard::{self, Supervisor};
use piton_agent::hold::AgentFreezer;
use piton_agent::home::{self, Home, User};
use piton_agent::kind::AgentKind;
use piton_climb::background::Errands;
use piton_climb::context::World;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::trial::scope;
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::failpoint;
use piton_system::ledger::Ledger;
use piton_system::process::{self, End};
use piton_system::terminal::Tone;

/// How long a trial's process may take to say that it is there.
const BEGINNING: Duration = Duration::from_secs(10);

/// Runs `command` behind the walls until it ends. Returns its exit status.
///
/// # Errors
/// No run on this branch, walls below `least`, a command that cannot be started.
pub(super) fn run(
    dir: &Path,
    command: &[OsString],
    agent: Option<&Path>,
    more: &[PathBuf],
    least: Level,
) -> Result<u8> {
    let what = "the command was not started";
    let adapter = agent.map(|file| AgentKind::read(file, dir, what)).transpose()?;
    let world = world(dir, least)?;
    let config = experiment(&world, what)?;
    let scratch = tempfile::Builder::new().prefix("piton-guard-").tempdir().context(what)?;
    let (socket, temporary) = (scratch.path().join("socket"), scratch.path().join("tmp"));
    std::fs::create_dir(&temporary).context(what)?;
    let listener = UnixListener::bind(&socket).context(what)?;
    let root = &*scope::below(world.repo.root(), &config.within);
    let program = command.first().map(|word| home::program(word)).unwrap_or_default();
    let homes = world.place.at()?.join("agents/guard");
    let home = match (User::own(), &adapter) {
        (Some(user), Some(kind)) => Home::of_kind(kind, &homes, false, user)?,
        (Some(user), None) => Home::of(&program, &homes, false, user)?,
        (None, _) => None,
    };
    let room = Workspace {
        worktree: world.repo.root(),
        dir: root,
        editable: &config.scope.editable,
        temporary: &temporary,
        home: home.as_ref(),
        more,
        least: world.walls.found().level,
    };
    let policy = room.policy()?;
    let keeper = AgentFreezer::open(&world.repo.state_dir(), scratch.path(), freezer())?;
    if !keeper.can_stop() {
        let told = "what runs inside the walls is not stopped here while samples are taken: what it does then disturbs them";
        world.progress.line(Tone::Neutral, told);
    }
    let piton = std::env::current_exe().context(what)?;
    let line = keeper.wrap(|group| match group {
        Some(group) => group.wrap(&policy, &piton, command),
        None => policy.wrap(&piton, command),
    });
    let mut env = process::full_env();
    env.push((guard::SOCKET.into(), socket.clone().into()));
    env.extend(room.env());
    let writes = config.editable_paths();
    let told = format!("inside the walls: `piton trial` works, {} may be edited", writes.join(", "));
    world.progress.line(Tone::Dim, &told);
    let supervisor = Supervisor::new(root, piton.clone(), &permits);
    let end = std::thread::scope(|scope| {
        let server = scope.spawn(|| supervisor.serve(&listener));
        scope.spawn(|| keeper.serve());
        let end = world.runner.attend(&line, root, env, || {
            supervisor.close(&socket);
            let _ = server.join();
            // What it left behind stands still until the trial has been measured.
            finish(&world);
        });
        keeper.close();
        end
    })?;
    Ok(match end {
        End::Exited(status) => u8::try_from(status).unwrap_or(exit::FAILED),
        _ => exit::FAILED,
    })
}

/// A control group for the agent, where this machine has one.
fn freezer() -> Option<Freezer> {
    if failpoint::lacks("freezer") { None } else { Freezer::make() }
}

/// Waits for a trial that is under way: its process may have become this one's child, and all of those are ended.
fn finish(world: &World) {
    let errands = Errands::of(&world.repo.state_dir());
    let watch = Stopwatch::start();
    // Whatever holds the lock: a command that is about to be ended could, too.
    let at_work = || {
        let errand = errands.last().filter(|errand| errand.end.is_none() && errands.under_way())?;
        errand.process.map_or(watch.elapsed() < BEGINNING, process::is_there).then_some(errand.process)
    };
    if at_work().is_none() {
        return;
    }
    world.progress.line(Tone::Dim, "the trial that is under way is finished first; Ctrl-C interrupts it");
    world.runner.forget_earlier_interrupts();
    let mut asked = false;
    while let Some(process) = at_work() {
        if let (true, false, Some(process)) = (world.runner.interrupted(), asked, process) {
            asked = true;
            // It may have ended meanwhile.
            let _ = process::interrupt(process);
        }
        clock::wait(Duration::from_millis(50));
    }
}

/// The sealed experiment of the run whose branch this checkout is on.
fn experiment(world: &World, what: &str) -> Result<Config> {
    let branch = world.repo.head()?.branch;
    let refused = |why: String| {
        Err(Error::refused(what)
            .cause(why)
            .note("nothing was changed")
            .hint("begin a run first: piton baseline --run NAME"))
    };
    let Some(name) = branch.strip_prefix("piton/") else {
        return refused(format!(
            "{branch} is not the branch of a run: there would be nothing to try an edit in"
        ));
    };
    match Ledger::open(&world.repo.state_dir())?.run(name)? {
        Some(run) => run.experiment(),
        None => refused(format!("the ledger knows no run {name}")),
    }
}

/// What may be asked for from inside: the trial, and what only reads, and takes no path.
fn permits(arguments: &[String]) -> Result<()> {
    let what = "the command was not carried out";
    let words = std::iter::once("piton".to_owned()).chain(arguments.iter().cloned());
    let cli = Cli::try_parse_from(words).map_err(|e| Error::usage(what).cause(e))?;
    if cli.command.is_none_or(|command| command.permitted_inside()) {
        return Ok(());
    }
    Err(Error::refused(what)
        .cause("it is not one of those that `piton guard` carries out for a confined command")
        .note("nothing was changed")
        .hint("inside there are: trial, wait, log, show, diff, status, brief, search, note, notes, rule explain"))
}

impl Cli {
    /// Whether it needs the repository.
    pub(super) fn touches(&self) -> bool {
        self.command.as_ref().is_none_or(Command::touches)
    }
}

impl Command {
    /// Whether it needs the repository: everything but what computes alone, and what has others do so.
    fn touches(&self) -> bool {
        !matches!(
            self,
            Self::Lab { command: LabCommand::Simulate { .. } }
                | Self::OldLab(LabCommand::Simulate { .. })
                | Self::Replay { .. }
                | Self::Agents { .. }
                | Self::Completions { .. }
                | Self::Man { .. }
                | Self::Schema
                | Self::Mcp { .. }
        )
    }

    /// Whether a confined command may have it carried out.
    pub(super) fn permitted_inside(&self) -> bool {
        // What would write a file outside, at a path of its choice.
        if matches!(self, Self::Log(log) if log.experiments) {
            return false;
        }
        matches!(
            self,
            Self::Trial { .. }
                | Self::Wait { .. }
                | Self::Log(_)
                | Self::Diff { .. }
                | Self::Show { .. }
                | Self::Status { .. }
                | Self::Brief { .. }
                | Self::Search(_)
                | Self::Note { .. }
                | Self::Notes { .. }
                | Self::Rule { command: RuleCommand::Explain { .. } }
        )
    }
}
