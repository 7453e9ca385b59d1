//! The rule over whole cases: which path keeps, what a guard and a second metric do, and the laws that its bounds obey.

use piton_core::base::metric::{Direction, Gain, Scale};
use piton_core::rule::keep::{
    Asked, Case, Draw, First, History, KeepReason, Question, SECOND_ALPHA, TestResult, Track, Verdict,
    decide, draw,
};
use piton_core::rule::settings::{Guard, Preset, SecondaryMetric, Settings};
use proptest::prelude::*;

const TAU: f64 = 0.01;

fn track(d: &[f64]) -> Track {
    Track::of(TAU, d.to_vec())
}

fn case(d: &[f64]) -> Case {
    Case::of(Settings { as_good: true, ..Settings::default() }, track(d))
}

fn guard(metric: &str, d: &[f64]) -> (Guard, Track) {
    (Guard::percent(metric, Direction::Lower, 10.0), track(d))
}

fn second(metric: &str, d: &[f64]) -> (SecondaryMetric, Track) {
    (SecondaryMetric { metric: metric.into(), direction: Direction::Lower, scale: None }, track(d))
}

fn verdict(case: &Case) -> Verdict {
    decide(case).0
}

fn about(case: &Case) -> Vec<String> {
    decide(case).2.into_iter().map(|asked| asked.about).collect()
}

/// Gains about zero: as good, and nothing more, after enough of them.
fn level(pairs: usize) -> Vec<f64> {
    [0.002, -0.002].into_iter().cycle().take(pairs).collect()
}

#[test]
fn a_guard_that_is_proven_worse_than_its_limit_discards_the_best_of_gains() {
    let mut case = case(&[0.1; 7]);
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better));
    // Ten percent more of what should be low is a loss of .095.
    case.guards = vec![guard("rss", &[-0.09; 7])];
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better), "a loss within the limit");
    case.guards = vec![guard("rss", &[0.3; 7])];
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better), "a gain is no loss");
    case.guards = vec![guard("disk", &[-0.09; 7]), guard("rss", &[-0.2; 7]), guard("ttft", &[-0.2; 7])];
    assert_eq!(verdict(&case), Verdict::Guarded("rss".into()), "the first that is proven is named");
    assert_eq!(about(&case)[..4], ["better", "worse in disk", "worse in rss", "worse in ttft"]);
    let alphas: Vec<f64> = decide(&case).2.iter().map(|asked| asked.question.alpha).collect();
    assert_eq!(alphas[..2], [0.02, SECOND_ALPHA], "a guard has an error of its own");
    case.guards.iter_mut().for_each(|(_, track)| track.tau = 0.0);
    assert_eq!(verdict(&case), Verdict::Guarded("rss".into()), "what does not vary is compared plainly");
    case.guards.iter_mut().for_each(|(_, track)| track.d.fill(-0.09));
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better), "a loss within the limit");
}

#[test]
fn what_is_as_good_is_kept_for_a_second_metric_that_is_proven_better() {
    let mut case = case(&level(96));
    assert_eq!(verdict(&case), Verdict::NotShownBetter, "as good as what is there is no reason");
    case.secondary = vec![second("rss", &level(96)), second("ttft", &[0.1; 96]), second("load", &[0.1; 96])];
    assert_eq!(
        verdict(&case),
        Verdict::Keep(KeepReason::BetterIn("ttft".into())),
        "the first that is proven is named"
    );
    case.settings.as_good = false;
    assert_eq!(verdict(&case), Verdict::NotShownBetter);
    case.settings.as_good = true;
    case.primary.d = [-0.1; 96].to_vec();
    assert_eq!(verdict(&case), Verdict::Worse, "what is worse is not kept for being better elsewhere");
    case.primary = track(&[0.1; 96]);
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better), "better comes first");
}

