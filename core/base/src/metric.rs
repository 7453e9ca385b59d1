//! What is measured: a metric's name and direction, and how its value is read from what a command printed.

mod clock;
mod format;
mod gain;
mod mean;
mod meter;
mod read;
mod readers;
mod sight;
mod size;
mod text;
mod tree;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use clock::Clock;
pub use format::{Format, ReadOptions};
pub use gain::Gain;
pub use mean::{Mean, Of};
pub use meter::{OwnMeter, Readings};
pub use read::{LONGEST_LINE, PairSide, ReadError, Reader, Wants, other_format, read, read_pair};
pub use readers::{ReportFile, is_beside};
pub use sight::OVERLAP;
pub use text::seen;

/// Values by metric name.
pub type Values = BTreeMap<String, f64>;

/// The primary metric: `[metric]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "written::WrittenMetric")]
pub struct Metric {
    /// Its name in what the measuring command prints, e.g. `avg_generation_tps`.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Nothing says which: the format has to.
    #[serde(skip)]
    pub undirected: bool,
    /// Its unit, for people, e.g. `tokens/s`.
    pub unit: String,
    /// The metric by which pairs are judged, where that is another one: the same work by a clock that others do not disturb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Which of piton's own meters reads it; absent where the measuring command says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<OwnMeter>,
    /// The benchmarks whose geometric mean it is, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
    /// How much each of them may lose, in percent; see [`Metric::of_limit_pct`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_limit_pct: Option<f64>,
    /// How two of its values are compared; absent where the baseline decides ([`Scale::of`]). In a run that has begun it is what was
    /// decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Name of the metric that fills the column `memory_gb` of `results.tsv`, where there is one.
    pub memory: Option<String>,
    /// What that metric counts, e.g. `mb`, where its name does not end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_unit: Option<String>,
}

impl Metric {
    /// The name of the metric by which pairs are judged.
    pub fn judged_by(&self) -> &str {
        self.evidence.as_deref().unwrap_or(&self.name)
    }

    /// Which way that metric is better: one of piton's own meters counts what should be low.
    pub fn judged_direction(&self) -> Direction {
        match self.evidence.as_deref().and_then(OwnMeter::named) {
            Some(_) => Direction::Lower,
            None => self.direction,
        }
    }

    /// Gain of `to` over `from` in that metric, positive when `to` is better. `None` unless both are finite.
    pub fn judged_gain(&self, from: f64, to: f64) -> Option<Gain> {
        self.scale().gain(self.judged_direction(), from, to)
    }

    /// How pairs are judged, where that is not by the metric that is shown: ` by NAME`, to stand after their number.
    pub fn by(&self) -> String {
        self.evidence.as_deref().map_or_else(String::new, |name| format!(" by {name}"))
    }

    /// What pairs are judged by: `evidence` is there for a clock that others do not disturb. Of another figure that is printed nobody knows it: it may
    /// be the time on the wall.
    pub fn clock(&self) -> Clock {
        let meter = match &self.evidence {
            Some(name) => Some(OwnMeter::named(name).unwrap_or(OwnMeter::CpuS)),
            None => self.meter,
        };
        match meter {
            None | Some(OwnMeter::WallS) => Clock::Wall,
            Some(OwnMeter::CpuS) => Clock::Processor,
            Some(OwnMeter::PeakMemoryBytes | OwnMeter::ArtifactBytes) => Clock::None,
        }
    }

    /// Names of the metrics that are its parts, where it has some.
    pub fn parts(&self) -> &[String] {
        self.of.as_ref().map_or(&[], Of::names)
    }

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

    /// The word in `piton.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }

    /// Gain of `to` over `from` where ratios are compared: positive when `to` is better.
    ///
    /// `None` unless both are finite and greater than zero: a ratio needs a metric that cannot be zero.
    pub fn log_gain(self, from: f64, to: f64) -> Option<Gain> {
        let ok = |x: f64| x.is_finite() && x > 0.0;
        let ratio = to / from;
        // The ratio of two values can be too large or too small for a number where that of their logarithms is not.
        let log = || if ratio.is_normal() { ratio.ln() } else { to.ln() - from.ln() };
        (ok(from) && ok(to)).then(|| Gain(self.sign() * log()))
    }
}

/// How two values of a metric are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// By the natural logarithm of their ratio: gains are told in percent.
    #[default]
    Ratio,
    /// By their difference: gains are told in the metric's unit.
    Difference,
}

/// Whole numbers below this are counts, where neither name nor unit says otherwise.
const COUNT: f64 = 100.0;

