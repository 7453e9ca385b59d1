//! One side of a sample: its server, and what it was asked so far.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Experiment, Measured, Sampled};
use crate::agreement::agreement;
use crate::answer::Answer;
use crate::infeasible::{Infeasible, Reason};
use crate::load::figures::{Figures, Percentiles};
use crate::load::{self, Arrival, Asked, Loaded};
use crate::recipe::TrialRecipe;
use crate::server::{Server, Started};
use piton_core::base::error::Result;

/// Why a side gave nothing.
#[derive(Debug)]
pub(super) enum Ended {
    Infeasible(usize, Infeasible),
    Void(String),
    Interrupted,
}

impl<T> From<Ended> for Sampled<T> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Infeasible(place, infeasible) => Self::Infeasible(place, infeasible),
            Ended::Void(why) => Self::Void(why),
            Ended::Interrupted => Self::Interrupted,
        }
    }
}

type Done<T> = std::result::Result<T, Ended>;

/// A server that is being measured.
pub(super) struct Side {
    place: usize,
    server: Server,
    asked: Vec<Asked>,
    wall_s: f64,
    cpu_s: Option<f64>,
    answers: Vec<String>,
    agreement: Option<f64>,
}

impl Side {
    /// Starts the recipe's server and asks it the prompts of the warm-up.
    pub(super) fn open(experiment: &Experiment, place: usize, recipe: &TrialRecipe) -> Result<Done<Self>> {
        let name = ["first", "second"][place];
        let own = experiment.place(name)?;
        let log = experiment.work.join(format!("{name}.log"));
        let server = match Server::start(experiment.config, recipe, &own, &log, experiment.stop)? {
            Started::Ready(server) => server,
            Started::Infeasible(infeasible) => return Ok(Err(Ended::Infeasible(place, infeasible))),
            Started::Interrupted => return Ok(Err(Ended::Interrupted)),
        };
        let mut side = Self {
            place,
            server,
            asked: vec![],
            wall_s: 0.0,
            cpu_s: Some(0.0),
            answers: vec![],
            agreement: None,
        };
        let prompts = experiment.warm_up()?;
        let warmed = match side.fire(experiment, &prompts, Arrival::Concurrency(1), 0)? {
            Ok(warmed) => warmed,
            Err(ended) => {
                side.server.stop(experiment.stop);
                return Ok(Err(ended));
            }
        };
        side.answers = warmed.requests.into_iter().map(|asked| asked.answer.text).collect();
        let reference = experiment.reference.as_ref().filter(|_| experiment.feasible().agreement.is_some());
        side.agreement = reference.and_then(|reference| agreement(&reference.answers, &side.answers));
        Ok(Ok(side))
    }

    /// Asks a block of prompts, all at once.
    pub(super) fn ask(&mut self, experiment: &Experiment, prompts: &[String], seed: u64) -> Result<Done<()>> {
        let arrival = Arrival::Concurrency(u32::try_from(prompts.len()).unwrap_or(u32::MAX));
        let before = self.server.processor_time();
        let loaded = match self.fire(experiment, prompts, arrival, seed)? {
            Ok(loaded) => loaded,
            Err(ended) => return Ok(Err(ended)),
        };
        let spent =
            self.server.processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        self.cpu_s = self.cpu_s.zip(spent).map(|(all, spent)| all + spent.as_secs_f64());
        self.wall_s += loaded.wall_s;
        self.asked.extend(loaded.requests);
        Ok(Ok(()))
    }

    fn fire(
        &mut self,
        experiment: &Experiment,
        prompts: &[String],
        arrival: Arrival,
        seed: u64,
    ) -> Result<Done<Loaded>> {
        let client = self.server.client(experiment.timeout());
        let ask = experiment.ask();
        let Some(loaded) = load::run(&client, &ask, prompts, arrival, seed, &|_| {}, experiment.stop)? else {
            return Ok(Err(Ended::Interrupted));
        };
        let bad = loaded.requests.iter().find_map(|asked| {
            Infeasible::of_answer(&asked.answer.end)
                .or_else(|| marks(&asked.answer, &experiment.feasible().stop_tokens))
        });
        Ok(match bad {
            // Whoever has died says more of it than its last answer.
            Some(infeasible) => {
                let died = self.died_soon();
                Err(Ended::Infeasible(self.place, died.unwrap_or(infeasible)))
            }
            None => Ok(loaded),
        })
    }