#[test]
fn while_a_second_metric_may_still_be_shown_better_another_pair_is_wanted() {
    // By then the primary question has long been answered with no, and that of as good with yes.
    let mut case = case(&level(96));
    case.secondary = vec![second("rss", &level(96)), second("ttft", &[0.1; 2])];
    assert_eq!(verdict(&case), Verdict::Continue);
    assert_eq!(about(&case), ["better", "as good", "better in rss", "better in ttft"]);
    case.secondary = vec![second("ttft", &[0.1; 2]), second("rss", &[0.1; 96])];
    assert_eq!(
        verdict(&case),
        Verdict::Keep(KeepReason::BetterIn("rss".into())),
        "an open one waits for nothing"
    );
    case.secondary = vec![second("rss", &level(96))];
    assert_eq!(verdict(&case), Verdict::NotShownBetter, "none is left open");
    case.secondary = vec![(second("ttft", &[0.1; 96]).0, Track::of(0.0, vec![0.1; 96]))];
    assert_eq!(
        verdict(&case),
        Verdict::Keep(KeepReason::BetterIn("ttft".into())),
        "what does not vary is so"
    );
    case.secondary[0].1.d[5] = 0.2;
    assert_eq!(verdict(&case), Verdict::NotShownBetter, "of what begins to vary nothing is known");
}

#[test]
fn simpler_is_reason_enough_and_asks_no_second_metric() {
    let mut case = Case { simpler: true, ..case(&level(96)) };
    case.secondary = vec![second("ttft", &[0.1; 96])];
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Simpler));
    assert_eq!(about(&case), ["better", "as good"]);
    case.settings.margin_pct = Some(0.4);
    case.primary.d.truncate(12);
    assert_eq!(verdict(&case), Verdict::Continue, "it is not better any more, and may still be as good");
    case.margin_spent = 0.03;
    assert_eq!(about(&case), ["better"], "nothing is left of the margins of the run");
    assert_eq!(verdict(&case), Verdict::NotShownBetter);
}

#[test]
fn worse_is_said_only_where_all_of_the_interval_or_every_pair_is_below_zero() {
    let four = |last: f64| verdict(&case(&[-0.004, -0.006, -0.006, last]));
    assert_eq!(
        (four(-0.006), four(0.0)),
        (Verdict::Worse, Verdict::NotShownBetter),
        "a pair at zero is not below it"
    );
    // One pair above zero among many below: the interval is what counts as soon as there is one.
    let mut mostly = [-0.012; 20];
    mostly[3] = 0.02;
    let (verdict, estimate, _) = decide(&case(&mostly));
    assert!(estimate.high.unwrap() < Gain::ZERO, "{estimate:?}");
    assert_eq!(verdict, Verdict::Worse);
}

#[test]
fn the_estimate_is_the_median_with_the_ends_of_the_question_that_was_asked() {
    let d = [0.01, 0.05, 0.02, 0.03, 0.02, 0.04, 0.02, 0.03, 0.02];
    let (_, estimate, asked) = decide(&case(&d));
    assert_eq!((estimate.pairs, estimate.gain), (9, Gain(0.02)));
    let Asked { about, question, .. } = &asked[0];
    assert_eq!((about.as_str(), question.tau), ("better", TAU));
    assert_eq!(estimate.low, question.lower_bound(&d).map(Gain));
    assert_eq!(estimate.high, question.upper_bound(&d).map(Gain));
    assert!(estimate.low.unwrap() < Gain(0.02) && Gain(0.02) < estimate.high.unwrap());
    let (verdict, none, asked) = decide(&case(&[]));
    assert_eq!((verdict, none.pairs, none.gain, none.low), (Verdict::Continue, 0, Gain::ZERO, None));
    assert_eq!(asked[0].evidence.pairs, 0);
}

