//! What each command does.

mod access;
mod agents;
mod args;
mod brief;
mod climb;
mod compare;
mod diff;
mod experiments;
mod export;
mod finalize;
mod frames;
mod guard;
mod guests;
mod import;
mod init;
mod lines;
mod log;
mod mcp;
mod note;
mod pointers;
mod report;
mod search;
mod serve;
mod show;
mod status;
mod stop;
mod trial;
mod wait;
mod watch;

use std::path::Path;

use piton_core::base::level::Level;
use serde_json::json;

pub use args::Cli;
use args::{Command, ProposalWords, RuleCommand, Which};

use piton_climb::audit;
use piton_climb::context::World;
use piton_climb::ledger_witness;
use piton_climb::start_run::may_resume;
use piton_climb::status_file::StatusFile;
use piton_core::base::error::{Error, Result, exit};
use piton_core::report::tables;
use piton_core::run::power;
use piton_core::run::summary;
use piton_core::trial::proposal::{Claim, Proposal};
use piton_core::trial::record::{Outcome, Record, Status};
use piton_core::trial::state::Owner;
use piton_core::trial::text;
use piton_lab::discriminate;
use piton_lab::doctor::{self, Known};
use piton_lab::noise;
use piton_lab::redteam;
use piton_lab::rehearse;
use piton_lab::simulate;
use piton_lab::try_once;
use piton_system::config::Config;
use piton_system::git::Repo;
use piton_system::host;
use piton_system::ledger::{Ledger, Run};
use piton_system::process::Runner;
use piton_system::sandbox::Walls;
use piton_system::state_home::Place;
use piton_system::terminal::{self, Progress};

