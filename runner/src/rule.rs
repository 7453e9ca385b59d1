//! Whether a challenger replaces the incumbent.
//!
//! The rule is kept apart from the code that gathers its evidence for two reasons. It is the one part of the
//! loop that an agent gains by bending, so it must be short enough to audit in a sitting. And it can be
//! replayed over an old ledger, without owning the machine that measured it.
//!
//! Evidence comes in *pairs*: incumbent and challenger measured back to back on the same prompts, their order
//! decided by a fair coin that was drawn after both were built. The gain of a pair is the log ratio of the two
//! values, positive when the challenger is better. Where the change does nothing, the coin makes that gain
//! symmetric about zero whatever the machine does meanwhile, and each pair is positive with probability 1/2.
//!
//! The present rule takes a fixed number of pairs and keeps when the lower end of the sign-test interval of
//! their median clears `delta_min`. With six pairs that end is the smallest of the six, so a change that does
//! nothing is kept with probability (1/2)^6 = 1.6 %. [`decide`] is asked after every pair and stops as soon as
//! the pairs still to come cannot change the answer; whoever drives it knows nothing of how it decides.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::stats;

/// The settings of the rule: `[rule]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Pairs to measure before a keep.
    pub pairs: u32,
    /// Largest probability of keeping a change that does nothing.
    pub alpha: f64,
    /// Smallest gain worth keeping, in percent: the lower end must lie above it.
    pub delta_min_pct: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pairs: 6, alpha: 0.02, delta_min_pct: 0.0 }
    }
}

impl Settings {
    /// What is impossible about these settings, if anything.
    pub fn problem(&self) -> Option<String> {
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Some(format!("rule.alpha is {}; it is a probability between 0 and 0.5", self.alpha));
        }
        if !(0.0..100.0).contains(&self.delta_min_pct) {
            return Some(format!("rule.delta_min_pct is {}; it lies between 0 and 100", self.delta_min_pct));
        }
        let fewest = stats::fewest_pairs(self.alpha);
        (self.pairs < fewest || self.pairs > 1000).then(|| {
            format!(
                "rule.pairs is {}; an interval at alpha {} needs {fewest} to 1000 pairs",
                self.pairs, self.alpha
            )
        })
    }

    /// One line for the ledger and for commit messages.
    pub fn name(&self) -> String {
        format!(
            "sign-test, {} coin pairs, alpha {}, delta_min {} %",
            self.pairs, self.alpha, self.delta_min_pct
        )
    }
}

/// Which side of a pair ran first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum First {
    /// The incumbent ran first.
    Incumbent,
    /// The challenger ran first.
    Challenger,
}

/// What is drawn when a pair starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The coin.
    pub first: First,
    /// Seed of the prompts, the same for both sides.
    pub prompts: u64,
}

/// The draw of pair `pair` (from 0) of a trial whose seed is `seed`.
///
/// The seed comes from the operating system once both sides are built, and is recorded, so that neither side
/// can have known it and anyone can draw it again: ChaCha20 seeded by `seed`, one stream per pair; the lowest
/// bit of the first word is the coin, the next word the seed of the prompts (63 bits, to fit any format).
pub fn draw(seed: u64, pair: u32) -> Draw {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(pair));
    let first = if rng.next_u64() & 1 == 0 { First::Incumbent } else { First::Challenger };
    Draw { first, prompts: rng.next_u64() >> 1 }
}

/// What the pairs say so far. Gains are natural logarithms; the ends are absent while there is no interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Pairs measured.
    pub pairs: u32,
    /// Median gain.
    pub gain: f64,
    /// Lower end: the true median gain lies below it with probability at most alpha.
    pub low: Option<f64>,
    /// Upper end, likewise.
    pub high: Option<f64>,
}

/// What the rule says after a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Another pair is wanted.
    Continue,
    /// The challenger replaces the incumbent.
    Keep,
    /// The whole interval, or every pair while there is none, lies below zero.
    Worse,
    /// The pairs do not show that it is better by more than `delta_min`.
    NotShownBetter,
}

