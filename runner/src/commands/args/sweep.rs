//! Options of `piton sweep`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

/// What else is measured of recipes.
#[derive(Debug, Subcommand)]
pub(crate) enum SweepCommand {
    /// Compare recipes with the first of them, in fresh pairs.
    ///
    /// Takes piton.toml and recipes as they stand in this directory, starts their servers, and records nothing. Acceptance of drafted tokens is the server's own word, and absent where it says none.
    #[command(after_help = "Example: piton sweep ab none.toml default.toml tuned.toml")]
    Ab(AbArgs),
    /// Measure a recipe at each prompt length and concurrency.
    ///
    /// Starts the server of piton.toml for each cell, and tries no cell behind one that failed: the machine is full there.
    #[command(after_help = "Example: piton sweep grid --words 200,800 --concurrency 1,2,4 --html grid.html")]
    Grid(GridArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AbArgs {
    /// Two recipes or more: recipe.toml files.
    #[arg(required = true, num_args = 2.., value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// Pairs of each with the first.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pairs: u32,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GridArgs {
    /// Words of each prompt.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [100, 400], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub words: Vec<u32>,
    /// Requests open at once.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 4], value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub concurrency: Vec<u32>,
    /// Requests of a cell, for each that is open at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,
    /// The recipe; the first model with every knob at its first value where absent.
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Write one HTML page with the heat map here.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SweepArgs {
    #[command(subcommand)]
    pub command: Option<SweepCommand>,
    /// Models to try, by name, in this order; all of piton.toml where absent.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub candidate_models: Vec<String>,
    /// Leave out models below this size, e.g. 3B.
    #[arg(long, value_name = "SIZE")]
    pub min_model_size: Option<String>,
    /// Leave out models above this size, e.g. 16B.
    #[arg(long, value_name = "SIZE")]
    pub max_model_size: Option<String>,
    /// Tokens of context that a request must have room for, instead of load.context.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub target_context: Option<u64>,
    /// Values of a knob, instead of those in piton.toml: kv=unset,q8_0. May be given again.
    #[arg(long = "axis", value_name = "KNOB=VALUE,...", value_parser = axis)]
    pub axes: Vec<(String, Vec<String>)>,
    /// End after so long, instead of sweep.max_duration_s; the trial in progress is finished.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub max_duration: Option<Duration>,
    /// Try at most so many recipes.
    #[arg(long, value_name = "N")]
    pub trials: Option<u32>,
    /// Who proposes recipes: `tuner`, or an agent as of `piton climb`.
    #[arg(long, default_value = "tuner", value_name = "AGENT")]
    pub agent: String,
    /// Model for the agent.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Name of the run; sweep-DATE-TIME where absent.
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Show what would be tried, and start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Stop the service of [service] that runs already; it is started again in the end.
    #[arg(long)]
    pub drain: bool,
    /// Write the recipe to the file of [apply].
    #[arg(long)]
    pub apply: bool,
    /// Show the recipe beside that of the last sweep here.
    #[arg(long)]
    pub compare: bool,
    /// The database of sweeps; .piton/sweeps/tune.sqlite where absent.
    #[arg(long, value_name = "FILE")]
    pub db_path: Option<PathBuf>,
    /// Sweeps that stay in the database, instead of sweep.retain_runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub retain_runs: Option<u32>,
    /// Print JSON, in the names of SPEC-013.
    #[arg(long)]
    pub json: bool,
}

fn axis(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, values) = text.split_once('=').ok_or("write kv=unset,q8_0")?;
    let values: Vec<String> = values.split(',').map(str::to_owned).collect();
    if values.iter().any(String::is_empty) {
        return Err(format!("{name} has an empty value"));
    }
    if let Some(twice) = values.iter().enumerate().find(|(n, value)| values[..*n].contains(value)) {
        return Err(format!("{name} has the value {} twice", twice.1));
    }
    Ok((name.to_owned(), values))
}
