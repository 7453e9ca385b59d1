//! One question put to a sequence of pairs, and the evidence for its answer: a test by betting.

use serde::{Deserialize, Serialize};

use super::SECOND_ALPHA;
use crate::settings::Settings;
use piton_base::metric::{Gain, Scale};

/// The evidence of a pair counts up to this many scales.
const EVIDENCE_CLIP: f64 = 1.5;
/// The same for giving up.
const FUTILITY_CLIP: f64 = 2.5;

/// The as-good question gives up after so many pairs.
const AS_GOOD_PAIRS: u32 = 96;
/// A margin below this share of tau cannot be resolved.
const LEAST_MARGIN: f64 = 0.3;

/// "Is the gain greater than `-margin`?", asked of gains d_1, d_2, ...: the plain numbers of [`Gain`], and everything here
/// that is held against them is in their unit.
///
/// With z = (d + margin) / tau, each pair adds ln(1 + tanh(k clip(z, 1.5))) to log E and k (clip(z, 2.5) - k/2) to F.
/// Where the true gain is -margin and a fair coin has made d symmetric about it, E is a non-negative martingale
/// that begins at 1, so P(E ever reaches 1/alpha) <= alpha, whatever the noise looks like and whenever one stops
/// (Ville's inequality; I. Waudby-Smith and A. Ramdas, JRSS-B 86, 2024). tau is a scale, not an assumption: a wrong
/// one costs power or time. F can only say no. A pair may have a scale of its own, as long as only earlier pairs say which: its
/// step is then still a fair bet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Scale of one pair, above 0.
    pub tau: f64,
    /// The effect that is bet on, in scales: above 0, at most 1.
    pub k: f64,
    /// How much worse would still be a yes.
    pub margin: f64,
    /// Probability of a yes where the truth is -margin: at most.
    pub alpha: f64,
    /// Gives up where F falls to ln(beta).
    pub beta: f64,
    /// Gives up after so many pairs.
    pub n_max: u32,
}

/// What the pairs say to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestResult {
    /// Another pair is wanted.
    Open,
    /// The gain is greater than -margin.
    Yes,
    /// It was not shown to be.
    No,
}

/// The sums behind an answer, at the pair that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Pairs counted.
    pub pairs: u32,
    /// log E, natural.
    pub log_e: f64,
    /// F.
    pub futility: f64,
}

impl Question {
    /// "Is it better?", where tau is this and ratios are compared.
    pub fn better(settings: &Settings, tau: f64) -> Self {
        Self::better_on(settings, Scale::Ratio, tau)
    }

    /// "Is it better?", where tau is this.
    pub fn better_on(settings: &Settings, scale: Scale, tau: f64) -> Self {
        let (kappa, beta, _) = settings.preset.constants();
        let k = kappa.max(settings.delta(scale) / tau).min(1.0);
        Self { tau, k, margin: 0.0, alpha: settings.alpha, beta, n_max: settings.n_max() }
    }

    /// What a keep for being as good may cost, in the unit of gains.
    pub fn margin_on(settings: &Settings, scale: Scale, tau: f64) -> f64 {
        let percent = |percent| Gain::from_percent(percent).0;
        match scale {
            Scale::Ratio => settings.margin_pct.map_or_else(|| (0.6 * tau).max(percent(1.0)), percent),
            Scale::Difference => settings.margin.unwrap_or(0.6 * tau),
        }
    }

    /// What all such keeps of a run may cost, in the unit of gains.
    pub fn budget_on(settings: &Settings, scale: Scale, tau: f64) -> f64 {
        match scale {
            Scale::Ratio => Gain::from_percent(settings.margin_budget_pct).0,
            // Three of them, and what rounding makes of that.
            Scale::Difference => {
                settings.margin_budget.unwrap_or_else(|| 3.0000001 * Self::margin_on(settings, scale, tau))
            }
        }
    }

    /// "Is it as good?", where ratios are compared.
    pub fn as_good(settings: &Settings, tau: f64, spent: f64) -> Option<Self> {
        Self::as_good_on(settings, Scale::Ratio, tau, spent)
    }

    /// "Is it as good?", where the run has spent `spent` of its margins. `None` where as-good is not asked for, where what is
    /// left of the budget does not reach, or where the noise is too high for the question.
    pub fn as_good_on(settings: &Settings, scale: Scale, tau: f64, spent: f64) -> Option<Self> {
        let margin = Self::margin_on(settings, scale, tau);
        let k = (margin / tau).min(1.0);
        let affordable = margin <= Self::budget_on(settings, scale, tau) - spent;
        let (_, beta, _) = settings.preset.constants();
        (settings.as_good && affordable && k >= LEAST_MARGIN).then_some(Self {
            tau,
            k,
            margin,
            alpha: SECOND_ALPHA,
            beta,
            n_max: AS_GOOD_PAIRS,
        })
    }

    fn step(&self, gain: f64, tau: f64) -> (f64, f64) {
        let z = (gain + self.margin) / tau;
        let evidence = (self.k * z.clamp(-EVIDENCE_CLIP, EVIDENCE_CLIP)).tanh().ln_1p();
        (evidence, self.k * (z.clamp(-FUTILITY_CLIP, FUTILITY_CLIP) - self.k / 2.0))
    }

    /// The most that a pair can add to log E.
    fn most_per_pair(&self) -> f64 {
        (self.k * EVIDENCE_CLIP).tanh().ln_1p()
    }

    /// The fewest pairs that can give a yes.
    pub fn fewest(&self) -> u32 {
        ((1.0 / self.alpha).ln() / self.most_per_pair()).ceil() as u32
    }

