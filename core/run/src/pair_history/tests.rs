use super::*;

fn metric(direction: Direction) -> Metric {
    Metric {
        name: "speed".to_owned(),
        direction,
        unit: String::new(),
        scale: None,
        memory: None,
        meter: None,
        memory_unit: None,
        evidence: None,
        ..Metric::of("", Direction::Higher)
    }
}

fn speed(value: f64) -> Values {
    Values::from([("speed".to_owned(), value)])
}

#[test]
fn metrics_are_exact_where_no_pair_of_a_commit_with_itself_differs_in_any_that_judges() {
    let pair = |one: f64, other: f64, seconds: f64| Pair {
        first: piton_rule::keep::First::Incumbent,
        prompts: 1,
        incumbent: [("bytes".to_owned(), one), ("s".to_owned(), 1.0)].into(),
        challenger: [("bytes".to_owned(), other), ("s".to_owned(), seconds)].into(),
        gain: Gain::ZERO,
        position: Gain::ZERO,
        conditions: piton_base::conditions::Conditions::default(),
        before: None,
        apart: None,
        scale: 1,
    };
    let same = [pair(5.0, 5.0, 2.0), pair(7.0, 7.0, 1.0), pair(5.0, 5.0, 3.0)];
    assert!(exact(&same, &["bytes"]), "whatever the seed changes, and what does not judge");
    assert!(!exact(&same, &["bytes", "s"]) && !exact(&same[..2], &["bytes"]));
    assert!(!exact(&[&same[..], &[pair(5.0, 5.1, 1.0)]].concat(), &["bytes"]));
}

#[test]
fn a_noisy_spell_is_a_tau_of_more_than_twice_the_runs_median() {
    let taus = [0.01, 0.012, 0.05].map(Gain);
    assert_eq!(noisy_spell(Gain(0.023), &taus), None);
    assert!((noisy_spell(Gain(0.03), &taus).unwrap() - 2.5).abs() < 1e-9);
    assert_eq!(noisy_spell(Gain(0.03), &[]), None);
}

#[test]
fn a_first_run_that_is_slow_is_told_and_one_that_is_fast_or_within_the_noise_is_not() {
    let higher = metric(Direction::Higher);
    assert!(slow_start(&higher, &speed(80.0), &speed(100.0), Gain(0.01)).unwrap() < Gain(-0.2));
    assert_eq!(slow_start(&higher, &speed(120.0), &speed(100.0), Gain(0.01)), None);
    assert_eq!(slow_start(&higher, &speed(80.0), &speed(100.0), Gain(0.1)), None, "three tau are 30 %");
    assert!(slow_start(&metric(Direction::Lower), &speed(120.0), &speed(100.0), Gain(0.01)).is_some());
}
