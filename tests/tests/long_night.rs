//! Reports and logs of long runs, from ledgers with generated records and real commits.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use piton::flight::{Flight, Owner, State};
use piton::ledger::{Ledger, Run};
use piton::trial::Record;
use piton_tests::Scratch;
use serde_json::{Value, json};

/// Commits of `n` trials, each an edit of the file of the incumbent; every `every`th becomes the incumbent.
fn commits(toy: &Scratch, n: u32, every: u32) -> Vec<String> {
    let base = toy.git(&["rev-parse", "HEAD"]);
    let mut stream = String::new();
    for i in 1..=n {
        let from = match (i - 1) / every * every {
            0 => base.clone(),
            incumbent => format!(":{incumbent}"),
        };
        let lines: String = (0..60)
            .map(|line| {
                let value = if line % 9 == i % 9 { i } else { line };
                format!("pub fn step_{line}(x: f32) -> f32 {{ x * {value}.0 + {line}.5 }}\n")
            })
            .collect();
        let _ = write!(
            stream,
            "commit refs/heads/generated\nmark :{i}\ncommitter t <t@example.org> 0 +0000\ndata 5\ntrial\nfrom {from}\nM 100644 inline src/work.rs\ndata {}\n{lines}\n",
            lines.len()
        );
    }
    let marks = toy.path().join(".git/marks");
    let mut git = Command::new("git")
        .args(["fast-import", "--quiet", "--force"])
        .arg(format!("--export-marks={}", marks.display()))
        .current_dir(toy.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
    let marks: BTreeMap<u32, String> = std::fs::read_to_string(marks)
        .unwrap()
        .lines()
        .map(|line| {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            (mark.parse().unwrap(), id.to_owned())
        })
        .collect();
    std::iter::once(base).chain(marks.into_values()).collect()
}

fn values(tps: f64) -> Value {
    json!({ "speed": tps, "quality": 1.0, "ttft_ms": 61.5, "avg_peak_memory_gb": 0.021, "avg_perplexity": 3.25, "agreement": 0.9991, "regret": 0.0004, "avg_prompt_tps": 2204.5 })
}

fn record(i: u32, every: u32, commits: &[String]) -> Record {
    let kept = i > 0 && i.is_multiple_of(every);
    let gain = if kept { 0.012 } else { 0.001 * f64::from(i % 7) - 0.01 };
    let estimate = json!({ "pairs": 12, "gain": gain, "low": gain - 0.008, "high": gain + 0.009 });
    let outcome = match i % 11 {
        _ if i == 0 => json!({ "kind": "baseline" }),
        _ if kept => json!({ "kind": "judged", "verdict": { "keep": "better" }, "estimate": estimate }),
        1 => {
            json!({ "kind": "build_failed", "error": "error[E0308]: mismatched types, expected `f32`, found `f64` (src/work.rs:12:5), and then some more words about it" })
        }
        2 => json!({ "kind": "gate_failed", "gate": "quality", "estimate": estimate }),
        3 => json!({ "kind": "void", "reason": "processes waited for a core 80 % of the time (limit 60 %)" }),
        _ => json!({ "kind": "judged", "verdict": "not_shown_better", "estimate": estimate }),
    };
    let measured = !matches!(i % 11, 1 | 3) || kept || i == 0;
    let speed = 100.0 + f64::from(i / every) + f64::from(i % 13) * 0.1;
    let pairs: Vec<Value> = (0..if measured { 12 } else { 0 })
        .map(|p| {
            let first = if (i + p).is_multiple_of(2) { "incumbent" } else { "challenger" };
            json!({ "first": first, "prompts": p, "incumbent": values(speed), "challenger": values(speed + 0.5), "gain": gain + 0.004 * (f64::from(p) - 5.5) })
        })
        .collect();
    let changes = json!({ "constants": [{ "name": "STEP", "from": i.to_string(), "to": (i + 1).to_string() }], "functions_added": [], "functions_removed": [], "dependencies_added": [], "dependencies_removed": [], "unsafe_more": 0, "threads_more": 0, "lines_added": 7, "lines_removed": 7, "code_lines_more": 0, "simpler": false, "trade_offs": [] });
    let incumbent = if i == 0 { None } else { Some(&commits[((i - 1) / every * every) as usize]) };
    let whole = json!({
        "run": "long", "trial": i, "description": format!("try {i}: step {} with its own accumulator, and the rest as it was", i % 60),
        "started": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + i / 1440, i / 60 % 24, i % 60),
        "commit": commits[i as usize], "parent": incumbent, "outcome": outcome,
        "metrics": if measured { values(speed) } else { Value::Null }, "pairs": pairs, "tau": 0.01, "resolves": 0.006,
        "gates": if measured { json!([{ "metric": "quality", "value": 1.0, "bound": ">= 0.9", "pass": i % 11 != 2 }]) } else { json!([]) },
        "changes": if i == 0 { Value::Null } else { changes.clone() }, "since_baseline": if i == 0 { Value::Null } else { changes },
        "artifact": "ab".repeat(32), "seed": i, "seconds": { "agent": 71.0, "build": 8.5, "measure": 40.0, "total": 51.0 },
        "harness": "cd".repeat(32), "seal": "ef".repeat(20), "rule": "coin pairs, standard, alpha 0.02, at most 64 pairs",
        "confinement": "strong", "machine": "a processor, 2 cores, linux 6.18", "piton": "0.1.0"
    });
    serde_json::from_value(whole).unwrap()
}