#[test]
fn a_metric_without_noise_is_judged_by_two_pairs_and_asks_nothing() {
    let without = |d: &[f64], delta_min_pct: f64| {
        let settings = Settings { delta_min_pct, ..Settings::default() };
        decide(&Case::of(settings, Track::of(0.0, d.to_vec())))
    };
    let bar = 1.01f64.ln();
    assert_eq!(without(&[], 1.0).0, Verdict::Continue);
    assert_eq!(without(&[bar], 1.0).0, Verdict::Continue, "a gain of exactly delta_min is one");
    let (verdict, estimate, asked) = without(&[bar, bar], 1.0);
    assert_eq!((verdict, asked.len()), (Verdict::Keep(KeepReason::Better), 0));
    assert_eq!((estimate.pairs, estimate.gain, estimate.low), (2, Gain(bar), None));
    assert_eq!(without(&[0.0, 0.0], 0.0).0, Verdict::NotShownBetter, "no gain at all, and no bar either");
    assert_eq!(without(&[-0.02, 0.0], 0.0).0, Verdict::NotShownBetter);
    assert_eq!(without(&[-0.02, -0.01], 0.0).0, Verdict::Worse);
}

#[test]
fn an_impossible_case_is_refused_wherever_it_is_impossible() {
    assert_eq!(case(&[0.1]).problem(), None);
    let unsound =
        [(f64::NAN, 0.1), (f64::INFINITY, 0.1), (-0.01, 0.1), (TAU, f64::NAN), (TAU, f64::NEG_INFINITY)];
    for (tau, d) in unsound {
        let track = Track::of(tau, vec![0.1, d]);
        let mut cases = [case(&[0.1]), case(&[0.1]), case(&[0.1])];
        cases[0].primary = track.clone();
        cases[1].secondary = vec![(second("a", &[]).0, track.clone())];
        cases[2].guards = vec![(guard("a", &[]).0, track)];
        assert!(cases.iter().all(|case| case.problem().is_some()), "tau {tau}, d {d}");
    }
    assert_eq!(Case::of(Settings::default(), Track::of(0.0, vec![])).problem(), None);
    let mut limitless = case(&[0.1]);
    limitless.guards = vec![(Guard { limit_pct: Some(100.0), ..guard("a", &[]).0 }, track(&[]))];
    assert!(limitless.problem().unwrap().contains("limit_pct 100"));
    let certain = Settings { alpha: 0.0, ..Settings::default() };
    assert!(Case::of(certain, track(&[])).problem().unwrap().contains("rule.alpha"));
}

#[test]
fn the_question_of_better_takes_its_numbers_from_the_preset() {
    let table = [
        (Preset::Thorough, 0.5, 0.1, 64),
        (Preset::Standard, 0.7, 0.2, 64),
        (Preset::Frugal, 1.0, 0.5, 32),
        (Preset::Training, 1.0, 0.5, 32),
        (Preset::Provisional, 0.7, 0.2, 24),
    ];
    for (preset, k, beta, n_max) in table {
        let settings = Settings { preset, alpha: 0.03, ..Settings::default() };
        let question = Question::better(&settings, TAU);
        assert_eq!(question, Question { tau: TAU, k, margin: 0.0, alpha: 0.03, beta, n_max });
    }
}

#[test]
fn who_looks_for_large_gains_only_bets_on_large_ones() {
    let k = |delta_min_pct: f64| Question::better(&Settings { delta_min_pct, ..Settings::default() }, TAU).k;
    assert_eq!(k(0.5), 0.7, "half a scale is less than the preset bets on");
    assert!((k(0.8) - 1.008f64.ln() / TAU).abs() < 1e-12);
    assert_eq!(k(5.0), 1.0, "one scale at most");
}

