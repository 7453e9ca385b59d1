//! The arguments of the commands that have many.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::values::{Words, address, count, direction, duration, host_name, profiler, source, usd, words};
use piton_climb::profile::Profiler;
use piton_core::base::metric::Direction;
use piton_core::report::import::Source;

/// A proposer's words.
#[derive(Debug, Args)]
pub(crate) struct ProposalWords {
    /// What is tried, in one line.
    #[arg(short = 'm', long)]
    pub message: Option<String>,
    /// Why it should help.
    #[arg(long, value_name = "TEXT")]
    pub hypothesis: Option<String>,
    /// The family of ideas that it belongs to, e.g. `loop fusion`.
    #[arg(long, value_name = "NAME")]
    pub family: Option<String>,
    /// Gain that you expect, in percent: `piton status` tells how good such guesses were.
    #[arg(long, value_name = "PCT", allow_negative_numbers = true)]
    pub expected: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What to measure, where there are several benchmarks or programs.
    #[arg(long, value_name = "NAME", conflicts_with = "agents")]
    pub bench: Option<String>,
    /// Write the files and try nothing.
    #[arg(long, conflicts_with = "agents")]
    pub no_try: bool,
    /// Install first what the project says that it needs, by its own package manager, in this checkout: outside of the walls, with the
    /// network.
    #[arg(long, conflicts_with = "agents")]
    pub install: bool,
    /// Keep what a results.tsv of another tool says as claims, which `piton log --run NAME` shows; the file stays as it is.
    #[arg(long, conflicts_with = "agents")]
    pub import: bool,
    /// Commit the files that it wrote, where the try worked: a run begins from a commit.
    #[arg(long, conflicts_with = "agents")]
    pub commit: bool,
    /// Have an agent complete what was found, where that does not measure or checks nothing: any that `climb --agent` takes.
    #[arg(long, value_name = "AGENT", conflicts_with_all = ["agents", "no_try"])]
    pub agent: Option<String>,
    /// What you want, in your words: the agent is asked in any case then.
    #[arg(long, value_name = "TEXT", requires = "agent")]
    pub say: Option<String>,
    /// Model for the agent.
    #[arg(long, value_name = "NAME", requires = "agent")]
    pub model: Option<String>,
    /// Further arguments for the agent, as one text, quoted as in a shell.
    #[arg(long, value_name = "TEXT", value_parser = words, default_value = "", hide_default_value = true, allow_hyphen_values = true, requires = "agent")]
    pub agent_args: Words,
    /// Limit on one call of the agent; there are three at most.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration, requires = "agent")]
    pub agent_timeout: Duration,
    /// End a call in which the agent neither says nor edits anything for so long.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration, requires = "agent")]
    pub stall: Duration,
    /// Let the agent write this too, besides its files and a private copy of its settings. May be given again.
    #[arg(long = "allow-write", value_name = "PATH", requires = "agent")]
    pub more: Vec<PathBuf>,
    /// What the agent may cost, in US dollars, where it has such a limit.
    #[arg(long, value_name = "USD", value_parser = usd, requires = "agent")]
    pub max_usd: Option<f64>,
    /// Write what agents read, instead: those that piton knows, and those of these adapters.
    #[arg(long, num_args = 0.., value_name = "FILE")]
    pub agents: Option<Vec<PathBuf>>,
    /// Print what was found, written and tried as JSON.
    #[arg(long, conflicts_with = "agents")]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What is sought; a word also finds what begins with it.
    #[arg(value_name = "WORDS", required_unless_present = "diff")]
    pub words: Vec<String>,
    /// Only in changed lines; without words: by the edit in this checkout.
    #[arg(long)]
    pub diff: bool,
    /// In all runs of this repository.
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
    /// Most trials to show.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Args)]
pub struct ClimbArgs {
    /// `tuner`; an agent that `piton agents` lists; a file with an adapter, *.toml; or a command line for sh.
    #[arg(long, default_value = "tuner", value_name = "AGENT")]
    pub agent: String,
    /// Model for the agent.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Further arguments for the agent, as one text, quoted as in a shell.
    #[arg(long, value_name = "TEXT", value_parser = words, default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    pub agent_args: Words,
    /// Limit on the turns of one call, where the agent has one.
    #[arg(long, value_name = "N")]
    pub agent_turns: Option<u32>,
    /// Go on with one session instead of a fresh one for each proposal; it fills up.
    #[arg(long)]
    pub same_session: bool,
    /// Stop after so many trials.
    #[arg(long, value_name = "N")]
    pub trials: Option<u32>,
    /// Stop after so long, e.g. 30m or 8h; the trial in progress is finished.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub wall: Option<Duration>,
    /// Stop when the agent has cost so many US dollars, as it tells; the trial in progress is finished.
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub max_usd: Option<f64>,
    /// Stop when the agent has used so many tokens, as it tells, e.g. 500k or 20M.
    #[arg(long, value_name = "N", value_parser = count)]
    pub max_tokens: Option<u64>,
    /// Stop after so many keeps.
    #[arg(long, value_name = "N")]
    pub keeps: Option<u32>,
    /// Stop when the incumbent's metric, as measured in the trial that kept it, has reached this.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub target: Option<f64>,
    /// Stop after so many trials in a row without a keep.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub plateau: Option<u32>,
    /// Go on with this run, or give a new one this name; a new run named by today's date where absent.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Let the agent write this too, besides its worktree and what its kind keeps in your home directory. May be given again.
    #[arg(long = "allow-write", value_name = "PATH")]
    pub more: Vec<PathBuf>,
    /// Limit on one call of the agent.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub agent_timeout: Duration,
    /// End a call in which the agent neither says nor edits anything for so long, and try again.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub stall: Duration,
    /// Command line for sh that is told of each keep, as JSON on standard input. It runs as you do, outside the walls, for 30 s at most.
    #[arg(long, value_name = "COMMAND")]
    pub on_keep: Option<String>,
    /// The same for each trial.
    #[arg(long, value_name = "COMMAND")]
    pub on_trial: Option<String>,
    /// The same when the climb ends.
    #[arg(long, value_name = "COMMAND")]
    pub on_stop: Option<String>,
    /// Run the incumbent once under a profiler after each keep, and tell the agent where its time goes.
    #[arg(long)]
    pub profile: bool,
    /// Print the trials of the run as JSON at the end.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuickArgs {
    /// Most samples to take, after a first run that does not count.
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(3..=1000))]
    pub runs: u32,
    /// Take no more samples after so long, e.g. 30s or 5m; three are taken always.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub time: Duration,
    /// Write the piton.toml that is printed, where there is none.
    #[arg(long)]
    pub write: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Only what was kept.
    #[arg(long)]
    pub kept: bool,
    /// Only what ended so.
    #[arg(long, value_name = "keep|discard|crash|void|unjudged|check", value_parser = ["keep", "discard", "crash", "void", "unjudged", "check"])]
    pub status: Option<String>,
    /// Only what ended for this reason, e.g. worse, held_implausible, gate:NAME; `gate` means any gate.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only this family of ideas, as its proposers name it.
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// Only what began since: 8h ago, a date or a time (UTC).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only the last so many of those.
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Write the decision log instead: an entry for each idea, of every run or of the one that is named, with status and figures. What
    /// you write between its markers stays when it is written anew.
    #[arg(long, conflicts_with_all = ["kept", "status", "reason", "family", "since", "last", "json"])]
    pub experiments: bool,
    /// Where the decision log is written; `-` is standard output. EXPERIMENTS.md at the root of the checkout where absent.
    #[arg(short = 'o', long, value_name = "FILE", requires = "experiments")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct ProfileArgs {
    /// The profiler: perf for whatever is compiled, py-spy for Python, node for JavaScript, go for its tests and benchmarks. Chosen by what the measuring command starts
    /// where absent.
    #[arg(long, value_name = "NAME", value_parser = profiler)]
    pub with: Option<Profiler>,
    /// The run; that of the present branch where absent, else the latest.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// How it is written.
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub format: ExportFormat,
    /// Write here; standard output where absent.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The run; that of the present branch where absent, else the latest.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A row for each trial, its commits whole, a column for each metric.
    Csv,
    /// The records as they stand in the ledger.
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file: results.tsv, labloop.jsonl or autoresearch.jsonl.
    pub file: PathBuf,
    /// The tool that wrote it: autoresearch, labloop or pi-autoresearch.
    #[arg(long, value_name = "TOOL", value_parser = source)]
    pub from: Source,
    /// Its name here; the tool's and the file's where absent.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Which way is better, higher or lower, where the file does not say; lower where absent.
    #[arg(long, value_name = "higher|lower", value_parser = direction)]
    pub direction: Option<Direction>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Write here; `-` is standard output.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A few lines of Markdown, for a pull request.
    #[arg(long, conflicts_with_all = ["json", "svg", "png"])]
    pub md: bool,
    /// The staircase alone, as SVG.
    #[arg(long, conflicts_with_all = ["json", "png"])]
    pub svg: bool,
    /// The staircase alone, as PNG.
    #[arg(long, conflicts_with = "json")]
    pub png: bool,
    /// A card to share: the figure and the staircase, 1200 by 630, as PNG unless --svg is given.
    #[arg(long, conflicts_with_all = ["json", "md"])]
    pub card: bool,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct FinalizeArgs {
    /// Make the branches.
    #[arg(long)]
    pub apply: bool,
    /// Measure first, as `piton verify --each` does.
    #[arg(long)]
    pub verify: bool,
    #[command(flatten)]
    pub which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Listen here; 127.0.0.1:7480 where absent, or another port where that one is taken.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: Option<SocketAddr>,
    /// Ask for the token on loopback, too, before anything is shown: agents and other users of this machine can reach it.
    #[arg(long)]
    pub token: bool,
    /// Another name that the page may be asked for under on loopback, as a tunnel needs it: localhost:9000. More than once for more.
    #[arg(long, value_name = "NAME[:PORT]", value_parser = host_name)]
    pub name: Vec<String>,
    /// The run; the one at work where absent, else that of the present branch, else the latest.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The run; that of the present branch where absent, else the latest.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
