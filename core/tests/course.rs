//! A run in its course: what records teach the rule, and where the branch stands; and the statistics under all of it.

mod support;

use piton_core::base::metric::{Direction, Gain, Metric, Scale, Values};
use piton_core::base::stats;
use piton_core::rule::gate::{Gate, Pool, read, read_all};
use piton_core::rule::keep::{
    Asked, Case, Estimate, Evidence, First, KeepReason, Question, TestResult, Track, Verdict, Worth,
};
use piton_core::rule::settings::{Guard, Preset, Recheck, SecondaryMetric, Settings};
use piton_core::run::few_runs::{Judgement, KnownIncumbent, Runs, provisional};
use piton_core::run::pair_history::{MetricHistories, MetricHistory};
use piton_core::run::rechecks::{self, BranchState};
use piton_core::trial::record::{Measured, Outcome, Pair, Record};
use proptest::prelude::*;
use support::blank;

fn values(pairs: &[(&str, f64)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn metric(direction: Direction) -> Metric {
    Metric {
        name: "tps".into(),
        direction,
        unit: String::new(),
        meter: None,
        scale: None,
        memory: None,
        memory_unit: None,
        evidence: None,
        ..Metric::of("", Direction::Higher)
    }
}

/// A pair in which the challenger's `tps` is `gain` better, and its `rss` 2 % less.
fn pair(first: First, gain: f64) -> Pair {
    Pair {
        first,
        prompts: 1,
        incumbent: values(&[("tps", 100.0), ("rss", 50.0)]),
        challenger: values(&[("tps", 100.0 * f64::exp(gain)), ("rss", 49.0)]),
        gain: Gain(gain),
        position: Gain::ZERO,
        conditions: piton_core::base::conditions::Conditions::default(),
        before: None,
        apart: None,
        scale: 1,
    }
}

fn judged(verdict: Verdict) -> Outcome {
    Outcome::Judged { verdict, estimate: Estimate { pairs: 2, gain: Gain(0.1), low: None, high: None } }
}

fn with_pairs(trial: u32, outcome: Outcome, gains: &[f64]) -> Record {
    Record {
        measured: Measured {
            pairs: gains.iter().map(|gain| pair(First::Incumbent, *gain)).collect(),
            ..Default::default()
        },
        ..blank(trial, outcome)
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn pairs_of_a_program_against_itself_count_from_zero_and_those_of_a_trial_from_their_middle() {
    let tau = |record: Record| MetricHistory::begin("tps", Direction::Higher, Scale::Ratio, &[record]).tau.0;
    let gains = [0.05, 0.05, 0.05, 0.06];
    let blind = Outcome::Blind {
        verdict: Verdict::Worse,
        estimate: Estimate { pairs: 4, gain: Gain(0.0), low: None, high: None },
    };
    assert!(close(tau(with_pairs(0, Outcome::Baseline, &gains)), 1.4826 * 0.05));
    assert!(close(tau(with_pairs(1, blind, &gains)), 1.4826 * 0.05));
    let widen = (4.0f64 / 3.0).sqrt();
    assert!(
        close(tau(with_pairs(1, judged(Verdict::Worse), &gains)), 1.4826 * widen * 0.01),
        "the smallest that is not 0"
    );
    assert_eq!(
        tau(with_pairs(1, judged(Verdict::Worse), &gains[..2])),
        0.0,
        "two pairs have no middle of their own"
    );
}

#[test]
fn tau_is_frozen_within_a_trial_and_its_gains_are_its_own() {
    let mut history = MetricHistory::begin(
        "tps",
        Direction::Higher,
        Scale::Ratio,
        &[with_pairs(0, Outcome::Baseline, &[0.01, -0.02, 0.03])],
    );
    let before = history.tau;
    assert!(history.gains.is_empty());
    for _ in 0..4 {
        let Pair { first, incumbent, challenger, .. } = pair(First::Challenger, 0.5);
        history.pair(first, &incumbent, &challenger).unwrap();
    }
    assert_eq!((history.tau, history.gains.len(), history.track().d.len()), (before, 4, 4));
    assert!(
        history.gains.iter().all(|gain| close(gain.0, 0.5)),
        "whichever side ran first: {:?}",
        history.gains
    );
    history.end(true);
    assert!(history.tau > before && history.gains.is_empty());
}

#[test]
fn what_being_second_is_worth_is_learnt_from_both_coins_and_taken_off() {
    let mut history = MetricHistory::begin(
        "tps",
        Direction::Higher,
        Scale::Ratio,
        &[with_pairs(0, Outcome::Baseline, &[0.02; 8])],
    );
    let mut gains = vec![];
    for round in 0..40 {
        // The change does nothing, and whoever runs second is 2 % faster.
        let (first, gain) =
            if round % 3 == 0 { (First::Challenger, -0.02) } else { (First::Incumbent, 0.02) };
        let Pair { incumbent, challenger, .. } = pair(first, gain);
        let (gain, worth) = history.pair(first, &incumbent, &challenger).unwrap();
        gains.push(gain);
        assert!(round < 8 || (worth > Gain(0.005) && worth < Gain(0.02)), "second is faster: {worth:?}");
    }
    assert!(gains[20..].iter().all(|gain| gain.abs() < Gain(0.004)), "{gains:?}");
}

#[test]
fn a_metric_that_is_missing_has_no_gain_and_takes_none_from_the_others() {
    let metric = metric(Direction::Higher);
    let secondary = [SecondaryMetric { metric: "rss".into(), direction: Direction::Lower, scale: None }];
    let guards = [Guard::percent("gone", Direction::Lower, 5.0)];
    let mut histories = MetricHistories::begin(&metric, &secondary, &guards, &[], true);
    let Pair { first, incumbent, challenger, .. } = pair(First::Incumbent, 0.1);
    assert!(close(histories.pair(first, &incumbent, &challenger).unwrap().0.0, 0.1));
    assert_eq!(histories.pair(first, &incumbent, &values(&[("tps", f64::NAN), ("rss", 49.0)])), None);
    assert_eq!(histories.unread(), Some("gone"));
    let case = histories.case(&Settings::default());
    assert_eq!((case.primary.d.len(), case.secondary[0].1.d.len(), case.guards[0].1.d.len()), (1, 2, 0));
    assert!(close(case.secondary[0].1.d[0], (50.0f64 / 49.0).ln()), "less is better there");
    assert!(case.simpler && !histories.simpler(false).case(&Settings::default()).simpler);
}

#[test]
fn every_metric_of_a_run_learns_from_the_records_before() {
    let secondary = [SecondaryMetric { metric: "rss".into(), direction: Direction::Lower, scale: None }];
    let guards = [Guard::percent("rss", Direction::Lower, 5.0)];
    let records = [with_pairs(0, Outcome::Baseline, &[0.01, -0.01, 0.02])];
    let case = MetricHistories::begin(&metric(Direction::Higher), &secondary, &guards, &records, false)
        .case(&Settings::default());
    assert!(close(case.primary.tau, 1.4826 * 0.01));
    let other = 1.4826 * (50.0f64 / 49.0).ln();
    assert!(close(case.secondary[0].1.tau, other) && close(case.guards[0].1.tau, other));
}

#[test]
fn the_margins_of_as_good_keeps_add_up_over_a_run_and_no_others() {
    let settings = Settings { as_good: true, ..Settings::default() };
    let asked = |margin: f64| Asked {
        about: "as good".into(),
        question: Question { margin, ..Question::better(&settings, 0.01) },
        answer: TestResult::Yes,
        evidence: Evidence::default(),
    };
    let keep = |trial, path| Record {
        measured: Measured { asked: vec![asked(0.0), asked(0.01)], ..Default::default() },
        ..blank(trial, judged(Verdict::Keep(path)))
    };
    let records = [
        blank(0, Outcome::Baseline),
        keep(1, KeepReason::Simpler),
        keep(2, KeepReason::Better),
        keep(3, KeepReason::BetterIn("rss".into())),
        Record {
            measured: Measured { asked: vec![asked(0.01)], ..Default::default() },
            ..blank(4, judged(Verdict::NotShownBetter))
        },
    ];
    let histories = MetricHistories::begin(&metric(Direction::Higher), &[], &[], &records, false);
    assert!(close(histories.case(&settings).margin_spent, 0.02));
}

#[test]
fn the_branch_stands_where_the_last_keep_put_it_and_a_bundle_that_fails_puts_it_back() {
    let bundle = |holds| Outcome::Bundle {
        holds,
        trials: vec![],
        estimate: Estimate { pairs: 9, gain: Gain(0.0), low: None, high: None },
    };
    let mut branch_state = BranchState::default();
    let mut take = |trial, outcome| {
        branch_state.take(&blank(trial, outcome));
        (branch_state.incumbent, branch_state.verified, branch_state.waiting.clone())
    };
    let for_now = || judged(Verdict::Keep(KeepReason::Provisional));
    assert_eq!(take(0, Outcome::Baseline), (0, 0, vec![]));
    assert_eq!(take(1, for_now()), (1, 0, vec![1]));
    assert_eq!(take(2, judged(Verdict::Worse)), (1, 0, vec![1]));
    assert_eq!(take(3, for_now()), (3, 0, vec![1, 3]));
    assert_eq!(take(4, bundle(true)), (3, 3, vec![]));
    assert_eq!(take(5, for_now()), (5, 3, vec![5]));
    assert_eq!(take(6, bundle(false)), (3, 3, vec![]));
    assert_eq!(take(7, for_now()), (7, 3, vec![7]));
    assert_eq!(take(8, judged(Verdict::Keep(KeepReason::Better))), (8, 8, vec![]));
    let records: Vec<Record> =
        (0..3).map(|n| blank(n, if n == 1 { for_now() } else { Outcome::NoEdit })).collect();
    assert_eq!(rechecks::incumbent(&records).unwrap().trial, 1);
    assert!(rechecks::incumbent(&[]).is_none());
}

#[test]
fn four_provisional_keeps_are_tested_together_and_fewer_where_all_are_wanted() {
    let due =
        |n: u32, all| BranchState { waiting: (0..n).collect(), ..BranchState::default() }.bundle_is_due(all);
    assert_eq!([0, 1, 3, 4, 5].map(|n| due(n, false)), [false, false, false, true, true]);
    assert_eq!([0, 1, 4].map(|n| due(n, true)), [false, true, true]);
}

#[test]
fn two_pairs_that_cost_too_much_for_more_must_both_be_gains() {
    let settings = Settings { preset: Preset::Provisional, ..Settings::default() };
    let provisional = |d: &[f64]| provisional(&Case::of(settings.clone(), Track::of(0.01, d.to_vec())));
    assert_eq!(provisional(&[]), Verdict::Continue);
    assert_eq!(provisional(&[0.0]), Verdict::GivenUp, "nothing gained, nothing lost");
    assert_eq!(provisional(&[-0.1, -0.1]), Verdict::GivenUp);
    assert_eq!(provisional(&[0.1, 0.0]), Verdict::GivenUp);
    assert_eq!(provisional(&[0.1, 0.1, 0.1]), Verdict::Keep(KeepReason::Provisional));
}

#[test]
fn an_incumbent_is_known_by_runs_that_did_not_choose_it() {
    let metric = metric(Direction::Lower);
    let run = |loss: f64| values(&[("tps", loss)]);
    let mut runs = Runs::default();
    assert!(runs.known((&metric).into()).is_none());
    runs.take(&Record {
        measured: Measured { runs: vec![run(1.0)], ..Default::default() },
        ..blank(0, Outcome::Baseline)
    });
    assert!(runs.known((&metric).into()).is_none(), "one run has no spread");
    let losses = [1.0f64, 2.0, 4.0];
    runs.take(&Record {
        measured: Measured { runs: losses.map(run).to_vec(), ..Default::default() },
        ..blank(0, Outcome::Baseline)
    });
    let known = runs.known((&metric).into()).unwrap();
    // Logarithms of 1, 2 and 4, turned so that less is better: mean -ln 2, standard deviation ln 2.
    let ln2 = 2.0f64.ln();
    assert!(close(known.mean, -ln2) && close(known.sigma, ln2), "{known:?}");
    assert_eq!((known.runs, known.freedom), (3, 2));
    let fresh = |trial, outcome| Record {
        measured: Measured { reference: vec![run(8.0)], runs: vec![run(0.1)], ..Default::default() },
        ..blank(trial, outcome)
    };
    runs.take(&fresh(1, judged(Verdict::Worse)));
    let known = runs.known((&metric).into()).unwrap();
    assert_eq!(known.runs, 4, "a discard brings fresh runs of the incumbent");
    assert!(close(known.mean, -(0.0 + ln2 + 2.0 * ln2 + 3.0 * ln2) / 4.0));
    runs.take(&fresh(2, judged(Verdict::Keep(KeepReason::Better))));
    let known = runs.known((&metric).into()).unwrap();
    assert_eq!((known.runs, known.freedom), (0, 3), "what chose the new one does not count for it");
    let spread = (5.0f64 / 3.0).sqrt() * ln2;
    assert!(known.mean.is_nan() && close(known.sigma, spread), "the spread is that of all incumbents' runs");
    assert!(KnownIncumbent::of(&[], &metric).is_none());
}

const KNOWN: KnownIncumbent = KnownIncumbent { mean: 10.0, runs: 4, sigma: 2.0, freedom: 4 };

#[test]
fn a_fresh_run_moves_the_mean_by_its_share() {
    let once = KNOWN.with(15.0);
    assert_eq!((once.mean, once.runs, once.sigma), (11.0, 5, 2.0));
    let first = KnownIncumbent { mean: f64::NAN, runs: 0, ..KNOWN }.with(7.0);
    assert_eq!((first.mean, first.runs), (7.0, 1));
}

#[test]
fn z_is_the_difference_of_the_means_in_standard_errors() {
    assert!(close(KNOWN.z(&[13.0]), 3.0 / (2.0 * 1.25f64.sqrt())));
    assert!(close(KNOWN.z(&[13.0, 11.0]), 2.0 / (2.0 * 0.75f64.sqrt())));
}

#[test]
fn each_look_has_its_own_threshold() {
    // One standard error of one run is 2.236, of two runs 1.732, of three 1.528; the quantile is 2.47.
    assert_eq!(KNOWN.judge(&[12.2], 0.05), Judgement::Discard);
    assert_eq!(KNOWN.judge(&[12.3], 0.05), Judgement::Again);
    assert_eq!(KNOWN.judge(&[99.0], 0.05), Judgement::Again, "the first only opens the door");
    assert_eq!(KNOWN.judge(&[12.3, 11.8], 0.05), Judgement::Discard, "Z is 1.18");
    assert_eq!(KNOWN.judge(&[12.3, 11.9], 0.05), Judgement::Again, "Z is 1.21");
    assert_eq!(KNOWN.judge(&[14.2, 14.2], 0.05), Judgement::Again, "Z is 2.42");
    assert_eq!(KNOWN.judge(&[14.4, 14.4], 0.05), Judgement::Keep, "Z is 2.54");
    assert_eq!(
        KNOWN.judge(&[13.7, 13.7, 13.7], 0.05),
        Judgement::Discard,
        "Z is 2.42, and there is no fourth"
    );
    assert_eq!(KNOWN.judge(&[13.9, 13.9, 13.9], 0.05), Judgement::Keep);
    assert_eq!(
        KNOWN.judge(&[30.0, 10.0], 0.05),
        Judgement::Again,
        "the second must beat the mean, not reach it"
    );
    assert_eq!(KNOWN.judge(&[30.0, 9.0, 11.0], 0.05), Judgement::Discard, "so must the second and the third");
    assert_eq!(KNOWN.judge(&[20.0, 9.0, 13.0], 0.05), Judgement::Keep);
    assert_eq!(KNOWN.judge(&[14.4, 14.4], 0.01), Judgement::Again, "a smaller alpha wants more");
}

#[test]
fn an_incumbent_that_moved_either_way_asks_for_pairs() {
    // Student's t of 4 degrees at .9938 is 4.31; a run lies within that many of 2 sqrt(1.25).
    for side in [-1.0, 1.0] {
        assert!(KNOWN.drifts(10.0 + side * 9.8) && !KNOWN.drifts(10.0 + side * 9.4));
    }
}

#[test]
fn settings_are_possible_or_refused_by_name() {
    let refused = |settings: Settings, word: &str| {
        let problem = settings.problem();
        assert!(problem.as_ref().is_some_and(|problem| problem.contains(word)), "{word}: {problem:?}");
    };
    let ok = Settings::default;
    for alpha in [0.0, -0.1, 0.5, f64::NAN] {
        refused(Settings { alpha, ..ok() }, "rule.alpha");
    }
    for n_max in [0, 6, 1001] {
        refused(Settings { n_max: Some(n_max), ..ok() }, "rule.n_max");
    }
    for calibration_pairs in [2, 1001] {
        refused(Settings { calibration_pairs: Some(calibration_pairs), ..ok() }, "rule.calibration_pairs");
    }
    for pct in [-0.1, 100.0, f64::NAN] {
        refused(Settings { delta_min_pct: pct, ..ok() }, "rule.delta_min_pct");
        refused(Settings { margin_budget_pct: pct, ..ok() }, "rule.margin_budget_pct");
        refused(Settings { margin_pct: Some(pct), ..ok() }, "rule.margin_pct");
    }
    for (n_max, calibration_pairs, alpha) in [(7, 3, 0.02), (1000, 1000, 0.02), (3, 3, 0.49)] {
        assert_eq!(
            Settings { n_max: Some(n_max), calibration_pairs: Some(calibration_pairs), alpha, ..ok() }
                .problem(),
            None
        );
    }
}

#[test]
fn the_fewest_pairs_can_keep_and_one_fewer_cannot() {
    for preset in [Preset::Thorough, Preset::Standard, Preset::Frugal] {
        for alpha in [0.3, 0.1, 0.05, 0.02, 0.001] {
            let settings = Settings { preset, alpha, ..Settings::default() };
            let (question, fewest) = (Question::better(&settings, 0.01), settings.fewest_pairs() as usize);
            assert_eq!(question.ask(&vec![9.0; fewest]).0, TestResult::Yes, "{preset:?} {alpha}");
            assert_eq!(question.ask(&vec![9.0; fewest - 1]).0, TestResult::Open, "{preset:?} {alpha}");
        }
    }
}

#[test]
fn settings_are_named_in_every_row() {
    let name = |preset| Settings { preset, ..Settings::default() }.name();
    assert_eq!(
        name(Preset::Frugal),
        "coin pairs, frugal, alpha 0.02, at most 32 pairs, two to give up, in both orders"
    );
    let (settings, of) = (Settings::default(), |rule: &str| Settings::default().as_said(rule));
    assert_eq!(of(&settings.name()), settings);
    let before = of("coin pairs, standard, alpha 0.02, at most 64 pairs, in both orders");
    assert!(before.both_orders && !before.second_pair, "earlier versions gave up on one pair");
    assert_eq!(name(Preset::Replicates), "replicates, alpha 0.02, at most 3 runs");
    let blind = |preset| Settings { preset, ..Settings::default() }.blind_after();
    assert_eq!(
        (blind(Preset::Standard), blind(Preset::Replicates)),
        (20, 0),
        "single runs have no pairs to be blind with"
    );
}

#[test]
fn a_guard_has_a_limit_below_a_hundred_percent() {
    let guard = |limit_pct| Guard::percent("m", Direction::Lower, limit_pct);
    for pct in [-1.0, 100.0, f64::NAN] {
        assert!(guard(pct).problem().is_some(), "{pct}");
    }
    assert_eq!((guard(0.0).problem(), guard(99.9).problem()), (None, None));
}

#[test]
fn gates_are_read_when_they_are_due_and_all_of_them_before_a_keep() {
    let gate =
        |after, pool, min: Option<f64>, max: Option<f64>| Gate { metric: "x".into(), min, max, pool, after };
    let samples: Vec<Values> = [0.2, 0.9, 0.4].iter().map(|x| values(&[("x", *x)])).collect();
    let gates = [gate(3, Pool::Mean, Some(0.5), None), gate(4, Pool::Worst, Some(0.1), None)];
    assert_eq!((read(&gates, &samples).len(), read_all(&gates, &samples).len()), (1, 2));
    let reading = |gate: Gate| read(&[gate], &samples).remove(0);
    let mean = reading(gate(1, Pool::Mean, Some(0.5), None));
    assert!(mean.pass && close(mean.value, 0.5) && mean.bound == ">= 0.5", "{mean:?}");
    let low = reading(gate(1, Pool::Worst, Some(0.2), None));
    assert!(low.pass && low.value == 0.2, "the worst of what should be high is the lowest");
    let high = reading(gate(1, Pool::Worst, None, Some(0.8)));
    assert!(!high.pass && high.value == 0.9 && high.bound == "<= 0.8", "{high:?}");
    assert!(gate(0, Pool::Mean, Some(0.0), None).problem().unwrap().contains("after 0 samples"));
    assert!(gate(1, Pool::Mean, Some(0.0), Some(1.0)).problem().unwrap().contains("write two gates"));
    for bound in [f64::NAN, f64::INFINITY] {
        assert!(gate(1, Pool::Mean, None, Some(bound)).problem().unwrap().contains("bounded by"));
        assert!(gate(1, Pool::Mean, Some(bound), None).problem().unwrap().contains("bounded by"));
    }
}

#[test]
fn a_gate_that_does_not_say_when_is_read_after_the_first_sample() {
    let gate: Gate = serde_json::from_str("{\"metric\": \"x\", \"min\": 0.5}").unwrap();
    assert_eq!((gate.after, gate.pool, gate.problem()), (1, Pool::Mean, None));
}

#[test]
fn the_mean_of_giants_is_their_mean() {
    let gate = Gate { metric: "x".into(), min: Some(0.0), max: None, pool: Pool::Mean, after: 1 };
    let samples = [f64::MAX, f64::MAX, -f64::MAX].map(|x| values(&[("x", x)]));
    let value = read(&[gate], &samples)[0].value;
    assert!((value / (f64::MAX / 3.0) - 1.0).abs() < 1e-9, "{value}");
}

/// P(Binomial(n, 1/2) < k), by the definition.
fn below(n: usize, k: usize) -> f64 {
    let choose = |k: usize| (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64);
    (0..k).map(choose).sum::<f64>() / 2f64.powi(n as i32)
}

proptest! {
    #[test]
    fn the_ends_of_the_sign_interval_have_the_error_that_is_asked_for_and_no_nearer_ones_have(
        n in 1usize..50, alpha in 0.001f64..0.4,
    ) {
        let values: Vec<f64> = (1..=n).map(|n| n as f64).collect();
        match stats::sign_interval(&values, alpha) {
            Some((low, high)) => {
                let k = low as usize;
                prop_assert_eq!(high as usize, n + 1 - k);
                prop_assert!(below(n, k) <= alpha + 1e-12);
                prop_assert!(below(n, k + 1) > alpha - 1e-12 || k == n.div_ceil(2));
                prop_assert!(n >= stats::fewest_pairs(alpha) as usize);
            }
            None => prop_assert!(below(n, 1) > alpha && n < stats::fewest_pairs(alpha) as usize),
        }
    }

    #[test]
    fn the_median_has_as_many_below_as_above_and_the_spread_follows_the_unit(
        values in prop::collection::vec(0.5f64..10.0, 2..40), unit in 0.1f64..10.0,
    ) {
        let middle = stats::median(&values).unwrap();
        let (less, more) = (values.iter().filter(|v| **v < middle).count(), values.iter().filter(|v| **v > middle).count());
        prop_assert!(less <= values.len() / 2 && more <= values.len() / 2);
        let scaled: Vec<f64> = values.iter().map(|value| -value * unit).collect();
        let (here, there) = (stats::deviation(&values).unwrap(), stats::deviation(&scaled).unwrap());
        prop_assert!((here * unit - there).abs() < 1e-9);
        prop_assert!((stats::spread(&values).unwrap() - stats::spread(&scaled).unwrap()).abs() < 1e-9);
        prop_assert!((stats::spread(&values).unwrap() * middle - here).abs() < 1e-9);
    }

    #[test]
    fn students_t_is_symmetric_and_grows_with_the_probability(p in 0.51f64..0.999, freedom in 1.0f64..60.0) {
        let t = stats::t_quantile(p, freedom);
        prop_assert!(t > 0.0 && (t + stats::t_quantile(1.0 - p, freedom)).abs() < 1e-6);
        prop_assert!(stats::t_quantile(p + 0.0005, freedom) > t);
    }
}

#[test]
fn the_mean_and_the_deviation_of_known_values_are_known() {
    assert_eq!((stats::mean(&[1.0, 2.0, 6.0]), stats::mean(&[])), (Some(3.0), None));
    assert!(close(stats::deviation(&[1.0, 2.0, 3.0, 4.0, 100.0]).unwrap(), 1.4826));
    assert_eq!((stats::deviation(&[1.0]), stats::deviation(&[])), (None, None));
    assert_eq!(
        (stats::spread(&[-1.0, 0.0, 1.0]), stats::spread(&[])),
        (None, None),
        "no share of a median of zero"
    );
    assert!(close(stats::median(&[3.0, -1.0]).unwrap(), 1.0));
}

#[test]
fn students_t_has_its_tabulated_quantiles() {
    // M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", table 26.10.
    for (p, freedom, t) in
        [(0.975, 1.0, 12.706), (0.975, 4.0, 2.776), (0.95, 10.0, 1.812), (0.995, 30.0, 2.750)]
    {
        assert!((stats::t_quantile(p, freedom) - t).abs() < 6e-4, "{p} {freedom}");
    }
    assert!(stats::t_quantile(0.5, 3.0).abs() < 1e-6);
}

#[test]
fn however_large_the_error_may_be_the_ends_of_an_interval_do_not_cross() {
    assert_eq!(stats::sign_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.99), Some((3.0, 3.0)));
    assert_eq!(stats::sign_interval(&[1.0, 2.0, 3.0, 4.0], 0.99), Some((2.0, 3.0)));
}

#[test]
fn the_fewest_pairs_of_a_sign_interval_are_those_whose_extremes_are_rare_enough() {
    assert_eq!([0.5, 0.25, 0.05, 0.02, 1e-3].map(stats::fewest_pairs), [1, 2, 5, 6, 10]);
    assert_eq!(stats::fewest_pairs(0.9), 1, "no interval takes fewer than one");
}

fn recheck(keep: u32, worth: Worth) -> Outcome {
    Outcome::Recheck {
        keep,
        worth,
        estimate: Estimate { pairs: 7, gain: Gain(0.0), low: None, high: None },
        guard: None,
    }
}

/// Where a run stands after these outcomes.
fn stands(outcomes: Vec<Outcome>) -> BranchState {
    let mut branch_state = BranchState::default();
    (0..).zip(outcomes).for_each(|(trial, outcome)| branch_state.take(&blank(trial, outcome)));
    branch_state
}

#[test]
fn a_keep_is_measured_again_before_the_next_but_one_and_all_are_where_all_are_wanted() {
    let better = || judged(Verdict::Keep(KeepReason::Better));
    let branch_state = stands(vec![Outcome::Baseline, better(), better()]);
    let due = |recheck, all| branch_state.recheck_due(&Settings { recheck, ..Settings::default() }, all);
    assert_eq!(
        (due(Recheck::Each, false), due(Recheck::End, false), due(Recheck::Off, true)),
        (Some(1), None, None)
    );
    let single = Settings { preset: Preset::Replicates, ..Settings::default() };
    assert_eq!(branch_state.recheck_due(&single, true), None);
    let branch_state = stands(vec![Outcome::Baseline, better(), better(), recheck(1, Worth::Holds)]);
    let due = |all| branch_state.recheck_due(&Settings::default(), all);
    assert_eq!((due(false), due(true), branch_state.before(2)), (None, Some(2), Some(1)));
    let branch_state = stands(vec![Outcome::Baseline, better(), recheck(1, Worth::Less)]);
    assert_eq!((branch_state.incumbent, branch_state.unchecked.len()), (1, 0), "named, and it stays");
}

#[test]
fn a_keep_that_is_gone_is_taken_back_and_one_that_others_stand_on_has_them_tested() {
    let better = || judged(Verdict::Keep(KeepReason::Better));
    let bundle = |holds| Outcome::Bundle {
        holds,
        trials: vec![1, 2],
        estimate: Estimate { pairs: 9, gain: Gain(0.0), low: None, high: None },
    };
    let branch_state = stands(vec![Outcome::Baseline, better(), recheck(1, Worth::Gone)]);
    assert_eq!((branch_state.incumbent, branch_state.way, branch_state.fell), (0, vec![0], false));
    let fell = vec![Outcome::Baseline, better(), better(), recheck(1, Worth::Gone)];
    let branch_state = stands(fell.clone());
    assert_eq!(
        (
            branch_state.incumbent,
            branch_state.fell,
            branch_state.bundle_is_due(false),
            &*branch_state.waiting
        ),
        (2, true, true, &[1, 2][..])
    );
    let branch_state = stands([fell.clone(), vec![bundle(false)]].concat());
    assert_eq!((branch_state.incumbent, branch_state.fell, branch_state.unchecked.len()), (0, false, 0));
    let branch_state = stands([fell, vec![bundle(true)]].concat());
    assert_eq!(
        (branch_state.incumbent, branch_state.way.clone(), branch_state.before(2)),
        (2, vec![0, 2], Some(0))
    );
    assert_eq!(
        (branch_state.unchecked, branch_state.shown.get(&2)),
        (vec![2], Some(&4)),
        "and is measured again itself"
    );
}

#[test]
fn an_incumbent_that_failed_is_doubted_until_it_was_measured_alone() {
    let better = || judged(Verdict::Keep(KeepReason::Better));
    let mut branch_state = stands(vec![Outcome::Baseline, better(), better()]);
    branch_state.take(&Record {
        measured: Measured { doubt: Some("wrong".into()), ..Default::default() },
        ..blank(3, Outcome::Void { reason: String::new() })
    });
    assert!(
        branch_state.doubted
            && branch_state.outstanding(&Settings::default())[0].contains("the incumbent alone")
    );
    let regate = |failed: Vec<u32>, to| Outcome::Regate { failed, to, why: String::new() };
    let mut holds = branch_state.clone();
    holds.take(&blank(4, regate(vec![], 2)));
    assert_eq!((holds.doubted, holds.incumbent), (false, 2));
    branch_state.take(&blank(4, regate(vec![2, 1], 0)));
    assert_eq!(
        (branch_state.doubted, branch_state.incumbent, branch_state.unchecked, branch_state.verified),
        (false, 0, vec![], 0)
    );
}
