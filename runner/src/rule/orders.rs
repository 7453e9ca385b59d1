//! Whether a gain is there whoever ran first.
//!
//! A challenger that hurts at its end whoever comes next gains in the pairs in which the incumbent comes next, and in no others. So a keep
//! takes that the pairs of each order show the gain that those of the other have. Being second is worth something to everybody; here only what it is
//! worth to a program that is measured against itself is taken off, since what a trial's own pairs say of it is what such a challenger would forge.

use serde::{Deserialize, Serialize};

use super::{Answer, First};
use crate::stats;

/// Pairs that each order takes at least.
const FEWEST: usize = 2;
/// A pair counts up to so many scales, and no gain is taken for larger.
const CLIP: f64 = 2.5;
/// The gain is there in both orders: the pairs of one are so much likelier with the other's gain than with none, natural logarithm.
const SHOWN: f64 = 2.0;
/// It is there in one order alone: so much less likely.
const REFUTED: f64 = -10.0;

/// A pair as its order has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// Which side ran first.
    pub first: First,
    /// The challenger's gain, less what being second is worth to a program against itself.
    pub gain: f64,
}

/// Whether the pairs of both orders show a gain greater than `-margin`, of pairs with this scale.
///
/// The gain that the pairs of the one order show in the middle, m, is held against the pairs of the other: were they normal with that scale, those
/// would be exp(sum m z - m^2 / 2) times as likely with the gain m as with none. It can only take keeps away.
pub fn both(pairs: &[Ordered], scale: f64, margin: f64) -> Answer {
    let of = |first: First| -> Vec<f64> {
        let own = pairs.iter().filter(|pair| pair.first == first);
        own.map(|pair| ((pair.gain + margin) / scale).clamp(-CLIP, CLIP)).collect()
    };
    let (one, other) = (of(First::Incumbent), of(First::Challenger));
    if one.len() < FEWEST || other.len() < FEWEST {
        return Answer::Open;
    }
    let shown = |by: &[f64], to: &[f64]| {
        let m = stats::median(by).unwrap_or(0.0).max(0.0);
        to.iter().map(|z| m * z - m * m / 2.0).sum::<f64>()
    };
    let weaker = shown(&one, &other).min(shown(&other, &one));
    match weaker {
        _ if weaker >= SHOWN => Answer::Yes,
        _ if weaker <= REFUTED => Answer::No,
        _ => Answer::Open,
    }
}

/// The median gain where the incumbent ran first, and where the challenger did; `None` where there is none of one.
pub fn medians(pairs: &[Ordered]) -> Option<(f64, f64)> {
    let of = |first: First| {
        stats::median(&pairs.iter().filter(|p| p.first == first).map(|p| p.gain).collect::<Vec<_>>())
    };
    of(First::Incumbent).zip(of(First::Challenger))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(incumbent_first: &[f64], challenger_first: &[f64]) -> Vec<Ordered> {
        let of = |first, gains: &[f64]| {
            gains.iter().map(|gain| Ordered { first, gain: *gain }).collect::<Vec<_>>()
        };
        [of(First::Incumbent, incumbent_first), of(First::Challenger, challenger_first)].concat()
    }

    #[test]
    fn a_gain_in_both_orders_is_shown_and_one_in_one_order_alone_is_refuted_whichever_it_is() {
        assert_eq!(both(&pairs(&[0.1; 4], &[0.1; 4]), 0.03, 0.0), Answer::Yes);
        for (one, other) in [([0.0; 5], [0.2; 5]), ([0.2; 5], [0.0; 5]), ([-0.2; 5], [0.4; 5])] {
            assert_eq!(both(&pairs(&one, &other), 0.03, 0.0), Answer::No);
        }
    }

    #[test]
    fn too_few_pairs_of_an_order_and_a_small_gain_leave_it_open() {
        assert_eq!(both(&pairs(&[0.1; 9], &[0.1]), 0.03, 0.0), Answer::Open);
        assert_eq!(both(&pairs(&[0.1; 9], &[]), 0.03, 0.0), Answer::Open);
        assert_eq!(both(&pairs(&[0.02; 3], &[0.02; 3]), 0.03, 0.0), Answer::Open);
        assert_eq!(both(&pairs(&[0.02; 12], &[0.02; 12]), 0.03, 0.0), Answer::Yes);
    }

    #[test]
    fn no_loss_beyond_the_margin_in_both_orders_is_shown_too() {
        assert_eq!(both(&pairs(&[0.0; 12], &[0.0; 12]), 0.03, 0.02), Answer::Yes);
        assert_eq!(both(&pairs(&[0.0; 12], &[-0.05; 12]), 0.03, 0.02), Answer::No);
    }

    #[test]
    fn a_wild_pair_neither_shows_nor_refutes() {
        assert_eq!(both(&pairs(&[0.1; 4], &[0.1, 0.1, 0.1, -9.0]), 0.03, 0.0), Answer::Open);
        assert_eq!(both(&pairs(&[0.1; 4], &[0.0, 0.0, 0.0, 9.0]), 0.03, 0.0), Answer::Open);
    }
}
