//! Stage 1 of a sweep: the first model of the list that can be served here at all.
//!
//! The order is the user's, and nothing sorts it. A model that cannot be served ends with one reason, the first that can be ends the stage:
//! those behind it are told by name, and nothing is known of them.

use serde::{Deserialize, Serialize};

use piton_core::base::error::Result;
use piton_core::base::stats::median;
use piton_system::config::sweep::{Model, parameters};

use crate::infeasible::Infeasible;
use crate::recipe::TrialRecipe;
use crate::sample::{Experiment, Measured, Sampled};

/// A row of the stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The model's name.
    pub model: String,
    /// Its place in the list, from 1.
    pub rank: usize,
    /// Why it cannot be served: one word of the list; absent where it can.
    pub reason: Option<String>,
    /// The line of the log that says so.
    pub note: Option<String>,
    /// Median tokens per second of its samples, where it was measured.
    pub tokens_per_s: Option<f64>,
    /// Median time to the first token, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What came of the stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage1 {
    /// A row for each model that was tried, in order.
    pub rows: Vec<ModelRow>,
    /// The model that can be served, and what its first sample was.
    pub chosen: Option<(TrialRecipe, Measured)>,
    /// The models behind it, by name.
    pub alternates: Vec<String>,
    /// Why it ended before it had an answer.
    pub cut: Option<Cut>,
}

/// What ends the stage early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// The user stopped it.
    Interrupted,
    /// The time is over.
    Time,
    /// A sample says nothing, whatever the model: why.
    Void(String),
}

impl Stage1 {
    /// Of a sweep that did not come so far.
    pub fn nothing() -> Self {
        Self { rows: vec![], chosen: None, alternates: vec![], cut: None }
    }
}

/// Tries `models` in order. `over` says that the time is over; `told` hears of each row.
///
/// # Errors
/// When nothing can be started at all.
pub fn run(
    experiment: &Experiment,
    models: &[Model],
    seed: u64,
    over: &dyn Fn() -> bool,
    told: &dyn Fn(&ModelRow),
) -> Result<Stage1> {
    let mut stage = Stage1::nothing();
    for (at, model) in models.iter().enumerate() {
        if over() {
            stage.cut = Some(Cut::Time);
            return Ok(stage);
        }
        let watch = piton_system::clock::Stopwatch::start();
        let recipe = TrialRecipe::first(experiment.config, &model.name);
        let samples = match samples(experiment, &recipe, seed)? {
            Ok(samples) => samples,
            Err(cut) => {
                stage.cut = Some(cut);
                return Ok(stage);
            }
        };
        let mut row = ModelRow {
            model: model.name.clone(),
            rank: at + 1,
            reason: None,
            note: None,
            tokens_per_s: None,
            ttft_ms: None,
            seconds: watch.seconds(),
        };
        match samples {
            Ok(samples) => {
                let of = |name: &str| {
                    let values: Vec<f64> =
                        samples.iter().filter_map(|one| one.metrics.get(name)).copied().collect();
                    median(&values)
                };
                (row.tokens_per_s, row.ttft_ms) = (of("tokens_per_s"), of("ttft_ms"));
                told(&row);
                stage.rows.push(row);
                stage.chosen = samples.into_iter().next().map(|first| (recipe, first));
                stage.alternates = models[at + 1..].iter().map(|model| model.name.clone()).collect();
                return Ok(stage);
            }
            Err(infeasible) => {
                (row.reason, row.note) = (Some(infeasible.reason.to_string()), Some(infeasible.note));
                told(&row);
                stage.rows.push(row);
            }
        }
    }
    Ok(stage)
}

type Samples = std::result::Result<Vec<Measured>, Infeasible>;