#[test]
fn the_margin_of_as_good_is_affordable_and_can_be_resolved_or_is_not_asked_for() {
    let settings = Settings { as_good: true, ..Settings::default() };
    let ask = |settings: &Settings, tau: f64, spent: f64| Question::as_good(settings, tau, spent);
    let one_percent = 1.01f64.ln();
    let question = ask(&settings, TAU, 0.0).unwrap();
    assert!((question.margin - one_percent).abs() < 1e-12, "one percent is more than .6 tau");
    assert!((question.k - one_percent / TAU).abs() < 1e-9 || question.k == 1.0);
    assert_eq!((question.alpha, question.n_max, question.beta), (SECOND_ALPHA, 96, 0.2));
    assert!(
        (ask(&settings, 0.02, 0.0).unwrap().margin - 0.012).abs() < 1e-12,
        ".6 tau is more than one percent"
    );
    assert!((ask(&settings, 0.02, 0.0).unwrap().k - 0.6).abs() < 1e-12);
    let budget = 1.03f64.ln();
    assert!(ask(&settings, TAU, budget - one_percent - 1e-12).is_some(), "what is left is just enough");
    assert!(ask(&settings, TAU, budget - one_percent + 1e-12).is_none(), "it is not");
    let stated = Settings { margin_pct: Some(2.0), ..settings.clone() };
    assert!((ask(&stated, TAU, 0.0).unwrap().margin - 1.02f64.ln()).abs() < 1e-12);
    assert_eq!(ask(&stated, TAU, 0.0).unwrap().k, 1.0);
    let scale = 1.02f64.ln() / 0.3;
    assert!(ask(&stated, scale * 0.999, 0.0).is_some());
    assert!(ask(&stated, scale * 1.001, 0.0).is_none(), "below .3 scales nothing can be told");
    assert!(ask(&Settings { as_good: false, ..settings }, TAU, 0.0).is_none());
}

/// What one pair adds to log E, by the question itself.
fn one(question: &Question, gain: f64) -> f64 {
    question.ask(&[gain]).1.log_e
}

proptest! {
    #[test]
    fn the_lower_bound_is_the_largest_gain_that_the_pairs_reject(
        d in prop::collection::vec(-0.1f64..0.1, 6..40), margin in 0.0f64..0.02,
    ) {
        let question = Question { margin, ..Question::better(&Settings::default(), 0.02) };
        if let Some(bound) = question.lower_bound(&d) {
            let against = |c: f64| -> f64 {
                let shifted = Question { margin: -c, ..question };
                d.iter().map(|gain| one(&shifted, *gain)).sum()
            };
            let wanted = (1.0 / question.alpha).ln();
            prop_assert!(against(bound - 1e-9) >= wanted, "{} rejects less than it says", bound);
            prop_assert!(against(bound + 1e-9) <= wanted + 1e-6, "{} could be larger", bound);
        }
    }

    #[test]
    fn the_bounds_move_with_the_gains_and_lie_around_equal_ones(
        d in prop::collection::vec(-0.1f64..0.1, 8..30), by in -0.5f64..0.5, equal in -0.1f64..0.1,
    ) {
        let question = Question::better(&Settings::default(), 0.02);
        let moved: Vec<f64> = d.iter().map(|gain| gain + by).collect();
        for bound in [Question::lower_bound, Question::upper_bound] {
            match (bound(&question, &d), bound(&question, &moved)) {
                (Some(here), Some(there)) => prop_assert!((there - here - by).abs() < 1e-9),
                (here, there) => prop_assert_eq!(here, there),
            }
        }
        let same = vec![equal; d.len()];
        let (low, high) = (question.lower_bound(&same).unwrap(), question.upper_bound(&same).unwrap());
        prop_assert!(low < equal && equal < high && (equal - low - (high - equal)).abs() < 1e-9);
    }

    #[test]
    fn the_bounds_have_the_unit_of_the_gains(
        d in prop::collection::vec(-0.1f64..0.1, 8..30), unit in prop::sample::select(vec![1e-6, 0.01, 1.0, 100.0, 1e6]),
    ) {
        let question = Question::better(&Settings::default(), 0.02);
        let other = Question { tau: 0.02 * unit, ..question };
        let scaled: Vec<f64> = d.iter().map(|gain| gain * unit).collect();
        match (question.lower_bound(&d), other.lower_bound(&scaled)) {
            (Some(here), Some(there)) => prop_assert!((there / unit - here).abs() < 1e-9),
            (here, there) => prop_assert_eq!(here, there),
        }
    }

    #[test]
    fn more_of_the_same_narrows_the_interval(equal in -0.1f64..0.1, pairs in 8usize..40) {
        let question = Question::better(&Settings::default(), 0.02);
        let width = |n: usize| {
            let same = vec![equal; n];
            question.upper_bound(&same).unwrap() - question.lower_bound(&same).unwrap()
        };
        prop_assert!(width(pairs + 1) < width(pairs));
    }

    #[test]
    fn given_up_is_given_up_even_if_all_that_could_follow_were_the_best(
        d in prop::collection::vec(-0.03f64..0.05, 1..64),
    ) {
        let question = Question { beta: 0.0, ..Question::better(&Settings::default(), 0.02) };
        let (answer, sums) = question.ask(&d);
        let most: f64 = (0..question.n_max - sums.pairs).map(|_| one(&question, 1.0)).sum();
        let reachable = sums.log_e + most >= (1.0 / question.alpha).ln();
        match answer {
            // Without futility there is one reason to give up.
            TestResult::No => prop_assert!(!reachable || sums.pairs == question.n_max),
            TestResult::Open => prop_assert!(reachable && sums.pairs < question.n_max),
            TestResult::Yes => prop_assert!(sums.log_e >= (1.0 / question.alpha).ln()),
        }
    }
}

