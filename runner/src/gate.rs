//! Whether a challenger may be compared at all.
//!
//! A gate bounds a metric of the challenger. Gates are applied after each of its samples, to all of them so
//! far: one grave error fails the first sample, and a rare one fails the pool before a keep.

use serde::{Deserialize, Serialize};

use crate::metric::Values;
use crate::stats;

/// A bound on a metric of the challenger: `[[gate]]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Name of the metric.
    pub metric: String,
    /// Lowest value that passes.
    pub min: Option<f64>,
    /// Highest value that passes.
    pub max: Option<f64>,
    /// How the samples of a trial are pooled.
    #[serde(default)]
    pub pool: Pool,
    /// Samples before the gate is read: more than one for a share of few checks, where a single flip would decide.
    #[serde(default = "first")]
    pub after: u32,
}

fn first() -> u32 {
    1
}

/// How the values of several samples become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// Their mean: for rates over equally many positions.
    #[default]
    Mean,
    /// The worst of them.
    Worst,
}

/// What a gate said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Name of the metric.
    pub metric: String,
    /// The pooled value.
    pub value: f64,
    /// The bound that it was held against, with its sense, e.g. `>= 0.998`.
    pub bound: String,
    /// Whether it held.
    pub pass: bool,
}

impl Gate {
    /// What is wrong with the gate itself, if anything.
    pub fn problem(&self) -> Option<String> {
        match (self.min, self.max) {
            (None, None) => Some(format!("the gate on `{}` has neither min nor max", self.metric)),
            (Some(_), Some(_)) => {
                Some(format!("the gate on `{}` has min and max; write two gates", self.metric))
            }
            (Some(x), None) | (None, Some(x)) if !x.is_finite() => {
                Some(format!("the gate on `{}` is bounded by {x}", self.metric))
            }
            _ if self.after == 0 => Some(format!("the gate on `{}` is read after 0 samples", self.metric)),
            _ => None,
        }
    }

    fn read(&self, samples: &[Values]) -> Reading {
        let values = samples.iter().map(|sample| sample.get(&self.metric).copied().unwrap_or(f64::NAN));
        let lowest = self.min.is_some();
        let value = match self.pool {
            Pool::Mean => stats::mean(&values.collect::<Vec<_>>()).unwrap_or(f64::NAN),
            Pool::Worst => values.fold(if lowest { f64::INFINITY } else { f64::NEG_INFINITY }, |worst, v| {
                match (v.is_nan() || worst.is_nan(), lowest) {
                    (true, _) => f64::NAN,
                    (false, true) => worst.min(v),
                    (false, false) => worst.max(v),
                }
            }),
        };
        // A metric that is not there compares with nothing, so it passes no gate.
        let pass = self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max);
        let bound = match (self.min, self.max) {
            (Some(min), _) => format!(">= {min}"),
            (_, max) => format!("<= {}", max.unwrap_or(f64::NAN)),
        };
        Reading { metric: self.metric.clone(), value, bound, pass }
    }
}

/// Reads every gate, due or not.
pub fn read_all(gates: &[Gate], samples: &[Values]) -> Vec<Reading> {
    gates.iter().map(|gate| gate.read(samples)).collect()
}

/// Reads every gate that is due over the challenger's samples so far.
pub fn read(gates: &[Gate], samples: &[Values]) -> Vec<Reading> {
    gates.iter().filter(|gate| samples.len() >= gate.after as usize).map(|gate| gate.read(samples)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Values> {
        values.iter().map(|v| Values::from([("x".to_owned(), *v)])).collect()
    }

    fn gate(min: Option<f64>, max: Option<f64>, pool: Pool) -> Gate {
        Gate { metric: "x".into(), min, max, pool, after: 1 }
    }

    fn passes(gate: Gate, values: &[f64]) -> bool {
        read(&[gate], &samples(values))[0].pass
    }

    #[test]
    fn a_rare_error_fails_the_pool_though_most_samples_pass() {
        assert!(!passes(gate(Some(0.998), None, Pool::Mean), &[1.0, 1.0, 0.99]));
        assert!(passes(gate(Some(0.998), None, Pool::Mean), &[1.0, 1.0, 1.0, 1.0, 1.0, 0.99]));
        assert!(!passes(gate(Some(0.998), None, Pool::Worst), &[1.0, 1.0, 1.0, 1.0, 1.0, 0.99]));
    }

    #[test]
    fn a_bound_that_is_met_exactly_passes() {
        assert!(passes(gate(Some(0.5), None, Pool::Mean), &[0.5]));
        assert!(passes(gate(None, Some(0.5), Pool::Worst), &[0.5]));
    }

    #[test]
    fn a_metric_that_is_missing_or_not_a_number_passes_no_gate() {
        for pool in [Pool::Mean, Pool::Worst] {
            assert!(!read(&[gate(Some(0.0), None, pool)], &[Values::new()])[0].pass);
            assert!(!passes(gate(None, Some(1.0), pool), &[0.5, f64::NAN, 0.5]));
        }
    }

    #[test]
    fn giant_values_have_a_mean_all_the_same() {
        let reading = gate(Some(0.0), None, Pool::Mean).read(&samples(&[f64::MAX, f64::MAX, f64::MAX]));
        assert!(reading.pass && reading.value.is_finite(), "{reading:?}");
    }

    #[test]
    fn a_gate_for_later_is_not_read_before_its_time() {
        let late = Gate { after: 3, ..gate(Some(0.9), None, Pool::Mean) };
        assert_eq!(read(std::slice::from_ref(&late), &samples(&[0.0, 0.0])), []);
        assert!(!read(&[late], &samples(&[0.0, 1.0, 1.0]))[0].pass);
    }

    #[test]
    fn a_gate_without_a_bound_is_refused() {
        assert!(gate(None, None, Pool::Mean).problem().is_some());
        assert!(gate(Some(1.0), None, Pool::Mean).problem().is_none());
    }
}
