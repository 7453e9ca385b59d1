//! What came of a sweep: for people, as JSON in the names of SPEC-013, and as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use crate::stage1::ModelRow;

/// Why a sweep ended: one of nine names, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// It recommends a recipe.
    Ok,
    /// The user stopped it.
    Interrupted,
    /// No model can be served.
    NoFeasible,
    /// The time was over before a model was chosen.
    BudgetExhaustedNoModelSelected,
    /// The time was over before every recipe was tried.
    BudgetExhaustedWithPartialRecommendation,
    /// A model's file is not what it should be.
    PreWarmIntegrityFailure,
    /// A service runs already.
    ProviderConflict,
    /// What was asked for cannot be.
    ConfigError,
    /// piton itself failed.
    InternalError,
}

impl ExitReason {
    /// Its name.
    pub fn word(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The exit status of the command that ends so.
    pub fn status(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::NoFeasible => 10,
            Self::BudgetExhaustedNoModelSelected | Self::BudgetExhaustedWithPartialRecommendation => 11,
            Self::ProviderConflict => 12,
            Self::ConfigError => 2,
            Self::Interrupted => 130,
            Self::PreWarmIntegrityFailure | Self::InternalError => 1,
        }
    }
}

/// The machine that it ran on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweptMachine {
    /// Memory, in units of 2^30 bytes.
    pub ram_gb: u64,
    /// Its processor, as it calls itself.
    pub chip: String,
    /// Its system.
    pub os_version: String,
    /// The server, as it calls itself.
    pub binary_version: String,
}

/// What it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepInputs {
    /// Tokens of context that a request must have room for; 0 where nobody minds.
    pub target_context: u64,
    /// The models, in order.
    pub candidate_models: Vec<String>,
    /// Samples of each in stage 1.
    pub stage1_replicates: u32,
    /// Samples of each recipe with `rule = "median"`; with pairs, the pairs say it.
    pub stage2_replicates: u32,
    /// Longest time to the first token, in milliseconds.
    pub gate_ttft_ms: f64,
    /// The band of a tie with `rule = "median"`, as a share.
    pub tps_tie_epsilon: f64,
}

/// The recipe that it recommends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// The model.
    pub model: String,
    /// The same context as in the inputs.
    pub target_context: u64,
    /// The knobs, by their names; null is unset.
    pub knobs: Value,
    /// Median tokens per second, by the clock on the wall.
    pub tps_median: Option<f64>,
    /// Median of the samples' 95th percentiles of the time to the first token, in milliseconds.
    pub ttft_p95_ms: Option<f64>,
    /// Samples that those are of.
    pub replicates: usize,
    /// The command line to paste.
    pub serve_command: String,
    /// Whether recipes were left that nobody tried.
    pub partial: bool,
}

/// The winner against the start, in fresh pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Median gain in percent, by what pairs are judged by.
    pub gain_pct: f64,
    /// Lower end of its 95 % interval.
    pub low_pct: f64,
    /// Upper end.
    pub high_pct: f64,
    /// Pairs.
    pub pairs: usize,
}

/// A recipe of stage 2 that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedRow {
    /// Its number in the run.
    pub trial: u32,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// Its knobs.
    pub knobs: BTreeMap<String, String>,
    /// What it changed.
    pub changed: String,
    /// Whether it could be served.
    pub fits: bool,
    /// Whether it was kept.
    pub kept: bool,
    /// Its verdict or reason.
    pub reason: String,
    /// More of it.
    pub note: String,
    /// Gain in percent with the ends of its interval, by what pairs are judged by; absent where nothing was measured.
    pub gain_pct: Option<[f64; 3]>,
    /// Pairs, or replicates.
    pub samples: usize,
    /// Median tokens per second, by the clock on the wall.
    pub tokens_per_s: Option<f64>,
    /// Median of the 95th percentiles of the time to the first token, in milliseconds.
    pub ttft_p95_ms: Option<f64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepReport {
    /// What its names are those of.
    pub spec_version: String,
    /// The run.
    pub run_id: String,
    /// When it began, UTC, RFC 3339.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Why.
    pub exit_reason: ExitReason,
    /// The machine.
    pub machine: SweptMachine,
    /// What was asked for.
    pub inputs: SweepInputs,
    /// `pairs` or `median`, and what its error is.
    pub rule: String,
    /// What it recommends; null where nothing.
    pub recommendation: Option<Recommendation>,
    /// The winner against the start; absent where nothing was kept, or nothing was measured again.
    pub verified: Option<Verified>,
    /// Models behind the chosen one, by name.
    pub alternates: Vec<String>,
    /// Models that cannot be served.
    pub infeasible: Vec<ModelRow>,
    /// The rows of stage 1.
    pub stage1: Vec<ModelRow>,
    /// The rows of stage 2.
    pub stage2: Vec<TriedRow>,
    /// The recommended recipe's.
    pub recipe_hash: Option<String>,
    /// The database of all sweeps here.
    pub db_path: String,
}

