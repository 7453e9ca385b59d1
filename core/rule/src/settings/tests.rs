use super::*;

#[test]
fn the_limit_of_a_guard_is_a_loss_in_its_own_direction() {
    let guard = |direction| Guard::percent("m", direction, 10.0);
    let limit = |direction| guard(direction).limit_on(Scale::Ratio, 0.0);
    assert!((limit(Direction::Lower) - 1.1f64.ln()).abs() < 1e-12);
    assert!((limit(Direction::Higher) + 0.9f64.ln()).abs() < 1e-12);
    assert!(Guard::percent("m", Direction::Higher, 100.0).problem().is_some());
}

#[test]
fn a_limit_is_in_percent_or_in_the_unit_and_percent_of_nothing_is_nothing() {
    let guard = Guard::percent("m", Direction::Lower, 10.0);
    assert_eq!(guard.scale_of(&[3.0, 2.0]), Scale::Ratio);
    assert_eq!(guard.scale_of(&[3.0, 0.0]), Scale::Difference, "a ratio to zero is none");
    assert_eq!(guard.limit_on(Scale::Difference, -20.0), 2.0);
    assert_eq!(guard.limit_on(Scale::Difference, 0.0), 0.0, "any more of what was none is too much");
    let units = Guard { limit_pct: None, limit: Some(3.0), ..guard.clone() };
    assert_eq!((units.scale_of(&[3.0]), units.limit_on(Scale::Difference, 9.0)), (Scale::Difference, 3.0));
    assert_eq!(units.problem(), None);
    assert!(Guard { limit: None, ..units.clone() }.problem().unwrap().contains("has no limit"));
    assert!(Guard { limit_pct: Some(1.0), ..units.clone() }.problem().unwrap().contains("one of them"));
    assert!(Guard { limit: Some(-1.0), ..units }.problem().unwrap().contains("limit -1"));
}

#[test]
fn what_is_no_gain_is_a_millionth_or_what_the_experiment_says() {
    let settings = Settings::default();
    assert!((settings.least(Scale::Ratio, 0.0) - 1e-6).abs() < 1e-11);
    assert_eq!(settings.least(Scale::Difference, -50.0), 50.0 * 1e-6);
    assert_eq!(settings.least(Scale::Difference, 0.0), 0.0);
    let said = Settings { min_gain: Some(2.0), min_gain_pct: Some(1.0), ..settings };
    assert_eq!(said.least(Scale::Difference, 9.0), 2.0);
    assert!((said.least(Scale::Ratio, 9.0) - 1.01f64.ln()).abs() < 1e-12);
    assert_eq!(
        (said.speaks(Scale::Ratio), said.speaks(Scale::Difference)),
        (Some("rule.min_gain_pct"), Some("rule.min_gain"))
    );
    assert!(Settings { margin: Some(f64::NAN), ..said }.problem().unwrap().contains("rule.margin is NaN"));
}

#[test]
fn a_gain_is_implausible_beyond_the_limit_whatever_the_direction_and_never_where_there_is_none() {
    let settings = Settings::default();
    let of = |direction: Direction, to: f64| {
        settings.implausible(Scale::Ratio, (100.0, Gain(0.0)), direction.log_gain(100.0, to).unwrap())
    };
    assert!(of(Direction::Higher, 401.0) && !of(Direction::Higher, 399.0));
    assert!(of(Direction::Lower, 24.9) && !of(Direction::Lower, 25.1));
    assert!(!of(Direction::Higher, 1.0) && !of(Direction::Lower, 1e9), "a loss is believed");
    assert!(!Settings { implausible_pct: 0.0, ..settings }.implausible(
        Scale::Ratio,
        (1.0, Gain(0.0)),
        Gain(50.0)
    ));
    assert!(settings.implausible(Scale::Difference, (-100.0, Gain(0.1)), Gain(301.0)));
    assert!(!settings.implausible(Scale::Difference, (-100.0, Gain(0.1)), Gain(299.0)));
    assert!(
        !settings.implausible(Scale::Difference, (0.0, Gain(0.0)), Gain(9.0)),
        "nothing is a multiple of none"
    );
    assert!(!settings.implausible(Scale::Difference, (0.001, Gain(0.05)), Gain(5.0)), "from about 0 to 5");
    assert!(settings.implausible(Scale::Difference, (0.001, Gain(0.05)), Gain(1e6)));
    for pct in [-1.0, f64::NAN, f64::INFINITY] {
        let bad = Settings { implausible_pct: pct, ..Settings::default() };
        assert!(bad.problem().unwrap().contains("implausible_pct"));
    }
}

#[test]
fn a_count_may_run_out_and_a_size_or_a_time_may_not() {
    assert!(runs_out(1.0, 0.0) && runs_out(250.0, 0.0));
    assert!(!runs_out(36512.0, 0.0) && !runs_out(4.98, 0.0) && !runs_out(5.0, 1.0));
}

#[test]
fn too_few_pairs_for_the_alpha_are_refused_by_name() {
    let settings = Settings { n_max: Some(5), ..Settings::default() };
    assert!(settings.problem().unwrap().contains("rule.n_max is 5"));
    assert_eq!(Settings::default().problem(), None);
}

#[test]
fn the_fewest_pairs_of_the_standard_rule_are_seven() {
    assert_eq!(Settings::default().fewest_pairs(), 7);
}