/// Every sample of the stage, or the first that shows that there is no point in another.
fn samples(
    experiment: &Experiment,
    recipe: &TrialRecipe,
    seed: u64,
) -> Result<std::result::Result<Samples, Cut>> {
    let n = experiment.config.sweep.clone().unwrap_or_default().stage1_samples;
    let mut all = vec![];
    for at in 0..n {
        match experiment.sample(recipe, seed.wrapping_add(u64::from(at)))? {
            Sampled::Measured(measured) => all.push(measured),
            Sampled::Infeasible(_, infeasible) => return Ok(Ok(Err(infeasible))),
            Sampled::Void(why) => return Ok(Err(Cut::Void(why))),
            Sampled::Interrupted => return Ok(Err(Cut::Interrupted)),
        }
    }
    Ok(Ok(Ok(all)))
}

/// The models that are to be tried: those that are named, in the order in which they are named, else all whose size lies within the bounds,
/// in the experiment's order. Returns also whether bounds were given and do not count, since a list goes before them.
///
/// # Errors
/// Words of what is wrong: a model that is not there, a bound that is no size, a bound on a model that does not say its size, none left.
pub fn candidates(
    models: &[Model],
    named: &[String],
    [min, max]: [Option<&str>; 2],
) -> std::result::Result<(Vec<Model>, bool), String> {
    if !named.is_empty() {
        let find = |name: &String| {
            let found = models.iter().find(|model| model.name == *name).cloned();
            found.ok_or_else(|| format!("no [[model]] is called `{name}`"))
        };
        let list: Vec<Model> = named.iter().map(find).collect::<std::result::Result<_, _>>()?;
        if let Some(twice) = named.iter().enumerate().find(|(n, name)| named[..*n].contains(name)) {
            return Err(format!("`{}` is named twice", twice.1));
        }
        return Ok((list, min.is_some() || max.is_some()));
    }
    let bound = |text: Option<&str>| {
        text.map(|text| {
            parameters(text).ok_or_else(|| format!("`{text}` is no size of a model; write 7B or 360M"))
        })
        .transpose()
    };
    let (min, max) = (bound(min)?, bound(max)?);
    let mut kept = vec![];
    for model in models {
        let size = model.params.as_deref().and_then(parameters);
        if (min.is_some() || max.is_some()) && size.is_none() {
            return Err(format!("the model {} does not say its size: params = \"7B\"", model.name));
        }
        let within =
            size.is_none_or(|size| min.is_none_or(|min| size >= min) && max.is_none_or(|max| size <= max));
        kept.extend(within.then(|| model.clone()));
    }
    if kept.is_empty() { Err("no model is left within these sizes".to_owned()) } else { Ok((kept, false)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> Vec<Model> {
        let model = |name: &str| Model { name: name.into(), path: "/m".into(), params: Some(name.into()) };
        ["32B", "7B", "1B"].map(model).into()
    }

    fn names(named: &[&str], bounds: [Option<&str>; 2]) -> std::result::Result<(Vec<String>, bool), String> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        candidates(&models(), &named, bounds)
            .map(|(list, ignored)| (list.into_iter().map(|m| m.name).collect(), ignored))
    }

    #[test]
    fn the_order_is_the_experiments_or_that_of_the_list_and_nothing_sorts_it() {
        assert_eq!(names(&[], [None, None]).unwrap().0, ["32B", "7B", "1B"]);
        assert_eq!(names(&["1B", "32B"], [None, None]).unwrap().0, ["1B", "32B"]);
    }

    #[test]
    fn a_bound_trims_the_list_at_its_end_and_a_list_goes_before_bounds() {
        assert_eq!(names(&[], [None, Some("16B")]).unwrap().0, ["7B", "1B"]);
        assert_eq!(names(&[], [Some("7B"), None]).unwrap().0, ["32B", "7B"]);
        assert_eq!(names(&["32B"], [None, Some("7B")]).unwrap(), (vec!["32B".to_owned()], true));
    }

    #[test]
    fn what_is_wrong_with_a_list_is_named() {
        assert!(names(&["70B"], [None, None]).unwrap_err().contains("70B"));
        assert!(names(&["7B", "7B"], [None, None]).unwrap_err().contains("twice"));
        assert!(names(&[], [Some("big"), None]).unwrap_err().contains("big"));
        assert!(names(&[], [Some("100B"), None]).is_err());
    }
}
