//! What the pairs of a run say about a metric: gains free of what being second is worth, and the scale they are judged by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use piton_base::conditions::Widened;
use piton_base::metric::{Direction, Gain, Metric, Scale, Values};
use piton_base::stats;
use piton_rule::keep::{Case, First, History, Ordered, Track};
use piton_rule::settings::{Guard, SecondaryMetric, Settings};
use piton_trial::record::{Outcome, Pair, RawPair, Record};

/// tau this many times the run's median is a noisy spell.
const SPELL: f64 = 2.0;
/// A first run is slow when it is worse by this where ratios are compared, or by this share of the value.
const SLOW: f64 = 0.105;

/// One metric in the course of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricHistory {
    metric: String,
    direction: Direction,
    #[serde(default)]
    scale: Scale,
    history: History,
    /// Size of the baseline's value.
    #[serde(default)]
    level: f64,
    /// What the values of two seeds differ by, where the baseline's sides agreed on every seed and its seeds did not.
    #[serde(default)]
    seeds: Option<f64>,
    /// Frozen when the trial began.
    pub tau: Gain,
    /// d of every pair so far; a pair without a value of this metric has none.
    pub gains: Vec<Gain>,
    /// Those of which it is known what ran before, by that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    orders: Vec<Ordered>,
    /// w of every pair so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    order_effects: Vec<f64>,
    /// Metrics that are parts of it, where it has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    part_names: Vec<String>,
    /// Gains of these in the first pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Gain>,
    /// The pairs that count although the machine was busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    widened: Option<Widened>,
}

