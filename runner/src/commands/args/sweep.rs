//! Options of `piton sweep`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::duration;

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
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
