//! What each command does, in the words of the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::agent::Agent;
use crate::clock::Stopwatch;
use crate::config::{self, Config};
use crate::drive::{Owner, Session, worktree_path};
use crate::error::{Context, Error, Result, exit};
use crate::git::Repo;
use crate::ledger::{Ledger, Run};
use crate::proc::Runner;
use crate::rule::{self, Case};
use crate::say::{self, Progress};
use crate::session::{Budget, Stop};
use crate::trial::{Outcome, Record, Status};
use crate::world::World;
use crate::{discriminate, doctor, forecast, host, noise, rehearse, report, simulate, standing, words};

const EXIT_STATUSES: &str = "Exit status: 0 done (trial: kept), 1 failed, 2 usage or piton.toml, 3 refused (tree, branch, run, lock),
4 the harness or the baseline cannot be built or measured, 10 discarded, 11 crashed, 12 not judged, 130 stopped by Ctrl-C.";

/// Lets a coding agent climb a metric unattended, and keeps a change only when it holds.
///
/// An agent edits, a locked harness measures it in pairs against the best so far, and piton commits what is
/// better and resets the rest. Everything tried stays in git, below refs/piton/; the table is results.tsv.
#[derive(Debug, Parser)]
#[command(name = "piton", version, after_help = EXIT_STATUSES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a run: seal the locked files, build, measure the baseline, make the branch piton/<run>.
    ///
    /// The checkout is switched to that branch; no file changes. Then edit, and `piton trial -m "..."`.
    #[command(after_help = "Example: piton baseline --run nov20")]
    Baseline {
        /// Name of the run; today's date where absent.
        #[arg(long)]
        run: Option<String>,
        /// Print the baseline's record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge the edit in this checkout: commit, build, measure in pairs, keep or reset.
    ///
    /// Only the editable paths count. A kept edit moves the branch; any other is reset, and stays in git at
    /// refs/piton/<run>/trials/<n>. Interrupting is safe: the edit stays as it is.
    #[command(
        after_help = "Example: piton trial -m \"fuse the gate and up projections\"\n\nExit status: 0 kept, 10 discarded, 11 crashed, 12 not judged."
    )]
    Trial {
        /// What is tried, in one line.
        #[arg(short = 'm', long)]
        message: Option<String>,
        /// Print the trial's record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Climb unattended: ask for an edit, try it, keep or reset, again.
    ///
    /// Works in a worktree of its own below .piton/, on the branch piton/<run>: your checkout and your branch
    /// are left alone. Without --agent the built-in tuner tries the constants declared in piton.toml. A
    /// command is run by sh in that worktree, once for each proposal, with the path of a brief in
    /// $PITON_BRIEF; it may leave {"description": "..."} at $PITON_PROPOSAL. Ctrl-C ends the trial in
    /// progress, records it as interrupted, and leaves everything whole.
    #[command(
        after_help = "Examples: piton climb --trials 6\n          piton climb --agent 'claude -p \"$(cat $PITON_BRIEF)\"' --for 8h"
    )]
    Climb(Climb),
    /// List the trials of a run.
    #[command(
        after_help = "Example: piton log --json | jq '.[] | select(.outcome.kind == \"gate_failed\") | .description'"
    )]
    Log {
        #[command(flatten)]
        which: Which,
    },
    /// Show one trial: verdict, gates, pairs, what changed, and the diff.
    #[command(after_help = "Example: piton show 3")]
    Show {
        /// Number of the trial; 0 is the baseline.
        trial: u32,
        /// Print what the rule was asked, as JSON for `piton replay`.
        #[arg(long)]
        pairs: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Try the gates: measure variants of the candidate whose quality is known, and say which gate catches what.
    ///
    /// Builds each variant in a file of variants from the commit at HEAD and measures it on the same prompts.
    /// No run begins and nothing is recorded.
    #[command(
        after_help = "Example: piton discriminate --samples 8 > gates.md\n\nExit status: 0 every gate said what it should, 1 not."
    )]
    Discriminate {
        /// The variants.
        #[arg(long, default_value = "tests/variants/variants.toml", value_name = "FILE")]
        variants: PathBuf,
        /// Only those whose name contains this.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Samples of each, with the seeds 1, 2, ...
        #[arg(long, default_value_t = 6, value_name = "N")]
        samples: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the noise: the commit at HEAD against itself, in pairs.
    ///
    /// No run begins and nothing is recorded.
    #[command(after_help = "Example: piton noise --pairs 20")]
    Noise {
        /// Pairs to measure.
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
        pairs: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the night anew: HEAD of a run against its baseline in 20 fresh pairs.
    ///
    /// The gains printed with keeps are each biased upwards, because each was kept for having come out well; their sum is not the
    /// gain of the night. This is. With --each, every keep is measured once more against its own incumbent, and
    /// HEAD against HEAD without it: what no longer pays is marked.
    #[command(after_help = "Example: piton verify --each")]
    Verify {
        /// Every keep once more, too.
        #[arg(long)]
        each: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Explain the rule: what its settings mean, on this machine.
    Rule {
        #[command(subcommand)]
        command: RuleCommand,
    },
    /// Simulate the rule: its error rate, power and cost on many kinds of noise, beside the rules of other tools.
    ///
    /// The product's own code judges simulated trials. Every figure has a bar that it must keep to; METHODOLOGY.md says what they are.
    #[command(after_help = "Example: piton simulate --trials 20000\n\nExit status: 0 all bars hold, 1 not.")]
    Simulate {
        /// Trials of each cell; the bars are set for 20000.
        #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(200..))]
        trials: u32,
        /// Seed of everything: the same seed gives the same table.
        #[arg(long, default_value_t = 1, value_name = "N")]
        seed: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Rehearse the rule on the real thing: judge changes whose effect is known, again and again.
    ///
    /// Each variant in a file is held against the commit at HEAD as a trial would be, so many times; a variant without edits is a
    /// second build of HEAD and shows the rate of false keeps. No run begins and nothing is recorded.
    #[command(after_help = "Example: piton rehearse --only nothing --trials 100")]
    Rehearse {
        /// The variants.
        #[arg(long, default_value = "tests/variants/planted.toml", value_name = "FILE")]
        variants: PathBuf,
        /// Only those whose name contains this.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Trials of each.
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        trials: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell whether this machine is fit: its noise, what it is doing, the smallest gain that it resolves.
    #[command(after_help = "Example: piton doctor\n\nExit status: 0 fit, 1 unfit.")]
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge a recorded trial again: the same pairs, the same answer.
    ///
    /// FILE holds what `piton show N --pairs` prints: settings, tau and the gain d of every pair, as JSON. `-` reads standard input.
    #[command(after_help = "Example: piton show 3 --pairs | piton replay -")]
    Replay {
        /// The case.
        file: PathBuf,
    },
    /// Tell where a run stands.
    #[command(after_help = "Example: piton status --json | jq .gain_pct")]
    Status {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Subcommand)]
enum RuleCommand {
    /// Say in plain words what the present settings mean, and how many pairs changes of several sizes take.
    #[command(after_help = "Example: piton rule explain")]
    Explain {
        /// Print the settings and the forecast as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Climb {
    /// `tuner`, or a command.
    #[arg(long, default_value = "tuner", value_name = "tuner|COMMAND")]
    agent: String,
    /// Stop after so many trials.
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
    /// Stop after so long, e.g. 30m or 8h; the trial in progress is finished.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    wall: Option<Duration>,
    /// Go on with this run, or give a new one this name; a new run named by today's date where absent.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Limit on one proposal of the agent.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    agent_timeout: Duration,
    /// Print the trials of the run as JSON at the end.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Which {
    /// The run; that of the present branch where absent, else the latest.
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}; write e.g. 90s, 30m or 8h"))
}

/// Carries out the command in the repository that holds `dir`. Returns the exit status.
///
/// # Errors
/// Whatever the user must know; its status is the exit status.
pub fn run(cli: Cli, dir: &Path) -> Result<u8> {
    match cli.command {
        Command::Baseline { run, json } => baseline(dir, run.as_deref(), json),
        Command::Trial { message, json } => trial(dir, message.as_deref(), json),
        Command::Climb(climb) => climb.run(dir),
        Command::Log { which } => log(dir, &which),
        Command::Show { trial, pairs, which } => show(dir, trial, pairs, &which),
        Command::Verify { each, which } => verify(dir, each, &which),
        Command::Rule { command: RuleCommand::Explain { json } } => explain(dir, json),
        Command::Rehearse { variants, only, trials, json } => {
            let world = world(dir)?;
            let mut told = |row: &report::Rehearsal| {
                world
                    .progress
                    .line(say::Tone::Plain, &format!("{}: {} of {} kept", row.name, row.kept, row.trials));
            };
            let rows = rehearse::run(&world, &dir.join(variants), only.as_deref(), trials, &mut told)?;
            if json {
                say::json(&rows);
            } else {
                let alpha = experiment(dir)?.0.rule.alpha;
                say::answer(&report::rehearsal_table(&rows, alpha));
            }
            Ok(exit::DONE)
        }
        Command::Simulate { trials, seed, json } => {
            let progress = Progress::new();
            let options = simulate::Options { trials, seed, threads: host::cores() };
            let report = simulate::run(&options, &|part| progress.doing(part));
            progress.idle();
            if json {
                say::json(&report);
            } else {
                say::answer(&simulate::table(&report));
            }
            Ok(if report.bars.iter().all(|bar| bar.holds) { exit::DONE } else { exit::FAILED })
        }
        Command::Doctor { json } => {
            let (config, records) = experiment(dir)?;
            let tau = (!records.is_empty()).then(|| config.courses(&records, false).primary.tau);
            let found = doctor::examine(&config.rule, &config.noise, tau, standing::pair_seconds(&records));
            if json {
                say::json(&found);
            } else {
                say::answer(&doctor::words(&found));
            }
            Ok(if found.unfit.is_empty() { exit::DONE } else { exit::FAILED })
        }
        Command::Replay { file } => replay(&dir.join(file)),
        Command::Discriminate { variants, only, samples, json } => {
            let world = world(dir)?;
            let rows = discriminate::run(&world, &dir.join(variants), only.as_deref(), samples)?;
            if json {
                say::json(&rows);
            } else {
                say::answer(&report::discrimination_table(&rows));
            }
            Ok(discriminate::status(&rows))
        }
        Command::Noise { pairs, json } => {
            let noise = noise::run(&world(dir)?, pairs)?;
            if json {
                say::json(&noise);
            } else {
                say::answer(&report::noise_words(&noise));
            }
            Ok(exit::DONE)
        }
        Command::Status { which } => status(dir, &which),
    }
}

fn world(dir: &Path) -> Result<World> {
    Ok(World { repo: Repo::open(dir)?, runner: Runner::install()?, progress: Progress::new() })
}

fn baseline(dir: &Path, name: Option<&str>, json: bool) -> Result<u8> {
    let world = world(dir)?;
    let session = world.begin(name)?;
    world.repo.switch(&session.branch())?;
    if json {
        say::json(&session.records()?[0]);
    } else {
        say::answer(&format!(
            "run {} begun; this checkout is now on {}\nnext: edit below {}, then `piton trial -m \"what you tried\"`",
            session.run.name,
            session.branch(),
            session.config.scope.editable.join(", ")
        ));
    }
    Ok(exit::DONE)
}

fn trial(dir: &Path, message: Option<&str>, json: bool) -> Result<u8> {
    let world = world(dir)?;
    let head = world.repo.head()?;
    let name = head.branch.strip_prefix("piton/").ok_or_else(|| {
        Error::refused("the trial did not start: this checkout is on no run's branch")
            .cause(format!("HEAD is {}", head.branch))
            .note("nothing was changed")
            .hint("begin a run with `piton baseline`, or `git switch piton/<run>`")
    })?;
    let mut session = world.resume(name)?;
    let record = session.trial(&world.repo, message, Owner::User)?;
    session.bundle(&world.repo, false)?;
    if json {
        say::json(&record);
    } else {
        say::answer(&answer(&record, &session));
    }
    Ok(status_of(&record))
}

fn answer(record: &Record, session: &Session) -> String {
    let verdict = words::verdict(record, session.config.rule.alpha);
    let next = match &record.outcome {
        outcome if outcome.kept() => {
            format!("{} is now at {}", session.branch(), record.commit.as_deref().unwrap_or("-"))
        }
        Outcome::OutOfScope { .. } => format!(
            "your files are as they were; only {} may be edited: put the others back, e.g. `git restore PATH`",
            session.config.scope.editable.join(", ")
        ),
        Outcome::NoEdit => "edit first; nothing was reset".to_owned(),
        Outcome::Interrupted { .. } | Outcome::Void { .. } | Outcome::Duplicate { .. } => {
            "your edit is as it was".to_owned()
        }
        _ => format!(
            "the checkout is back at the incumbent; the edit is kept: git restore --source refs/piton/{}/trials/{} {}",
            record.run,
            record.trial,
            session.config.scope.editable.join(" ")
        ),
    };
    format!("trial {}: {verdict}\n{next}", record.trial)
}

fn status_of(record: &Record) -> u8 {
    match (&record.outcome, record.outcome.status()) {
        (outcome, _) if outcome.kept() => exit::DONE,
        (_, Status::Crash) => exit::CRASHED,
        (Outcome::Judged { .. } | Outcome::GateFailed { .. }, _) => exit::DISCARDED,
        _ => exit::NOT_JUDGED,
    }
}

impl Climb {
    fn run(self, dir: &Path) -> Result<u8> {
        let watch = Stopwatch::start();
        let world = world(dir)?;
        let head = world.repo.head()?;
        if let Some(run) = head.branch.strip_prefix("piton/") {
            return Err(Error::refused("the climb did not start: this checkout is on a run's branch")
                .cause("a climb moves that branch in a worktree of its own, and would pull it away from under this checkout")
                .note("nothing was changed")
                .hint(format!("git switch to another branch, then: piton climb --run {run}")));
        }
        let known = match &self.run {
            Some(name) => Ledger::open(&world.repo.state_dir())?.run(name)?.is_some(),
            None => false,
        };
        let mut session = match &self.run {
            Some(name) if known => world.resume(name)?,
            name => world.begin(name.as_deref())?,
        };
        let path = worktree_path(&world.repo.main_root(), &session.run.name);
        let tree = format!("piton-{}", session.run.name);
        let branch = session.branch();
        // A worktree that a killed climb left may hold half an edit: begin with a clean one.
        world.repo.remove_worktree(&tree, &path)?;
        let work = world.repo.worktree(&tree, &path, &branch)?;
        let agent = Agent::parse(&self.agent);
        let budget = Budget { trials: self.trials, wall: self.wall };
        let stop = session.climb(&work, &agent, &budget, Owner::Piton, self.agent_timeout, watch);
        world.progress.idle();
        drop(work);
        world.repo.remove_worktree(&tree, &path)?;
        let stop = stop?;
        if self.json {
            say::json(
                &json!({ "run": session.run.name, "stopped": stop, "seconds": watch.seconds(), "trials": session.records()? }),
            );
        } else {
            say::answer(&session.summary(&stop, watch.seconds())?);
        }
        Ok(if stop == Stop::Interrupted { 130 } else { exit::DONE })
    }
}

/// A run to read about, with its experiment and its records.
fn reading(dir: &Path, which: &Which) -> Result<(Repo, Run, Config, Vec<Record>)> {
    let repo = Repo::open(dir)?;
    let none = || {
        Error::refused("there is nothing to show: no run has begun in this repository")
            .hint("begin one: piton climb --trials 6, or piton baseline")
    };
    if !repo.state_dir().join("ledger.db").exists() {
        return Err(none());
    }
    let ledger = Ledger::open(&repo.state_dir())?;
    let here = repo.head().ok().and_then(|head| head.branch.strip_prefix("piton/").map(str::to_owned));
    let run = match which.run.as_ref().or(here.as_ref()) {
        Some(name) => ledger.run(name)?.ok_or_else(|| {
            Error::refused(format!("there is no run {name}")).hint("piton log shows the latest")
        })?,
        None => ledger.latest()?.ok_or_else(none)?,
    };
    let config = Config::parse(&run.config)?;
    let records = ledger.records(&run.name)?;
    Ok((repo, run, config, records))
}

fn log(dir: &Path, which: &Which) -> Result<u8> {
    let (_, run, config, records) = reading(dir, which)?;
    if which.json {
        say::json(&records);
    } else {
        say::answer(&format!("run {}\n\n{}", run.name, report::log_table(&records, &config.metric)));
    }
    Ok(exit::DONE)
}

fn show(dir: &Path, trial: u32, pairs: bool, which: &Which) -> Result<u8> {
    let (repo, run, config, records) = reading(dir, which)?;
    let record = records.iter().find(|r| r.trial == trial).ok_or_else(|| {
        Error::refused(format!("run {} has no trial {trial}", run.name))
            .hint(format!("it has 0 to {}", records.len().saturating_sub(1)))
    })?;
    if pairs {
        say::json(&case(&config, &records, record));
        return Ok(exit::DONE);
    }
    let diff = match (&record.parent, &record.commit) {
        (Some(from), Some(to)) => repo.diff(repo.commit_id(from)?, repo.commit_id(to)?)?.text,
        _ => String::new(),
    };
    if which.json {
        let mut value = serde_json::to_value(record).expect("our own types serialise");
        value["diff"] = json!(diff);
        say::json(&value);
    } else {
        say::answer(&format!("{}\n{diff}", report::show(record, &config.metric, config.rule.alpha)));
    }
    Ok(exit::DONE)
}

/// What the rule was asked about this record.
fn case(config: &Config, records: &[Record], record: &Record) -> Case {
    let before: Vec<Record> = records.iter().filter(|r| r.trial < record.trial).cloned().collect();
    let mut courses = config.courses(&before, record.changes.as_ref().is_some_and(|changes| changes.simpler));
    for pair in &record.pairs {
        courses.pair(pair.first, &pair.incumbent, &pair.challenger);
    }
    courses.case(&config.rule)
}

fn replay(file: &Path) -> Result<u8> {
    let what = format!("{} was not judged", file.display());
    let text = if file.ends_with("-") { say::input() } else { std::fs::read_to_string(file) };
    let case: Case = serde_json::from_str(&text.context(&what)?).map_err(|e| {
        Error::usage(&what).cause(e).hint("`piton show N --pairs` prints a case of a recorded trial")
    })?;
    let (verdict, estimate, asked) = rule::hear(&case);
    let better = asked.first().map(|asked| asked.evidence);
    say::json(&json!({
        "verdict": verdict,
        "n": better.map_or(estimate.pairs, |evidence| evidence.pairs),
        "log_e": better.map(|evidence| evidence.log_e),
        "futility": better.map(|evidence| evidence.futility),
        "estimate": estimate,
        "asked": asked,
    }));
    Ok(exit::DONE)
}

/// The experiment of the latest run with its records; without a run, that of the commit at HEAD.
fn experiment(dir: &Path) -> Result<(Config, Vec<Record>)> {
    let repo = Repo::open(dir)?;
    if let Ok((_, _, config, records)) = reading(dir, &Which { run: None, json: false }) {
        return Ok((config, records));
    }
    let text = repo.file(repo.head()?.commit, config::FILE).and_then(|text| String::from_utf8(text).ok());
    let text = text.ok_or_else(|| Error::usage(format!("there is no {} in this commit", config::FILE)))?;
    Ok((Config::parse(&text)?, vec![]))
}

fn explain(dir: &Path, json: bool) -> Result<u8> {
    let (config, records) = experiment(dir)?;
    let tau = (!records.is_empty()).then(|| config.courses(&records, false).primary.tau);
    if json {
        let forecast = tau.filter(|tau| *tau > 0.0).map(|tau| forecast::forecast(&config.rule, tau));
        say::json(&json!({ "settings": config.rule, "tau": tau, "forecast": forecast }));
    } else {
        say::answer(&forecast::explain(&config.rule, tau, standing::pair_seconds(&records)));
    }
    Ok(exit::DONE)
}

fn verify(dir: &Path, each: bool, which: &Which) -> Result<u8> {
    let (_, run, _, _) = reading(dir, which)?;
    let world = world(dir)?;
    let night = world.resume(&run.name)?.verify(each)?;
    if which.json {
        say::json(&night);
    } else {
        say::answer(&standing::night_words(&night));
    }
    Ok(exit::DONE)
}

fn status(dir: &Path, which: &Which) -> Result<u8> {
    let (repo, run, config, records) = reading(dir, which)?;
    let night = Ledger::open(&repo.state_dir())?.last_verified(&run.name)?;
    let status = standing::status(&run.name, &run.base, &records, &config.metric, night.as_ref());
    if which.json {
        say::json(&status);
    } else {
        say::answer(&standing::status_words(&status, &config.metric));
    }
    Ok(exit::DONE)
}
