//! The commands: what is asked, what is printed, with which exit status.

mod train;

use crate::explain;
use crate::outcome::{Failure, Kind};
use crate::pool::Pool;
use crate::process::adopt_orphans;
use crate::prompts::Source;
use crate::report;
use crate::sample::{self, PairFailure};
use crate::setup::Options;
use clap::{Args, Parser, Subcommand};
use piton_base::level::Level;
use piton_base::metric::PairSide;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use train::TrainArgs;

const EXAMPLES: &str = "\
Examples:
  harness sample --worker candidate/target/release/candidate --model model --suite climb --seed 7
  harness sample --worker ... --model model --suite climb --seed 8 --json | tail -1 >> samples.jsonl
  harness judge --json < samples.jsonl
  harness pair --first old/candidate --second new/candidate --model model --suite climb --seed 7

Exit status: 0 measured (whether or not the gates hold), 1 the worker broke a rule, 2 usage or set-up.
With --json the last line of standard output is one object in either case; its `outcome` is `measured` or one of
the names that `harness explain` lists. Nothing is written anywhere else.";

/// Times a worker, scores its answers, and tells both.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes one sample: starts a worker, times its answers, ends it, and scores them.
    #[command(after_help = EXAMPLES)]
    Sample(SampleArgs),
    /// Takes a sample of each of two workers in turns: both are alive, and for each prompt a coin of the seed says who answers first.
    ///
    /// Whoever does not answer is stopped. What slows the machine for a while meets both sides alike.
    #[command(after_help = EXAMPLES)]
    Pair(PairArgs),
    /// Takes one sample of training: a worker learns a text that is drawn anew, and is scored on more of it.
    #[command(after_help = train::EXAMPLES)]
    Train(TrainArgs),
    /// Adds up the JSON objects of several samples, one a line on standard input, and applies the gates to the sum.
    ///
    /// Exit status: 0 judged (whether or not the gates hold), 2 where a line is no measured sample.
    Judge {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Says what is measured and how, what each gate catches, and what is not shown.
    Explain {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Shows the prompts that a seed draws.
    Draw {
        /// `climb`, `instruct` or a path to a .toml file.
        #[arg(long)]
        suite: String,
        /// What the prompts are drawn from.
        #[arg(long)]
        seed: u64,
        /// How many times the suite is drawn.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MOST_ROUNDS))]
        scale: u32,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Most times that a suite is drawn for one sample.
const MOST_ROUNDS: i64 = 1000;

#[derive(Debug, Args)]
struct SampleArgs {
    /// The worker's binary. It is started as `WORKER MODEL_DIR`, with frames on standard input and output.
    #[arg(long)]
    worker: PathBuf,
    #[command(flatten)]
    with: WithArgs,
}

#[derive(Debug, Args)]
struct PairArgs {
    /// The binary of one worker. It is started as `WORKER MODEL_DIR`, with frames on standard input and output.
    #[arg(long)]
    first: PathBuf,
    /// The binary of the other worker.
    #[arg(long)]
    second: PathBuf,
    #[command(flatten)]
    with: WithArgs,
}

#[derive(Debug, Args)]
struct WithArgs {
    /// The model, in the Hugging Face layout: config.json, tokenizer.json, *.safetensors.
    #[arg(long)]
    model: PathBuf,
    /// `climb`, `instruct` or a path to a .toml file.
    #[arg(long)]
    suite: String,
    /// What the prompts are drawn from.
    #[arg(long)]
    seed: u64,
    /// How many times the suite is drawn: a longer sample is a less noisy one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MOST_ROUNDS))]
    scale: u32,
    /// Print one JSON object, on the last line.
    #[arg(long)]
    json: bool,
    /// How many cores the worker is pinned to.
    #[arg(long, default_value_t = 1)]
    cores: usize,
    /// Longest time without a token, in seconds; also for loading the model.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    worker_timeout_s: u32,
    /// Longest time for the model's loading and all answers, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    sample_timeout_s: u32,
    /// Address space of the worker, in units of 10^6 bytes.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    worker_memory_mb: u32,
    /// What the worker may read besides its binary, the libraries that it is linked to and the model: the library of a script's
    /// interpreter, for one. May be given several times.
    #[arg(long, value_name = "PATH")]
    worker_read: Vec<PathBuf>,
    /// Least confinement of the worker: none, partial, strong or full. It is always given as much as this machine
    /// has, and not started below this. `strong` where absent, or what $PITON_CONFINEMENT says.
    #[arg(long, value_name = "LEVEL")]
    confinement: Option<Level>,
}

/// Does what the arguments say.
pub fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Sample(args) => take_sample(args),
        Command::Pair(args) => take_pair(args),
        Command::Train(args) => train::take(args),
        Command::Judge { json } => judge(json),
        Command::Explain { json: true } => print(&explain::json()),
        Command::Explain { json: false } => {
            print!("{}", explain::text());
            ExitCode::SUCCESS
        }
        Command::Draw { suite, seed, scale, json } => draw(&suite, seed, scale, json),
    }
}

fn take_sample(args: SampleArgs) -> ExitCode {
    adopt_orphans();
    let json = args.with.json;
    let report = options(args.with).and_then(|options| sample::run(options, &args.worker));
    match report {
        Ok(report) if json => print(&report.json()),
        Ok(report) => {
            print!("{}", report.text());
            ExitCode::SUCCESS
        }
        Err(failure) => fail(&failure, json),
    }
}

fn take_pair(args: PairArgs) -> ExitCode {
    adopt_orphans();
    let json = args.with.json;
    let workers = [args.first.as_path(), args.second.as_path()];
    let reports = options(args.with).map_err(PairFailure::from);
    match reports.and_then(|options| sample::run_pair(options, workers)) {
        Ok([first, second]) if json => {
            print(&json!({"outcome": "measured", "first": first.json(), "second": second.json()}))
        }
        Ok([first, second]) => {
            print!("First\n\n{}\nSecond\n\n{}", first.text(), second.text());
            ExitCode::SUCCESS
        }
        Err(PairFailure { side, failure }) if json => {
            let mut object = json!(failure);
            object["side"] = json!(side.map(PairSide::word));
            println!("{object}");
            ExitCode::from(failure.outcome.exit_status())
        }
        Err(PairFailure { side, failure }) => {
            let whose = side.map_or("a worker", |side| match side {
                PairSide::First => "the first worker",
                PairSide::Second => "the second worker",
            });
            eprintln!("{failure}\n note: that was {whose}; neither was measured");
            ExitCode::from(failure.outcome.exit_status())
        }
    }
}

fn options(args: WithArgs) -> Result<Options, Failure> {
    let harness = std::env::current_exe().map_err(|e| {
        Failure::new(Kind::BadSetup, format!("the harness does not find its own binary: {e}"))
    })?;
    Ok(Options {
        harness,
        model: args.model,
        suite: args.suite,
        seed: args.seed,
        scale: args.scale,
        cores: args.cores,
        silence: Duration::from_secs(args.worker_timeout_s.into()),
        whole: Duration::from_secs(args.sample_timeout_s.into()),
        memory_bytes: u64::from(args.worker_memory_mb) * 1_000_000,
        more: args.worker_read,
        least: args.confinement.map_or_else(least, Ok)?,
    })
}

/// The least confinement where the command line does not say.
fn least() -> Result<Level, Failure> {
    let Some(text) = std::env::var_os("PITON_CONFINEMENT") else { return Ok(Level::Strong) };
    let level = text.to_string_lossy().parse();
    level.map_err(|e| Failure::new(Kind::BadSetup, format!("PITON_CONFINEMENT cannot be used: {e}")))
}

fn judge(json: bool) -> ExitCode {
    match Pool::read(std::io::stdin().lock()) {
        Ok(pool) if json => {
            let mut object = report::scores("judged", &pool.quality, &pool.timing);
            object["samples"] = json!(pool.samples);
            object["versions"] = json!(pool.versions);
            print(&object)
        }
        Ok(pool) => {
            print!("{} samples\n\n{}", pool.samples, report::scores_text(&pool.quality, &pool.timing));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            if json {
                print(&json!({"outcome": "not_judged", "reason": reason}));
            } else {
                eprintln!("error: nothing was judged\ncause: {reason}");
                eprintln!(" hint: give the last lines of several `harness sample --json` on standard input");
            }
            ExitCode::from(2)
        }
    }
}

fn draw(suite: &str, seed: u64, scale: u32, json: bool) -> ExitCode {
    let source = match Source::open(suite) {
        Ok(source) => source,
        Err(failure) => return fail(&failure, json),
    };
    let prompts = source.draw(seed, scale);
    if json {
        let prompts: Vec<Value> = prompts
            .iter()
            .map(|p| {
                json!({"task": p.task, "family": p.family, "context": p.context.name(), "text": p.text,
                    "expected": p.expected, "max_new": p.max_new, "checks": p.checks.len()})
            })
            .collect();
        return print(
            &json!({"suite": source.name(), "suite_sha256": source.sha256, "seed": seed, "prompts": prompts}),
        );
    }
    for prompt in prompts {
        println!("--- {} ({}, {})", prompt.task, prompt.family, prompt.context.name());
        println!("{}", prompt.text);
        println!("=== {}\n", prompt.expected.as_deref().unwrap_or("(open)"));
    }
    ExitCode::SUCCESS
}

fn print(object: &Value) -> ExitCode {
    println!("{object}");
    ExitCode::SUCCESS
}

fn fail(failure: &Failure, json: bool) -> ExitCode {
    if json {
        println!("{}", json!(failure));
    } else {
        eprintln!("{failure}");
    }
    ExitCode::from(failure.outcome.exit_status())
}
