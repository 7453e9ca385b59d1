//! The terms that a run is judged on: what `piton.toml` says about the rule, its presets and defaults.

use serde::{Deserialize, Serialize};

use crate::metric::Direction;

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
}

impl Preset {
    /// kappa, beta and the most pairs.
    pub fn constants(self) -> (f64, f64, u32) {
        match self {
            Self::Thorough => (0.5, 0.1, 64),
            Self::Standard => (0.7, 0.2, 64),
            Self::Frugal => (1.0, 0.5, 32),
            Self::Provisional | Self::Replicates => (0.7, 0.2, 24),
        }
    }
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
    /// Most pairs of a trial, where the preset's number is not wanted.
    pub n_max: Option<u32>,
    /// Pairs of the baseline against itself from which a run takes its first tau.
    pub calibration_pairs: u32,
    /// Whether a change may be kept for being as good and simpler, or as good and better in a `[[second]]` metric.
    pub as_good: bool,
    /// How much worse still counts as good, in percent; the larger of 1 % and 0.6 tau where absent.
    pub margin_pct: Option<f64>,
    /// What all margins of a run may add up to, in percent.
    pub margin_budget_pct: f64,
    /// A gain of one trial beyond this is held for a person, where the candidate's own process may have printed the figure, in percent: 300
    /// is four times as much of what should be high, or a quarter of what should be low. 0 for never.
    pub implausible_pct: f64,
    /// After so many trials the incumbent is tried against itself, unannounced; 0 for never.
    pub blind_every: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: Preset::Standard,
            alpha: 0.02,
            delta_min_pct: 0.0,
            n_max: None,
            calibration_pairs: 8,
            as_good: false,
            margin_pct: None,
            margin_budget_pct: 3.0,
            implausible_pct: 300.0,
            blind_every: 20,
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
        if !(3..=1000).contains(&self.calibration_pairs) {
            return Some(format!(
                "rule.calibration_pairs is {}; tau needs 3 at least, and 1000 are the most",
                self.calibration_pairs
            ));
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
    }

    /// Whether a gain is more than is believed of a figure that the candidate may have printed itself; `log_gain` is a natural logarithm.
    pub fn implausible(&self, log_gain: f64) -> bool {
        self.implausible_pct > 0.0 && log_gain > (self.implausible_pct / 100.0).ln_1p()
    }

    /// One line for the ledger and for commit messages.
    pub fn name(&self) -> String {
        let preset = format!("{:?}", self.preset).to_lowercase();
        if self.preset == Preset::Replicates {
            return format!("replicates, alpha {}, at most 3 runs", self.alpha);
        }
        format!("coin pairs, {preset}, alpha {}, at most {} pairs", self.alpha, self.n_max())
    }

    /// After so many trials a blind one; 0 for never. Single runs have no pairs to be blind with.
    pub fn blind_after(&self) -> u32 {
        if self.preset == Preset::Replicates { 0 } else { self.blind_every }
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
pub struct Second {
    /// Its name.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
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
    pub limit_pct: f64,
}

impl Guard {
    /// The limit as a loss, natural logarithm: 10 % more of what should be low is ln 1.1, 10 % less of what should be high -ln 0.9.
    pub fn limit(&self) -> f64 {
        let sign = -self.direction.sign();
        sign * (sign * self.limit_pct / 100.0).ln_1p()
    }

    /// What is impossible about it, if anything.
    pub fn problem(&self) -> Option<String> {
        (!(0.0..100.0).contains(&self.limit_pct)).then(|| {
            format!(
                "the guard on `{}` has limit_pct {}; it lies between 0 and 100",
                self.metric, self.limit_pct
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_guard_is_a_loss_in_its_own_direction() {
        let guard = |direction| Guard { metric: "m".into(), direction, limit_pct: 10.0 };
        assert!((guard(Direction::Lower).limit() - 1.1f64.ln()).abs() < 1e-12);
        assert!((guard(Direction::Higher).limit() + 0.9f64.ln()).abs() < 1e-12);
        assert!(Guard { limit_pct: 100.0, ..guard(Direction::Higher) }.problem().is_some());
    }

    #[test]
    fn a_gain_is_implausible_beyond_the_limit_whatever_the_direction_and_never_where_there_is_none() {
        let settings = Settings::default();
        let of = |direction: Direction, to: f64| settings.implausible(direction.log_gain(100.0, to).unwrap());
        assert!(of(Direction::Higher, 401.0) && !of(Direction::Higher, 399.0));
        assert!(of(Direction::Lower, 24.9) && !of(Direction::Lower, 25.1));
        assert!(!of(Direction::Higher, 1.0) && !of(Direction::Lower, 1e9), "a loss is believed");
        assert!(!Settings { implausible_pct: 0.0, ..settings }.implausible(50.0));
        for pct in [-1.0, f64::NAN, f64::INFINITY] {
            let bad = Settings { implausible_pct: pct, ..Settings::default() };
            assert!(bad.problem().unwrap().contains("implausible_pct"));
        }
    }

    #[test]
    fn too_few_pairs_for_the_alpha_are_refused_by_name() {
        let settings = Settings { n_max: Some(5), ..Settings::default() };
        assert!(settings.problem().unwrap().contains("rule.n_max is 5"));
        assert_eq!(Settings::default().problem(), None);
    }

    #[test]
    fn the_fewest_pairs_of_the_standard_rule_are_seven() {
        assert_eq!(Settings::default().fewest_pairs(), 7);
    }
}