impl SweepReport {
    /// The last lines of a sweep, for a terminal.
    pub fn words(&self) -> String {
        let mut text = String::new();
        match &self.recommendation {
            Some(best) => {
                let partial = if best.partial { " (partial: recipes were left)" } else { "" };
                let _ = writeln!(text, "RECOMMENDATION{partial}\n  model            {}", best.model);
                for (name, value) in best.knobs.as_object().into_iter().flatten() {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let value = if value == "null" { "unset".to_owned() } else { value };
                    let _ = writeln!(text, "  {name:<16} {value}");
                }
                if best.target_context > 0 {
                    let _ = writeln!(text, "  context          {}", best.target_context);
                }
                let figure = |value: Option<f64>, unit: &str| {
                    value.map_or_else(|| "not measured".to_owned(), |v| format!("{v:.1} {unit}"))
                };
                let _ = writeln!(
                    text,
                    "  median           {} (n = {})",
                    figure(best.tps_median, "tokens/s"),
                    best.replicates
                );
                let _ = writeln!(text, "  p95 TTFT         {}", figure(best.ttft_p95_ms, "ms"));
                text.push_str(&self.verified_words());
                if !self.alternates.is_empty() {
                    let _ = writeln!(
                        text,
                        "  not tried        {}: piton sweep --candidate-models {}",
                        self.alternates.join(", "),
                        self.alternates[0]
                    );
                }
                let _ = writeln!(text, "\n{}", best.serve_command);
            }
            None => {
                let _ = writeln!(text, "no recommendation: {}", self.exit_reason.word());
                // The last of the list says most: where not even that can be served, what was asked for is too much.
                for row in self.infeasible.iter().rev() {
                    let _ = writeln!(
                        text,
                        "  {:<16} {}: {}",
                        row.model,
                        row.reason.as_deref().unwrap_or_default(),
                        row.note.as_deref().unwrap_or_default()
                    );
                }
                if self.exit_reason == ExitReason::NoFeasible {
                    text.push_str("  ask for less: --target-context, or other models: --candidate-models\n");
                }
            }
        }
        let _ = write!(text, "{}", self.rule);
        text
    }

    fn verified_words(&self) -> String {
        self.verified.as_ref().map_or_else(String::new, |verified| {
            format!(
                "  against start    {:+.1} % (95 % interval {:+.1} .. {:+.1}), {} fresh pairs\n",
                verified.gain_pct, verified.low_pct, verified.high_pct, verified.pairs
            )
        })
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Sweep {}\n\n", self.run_id);
        let _ = writeln!(
            text,
            "Ended: `{}`. {} on {}, {} GB.\n",
            self.exit_reason.word(),
            self.machine.binary_version,
            self.machine.chip,
            self.machine.ram_gb
        );
        if let Some(best) = &self.recommendation {
            let _ = writeln!(
                text,
                "**{}**{}\n\n```sh\n{}\n```\n",
                best.model,
                if best.partial { " (partial)" } else { "" },
                best.serve_command
            );
            let verified = self.verified_words();
            if !verified.is_empty() {
                let _ = writeln!(
                    text,
                    "Against where it started:{}",
                    verified.trim_start().trim_start_matches("against start").trim_end()
                );
                text.push('\n');
            }
        }
        text.push_str("## Models\n\n| # | model | served | tokens/s | note |\n|---|---|---|---|---|\n");
        for row in &self.stage1 {
            let served = row.reason.as_deref().unwrap_or("yes");
            let speed = row.tokens_per_s.map_or_else(String::new, |tps| format!("{tps:.1}"));
            let _ = writeln!(
                text,
                "| {} | {} | {served} | {speed} | {} |",
                row.rank,
                row.model,
                cell(row.note.as_deref().unwrap_or_default())
            );
        }
        for name in &self.alternates {
            let _ = writeln!(text, "| | {name} | not tried | | |");
        }
        text.push_str("\n## Recipes\n\n| trial | changed | gain % | samples | tokens/s | p95 TTFT ms | verdict |\n|---|---|---|---|---|---|---|\n");
        for row in &self.stage2 {
            let gain = row.gain_pct.map_or_else(String::new, |[gain, low, high]| {
                let end = |end: f64| if end.is_finite() { format!("{end:+.1}") } else { "?".to_owned() };
                format!("{} ({} .. {})", end(gain), end(low), end(high))
            });
            let figure = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
            let verdict = if row.kept { "kept".to_owned() } else { format!("{}: {}", row.reason, row.note) };
            let _ = writeln!(
                text,
                "| {} | {} | {gain} | {} | {} | {} | {} |",
                row.trial,
                cell(&row.changed),
                row.samples,
                figure(row.tokens_per_s),
                figure(row.ttft_p95_ms),
                cell(verdict.trim_end_matches(": "))
            );
        }
        let _ = write!(text, "\n{}\n", self.rule);
        text
    }

    /// A line of JSON for each row of both stages.
    pub fn jsonl(&self) -> String {
        let line = |stage: u32, row: Value| {
            let mut row = row;
            row["stage"] = stage.into();
            row["run_id"] = self.run_id.clone().into();
            row.to_string() + "\n"
        };
        let first =
            self.stage1.iter().filter_map(|row| serde_json::to_value(row).ok()).map(|row| line(1, row));
        let second =
            self.stage2.iter().filter_map(|row| serde_json::to_value(row).ok()).map(|row| line(2, row));
        first.chain(second).collect()
    }
}

/// A text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_sweep_has_its_name_and_its_status() {
        let all = [
            (ExitReason::Ok, "ok", 0),
            (ExitReason::Interrupted, "interrupted", 130),
            (ExitReason::NoFeasible, "no_feasible", 10),
            (ExitReason::BudgetExhaustedNoModelSelected, "budget_exhausted_no_model_selected", 11),
            (
                ExitReason::BudgetExhaustedWithPartialRecommendation,
                "budget_exhausted_with_partial_recommendation",
                11,
            ),
            (ExitReason::PreWarmIntegrityFailure, "pre_warm_integrity_failure", 1),
            (ExitReason::ProviderConflict, "provider_conflict", 12),
            (ExitReason::ConfigError, "config_error", 2),
            (ExitReason::InternalError, "internal_error", 1),
        ];
        for (reason, word, status) in all {
            assert_eq!((reason.word().as_str(), reason.status()), (word, status));
        }
    }
}
