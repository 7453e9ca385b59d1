//! What the pairs of a run teach about the machine: the scale of one pair, and what being second is worth.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use piton_base::stats;

/// Values that the scale is taken from: the last so many.
const MEMORY: usize = 200;
/// Pairs that the worth of being second is taken from: the last so many, so that a trial costs as much at the end of a long run
/// as at its beginning.
const PAIRS: usize = 2000;
/// The worth of being second leans to zero as by so many pairs that show none.
const LEAN: f64 = 4.0;
/// The same where few pairs tell it: what is taken off must not be their luck.
const LEAN_OF_FEW: f64 = 24.0;
/// Pairs that the worth of being second waits for.
const POSITION_FROM: usize = 8;
/// A trial with fewer pairs says too little about its own middle.
const FEWEST_OF_A_TRIAL: usize = 3;

/// The pairs of a run in one metric, in the order in which they were measured.
///
/// Of a pair only w is kept: the log ratio of the second run to the first, positive where the second is better.
/// With o = +1 where the incumbent ran first and -1 otherwise, the challenger's gain is d = o (w - b).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// w of the last [`PAIRS`] pairs.
    order_effects: VecDeque<f64>,
    /// The last [`MEMORY`] deviations.
    deviations: VecDeque<f64>,
    /// The smallest deviation that was not 0, of all.
    smallest: Option<f64>,
    /// w of the last [`PAIRS`] pairs in which both sides were the same program.
    #[serde(default = "SelfPairs::untold")]
    same: SelfPairs,
}

/// Pairs of a program with itself. A snapshot from before piton kept them does not tell, and is equal to any that does.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SelfPairs(Option<VecDeque<f64>>);

impl SelfPairs {
    fn untold() -> Self {
        Self(None)
    }
}

impl Default for SelfPairs {
    fn default() -> Self {
        Self(Some(VecDeque::new()))
    }
}

impl PartialEq for SelfPairs {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().zip(other.0.as_ref()).is_none_or(|(one, other)| one == other)
    }
}

impl History {
    /// Adds the gains d of pairs of the baseline against itself: each is a deviation from 0.
    pub fn null_pairs(&mut self, gains: &[f64]) {
        gains.iter().for_each(|gain| self.deviates(gain.abs()));
    }

    fn deviates(&mut self, by: f64) {
        if by > 0.0 {
            self.smallest = Some(self.smallest.map_or(by, |smallest| smallest.min(by)));
        }
        self.deviations.push_back(by);
        if self.deviations.len() > MEMORY {
            self.deviations.pop_front();
        }
    }

    /// Adds the gains d of a trial that has ended: with n of at least 3, sqrt(n / (n - 1)) |d - their median|.
    pub fn trial(&mut self, gains: &[f64]) {
        let n = gains.len();
        if n >= FEWEST_OF_A_TRIAL {
            let centre = stats::median(gains).unwrap_or(0.0);
            let widen = (n as f64 / (n as f64 - 1.0)).sqrt();
            gains.iter().for_each(|gain| self.deviates(widen * (gain - centre).abs()));
        }
    }

    /// Adds a pair with the coin `o` (+1 or -1) and the log ratio `w`; returns d and the b that was taken off.
    pub fn pair(&mut self, o: f64, w: f64, tau: f64) -> (f64, f64) {
        let b = self.position(tau);
        self.order_effects.push_back(w);
        if self.order_effects.len() > PAIRS {
            self.order_effects.pop_front();
        }
        (o * (w - b), b)
    }

    /// Adds w of pairs in which both sides were the same program.
    pub fn same(&mut self, ws: impl IntoIterator<Item = f64>) {
        let Some(all) = &mut self.same.0 else { return };
        all.extend(ws);
        all.drain(..all.len().saturating_sub(PAIRS));
    }

    /// b by those pairs alone: no challenger has a part in it.
    pub fn same_position(&self, tau: f64) -> f64 {
        self.same.0.as_ref().map_or(0.0, |all| worth(all, tau, LEAN_OF_FEW))
    }