impl MetricHistory {
    /// A trial that begins after these records.
    pub fn begin(metric: &str, direction: Direction, scale: Scale, records: &[Record]) -> Self {
        let mut history = Self {
            metric: metric.to_owned(),
            direction,
            scale,
            history: History::default(),
            level: 0.0,
            seeds: None,
            tau: Gain::ZERO,
            gains: vec![],
            orders: vec![],
            order_effects: vec![],
            part_names: vec![],
            parts: vec![],
            widened: None,
        };
        records.iter().for_each(|record| history.take(record));
        history
    }

    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        for pair in &record.measured.pairs {
            self.pair(pair.first, &pair.incumbent, &pair.challenger);
        }
        if record.outcome == Outcome::Baseline {
            let samples =
                record.measured.pairs.iter().map(|pair| &pair.incumbent).chain(&record.measured.runs);
            self.baseline(&samples.collect::<Vec<_>>());
        }
        // The same program on both sides: every gain is a deviation.
        self.end(matches!(record.outcome, Outcome::Baseline | Outcome::Blind { .. }));
    }

    /// Takes in the baseline's samples, one for each seed, while its pairs are there.
    pub fn baseline(&mut self, samples: &[&Values]) {
        let values: Vec<f64> =
            samples.iter().filter_map(|values| values.get(&self.metric).copied()).collect();
        self.level = stats::median(&values).unwrap_or(0.0).abs();
        let agree = !self.gains.is_empty() && self.gains.iter().all(|gain| *gain == Gain::ZERO);
        self.seeds = if agree { self.between_seeds(&values) } else { None };
    }

    /// What two values of different seeds differ by: a standard deviation, in the unit of gains. `None` where all values are the same.
    fn between_seeds(&self, values: &[f64]) -> Option<f64> {
        let from = values.first()?;
        let apart: Vec<f64> = values
            .iter()
            .filter_map(|value| Some(self.scale.gain(self.direction, *from, *value)?.0))
            .collect();
        let mean = stats::mean(&apart)?;
        let squares: f64 = apart.iter().map(|gain| (gain - mean).powi(2)).sum();
        let plain = (squares / (apart.len() as f64 - 1.0).max(1.0)).sqrt();
        let robust = stats::deviation(&apart).filter(|deviation| *deviation > 0.0);
        let one = robust.unwrap_or(plain);
        (one > 0.0 && one.is_finite()).then_some(one * std::f64::consts::SQRT_2)
    }

    /// Adds a pair; returns its d, and the b that was taken off. `None` where a value is missing or no number.
    pub fn pair(&mut self, first: First, incumbent: &Values, challenger: &Values) -> Option<(Gain, Gain)> {
        self.pair_after(None, first, incumbent, challenger)
    }

    /// The same of a pair whose first sample came directly after one of `before`, where that is known.
    pub fn pair_after(
        &mut self,
        before: Option<First>,
        first: First,
        incumbent: &Values,
        challenger: &Values,
    ) -> Option<(Gain, Gain)> {
        let value = |values: &Values| values.get(&self.metric).copied().unwrap_or(f64::NAN);
        let gain = self.scale.gain(self.direction, value(incumbent), value(challenger))?;
        if self.gains.is_empty() {
            let of = |name: &String| {
                self.scale.gain(self.direction, *incumbent.get(name)?, *challenger.get(name)?)
            };
            self.parts = self.part_names.iter().filter_map(of).collect();
        }
        // Where the baseline agreed with itself whoever ran first, being second is worth nothing.
        let tau = if self.seeds.is_some() { 0.0 } else { self.tau.0 };
        let (d, b) = self.history.pair(first.sign(), first.sign() * gain.0, tau);
        self.gains.push(Gain(d));
        self.orders.extend(before.map(|before| self.ordered(before, first, gain)));
        self.order_effects.push(first.sign() * gain.0);
        Some((Gain(d), Gain(b)))
    }

    /// Takes in what was measured of a pair, and says what its gain is. `None` where a value is missing or no number.
    pub fn judge(&mut self, raw: RawPair) -> Option<Pair> {
        let gain = self.pair_after(raw.before, raw.first, &raw.incumbent, &raw.challenger)?;
        Some(raw.judged(gain))
    }

    /// A pair by what ran before: its plain gain, less what being second is worth to a program against itself.
    fn ordered(&self, before: First, first: First, gain: Gain) -> Ordered {
        let second = if self.seeds.is_some() { 0.0 } else { self.history.same_position(self.tau.0) };
        Ordered::of(before, first, gain.0 - first.sign() * second)
    }

    /// The trial has ended: its pairs count for the scale of the next, `null` where both sides were the same program.
    pub fn end(&mut self, null: bool) {
        if null {
            self.history.null_pairs(&Gain::numbers(&self.gains));
            self.history.same(self.order_effects.iter().copied());
        } else {
            self.history.trial(&Gain::numbers(&self.gains));
        }
        self.gains.clear();
        self.orders.clear();
        self.order_effects.clear();
        self.parts.clear();
        self.widened = None;
        self.tau = Gain(self.seeds.unwrap_or_else(|| self.history.tau()));
    }

    /// For the rule.
    pub fn track(&self) -> Track {
        let (d, orders) = (Gain::numbers(&self.gains), self.orders.clone());
        let Self { tau, scale, level, widened, .. } = *self;
        let parts = Gain::numbers(&self.parts);
        Track { tau: tau.0, d, orders, scale, level, seeded: self.seeds.is_some(), parts, widened }
    }

    /// The same of pairs that were taken in elsewhere.
    pub fn track_of(&self, pairs: &[Pair]) -> Track {
        let d = pairs.iter().map(|pair| pair.gain.0).collect();
        let known = pairs.iter().filter_map(|pair| Some((pair.before?, pair)));
        let orders = known.map(|(before, pair)| self.ordered(before, pair.first, pair.plain())).collect();
        Track { d, orders, ..self.track() }
    }
}

