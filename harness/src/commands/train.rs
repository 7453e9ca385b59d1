//! `harness train`.

use super::{fail, least, print};
use crate::outcome::{Failure, Kind};
use crate::process::adopt_orphans;
use crate::train::{self, Options, Sizes};
use clap::Args;
use piton_base::level::Level;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Example:
  harness train --worker experiments/training/candidate/target/release/candidate \\
      --suite harness/suites/training.toml --seed 7 --budget-s 5

Exit status: 0 measured, 1 the worker broke a rule, 2 usage or set-up.";

/// Longest budget, in seconds.
const MOST_BUDGET: i64 = 24 * 3600;

#[derive(Debug, Args)]
pub(super) struct TrainArgs {
    /// The worker's binary. It is started without arguments, with a lesson on standard input.
    #[arg(long)]
    worker: PathBuf,
    /// The suite whose training text is learnt: a path to a .toml file.
    #[arg(long)]
    suite: String,
    /// What the texts, their words, their alphabet and the worker's own seed are drawn from.
    #[arg(long)]
    seed: u64,
    /// Processor time that the worker may use to learn and to be scored, in seconds, from its start on.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=MOST_BUDGET))]
    budget_s: u32,
    /// Text to learn from, in KiB.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
    text_kib: u32,
    /// Texts to be scored on, all at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    streams: u32,
    /// Bytes of each of them that are scored.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
    length: u32,
    /// Print one JSON object, on the last line.
    #[arg(long)]
    json: bool,
    /// Longest time by the clock on the wall, in seconds.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    sample_timeout_s: u32,
    /// Address space of the worker, in units of 10^6 bytes.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    worker_memory_mb: u32,
    /// What the worker may read besides its binary and the libraries that it is linked to. May be given several times.
    #[arg(long, value_name = "PATH")]
    worker_read: Vec<PathBuf>,
    /// Least confinement of the worker, as of `sample`.
    #[arg(long, value_name = "LEVEL")]
    confinement: Option<Level>,
}

pub(super) fn take(args: TrainArgs) -> ExitCode {
    adopt_orphans();
    let json = args.json;
    match options(args).and_then(|options| train::run(&options)) {
        Ok(report) if json => print(&report.json()),
        Ok(report) => {
            print!("{}", report.text());
            ExitCode::SUCCESS
        }
        Err(failure) => fail(&failure, json),
    }
}

fn options(args: TrainArgs) -> Result<Options, Failure> {
    let harness = std::env::current_exe().map_err(|e| {
        Failure::new(Kind::BadSetup, format!("the harness does not find its own binary: {e}"))
    })?;
    Ok(Options {
        harness,
        worker: args.worker,
        suite: args.suite,
        seed: args.seed,
        budget: Duration::from_secs(args.budget_s.into()),
        sizes: Sizes {
            training: args.text_kib as usize * 1024,
            streams: args.streams as usize,
            length: args.length as usize,
        },
        whole: Duration::from_secs(args.sample_timeout_s.into()),
        memory_bytes: u64::from(args.worker_memory_mb) * 1_000_000,
        more: args.worker_read,
        least: args.confinement.map_or_else(least, Ok)?,
    })
}
