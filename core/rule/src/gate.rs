//! Whether two sides may be compared at all.
//!
//! A gate bounds a metric of a side. Gates are applied after each sample, to all of that side so far: one grave error fails the first
//! sample, and a rare one fails the pool before a keep. The incumbent's samples are read like the challenger's: that it passed when it was
//! kept says nothing of how it behaves since.

use serde::{Deserialize, Serialize};

use crate::coin::First;
use piton_base::metric::Values;
use piton_base::stats;

/// A bound on a metric of both sides: `[[gate]]` in `piton.toml`.
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
pub struct GateResult {
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

    fn read(&self, samples: &[Values]) -> GateResult {
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
        GateResult { metric: self.metric.clone(), value, bound, pass }
    }
}

/// Samples after which every gate is due, at least so many.
pub fn enough(gates: &[Gate], least: u32) -> u32 {
    gates.iter().map(|gate| gate.after).fold(least, u32::max)
}

/// The samples of both sides, also of the warm-up and of pairs that did not count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// The challenger's.
    pub challenger: Vec<Values>,
    /// The incumbent's.
    pub incumbent: Vec<Values>,
}

impl Samples {
    /// Takes a sample in, and says whether every gate that is due still holds for its side.
    pub fn look(&mut self, gates: &[Gate], side: First, values: &Values) -> bool {
        let samples = if side == First::Challenger { &mut self.challenger } else { &mut self.incumbent };
        samples.push(values.clone());
        read(gates, samples).iter().all(|reading| reading.pass)
    }

    /// Those of a side.
    pub fn of(&self, side: First) -> &[Values] {
        if side == First::Challenger { &self.challenger } else { &self.incumbent }
    }

    /// The first gate that is due and that a side fails.
    pub fn failing(&self, gates: &[Gate], side: First) -> Option<GateResult> {
        read(gates, self.of(side)).into_iter().find(|reading| !reading.pass)
    }
}

impl GateResult {
    /// What did not hold, in words.
    pub fn words(&self) -> String {
        format!("the gate {}: {} is not {}", self.metric, self.value, self.bound)
    }
}

/// Reads every gate, due or not.
pub fn read_all(gates: &[Gate], samples: &[Values]) -> Vec<GateResult> {
    gates.iter().map(|gate| gate.read(samples)).collect()
}

/// Reads every gate that is due over the samples of a side so far; none is before there is a sample.
pub fn read(gates: &[Gate], samples: &[Values]) -> Vec<GateResult> {
    let due = |gate: &&Gate| !samples.is_empty() && samples.len() >= gate.after as usize;
    gates.iter().filter(due).map(|gate| gate.read(samples)).collect()
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
    fn each_side_is_held_to_its_own_samples() {
        let (gates, mut both) = ([gate(Some(0.9), None, Pool::Mean)], Samples::default());
        let of = |value: f64| Values::from([("x".to_owned(), value)]);
        assert!(both.look(&gates, First::Challenger, &of(1.0)));
        assert!(!both.look(&gates, First::Incumbent, &of(0.1)));
        assert_eq!(both.failing(&gates, First::Challenger), None);
        let said = both.failing(&gates, First::Incumbent).unwrap().words();
        assert_eq!(said, "the gate x: 0.1 is not >= 0.9");
        assert_eq!(enough(&[Gate { after: 6, ..gates[0].clone() }], 3), 6);
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
