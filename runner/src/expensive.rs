//! The rules for metrics that cost more than a quarter of an agent's turn.
//!
//! *Replicates*, where the metric does not drift, such as the loss of a five-minute training run: single runs of the challenger against
//! the mean of the incumbent's. *Provisional* keeps, where it drifts: two pairs that agree keep for now, and a bundle of such
//! keeps is put to the full test; failing, the run goes back to where the last bundle held.

use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Values};
use crate::rule::{Path, Verdict};
use crate::stats;
use crate::trial::{Outcome, Record, Status};

/// Provisional keeps after which they are put to the test together.
const BUNDLE: usize = 4;
/// Fresh runs of an incumbent that its mean needs.
pub const FRESH_RUNS: u32 = 2;

/// Runs of the baseline that the noise is taken from.
pub const BASELINE_RUNS: u32 = 5;

/// Chance, on each side, of taking a steady metric for one that drifts: that of 2.5 sigma, were sigma known.
const DRIFT: f64 = 0.0062;

/// What is known of the incumbent, in the unit of the metric, higher being better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Mean of the incumbent's runs that did not select it.
    pub mean: f64,
    /// How many they are.
    pub runs: u32,
    /// Standard deviation of one run, from the baseline's runs.
    pub sigma: f64,
    /// Degrees of freedom of `sigma`.
    pub freedom: u32,
}

/// The runs that the incumbent is known by, in the course of a run. Values as in [`Known`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Runs {
    baseline: Vec<f64>,
    incumbent: Vec<f64>,
}

impl Runs {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record, metric: &Metric) {
        let values = |runs: &[Values]| -> Vec<f64> {
            runs.iter().filter_map(|run| metric.direction.log_gain(1.0, *run.get(&metric.name)?)).collect()
        };
        if record.trial == 0 {
            self.baseline = values(&record.runs);
            self.incumbent = self.baseline.clone();
        } else if record.outcome.kept() {
            self.incumbent.clear();
        } else {
            self.incumbent.extend(values(&record.reference));
        }
    }

    /// What they say of the incumbent.
    pub fn known(&self) -> Option<Known> {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (n, middle) = (self.baseline.len() as f64, mean(&self.baseline));
        let sigma = (self.baseline.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        (self.baseline.len() >= 2).then(|| Known {
            mean: if self.incumbent.is_empty() { f64::NAN } else { mean(&self.incumbent) },
            runs: self.incumbent.len() as u32,
            sigma,
            freedom: self.baseline.len() as u32 - 1,
        })
    }
}

/// What the runs of a challenger say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Run it once more.
    Again,
    /// It is better.
    Keep,
    /// It was not shown to be.
    Discard,
}

impl Known {
    /// What the records know of the incumbent. Values are natural logarithms, turned so that higher is better. Of an incumbent that was
    /// kept only runs after its keep count: those before it chose it. `None` where the baseline has too few runs.
    pub fn of(records: &[Record], metric: &Metric) -> Option<Self> {
        let mut runs = Runs::default();
        records.iter().for_each(|record| runs.take(record, metric));
        runs.known()
    }

    /// The same with one more run of the incumbent.
    pub fn with(self, run: f64) -> Self {
        let runs = f64::from(self.runs);
        let sum = if self.runs == 0 { run } else { self.mean * runs + run };
        Self { mean: sum / (runs + 1.0), runs: self.runs + 1, ..self }
    }

    /// Z: the challenger's mean over the incumbent's, in standard errors.
    pub fn z(&self, runs: &[f64]) -> f64 {
        let k = runs.len() as f64;
        let mean = runs.iter().sum::<f64>() / k;
        (mean - self.mean) / (self.sigma * (1.0 / k + 1.0 / f64::from(self.runs)).sqrt())
    }

    /// The judgement after one, two or three runs of the challenger, higher being better.
    ///
    /// The first run only opens the door (Z >= 1), so a keep rests on runs that did not select it: the second alone,
    /// then the mean of the second and the third, must beat the incumbent's mean, and Z must reach the quantile of
    /// Student's t at 1 - alpha/1.45, which holds the chance of keeping a change that does nothing at alpha over the looks.
    pub fn judge(&self, runs: &[f64], alpha: f64) -> Judgement {
        let enough = stats::t_quantile(1.0 - alpha / 1.45, f64::from(self.freedom));
        let z = self.z(runs);
        let fresh = &runs[1..];
        let beats = !fresh.is_empty() && fresh.iter().sum::<f64>() / fresh.len() as f64 > self.mean;
        match runs.len() {
            1 if z >= 1.0 => Judgement::Again,
            2 | 3 if z >= enough && beats => Judgement::Keep,
            2 if z >= 1.2 => Judgement::Again,
            _ => Judgement::Discard,
        }
    }

