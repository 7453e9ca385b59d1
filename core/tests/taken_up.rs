//! Which trials say too little of their edit, and which of them are measured again.

use std::collections::BTreeSet;

use piton_core::base::metric::Gain;
use piton_core::rule::keep::{Estimate, Verdict};
use piton_core::run::taken_up::take_up;
use piton_core::trial::changes::Changes;
use piton_core::trial::record::{Again, Outcome, Record};

mod support;
use support::blank;

fn edited(trial: u32, outcome: Outcome) -> Record {
    let mut record = blank(trial, outcome);
    record.measured.changes = Some(Changes::default());
    record
}

fn void(trial: u32) -> Record {
    edited(trial, Outcome::Void { reason: "busy".to_owned() })
}

fn once_more(trial: u32, of: u32, pairs: u32) -> Record {
    let mut record = void(trial);
    record.claimed.again = Some(Again { trial: of, pairs });
    record
}

fn given_up(trial: u32, pairs: u32) -> Record {
    let estimate = Estimate { pairs, gain: Gain(-0.2), low: None, high: None };
    edited(trial, Outcome::Judged { verdict: Verdict::GivenUp, estimate })
}

fn taken(last: &[Record]) -> Option<u32> {
    take_up(last, &BTreeSet::new())
}

#[test]
fn a_void_trial_is_taken_up_once_and_its_second_try_is_not() {
    assert_eq!(taken(&[given_up(3, 2), void(4), given_up(5, 2)]), Some(4));
    assert_eq!(taken(&[void(4), once_more(5, 4, 0)]), None);
    assert_eq!(taken(&[void(4), void(6), once_more(7, 6, 0)]), Some(4), "the other one still waits");
    assert_eq!(take_up(&[void(4)], &BTreeSet::from([4])), None, "its edit does not fit any more");
}

#[test]
fn what_has_no_edit_of_its_own_is_not_taken_up() {
    assert_eq!(taken(&[blank(4, Outcome::Void { reason: "busy".to_owned() })]), None);
}

#[test]
fn an_edit_is_settled_by_three_pairs_of_its_trials_together() {
    let (one, two, three) = (given_up(1, 1), given_up(2, 2), given_up(3, 3));
    assert_eq!([&one, &two, &three].map(Record::settles), [false, false, true]);
    assert_eq!(two.again(), Some(Again { trial: 2, pairs: 2 }));
    let mut second = given_up(4, 1);
    second.claimed.again = two.again();
    assert!(second.settles() && second.again().is_none());
    let mut after_void = given_up(5, 2);
    after_void.claimed.again = void(4).again();
    assert!(!after_void.settles(), "a void trial had no pair");
}
