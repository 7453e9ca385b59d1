//! What is measured, in plain words.
//!
//! Made from the same tables as the figures, so that it cannot tell another story than they do.

use crate::gates;
use crate::metrics::METRICS;
use crate::outcome::Kind;
use piton_rule::gate::Gate;
use serde_json::{Value, json};
use std::fmt::Write;

const HOW: &str = "\
A sample reads in every file that the worker may read (its binary, the model, the libraries that it is linked to), so
that what was in memory before tells nothing. It starts one worker, waits until it has loaded the model, and sends it
prompts one after the other: token ids, how many tokens to make, and a random number that each frame of the answer
must repeat. Prompts are drawn from the seed, so two candidates can be given the same ones, and none of them can have
been known when the candidate was built. The clock is CLOCK_MONOTONIC_RAW, read when bytes arrive. The worker is
pinned to its own cores and ended after its last token. Only then is the reference model loaded (f32, the harness's
own code) and the tokens that were timed are scored: there is no separate quality pass that a worker could tell apart. Of a
sample that draws the suite several times (--scale) one round of each prompt is scored, drawn after all were answered.";

const NOT_SHOWN: [&str; 5] = [
    "Nothing about other models, other machines or texts much longer than the suite's.",
    "Nothing about sampling: decoding is greedy by the harness's request, and dropping sampling is no gain.",
    "Nothing about many requests at once: prompts are answered one after the other.",
    "The time to load the model is no part of the rate: it is a metric of its own, with a bound.",
    "One sample's few hundred tokens can miss an error that is rare: pool samples with `harness judge`.",
];

/// What a gate on each of these metrics catches.
const CATCHES: [(&str, &str); 6] = [
    ("agreement", "a rare but real error: a coarse cache, a lost position"),
    ("regret", "too coarse weights or cache, sampling, skipped layers"),
    ("worst_prompt_regret", "a worker that is exact on most prompts and not on the rest"),
    ("perplexity_vs_exact", "collapse, and nothing finer: it does not see a 4-bit cache"),
    ("sanity_vs_exact", "answers that went wrong in a way that a person would notice"),
    ("sanity_long_vs_exact", "a window or any other loss of what came long before"),
];

/// Name, rule and purpose of each gate that the harness was built with.
fn gate_table() -> Vec<(&'static str, String, &'static str)> {
    let row = |gate: &'static Gate| {
        let unit = METRICS.iter().find(|metric| metric.name == gate.metric).map_or("", |metric| metric.unit);
        let unit = if matches!(unit, "" | "ratio") { String::new() } else { format!(" {unit}") };
        let catches = CATCHES.iter().find(|(metric, _)| *metric == gate.metric);
        let catches = catches.map_or("what the experiment does not want", |(_, catches)| catches);
        (gate.metric.as_str(), gates::rule(gate) + &unit, catches)
    };
    gates::bounds().iter().map(row).collect()
}

/// For a person.
pub fn text() -> String {
    let mut text = format!("How it is measured\n\n{HOW}\n\nMetrics\n\n");
    for metric in METRICS {
        let unit = if metric.unit.is_empty() { "share" } else { metric.unit };
        let better =
            if metric.better.is_empty() { String::new() } else { format!(", {} is better", metric.better) };
        let _ = writeln!(text, "{} [{unit}{better}]\n{}", metric.name, wrapped(metric.definition));
    }
    text.push_str("\nGates, and what each of them catches\n\n");
    for (name, rule, catches) in gate_table() {
        let _ = writeln!(text, "{name}: {rule}\n    {catches}");
    }
    text.push_str("\nWays in which a sample can end without a number, and the exit status\n\n");
    for kind in Kind::ALL {
        let _ = writeln!(text, "{:<14}{}  {}", kind.name(), kind.exit_status(), kind.meaning());
    }
    text.push_str("\nWhat it does not show\n\n");
    for line in NOT_SHOWN {
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// Lines of at most 100 characters, indented.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::from("   ")];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + word.len() >= 100) {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The same as a JSON object.
pub fn json() -> Value {
    let metrics = METRICS
        .map(|m| json!({"name": m.name, "unit": m.unit, "better": m.better, "definition": m.definition}));
    let row = |(name, rule, catches)| json!({"name": name, "rule": rule, "catches": catches});
    let gates: Vec<Value> = gate_table().into_iter().map(row).collect();
    let outcomes = Kind::ALL
        .map(|k| json!({"outcome": k.name(), "exit_status": k.exit_status(), "meaning": k.meaning()}));
    json!({"how": HOW.replace('\n', " "), "metrics": metrics, "gates": gates, "outcomes": outcomes, "not_shown": NOT_SHOWN})
}