/// Judges the gains of all pairs so far, in the order in which they were measured.
///
/// Pure: the same gains and settings give the same answer for ever.
pub fn decide(settings: &Settings, gains: &[f64]) -> (Verdict, Estimate) {
    let interval = stats::sign_interval(gains, settings.alpha);
    let estimate = Estimate {
        pairs: gains.len() as u32,
        gain: stats::median(gains).unwrap_or(0.0),
        low: interval.map(|i| i.0),
        high: interval.map(|i| i.1),
    };
    let bar = (settings.delta_min_pct / 100.0).ln_1p();
    let open = settings.pairs.saturating_sub(estimate.pairs) as usize;
    let lower_end = |gains: &[f64]| stats::sign_interval(gains, settings.alpha).map(|i| i.0);
    let best_case = [gains, &vec![f64::INFINITY; open]].concat();
    let verdict = if !lower_end(&best_case).is_some_and(|low| low > bar) {
        let high = estimate.high.or_else(|| gains.iter().copied().reduce(f64::max));
        if high.is_some_and(|high| high < 0.0) { Verdict::Worse } else { Verdict::NotShownBetter }
    } else if open > 0 {
        Verdict::Continue
    } else {
        Verdict::Keep
    };
    (verdict, estimate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(gains: &[f64]) -> Verdict {
        decide(&Settings::default(), gains).0
    }

    #[test]
    fn six_gains_of_six_keep_and_the_smallest_is_the_lower_bound() {
        let (verdict, estimate) = decide(&Settings::default(), &[0.05, 0.03, 0.04, 0.02, 0.06, 0.05]);
        assert_eq!(verdict, Verdict::Keep);
        assert_eq!((estimate.low, estimate.high), (Some(0.02), Some(0.06)));
    }

    #[test]
    fn the_first_loss_among_six_pairs_ends_the_trial() {
        assert_eq!(verdict(&[]), Verdict::Continue);
        assert_eq!(verdict(&[0.05]), Verdict::Continue);
        assert_eq!(verdict(&[0.05, -0.001]), Verdict::NotShownBetter);
        assert_eq!(verdict(&[-0.10]), Verdict::Worse);
    }

    #[test]
    fn exactly_no_gain_is_not_better() {
        assert_eq!(verdict(&[0.0]), Verdict::NotShownBetter);
    }

    #[test]
    fn a_gain_below_delta_min_is_not_kept() {
        let settings = Settings { delta_min_pct: 3.0, ..Settings::default() };
        assert_eq!(decide(&settings, &[0.02]).0, Verdict::NotShownBetter);
        assert_eq!(decide(&settings, &[0.05; 6]).0, Verdict::Keep);
    }

    #[test]
    fn too_few_pairs_for_the_alpha_are_refused_by_name() {
        let settings = Settings { pairs: 5, ..Settings::default() };
        assert!(settings.problem().unwrap().contains("rule.pairs is 5"));
        assert_eq!(Settings::default().problem(), None);
    }

    #[test]
    fn draws_are_replayable_and_differ_from_pair_to_pair() {
        assert_eq!(draw(7, 0), draw(7, 0));
        let prompts: std::collections::BTreeSet<u64> = (0..100).map(|pair| draw(7, pair).prompts).collect();
        assert_eq!(prompts.len(), 100);
    }

    #[test]
    fn the_coin_is_fair() {
        let first = (0..10_000).filter(|seed| draw(*seed, 0).first == First::Challenger).count();
        assert!((4_800..5_200).contains(&first), "{first} of 10,000: four standard deviations are 200");
    }

    #[test]
    fn a_change_that_does_nothing_is_kept_once_in_sixty_four() {
        // All sign patterns of six pairs of a symmetric gain are equally likely.
        let kept = (0..64u32)
            .filter(|signs| {
                let gains: Vec<f64> =
                    (0..6).map(|i| if signs >> i & 1 == 1 { 0.01 } else { -0.01 }).collect();
                (1..=6).map(|n| verdict(&gains[..n])).find(|v| *v != Verdict::Continue) == Some(Verdict::Keep)
            })
            .count();
        assert_eq!(kept, 1);
    }

    proptest! {
        #[test]
        fn stopping_early_never_changes_what_all_pairs_would_say(
            gains in prop::collection::vec(-0.1f64..0.1, 10..=10),
        ) {
            let settings = Settings { pairs: 10, ..Settings::default() };
            let early = (1..=10).map(|n| decide(&settings, &gains[..n]).0).find(|v| *v != Verdict::Continue);
            let kept_at_the_end = decide(&settings, &gains).0 == Verdict::Keep;
            prop_assert_eq!(early == Some(Verdict::Keep), kept_at_the_end);
        }
    }
}
