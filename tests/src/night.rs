//! Nights that nobody climbed: ledgers with generated records and real commits, for what reads long runs.
//!
//! The same figures give the same night, to the byte but for the commits' ids, which depend on git alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use piton_core::base::commit::CommitId;
use piton_core::run::summary::Verification;
use piton_core::trial::record::Record;
use piton_core::trial::state::{Owner, State, TrialInProgress};
use piton_system::ledger::{Ledger, Run};
use serde_json::{Value, json};

use crate::Scratch;

/// The name of the run.
pub const RUN: &str = "night";
/// What a proposer wrote into trial 3: it must stay text wherever it is shown.
pub const HOSTILE: &str =
    "</summary></details><script>fetch('//example.org')</script><img src=x onerror=alert(1)> & \u{202e}\"'`";

/// Ideas: family, what is tried, why.
const IDEAS: [(&str, &str, &str); 8] = [
    ("fusion", "fuse the gate and up projections", "both read the same activations: one pass instead of two"),
    (
        "layout",
        "store the keys in pages of 256 tokens",
        "a page stays in the cache while its head is worked on",
    ),
    (
        "precision",
        "8-bit weights in blocks of 32",
        "half of the memory traffic, and rounding that regret allows",
    ),
    ("vector", "unroll the dot product by eight", "eight sums hide the latency of the additions"),
    ("allocation", "one scratch buffer for all layers", "the allocator is asked once, not 24 times a token"),
    ("attention", "skip masked positions in the softmax", "half of a causal matrix is zero"),
    ("sampling", "argmax without sorting the logits", "a pass over 32,000 logits instead of a sort"),
    ("prefill", "read the prompt in batches of 64", "each weight is read once for 64 tokens"),
];

/// What a night came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Trials, the baseline not among them.
    pub trials: u32,
    /// How many of them were kept.
    pub keeps: u32,
    /// Whether HEAD was verified in the end.
    pub verified: bool,
}