#[test]
fn at_the_last_pair_there_is_an_answer() {
    let question =
        Question { n_max: 20, beta: 0.0, alpha: 0.4, ..Question::better(&Settings::default(), 0.02) };
    let d = level(40);
    let (answer, sums) = question.ask(&d);
    assert_eq!((answer, sums.pairs <= 20), (TestResult::No, true), "{sums:?}");
}

#[test]
fn a_draw_today_is_a_draw_for_good() {
    let drawn: Vec<(First, u64, u32)> = [(7, 0), (7, 1), (8, 0)]
        .map(|(seed, pair)| draw(seed, pair))
        .map(|Draw { first, prompts, padding }| (first, prompts, padding))
        .to_vec();
    assert_eq!(drawn, PINNED);
}

/// Computed once more outside this crate, from the cipher's definition.
const PINNED: [(First, u64, u32); 3] = [
    (First::Challenger, 1148061323, 3470),
    (First::Incumbent, 484230931, 1319),
    (First::Incumbent, 1065946826, 3178),
];

#[test]
fn prompts_fit_any_format_and_paddings_fill_their_page() {
    let draws: Vec<Draw> = (0..2000).map(|pair| draw(5, pair)).collect();
    assert!(draws.iter().all(|draw| draw.prompts <= i32::MAX as u64 && draw.padding < 4096));
    assert!(draws.iter().any(|draw| draw.prompts > i32::MAX as u64 / 2));
    assert!(draws.iter().any(|draw| draw.padding > 4000) && draws.iter().any(|draw| draw.padding < 100));
    let heads = draws.iter().filter(|draw| draw.first == First::Challenger).count();
    assert!((850..1150).contains(&heads), "{heads} of 2000: six standard deviations are 134");
}

#[test]
fn exactly_the_last_two_hundred_deviations_count() {
    let mut history = History::default();
    history.null_pairs(&[0.03; 101]);
    history.null_pairs(&[0.01; 100]);
    assert!((history.tau() - 1.4826 * 0.02).abs() < 1e-12, "a hundred of each: {}", history.tau());
    history.null_pairs(&[0.01]);
    assert!((history.tau() - 1.4826 * 0.01).abs() < 1e-12);
}