/// Carries out the command in the repository that holds `dir`. Returns the exit status.
///
/// # Errors
/// Whatever the user must know; its status is the exit status.
pub fn run(cli: Cli, dir: &Path) -> Result<u8> {
    if let Some(socket) = piton_agent::guard::supervisor_socket().filter(|_| cli.command.touches()) {
        return piton_agent::guard::forward(&socket, std::env::args().skip(1).collect());
    }
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
    match cli.command {
        Command::Baseline { run, json } => baseline(dir, least, run.as_deref(), json),
        Command::Trial { words, wait, json } => trial::run(dir, least, words.proposal(), wait, json),
        Command::Wait { timeout, json } => wait::run(dir, timeout, json),
        Command::Mcp { block } => mcp::run(dir, least, block).map(|()| exit::DONE),
        Command::Init { agents } => init::run(dir, agents).map(|()| exit::DONE),
        Command::Accept { trial, by, which } => accept(dir, least, trial, by.as_deref(), &which),
        Command::Carry { away } => trial::carry(dir, least, away).map(|()| exit::DONE),
        Command::Climb(climb) => climb::run(*climb, dir, least),
        Command::Guard { more, command } => guard::run(dir, &command, &more, least),
        Command::Agents { show, json } => agents::run(show.as_deref(), json),
        Command::Stop { now, run, json } => stop::run(dir, now, run.as_deref(), json),
        Command::Resume { run, json } => climb::resume(dir, least, run.as_deref(), json),
        Command::Log(args) => log::run(dir, &args),
        Command::Show { trial, pairs, which } => show::run(dir, trial, pairs, &which),
        Command::Diff { from, to, which } => diff::run(dir, &from, &to, &which),
        Command::Compare { one, other, json } => compare::run(dir, [&one, &other], json),
        Command::Export(args) => export::run(dir, &args),
        Command::Import(args) => import::run(dir, &args),
        Command::Report(args) => report::run(dir, &args),
        Command::Serve(args) => serve::run(dir, &args),
        Command::Watch { run } => watch::run(dir, run),
        Command::Verify { each, which } => verify(dir, least, each, &which),
        Command::Finalize(args) => finalize::run(dir, least, &args),
        Command::Rule { command: RuleCommand::Explain { json } } => explain(dir, json),
        Command::Rehearse { variants, only, trials, reversed, json } => {
            let world = world(dir, least)?;
            let mut told = |row: &tables::Rehearsal| {
                world.progress.line(
                    terminal::Tone::Plain,
                    &format!("{}: {} of {} kept", row.name, row.kept, row.trials),
                );
            };
            let (rows, metric, alpha) =
                rehearse::run(&world, &dir.join(variants), only.as_deref(), trials, reversed, &mut told)?;
            if json {
                terminal::json(&rows);
            } else {
                terminal::answer(&tables::rehearsal_table(&rows, &metric, alpha));
            }
            Ok(exit::DONE)
        }
        Command::Simulate { trials, seed, json } => {
            let progress = Progress::new();
            let options = simulate::SimulateOptions { trials, seed, threads: host::cores() };
            let report = simulate::run(&options, &|part| progress.doing(part));
            progress.idle();
            if json {
                terminal::json(&report);
            } else {
                terminal::answer(&simulate::table(&report));
            }
            Ok(if report.bars.iter().all(|bar| bar.holds) { exit::DONE } else { exit::FAILED })
        }
        Command::Redteam { list: true, json, .. } => {
            let listing = redteam::listing()?;
            if json {
                terminal::json(&listing);
            } else {
                terminal::answer(&redteam::list(&listing));
            }
            Ok(exit::DONE)
        }
        Command::Redteam { only, in_place, json, .. } => {
            let world = world(dir, least)?;
            let mut told = |row: &redteam::AttackRow| redteam::tell(&world.progress, row);
            let report = redteam::run(&world, &redteam::RedteamOptions { only, in_place }, &mut told)?;
            if json {
                terminal::json(&report);
            } else {
                let trust = experiment(dir)
                    .map(|(config, _)| format!("\nwhose word a figure is: {}\n", config.trust()));
                terminal::answer(&format!("{}{}", redteam::table(&report), trust.unwrap_or_default()));
            }
            Ok(redteam::status(&report))
        }
        Command::Doctor { attempt, json } => {
            let (config, known) = experiment(dir)?;
            let world = world(dir, Level::None)?;
            let mut found =
                doctor::examine((&config.rule, &config.metric), &config.machine, known, world.walls.found());
            found.opened = doctor::opened(&config);
            if attempt {
                found.attempt(try_once::attempt(world, &config)?);
            }
            if json {
                terminal::json(&found);
            } else {
                terminal::answer(&format!("  figure     {}\n{}", config.trust(), doctor::words(&found)));
            }
            Ok(if found.unfit.is_empty() { exit::DONE } else { exit::FAILED })
        }
        Command::Replay { file } => show::replay(&dir.join(file)),
        Command::Discriminate { variants, only, samples, json } => {
            let world = world(dir, least)?;
            let rows = discriminate::run(&world, &dir.join(variants), only.as_deref(), samples)?;
            if json {
                terminal::json(&rows);
            } else {
                terminal::answer(&tables::discrimination_table(&rows));
            }
            Ok(discriminate::status(&rows))
        }
        Command::Noise { pairs, json } => {
            let noise = noise::run(&world(dir, least)?, pairs)?;
            if json {
                terminal::json(&noise);
            } else {
                terminal::answer(&tables::noise_words(&noise));
            }
            Ok(exit::DONE)
        }
        Command::Status { plot, which } => status::run(dir, plot, &which),
        Command::Brief { which } => brief::run(dir, &which),
        Command::Search(search) => search.run(dir),
        Command::Note { text, by, which } => note::leave(dir, &text, by.as_deref(), &which),
        Command::Notes { which } => note::list(dir, &which),
        Command::Recover { json } => recover(dir, json),
        Command::Audit { which } => audit(dir, &which),
    }
}

fn world(dir: &Path, least: Level) -> Result<World> {
    let repo = Repo::open(dir)?;
    let walls = Walls::look(&repo.state_dir(), &repo.main_root(), least)?;
    let (status_file, place) = (StatusFile::new(repo.state_dir()), Place::of(&repo.state_dir()));
    Ok(World { place, repo, runner: Runner::install()?, progress: Progress::new(), status_file, walls })
}

fn baseline(dir: &Path, least: Level, name: Option<&str>, json: bool) -> Result<u8> {
    let world = world(dir, least)?;
    world.may_begin(name, Owner::User)?;
    let session = world.begin(world.lock_and_recover("piton baseline", true)?, name, Owner::User)?;
    world.repo.switch(&session.branch())?;
    if json {
        terminal::json(session.book.incumbent());
    } else {
        terminal::answer(&format!(
            "run {} begun; this checkout is now on {}\nnext: edit below {}, then `piton trial -m \"what you tried\"`",
            session.book.run.name,
            session.branch(),
            session.book.config.editable_paths().join(", ")
        ));
    }
    Ok(exit::DONE)
}

