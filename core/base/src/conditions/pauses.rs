//! How long a trial waits for a calm machine, and what comes after that: decided by conditions and time alone, never by a value.

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::metric::Gain;
use crate::stats;

/// Times that the baseline is as patient as a trial: what it says of the noise holds for the whole run.
const BASELINE: u32 = 5;
/// Trials in a row that waited in vain make the next less patient, down to a half of a half of a half.
const HALVED: u32 = 3;
/// tau is multiplied by so much where few pairs say what it is on a busy machine.
const UNTOLD: f64 = 2.0;
/// So many pairs say it.
const TELLING: usize = 5;
/// tau is multiplied by no more than this.
const MOST: f64 = 8.0;

/// What comes after a pair that the machine spoiled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Wait for a calm machine, so many seconds at most; then measure again.
    Pause {
        /// Seconds.
        most_s: f64,
    },
    /// From now on pairs count however busy the machine is, or the trial ends where they cannot.
    GoOn,
}

/// The pauses of a trial so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pauses {
    /// All that may be lost to a busy machine, in seconds.
    patience_s: f64,
    /// The longest pause.
    longest_s: f64,
    void_pairs: u32,
    spoiled: u32,
    lost_s: f64,
    in_vain: bool,
    retries: bool,
}

impl Pauses {
    /// Those of a trial, where the last `in_vain` trials in a row waited for nothing.
    pub fn of_trial(limits: &Limits, in_vain: u32) -> Self {
        let longest_s = limits.pause_s as f64 / f64::from(1u32 << in_vain.min(HALVED));
        Self { patience_s: longest_s, longest_s, ..Self::none(limits) }
    }

    /// Those of a baseline: it waits several times, and a pause in vain does not end that.
    pub fn of_baseline(limits: &Limits) -> Self {
        let longest_s = limits.pause_s as f64;
        Self { patience_s: f64::from(BASELINE) * longest_s, longest_s, retries: true, ..Self::none(limits) }
    }

    fn none(limits: &Limits) -> Self {
        Self {
            patience_s: 0.0,
            longest_s: 0.0,
            void_pairs: limits.void_pairs,
            spoiled: 0,
            lost_s: 0.0,
            in_vain: false,
            retries: false,
        }
    }

    /// A pair was spoiled, and its samples took so many seconds.
    pub fn spoiled(&mut self, pair_s: f64) -> Next {
        self.spoiled += 1;
        let first = self.spoiled == 1;
        // However long a pair takes, the machine gets one chance to calm down.
        let left =
            if first { self.longest_s } else { (self.patience_s - self.lost_s - pair_s).min(self.longest_s) };
        self.lost_s += pair_s;
        if left <= 0.0 || self.spoiled > self.void_pairs || (self.in_vain && !self.retries) {
            return Next::GoOn;
        }
        Next::Pause { most_s: left }
    }

    /// A pause has ended after so many seconds, because the machine was calm or because they were over.
    pub fn paused(&mut self, seconds: f64, calm: bool) {
        self.lost_s += seconds;
        self.in_vain = !calm;
    }

    /// The longest pause there may be now; none where no more are made.
    pub fn longest(&self) -> Option<f64> {
        let left = (self.patience_s - self.lost_s).min(self.longest_s);
        (left > 0.0 && (self.retries || !self.in_vain)).then_some(left)
    }

    /// What pauses and spoiled pairs have cost, in seconds.
    pub fn lost_s(&self) -> f64 {
        self.lost_s
    }
}

/// The pairs of a trial that count although the machine was busy, and what they are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widened {
    /// Pairs before them.
    pub from: u32,
    /// Their scale, in multiples of tau.
    pub times: f64,
    /// What waiting had cost until then, in seconds.
    pub lost_s: f64,
}

