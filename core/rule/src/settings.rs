//! The terms that a run is judged on: what `piton.toml` says about the rule, its presets and defaults.

mod budget;

use serde::{Deserialize, Serialize};

pub use budget::Budget;
use piton_base::metric::{Direction, Gain, Scale};

/// How thoroughly a change is looked at: what a pair may cost, of an agent's turn, decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// A pair costs below 2 % of a turn.
    Thorough,
    /// 2 to 8 %.
    #[default]
    Standard,
    /// 8 to 25 %.
    Frugal,
    /// Above 25 %, and the machine drifts: keeps are provisional, and verified in bundles.
    Provisional,
    /// Above 25 %, and the metric does not drift: single runs instead of pairs.
    Replicates,
    /// What is measured is a run of training: pairs that share their seed, each as long as an agent's turn or longer.
    Training,
}

impl Preset {
    /// kappa, beta and the most pairs.
    pub fn constants(self) -> (f64, f64, u32) {
        match self {
            Self::Thorough => (0.5, 0.1, 64),
            Self::Standard => (0.7, 0.2, 64),
            Self::Frugal | Self::Training => (1.0, 0.5, 32),
            Self::Provisional | Self::Replicates => (0.7, 0.2, 24),
        }
    }

    /// Whether each side runs once before the first pair, to be looked at and not timed. Training begins anew each time and costs as much as
    /// a sample that counts.
    pub fn warms_up(self) -> bool {
        self != Self::Training
    }
}

/// When keeps are measured again, against what they were kept over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recheck {
    /// Each once, before the next but one is made, and all at the end of a climb.
    #[default]
    Each,
    /// All at the end of a climb.
    End,
    /// Never.
    Off,
}

/// So many tau are taken for the size of a value that is smaller.
const FAR: f64 = 300.0;

/// A whole number below this may be a count, e.g. of failing tests; a size in bytes is larger.
const COUNT: f64 = 1000.0;

/// Whether a step from `level` to `to` is that of a count that runs out: it cannot fall by less, and no ratio says how bold that is.
pub fn runs_out(level: f64, to: f64) -> bool {
    to == 0.0 && level.fract() == 0.0 && level.abs() < COUNT
}

/// The settings of the rule: `[rule]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How thoroughly.
    pub preset: Preset,
    /// Largest probability of keeping a change that does nothing.
    pub alpha: f64,
    /// Smallest gain worth finding, in percent: smaller ones are given up sooner.
    pub delta_min_pct: f64,
    /// The same in the metric's unit, where differences are compared.
    #[serde(skip_serializing_if = "none_of_it")]
    pub delta_min: f64,
    /// A gain that is not above this is none, in percent: 0.0001 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_gain_pct: Option<f64>,
    /// The same in the metric's unit, where differences are compared: a millionth of the baseline's value where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_gain: Option<f64>,
    /// Most pairs of a trial, where the preset's number is not wanted.
    pub n_max: Option<u32>,
    /// Pairs of the baseline against itself from which a run takes its first tau, where the preset's number is not wanted.
    pub calibration_pairs: Option<u32>,
    /// What ends a run of training, of the preset `training`.
    #[serde(skip_serializing_if = "Budget::is_usual")]
    pub budget: Budget,
    /// Whether a change may be kept for being as good and simpler, or as good and better in a `[[second]]` metric.
    pub as_good: bool,
    /// How much worse still counts as good, in percent; the larger of 1 % and 0.6 tau where absent.
    pub margin_pct: Option<f64>,
    /// The same in the metric's unit, where differences are compared; 0.6 tau where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What all margins of a run may add up to, in percent.
    pub margin_budget_pct: f64,
    /// The same in the metric's unit, where differences are compared; three margins where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_budget: Option<f64>,
    /// Whether a keep takes that the gain is there whichever side ran before, and not only where the incumbent ran after the challenger.
    pub both_orders: bool,
    /// Whether a trial that one pair would end asks for a second, unless the parts of that pair agree.
    pub second_pair: bool,
    /// A gain of one trial beyond this is held for a person, where the candidate's own process may have printed the figure, in percent: 300
    /// is four times as much of what should be high, or a quarter of what should be low. 0 for never.
    pub implausible_pct: f64,
    /// After so many trials the incumbent is tried against itself, unannounced; 0 for never.
    pub blind_every: u32,
    /// When keeps are measured again: `each`, `end` or `off`.
    pub recheck: Recheck,
}

/// What the name of a rule ends with that asks for both orders.
const IN_BOTH: &str = ", in both orders";
/// What the name of a rule holds that gives nothing up for one pair.
const SECOND: &str = ", two to give up";
/// A gain that is not above this share of the value is none, where nothing else is said.
const LEAST: f64 = 1e-6;