/// The scale of every metric that a run is judged by, from the baseline's samples: the key of the metric's part in `piton.toml` and its
/// name, apart from the primary one's.
///
/// # Errors
/// What the experiment says about a scale and the samples contradict, in one sentence, and what to do.
pub fn scales(
    metric: &Metric,
    secondary: &[SecondaryMetric],
    guards: &[Guard],
    settings: &Settings,
    samples: &[Values],
) -> Result<BTreeMap<String, Scale>, String> {
    let values =
        |name: &str| -> Vec<f64> { samples.iter().filter_map(|values| values.get(name).copied()).collect() };
    let told = |name: &str, unit: &str, said: Option<Scale>| {
        let values = values(name);
        match (said, values.iter().find(|value| **value <= 0.0)) {
            (Some(Scale::Ratio), Some(value)) => Err(format!(
                "{name} came out {value}, and a ratio needs values above zero: say scale = \"difference\", or nothing"
            )),
            (Some(scale), _) => Ok(scale),
            (None, _) => Ok(Scale::of(name, unit, &values)),
        }
    };
    let (units, percent) = (settings.speaks(Scale::Difference), settings.speaks(Scale::Ratio));
    let said = match (metric.scale, units, percent) {
        (_, Some(units), Some(percent)) => {
            return Err(format!(
                "{percent} and {units} contradict each other: gains are told in percent or in a unit"
            ));
        }
        (Some(Scale::Ratio), Some(key), _) => {
            return Err(format!("{key} is in the unit of {}, and metric.scale is ratio", metric.name));
        }
        (Some(Scale::Difference), _, Some(key)) => {
            return Err(format!("{key} is in percent, and metric.scale is difference: leave off `_pct`"));
        }
        (Some(scale), ..) => Some(scale),
        (None, Some(_), _) => Some(Scale::Difference),
        (None, None, Some(key)) => match values(metric.judged_by()).iter().find(|value| **value <= 0.0) {
            Some(value) => {
                return Err(format!(
                    "{key} is in percent, and {} came out {value}, of which there are none: leave off `_pct` and say it in its unit",
                    metric.judged_by()
                ));
            }
            None => Some(Scale::Ratio),
        },
        (None, None, None) => None,
    };
    let mut scales = BTreeMap::from([(metric.name.clone(), told(metric.judged_by(), &metric.unit, said)?)]);
    for second in secondary {
        scales.insert(format!("second {}", second.metric), told(&second.metric, "", second.scale)?);
    }
    for guard in guards {
        scales.insert(format!("guard {}", guard.metric), guard.scale_of(&values(&guard.metric)));
    }
    Ok(scales)
}

/// Pairs without any difference after which a metric is taken for exact.
const EXACT: usize = 3;

/// tau is so much larger than the run mostly had that the machine is in a noisy spell: how many times.
pub fn noisy_spell(tau: Gain, taus: &[Gain]) -> Option<f64> {
    let median = Gain::median(taus)?;
    (median > Gain::ZERO && tau > median * SPELL).then(|| tau.0 / median.0)
}

/// Whether every metric that judges came out the same on both sides of each of these pairs of one commit with itself: such metrics are exact
/// for a seed, and nothing that the machine does meanwhile can move them. Too few pairs say nothing.
pub fn exact(pairs: &[Pair], judging: &[&str]) -> bool {
    pairs.len() >= EXACT && pairs.iter().all(|pair| same(&pair.incumbent, &pair.challenger, judging))
}

/// The same while a baseline is held against itself: by its warm-up, which is a pair that is not timed, and until a pair differs. There
/// is nothing to choose by looking at such values.
pub fn exact_so_far(warm: &[Values], pairs: &[RawPair], judging: &[&str]) -> bool {
    matches!(warm, [one, other] if same(one, other, judging))
        && pairs.iter().all(|pair| same(&pair.incumbent, &pair.challenger, judging))
}

fn same(one: &Values, other: &Values, judging: &[&str]) -> bool {
    judging.iter().all(|name| one.get(*name) == other.get(*name))
}

/// The warm-up against the median of the timed samples, as a gain, where it is a slow start: worse by 10 % and by three tau.
pub fn slow_start(metric: &Metric, warm_up: &Values, timed: &Values, tau: Gain) -> Option<Gain> {
    let value = |values: &Values| values.get(metric.judged_by()).copied();
    let gain = metric.judged_gain(value(timed)?, value(warm_up)?)?;
    let slow = match metric.scale() {
        Scale::Ratio => SLOW,
        Scale::Difference => SLOW * value(timed)?.abs(),
    };
    (gain < -(tau * 3.0).max(Gain(slow))).then_some(gain)
}

/// All metrics that a trial is judged by, in the course of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricHistories {
    /// The primary metric.
    pub primary: MetricHistory,
    secondary: Vec<(SecondaryMetric, MetricHistory)>,
    guards: Vec<(Guard, MetricHistory)>,
    simpler: bool,
    margin_spent: Gain,
}