impl Widened {
    /// By what tau is multiplied, where the spoiled pairs came to these gains: by what these vary by. Their middle is taken off, so that what is
    /// good for one side is as good for the other, and later pairs have no part in it.
    pub fn times(tau: Gain, spoiled: &[Gain]) -> f64 {
        let n = spoiled.len() as f64;
        let own = stats::deviation(&Gain::numbers(spoiled)).filter(|_| n >= 3.0 && tau > Gain::ZERO);
        let seen = own.map_or(0.0, |own| (n / (n - 1.0)).sqrt() * own / tau.0);
        seen.clamp(if spoiled.len() >= TELLING { 1.0 } else { UNTOLD }, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trial(in_vain: u32) -> Pauses {
        Pauses::of_trial(&Limits::default(), in_vain)
    }

    #[test]
    fn a_pause_in_vain_is_the_last_of_a_trial() {
        let mut pauses = trial(0);
        assert_eq!(pauses.spoiled(15.0), Next::Pause { most_s: 120.0 });
        pauses.paused(120.0, false);
        assert_eq!((pauses.spoiled(15.0), pauses.longest()), (Next::GoOn, None));
    }

    #[test]
    fn short_pauses_end_when_they_have_cost_as_much_as_a_long_one() {
        let mut pauses = trial(0);
        let mut pairs = 0;
        while let Next::Pause { most_s } = pauses.spoiled(15.0) {
            pauses.paused(most_s.min(2.0), true);
            pairs += 1;
        }
        assert_eq!((pairs, pauses.lost_s()), (7, 134.0));
    }

    #[test]
    fn a_pair_of_ten_minutes_that_is_spoiled_is_waited_for_once() {
        let mut pauses = trial(0);
        assert_eq!(pauses.spoiled(600.0), Next::Pause { most_s: 120.0 });
        pauses.paused(2.0, true);
        assert_eq!(pauses.spoiled(600.0), Next::GoOn);
    }

    #[test]
    fn trials_that_waited_in_vain_make_the_next_less_patient() {
        let first = |in_vain| trial(in_vain).spoiled(1.0);
        assert_eq!(first(1), Next::Pause { most_s: 60.0 });
        assert_eq!((first(3), first(99)), (Next::Pause { most_s: 15.0 }, Next::Pause { most_s: 15.0 }));
        let none = Limits { pause_s: 0, ..Limits::default() };
        assert_eq!(Pauses::of_trial(&none, 0).spoiled(1.0), Next::GoOn);
    }

    #[test]
    fn a_baseline_waits_five_times_and_then_goes_on() {
        let mut pauses = Pauses::of_baseline(&Limits::default());
        let mut waited = 0;
        while let Next::Pause { most_s } = pauses.spoiled(0.0) {
            pauses.paused(most_s, false);
            waited += 1;
        }
        assert_eq!(waited, 5);
    }

    #[test]
    fn the_scale_of_a_busy_machine_is_what_its_spoiled_pairs_vary_by() {
        let times = |gains: &[f64]| {
            let gains: Vec<Gain> = gains.iter().copied().map(Gain).collect();
            Widened::times(Gain(0.01), &gains)
        };
        assert_eq!((times(&[]), times(&[0.3, -0.3])), (2.0, 2.0), "too few say nothing");
        let five = [-0.02, -0.01, 0.0, 0.01, 0.02];
        assert!((times(&five) - 1.25f64.sqrt() * 1.4826).abs() < 1e-9);
        assert_eq!(times(&five.map(|gain| gain / 50.0)), 1.0, "it was busy, and as good as calm");
        assert_eq!(times(&five.map(|gain| gain * 50.0)), 8.0);
    }

    proptest! {
        #[test]
        fn no_trial_waits_without_end(pairs in prop::collection::vec((0.0f64..60.0, 0.0f64..1.0, any::<bool>()), 0..300)) {
            let (mut pauses, mut paused) = (trial(0), 0.0);
            for (pair_s, share, calm) in pairs {
                match pauses.spoiled(pair_s) {
                    Next::Pause { most_s } => {
                        prop_assert!(most_s <= 120.0);
                        pauses.paused(most_s * share, calm);
                        paused += most_s * share;
                    }
                    Next::GoOn => break,
                }
            }
            prop_assert!(paused <= 240.0, "{paused}");
        }

        #[test]
        fn which_side_gained_says_nothing_of_the_scale(gains in prop::collection::vec(-1.0f64..1.0, 0..20)) {
            let of = |sign: f64| Widened::times(Gain(0.02), &gains.iter().map(|gain| Gain(sign * gain)).collect::<Vec<_>>());
            prop_assert!((of(1.0) - of(-1.0)).abs() < 1e-9);
        }
    }
}