    /// Why the server ended, where it did: a connection may break before its end is seen.
    fn died_soon(&mut self) -> Option<Infeasible> {
        let watch = piton_system::clock::Stopwatch::start();
        while watch.seconds() < 0.2 {
            if let Some(died) = self.server.died() {
                return Some(died);
            }
            piton_system::clock::wait(std::time::Duration::from_millis(5));
        }
        None
    }

    /// The most memory that it held, in bytes.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.server.peak_memory()
    }

    /// Stops it. Returns its figures, or why there are none.
    pub(super) fn close(self, experiment: &Experiment) -> Done<Measured> {
        let (place, peak, ready_s) = (self.place, self.server.peak_memory(), self.server.ready_s);
        let version = self.server.props.get("build_info").and_then(Value::as_str).map(str::to_owned);
        let stopped = self.server.stop(experiment.stop);
        if stopped.left > 0 {
            let note = format!("{} of its processes were there after its end, and were ended", stopped.left);
            return Err(Ended::Infeasible(place, Infeasible::new(Reason::Leak, note)));
        }
        let concurrency = experiment.load().concurrency;
        let loaded =
            Loaded { arrival: Arrival::Concurrency(concurrency), wall_s: self.wall_s, requests: self.asked };
        let figures = Figures::of(&loaded, None);
        let ttft = figures.ttft_ms.map(|ttft| ttft.p50);
        if let Some(ms) = ttft.filter(|ms| *ms > experiment.feasible().ttft_ms) {
            let note = format!(
                "the median is {ms:.0} ms, and feasible.ttft_ms is {}",
                experiment.feasible().ttft_ms
            );
            return Err(Ended::Infeasible(place, Infeasible::new(Reason::TtftGate, note)));
        }
        let Some(tokens) = figures.tokens else {
            return Err(Ended::Void(
                "the server tells no `usage`, and tokens are counted by nothing else".to_owned(),
            ));
        };
        if let Some(cached) = figures.of_a_cache() {
            let all = figures.prompt_tokens.unwrap_or(0);
            return Err(Ended::Void(format!(
                "a cache answered for {cached} of {all} tokens of fresh prompts"
            )));
        }
        let mut metrics = latencies(&figures);
        let mut put =
            |name: &str, value: Option<f64>| metrics.extend(value.map(|value| (name.to_owned(), value)));
        put("tokens_per_s", figures.tokens_per_s);
        put("tokens_per_cpu_s", self.cpu_s.filter(|s| *s > 0.0).map(|s| tokens as f64 / s));
        put("peak_memory_mb", peak.map(|bytes| bytes as f64 / 1e6));
        put("ready_s", Some(ready_s));
        put("agreement", self.agreement);
        put("acceptance", figures.acceptance);
        Ok(Measured { metrics, answers: self.answers, version })
    }
}

fn latencies(figures: &Figures) -> BTreeMap<String, f64> {
    let spreads: [(&str, Option<Percentiles>); 3] =
        [("ttft", figures.ttft_ms), ("itl", figures.itl_ms), ("tpot", figures.tpot_ms)];
    let two = |(name, spread): (&str, Option<Percentiles>)| {
        let spread = spread?;
        Some([(format!("{name}_ms"), spread.p50), (format!("{name}_p95_ms"), spread.p95)])
    };
    spreads.into_iter().filter_map(two).flatten().collect()
}

/// A mark of the model's in an answer, which a server that reads it rightly does not let through.
fn marks(answer: &Answer, stop_tokens: &[String]) -> Option<Infeasible> {
    let mark = stop_tokens.iter().find(|mark| !mark.is_empty() && answer.text.contains(mark.as_str()))?;
    Some(Infeasible::new(Reason::Quality, format!("an answer holds {mark}")))
}
