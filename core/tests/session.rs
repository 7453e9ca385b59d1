//! A climb in its course: what it has spent, and when it ends.

mod support;

use std::time::Duration;

use piton_core::base::conditions::Conditions;
use piton_core::base::metric::{Gain, Values};
use piton_core::rule::keep::{Estimate, First, KeepReason, Verdict};
use piton_core::run::stopping::{
    Budget, CRASHING_LIMIT, Call, IDLE_LIMIT, REPEATING_LIMIT, Spent, Stop, Unblinded, stop,
};
use piton_core::trial::record::{Claimed, Cost, Measured, Outcome, Pair, Proposer, Record};
use support::blank;

/// A trial of an agent's proposal that ended so.
fn trial(outcome: Outcome) -> Record {
    let agent = Proposer { name: "a".into(), model: None, end: "done".into(), cost: Cost::default() };
    Record { claimed: Claimed { agent: Some(agent), ..Default::default() }, ..blank(3, outcome) }
}

fn judged(verdict: Verdict) -> Record {
    trial(Outcome::Judged {
        verdict,
        estimate: Estimate { pairs: 5, gain: Gain(0.0), low: None, high: None },
    })
}

fn after(trials: impl IntoIterator<Item = Record>) -> Spent {
    let mut spent = Spent::default();
    trials.into_iter().for_each(|record| spent.trial(&record));
    spent
}

fn crash() -> Record {
    trial(Outcome::BuildFailed { error: String::new() })
}

#[test]
fn trials_keeps_and_the_row_since_the_last_keep_are_counted() {
    let [kept, not] = [Verdict::Keep(KeepReason::Better), Verdict::NotShownBetter].map(judged);
    let spent = after([not.clone(), kept.clone(), not.clone(), kept, not.clone(), not]);
    assert_eq!((spent.trials, spent.keeps, spent.since_keep), (6, 2, 2));
    let mut failed = spent;
    (0..3).for_each(|_| failed.fail());
    assert_eq!(failed, Spent { failed: 3, ..spent });
}

#[test]
fn a_row_without_an_edit_is_ended_by_an_edit() {
    let tampered = trial(Outcome::Tampered { what: vec![] });
    let spent = after([trial(Outcome::NoEdit), tampered.clone(), trial(Outcome::NoEdit)]);
    assert_eq!((spent.idle, spent.trials), (3, 3));
    assert_eq!(after([tampered, crash()]).idle, 0);
}

#[test]
fn trials_that_crash_end_a_climb_in_a_row_which_only_one_that_was_judged_breaks() {
    let row = |n: u32| (0..n).map(|_| crash());
    assert_eq!(stop(&Budget::default(), &after(row(CRASHING_LIMIT - 1))), None);
    assert_eq!(stop(&Budget::default(), &after(row(CRASHING_LIMIT))), Some(Stop::Crashing));
    let void = trial(Outcome::Void { reason: String::new() });
    let void = after(row(CRASHING_LIMIT - 1).chain([void, crash()]));
    assert_eq!(stop(&Budget::default(), &void), Some(Stop::Crashing));
    let broken = after(row(CRASHING_LIMIT - 1).chain([judged(Verdict::Worse), crash()]));
    assert_eq!((stop(&Budget::default(), &broken), broken.crashing), (None, 1));
}

#[test]
fn an_agent_that_proposes_again_what_was_judged_ends_a_climb_and_the_tuner_does_not() {
    let same = || trial(Outcome::Duplicate { of: 1 });
    let row = |n: u32| (0..n).map(|i| if i % 2 == 0 { same() } else { trial(Outcome::Alike { of: 1 }) });
    assert_eq!(stop(&Budget::default(), &after(row(REPEATING_LIMIT - 1))), None);
    assert_eq!(stop(&Budget::default(), &after(row(REPEATING_LIMIT))), Some(Stop::Repeating));
    assert_eq!(after(row(REPEATING_LIMIT).chain([judged(Verdict::Worse), same()])).repeating, 1);
    let tuner = || Record { claimed: Claimed { agent: None, ..same().claimed }, ..same() };
    assert_eq!(after((0..100).map(|_| tuner())).repeating, 0);
    assert_eq!(after([judged(Verdict::Worse)]).repeating, 0);
}

#[test]
fn what_cannot_go_on_ends_a_climb_and_the_users_word_comes_first() {
    let ended = [
        (Spent { exhausted: true, ..Spent::default() }, Stop::Exhausted),
        (Spent { barred: true, ..Spent::default() }, Stop::Limited),
        (Spent { asked: true, barred: true, exhausted: true, ..Spent::default() }, Stop::Asked),
    ];
    for (spent, why) in ended {
        assert_eq!(stop(&Budget::default(), &spent), Some(why));
    }
}

