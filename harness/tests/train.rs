//! A learner is scored by what it says of bytes that it has not seen, within the processor time that it may use.

#![allow(missing_docs)]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/training.toml");

/// The exit status and the object of a sample of this behaviour.
fn sample(behaviour: &str, seed: &str, more: &[&str]) -> (i32, Value) {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap().join("examples/learner");
    let dir = tempfile::tempdir().unwrap();
    let worker = dir.path().join(behaviour);
    if std::fs::hard_link(&built, &worker).is_err() {
        std::fs::copy(&built, &worker).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(["train", "--json", "--budget-s", "1", "--text-kib", "48", "--streams", "4"]);
    command.args(["--length", "400", "--suite", SUITE, "--seed", seed, "--worker"]).arg(worker);
    let output = command.args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), serde_json::from_str(last).unwrap())
}

fn measured(behaviour: &str) -> (f64, f64) {
    let (status, object) = sample(behaviour, "5", &[]);
    assert_eq!((status, &object["outcome"]), (0, &Value::from("measured")), "{object}");
    let metric = |name: &str| object["metrics"][name].as_f64().unwrap();
    (metric("val_bpb"), metric("scored_share"))
}

#[test]
fn what_was_learnt_is_what_counts_and_one_seed_is_one_lesson() {
    let (bits, scored) = measured("counts");
    assert!((2.0..5.0).contains(&bits), "{bits} bits: a count of pairs is better than nothing and not good");
    assert_eq!(scored.to_bits(), 1f64.to_bits());
    assert_eq!(measured("counts").0.to_bits(), bits.to_bits());
    let other = sample("counts", "6", &[]).1;
    assert_ne!(other["metrics"]["val_bpb"].as_f64(), Some(bits), "another seed is another text");
}

#[test]
fn scores_that_are_no_numbers_or_high_for_all_bytes_gain_nothing() {
    assert_eq!(measured("nan").0.to_bits(), 8f64.to_bits());
    let sure = measured("sure").0;
    assert!((sure - 7.0).abs() < 1e-9, "what is cut says the same of every byte: {sure}");
}

#[test]
fn a_worker_that_draws_texts_as_the_harness_does_from_what_it_is_told_knows_none_of_those_that_it_is_scored_on()
 {
    let (status, object) =
        sample("draws", "5", &["--worker-read", concat!(env!("CARGO_MANIFEST_DIR"), "/suites")]);
    assert_eq!((status, &object["outcome"]), (0, &Value::from("measured")), "{object}");
    let bits = object["metrics"]["val_bpb"].as_f64().unwrap();
    assert!(bits > 7.0, "{bits} bits: it is sure of bytes, and they are others");
}

#[test]
fn bytes_that_are_not_scored_within_the_budget_cost_eight_bits() {
    assert_eq!(measured("never-stops"), (8.0, 0.0));
    assert_eq!(measured("threads"), (8.0, 0.0), "whichever thread it is that works");
    let (bits, scored) = measured("slow");
    assert!(scored < 0.5 && bits > 6.0, "{bits} bits, {scored} scored");
}

#[test]
fn what_waits_for_what_is_scored_or_ends_or_prints_has_no_figure() {
    let outcome = |behaviour: &str| {
        let (status, object) = sample(behaviour, "5", &["--sample-timeout-s", "3"]);
        assert_eq!((status, object.get("metrics")), (1, None), "{object}");
        object["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(["waits", "looks-ahead"].map(outcome), ["hung", "hung"]);
    assert_eq!(["leaves", "dies"].map(outcome), ["crashed", "crashed"]);
    assert_eq!(outcome("prints"), "garbage");
}
