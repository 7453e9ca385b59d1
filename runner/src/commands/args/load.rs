//! Options of `piton load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use piton_server::load::slo::Slo;
use piton_server::request::Api;

use super::values::duration;

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiName {
    /// /chat/completions.
    Chat,
    /// /completions.
    Completions,
}

impl From<ApiName> for Api {
    fn from(name: ApiName) -> Self {
        match name {
            ApiName::Chat => Self::Chat,
            ApiName::Completions => Self::Completions,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// The server: http://HOST:PORT, with the path of its API where that is not /v1.
    #[arg(required_unless_present = "recipe")]
    pub url: Option<String>,
    /// Start the server of piton.toml here with this recipe, and stop it in the end.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub recipe: Option<PathBuf>,
    /// Requests open at once: one figure or several, e.g. 1,2,4.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1], value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub concurrency: Vec<u32>,
    /// Requests begun per second, on average, instead: one figure or several, e.g. 0.5,2.
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', value_parser = rate, conflicts_with = "concurrency")]
    pub rate: Vec<f64>,
    /// Requests of each load.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests: u32,
    /// Requests before each load that do not count.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub warm_up: u32,
    /// Prompts: `suite`, `synthetic:N` (N words), or a JSONL file with a prompt on each line.
    #[arg(long, value_name = "SOURCE", default_value = "suite")]
    pub prompts: String,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: u32,
    /// The call that is made.
    #[arg(long, value_enum, default_value_t = ApiName::Chat)]
    pub api: ApiName,
    /// The model's name; the first that the server lists where absent.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Bounds in milliseconds that make an answer good: ttft, itl, tpot, e2e.
    #[arg(long, value_name = "ttft=MS,...", value_parser = Slo::parse)]
    pub slo: Option<Slo>,
    /// Limit of one request.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
    /// Further fields of each request, as a JSON object.
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub extra: Option<serde_json::Map<String, serde_json::Value>>,
    /// The environment variable that holds the server's key.
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
    /// Draw prompts and arrivals from this seed; a fresh one where absent.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print JSON, with every request.
    #[arg(long)]
    pub json: bool,
    /// Write a line for each load here, as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write one HTML page here.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|e| format!("{e}; write e.g. 0.5 or 10"))?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("it is a number above 0".to_owned()) }
}

fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|e| format!("{e}; write an object, e.g. {{\"top_p\": 1}}"))
}