/// A toy with a run `long` of `n` trials.
fn night(n: u32, every: u32) -> Scratch {
    let toy = Scratch::toy();
    let commits = commits(&toy, n, every);
    let ledger = Ledger::open(&toy.path().join(".git/piton")).unwrap();
    let run = Run {
        name: "long".into(),
        base: commits[0].clone(),
        seal: "ef".repeat(20),
        harness: None,
        config: toy.read("piton.toml"),
        began: "2026-11-01T00:00:00Z".into(),
    };
    let flight = |record: Record| Flight {
        state: State::Proposed,
        record,
        tree: None,
        work: "x".into(),
        owner: Owner::Piton,
    };
    ledger.begin(&run, &flight(record(0, every, &commits))).unwrap();
    for i in 1..=n {
        let record = record(i, every, &commits);
        ledger.propose(&flight(record.clone())).unwrap();
        ledger.decide(&record, None).unwrap();
        ledger.applied("long", i).unwrap();
    }
    toy
}

#[test]
fn a_report_of_2000_trials_with_150_keeps_has_less_than_3_mb_and_says_what_it_left_out() {
    let toy = night(2000, 13);
    let begun = Instant::now();
    let said = toy.piton(&["report", "--run", "long"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = std::fs::read(said.out.trim()).unwrap();
    // Not asserted: a build with debug assertions on a busy machine says nothing about a night's report.
    eprintln!("{} bytes in {:.2} s", page.len(), begun.elapsed().as_secs_f64());
    assert!(page.len() < 3_000_000, "{}", page.len());
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page.matches("<details class=\"trial\"").count(), 2001);
    assert!(page.contains("To keep this page small it holds no details of "), "what is left out is told");
    let first = page.find("id=\"t13\"").unwrap();
    assert!(page[first..first + 6000].contains("<ins>+pub fn step_"), "a keep has its diff, however old");
    if let Ok(keep) = std::env::var("PITON_KEEP_NIGHT") {
        Command::new("cp").arg("-r").arg(toy.path()).arg(keep).status().unwrap();
    }
}

#[test]
fn a_log_whose_reader_has_gone_ends_and_is_no_error() {
    let toy = night(300, 13);
    let mut log = toy.command(&["log", "--run", "long", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(log.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "[\n");
    assert_eq!(log.wait().unwrap().code(), Some(0));
}

#[test]
#[ignore = "measures: prints when the first and the last line of a log of 20,000 trials come"]
fn the_first_line_of_a_log_of_20_000_trials() {
    let toy = night(20_000, 130);
    for arguments in [
        vec!["log", "--run", "long"],
        vec!["log", "--run", "long", "--kept"],
        vec!["log", "--run", "long", "--last", "20"],
    ] {
        let begun = Instant::now();
        let mut log = toy.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(log.stdout.take().unwrap()).lines();
        // The fourth is the first with a trial.
        assert!(lines.nth(3).is_some());
        let first = begun.elapsed().as_secs_f64();
        let all = lines.count();
        log.wait().unwrap();
        eprintln!(
            "{arguments:?}: first {:.1} ms, {all} more in {:.2} s",
            first * 1e3,
            begun.elapsed().as_secs_f64()
        );
    }
    let begun = Instant::now();
    toy.piton(&["report", "--run", "long"]);
    eprintln!("the report: {:.2} s", begun.elapsed().as_secs_f64());
}