fn none_of_it(value: &f64) -> bool {
    *value == 0.0
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: Preset::Standard,
            alpha: 0.02,
            delta_min_pct: 0.0,
            delta_min: 0.0,
            min_gain_pct: None,
            min_gain: None,
            n_max: None,
            calibration_pairs: None,
            budget: Budget::Wall,
            as_good: false,
            margin_pct: None,
            margin: None,
            margin_budget_pct: 3.0,
            margin_budget: None,
            both_orders: true,
            second_pair: true,
            implausible_pct: 300.0,
            blind_every: 20,
            recheck: Recheck::Each,
        }
    }
}

impl Settings {
    /// What is impossible about these settings, if anything.
    pub fn problem(&self) -> Option<String> {
        let percent = |name: &str, value: f64| {
            (!(0.0..100.0).contains(&value))
                .then(|| format!("rule.{name} is {value}; it lies between 0 and 100"))
        };
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Some(format!("rule.alpha is {}; it is a probability between 0 and 0.5", self.alpha));
        }
        let fewest = self.fewest_pairs();
        if !(fewest..=1000).contains(&self.n_max()) {
            return Some(format!(
                "rule.n_max is {}; at alpha {} a keep needs {fewest} pairs, and 1000 are the most",
                self.n_max(),
                self.alpha
            ));
        }
        if !(3..=1000).contains(&self.calibration_pairs()) {
            return Some(format!(
                "rule.calibration_pairs is {}; tau needs 3 at least, and 1000 are the most",
                self.calibration_pairs()
            ));
        }
        if self.budget != Budget::Wall && self.preset != Preset::Training {
            return Some(
                "rule.budget says what ends a run of training, and rule.preset is not \"training\""
                    .to_owned(),
            );
        }
        if !(self.implausible_pct.is_finite() && self.implausible_pct >= 0.0) {
            return Some(format!(
                "rule.implausible_pct is {}; it is a gain in percent, or 0 to hold nothing for a person",
                self.implausible_pct
            ));
        }
        percent("delta_min_pct", self.delta_min_pct)
            .or_else(|| percent("margin_budget_pct", self.margin_budget_pct))
            .or_else(|| percent("margin_pct", self.margin_pct.unwrap_or(0.0)))
            .or_else(|| percent("min_gain_pct", self.min_gain_pct.unwrap_or(0.0)))
            .or_else(|| {
                let sizes = [
                    ("delta_min", Some(self.delta_min)),
                    ("min_gain", self.min_gain),
                    ("margin", self.margin),
                    ("margin_budget", self.margin_budget),
                ];
                let bad = |value: f64| !(value.is_finite() && value >= 0.0);
                sizes.into_iter().find_map(|(name, value)| {
                    let value = value.filter(|value| bad(*value))?;
                    Some(format!(
                        "rule.{name} is {value}; it is a number of the metric's unit, and not below 0"
                    ))
                })
            })
    }

    /// The first key that is in the unit of this scale, where one is set: it says what the metric is compared by.
    pub fn speaks(&self, scale: Scale) -> Option<&'static str> {
        let keys = match scale {
            Scale::Ratio => [
                ("rule.delta_min_pct", self.delta_min_pct > 0.0),
                ("rule.margin_pct", self.margin_pct.is_some()),
                ("rule.min_gain_pct", self.min_gain_pct.is_some()),
                ("", false),
            ],
            Scale::Difference => [
                ("rule.delta_min", self.delta_min > 0.0),
                ("rule.margin", self.margin.is_some()),
                ("rule.min_gain", self.min_gain.is_some()),
                ("rule.margin_budget", self.margin_budget.is_some()),
            ],
        };
        keys.into_iter().find(|(_, set)| *set).map(|(name, _)| name)
    }

    /// The smallest gain worth finding, in the unit of gains.
    pub fn delta(&self, scale: Scale) -> f64 {
        match scale {
            Scale::Ratio => (self.delta_min_pct / 100.0).ln_1p(),
            Scale::Difference => self.delta_min,
        }
    }

    /// A gain that is not above this is none, in the unit of gains; `level` is the size of the baseline's value.
    pub fn least(&self, scale: Scale, level: f64) -> f64 {
        match scale {
            Scale::Ratio => self.min_gain_pct.map_or(LEAST, |pct| pct / 100.0).ln_1p(),
            Scale::Difference => self.min_gain.unwrap_or(LEAST * level.abs()),
        }
    }

    /// Whether a gain is more than is believed of a figure that the candidate may have printed itself. Where gains are differences, `level` is the value that it is a gain over, and `tau` the scale of a pair.
    pub fn implausible(&self, scale: Scale, (level, tau): (f64, Gain), gain: Gain) -> bool {
        let share = self.implausible_pct / 100.0;
        let most = match scale {
            Scale::Ratio => share.ln_1p(),
            // A multiple of a value that is about as large as its noise says nothing: then the noise is what is multiplied.
            Scale::Difference => share * level.abs().max(FAR * tau.0),
        };
        most > 0.0 && gain.0 > most
    }

    /// One line for the ledger and for commit messages.
    pub fn name(&self) -> String {
        let preset = format!("{:?}", self.preset).to_lowercase();
        if self.preset == Preset::Replicates {
            return format!("replicates, alpha {}, at most 3 runs", self.alpha);
        }
        let orders = if self.both_orders { IN_BOTH } else { "" };
        let second = if self.second_pair { SECOND } else { "" };
        format!("coin pairs, {preset}, alpha {}, at most {} pairs{second}{orders}", self.alpha, self.n_max())
    }

    /// The same as a record was judged by, which says so itself: earlier versions of piton did not ask for both orders, and gave up on one pair.
    pub fn as_said(&self, rule: &str) -> Self {
        Self { both_orders: rule.ends_with(IN_BOTH), second_pair: rule.contains(SECOND), ..self.clone() }
    }

    /// After so many trials a blind one; 0 for never. Single runs have no pairs to be blind with.
    pub fn blind_after(&self) -> u32 {
        if self.preset == Preset::Replicates { 0 } else { self.blind_every }
    }

    /// When keeps are measured again. Single runs have no pairs to do it with.
    pub fn recheck(&self) -> Recheck {
        if self.preset == Preset::Replicates { Recheck::Off } else { self.recheck }
    }

    /// Pairs of the baseline against itself from which a run takes its first tau: 8, and 4 of a run of training.
    pub fn calibration_pairs(&self) -> u32 {
        let usual = if self.preset == Preset::Training { 4 } else { 8 };
        self.calibration_pairs.unwrap_or(usual)
    }

    /// Most pairs of a trial.
    pub fn n_max(&self) -> u32 {
        self.n_max.unwrap_or(self.preset.constants().2)
    }

    /// Fewest pairs that can keep: each adds at most ln(1 + tanh(1.5 k)) to log E.
    pub fn fewest_pairs(&self) -> u32 {
        let most_per_pair = (1.5 * self.preset.constants().0).tanh().ln_1p();
        ((1.0 / self.alpha).ln() / most_per_pair).ceil() as u32
    }
}

