//! Whether both sides of a trial had the same machine, and whether the pairs that did not count would have said the same: asked before a keep.
//!
//! Each is a sign test. Where what others do has nothing to do with whose turn it is, each finds fault with at most one honest keep in a hundred.

use super::{Apart, Conditions, Limits};
use crate::metric::{Clock, Gain};
use crate::stats;

/// The error of each test.
const ERROR: f64 = 0.01;
/// What others took may differ by so much, in percent of the cores' time.
const SLACK: f64 = 5.0;

/// A pair that did not count.
#[derive(Debug, Clone, Copy)]
pub struct Voided {
    /// The conditions of both samples, where both were taken.
    pub apart: Option<Apart>,
    /// What its gain would have been, where it has one.
    pub gain: Option<Gain>,
}

/// Why a trial that would keep its challenger says nothing after all; `None` where all was fair. `gains` are those of the pairs that counted.
pub fn unfair(pairs: &[Apart], gains: &[Gain], voided: &[Voided], limits: &Limits) -> Option<String> {
    laden(pairs).or_else(|| one_sided(voided, limits)).or_else(|| hidden(gains, voided))
}

/// Others took more while the incumbent was measured.
fn laden(pairs: &[Apart]) -> Option<String> {
    let more = |one: &Conditions, other: &Conditions| {
        // Of a sample that was too short to tell, nothing is known: that is no calm.
        let known = one.others_pct.is_some() == other.others_pct.is_some();
        let apart = if known { one.taken() - other.taken() } else { one.steal_pct - other.steal_pct };
        apart > SLACK
    };
    let incumbent = pairs.iter().filter(|pair| more(&pair.incumbent, &pair.challenger)).count();
    let challenger = pairs.iter().filter(|pair| more(&pair.challenger, &pair.incumbent)).count();
    let all = incumbent + challenger;
    (stats::at_least(incumbent, all) <= ERROR).then(|| {
        format!(
            "others took more of the machine while the incumbent was measured than while the challenger was, in {incumbent} of the {all} pairs in which that differs"
        )
    })
}

/// The pairs that did not count were mostly void for what happened in the samples of one side.
fn one_sided(voided: &[Voided], limits: &Limits) -> Option<String> {
    let sides = voided.iter().filter_map(|pair| pair.apart);
    let void = |conditions: &Conditions| limits.spoils(Clock::Wall, conditions).is_some();
    let (mut incumbent, mut challenger) = (0, 0);
    for pair in sides {
        match (void(&pair.incumbent), void(&pair.challenger)) {
            (true, false) => incumbent += 1,
            (false, true) => challenger += 1,
            _ => {}
        }
    }
    let (side, most) =
        if incumbent > challenger { ("incumbent", incumbent) } else { ("challenger", challenger) };
    let all = incumbent + challenger;
    // Either side could be the one.
    (2.0 * stats::at_least(most, all) <= ERROR)
        .then(|| format!("the machine was too busy in samples of the {side} in {most} of {all} pairs that did not count, so that it seems to make it so"))
}

/// The pairs that did not count would have been bad for the challenger.
fn hidden(gains: &[Gain], voided: &[Voided]) -> Option<String> {
    let middle = Gain::median(gains)?;
    let would: Vec<Gain> =
        voided.iter().filter_map(|pair| pair.gain).filter(|gain| *gain != middle).collect();
    let below = would.iter().filter(|gain| **gain < middle).count();
    (stats::at_least(below, would.len()) <= ERROR).then(|| {
        format!(
            "{below} of {} pairs that did not count would have shown less than those that did",
            would.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(others: f64) -> Conditions {
        Conditions { pressure_pct: Some(100.0), others_pct: Some(others), ..Conditions::default() }
    }

    fn apart(incumbent: f64, challenger: f64) -> Apart {
        Apart { incumbent: busy(incumbent), challenger: busy(challenger) }
    }

    #[test]
    fn a_keep_while_others_were_at_work_in_the_incumbents_samples_is_none() {
        let limits = Limits::default();
        let of = |pairs: &[Apart]| unfair(pairs, &[], &[], &limits);
        assert!(of(&[apart(40.0, 2.0); 7]).unwrap().contains("7 of the 7 pairs"));
        assert_eq!(of(&[apart(40.0, 2.0); 6]), None, "so many fall so by chance");
        assert_eq!(of(&[apart(2.0, 40.0); 9]), None, "that was the challenger's burden");
        assert_eq!(of(&[apart(6.0, 2.0); 30]), None, "too little to speak of");
        assert_eq!(of(&[[apart(40.0, 2.0); 7], [apart(2.0, 40.0); 7]].concat()), None);
    }

    #[test]
    fn a_side_that_is_too_short_to_tell_was_not_alone_on_the_machine() {
        let untold = Conditions { others_pct: None, ..busy(0.0) };
        let pair = Apart { incumbent: busy(90.0), challenger: untold };
        assert_eq!(unfair(&[pair; 9], &[], &[], &Limits::default()), None);
        let stolen = Apart { incumbent: Conditions { steal_pct: 40.0, ..busy(90.0) }, challenger: untold };
        assert!(unfair(&[stolen; 9], &[], &[], &Limits::default()).is_some());
    }

    #[test]
    fn pairs_that_are_void_by_one_side_mostly_are_told() {
        let limits = Limits::default();
        let of = |voided: &[Apart]| {
            let voided: Vec<Voided> =
                voided.iter().map(|apart| Voided { apart: Some(*apart), gain: None }).collect();
            unfair(&[], &[], &voided, &limits)
        };
        assert!(of(&[apart(2.0, 40.0); 8]).unwrap().contains("samples of the challenger in 8 of 8"));
        assert!(of(&[apart(40.0, 2.0); 8]).unwrap().contains("samples of the incumbent"));
        assert_eq!(of(&[apart(2.0, 40.0); 7]), None);
        assert_eq!(of(&[apart(40.0, 40.0); 12]), None, "a busy machine is nobody's doing");
    }

    #[test]
    fn pairs_that_were_void_and_bad_are_told_and_those_that_were_as_the_others_are_not() {
        let of = |gains: &[f64]| {
            let voided: Vec<Voided> =
                gains.iter().map(|gain| Voided { apart: None, gain: Some(Gain(*gain)) }).collect();
            unfair(&[], &[0.1, 0.2, 0.3].map(Gain), &voided, &Limits::default())
        };
        assert!(of(&[0.0; 7]).unwrap().contains("7 of 7 pairs"));
        assert_eq!(of(&[0.0; 6]), None);
        assert_eq!(of(&[0.0, 0.3, 0.1, 0.25, 0.0, 0.5, 0.1, 0.4]), None);
        assert_eq!(of(&[0.2; 12]), None, "what is the same is not less");
    }
}
