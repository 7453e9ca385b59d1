//! What is measured: a metric's name and direction, and how its value is read from what a command printed.

mod read;
mod size;
mod text;
mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use read::{Format, LONGEST_LINE, ReadError, Reader, Reading, other_format, read};
pub use text::seen;

/// Values by metric name.
pub type Values = BTreeMap<String, f64>;

/// The primary metric: `[metric]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name in what the measuring command prints, e.g. `avg_generation_tps`.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Its unit, for people, e.g. `tokens/s`.
    #[serde(default)]
    pub unit: String,
    /// Name of the metric that fills the column `memory_gb` of `results.tsv`, where there is one.
    pub memory: Option<String>,
    /// What that metric counts, e.g. `mb`, where its name does not end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_unit: Option<String>,
}

impl Metric {
    /// Gigabytes of memory, from the value of the metric that counts it. A name without a unit, from before one was asked for,
    /// counts gigabytes.
    pub fn gigabytes(&self, value: f64) -> f64 {
        value * self.one_in_gigabytes().unwrap_or(1.0)
    }

    fn one_in_gigabytes(&self) -> Option<f64> {
        match &self.memory_unit {
            Some(unit) => size::gigabytes(unit),
            None => size::of_name(self.memory.as_deref()?),
        }
    }

    /// What is wrong with how memory is counted, if anything.
    pub fn problem(&self) -> Option<String> {
        match (&self.memory, &self.memory_unit) {
            (None, Some(_)) => {
                Some("metric.memory_unit says what metric.memory counts, and that is missing".to_owned())
            }
            (Some(_), Some(unit)) if size::gigabytes(unit).is_none() => {
                Some(format!("metric.memory_unit is `{unit}`; it is one of bytes, kb, mb, gb, tb"))
            }
            (Some(name), None) if size::of_name(name).is_none() => Some(format!(
                "metric.memory is `{name}`, which does not say what it counts, and fills a column of gigabytes. \
                 Let the name end in _gb, _mb, _kb or _bytes, or say it: memory_unit = \"mb\""
            )),
            _ => None,
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More is better, as for a throughput.
    Higher,
    /// Less is better, as for a latency.
    Lower,
}

impl Direction {
    /// +1 where higher is better, -1 where lower is.
    pub fn sign(self) -> f64 {
        match self {
            Self::Higher => 1.0,
            Self::Lower => -1.0,
        }
    }

    /// Gain of `to` over `from` as a natural logarithm: positive when `to` is better.
    ///
    /// `None` unless both are finite and greater than zero: a ratio needs a metric that cannot be zero.
    pub fn log_gain(self, from: f64, to: f64) -> Option<f64> {
        let ok = |x: f64| x.is_finite() && x > 0.0;
        let ratio = to / from;
        // The ratio of two values can be too large or too small for a number where that of their logarithms is not.
        let log = || if ratio.is_normal() { ratio.ln() } else { to.ln() - from.ln() };
        (ok(from) && ok(to)).then(|| self.sign() * log())
    }
}

/// A natural-log gain as a percentage: `0.0296` is `3.0`.
pub fn percent(log_gain: f64) -> f64 {
    log_gain.exp_m1() * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gain_is_positive_when_better_whatever_the_direction() {
        assert!(Direction::Higher.log_gain(100.0, 110.0).unwrap() > 0.0);
        assert!(Direction::Lower.log_gain(100.0, 90.0).unwrap() > 0.0);
        assert!(Direction::Lower.log_gain(100.0, 110.0).unwrap() < 0.0);
    }

    #[test]
    fn zero_negative_and_infinite_values_have_no_gain() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Direction::Higher.log_gain(1.0, bad), None);
            assert_eq!(Direction::Higher.log_gain(bad, 1.0), None);
        }
    }

    proptest! {
        #[test]
        fn a_gain_is_a_finite_number_however_far_apart_the_values_are(from in any::<f64>(), to in any::<f64>()) {
            for direction in [Direction::Higher, Direction::Lower] {
                let gain = direction.log_gain(from, to);
                prop_assert_eq!(gain.is_some(), from.is_finite() && from > 0.0 && to.is_finite() && to > 0.0);
                prop_assert!(gain.is_none_or(f64::is_finite), "{:?}", gain);
            }
        }
    }
}
