//! Runs of one side alone: a challenger's where a pair would be too expensive, and an incumbent's that failed a gate.

use super::{Evaluator, blamed, failed, some, unreadable};
use crate::build::Built;
use crate::sample::Sampled;
use crate::single_runs::{RunResult, SingleRunner};
use piton_core::base::error::Result;
use piton_core::base::metric::Gain;
use piton_core::rule::gate::{self, Samples};
use piton_core::rule::keep::{self, Estimate, First, KeepReason, Verdict};
use piton_core::run::few_runs::{FRESH_RUNS, Judgement, KnownIncumbent, SingleMetric};
use piton_core::trial::record::{Outcome, Record, Stage, medians};
use piton_system::clock::Stopwatch;
use piton_system::host;

/// Samples that a side alone is measured by, at least.
const ALONE: u32 = 4;

impl Evaluator<'_> {
    /// Single runs of the challenger against the mean of the incumbent's.
    pub(super) fn run_by_run(
        &self,
        incumbent: &Built,
        challenger: &Built,
        record: &mut Record,
    ) -> Result<Outcome> {
        let config = &self.book.config;
        let seed = host::fresh_seed()?;
        record.provenance.seed = Some(seed);
        let measuring = Stopwatch::start();
        let mut single_runner = SingleRunner::new(self.world, config, self.harness);
        let outcome = self.runs(&mut single_runner, (incumbent, challenger), seed, record);
        record.measured.void_pairs = single_runner.void_runs;
        record.measured.seconds.measure = measuring.seconds();
        outcome
    }

    fn runs(
        &self,
        single_runner: &mut SingleRunner,
        (incumbent, challenger): (&Built, &Built),
        seed: u64,
        record: &mut Record,
    ) -> Result<Outcome> {
        let config = &self.book.config;
        let limit_s = config.measure.timeout_s;
        let mut samples = Samples::default();
        let runs_before = self.book.tally.runs();
        let side = SingleMetric::from(&config.metric);
        let unreadable = |metric: &str| unreadable(&format!("{metric} is missing, or no number"));
        let Some(mut known) = runs_before.known(side) else {
            return Ok(Outcome::Void { reason: "the baseline has too few runs".to_owned() });
        };
        let mut seeds = runs_before.seeds().to_vec();
        while known.runs < FRESH_RUNS {
            let prompts = keep::draw(seed, record.measured.reference.len() as u32).prompts;
            match single_runner.sample(incumbent, prompts, "the incumbent once more")? {
                RunResult::Counts(Sampled::Measured(values)) => {
                    let Some(fresh) = side.of(&values) else { return Ok(unreadable(side.metric)) };
                    if known.runs > 0 && known.drifts(fresh) {
                        let reason = "the incumbent moved by more than its runs vary: this metric drifts, and wants pairs";
                        return Ok(Outcome::Void { reason: reason.to_owned() });
                    }
                    known = known.with(fresh);
                    let holds = samples.look(&config.gates, First::Incumbent, &values);
                    record.measured.reference.push(values);
                    record.measured.run_seeds.push(prompts);
                    seeds.push(prompts);
                    record.measured.incumbent_gates = gate::read(&config.gates, &record.measured.reference);
                    if let (false, Some(failed)) = (holds, samples.failing(&config.gates, First::Incumbent)) {
                        return Ok(doubtful(failed.words(), record));
                    }
                }
                RunResult::Counts(Sampled::Interrupted) => {
                    return Ok(Outcome::Interrupted { stage: Stage::Measure });
                }
                RunResult::Counts(other) => {
                    let why = other.words(limit_s);
                    return Ok(match blamed(&other) {
                        true => doubtful(why, record),
                        false => Outcome::Void { reason: why },
                    });
                }
                RunResult::Void(reason) => return Ok(Outcome::Void { reason }),
            }
        }
        let mut runs = vec![];
        loop {
            // On prompts that the incumbent's runs had, not the same ones in every trial.
            let turn = record.trial as usize + runs.len();
            let fresh = || keep::draw(seed, FRESH_RUNS + runs.len() as u32).prompts;
            let prompts = seeds.get(turn % seeds.len().max(1)).copied().unwrap_or_else(fresh);
            let values = match single_runner.sample(
                challenger,
                prompts,
                &format!("run {} of at most 3", runs.len() + 1),
            )? {
                RunResult::Counts(Sampled::Measured(values)) => values,
                RunResult::Counts(other) => {
                    record.measured.tail = some(other.tail().to_owned());
                    return Ok(failed(other, limit_s));
                }
                RunResult::Void(reason) => return Ok(Outcome::Void { reason }),
            };
            let Some(run) = side.of(&values) else { return Ok(unreadable(side.metric)) };
            runs.push(run);
            record.measured.runs.push(values);
            record.measured.run_seeds.push(prompts);
            record.measured.metrics = medians(&record.measured.runs);
            record.measured.gates = gate::read_all(&config.gates, &record.measured.runs);
            let mean = runs.iter().sum::<f64>() / runs.len() as f64;
            let gain = Gain(mean - known.mean);
            let estimate = Estimate { pairs: runs.len() as u32, gain, low: None, high: None };
            if let Some(failed) = record.measured.gates.iter().find(|reading| !reading.pass) {
                return Ok(Outcome::GateFailed { gate: failed.metric.clone(), estimate: Some(estimate) });
            }
            for guard in &config.guards {
                let side = SingleMetric::from(guard);
                let values: Vec<f64> = record.measured.runs.iter().filter_map(|run| side.of(run)).collect();
                let Some(known) = self.of_incumbent(record, side).filter(|_| values.len() == runs.len())
                else {
                    return Ok(unreadable(side.metric));
                };
                let limit = guard.limit_on(side.scale, runs_before.level(side.metric));
                if known.worse(&values, limit) {
                    let verdict = Verdict::Guarded(guard.metric.clone());
                    return Ok(Outcome::Judged { verdict, estimate });
                }
            }
            let least = config.rule.least(side.scale, runs_before.level(side.metric));
            let verdict = match known.judge(&runs, config.rule.alpha) {
                Judgement::Again => continue,
                Judgement::Keep if gain > Gain(least.max(config.rule.delta(side.scale))) => {
                    Verdict::Keep(KeepReason::Better)
                }
                Judgement::Discard if known.z(&runs) < -1.0 => Verdict::Worse,
                _ => Verdict::NotShownBetter,
            };
            return Ok(Outcome::Judged { verdict, estimate });
        }
    }

    /// What is known of the incumbent in another metric, with the fresh runs of this trial.
    fn of_incumbent(&self, record: &Record, side: SingleMetric) -> Option<KnownIncumbent> {
        let known = self.book.tally.runs().known(side)?;
        Some(
            record.measured.reference.iter().filter_map(|run| side.of(run)).fold(known, KnownIncumbent::with),
        )
    }

    /// Measures the incumbent alone on fresh prompts, until every gate is due, and where it fails those that it stands on, the latest first:
    /// the run goes back to the first that holds. `way` are the baseline and the keeps that lead to the incumbent. `None` where the baseline
    /// fails too: then it is not the incumbent that is at fault.
    ///
    /// # Errors
    /// When piton itself fails.
    pub(crate) fn recheck_gates(&self, way: &[Record], record: &mut Record) -> Result<Option<Outcome>> {
        let config = &self.book.config;
        let seed = host::fresh_seed()?;
        record.provenance.seed = Some(seed);
        let measuring = Stopwatch::start();
        let mut single_runner = SingleRunner::new(self.world, config, self.harness);
        let (mut failed, mut why, mut draws) = (vec![], String::new(), 0);
        for of in way.iter().rev() {
            let id = self.world.repo.commit_id(of.committed()?)?;
            let Some(built) = self.in_place(id, of, &[])? else {
                return Ok(Some(Outcome::Void { reason: format!("trial {} was not built again", of.trial) }));
            };
            let mut samples = vec![];
            let wanted = gate::enough(&config.gates, ALONE);
            let fails = loop {
                if samples.len() >= wanted as usize {
                    let readings = gate::read_all(&config.gates, &samples);
                    break readings.into_iter().find(|reading| !reading.pass).map(|failed| failed.words());
                }
                let prompts = keep::draw(seed, draws).prompts;
                draws += 1;
                let doing = format!("trial {} alone, sample {} of {wanted}", of.trial, samples.len() + 1);
                match single_runner.sample(&built, prompts, &doing)? {
                    RunResult::Counts(Sampled::Measured(values)) => {
                        samples.push(values);
                        record.measured.run_seeds.push(prompts);
                    }
                    RunResult::Counts(Sampled::Interrupted) => {
                        return Ok(Some(Outcome::Interrupted { stage: Stage::Measure }));
                    }
                    RunResult::Counts(other) if blamed(&other) => {
                        break Some(other.words(config.measure.timeout_s));
                    }
                    RunResult::Counts(other) => {
                        let reason = other.words(config.measure.timeout_s);
                        return Ok(Some(Outcome::Void { reason }));
                    }
                    RunResult::Void(reason) => return Ok(Some(Outcome::Void { reason })),
                }
            };
            if failed.is_empty() {
                record.measured.metrics = medians(&samples);
                record.measured.gates = gate::read_all(&config.gates, &samples);
                record.measured.gates.retain(|_| !samples.is_empty());
            }
            record.measured.runs.append(&mut samples);
            record.measured.void_pairs.append(&mut single_runner.void_runs);
            record.measured.seconds.measure = measuring.seconds();
            let Some(fails) = fails else {
                return Ok(Some(Outcome::Regate { failed, to: of.trial, why }));
            };
            if failed.is_empty() {
                why = fails;
            }
            failed.push(of.trial);
        }
        Ok(None)
    }
}

/// The outcome of a trial whose incumbent did what it may not.
fn doubtful(why: String, record: &mut Record) -> Outcome {
    let reason = format!("the incumbent fails: {why}");
    record.measured.doubt = Some(why);
    Outcome::Void { reason }
}
