//! A keep measured again, as it is now, against the one that it was kept over.

use serde::{Deserialize, Serialize};

use super::betting_test::{Question, TestResult};
use super::track::Track;
use super::{Asked, Case, Estimate, KeepReason, worse};
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

/// Whether a guard has to be asked on before a keep that is measured again may hold: half of its pairs lie beyond its limit, and that is
/// neither proven nor out of reach. Where a guard is proven to be broken, [`super::decide`] says so.
///
/// Evidence by one clock says nothing of another: an engine that sleeps once it is old computes as before.
pub fn guard_in_doubt(case: &Case) -> bool {
    case.guards.iter().filter(|(_, track)| track.tau > 0.0).any(|(guard, track)| {
        let limit = guard.limit_on(track.scale, track.level);
        -track.middle() > limit
            && track.turned().ask(&worse(&case.settings, track, limit)).0 == TestResult::Open
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::{Verdict, decide};
    use crate::settings::Guard;
    use piton_base::metric::Direction;

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
    fn a_guard_that_most_pairs_break_is_asked_until_it_is_proven_or_out_of_reach() {
        let guard = Guard::percent("wall", Direction::Higher, 0.0);
        let case = |d: &[f64]| Case {
            guards: vec![(guard.clone(), Track::of(0.1, d.to_vec()))],
            ..Case::of(Settings::default(), Track::of(0.01, vec![1.1; d.len()]))
        };
        let slow = [-1.2; 12];
        let proven =
            (1..12).find(|pairs| decide(&case(&slow[..*pairs])).0 == Verdict::Guarded("wall".to_owned()));
        let proven = proven.expect("a tenth of the speed is soon proven to be less");
        assert!(proven > 1 && (1..proven).all(|pairs| guard_in_doubt(&case(&slow[..pairs]))), "{proven}");
        assert!(!guard_in_doubt(&case(&[0.02, -0.01, 0.01])), "what is as it was is not waited for");
        let noisy: Vec<f64> = (0..40).map(|pair| if pair % 2 == 0 { -0.2 } else { 0.19 }).collect();
        assert!((2..40).any(|pairs| !guard_in_doubt(&case(&noisy[..pairs]))));
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