/// Another metric in which a change may be better: `[[second]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondaryMetric {
    /// Its name.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
    /// As [`piton_base::metric::Metric::scale`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

/// A metric that a keep may not make worse: `[[guard]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Its name.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
    /// A loss proven to be larger than this discards, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_pct: Option<f64>,
    /// The same in the metric's unit: differences are compared then. One of the two is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// How its values are compared: what the baseline decided, in a run that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
}

impl Guard {
    /// A guard with a limit in percent.
    pub fn percent(metric: &str, direction: Direction, limit_pct: f64) -> Self {
        Self { metric: metric.to_owned(), direction, limit_pct: Some(limit_pct), limit: None, scale: None }
    }

    /// The scale that its limit and these values ask for: percent of what is not above zero are told by differences.
    pub fn scale_of(&self, values: &[f64]) -> Scale {
        let ratio = self.limit.is_none() && values.iter().all(|value| *value > 0.0);
        self.scale.unwrap_or(if ratio { Scale::Ratio } else { Scale::Difference })
    }

    /// The limit as a loss, in the unit of gains: 10 % more of what should be low is ln 1.1, 10 % less of what should be high -ln 0.9. Where
    /// differences are compared, percent are those of `level`, the size of the baseline's value.
    pub fn limit_on(&self, scale: Scale, level: f64) -> f64 {
        let share = self.limit_pct.unwrap_or(0.0) / 100.0;
        let sign = -self.direction.sign();
        match scale {
            Scale::Ratio => sign * (sign * share).ln_1p(),
            Scale::Difference => self.limit.unwrap_or(share * level.abs()),
        }
    }

    /// What is impossible about it, if anything.
    pub fn problem(&self) -> Option<String> {
        let name = &self.metric;
        match (self.limit_pct, self.limit) {
            (None, None) => Some(format!(
                "the guard on `{name}` has no limit: limit_pct in percent, or limit in the unit of the metric"
            )),
            (Some(_), Some(_)) => {
                Some(format!("the guard on `{name}` has limit_pct and limit; it has one of them"))
            }
            (Some(pct), None) if !(0.0..100.0).contains(&pct) => {
                Some(format!("the guard on `{name}` has limit_pct {pct}; it lies between 0 and 100"))
            }
            (None, Some(limit)) if !(limit.is_finite() && limit >= 0.0) => Some(format!(
                "the guard on `{name}` has limit {limit}; it is a number of its unit, and not below 0"
            )),
            (None, Some(_)) if self.scale == Some(Scale::Ratio) => Some(format!(
                "the guard on `{name}` has a limit in its unit and the scale ratio; give limit_pct"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
