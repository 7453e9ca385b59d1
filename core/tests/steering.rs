//! What steers the proposals: the brief and its length, the frontier, and what is learnt of failures.

mod support;

use std::collections::BTreeSet;

use piton_core::base::metric::{Direction, Gain, Metric};
use piton_core::base::note::Note;
use piton_core::rule::keep::{Estimate, KeepReason, Verdict};
use piton_core::run::lessons::{Expected, Lessons};
use piton_core::run::next_start::{Directive, Frontier, NextProposal, STARTS};
use piton_core::trial::changes::Changes;
use piton_core::trial::proposal::Claim;
use piton_core::trial::record::{Claimed, Measured, Outcome, Record};
use support::{blank, brief_of};

fn judged(verdict: Verdict, gain: f64) -> Outcome {
    Outcome::Judged {
        verdict,
        estimate: Estimate {
            pairs: 8,
            gain: Gain(gain),
            low: Some(Gain(gain - 0.01)),
            high: Some(Gain(gain + 0.01)),
        },
    }
}

fn keep() -> Outcome {
    judged(Verdict::Keep(KeepReason::Better), 0.03)
}

fn miss(gain: f64) -> Outcome {
    judged(Verdict::NotShownBetter, gain)
}

/// The frontier after the baseline and these outcomes, and the trial that comes next.
fn after(outcomes: impl IntoIterator<Item = Outcome>) -> (Frontier, u32) {
    let mut frontier = Frontier::default();
    frontier.take(&blank(0, Outcome::Baseline));
    let mut next = 1;
    for outcome in outcomes {
        frontier.take(&blank(next, outcome));
        next += 1;
    }
    (frontier, next)
}

#[test]
fn a_climb_goes_uphill_from_the_incumbent_until_nothing_is_kept_for_a_plateau() {
    let (frontier, _) = after((0..9).map(|_| miss(0.005)));
    assert_eq!(frontier.step(10), NextProposal { directive: Directive::Explore, starts: vec![] });
    let (frontier, _) = after([miss(0.005), keep()]);
    assert_eq!(frontier.step(10).directive, Directive::Exploit, "go on where it paid");
    let (frontier, _) = after((0..10).map(|_| miss(0.005)));
    assert!(!frontier.step(10).starts.is_empty());
    assert!(frontier.step(0).starts.is_empty(), "0 is never");
    let (frontier, _) = after((0..10).map(|_| miss(0.005)).chain([keep()]));
    assert!(frontier.step(10).starts.is_empty(), "a keep ends the plateau");
}

#[test]
fn on_a_plateau_the_best_near_misses_take_turns_and_every_second_proposal_is_the_incumbents() {
    let gains = [0.001, 0.009, -0.02, 0.004, 0.006, 0.002, 0.0, 0.008, 0.003, 0.005];
    let (mut frontier, mut next) = after(gains.map(miss));
    let best: Vec<u32> = frontier.near().iter().map(|near| near.trial).collect();
    assert_eq!(best, [2, 8, 5, 10]);
    let (mut starts, mut directives): (Vec<u32>, BTreeSet<&str>) = Default::default();
    for turn in 0..16 {
        let step = frontier.step(10);
        assert_eq!(step, frontier.clone().step(10), "the same trials, the same step");
        assert_eq!(step.starts.is_empty(), turn % 2 == 1, "{turn}: {step:?}");
        directives.insert(step.directive.word());
        starts.extend(step.starts.first());
        let record = Record {
            claimed: Claimed { begun_as: step.starts.first().copied(), ..Default::default() },
            ..blank(next, judged(Verdict::Worse, -0.1))
        };
        frontier.take(&record);
        next += 1;
    }
    assert_eq!(starts[..STARTS], best, "each once, the best first");
    assert!(starts.iter().all(|one| starts.iter().filter(|other| one == *other).count() <= 2), "{starts:?}");
    assert!(starts.iter().any(|one| !best.contains(one)), "what was used up makes room: {starts:?}");
    assert_eq!(directives.into_iter().collect::<Vec<_>>(), ["combine", "exploit", "explore", "simplify"]);
}

#[test]
fn what_says_nothing_about_a_proposal_moves_the_frontier_nowhere() {
    let (before, next) = after([miss(0.01), miss(0.002)]);
    let mut frontier = before.clone();
    let estimate = Estimate { pairs: 8, gain: Gain(0.02), low: None, high: None };
    for outcome in [
        Outcome::Blind { verdict: Verdict::NotShownBetter, estimate: estimate.clone() },
        Outcome::Bundle { holds: false, trials: vec![1], estimate },
        Outcome::Void { reason: String::new() },
    ] {
        frontier.take(&blank(next, outcome));
    }
    assert_eq!(frontier, before);
}

#[test]
fn a_near_miss_is_forgotten_when_it_was_made_to_pay_or_is_too_far_from_the_incumbent() {
    let (mut frontier, next) = after([miss(0.01), miss(0.002)]);
    frontier.take(&Record {
        claimed: Claimed { begun_as: Some(1), ..Default::default() },
        ..blank(next, keep())
    });
    assert_eq!(frontier.near().iter().map(|near| near.trial).collect::<Vec<_>>(), [2]);
    frontier.take(&blank(next + 1, keep()));
    frontier.take(&blank(next + 2, keep()));
    assert_eq!(frontier.near(), []);
}

