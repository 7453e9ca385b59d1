//! The rule for expensive metrics that do not drift, such as the loss of a five-minute training run: single runs of the
//! challenger against the mean of the incumbent's.

use serde::{Deserialize, Serialize};

use crate::stats;

/// Runs of the baseline that the noise is taken from.
pub const BASELINE_RUNS: u32 = 5;

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

    /// Whether a fresh run of the incumbent lies so far from its mean that the metric drifts and pairs are wanted.
    pub fn drifts(&self, fresh: f64) -> bool {
        (fresh - self.mean).abs() > 2.5 * self.sigma
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(KNOWN.drifts(13.0) && !KNOWN.drifts(12.0));
    }
}