impl MetricHistories {
    /// A trial that begins after these records; `simpler` where its code is simpler than the incumbent's.
    pub fn begin(
        metric: &Metric,
        secondary: &[SecondaryMetric],
        guards: &[Guard],
        records: &[Record],
        simpler: bool,
    ) -> Self {
        let begin = |metric: &str, direction, scale: Option<Scale>| {
            MetricHistory::begin(metric, direction, scale.unwrap_or_default(), &[])
        };
        let mut histories = Self {
            primary: begin(metric.judged_by(), metric.judged_direction(), metric.scale),
            secondary: secondary
                .iter()
                .map(|s| (s.clone(), begin(&s.metric, s.direction, s.scale)))
                .collect(),
            guards: guards.iter().map(|g| (g.clone(), begin(&g.metric, g.direction, g.scale))).collect(),
            simpler,
            margin_spent: Gain::ZERO,
        };
        records.iter().for_each(|record| histories.take(record));
        histories
    }

    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        self.each().for_each(|history| history.take(record));
        self.margin_spent += record.margin_spent();
    }

    /// The same for a challenger whose code is simpler than the incumbent's, or not.
    pub fn simpler(self, simpler: bool) -> Self {
        Self { simpler, ..self }
    }

    /// The same where the primary metric has parts of these names.
    pub fn in_parts(mut self, names: &[String]) -> Self {
        self.primary.part_names = names.to_vec();
        self
    }

    /// From the next pair on the machine is busy: these pairs count, by a larger tau. A guard's and a second metric's tau stay: what they count is
    /// not always a time, and a scale decides no error.
    pub fn widen(&mut self, widened: Option<Widened>) {
        self.primary.widened = widened;
    }

    fn each(&mut self) -> impl Iterator<Item = &mut MetricHistory> {
        let others =
            self.secondary.iter_mut().map(|s| &mut s.1).chain(self.guards.iter_mut().map(|g| &mut g.1));
        std::iter::once(&mut self.primary).chain(others)
    }

    /// Adds a pair to every metric. Returns d and b of the primary one; `None` where its value is missing or no number.
    pub fn pair(&mut self, first: First, incumbent: &Values, challenger: &Values) -> Option<(Gain, Gain)> {
        self.pair_after(None, first, incumbent, challenger)
    }

    /// The same of a pair whose first sample came directly after one of `before`, where that is known.
    pub fn pair_after(
        &mut self,
        before: Option<First>,
        first: First,
        incumbent: &Values,
        challenger: &Values,
    ) -> Option<(Gain, Gain)> {
        let others =
            self.secondary.iter_mut().map(|s| &mut s.1).chain(self.guards.iter_mut().map(|g| &mut g.1));
        others.for_each(|history| {
            history.pair_after(before, first, incumbent, challenger);
        });
        self.primary.pair_after(before, first, incumbent, challenger)
    }

    /// Takes in what was measured of a pair, and says what its gain in the primary metric is. `None` where that value is missing or no
    /// number.
    pub fn judge(&mut self, raw: RawPair) -> Option<Pair> {
        let gain = self.pair_after(raw.before, raw.first, &raw.incumbent, &raw.challenger)?;
        Some(raw.judged(gain))
    }

    /// A guard whose metric the pairs so far do not all have.
    pub fn unread(&self) -> Option<&str> {
        let pairs = self.primary.gains.len();
        self.guards
            .iter()
            .find(|(_, history)| history.gains.len() < pairs)
            .map(|(guard, _)| guard.metric.as_str())
    }

    /// The case so far, for the rule.
    pub fn case(&self, settings: &Settings) -> Case {
        Case {
            settings: settings.clone(),
            primary: self.primary.track(),
            secondary: self.secondary.iter().map(|(s, history)| (s.clone(), history.track())).collect(),
            guards: self.guards.iter().map(|(g, history)| (g.clone(), history.track())).collect(),
            simpler: self.simpler,
            margin_spent: self.margin_spent.0,
        }
    }
}

#[cfg(test)]
mod tests;