fn accept(dir: &Path, least: Level, trial: u32, by: Option<&str>, which: &Which) -> Result<u8> {
    if piton_agent::guard::called_from_walls() {
        return Err(Error::refused("nothing was accepted: only a person accepts what is held for one")
            .note("nothing was changed"));
    }
    let (_, _, run) = chosen(dir, which)?;
    let world = world(dir, least)?;
    if let Some(book) = may_resume(&world.repo, &run.name)? {
        book.may_accept(&world.repo, trial)?;
    }
    let by = match by {
        Some(name) => text::clean(name, 80),
        // `Name <address>`: the name.
        None => world.repo.identity().map_or_else(
            |_| "a person".to_owned(),
            |who| text::clean(who.split(" <").next().unwrap_or(&who), 80),
        ),
    };
    let mut session = world.resume(world.lock_and_recover("piton accept", true)?, &run.name)?;
    let record = session.accept(trial, &by)?;
    if which.json {
        terminal::json(&record);
    } else {
        terminal::answer(&answer(&record, &session.book.config));
    }
    Ok(status_of(&record))
}

impl ProposalWords {
    fn proposal(self) -> Proposal {
        let claim = Claim::new(self.hypothesis.as_deref(), self.family.as_deref(), self.expected);
        Proposal { description: self.message, claim }
    }
}

/// The verdict of a trial in an agent's or a person's checkout, and what comes next.
fn answer(record: &Record, config: &Config) -> String {
    let verdict = text::verdict(record, &config.metric, config.rule.alpha);
    let next = match &record.outcome {
        outcome if outcome.kept() => {
            format!("piton/{} is now at {}", record.run, record.commit.as_deref().unwrap_or("-"))
        }
        Outcome::OutOfScope { .. } => format!(
            "your files are as they were; only {} may be edited{}: put the others back, e.g. `git restore PATH`",
            config.editable_paths().join(", "),
            config
                .scope
                .locked_words()
                .map_or_else(String::new, |locked| format!(", and not {locked} (`[scope] locked`)"))
        ),
        Outcome::NoEdit => "edit first; nothing was reset".to_owned(),
        Outcome::Interrupted { .. }
        | Outcome::Void { .. }
        | Outcome::Duplicate { .. }
        | Outcome::Alike { .. } => "your edit is as it was".to_owned(),
        _ => format!(
            "the checkout is back at the incumbent; the edit is kept: git diff HEAD refs/piton/{}/trials/{} -- {} | git apply",
            record.run,
            record.trial,
            pathspecs(config)
        ),
    };
    format!("trial {}: {verdict}\n{next}", record.trial)
}

