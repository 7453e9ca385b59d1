//! Whether a gain is there whoever ran before.
//!
//! A challenger that hurts at its end whoever comes next gains in the pairs in which that is the incumbent, and in no others. So a keep takes that the
//! pairs in which the incumbent ran after itself show the gain that those have in which it ran after the challenger. Being second is worth
//! something to everybody; here only what it is worth to a program that is measured against itself is taken off, since what a trial's own pairs say of
//! it is what such a challenger would forge.

use serde::{Deserialize, Serialize};

use super::{First, TestResult};
use piton_base::stats;

/// A pair counts up to so many scales, and no gain is taken for larger.
const CLIP: f64 = 2.5;
/// The gain is there: the pairs are so much likelier with the others' gain than with none, natural logarithm.
const SHOWN: f64 = 3.5;
/// It is not: so much less likely. More than one pair can say.
const REFUTED: f64 = -12.0;

/// A pair by what ran before its incumbent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// Whose sample came directly before the incumbent's.
    pub after: First,
    /// The challenger's gain, less what being second is worth to a program against itself.
    pub gain: f64,
}

impl Ordered {
    /// A pair in which `first` ran first, and whose first sample came directly after one of `before`.
    pub fn of(before: First, first: First, gain: f64) -> Self {
        let after = if first == First::Challenger { First::Challenger } else { before };
        Self { after, gain }
    }
}

/// Whether the pairs in which the incumbent did not run after the challenger show a gain greater than `-margin` too, of pairs with this scale.
///
/// The gain m that the other pairs show in the middle is held against them: were they normal with that scale, they would be exp(sum m z - m^2 / 2)
/// times as likely with the gain m as with none. It can only take keeps away.
pub fn whoever_ran_before(pairs: &[Ordered], scale: f64, margin: f64) -> TestResult {
    let of = |after: First| -> Vec<f64> {
        let own = pairs.iter().filter(|pair| pair.after == after);
        own.map(|pair| ((pair.gain + margin) / scale).clamp(-CLIP, CLIP)).collect()
    };
    let (plain, exposed) = (of(First::Incumbent), of(First::Challenger));
    let Some(m) = stats::median(&exposed).filter(|_| !plain.is_empty()) else { return TestResult::Open };
    let m = m.max(0.0);
    match plain.iter().map(|z| m * z - m * m / 2.0).sum::<f64>() {
        shown if shown >= SHOWN => TestResult::Yes,
        shown if shown <= REFUTED => TestResult::No,
        _ => TestResult::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(after_itself: &[f64], after_the_other: &[f64], margin: f64) -> TestResult {
        let of = |after, gains: &[f64]| {
            gains.iter().map(|gain| Ordered { after, gain: *gain }).collect::<Vec<_>>()
        };
        let pairs = [of(First::Incumbent, after_itself), of(First::Challenger, after_the_other)].concat();
        whoever_ran_before(&pairs, 0.03, margin)
    }

    #[test]
    fn a_gain_whoever_ran_before_is_shown_and_one_after_the_challenger_alone_is_refuted() {
        assert_eq!(asked(&[0.1; 2], &[0.1; 6], 0.0), TestResult::Yes);
        assert_eq!(asked(&[0.0; 4], &[0.2; 6], 0.0), TestResult::No);
        assert_eq!(asked(&[-0.2; 3], &[0.2; 6], 0.0), TestResult::No);
    }

    #[test]
    fn no_pair_of_a_kind_and_a_small_gain_leave_it_open() {
        assert_eq!(asked(&[], &[0.1; 9], 0.0), TestResult::Open);
        assert_eq!(asked(&[0.1; 9], &[], 0.0), TestResult::Open);
        assert_eq!(asked(&[0.1], &[0.1; 9], 0.0), TestResult::Open, "one pair says little");
        assert_eq!(asked(&[0.02; 3], &[0.02; 9], 0.0), TestResult::Open);
        assert_eq!(asked(&[0.02; 18], &[0.02; 12], 0.0), TestResult::Yes);
    }

    #[test]
    fn no_loss_beyond_the_margin_is_shown_too() {
        assert_eq!(asked(&[0.0; 18], &[0.0; 12], 0.02), TestResult::Yes);
        assert_eq!(asked(&[-0.05; 14], &[0.03; 12], 0.02), TestResult::No);
    }

    #[test]
    fn a_wild_pair_does_not_show_what_others_refute() {
        assert_eq!(asked(&[0.0, 0.0, 0.0, 9.0], &[0.1; 6], 0.0), TestResult::Open);
        assert_eq!(asked(&[-9.0], &[0.1; 6], 0.0), TestResult::Open);
    }

    #[test]
    fn the_incumbent_runs_after_the_challenger_where_that_is_first_or_ended_the_pair_before() {
        use First::{Challenger, Incumbent};
        let after = |before, first| Ordered::of(before, first, 0.0).after;
        assert_eq!(after(Incumbent, Incumbent), Incumbent);
        for (before, first) in [(Challenger, Incumbent), (Incumbent, Challenger), (Challenger, Challenger)] {
            assert_eq!(after(before, first), Challenger);
        }
    }
}
