//! The rule against the published golden cases, and its draws.

use piton_core::base::conditions::Widened;
use piton_core::rule::keep::{Case, First, KeepReason, Question, TestResult, Track, Verdict, decide, draw};
use piton_core::rule::settings::{Preset, Settings};
use serde_json::Value;

#[test]
fn two_hundred_golden_cases_hold_to_one_in_a_billion() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden/rule.json")).unwrap();
    for case in &cases {
        let number = |key: &str| case[key].as_f64().unwrap();
        let preset: Preset = serde_json::from_value(case["preset"].clone()).unwrap();
        let settings = Settings { preset, alpha: number("alpha"), ..Settings::default() };
        let question = Question { margin: number("margin"), ..Question::better(&settings, number("tau")) };
        let gains: Vec<f64> = serde_json::from_value(case["d"].clone()).unwrap();
        let (answer, evidence) = question.ask(&gains);
        let word = match answer {
            TestResult::Open => "CONTINUE",
            TestResult::Yes => "KEEP",
            TestResult::No => "DISCARD",
        };
        assert_eq!(word, case["verdict"], "{case}");
        assert_eq!(u64::from(evidence.pairs), case["n"].as_u64().unwrap(), "{case}");
        assert!((evidence.log_e - number("log_e")).abs() < 1e-9, "{case}");
        assert!((evidence.futility - number("futility")).abs() < 1e-9, "{case}");
    }
    assert_eq!(cases.len(), 200);
}

fn verdict(settings: &Settings, tau: f64, gains: &[f64], simpler: bool) -> Verdict {
    let (settings, primary) = (settings.clone(), Track::of(tau, gains.to_vec()));
    decide(&Case { simpler, ..Case::of(settings, primary) }).0
}

#[test]
fn a_clear_gain_is_kept_after_seven_pairs_and_a_clear_loss_goes_after_two() {
    let settings = Settings::default();
    assert_eq!(verdict(&settings, 0.01, &[0.1; 6], false), Verdict::Continue);
    assert_eq!(verdict(&settings, 0.01, &[0.1; 7], false), Verdict::Keep(KeepReason::Better));
    assert_eq!(verdict(&settings, 0.01, &[-0.1], false), Verdict::Continue);
    assert_eq!(verdict(&settings, 0.01, &[-0.1, -0.1], false), Verdict::GivenUp);
    let hasty = Settings { second_pair: false, ..settings };
    assert_eq!(verdict(&hasty, 0.01, &[-0.1], false), Verdict::GivenUp);
}

#[test]
fn one_pair_ends_a_trial_where_most_of_its_parts_do_and_not_where_a_few_do() {
    let ended = |parts: Vec<f64>| {
        let primary = Track { parts, ..Track::of(0.01, vec![-0.1]) };
        decide(&Case::of(Settings::default(), primary)).0
    };
    assert_eq!(ended(vec![-0.1; 5]), Verdict::GivenUp);
    assert_eq!(ended(vec![-0.1; 4]), Verdict::Continue, "so few have no middle");
    let burst = |slow: usize| [vec![-0.9; slow], vec![0.005; 30 - slow]].concat();
    assert_eq!(
        (ended(burst(3)), ended(burst(14)), ended(burst(16))),
        (Verdict::Continue, Verdict::Continue, Verdict::GivenUp)
    );
}

#[test]
fn a_bad_pair_does_not_take_away_what_the_next_ones_show() {
    let gains = [vec![-0.03], vec![0.02; 12]].concat();
    assert_eq!(verdict(&Settings::default(), 0.01, &gains, false), Verdict::Keep(KeepReason::Better));
    let hasty = Settings { second_pair: false, ..Settings::default() };
    assert_eq!(verdict(&hasty, 0.01, &gains, false), Verdict::NotShownBetter);
}

#[test]
fn what_few_pairs_ended_has_an_interval_by_tau_alone_and_is_not_called_worse() {
    let of = |d: &[f64]| decide(&Case::of(Settings::default(), Track::of(0.01, d.to_vec())));
    let (verdict, estimate, _) = of(&[-0.1, -0.04]);
    assert_eq!(verdict, Verdict::GivenUp);
    let reach = 0.02 / 2f64.sqrt();
    let apart = |end: Option<piton_core::base::metric::Gain>, at: f64| (end.unwrap().0 - at).abs();
    assert!(apart(estimate.low, -0.07 - reach) < 1e-12 && apart(estimate.high, -0.07 + reach) < 1e-12);
    let (verdict, estimate, _) = of(&[-0.004, -0.006, -0.006, -0.006]);
    assert_eq!((verdict, estimate.low), (Verdict::Worse, None));
}

#[test]
fn pairs_of_a_busy_machine_are_judged_by_a_larger_tau() {
    let widened = |times: f64| Some(Widened { from: 2, times, lost_s: 130.0 });
    let of = |times: f64| {
        let primary =
            Track { widened: widened(times), ..Track::of(0.01, vec![0.01, 0.01, -0.03, 0.03, -0.03, -0.03]) };
        decide(&Case::of(Settings::default(), primary)).0
    };
    assert_eq!((of(1.0), of(4.0)), (Verdict::NotShownBetter, Verdict::Continue));
}

#[test]
fn a_metric_without_noise_is_kept_when_a_second_pair_shows_it_again() {
    let settings = Settings { delta_min_pct: 1.0, ..Settings::default() };
    assert_eq!(verdict(&settings, 0.0, &[0.02], false), Verdict::Continue);
    assert_eq!(verdict(&settings, 0.0, &[0.02, 0.02], false), Verdict::Keep(KeepReason::Better));
    assert_eq!(verdict(&settings, 0.0, &[0.005], false), Verdict::NotShownBetter, "below delta_min");
    assert_eq!(verdict(&Settings::default(), 0.0, &[0.0], false), Verdict::NotShownBetter);
    assert_eq!(verdict(&settings, 0.0, &[0.02, -0.02], false), Verdict::NotShownBetter);
    assert_eq!(verdict(&settings, 0.0, &[-0.02], false), Verdict::Worse);
}

#[test]
fn what_is_as_good_is_kept_only_for_a_reason_and_only_where_that_is_asked_for() {
    let gains = [0.002, -0.002].repeat(48);
    let on = Settings { as_good: true, ..Settings::default() };
    assert_eq!(verdict(&on, 0.01, &gains, true), Verdict::Keep(KeepReason::Simpler));
    assert_eq!(verdict(&on, 0.01, &gains, false), Verdict::NotShownBetter);
    assert_eq!(verdict(&Settings::default(), 0.01, &gains, true), Verdict::NotShownBetter);
    let poor = Settings { margin_budget_pct: 0.5, ..on };
    assert_eq!(verdict(&poor, 0.01, &gains, true), Verdict::NotShownBetter, "the margin is not affordable");
}

#[test]
fn draws_are_replayable_and_differ_from_pair_to_pair() {
    assert_eq!(draw(7, 0), draw(7, 0));
    let prompts: std::collections::BTreeSet<u64> = (0..100).map(|pair| draw(7, pair).prompts).collect();
    assert_eq!(prompts.len(), 100);
}

#[test]
fn the_coin_is_fair() {
    let first = (0..10_000).filter(|seed| draw(*seed, 0).first == First::Challenger).count();
    assert!((4_800..5_200).contains(&first), "{first} of 10,000: four standard deviations are 200");
}
