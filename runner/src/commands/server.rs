//! `piton server`: the measuring command of a sweep. It prints one JSON object, as any other measuring command does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{Measured, ServerArgs};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_server::infeasible::{INFEASIBLE, Infeasible};
use piton_server::recipe::TrialRecipe;
use piton_server::sample::{Experiment, Sampled};
use piton_system::config::{self, Config, sweep};
use piton_system::process::Runner;
use piton_system::terminal;

/// Measures one recipe or two, and prints what came of it.
///
/// # Errors
/// An experiment that cannot be read, a server that cannot be started at all.
pub(super) fn run(args: &ServerArgs) -> Result<u8> {
    let of = match &args.measured {
        Measured::Sample { of, .. } | Measured::Pair { of, .. } => of,
        Measured::Restore { order, away } => {
            return super::sweep::restore(order, *away).map(|()| exit::DONE);
        }
    };
    let runner = Runner::install()?;
    let text = fs::read(of.sealed.join(config::FILE)).ok();
    let config = Config::parse(&config::text(text)?)?;
    let stop = || runner.interrupted();
    let experiment = Experiment {
        config: &config,
        dir: &of.sealed,
        work: std::env::temp_dir(),
        reference: reference(&of.sealed, &config)?,
        stop: &stop,
    };
    let printed = match &args.measured {
        Measured::Sample { recipe, .. } => match read(recipe, &config) {
            Ok(recipe) => told(
                experiment.sample(&recipe, of.seed)?,
                |measured| json!({ "outcome": "measured", "metrics": measured.metrics }),
            ),
            Err(why) => refused(None, "bad_recipe", &why),
        },
        Measured::Pair { first, second, .. } => match (read(first, &config), read(second, &config)) {
            (Ok(first), Ok(second)) => told(
                experiment.pair([&first, &second], of.seed)?,
                |[first, second]| json!({ "first": first.metrics, "second": second.metrics }),
            ),
            (Err(why), _) => refused(Some(0), "bad_recipe", &why),
            (_, Err(why)) => refused(Some(1), "bad_recipe", &why),
        },
        Measured::Restore { .. } => None,
    };
    let Some(printed) = printed else {
        return Err(Error::new("no sample was taken").cause(piton_system::process::STOPPED).status(130));
    };
    terminal::json(&printed);
    Ok(exit::DONE)
}

fn read(path: &Path, config: &Config) -> std::result::Result<TrialRecipe, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", sweep::RECIPE).replace('\n', " "))?;
    TrialRecipe::parse(&text, config).map_err(|why| format!("{}: {why}", sweep::RECIPE))
}

/// What recipe 0 answers, which the experiment's directory holds where its answers are compared.
fn reference(dir: &Path, config: &Config) -> Result<Option<piton_server::agreement::Answers>> {
    let wanted = config.feasible.as_ref().is_some_and(|feasible| feasible.agreement.is_some());
    let path = dir.join(sweep::ANSWERS);
    if !wanted {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|_| {
        Error::usage(format!("no sample was taken: there is no {}", sweep::ANSWERS))
            .cause("feasible.agreement holds every recipe's answers against those of recipe 0")
            .hint("piton sweep measures recipe 0 and writes its answers")
    })?;
    serde_json::from_str(&text)
        .map(Some)
        .context(format!("no sample was taken: {} was not read", sweep::ANSWERS))
}

/// The object that is printed; `None` where the user stopped it.
fn told<T>(sampled: Sampled<T>, measured: impl Fn(T) -> Value) -> Option<Value> {
    match sampled {
        Sampled::Measured(figures) => Some(measured(figures)),
        Sampled::Infeasible(side, infeasible) => refused(Some(side), INFEASIBLE, &words(&infeasible)),
        Sampled::Void(why) => refused(None, "void", &why),
        Sampled::Interrupted => None,
    }
}

fn words(infeasible: &Infeasible) -> String {
    infeasible.to_string()
}

fn refused(side: Option<usize>, outcome: &str, reason: &str) -> Option<Value> {
    let mut object = json!({ "outcome": outcome, "reason": reason });
    if let Some(side) = side {
        object["side"] = json!(["first", "second"][side.min(1)]);
    }
    Some(object)
}
