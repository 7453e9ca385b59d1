//! A keep measured again, as it is now, against the one that it was kept over.

use serde::{Deserialize, Serialize};

use super::betting_test::{Question, TestResult};
use super::track::Track;
use super::{Asked, Estimate, KeepReason};
use crate::settings::Settings;
use piton_base::metric::Gain;

/// A keep has at most so many times the pairs that a proof against it needs: one that is what it was takes a few.
const MOST: u32 = 4;

/// What a keep is worth when it is measured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// Nothing contradicts what was recorded.
    Holds,
    /// It is proven to be worth less than was recorded, and most of that is still there.
    Less,
    /// It is proven to be worth less than was recorded, and less than half of that is left.
    Gone,
}

/// What was recorded of a keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedGain {
    /// Its gain.
    pub gain: Gain,
    /// What its gain was shown to be above, with the error of the rule.
    pub low: Gain,
}

impl RecordedGain {
    /// Of a keep for this reason; `margin` is what it spent for being as good.
    pub fn of(reason: &KeepReason, estimate: &Estimate, margin: Gain) -> Self {
        match reason {
            KeepReason::Better | KeepReason::Provisional => {
                Self { gain: estimate.gain, low: estimate.low.unwrap_or(Gain::ZERO).max(Gain::ZERO) }
            }
            // It was shown to be above minus the margin, and claims no more.
            KeepReason::Simpler | KeepReason::BetterIn(_) => Self { gain: -margin, low: -margin },
        }
    }
}

/// Judges the pairs so far; `None` while another is wanted. Pure.
///
/// The question is "is it worth less than its lower bound?", by the rule's own test and at its alpha. Where the bound is true, the answer is
/// yes with probability alpha at most, and the bound itself is not with probability alpha: a keep that is what it was is called less than
/// recorded with probability 2 alpha at most. It is called gone where, besides, the median of its pairs is below half of the bound.
/// Of a metric that does not vary two pairs say it.
pub fn again(settings: &Settings, track: &Track, recorded: RecordedGain) -> (Option<Worth>, Option<Asked>) {
    let shown = if track.exact(settings) { recorded.gain.0 } else { recorded.low.0 };
    let (less, asked) = if track.exact(settings) {
        (track.plainly_below(settings, recorded.gain.0), None)
    } else {
        let better = Question::better_on(settings, track.scale, track.tau());
        let question = Question { margin: recorded.low.0, n_max: MOST * better.fewest(), ..better };
        let (answer, evidence) = track.turned().ask(&question);
        (answer, Some(Asked { about: "less than recorded".to_owned(), question, answer, evidence }))
    };
    let worth = match less {
        TestResult::Open => None,
        TestResult::No => Some(Worth::Holds),
        TestResult::Yes if track.middle() > (shown / 2.0).max(track.least(settings)) => Some(Worth::Less),
        TestResult::Yes => Some(Worth::Gone),
    };
    (worth, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: RecordedGain = RecordedGain { gain: Gain(1.1), low: Gain(1.0) };

    fn of(d: &[f64]) -> Option<Worth> {
        again(&Settings::default(), &Track::of(0.01, d.to_vec()), RECORDED).0
    }

    #[test]
    fn a_keep_that_shows_its_gain_again_holds_after_a_few_pairs() {
        assert_eq!(of(&[1.015]), None);
        let pairs = (1..9).find(|pairs| of(&vec![1.015; *pairs]).is_some());
        assert_eq!((pairs, of(&[1.015; 3])), (Some(2), Some(Worth::Holds)));
    }

    #[test]
    fn a_keep_that_lost_half_of_its_gain_is_gone_and_one_that_lost_less_is_not() {
        for (d, worth) in [(0.0, Worth::Gone), (-2.0, Worth::Gone), (0.4, Worth::Gone), (0.7, Worth::Less)] {
            assert_eq!((of(&[d; 6]), of(&[d; 7])), (None, Some(worth)), "{d}");
        }
    }

    #[test]
    fn a_keep_for_being_as_good_is_held_to_its_margin() {
        let estimate = Estimate { pairs: 9, gain: Gain(0.002), low: None, high: None };
        let recorded = RecordedGain::of(&KeepReason::Simpler, &estimate, Gain(0.03));
        let of = |d: f64| again(&Settings::default(), &Track::of(0.01, vec![d; 28]), recorded).0;
        assert_eq!(
            (of(0.0), of(-0.02), of(-0.06)),
            (Some(Worth::Holds), Some(Worth::Holds), Some(Worth::Gone))
        );
    }

    #[test]
    fn of_a_metric_that_does_not_vary_two_pairs_say_it() {
        let of = |d: &[f64]| again(&Settings::default(), &Track::of(0.0, d.to_vec()), RECORDED).0;
        assert_eq!((of(&[0.0]), of(&[0.0, 0.0])), (None, Some(Worth::Gone)));
        assert_eq!(
            (of(&[1.1]), of(&[1.1, 1.1]), of(&[0.7, 0.7])),
            (Some(Worth::Holds), Some(Worth::Holds), Some(Worth::Less))
        );
    }
}