fn long_night(trials: u32) -> Vec<Record> {
    let outcomes = |n: u32| match n % 11 {
        3 => keep(),
        4 => Outcome::BuildFailed {
            error: format!("error[E0425]: cannot find value `x{n}` in this scope (src/model.rs:{n}:5) ")
                .repeat(40),
        },
        5 => Outcome::GateFailed { gate: "agreement".into(), estimate: None },
        6 => Outcome::RunFailed {
            how: "crashed".into(),
            reason: format!("the worker panicked at {n}: index out of bounds").repeat(30),
        },
        7 => miss(f64::from(n % 97) * 1e-4),
        8 => Outcome::Duplicate { of: n / 2 },
        _ => judged(Verdict::Worse, -0.02),
    };
    let trial = |n: u32| Record {
        claimed: Claimed {
            description: format!(
                "attempt {n}: fuse the gate and the up projection and keep the row of weights in registers "
            )
            .repeat(9),
            claim: Claim::new(Some("fewer loads"), Some(&format!("family {}", n % 31)), Some(3.0)),
            ..Default::default()
        },
        measured: Measured {
            changes: Some(Changes::default()),
            metrics: Some([("tps".to_owned(), 500.0 + f64::from(n))].into()),
            resolves: Some(Gain(0.012)),
            tau: Some(Gain(0.015)),
            ..Default::default()
        },
        ..blank(n, if n == 0 { Outcome::Baseline } else { outcomes(n) })
    };
    (0..=trials).map(trial).collect()
}

#[expect(clippy::disallowed_macros, reason = "says what it measured")]
#[test]
fn a_brief_is_as_long_after_a_thousand_trials_as_after_a_hundred_and_below_six_thousand_tokens() {
    let metric = Metric {
        name: "tps".into(),
        direction: Direction::Higher,
        unit: "tokens/s".into(),
        meter: None,
        scale: None,
        memory: None,
        memory_unit: None,
        evidence: None,
        ..Metric::of("", Direction::Higher)
    };
    let diff = "+    let sum = rows.iter().zip(x).map(|(row, x)| row * x).sum::<f32>();\n".repeat(2000);
    let note = |n: u32| Note {
        run: "nov20".into(),
        at: String::new(),
        by: "agent".into(),
        text: format!("idea {n}: ").repeat(99),
        guidance: false,
    };
    let notes: Vec<Note> = (0..8).map(note).collect();
    let length = |trials| {
        brief_of(&long_night(trials), &metric, &diff, &notes, Some(&"look at the cache. ".repeat(500))).len()
    };
    let lengths: Vec<usize> = [10, 100, 1000].map(length).into();
    println!(
        "bytes of a brief after 10, 100, 1000 trials: {lengths:?}; tokens at three bytes each: {:?}",
        lengths.iter().map(|n| n.div_ceil(3)).collect::<Vec<_>>()
    );
    assert!(lengths.iter().all(|bytes| *bytes <= piton_core::run::brief::MOST), "{lengths:?}");
    assert!(lengths[2].abs_diff(lengths[1]) < 300, "{lengths:?}");
    let (once, again) = (
        brief_of(&long_night(100), &metric, &diff, &notes, None),
        brief_of(&long_night(100), &metric, &diff, &notes, None),
    );
    assert_eq!(once, again);
}

#[test]
fn what_is_learnt_stays_small_however_long_the_run_is_and_names_the_failures_of_each_family() {
    let mut lessons = Lessons::default();
    long_night(3000).iter().for_each(|record| lessons.take(record, &Metric::of("tps", Direction::Higher)));
    assert!(serde_json::to_string(&lessons).unwrap().len() < 60_000);
    assert_eq!((lessons.families.len(), lessons.kept.len()), (31, 10));
    let family = &lessons.families[0];
    assert!(family.tried > 90 && family.reasons.contains_key("build_failed"), "{family:?}");
    assert!(family.failures.iter().all(|said| said.chars().count() < 180), "{family:?}");
}

#[test]
fn expectations_are_held_against_what_was_measured_in_judged_trials_only() {
    let claimed = |n, outcome, pct| Record {
        claimed: Claimed { claim: Claim::new(None, None, pct), ..Default::default() },
        ..blank(n, outcome)
    };
    let records = [
        claimed(1, judged(Verdict::Keep(KeepReason::Better), 0.05f64.ln_1p()), Some(2.0)),
        claimed(2, judged(Verdict::Worse, (-0.01f64).ln_1p()), Some(4.0)),
        claimed(3, Outcome::BuildFailed { error: String::new() }, Some(50.0)),
        claimed(4, miss(0.5), None),
    ];
    let expected = Expected::of(&records, &Metric::of("tps", Direction::Higher)).unwrap();
    assert_eq!((expected.trials, expected.reached, expected.expected_pct), (2, 1, 3.0));
    assert!((expected.measured_pct - 2.0).abs() < 1e-9);
    assert_eq!(Expected::of(&records[3..], &Metric::of("tps", Direction::Higher)), None);
}
