//! What each command does.

mod accept;
mod access;
mod again;
mod agents;
mod args;
mod audit;
mod baseline;
mod brief;
mod chosen;
mod climb;
mod compare;
mod diff;
mod discriminate;
mod doctor;
mod experiments;
mod export;
mod finalize;
mod frames;
mod guard;
mod guests;
mod here;
mod import;
mod init;
mod lines;
mod load;
mod log;
mod mcp;
mod noise;
mod note;
mod pointers;
mod profile;
mod quick;
mod recipe;
mod recover;
mod redteam;
mod rehearse;
mod report;
mod rule;
mod search;
mod serve;
mod server;
mod show;
mod simulate;
mod status;
mod stop;
mod sweep;
mod tools;
mod trial;
mod verdict;
mod verify;
mod wait;
mod watch;

use std::path::Path;

pub use args::{Cli, parse};
use args::{Command, LabCommand, ProposalWords, RuleCommand};

use piton_climb::context::World;
use piton_climb::status_file::StatusFile;
use piton_core::base::error::{Error, Result, exit};
use piton_core::base::level::Level;
use piton_core::trial::proposal::{Claim, Proposal};
use piton_system::git::Repo;
use piton_system::host;
use piton_system::process::Runner;
use piton_system::sandbox::Walls;
use piton_system::state_home::Place;
use piton_system::terminal::Progress;

/// Carries out the command in the repository that holds `dir`. Returns the exit status.
///
/// # Errors
/// Whatever the user must know; its status is the exit status.
pub fn run(cli: Cli, dir: &Path) -> Result<u8> {
    if let Some(socket) = piton_agent::guard::supervisor_socket().filter(|_| cli.touches()) {
        return piton_agent::guard::forward(&socket, std::env::args().skip(1).collect());
    }
    let dir = match &cli.experiment {
        Some(name) => &chosen::named(dir, name)?,
        None => dir,
    };
    carry_out(cli, dir).map_err(|error| still_true(error, dir))
}

/// Less room than this on a disk is none, in bytes.
const NO_ROOM: u64 = 1 << 20;

/// Where something failed that should not have, and nobody said what is still true: every recorded trial is.
fn still_true(mut error: Error, dir: &Path) -> Error {
    if error.status != exit::FAILED {
        return error;
    }
    let stands = if error.what.starts_with("the ledger") {
        "the commit of every trial is in git, below refs/piton/"
    } else {
        "every recorded trial stands; the next start takes the run up from there"
    };
    error.note.get_or_insert_with(|| stands.to_owned());
    if error.hint.is_none() && host::free_space(dir).is_some_and(|bytes| bytes < NO_ROOM) {
        error = error.hint("the disk is full: make room, then start again");
    }
    error
}

fn carry_out(cli: Cli, dir: &Path) -> Result<u8> {
    let least = cli.confinement;
    let Some(command) = cli.command else { return Ok(here::run(dir)) };
    match command {
        Command::Baseline { run, json } => baseline::run(dir, least, run.as_deref(), json),
        Command::Trial { words, wait, json } => trial::run(dir, least, words.proposal(), wait, json),
        Command::Wait { timeout, json } => wait::run(dir, timeout, json),
        Command::Mcp { block } => mcp::run(dir, least, block).map(|()| exit::DONE),
        Command::Sweep(args) => sweep::run(dir, least, &args),
        Command::Server(args) => server::run(&args),
        Command::Load(args) => load::run(dir, &args),
        Command::Quick(args) => quick::run(dir, &args),
        Command::Init(args) => init::run(dir, least, &args),
        Command::Again { trial, which } => again::run(dir, least, trial, &which),
        Command::Accept { trial, by, which } => accept::run(dir, least, trial, by.as_deref(), &which),
        Command::Carry { away } => trial::carry(dir, least, away).map(|()| exit::DONE),
        Command::Climb(climb) => climb::run(*climb, dir, least),
        Command::Guard { agent, more, command } => guard::run(dir, &command, agent.as_deref(), &more, least),
        Command::Agents { show, json } => agents::run(show.as_deref(), json),
        Command::Stop { now, run, json } => stop::run(dir, now, run.as_deref(), json),
        Command::Resume { run, json } => climb::resume(dir, least, run.as_deref(), json),
        Command::Log(args) => log::run(dir, &args),
        Command::Show { trial, pairs, which } => show::run(dir, trial, pairs, &which),
        Command::Diff { from, to, which } => diff::run(dir, &from, &to, &which),
        Command::Compare { one, other, json } => compare::run(dir, [&one, &other], json),
        Command::Recipe { command } => recipe::run(dir, &command),
        Command::Export(args) => export::run(dir, &args),
        Command::Import(args) => import::run(dir, &args),
        Command::Report(args) => report::run(dir, &args),
        Command::Serve(args) => serve::run(dir, &args),
        Command::Watch { run } => watch::run(dir, run),
        Command::Verify { each, which } => verify::run(dir, least, each, &which),
        Command::Finalize(args) => finalize::run(dir, least, &args),
        Command::Rule { command: RuleCommand::Explain { json } } => rule::run(dir, json),
        Command::Lab { command } | Command::OldLab(command) => experiment(command, dir, least),
        Command::Redteam { list: true, json, .. } => redteam::list(json),
        Command::Redteam { only, in_place, json, .. } => redteam::run(dir, least, only, in_place, json),
        Command::Doctor { attempt, pairs, json } => doctor::run(dir, attempt, pairs, json),
        Command::Replay { file } => show::replay(&dir.join(file)),
        Command::Status { plot, which } => status::run(dir, plot, &which),
        Command::Profile(args) => profile::run(dir, least, &args),
        Command::Brief { which } => brief::run(dir, &which),
        Command::Search(search) => search.run(dir),
        Command::Note { text, by, which } => note::add(dir, &text, by.as_deref(), &which),
        Command::Notes { which } => note::list(dir, &which),
        Command::Completions { shell } => Ok(tools::completions(shell)),
        Command::Man { to } => tools::man(dir, to.as_deref()),
        Command::Schema => Ok(tools::schema()),
        Command::Recover { json } => recover::run(dir, json),
        Command::Audit { which } => audit::run(dir, &which),
    }
}

fn experiment(command: LabCommand, dir: &Path, least: Level) -> Result<u8> {
    match command {
        LabCommand::Noise { pairs, json } => noise::run(dir, least, pairs, json),
        LabCommand::Discriminate { variants, only, samples, json } => {
            discriminate::run(dir, least, &variants, only.as_deref(), samples, json)
        }
        LabCommand::Simulate { trials, seed, only, json } => {
            simulate::run(trials, seed, only.as_deref(), json)
        }
        LabCommand::Rehearse { variants, only, trials, reversed, json } => {
            rehearse::run(dir, least, &variants, only.as_deref(), trials, reversed, json)
        }
    }
}

fn world(dir: &Path, least: Level) -> Result<World> {
    let repo = Repo::open(dir)?;
    let walls = Walls::probe(&repo.state_dir(), &repo.main_root(), least)?;
    let (status_file, place) = (StatusFile::new(repo.state_dir()), Place::of(&repo.state_dir()));
    Ok(World { place, repo, runner: Runner::install()?, progress: Progress::new(), status_file, walls })
}

impl ProposalWords {
    fn proposal(self) -> Proposal {
        let claim = Claim::new(self.hypothesis.as_deref(), self.family.as_deref(), self.expected);
        Proposal { description: self.message, claim }
    }
}