/// Words of a name or a unit that tell of a quantity which is measured rather than counted.
const QUANTITIES: [&str; 34] = [
    "s",
    "sec",
    "secs",
    "second",
    "seconds",
    "ms",
    "us",
    "ns",
    "min",
    "minutes",
    "time",
    "latency",
    "duration",
    "ttft",
    "speed",
    "rate",
    "throughput",
    "tps",
    "qps",
    "rps",
    "fps",
    "tokens",
    "byte",
    "bytes",
    "b",
    "kb",
    "mb",
    "gb",
    "kib",
    "mib",
    "gib",
    "size",
    "memory",
    "cycles",
];

impl Scale {
    /// The scale that these values of a metric ask for: that of differences where one of them is not above zero, or where all of them
    /// are small whole numbers (below 100 in size) and neither name nor unit tells of time, size or speed: a count. Else that of
    /// ratios.
    pub fn of(name: &str, unit: &str, values: &[f64]) -> Self {
        let word = |text: &str| {
            let lower = text.to_lowercase();
            lower.split(|c: char| !c.is_alphanumeric()).any(|word| QUANTITIES.contains(&word))
        };
        let count = !values.is_empty()
            && values.iter().all(|value| value.fract() == 0.0 && value.abs() < COUNT)
            && !word(name)
            && !word(unit);
        if count || values.iter().any(|value| *value <= 0.0) { Self::Difference } else { Self::Ratio }
    }

    /// Gain of `to` over `from`, positive when `to` is better. `None` unless both are finite.
    ///
    /// Of two values that a ratio cannot compare, since one is not above zero, the better one gains [`Gain::BEYOND`]. The gain of `a` over `b`
    /// is always that of `b` over `a` with the other sign, which is all that the rule asks of it.
    pub fn gain(self, direction: Direction, from: f64, to: f64) -> Option<Gain> {
        if !(from.is_finite() && to.is_finite()) {
            return None;
        }
        let difference = (to - from).clamp(f64::MIN, f64::MAX);
        let sign = direction.sign();
        Some(match self {
            Self::Difference => Gain(sign * difference),
            Self::Ratio => direction.log_gain(from, to).unwrap_or(match difference {
                0.0 => Gain::ZERO,
                difference => Gain::BEYOND * (sign * difference.signum()),
            }),
        })
    }

    /// The value that lies `gain` above `from`.
    pub fn value(self, direction: Direction, from: f64, gain: Gain) -> f64 {
        match self {
            Self::Ratio => from * (direction.sign() * gain.0).exp(),
            Self::Difference => from + direction.sign() * gain.0,
        }
    }

    /// The word in `piton.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Difference => "difference",
        }
    }
}

impl Metric {
    /// A metric with a name and a direction.
    pub fn of(name: &str, direction: Direction) -> Self {
        Self {
            name: name.to_owned(),
            direction,
            undirected: false,
            unit: String::new(),
            meter: None,
            of: None,
            of_limit_pct: None,
            scale: None,
            memory: None,
            memory_unit: None,
            evidence: None,
        }
    }

    /// How its values are compared: as `piton.toml` or the baseline says, by their ratio in runs from before there was a choice.
    pub fn scale(&self) -> Scale {
        self.scale.unwrap_or_default()
    }

    /// Gain of `to` over `from` on its scale, positive when `to` is better. `None` unless both are finite.
    pub fn gain(&self, from: f64, to: f64) -> Option<Gain> {
        self.scale().gain(self.direction, from, to)
    }

    /// What a difference is told in: the unit, else the name.
    pub fn units(&self) -> &str {
        if self.unit.trim().is_empty() { &self.name } else { &self.unit }
    }

    /// By how many percent the value itself changes with a gain, e.g. -56.2 where lower is better and the value fell by so much. `None`
    /// where differences are compared.
    pub fn change_pct(&self, gain: Gain) -> Option<f64> {
        (self.scale() == Scale::Ratio).then(|| (gain * self.direction.sign()).percent())
    }

    /// The same, positive when better: what people expect where they are told of a gain in percent.
    pub fn gain_pct(&self, gain: Gain) -> Option<f64> {
        self.change_pct(gain).map(|change| self.direction.sign() * change)
    }

    /// By how much the value itself changes with a gain: percent where ratios are compared, else the metric's unit.
    pub fn change(&self, gain: Gain) -> f64 {
        self.change_pct(gain).unwrap_or(self.direction.sign() * gain.0)
    }

