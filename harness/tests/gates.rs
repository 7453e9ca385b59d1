//! What the bounds that ship let through, by the counts that the evidence in METHODOLOGY.md is made of.

use harness::counts::{Checks, Quality, Timing};
use harness::{gates, metrics};

/// A sample of 1,000 positions that the exact version could have made.
fn exact() -> Quality {
    let all = |total| Checks { total, passed: total, exact: total };
    Quality {
        positions: 1000,
        agreeing: 1000,
        same_argmax: 1000,
        nll_sum: 300.0,
        exact_positions: 1000,
        exact_nll_sum: 300.0,
        checks: [("short/sum".to_owned(), all(30)), ("long/recall".to_owned(), all(10))].into(),
        ..Quality::default()
    }
}

fn failed(quality: &Quality) -> Vec<String> {
    let judged = gates::judge(gates::bounds(), &metrics::gated(quality, &Timing::default()));
    judged.into_iter().filter(|(_, result)| !result.pass).map(|(gate, _)| gate.metric.clone()).collect()
}

#[test]
fn the_gates_of_the_built_in_experiment_are_asked_of_metrics_that_there_are() {
    let names: Vec<&str> = gates::bounds().iter().map(|gate| gate.metric.as_str()).collect();
    assert!(names.contains(&"agreement") && names.contains(&"regret"), "{names:?}");
    let values = metrics::gated(&exact(), &Timing::default());
    assert!(names.iter().all(|name| values.contains_key(*name)), "{names:?}");
}

#[test]
fn the_exact_version_passes() {
    assert_eq!(failed(&exact()), Vec::<String>::new());
    let values = metrics::values(&exact(), &Timing::default());
    assert!(values.contains(&("quality_pass", 1.0)));
}

#[test]
fn what_should_pass_by_the_evidence_passes() {
    // int8 weights, then the worst single sample of an 8-bit cache: agreement, mean regret, perplexity.
    for (agreeing, regret, perplexity) in [(998, 0.94, 1.366f64), (995, 3.1, 1.345)] {
        let quality = Quality {
            agreeing,
            regret_sum: regret,
            worst_prompt_regret: 0.0585,
            nll_sum: 1000.0 * perplexity.ln(),
            exact_nll_sum: 1000.0 * 1.324f64.ln(),
            ..exact()
        };
        assert_eq!(failed(&quality), Vec::<String>::new());
    }
}

#[test]
fn a_coarse_cache_that_perplexity_does_not_see_fails_by_its_regret() {
    let quality = Quality {
        agreeing: 985,
        regret_sum: 13.0,
        worst_prompt_regret: 1.2,
        nll_sum: 1000.0 * 1.369f64.ln(),
        exact_nll_sum: 1000.0 * 1.352f64.ln(),
        ..exact()
    };
    assert_eq!(failed(&quality), ["agreement", "regret", "worst_prompt_regret"]);
}

#[test]
fn a_window_that_forgets_fails_by_the_long_context_even_if_the_mean_of_all_checks_holds() {
    let mut quality = exact();
    quality.checks.get_mut("long/recall").unwrap().passed = 8;
    assert_eq!(failed(&quality), ["sanity_long_vs_exact"]);
}

#[test]
fn the_families_of_the_long_context_are_told_beside_the_gate_on_the_worst_of_them() {
    let mut quality = exact();
    quality.checks.insert("long/copy".to_owned(), Checks { total: 4, passed: 2, exact: 4 });
    let text = harness::report::scores_text(&quality, &Timing::default());
    assert!(
        text.contains("FAIL  sanity_long_vs_exact 0.5000, at least 0.9000 (short by 0.4000)\n"),
        "{text}"
    );
    assert!(text.contains("\n      sanity_long_vs_exact/copy 0.5000\n"), "{text}");
    let object = harness::report::scores("measured", &quality, &Timing::default());
    assert_eq!(object["sanity_long_vs_exact_by"], serde_json::json!({"copy": 0.5, "recall": 1.0}));
}

#[test]
fn a_check_that_the_exact_version_fails_too_is_not_held_against_the_candidate() {
    let mut quality = exact();
    *quality.checks.get_mut("long/recall").unwrap() = Checks { total: 10, passed: 4, exact: 4 };
    assert_eq!(failed(&quality), Vec::<String>::new());
}

#[test]
fn a_sample_in_which_nothing_was_scored_does_not_pass() {
    assert!(!failed(&Quality::default()).is_empty());
}