    /// Whether a fresh run of the incumbent lies so far from its mean that the metric drifts and pairs are wanted: outside Student's
    /// prediction interval for one more run, so that a mean of few runs and a sigma from few are not taken for the truth.
    pub fn drifts(&self, fresh: f64) -> bool {
        let far = stats::t_quantile(1.0 - DRIFT, f64::from(self.freedom));
        (fresh - self.mean).abs() > far * self.sigma * (1.0 + 1.0 / f64::from(self.runs)).sqrt()
    }
}

/// What two pairs say where a pair is too expensive for more: both must be gains.
pub fn provisional(gains: &[f64]) -> Verdict {
    match gains {
        _ if gains.iter().any(|gain| *gain <= 0.0) && gains.iter().all(|gain| *gain < 0.0) => Verdict::Worse,
        _ if gains.iter().any(|gain| *gain <= 0.0) => Verdict::NotShownBetter,
        [_, _, ..] => Verdict::Keep(Path::Provisional),
        _ => Verdict::Continue,
    }
}

/// Where the branch stands, in the course of a run: by the numbers of trials.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// The trial whose commit the branch is at.
    pub incumbent: u32,
    /// The last one that is more than provisional.
    pub verified: u32,
    /// The provisional keeps since, oldest first.
    pub waiting: Vec<u32>,
}

impl Line {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Judged { verdict: Verdict::Keep(Path::Provisional), .. } => {
                self.incumbent = record.trial;
                self.waiting.push(record.trial);
            }
            Outcome::Bundle { holds, .. } => {
                if *holds {
                    self.verified = self.incumbent;
                } else {
                    self.incumbent = self.verified;
                }
                self.waiting.clear();
            }
            outcome if outcome.status() == Status::Keep => {
                *self = Self { incumbent: record.trial, verified: record.trial, waiting: vec![] };
            }
            _ => {}
        }
    }

    /// Whether the provisional keeps are to be tested: there are enough of them, or `all` of them are wanted.
    pub fn bundle_is_due(&self, all: bool) -> bool {
        self.waiting.len() >= if all { 1 } else { BUNDLE }
    }
}

/// The record whose commit the branch stands at.
pub fn incumbent(records: &[Record]) -> Option<&Record> {
    let mut line = Line::default();
    records.iter().for_each(|record| line.take(record));
    records.iter().find(|record| record.trial == line.incumbent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_gains_keep_for_now_and_one_that_is_none_ends_it() {
        assert_eq!(provisional(&[0.1]), Verdict::Continue);
        assert_eq!(provisional(&[0.1, 0.02]), Verdict::Keep(Path::Provisional));
        assert_eq!(provisional(&[0.1, -0.02]), Verdict::NotShownBetter);
        assert_eq!(provisional(&[-0.1]), Verdict::Worse);
    }

    const KNOWN: Known = Known { mean: 10.0, runs: 5, sigma: 1.0, freedom: 4 };

    #[test]
    fn a_lucky_first_run_opens_the_door_and_keeps_nothing() {
        assert_eq!(KNOWN.judge(&[15.0], 0.05), Judgement::Again);
        assert_eq!(KNOWN.judge(&[10.5], 0.05), Judgement::Discard);
        assert_eq!(
            KNOWN.judge(&[18.0, 9.9], 0.05),
            Judgement::Again,
            "the second alone does not beat the mean"
        );
        assert_eq!(KNOWN.judge(&[18.0, 9.9, 9.9], 0.05), Judgement::Discard);
    }

    #[test]
    fn two_good_runs_keep_and_a_third_settles_doubt() {
        assert_eq!(KNOWN.judge(&[13.0, 13.0], 0.05), Judgement::Keep);
        assert_eq!(KNOWN.judge(&[11.5, 11.0], 0.05), Judgement::Again);
        assert_eq!(KNOWN.judge(&[11.5, 11.0, 13.5], 0.05), Judgement::Keep);
    }

    #[test]
    fn the_threshold_is_the_published_one() {
        assert!((stats::t_quantile(1.0 - 0.05 / 1.45, 4.0) - 2.47).abs() < 0.01);
    }

    #[test]
    fn an_incumbent_that_moved_asks_for_pairs() {
        assert!(KNOWN.drifts(15.0) && !KNOWN.drifts(14.0), "Student's t of 4 degrees is 4.3 at .9938");
    }

    #[test]
    fn one_run_is_no_mean_to_drift_from() {
        let once = Known { runs: 1, ..KNOWN };
        assert!(once.drifts(17.0) && !once.drifts(15.5));
    }
}
