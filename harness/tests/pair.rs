//! Two workers that are asked in turns.

mod support;

use serde_json::Value;
use std::process::{Command, Stdio};
use support::Fixture;

fn pair(fixture: &Fixture, sides: [&str; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(["pair", "--json", "--seed", "5", "--first"]).arg(fixture.worker(sides[0]));
    command.arg("--second").arg(fixture.worker(sides[1]));
    command.arg("--model").arg(fixture.path()).arg("--suite").arg(fixture.suite());
    command
}

fn run(sides: [&str; 2], more: &[&str]) -> (i32, Value) {
    let output = pair(&Fixture::usual(), sides).args(more).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(text.lines().last().unwrap()).unwrap())
}

#[test]
fn both_sides_answer_the_same_prompts_and_each_has_figures_of_its_own() {
    let (status, object) = run(["honest", "wrong-sometimes"], &[]);
    assert_eq!((status, object["outcome"].as_str()), (0, Some("measured")), "{object}");
    let prompts = |side: &str| -> Vec<(String, String)> {
        let lines = object[side]["prompts"].as_array().unwrap().iter();
        lines.map(|line| (line["task"].to_string(), line["expected"].to_string())).collect()
    };
    assert_eq!(prompts("first"), prompts("second"));
    assert_eq!(object["first"]["metrics"]["agreement"], 1.0);
    assert_ne!(object["second"]["metrics"]["agreement"], 1.0);
    let metric = |side: &str, name: &str| object[side]["metrics"][name].as_f64().unwrap();
    // The ratio is the prompts', the size that of both together.
    let product = |name: &str| metric("first", name) * metric("second", name);
    let apart = (product("paired_tps_cpu") / product("avg_generation_tps_cpu")).ln();
    assert!(apart.abs() < 0.05, "{apart}");
    for side in ["first", "second"] {
        for name in ["avg_generation_tps", "avg_generation_tps_cpu", "avg_peak_memory_gb", "load_cpu_ms"] {
            assert!(object[side]["metrics"][name].as_f64().unwrap() > 0.0, "{side} {name}");
        }
    }
}

#[test]
fn a_side_that_fails_is_named_and_nobody_gets_a_number() {
    for (behaviour, outcome) in [
        ("panics", "crashed"),
        ("fails-at-start", "crashed"),
        ("hangs", "hung"),
        ("never-ready", "hung"),
        ("floods", "too_many"),
        ("answers-unasked", "too_early"),
        ("ends-early", "ended_early"),
        ("stays", "hung"),
        ("works-while-it-loads", "unclocked"),
    ] {
        for (sides, side) in [([behaviour, "honest"], "first"), (["honest", behaviour], "second")] {
            let soon = ["--worker-timeout-s", "1"];
            let (status, object) = run(sides, if outcome == "hung" { &soon } else { &[] });
            let told = (object["outcome"].as_str().unwrap(), object["side"].as_str());
            assert_eq!((status, told), (1, (outcome, Some(side))), "{behaviour}: {object}");
            assert!(object["first"].is_null() && object["metrics"].is_null(), "{object}");
        }
    }
}

#[test]
fn a_larger_scale_asks_more_and_scores_each_prompt_of_the_suite_once() {
    let (_, object) = run(["honest", "honest"], &["--scale", "4"]);
    for side in ["first", "second"] {
        let count = |key: &str| object[side][key].as_array().unwrap().len();
        assert_eq!((count("asked"), count("prompts")), (12, 3), "{object}");
        assert_eq!(object[side]["timing"]["prompts"], 12);
    }
}

#[test]
fn who_does_not_answer_stands_still_and_nobody_outlives_a_harness_that_was_killed() {
    let fixture = Fixture::usual();
    let mut harness =
        pair(&fixture, ["honest", "hangs"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // `hangs` keeps its turn, which begins whenever the coins say.
    let workers = loop {
        let workers = children(harness.id());
        let still = workers.iter().any(|(_, name, state)| name == "honest" && *state == 'T');
        let asked = workers.iter().any(|(_, name, state)| name == "hangs" && matches!(state, 'S' | 'R'));
        if still && asked {
            break workers;
        }
        assert!(harness.try_wait().unwrap().is_none(), "the harness ended: {workers:?}");
        std::thread::yield_now();
    };
    harness.kill().unwrap();
    harness.wait().unwrap();
    for (pid, name, _) in workers {
        while stat(pid).is_some_and(|(_, now, state)| now == name && state != 'Z') {
            std::thread::yield_now();
        }
    }
}

/// Process id, name and state of each child of a process.
fn children(parent: u32) -> Vec<(u32, String, char)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?)))
        .filter(|(_, (of, ..))| *of == parent)
        .map(|(pid, (_, name, state))| (pid, name, state))
        .collect()
}

/// Parent, name and state of a process.
fn stat(pid: u32) -> Option<(u32, String, char)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut words = rest.split_whitespace();
    Some((words.nth(1)?.parse().ok()?, name, rest.trim().chars().next()?))
}
