//! The names, units and definitions of the metrics, and their values from counts.
//!
//! One table, from which the JSON object, the readable report and `explain` are all made: a metric cannot be
//! printed without being defined, nor be defined in two ways.

use crate::counts::{Quality, Timing};
use crate::gates;
use piton_base::metric::Values;
use serde_json::{Map, Value};

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name everywhere: JSON, `piton.toml`, `results.tsv`.
    pub name: &'static str,
    /// Unit, empty for a share.
    pub unit: &'static str,
    /// `higher`, `lower`, or empty where neither is better.
    pub better: &'static str,
    /// What it is, in one or two sentences.
    pub definition: &'static str,
    value: fn(&Quality, &Timing) -> f64,
}

/// Every metric, in the order in which they are printed.
pub const METRICS: [Metric; 23] = [
    Metric {
        name: "avg_generation_tps",
        unit: "tokens/s",
        better: "higher",
        definition: "generated tokens / time from the write of the prompt to the arrival of its last token, all \
                     tokens over all time, so that holding tokens back gains nothing",
        value: |_, t| t.generation_tps(),
    },
    Metric {
        name: BY_PROCESSOR,
        unit: "tokens/processor s",
        better: "higher",
        definition: "generated tokens / time of all threads of the worker on a processor, from the write of its first \
                     prompt to its end: what it does between answers and after the last one counts, and what other \
                     programs do meanwhile does not. Only with --cores 1: on several, less of it is no more speed",
        value: |_, t| t.generation_tps_cpu(),
    },
    Metric {
        name: PAIRED,
        unit: "tokens/processor s",
        better: "higher",
        definition: "in a pair, avg_generation_tps_cpu with the ratio of the two sides by what two ways of taking it agree on: \
                     the total times, and prompt by prompt, for each task the mean of the log ratios without the lowest and \
                     the highest fifth (at least one of each where there are three), tasks weighted by their share of the \
                     time. The smaller ratio counts, and none where they disagree on who is faster; besides, what each side \
                     does beside its answers. Of a worker alone it is avg_generation_tps_cpu",
        value: |_, t| t.paired_tps_cpu(),
    },
    Metric {
        name: "avg_prompt_tps",
        unit: "tokens/s",
        better: "higher",
        definition: "prompt tokens / time from the write of the prompt to the arrival of the first token, all tokens \
                     over all time",
        value: |_, t| t.prompt_tps(),
    },
    Metric {
        name: "ttft_ms",
        unit: "ms",
        better: "lower",
        definition: "time from the write of the prompt to the arrival of the first token, mean over the prompts",
        value: |_, t| t.ttft_ms(),
    },
    Metric {
        name: "avg_peak_memory_gb",
        unit: "10^9 bytes",
        better: "lower",
        definition: "peak resident memory of the worker, as the kernel counts it (VmHWM), read while it is alive \
                     after its last token; mean over the samples",
        value: |_, t| t.peak_memory_gb(),
    },
    Metric {
        name: "load_cpu_ms",
        unit: "ms",
        better: "lower",
        definition: "time of all threads of the worker on a processor from its start until it says that the model is \
                     loaded; mean over the samples. What is worked out beforehand is paid for here",
        value: |_, t| t.load_cpu_ms(),
    },
    Metric {
        name: "idle_cpu_ms",
        unit: "ms",
        better: "lower",
        definition: "the same between the last token of an answer and the next prompt, and from the last answer to its \
                     end; mean over the samples",
        value: |_, t| t.idle_cpu_ms(),
    },
    Metric {
        name: "asked_cpu_s",
        unit: "s",
        better: "",
        definition: "time of all threads of a worker on a processor, from the write of its first prompt to its end; mean \
                     over the samples. How long a sample is",
        value: |_, t| t.asked_cpu_s / t.samples as f64,
    },
    Metric {
        name: "avg_perplexity",
        unit: "per token",
        better: "lower",
        definition: "exp of the mean negative log-likelihood, in nats, of the generated tokens under the reference \
                     model",
        value: |q, _| q.perplexity(),
    },
    Metric {
        name: "perplexity_exact",
        unit: "per token",
        better: "",
        definition: "avg_perplexity of the tokens that the reference model itself generates on the same prompts",
        value: |q, _| q.perplexity_exact(),
    },
    Metric {
        name: "perplexity_vs_exact",
        unit: "ratio",
        better: "lower",
        definition: "avg_perplexity / perplexity_exact; it only catches collapse",
        value: |q, _| q.perplexity_vs_exact(),
    },
    Metric {
        name: "agreement",
        unit: "",
        better: "higher",
        definition: "share of the generated tokens with a regret of at most 0.1 nat",
        value: |q, _| q.agreement(),
    },
    Metric {
        name: "same_argmax",
        unit: "",
        better: "",
        definition: "share of the generated tokens that are the reference's most likely one; no gate, since harmless \
                     rounding flips true ties",
        value: |q, _| q.same_argmax as f64 / q.positions as f64,
    },
    Metric {
        name: "regret",
        unit: "nats",
        better: "lower",
        definition: "log p(the reference's most likely token) - log p(the token chosen), with the worker's own tokens \
                     before it; mean over all generated tokens",
        value: |q, _| q.regret(),
    },
    Metric {
        name: "worst_prompt_regret",
        unit: "nats",
        better: "lower",
        definition: "mean regret over one prompt's tokens, for the prompt where it is largest",
        value: |q, _| q.worst_prompt_regret,
    },
    Metric {
        name: "sanity_check",
        unit: "",
        better: "higher",
        definition: "share of the checks on the answers' text that passed (does it begin with the right answer, ...)",
        value: |q, _| q.all_checks().share(),
    },
    Metric {
        name: "sanity_exact",
        unit: "",
        better: "",
        definition: "sanity_check of the answers that the reference model itself gives to the same prompts",
        value: |q, _| q.all_checks().exact_share(),
    },
    Metric {
        name: "sanity_vs_exact",
        unit: "ratio",
        better: "higher",
        definition: "checks passed as a part of those that the reference's own answers pass; 1 where it passes none",
        value: |q, _| q.all_checks().versus_exact(),
    },
    Metric {
        name: "sanity_long_vs_exact",
        unit: "ratio",
        better: "higher",
        definition: "sanity_vs_exact over the long context, for the family for which it is smallest",
        value: |q, _| q.long_vs_exact().map(|(_, share)| share).reduce(f64::min).unwrap_or(1.0),
    },
    Metric {
        name: "sanity_short",
        unit: "",
        better: "higher",
        definition: "sanity_check over the prompts that fill little of the context",
        value: |q, _| q.checks_where(|context, _| context == "short").share(),
    },
    Metric {
        name: "sanity_long",
        unit: "",
        better: "higher",
        definition: "sanity_check over the prompts that fill most of the context",
        value: |q, _| q.checks_where(|context, _| context == "long").share(),
    },
    Metric {
        name: QUALITY_PASS,
        unit: "1 or 0",
        better: "higher",
        definition: "1 where every gate holds that the piton.toml had with which the harness was built",
        value: |q, t| if gates::pass(gates::bounds(), &gated(q, t)) { 1.0 } else { 0.0 },
    },
];

