//! `piton sweep ab`: recipes against the first of them, in fresh pairs.

use std::path::Path;

use serde::Serialize;

use super::here::Here;
use crate::commands::args::AbArgs;
use piton_core::base::error::{Error, Result, exit};
use piton_core::base::stats::{median, sign_interval};
use piton_server::recipe::TrialRecipe;
use piton_server::sample::{Measured, Sampled};
use piton_system::host;
use piton_system::process::{Runner, STOPPED};
use piton_system::terminal::{self, Progress};

/// A recipe and what it came to.
#[derive(Debug, Serialize)]
struct Compared {
    recipe: String,
    changed: String,
    /// Why it cannot be served; absent where it can.
    infeasible: Option<String>,
    tokens_per_s: Option<f64>,
    tokens_per_cpu_s: Option<f64>,
    ttft_ms: Option<f64>,
    /// Accepted of drafted tokens, as the server says; absent where it does not.
    acceptance: Option<f64>,
    /// Gain over the first in percent, with the ends of its 95 % interval where there are pairs enough.
    gain_pct: Option<f64>,
    interval_pct: Option<(f64, f64)>,
    pairs: usize,
}

/// Compares, and tells what came of it.
///
/// # Errors
/// A recipe that is none, a first one that cannot be served.
pub(super) fn run(dir: &Path, args: &AbArgs) -> Result<u8> {
    let here = Here::open(dir)?;
    let recipes: Vec<TrialRecipe> =
        args.recipes.iter().map(|path| here.recipe(Some(path))).collect::<Result<_>>()?;
    let (runner, progress) = (Runner::install()?, Progress::new());
    let stop = || runner.interrupted();
    let experiment = here.experiment(&stop);
    let judged = here.config.metric.judged_by().to_owned();
    let sign = here.config.metric.judged_direction().sign();
    let mut all = vec![];
    for (at, recipe) in recipes.iter().enumerate().skip(1) {
        let (mut sides, mut why): ([Vec<Measured>; 2], Option<(usize, String)>) = (Default::default(), None);
        for n in 0..args.pairs {
            progress.doing(&format!("{}: pair {} of {}", args.recipes[at].display(), n + 1, args.pairs));
            let seed = host::fresh_seed()?;
            // Which is started and asked first is a coin's.
            let swapped = seed & 1 == 1;
            let order = if swapped { [recipe, &recipes[0]] } else { [&recipes[0], recipe] };
            match experiment.pair(order, seed)? {
                Sampled::Measured([one, other]) => {
                    let (first, this) = if swapped { (other, one) } else { (one, other) };
                    sides[0].push(first);
                    sides[1].push(this);
                }
                Sampled::Infeasible(side, infeasible) => {
                    why = Some((side ^ usize::from(swapped), infeasible.to_string()));
                    break;
                }
                Sampled::Void(note) => {
                    return Err(
                        Error::new("the recipes were not compared: a sample says nothing").cause(note)
                    );
                }
                Sampled::Interrupted => {
                    return Err(Error::new("the recipes were not compared").cause(STOPPED).status(130));
                }
            }
        }
        if let Some((0, why)) = &why {
            return Err(Error::new(format!(
                "nothing was compared: {} cannot be served",
                args.recipes[0].display()
            ))
            .cause(why));
        }
        let names = [&args.recipes[0], &args.recipes[at]].map(|path| path.display().to_string());
        if all.is_empty() {
            all.push(told(&names[0], "", &sides[0], None));
        }
        let gains: Vec<f64> = sides[0]
            .iter()
            .zip(&sides[1])
            .filter_map(|(first, this)| {
                let ratio = this.metrics.get(&judged)? / first.metrics.get(&judged)?;
                Some(100.0 * if sign > 0.0 { ratio - 1.0 } else { 1.0 / ratio - 1.0 })
            })
            .collect();
        let mut compared = told(&names[1], &recipe.changes(&recipes[0]), &sides[1], why.map(|(_, why)| why));
        (compared.gain_pct, compared.interval_pct) = (median(&gains), sign_interval(&gains, 0.025));
        all.push(compared);
    }
    progress.idle();
    terminal::either(args.json, &serde_json::json!({ "judged_by": judged, "recipes": all }), || {
        words(&judged, &all)
    });
    Ok(exit::DONE)
}

fn told(recipe: &str, changed: &str, samples: &[Measured], infeasible: Option<String>) -> Compared {
    let of = |name: &str| {
        let values: Vec<f64> =
            samples.iter().filter_map(|sample| sample.metrics.get(name)).copied().collect();
        median(&values)
    };
    Compared {
        recipe: recipe.to_owned(),
        changed: changed.to_owned(),
        infeasible,
        tokens_per_s: of("tokens_per_s"),
        tokens_per_cpu_s: of("tokens_per_cpu_s"),
        ttft_ms: of("ttft_ms"),
        acceptance: of("acceptance"),
        gain_pct: None,
        interval_pct: None,
        pairs: samples.len(),
    }
}

fn words(judged: &str, all: &[Compared]) -> String {
    let mut lines = vec![];
    let figure = |value: Option<f64>, unit: &str| {
        value.map_or_else(String::new, |value| format!(", {value:.1} {unit}"))
    };
    for one in all {
        let mut line = one.recipe.clone();
        if !one.changed.is_empty() {
            line.push_str(&format!(" ({})", one.changed));
        }
        if let Some(why) = &one.infeasible {
            lines.push(format!("{line}: cannot be served: {why}"));
            continue;
        }
        if let Some(gain) = one.gain_pct {
            let interval = one
                .interval_pct
                .map_or_else(String::new, |(low, high)| format!(" (95 % interval {low:+.1} .. {high:+.1})"));
            line.push_str(&format!(": {gain:+.1} %{interval} by {judged}, {} pairs", one.pairs));
        }
        line.push_str(&figure(one.tokens_per_s, "tokens/s"));
        line.push_str(&figure(one.ttft_ms, "ms to the first token"));
        line.push_str(&figure(one.acceptance.map(|share| share * 100.0), "% of drafts accepted"));
        lines.push(line);
    }
    lines.join("\n")
}