/// A fraction from 0 to 1 that belongs to two numbers.
fn chance(a: u32, b: u32) -> f64 {
    let mut x = (u64::from(a) << 32 | u64::from(b)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// About a standard normal number that belongs to two numbers.
fn noise(a: u32, b: u32) -> f64 {
    (0..6).map(|i| chance(a, b * 8 + i) - 0.5).sum::<f64>() * 2f64.sqrt()
}

/// One trial to be: how it ends, and what it is held against.
#[derive(Debug, Clone)]
struct NightStep {
    trial: u32,
    parent: u32,
    /// The branch's level before it, natural logarithm over the baseline.
    level: f64,
    gain: f64,
    end: End,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Baseline,
    Keep(&'static str),
    Bundle(u32),
    Worse,
    Unsure,
    Guard,
    Gate,
    Build,
    Crash,
    Late,
    Void,
    Duplicate,
    NoEdit,
    Blind,
}

impl NightStep {
    /// Whether it has an edit of its own.
    fn edits(&self) -> bool {
        !matches!(self.end, End::NoEdit | End::Blind | End::Bundle(_) | End::Baseline)
    }

    fn measured(&self) -> bool {
        use End::{Baseline, Blind, Bundle, Gate, Guard, Keep, Unsure, Worse};
        matches!(self.end, Baseline | Keep(_) | Bundle(_) | Worse | Unsure | Guard | Gate | Blind)
    }
}

/// All of them, and where the branch stands in the end: trial and level.
fn steps(plan: Plan) -> (Vec<NightStep>, (u32, f64)) {
    let start = NightStep { trial: 0, parent: 0, level: 0.0, gain: 0.0, end: End::Baseline };
    let (mut steps, mut line, mut kept) = (vec![start], vec![(0, 0.0)], 0);
    let mut aside = false;
    for trial in 1..=plan.trials {
        let (parent, level) = line[line.len() - 1];
        let due = (u64::from(trial) * u64::from(plan.keeps) / u64::from(plan.trials.max(1))) as u32 > kept;
        // The sixth keep is one for now, and does not hold: where a run has so many, it branches.
        let (end, gain) = if aside {
            (End::Bundle(parent), -0.002)
        } else if due {
            kept += 1;
            let gain = 0.9 / f64::from(plan.keeps + 12) * (0.25 + 1.5 * chance(trial, 1));
            let path = match kept {
                6 => "provisional",
                _ if kept % 9 == 0 => "simpler",
                _ => "better",
            };
            (End::Keep(path), if path == "better" { gain } else { 0.001 })
        } else {
            let gain = 0.004 * noise(trial, 2) - 0.006;
            match (chance(trial, 3) * 100.0) as u32 {
                _ if trial == 3 => (End::Unsure, gain),
                0..=44 => (End::Unsure, gain),
                45..=61 => (End::Worse, gain - 0.05 * chance(trial, 4)),
                62..=64 => (End::Guard, gain.abs()),
                65..=73 => (End::Gate, 0.12 * chance(trial, 4)),
                74..=82 => (End::Build, 0.0),
                83..=86 => (End::Crash, 0.0),
                87..=88 => (End::Late, 0.0),
                89..=91 => (End::Void, 0.0),
                92..=95 => (End::Duplicate, 0.0),
                96..=97 => (End::NoEdit, 0.0),
                _ => (End::Blind, 0.0005 * noise(trial, 2)),
            }
        };
        if let End::Keep(path) = end {
            line.push((trial, level + gain));
            aside = path == "provisional";
        } else if aside {
            line.pop();
            aside = false;
        }
        steps.push(NightStep { trial, parent, level, gain, end });
    }
    (steps, line[line.len() - 1])
}

/// The commits of all trials, by number, each an edit of the file of the incumbent.
fn commits(toy: &Scratch, steps: &[NightStep]) -> BTreeMap<u32, String> {
    let base = toy.git(&["rev-parse", "HEAD"]);
    let mut stream = String::new();
    for step in steps.iter().filter(|step| step.edits()) {
        let from = if step.parent == 0 { base.clone() } else { format!(":{}", step.parent) };
        let lines: String = (0..60)
            .map(|line| {
                let value = if line % 9 == step.trial % 9 { step.trial } else { line };
                format!("pub fn step_{line}(x: f32) -> f32 {{ x * {value}.0 + {line}.5 }}\n")
            })
            .collect();
        let _ = write!(
            stream,
            "commit refs/heads/generated\nmark :{}\ncommitter t <t@example.org> 0 +0000\ndata 5\ntrial\nfrom {from}\nM 100644 inline src/work.rs\ndata {}\n{lines}\n",
            step.trial,
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
        .expect("git is installed");
    git.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
    assert!(git.wait().expect("git ends").success());
    let marks = std::fs::read_to_string(marks).unwrap_or_default();
    let mark = |line: &str| {
        let (mark, id) = line[1..].split_once(' ').expect("`:MARK ID`");
        (mark.parse().expect("a number"), id.to_owned())
    };
    std::iter::once((0, base)).chain(marks.lines().map(mark)).collect()
}

fn values(trial: u32, sample: u32, level: f64) -> Value {
    let around =
        |middle: f64, spread: f64, salt: u32| middle * (1.0 + spread * noise(trial, sample * 16 + salt));
    json!({
        "avg_generation_tps": around(640.0 * level.exp(), 0.01, 0), "avg_prompt_tps": around(2204.5, 0.02, 1),
        "ttft_ms": around(61.5 * (-0.4 * level).exp() * (1.0 + 0.2 * chance(trial, 9)), 0.01, 2),
        "avg_peak_memory_gb": around(0.021 * (1.0 + 0.3 * chance(trial, 8)), 0.001, 3), "avg_perplexity": around(3.25, 0.001, 4),
        "agreement": around(0.999, 0.0002, 5), "regret": around(0.0004, 0.1, 6), "quality": 1.0,
    })
}

fn outcome(step: &NightStep, estimate: &Value) -> Value {
    let judged = |verdict: Value| json!({ "kind": "judged", "verdict": verdict, "estimate": estimate });
    match &step.end {
        End::Baseline => json!({ "kind": "baseline" }),
        End::Keep(path) => judged(json!({ "keep": path })),
        End::Bundle(of) => json!({ "kind": "bundle", "holds": false, "trials": [of], "estimate": estimate }),
        End::Worse => judged(json!("worse")),
        End::Unsure => judged(json!("not_shown_better")),
        End::Guard => judged(json!({ "guarded": "avg_peak_memory_gb" })),
        End::Gate => json!({ "kind": "gate_failed", "gate": "quality", "estimate": estimate }),
        End::Build => json!({
            "kind": "build_failed",
            "error": "error[E0308]: mismatched types\n  --> src/work.rs:12:5\n   |\n12 |     x * 3.0_f64\n   |     ^^^^^^^^^^^ expected `f32`, found `f64`\n"
        }),
        End::Crash => {
            json!({ "kind": "run_failed", "how": "crashed", "reason": "thread 'main' panicked at src/work.rs:31:9: index out of bounds: the len is 256 but the index is 256" })
        }
        End::Late => json!({ "kind": "timed_out", "stage": "measure", "limit_s": 90 }),
        End::Void => {
            json!({ "kind": "void", "reason": "processes waited for a core 80 % of the time (limit 60 %)" })
        }
        End::Duplicate => json!({ "kind": "duplicate", "of": step.trial / 2 }),
        End::NoEdit => json!({ "kind": "no_edit" }),
        End::Blind => json!({ "kind": "blind", "verdict": "not_shown_better", "estimate": estimate }),
    }
}

fn record(step: &NightStep, commits: &BTreeMap<u32, String>) -> Record {
    let NightStep { trial, gain, .. } = *step;
    let (family, what, why) = IDEAS[(chance(trial, 5) * 8.0) as usize];
    let edits = step.edits();
    let description = match step.end {
        End::Baseline => "baseline".to_owned(),
        End::Blind => "the incumbent against itself".to_owned(),
        End::Bundle(_) => "the keeps for now, together".to_owned(),
        _ if trial == 3 => HOSTILE.to_owned(),
        _ => format!("{what}, variant {trial}"),
    };
    let n = match step.end {
        End::Keep(_) | End::Baseline | End::Bundle(_) => 12,
        End::Worse | End::Gate => 4 + trial % 4,
        _ => 12 + trial % 24,
    };
    let pairs: Vec<Value> = (0..if step.measured() { n } else { 0 })
        .map(|pair| {
            let first = if chance(trial, 40 + pair) < 0.5 { "incumbent" } else { "challenger" };
            json!({
                "first": first, "prompts": pair, "incumbent": values(trial, 2 * pair + 20, step.level),
                "challenger": values(trial, 2 * pair + 21, step.level + gain), "gain": gain + 0.008 * noise(trial, 200 + pair)
            })
        })
        .collect();
    let wide = 0.02 / f64::from(n).sqrt();
    let estimate = json!({ "pairs": n, "gain": gain, "low": gain - wide, "high": gain + wide });
    let changes = edits.then(|| {
        let trade_offs: &[&str] = if family == "precision" { &["coarser weights: rounding in every product"] } else { &[] };
        json!({
            "constants": [{ "name": "STEP", "from": trial.to_string(), "to": (trial + 1).to_string() }],
            "functions_added": [format!("step_{}", trial % 60)], "functions_removed": [], "dependencies_added": [], "dependencies_removed": [],
            "unsafe_more": i64::from(family == "vector"), "threads_more": 0, "lines_added": 7, "lines_removed": 7, "tokens_more": 0,
            "simpler": false, "trade_offs": trade_offs
        })
    });
    let claim = json!({ "hypothesis": why, "family": family, "expected_pct": (chance(trial, 6) * 80.0).round() / 10.0 });
    let agent = json!({
        "name": "claude", "model": "a-model-4", "end": "done", "calls": 1, "usd": (chance(trial, 7) * 40.0).round() / 100.0,
        "tokens_in": 60_000 + trial * 7, "tokens_out": 1800 + trial
    });
    let gates = json!([
        { "metric": "quality", "value": if step.end == End::Gate { 0.5 } else { 1.0 }, "bound": ">= 0.9", "pass": step.end != End::Gate },
        { "metric": "regret", "value": 0.0004, "bound": "<= 0.0017", "pass": true }
    ]);
    let (build, measure) = (8.0 + chance(trial, 10), f64::from(n) * 1.5);
    let near = edits && trial > 20 && trial.is_multiple_of(17);
    let like = json!({ "trial": trial / 2, "share": 0.86, "kept": false, "reason": "not_shown_better", "gain": -0.004 });
    let whole = json!({
        "run": RUN, "trial": trial, "description": description, "claim": if edits { claim } else { json!({}) },
        "begun_as": near.then(|| trial - 9), "like": near.then_some(like),
        "started": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + trial / 1440, trial / 60 % 24, trial % 60),
        "commit": commits.get(&trial), "parent": (trial > 0).then(|| &commits[&step.parent]), "outcome": outcome(step, &estimate),
        "metrics": step.measured().then(|| values(trial, 0, step.level + gain)), "pairs": pairs, "tau": 0.008, "resolves": 0.006,
        "void_pairs": [], "gates": if step.measured() { gates } else { json!([]) }, "changes": changes, "since_baseline": changes,
        "artifact": edits.then(|| "ab".repeat(32)), "seed": trial,
        "seconds": { "agent": if edits { 40.0 + 60.0 * chance(trial, 11) } else { 0.0 }, "build": build, "measure": measure, "total": build + measure + 2.5 },
        "agent": edits.then_some(agent), "harness": "cd".repeat(32), "seal": "ef".repeat(20),
        "rule": "coin pairs, standard, alpha 0.02, at most 64 pairs", "confinement": "strong",
        "machine": "a processor, 2 cores, linux 6.18", "piton": "0.1.0"
    });
    serde_json::from_value(whole).expect("a record")
}

/// What is climbed: settings that nothing is ever built or measured by.
const EXPERIMENT: &str = r#"name = "llm-inference"
[metric]
name = "avg_generation_tps"
direction = "higher"
unit = "tokens/s"
memory = "avg_peak_memory_gb"
[scope]
editable = ["src"]
[build]
command = ["true"]
artifact = "{target}/x"
timeout_s = 20
[measure]
command = ["true"]
timeout_s = 20
[rule]
as_good = true
[[second]]
metric = "ttft_ms"
direction = "lower"
[[guard]]
metric = "avg_peak_memory_gb"
direction = "lower"
limit_pct = 10.0
[[gate]]
metric = "quality"
min = 0.9
"#;

/// A repository in which this night was climbed. Its trials are in the ledger, their commits in git; nothing else is.
pub fn night(plan: Plan) -> Scratch {
    let toy = Scratch::toy();
    toy.write("piton.toml", EXPERIMENT);
    toy.commit("the experiment");
    let (steps, head) = steps(plan);
    let commits = commits(&toy, &steps);
    let ledger = Ledger::open_or_create(&toy.path().join(".git/piton")).expect("a ledger");
    let base = commits[&0].clone();
    let run = Run {
        name: RUN.into(),
        base: CommitId::of(&base),
        seal: "ef".repeat(20),
        harness: None,
        config: EXPERIMENT.into(),
        began: "2026-11-01T00:00:00Z".into(),
        within: String::new(),
        worktree: None,
        locks: true,
    };
    ledger.begin(&run, &in_progress(record(&steps[0], &commits))).expect("a run");
    for step in &steps[1..] {
        enter(&ledger, record(step, &commits));
    }
    if plan.verified {
        ledger
            .add_verification(&verified(&steps, head.1, (base, commits[&head.0].clone())))
            .expect("a figure");
    }
    toy
}

fn in_progress(record: Record) -> TrialInProgress {
    TrialInProgress { state: State::Proposed, record, tree: None, work: "x".into(), owner: Owner::Piton }
}

fn enter(ledger: &Ledger, record: Record) {
    let trial = record.trial;
    ledger.propose(&in_progress(record.clone())).expect("a trial");
    ledger.decide(&record, None).expect("a verdict");
    ledger.applied(RUN, trial).expect("a mark");
}

/// Enters one trial more into a night: what trial `like` came to, once again.
pub fn one_more(toy: &Scratch, like: u32) {
    let ledger = Ledger::open(&toy.path().join(".git/piton")).expect("a ledger");
    let last = ledger.last(RUN, 1).expect("a ledger")[0].trial;
    let record = ledger.record(RUN, like).expect("a ledger").expect("a trial");
    enter(&ledger, Record { trial: last + 1, ..record });
}

/// The night's figure: what is left of the sum of the keeps when it is measured anew.
fn verified(steps: &[NightStep], naive: f64, (baseline, head): (String, String)) -> Verification {
    let pair = |n: u32| json!({ "first": "incumbent", "prompts": n, "incumbent": values(0, n, 0.0), "challenger": values(0, n, naive), "gain": naive * 0.86 });
    let each = steps.iter().filter(|step| matches!(step.end, End::Keep(path) if path != "provisional"));
    let each = each.map(|step| {
        let pays = step.trial % 7 != 0;
        let own = step.gain * if pays { 0.9 } else { 0.1 };
        json!({ "trial": step.trial, "description": "", "recorded": step.gain, "own": [own, 12, pays], "without": null })
    });
    serde_json::from_value(json!({
        "run": RUN, "at": "2026-11-02T06:00:00Z", "baseline": baseline, "head": head, "seed": 7,
        "gain": naive * 0.86, "low": naive * 0.82, "high": naive * 0.9, "naive": naive, "pairs": (0..20).map(pair).collect::<Vec<_>>(), "each": each.collect::<Vec<_>>(),
        "seconds": 300.0
    }))
    .expect("a figure")
}