#[test]
fn what_being_second_is_worth_is_taken_off_in_the_direction_of_the_coin() {
    let mut history = History::default();
    for _ in 0..8 {
        assert_eq!(history.pair(-1.0, 0.02, TAU), (-0.02, 0.0));
    }
    let worth = 0.02 * 8.0 / 12.0;
    let (d, b) = history.pair(-1.0, 0.03, TAU);
    assert!((b - worth).abs() < 1e-12 && (d + (0.03 - worth)).abs() < 1e-12);
    let (d, _) = history.clone().pair(1.0, 0.03, TAU);
    assert!(d > 0.0, "second and better, and it was the challenger");
    // A wild pair counts for three scales, on either side.
    let mut wild = History::default();
    assert!((0..8).all(|_| wild.pair(1.0, -5.0, TAU).0 == -5.0));
    assert!((wild.pair(1.0, 0.0, TAU).1 + 3.0 * TAU * 8.0 / 12.0).abs() < 1e-12);
}

/// A trial on a metric that repeats itself for a seed; seeds differ by `tau`.
fn seeded(tau: f64, d: &[f64]) -> Case {
    Case::of(Settings::default(), Track { seeded: true, ..Track::of(tau, d.to_vec()) })
}

#[test]
fn of_a_metric_that_repeats_itself_for_a_seed_two_lucky_pairs_keep_nothing_and_a_gain_on_every_seed_is_kept()
{
    assert_eq!(verdict(&seeded(0.03, &[0.02, 0.04])), Verdict::Continue);
    assert_eq!(verdict(&seeded(0.03, &[0.0, 0.0])), Verdict::NotShownBetter, "the same on both seeds");
    let kept = |tau: f64, by: f64| {
        (1..=64u32)
            .map(|pairs| (pairs, verdict(&seeded(tau, &vec![by; pairs as usize]))))
            .find(|(_, verdict)| *verdict != Verdict::Continue)
    };
    assert_eq!(kept(0.03, 0.2), Some((8, Verdict::Keep(KeepReason::Better))), "a fifth");
    assert_eq!(
        kept(0.5, 0.01),
        Some((11, Verdict::Keep(KeepReason::Better))),
        "little, beside what seeds differ by"
    );
    assert_eq!(decide(&seeded(0.03, &[0.02])).2[0].question.alpha, 0.01, "half of alpha");
}

#[test]
fn a_metric_that_never_varied_and_does_now_is_put_to_the_test() {
    let exact = |d: &[f64]| decide(&Case::of(Settings::default(), Track::of(0.0, d.to_vec())));
    assert_eq!(exact(&[0.02, 0.02]).0, Verdict::Keep(KeepReason::Better));
    assert_eq!(exact(&[0.02, 0.03]).0, Verdict::Continue, "two gains that differ are luck or not");
    assert_eq!(exact(&[0.02, 0.03, -0.02, 0.01]).0, Verdict::Continue);
    let (verdict, estimate, asked) =
        exact(&[0.02, 0.03, 0.025, 0.02, 0.03, 0.02, 0.03, 0.025, 0.02, 0.03, 0.02]);
    assert_eq!((verdict, asked[0].about.as_str()), (Verdict::Keep(KeepReason::Better), "better"));
    assert!(estimate.low.is_some());
    assert_eq!(exact(&[5e-7, 5e-7]).0, Verdict::NotShownBetter, "less than a millionth is no gain");
    assert_eq!(exact(&[2e-6, 2e-6]).0, Verdict::Keep(KeepReason::Better));
    let simpler = |d: &[f64]| {
        let settings = Settings { as_good: true, ..Settings::default() };
        decide(&Case { simpler: true, ..Case::of(settings, Track::of(0.0, d.to_vec())) }).0
    };
    assert_eq!(simpler(&[0.0]), Verdict::Continue);
    assert_eq!(simpler(&[0.0, 0.0]), Verdict::Keep(KeepReason::Simpler), "the same value, and simpler");
    assert_eq!(simpler(&[-0.001, -0.001]), Verdict::Worse, "of what is exact, as good is no loss at all");
}

