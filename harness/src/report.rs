//! What is printed about a sample that was measured.

use crate::answer::Timed;
use crate::counts::{Checks, Quality, Timing};
use crate::gates;
use crate::metrics::{self, METRICS, shown};
use crate::process::Cores;
use crate::prompts::Task;
use piton_base::level::Level;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Number of the protocol between harness and worker: the frames of `piton-worker`.
pub const PROTOCOL: u32 = 1;
/// Longest answer that is printed, in characters.
const SHOWN_ANSWER: usize = 400;

/// A measured sample.
#[derive(Debug)]
pub struct Report {
    /// How good the tokens were.
    pub quality: Quality,
    /// How fast they came.
    pub timing: Timing,
    /// One entry per prompt that was scored.
    pub prompts: Vec<PromptLine>,
    /// Task, milliseconds until the last token, and milliseconds on a processor, of every prompt that was asked.
    pub asked: Vec<(String, f64, f64)>,
    /// What it was measured with.
    pub versions: Versions,
    /// What the prompts were drawn from.
    pub seed: u64,
    /// How many times the suite was drawn.
    pub scale: u32,
    /// How the worker was confined.
    pub confinement: Level,
    /// Where it ran.
    pub cores: Cores,
    /// From the start of the process to the loaded model, milliseconds, with all waiting. `load_cpu_ms` is the metric.
    pub load_ms: f64,
    /// Loading the reference and scoring, milliseconds.
    pub scoring_ms: f64,
}

/// What a sample was measured with. Samples are comparable where these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Version of this crate.
    pub harness: String,
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Name of the suite.
    pub suite: String,
    /// SHA-256 of the suite's text.
    pub suite_sha256: String,
    /// SHA-256 of the weights.
    pub model_sha256: String,
}

impl Versions {
    /// This harness with that suite and model.
    pub fn new(suite: &str, suite_sha256: &str, model_sha256: &str) -> Self {
        Self {
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            suite: suite.to_owned(),
            suite_sha256: suite_sha256.to_owned(),
            model_sha256: model_sha256.to_owned(),
        }
    }
}

/// One prompt's line.
#[derive(Debug, Clone, Serialize)]
pub struct PromptLine {
    task: String,
    family: String,
    context: &'static str,
    prompt_tokens: usize,
    generated_tokens: usize,
    /// From the write of the prompt to the last token.
    ms: f64,
    /// From the write of the prompt to the first token.
    ttft_ms: f64,
    /// Time of all threads on a processor, from the write of the prompt until the worker waits for the next one.
    cpu_ms: f64,
    expected: Option<String>,
    /// What its answer is worth.
    #[serde(flatten)]
    judged: Judged,
}

/// What an answer is worth.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    regret: f64,
    agreement: f64,
    perplexity: f64,
    answer: String,
    /// The exact version's answer, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact_answer: Option<String>,
    /// Whether every check passed; `None` where there is none.
    passed: Option<bool>,
    /// The same for the exact version.
    passed_exact: Option<bool>,
}

impl Judged {
    /// From what was counted of an answer.
    pub fn new(counts: &Quality, checks: Checks, answer: &str, exact: &str) -> Self {
        let verdict = |passed: u64| (checks.total > 0).then_some(passed == checks.total);
        Self {
            regret: counts.regret(),
            agreement: counts.agreement(),
            perplexity: counts.perplexity(),
            answer: capped(answer),
            exact_answer: (answer != exact).then(|| capped(exact)),
            passed: verdict(checks.passed),
            passed_exact: verdict(checks.exact),
        }
    }
}

impl PromptLine {
    /// The line of a task, its answer, and what that is worth.
    pub fn new(task: &Task, timed: &Timed, judged: Judged) -> Self {
        Self {
            task: task.prompt.task.clone(),
            family: task.prompt.family.clone(),
            context: task.prompt.context.name(),
            prompt_tokens: task.tokens.len(),
            generated_tokens: timed.tokens.len(),
            ms: 1e3 * timed.last.as_secs_f64(),
            ttft_ms: 1e3 * timed.first.as_secs_f64(),
            cpu_ms: 1e3 * timed.on_processor.as_secs_f64(),
            expected: task.prompt.expected.as_deref().map(capped),
            judged,
        }
    }
}