const QUALITY_PASS: &str = "quality_pass";
const PAIRED: &str = "paired_tps_cpu";
const BY_PROCESSOR: &str = "avg_generation_tps_cpu";

/// The metrics that these counts give.
fn known(timing: &Timing) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(|metric| !matches!(metric.name, BY_PROCESSOR | PAIRED) || timing.asked_cpu_s > 0.0)
}

/// What gates are asked of: every metric but the one that the gates come to, which bounds nothing.
pub fn gated(quality: &Quality, timing: &Timing) -> Values {
    let asked = known(timing).filter(|metric| metric.name != QUALITY_PASS);
    asked.map(|metric| (metric.name.to_owned(), (metric.value)(quality, timing))).collect()
}

/// The value of every metric, by name, in the order of [`METRICS`].
pub fn values(quality: &Quality, timing: &Timing) -> Vec<(&'static str, f64)> {
    known(timing).map(|metric| (metric.name, (metric.value)(quality, timing))).collect()
}

/// The same as a JSON object.
pub fn object(values: &[(&'static str, f64)]) -> Map<String, Value> {
    values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// The share of checks passed for each context, each family and each pair of both, as `long`, `recall` and
/// `long/recall`.
pub fn sanity_by(quality: &Quality) -> Map<String, Value> {
    let mut shares = Map::new();
    for (key, checks) in &quality.checks {
        let (context, family) = key.split_once('/').unwrap_or((key, ""));
        for (name, share) in [
            (context, quality.checks_where(|c, _| c == context).share()),
            (family, quality.checks_where(|_, f| f == family).share()),
            (key.as_str(), checks.share()),
        ] {
            shares.insert(name.to_owned(), Value::from(share));
        }
    }
    shares
}

/// A value with the digits that the metric deserves.
pub fn shown(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.2}"),
        v if v >= 0.1 || v == 0.0 => format!("{value:.4}"),
        _ => format!("{value:.6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Checks;

    #[test]
    fn metric_names_are_unique() {
        let names: std::collections::HashSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn shares_are_given_per_context_per_family_and_per_both() {
        let quality = Quality {
            checks: [
                ("long/recall".to_owned(), Checks { total: 4, passed: 2, exact: 4 }),
                ("short/recall".to_owned(), Checks { total: 4, passed: 4, exact: 4 }),
            ]
            .into(),
            ..Quality::default()
        };
        let expected = serde_json::json!({"long": 0.5, "short": 1.0, "recall": 0.75, "long/recall": 0.5,
            "short/recall": 1.0});
        assert_eq!(Value::Object(sanity_by(&quality)), expected);
    }
}