#[test]
fn nothing_is_kept_before_a_guard_could_have_been_proven() {
    // The primary metric is exact, and its guard is not: two pairs say nothing of the guard.
    let mut case = Case::of(Settings::default(), Track::of(0.0, vec![0.1; 2]));
    case.guards = vec![guard("rss", &[-0.5; 2])];
    assert_eq!(verdict(&case), Verdict::Continue);
    (case.primary.d, case.guards[0].1.d) = (vec![0.1; 6], vec![-0.5; 6]);
    assert_eq!(verdict(&case), Verdict::Guarded("rss".into()));
    case.guards[0].1.d.fill(0.0);
    assert_eq!(verdict(&case), Verdict::Keep(KeepReason::Better));
}

#[test]
fn differences_are_judged_in_their_unit() {
    let track = |d: &[f64]| Track { scale: Scale::Difference, level: 40.0, ..Track::of(2.0, d.to_vec()) };
    let settings = Settings { as_good: true, ..Settings::default() };
    let case = |d: &[f64]| Case::of(settings.clone(), track(d));
    assert_eq!(verdict(&case(&[6.0; 7])), Verdict::Keep(KeepReason::Better));
    let mut guarded = case(&[6.0; 7]);
    let limit = |limit: f64| Guard {
        limit_pct: None,
        limit: Some(limit),
        ..Guard::percent("g", Direction::Lower, 0.0)
    };
    guarded.guards = vec![(limit(5.0), track(&[-12.0; 7]))];
    assert_eq!(verdict(&guarded), Verdict::Guarded("g".into()));
    guarded.guards[0].0 = limit(20.0);
    assert_eq!(verdict(&guarded), Verdict::Keep(KeepReason::Better));
    let question = Question::as_good_on(&settings, Scale::Difference, 2.0, 0.0).unwrap();
    assert!((question.margin - 1.2).abs() < 1e-12, "six tenths of tau");
    let spent = |margins: f64| Question::as_good_on(&settings, Scale::Difference, 2.0, 1.2 * margins);
    assert!(spent(2.0).is_some() && spent(2.1).is_none(), "three of them");
    let said = Settings { delta_min: 1.9, ..Settings::default() };
    assert!((Question::better_on(&said, Scale::Difference, 2.0).k - 0.95).abs() < 1e-12);
    let text = serde_json::to_string(&guarded).unwrap();
    assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), guarded, "a case is replayed as it was");
}

#[test]
fn a_case_from_before_there_were_differences_is_read_as_it_was() {
    let text = r#"{"settings": {"alpha": 0.02}, "primary": {"tau": 0.01, "d": [0.1]},
        "guards": [[{"metric": "rss", "direction": "lower", "limit_pct": 10.0}, {"tau": 0.0, "d": [0.0]}]]}"#;
    let case: Case = serde_json::from_str(text).unwrap();
    assert_eq!((case.primary.scale, case.primary.seeded, case.problem()), (Scale::Ratio, false, None));
    assert_eq!(serde_json::to_value(&case.primary).unwrap(), serde_json::json!({ "tau": 0.01, "d": [0.1] }));
}

proptest! {
    #[test]
    fn a_coin_that_turns_a_pair_turns_its_bet_whatever_the_pairs_before(
        before in prop::collection::vec(-0.1f64..0.1, 1..30), d in -0.2f64..0.2, tau in prop::sample::select(vec![0.0, 0.03]),
    ) {
        // What a pair adds to E for d and for -d is 1 in the mean: its scale does not depend on it.
        let log_e = |last: f64| {
            let d: Vec<f64> = before.iter().copied().chain([last]).collect();
            let case = Case::of(Settings { n_max: Some(1000), ..Settings::default() }, Track { seeded: tau > 0.0, ..Track::of(tau, d) });
            let asked = decide(&case).2;
            asked.first().map(|asked| (asked.evidence.pairs as usize, asked.evidence.log_e))
        };
        if let (Some((n, up)), Some((m, down)), Some((_, still))) = (log_e(d), log_e(-d), log_e(0.0))
            && n == before.len() + 1
            && m == n
        {
            let mean = f64::midpoint((up - still).exp(), (down - still).exp());
            prop_assert!((mean - 1.0).abs() < 1e-9, "{}", mean);
        }
    }
}