impl Report {
    /// The value of every metric, by name.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        metrics::values(&self.quality, &self.timing)
    }

    /// The JSON object.
    pub fn json(&self) -> Value {
        let mut object = scores("measured", &self.quality, &self.timing);
        object["seed"] = json!(self.seed);
        object["scale"] = json!(self.scale);
        object["confinement"] = json!(self.confinement);
        object["cores"] = json!(self.cores);
        object["load_ms"] = json!(self.load_ms);
        object["scoring_ms"] = json!(self.scoring_ms);
        object["versions"] = json!(self.versions);
        object["prompts"] = json!(self.prompts);
        object["asked"] = json!(self.asked);
        object
    }

    /// The report for a person.
    pub fn text(&self) -> String {
        let mut text = format!(
            "suite {}, seed {}, {} prompts, {} of them scored, worker on cores {:?}, confinement {}\n\n",
            self.versions.suite,
            self.seed,
            self.asked.len(),
            self.prompts.len(),
            self.cores.worker,
            self.confinement
        );
        let _ = writeln!(
            text,
            "{:<24}{:>8}{:>8}{:>10}{:>10}  checks",
            "task", "prompt", "tokens", "ms", "regret"
        );
        for line in &self.prompts {
            let Judged { regret, passed, passed_exact, .. } = line.judged;
            let verdict = match (passed, passed_exact) {
                (None, _) => "-",
                (Some(true), _) => "pass",
                (Some(false), Some(false)) => "fail (as the exact version)",
                (Some(false), _) => "FAIL",
            };
            let PromptLine { task, prompt_tokens, generated_tokens, ms, .. } = line;
            let _ = writeln!(
                text,
                "{task:<24}{prompt_tokens:>8}{generated_tokens:>8}{ms:>10.1}{regret:>10.4}  {verdict}"
            );
        }
        text.push('\n');
        text + &scores_text(&self.quality, &self.timing)
    }
}

/// Metrics, gates and counts as a JSON object: the part that a sample and a pool of samples share.
pub fn scores(outcome: &str, quality: &Quality, timing: &Timing) -> Value {
    let judged = gates::judge(gates::bounds(), &metrics::gated(quality, timing));
    json!({
        "outcome": outcome,
        "metrics": metrics::object(&metrics::values(quality, timing)),
        "sanity_by": metrics::sanity_by(quality),
        "gates": judged.iter().map(|(gate, result)| gates::object(gate, result)).collect::<Vec<_>>(),
        "sanity_long_vs_exact_by": quality.long_vs_exact().collect::<BTreeMap<_, _>>(),
        "quality": quality,
        "timing": timing,
    })
}

/// The same for a person.
pub fn scores_text(quality: &Quality, timing: &Timing) -> String {
    let mut text = String::new();
    for (name, value) in metrics::values(quality, timing) {
        let unit = METRICS.iter().find(|metric| metric.name == name).map_or("", |metric| metric.unit);
        let _ = writeln!(text, "{name:<24}{:>12}  {unit}", shown(value));
    }
    text.push('\n');
    for (gate, result) in gates::judge(gates::bounds(), &metrics::gated(quality, timing)) {
        let _ = writeln!(text, "{}", gates::line(gate, &result));
    }
    for (family, share) in quality.long_vs_exact() {
        let _ = writeln!(text, "      sanity_long_vs_exact/{family} {share:.4}");
    }
    text
}

fn capped(text: &str) -> String {
    match text.char_indices().nth(SHOWN_ANSWER) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_cut_between_characters() {
        assert_eq!(capped("short"), "short");
        let cut = capped(&"é".repeat(SHOWN_ANSWER + 1));
        assert_eq!(cut, format!("{}...", "é".repeat(SHOWN_ANSWER)));
    }
}