    /// tau, in the unit of gains: 1.4826 times the median of the last 200 deviations; of a metric so coarse that the median is 0, the
    /// smallest that is not. 0 only where none was ever seen: then the metric has no noise.
    pub fn tau(&self) -> f64 {
        let last: Vec<f64> = self.deviations.iter().copied().collect();
        let middle = stats::median(&last).filter(|middle| *middle > 0.0);
        1.4826 * middle.or(self.smallest).unwrap_or(0.0)
    }

    /// b, in the unit of gains: the sum of clip(w, 3 tau) over the last m pairs / (m + 4), and 0 while m < 8; m is at most 2000.
    ///
    /// Only earlier pairs count, so that the coin of the next one keeps its gain symmetric.
    fn position(&self, tau: f64) -> f64 {
        worth(&self.order_effects, tau, LEAN)
    }
}

fn worth(ws: &VecDeque<f64>, tau: f64, lean: f64) -> f64 {
    let m = ws.len();
    if m < POSITION_FROM {
        return 0.0;
    }
    let sum: f64 = ws.iter().map(|w| w.clamp(-3.0 * tau, 3.0 * tau)).sum();
    sum / (m as f64 + lean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_of_normal_noise_is_its_standard_deviation() {
        let mut history = History::default();
        history.null_pairs(&[-0.01, 0.01, -0.0067, 0.0067, 0.0, -0.02, 0.02, 0.0067]);
        assert!((history.tau() - 1.4826 * 0.00835).abs() < 1e-9);
    }

    #[test]
    fn a_trial_counts_around_its_own_middle_and_a_short_one_not_at_all() {
        let mut history = History::default();
        history.trial(&[0.5, 0.6]);
        assert_eq!(history.tau(), 0.0);
        history.trial(&[0.49, 0.5, 0.51]);
        assert!((history.tau() - 1.4826 * 0.01 * 1.5f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_coarse_metric_is_not_taken_for_one_without_noise() {
        let mut history = History::default();
        history.null_pairs(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.01, -0.02, 0.0]);
        assert!((history.tau() - 0.014826).abs() < 1e-9);
    }

    #[test]
    fn only_the_last_two_hundred_deviations_count() {
        let mut history = History::default();
        history.null_pairs(&[9.0; 500]);
        history.null_pairs(&[0.01; 200]);
        assert!((history.tau() - 0.014826).abs() < 1e-9);
    }

    #[test]
    fn only_the_last_two_thousand_pairs_say_what_being_second_is_worth() {
        let mut history = History::default();
        for w in [[0.5; PAIRS], [0.02; PAIRS]].concat() {
            history.pair(1.0, w, 1.0);
        }
        assert!((history.position(1.0) - 0.02 * 2000.0 / 2004.0).abs() < 1e-12);
    }

    #[test]
    fn only_pairs_of_a_program_with_itself_say_what_being_second_is_worth_to_one() {
        let mut history = History::default();
        history.same([0.02; 8]);
        for _ in 0..50 {
            history.pair(-1.0, -0.4, 0.1);
        }
        assert!((history.same_position(0.1) - 0.02 * 8.0 / 32.0).abs() < 1e-12);
        assert!(history.position(0.1) < -0.2);
    }

    #[test]
    fn a_snapshot_that_does_not_tell_of_such_pairs_is_equal_to_one_that_does_and_stays_without() {
        let mut history = History::default();
        history.same([0.02; 8]);
        let text = serde_json::to_string(&History::default()).unwrap();
        let mut old: History = serde_json::from_str(&text.replace(",\"same\":[]", "")).unwrap();
        old.same([0.5; 9]);
        assert!(old == history && old.same_position(1.0) == 0.0);
        assert!(history != History::default());
    }

    #[test]
    fn what_being_second_is_worth_waits_for_eight_pairs_and_leans_to_zero() {
        let mut history = History::default();
        assert!((0..8).all(|_| history.pair(1.0, 0.02, 0.01) == (0.02, 0.0)));
        assert!((history.position(0.01) - 0.02 * 8.0 / 12.0).abs() < 1e-12);
        assert!((history.position(0.001) - 0.003 * 8.0 / 12.0).abs() < 1e-12, "each is cut at three scales");
    }
}