/// The editable paths for git, from wherever one stands.
fn pathspecs(config: &Config) -> String {
    let one = |path: &String| if config.within.is_empty() { path.clone() } else { format!(":/{path}") };
    config.scope.editable.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn status_of(record: &Record) -> u8 {
    match (&record.outcome, record.outcome.status()) {
        (outcome, _) if outcome.kept() => exit::DONE,
        (_, Status::Crash) => exit::CRASHED,
        (Outcome::Judged { .. } | Outcome::Held { .. } | Outcome::GateFailed { .. }, _) => exit::DISCARDED,
        _ => exit::NOT_JUDGED,
    }
}

/// A run to read about: the one that is named, else that of this checkout's branch, else the latest; of the experiment where one stands,
/// where one stands in one.
fn chosen(dir: &Path, which: &Which) -> Result<(Repo, Ledger, Run)> {
    let repo = Repo::open(dir)?;
    let none = || {
        Error::refused("there is nothing to show: no run has begun in this repository")
            .hint("begin one: piton climb --trials 6, or piton baseline")
    };
    let Some(ledger) = Ledger::open_existing(&repo.state_dir())? else {
        ledger_witness::check_ledger_is_current(&repo)?;
        return Err(none());
    };
    if let Some(name) = &which.run {
        let run = ledger.run(name)?.ok_or_else(|| {
            Error::refused(format!("there is no run {name}")).hint("piton log shows the latest")
        })?;
        return Ok((repo, ledger, run));
    }
    let run = match here(&repo, &ledger)? {
        Some(run) => run,
        None => match ledger.latest()? {
            None => return Err(none()),
            Some(other) => return Err(elsewhere(repo.within().unwrap_or_default(), &other)),
        },
    };
    Ok((repo, ledger, run))
}

/// The run that is meant where none is named.
fn here(repo: &Repo, ledger: &Ledger) -> Result<Option<Run>> {
    let branch = repo.head().ok().and_then(|head| head.branch.strip_prefix("piton/").map(str::to_owned));
    let branch = branch.map(|name| ledger.run(&name)).transpose()?.flatten();
    match repo.within() {
        Some(within) => match branch.filter(|run| run.within == within) {
            Some(run) => Ok(Some(run)),
            None => ledger.latest_within(within),
        },
        None => branch.map_or_else(|| ledger.latest(), |run| Ok(Some(run))),
    }
}

fn elsewhere(within: &str, other: &Run) -> Error {
    let place =
        |within: &str| if within.is_empty() { "the root of the repository" } else { within }.to_owned();
    Error::refused(format!(
        "there is nothing to show: no run of the experiment in {} has begun",
        place(within)
    ))
    .cause(format!("the latest run, {}, is of the experiment in {}", other.name, place(&other.within)))
    .hint(format!("name that one: --run {}, or begin one here: piton climb --trials 6", other.name))
}

/// A run to read about, with its ledger and its experiment.
fn find(dir: &Path, which: &Which) -> Result<(Ledger, Run, Config)> {
    let (_, ledger, run) = chosen(dir, which)?;
    let config = ledger.config(&run)?;
    Ok((ledger, run, config))
}

/// A run to read about, with its experiment and its records.
fn reading(dir: &Path, which: &Which) -> Result<(Repo, Run, Config, Vec<Record>)> {
    let (repo, ledger, run) = chosen(dir, which)?;
    let config = ledger.config(&run)?;
    let records = ledger.records(&run.name)?;
    Ok((repo, run, config, records))
}

/// The experiment of the commit at HEAD, and what the latest run knows of the machine.
fn experiment(dir: &Path) -> Result<(Config, Known)> {
    let repo = Repo::open(dir)?;
    let (_, config) = piton_climb::context::experiment(&repo, repo.head()?.commit)?;
    let Some(ledger) = Ledger::open_existing(&repo.state_dir())? else {
        return Ok((config, Known::default()));
    };
    let records = match ledger.latest_within(repo.within().unwrap_or_default())? {
        Some(run) => ledger.records(&run.name)?,
        None => vec![],
    };
    let measured = records.iter().any(|record| !record.pairs.is_empty());
    let config = config.with_scales_of(records.first());
    let track = measured.then(|| config.courses(&records, false).primary.track());
    let (tau, seeded) = (track.as_ref().map(|track| track.tau), track.is_some_and(|track| track.seeded));
    let (pair_s, turn_s) = (summary::pair_seconds(&records), summary::turn_seconds(&records));
    Ok((config, Known { tau, seeded, pair_s, turn_s }))
}

fn explain(dir: &Path, json: bool) -> Result<u8> {
    let (config, Known { tau, seeded, pair_s, .. }) = experiment(dir)?;
    if json {
        let forecast = tau
            .filter(|tau| *tau > 0.0 && !seeded)
            .map(|tau| power::forecast(&config.rule, config.metric.scale(), tau));
        terminal::json(&json!({ "settings": config.rule, "tau": tau, "forecast": forecast }));
    } else {
        let rule = power::explain(&config.rule, &config.metric, (tau, seeded), pair_s);
        terminal::answer(&format!("{}\n\nwhose word the figure is: {}\n", rule.trim_end(), config.trust()));
    }
    Ok(exit::DONE)
}

fn verify(dir: &Path, least: Level, each: bool, which: &Which) -> Result<u8> {
    let (_, run, config, _) = reading(dir, which)?;
    let world = world(dir, least)?;
    may_resume(&world.repo, &run.name)?;
    let verification =
        world.resume(world.lock_and_recover("piton verify", false)?, &run.name)?.verify(each)?;
    if which.json {
        terminal::json(&verification);
    } else {
        terminal::answer(&summary::verification_words(&verification, &config.metric));
    }
    Ok(exit::DONE)
}

fn recover(dir: &Path, json: bool) -> Result<u8> {
    // It starts nothing that would need walls.
    let world = world(dir, Level::None)?;
    let mended = world.lock_and_recover("piton recover", true)?.mended;
    if json {
        terminal::json(&mended);
    } else {
        terminal::answer(match mended.len() {
            0 => "nothing was left undone",
            _ => "everything else is as it should be",
        });
    }
    Ok(exit::DONE)
}

fn audit(dir: &Path, which: &Which) -> Result<u8> {
    let audit = audit::examine(&Repo::open(dir)?, which.run.as_deref())?;
    if which.json {
        terminal::json(&audit);
    } else {
        terminal::answer(&audit::words(&audit));
    }
    Ok(if audit.faults.is_empty() { exit::DONE } else { exit::FAILED })
}
