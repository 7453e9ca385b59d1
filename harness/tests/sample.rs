//! What an honest worker gets, and what the set-up can do wrong.

mod support;

use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};
use support::{Fixture, Layout, config};

fn harness(arguments: &[&str], input: &str) -> (i32, String) {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn measured(behaviour: &str) -> Value {
    let fixture = Fixture::usual();
    let (status, object) = fixture.sample(&fixture.worker(behaviour), &[]);
    assert_eq!((status, object["outcome"].as_str()), (0, Some("measured")), "{object}");
    object
}

#[test]
fn an_honest_worker_has_no_regret_and_is_its_own_exact_version() {
    let object = measured("honest");
    let metrics = &object["metrics"];
    assert_eq!(metrics["agreement"], 1.0);
    assert_eq!(metrics["quality_pass"], 1.0);
    assert!(metrics["regret"].as_f64().unwrap() < 1e-5, "{metrics}");
    let ratio = metrics["avg_perplexity"].as_f64().unwrap() / metrics["perplexity_exact"].as_f64().unwrap();
    assert!((ratio - 1.0).abs() < 1e-5);
    assert_eq!(metrics["sanity_check"], metrics["sanity_exact"]);
    assert_eq!(object["prompts"].as_array().unwrap().len(), 3);
    assert_eq!(object["quality"]["positions"], object["timing"]["generated_tokens"]);
    for name in ["avg_generation_tps", "avg_prompt_tps", "ttft_ms", "avg_peak_memory_gb", "load_cpu_ms"] {
        assert!(metrics[name].as_f64().unwrap() > 0.0, "{name}");
    }
    assert_eq!(object["cores"]["worker"].as_array().unwrap().len(), 1);
    assert_eq!(object["versions"]["suite"], "test");
}

#[test]
fn a_worker_that_is_wrong_sometimes_fails_by_name_and_the_exact_version_is_decoded_beside_it() {
    let object = measured("wrong-sometimes");
    let failed: Vec<&str> = object["gates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|gate| gate["pass"] == false)
        .map(|gate| gate["name"].as_str().unwrap())
        .collect();
    assert_eq!(object["metrics"]["quality_pass"], 0.0);
    assert!(failed.contains(&"agreement") && failed.contains(&"regret"), "{failed:?}");
    let honest = measured("honest");
    for count in ["exact_positions", "checks"] {
        let exact = |object: &Value| match count {
            "checks" => {
                object["quality"][count].as_object().unwrap().values().map(|c| c["exact"].clone()).collect()
            }
            _ => vec![object["quality"][count].clone()],
        };
        assert_eq!(exact(&object), exact(&honest), "{count}");
    }
    let exact_nll = |object: &Value| object["quality"]["exact_nll_sum"].as_f64().unwrap();
    assert!(
        (exact_nll(&object) - exact_nll(&honest)).abs() < 1e-3,
        "found from another answer, and the same"
    );
}

#[test]
fn holding_tokens_back_makes_the_first_token_as_late_as_the_last() {
    let object = measured("holds-all");
    for line in object["prompts"].as_array().unwrap() {
        assert_eq!(line["ms"], line["ttft_ms"], "{line}");
    }
}

#[test]
fn the_memory_counted_is_the_workers_and_not_the_harnesss() {
    // It loads no model at all; the harness has read the suite and the tokenizer by then.
    let gb = measured("holds-all")["metrics"]["avg_peak_memory_gb"].as_f64().unwrap();
    assert!(gb < 0.02, "{gb}");
}

#[test]
fn samples_are_judged_together_from_their_lines() {
    let (honest, wrong) = (measured("honest"), measured("wrong-sometimes"));
    let mut lines = format!("{honest}\n{wrong}\n");
    // Each fixture has the same weights and suite, so the versions are equal.
    let (status, output) = harness(&["judge", "--json"], &lines);
    let judged: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (status, judged["outcome"].as_str(), judged["samples"].as_u64()),
        (0, Some("judged"), Some(2))
    );
    let positions = |object: &Value| object["quality"]["positions"].as_u64().unwrap();
    assert_eq!(positions(&judged), positions(&honest) + positions(&wrong));
    assert_eq!(judged["metrics"]["quality_pass"], 0.0);
    lines += "{\"outcome\": \"hung\", \"reason\": \"no token\"}\n";
    assert_eq!(harness(&["judge", "--json"], &lines).0, 2);
}

#[test]
fn a_damaged_model_is_the_set_ups_fault_and_no_worker_is_blamed() {
    let cut = |fixture: &Fixture| {
        let path = fixture.path().join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    };
    let gone = |fixture: &Fixture| fs::remove_file(fixture.path().join("model.safetensors")).unwrap();
    let noise = |fixture: &Fixture| fs::write(fixture.path().join("model.safetensors"), [0xff; 64]).unwrap();
    let no_config = |fixture: &Fixture| fs::write(fixture.path().join("config.json"), "{}").unwrap();
    let other_shape = |fixture: &Fixture| {
        let text = config("llama", json!({"num_hidden_layers": 3})).to_string();
        fs::write(fixture.path().join("config.json"), text).unwrap();
    };
    let no_tokenizer = |fixture: &Fixture| fs::write(fixture.path().join("tokenizer.json"), "[]").unwrap();
    let damages: [&dyn Fn(&Fixture); 6] = [&cut, &gone, &noise, &no_config, &other_shape, &no_tokenizer];
    for (i, damage) in damages.into_iter().enumerate() {
        let fixture = Fixture::usual();
        damage(&fixture);
        let (status, object) = fixture.sample(&fixture.worker("honest"), &[]);
        assert_eq!((status, object["outcome"].as_str()), (2, Some("bad_model")), "damage {i}: {object}");
    }
}

#[test]
fn a_tokenizer_that_knows_more_tokens_than_the_model_is_refused() {
    let fixture = Fixture::new(&config("llama", json!({"vocab_size": 90})), Layout::Single, Dtype::F32);
    let (_, object) = fixture.sample(&fixture.worker("honest"), &[]);
    assert_eq!(object["outcome"], "bad_model", "{object}");
}

#[test]
fn a_suite_that_does_not_fit_the_model_is_refused() {
    let fixture =
        Fixture::new(&config("llama", json!({"max_position_embeddings": 40})), Layout::Single, Dtype::F32);
    let (status, object) = fixture.sample(&fixture.worker("honest"), &[]);
    assert_eq!((status, object["outcome"].as_str()), (2, Some("bad_suite")), "{object}");
}

#[test]
fn more_cores_than_there_are_is_a_bad_set_up() {
    let fixture = Fixture::usual();
    let (status, object) = fixture.sample(&fixture.worker("honest"), &["--cores", "1000"]);
    assert_eq!((status, object["outcome"].as_str()), (2, Some("bad_setup")), "{object}");
}

#[test]
fn a_sample_says_how_its_worker_was_confined_and_takes_place_at_no_less_than_was_asked_for() {
    let (level, _) = piton_confine::reachable();
    assert_eq!(measured("honest")["confinement"], level.word());
    let fixture = Fixture::usual();
    let worker = fixture.worker("honest");
    let more = fixture.sample(&worker, &["--confinement", "full"]);
    let enough = level == piton_base::level::Level::Full;
    assert_eq!(more.0, if enough { 0 } else { 2 }, "{}", more.1);
    let mut typed = fixture.command(&worker);
    assert_eq!(typed.env("PITON_CONFINEMENT", "high").output().unwrap().status.code(), Some(2));
}

#[test]
fn the_same_seed_draws_the_same_prompts_and_another_does_not() {
    let draw = |seed: &str| harness(&["draw", "--suite", "climb", "--seed", seed, "--json"], "").1;
    assert_eq!(draw("7"), draw("7"));
    assert_ne!(draw("7"), draw("8"));
}

#[test]
fn the_built_in_suites_can_be_drawn() {
    for suite in ["climb", "instruct"] {
        let (status, output) = harness(&["draw", "--suite", suite, "--seed", "1", "--json"], "");
        let object: Value = serde_json::from_str(&output).unwrap();
        assert!(status == 0 && !object["prompts"].as_array().unwrap().is_empty(), "{suite}");
    }
}

#[test]
fn explain_defines_every_metric_that_a_sample_prints() {
    let (_, output) = harness(&["explain", "--json"], "");
    let explained: Value = serde_json::from_str(&output).unwrap();
    let names: Vec<&str> =
        explained["metrics"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    let sample = measured("honest");
    for name in sample["metrics"].as_object().unwrap().keys() {
        assert!(names.contains(&name.as_str()), "{name}");
    }
    assert!(harness(&["explain"], "").1.contains("VmHWM"));
}