    /// Both ends of an interval of gains as changes of the value, the lower one first.
    pub fn ends(&self, low: Option<Gain>, high: Option<Gain>) -> (Option<f64>, Option<f64>) {
        let (low, high) = (low.map(|gain| self.change(gain)), high.map(|gain| self.change(gain)));
        if self.direction == Direction::Higher { (low, high) } else { (high, low) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn evidence_is_a_clock_that_others_do_not_disturb_unless_it_names_another() {
        let by = |evidence: Option<&str>, meter: Option<OwnMeter>| {
            let evidence = evidence.map(str::to_owned);
            Metric { evidence, meter, ..Metric::of("speed", Direction::Higher) }.clock()
        };
        assert_eq!(by(None, None), Clock::Wall);
        assert_eq!(by(None, Some(OwnMeter::CpuS)), Clock::Processor);
        assert_eq!(by(None, Some(OwnMeter::ArtifactBytes)), Clock::None);
        assert_eq!((by(Some("speed_cpu"), None), by(Some("wall_s"), None)), (Clock::Processor, Clock::Wall));
    }

    #[test]
    fn a_gain_is_positive_when_better_whatever_the_direction() {
        assert!(Direction::Higher.log_gain(100.0, 110.0).unwrap() > Gain::ZERO);
        assert!(Direction::Lower.log_gain(100.0, 90.0).unwrap() > Gain::ZERO);
        assert!(Direction::Lower.log_gain(100.0, 110.0).unwrap() < Gain::ZERO);
    }

    #[test]
    fn zero_negative_and_infinite_values_have_no_gain() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Direction::Higher.log_gain(1.0, bad), None);
            assert_eq!(Direction::Higher.log_gain(bad, 1.0), None);
        }
    }

    #[test]
    fn the_scale_follows_from_the_values_of_the_baseline() {
        for (name, unit, values, scale) in [
            ("failures", "", &[1.0, 1.0][..], Scale::Difference),
            ("score", "", &[100.2, 99.8], Scale::Ratio),
            ("log_likelihood", "", &[-3.2, -3.1], Scale::Difference),
            ("r2", "", &[0.0, 0.1], Scale::Difference),
            ("r2", "", &[0.5, 0.51], Scale::Ratio),
            ("bytes", "", &[64.0], Scale::Ratio),
            ("wall", "s", &[5.0, 5.0], Scale::Ratio),
            ("p99_ms", "", &[7.0], Scale::Ratio),
            ("steps", "", &[1204.0], Scale::Ratio),
            ("anything", "", &[], Scale::Ratio),
        ] {
            assert_eq!(Scale::of(name, unit, values), scale, "{name} {values:?}");
        }
    }

    #[test]
    fn a_count_that_reaches_zero_is_the_best_of_gains_on_either_scale() {
        assert_eq!(Scale::Difference.gain(Direction::Lower, 1.0, 0.0), Some(Gain(1.0)));
        assert_eq!(Scale::Ratio.gain(Direction::Lower, 250.0, 0.0), Some(Gain::BEYOND));
        assert_eq!(Scale::Ratio.gain(Direction::Lower, 0.0, 3.0), Some(-Gain::BEYOND));
        assert_eq!(Scale::Ratio.gain(Direction::Lower, 0.0, 0.0), Some(Gain::ZERO));
        assert_eq!(Scale::Ratio.gain(Direction::Higher, 0.1, -0.2), Some(-Gain::BEYOND));
        assert_eq!(Scale::Ratio.gain(Direction::Higher, f64::NAN, 1.0), None);
    }

    proptest! {
        #[test]
        fn the_other_way_round_a_gain_is_the_same_loss(from in any::<f64>(), to in any::<f64>()) {
            for scale in [Scale::Ratio, Scale::Difference] {
                for direction in [Direction::Higher, Direction::Lower] {
                    let (there, back) = (scale.gain(direction, from, to), scale.gain(direction, to, from));
                    prop_assert_eq!(there.is_some(), from.is_finite() && to.is_finite());
                    if let (Some(there), Some(back)) = (there, back) {
                        prop_assert!(there.is_finite() && (there + back).abs() <= there.abs() * 1e-9);
                    }
                }
            }
        }

        #[test]
        fn a_gain_is_a_finite_number_however_far_apart_the_values_are(from in any::<f64>(), to in any::<f64>()) {
            for direction in [Direction::Higher, Direction::Lower] {
                let gain = direction.log_gain(from, to);
                prop_assert_eq!(gain.is_some(), from.is_finite() && from > 0.0 && to.is_finite() && to > 0.0);
                prop_assert!(gain.is_none_or(Gain::is_finite), "{:?}", gain);
            }
        }
    }
}