#[test]
fn what_calls_cost_is_added_and_a_limit_leaves_the_row_of_failures_as_it_was() {
    let mut spent = Spent::default();
    let cost = Cost { calls: 1, usd: Some(0.5), ..Cost::default() };
    spent.call(&Call::Failed(String::new()), &cost);
    spent.call(&Call::Limited { why: String::new(), until: None }, &cost);
    spent.call(&Call::Limited { why: String::new(), until: None }, &cost);
    assert_eq!((spent.failing, spent.limited, spent.cost.calls, spent.cost.usd), (1, 2, 3, Some(1.5)));
    spent.call(&Call::TimedOut(1), &cost);
    assert_eq!((spent.failing, spent.limited), (2, 0));
    spent.call(&Call::Limited { why: String::new(), until: Some(9) }, &cost);
    assert_eq!((spent.failing, spent.limited), (2, 0), "when it ends is known: there is no row");
}

#[test]
fn what_was_spent_is_read_back_as_it_was_written() {
    let spent = Spent { wall: Duration::from_millis(90_250), trials: 7, ..Spent::default() };
    let text = serde_json::to_value(spent).unwrap();
    assert_eq!(text["wall_s"], 90.25);
    assert_eq!(serde_json::from_value::<Spent>(text).unwrap(), spent);
    let budget = Budget { wall: Some(Duration::from_secs(28_800)), ..Budget::default() };
    let text = serde_json::to_value(&budget).unwrap();
    assert_eq!(text["wall_s"], 28_800.0);
    assert_eq!(serde_json::from_value::<Budget>(text).unwrap(), budget);
    let none = serde_json::to_value(Budget::default()).unwrap();
    assert_eq!(serde_json::from_value::<Budget>(none).unwrap(), Budget::default());
    assert!(serde_json::from_str::<Budget>("{\"wall_s\": -1.0}").is_err());
}

#[test]
fn a_climb_stops_for_the_first_reason_there_is() {
    let budget = Budget { trials: Some(3), wall: Some(Duration::from_secs(60)), ..Budget::default() };
    let mut spent =
        Spent { trials: 2, wall: Duration::from_secs(59), idle: IDLE_LIMIT - 1, ..Spent::default() };
    assert_eq!(stop(&budget, &spent), None, "every limit is still ahead");
    let mut now = |change: fn(&mut Spent)| {
        change(&mut spent);
        stop(&budget, &spent)
    };
    assert_eq!(now(|spent| spent.idle = IDLE_LIMIT), Some(Stop::Idle));
    assert_eq!(now(|spent| spent.exhausted = true), Some(Stop::Exhausted));
    assert_eq!(now(|spent| spent.wall = Duration::from_secs(60)), Some(Stop::Time));
    assert_eq!(now(|spent| spent.trials = 3), Some(Stop::Trials));
    assert_eq!(now(|spent| spent.interrupted = true), Some(Stop::Interrupted));
    let reasons = [
        Stop::Trials,
        Stop::Time,
        Stop::Money,
        Stop::Tokens,
        Stop::Keeps,
        Stop::Target,
        Stop::Plateau,
        Stop::Interrupted,
        Stop::Asked,
        Stop::Exhausted,
        Stop::Idle,
        Stop::Failing,
        Stop::Unauthorised,
        Stop::Limited,
        Stop::Crashing,
        Stop::Repeating,
        Stop::Broken,
    ];
    let words: std::collections::BTreeSet<&str> = reasons.iter().map(Stop::words).collect();
    assert_eq!(words.len(), reasons.len(), "each has words of its own");
    assert!(words.iter().all(|words| words.len() > 10));
}

#[test]
fn a_blind_trial_comes_after_so_many_that_were_measured_and_an_attempt_at_one_counts() {
    let mut since = Unblinded::default();
    let pair = Pair {
        first: First::Incumbent,
        prompts: 1,
        incumbent: Values::new(),
        challenger: Values::new(),
        gain: Gain(0.1),
        position: Gain::ZERO,
        conditions: Conditions::default(),
        before: None,
        apart: None,
        scale: 1,
    };
    let measured = |trial| Record {
        trial,
        measured: Measured { pairs: vec![pair.clone()], ..judged(Verdict::Worse).measured },
        ..judged(Verdict::Worse)
    };
    since.take(&blank(0, Outcome::Baseline));
    for trial in 1..=3 {
        assert!(!since.blind_is_due(3));
        since.take(&measured(trial));
        (0..5).for_each(|_| since.take(&blank(trial, Outcome::NoEdit)));
    }
    assert!(
        since.blind_is_due(3) && since.blind_is_due(2) && !since.blind_is_due(4) && !since.blind_is_due(0)
    );
    let mut attempt = blank(9, Outcome::Void { reason: String::new() });
    attempt.parent.clone_from(&attempt.commit);
    let mut blinded = since;
    blinded.take(&attempt);
    assert!(!blinded.blind_is_due(1));
    // What has no commit is no attempt, though neither has it a parent.
    let mut nothing = blank(9, Outcome::NoEdit);
    (nothing.commit, nothing.parent) = (None, None);
    since.take(&nothing);
    assert!(since.blind_is_due(3));
    since.take(&measured(0));
    assert!(!since.blind_is_due(1), "a new baseline begins anew");
}