    /// The first answer that the gains give, and the sums there.
    pub fn ask(&self, gains: &[f64]) -> (TestResult, Evidence) {
        self.ask_by(gains, &[], 1)
    }

    /// The same where pairs have scales of their own, each known before its pair; tau for those that have none. One that is infinite bets
    /// nothing on its pair. F ends nothing before pair `patient`: that takes from the noes of F alone, so the error of a yes stays what it is.
    pub(crate) fn ask_by(&self, gains: &[f64], scales: &[f64], patient: u32) -> (TestResult, Evidence) {
        let wanted = (1.0 / self.alpha).ln();
        let most_per_pair = self.most_per_pair();
        let mut sums = Evidence::default();
        for (pair, gain) in gains.iter().enumerate() {
            let (evidence, futility) = self.step(*gain, scales.get(pair).copied().unwrap_or(self.tau));
            sums.pairs += 1;
            sums.log_e += evidence;
            sums.futility += futility;
            let left = f64::from(self.n_max.saturating_sub(sums.pairs));
            if sums.log_e >= wanted {
                return (TestResult::Yes, sums);
            }
            let futile = sums.pairs >= patient && sums.futility <= self.beta.ln();
            if futile || sums.log_e + left * most_per_pair < wanted || left == 0.0 {
                return (TestResult::No, sums);
            }
        }
        (TestResult::Open, sums)
    }

    /// The largest c for which log E over d - c reaches ln(1/alpha): the true gain lies below it with probability
    /// at most alpha. `None` while there are too few pairs for any c. The sum falls with c, so bisection finds it.
    pub fn lower_bound(&self, gains: &[f64]) -> Option<f64> {
        self.lower_bound_by(gains, &[])
    }

    /// The same where pairs have scales of their own.
    pub(crate) fn lower_bound_by(&self, gains: &[f64], scales: &[f64]) -> Option<f64> {
        let scale = |pair: usize| scales.get(pair).copied().unwrap_or(self.tau);
        let reaches = |c: f64| {
            let steps = gains.iter().enumerate();
            let sum: f64 = steps.map(|(pair, gain)| self.step(gain - c - self.margin, scale(pair)).0).sum();
            sum >= (1.0 / self.alpha).ln()
        };
        let widest = (0..gains.len()).map(scale).filter(|scale| scale.is_finite()).fold(self.tau, f64::max);
        let reach = EVIDENCE_CLIP * widest;
        let mut low = gains.iter().copied().reduce(f64::min)? - reach;
        let mut high = gains.iter().copied().reduce(f64::max)? + reach;
        if !reaches(low) {
            return None;
        }
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if reaches(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }

    /// The same from above.
    pub fn upper_bound(&self, gains: &[f64]) -> Option<f64> {
        self.upper_bound_by(gains, &[])
    }

    /// The same where pairs have scales of their own.
    pub(crate) fn upper_bound_by(&self, gains: &[f64], scales: &[f64]) -> Option<f64> {
        let mirrored: Vec<f64> = gains.iter().map(|gain| -gain).collect();
        self.lower_bound_by(&mirrored, scales).map(|bound| -bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BETTER: Question = Question { tau: 0.03, k: 0.7, margin: 0.0, alpha: 0.02, beta: 0.2, n_max: 64 };

    #[test]
    fn the_answer_is_the_first_one_and_later_pairs_do_not_change_it() {
        let mut gains = vec![0.06; 12];
        let (answer, sums) = BETTER.ask(&gains);
        assert_eq!(answer, TestResult::Yes);
        gains[sums.pairs as usize..].fill(-0.5);
        assert_eq!(BETTER.ask(&gains), (answer, sums));
    }

    #[test]
    fn a_single_wild_pair_cannot_keep() {
        assert_ne!(BETTER.ask(&[1e9]).0, TestResult::Yes);
    }

    #[test]
    fn too_few_pairs_bound_nothing() {
        assert_eq!(BETTER.lower_bound(&[0.06; 3]), None);
        assert_eq!(BETTER.lower_bound(&[]), None);
    }

    proptest! {
        #[test]
        fn a_yes_means_that_the_lower_bound_clears_zero(gains in prop::collection::vec(-0.1f64..0.2, 1..64)) {
            let (answer, sums) = BETTER.ask(&gains);
            let bound = BETTER.lower_bound(&gains[..sums.pairs as usize]);
            prop_assert_eq!(answer == TestResult::Yes, bound.is_some_and(|low| low >= -1e-12));
        }

        #[test]
        fn what_is_better_everywhere_has_no_lower_bound_below(
            gains in prop::collection::vec(-0.1f64..0.1, 8..40), more in 0.0f64..0.1,
        ) {
            let raised: Vec<f64> = gains.iter().map(|gain| gain + more).collect();
            if let (Some(low), Some(raised)) = (BETTER.lower_bound(&gains), BETTER.lower_bound(&raised)) {
                prop_assert!(raised >= low - 1e-9);
            }
        }

        #[test]
        fn the_bounds_enclose_each_other(gains in prop::collection::vec(-0.1f64..0.1, 8..40)) {
            if let (Some(low), Some(high)) = (BETTER.lower_bound(&gains), BETTER.upper_bound(&gains)) {
                prop_assert!(low <= high);
            }
        }

        #[test]
        fn units_do_not_matter(gains in prop::collection::vec(-0.1f64..0.1, 1..40), scale in 0.01f64..100.0) {
            let scaled: Vec<f64> = gains.iter().map(|gain| gain * scale).collect();
            let question = Question { tau: BETTER.tau * scale, ..BETTER };
            prop_assert_eq!(BETTER.ask(&gains).0, question.ask(&scaled).0);
        }
    }
}
