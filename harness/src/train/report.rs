//! What a sample of training came to.

use super::Options;
use crate::process::Cores;
use piton_base::level::Level;
use piton_worker::train::Trained;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// A sample.
#[derive(Debug, Clone)]
pub struct Report {
    /// Bits that all bytes cost together.
    pub bits: f64,
    /// Bytes of the texts to be scored on.
    pub bytes: u64,
    /// Those of them that were scored before the budget was spent.
    pub scored: u64,
    /// What the worker says that it did.
    pub trained: Trained,
    /// Processor time that it may use.
    pub budget: Duration,
    /// Processor time until it said that it had learnt.
    pub learning: Duration,
    /// Processor time in all.
    pub spent: Duration,
    /// From its start to its end.
    pub wall: Duration,
    /// Peak resident memory, in bytes.
    pub peak_memory: u64,
    /// What the texts were drawn from.
    pub seed: u64,
    /// How much the worker was confined.
    pub confinement: Level,
    /// Who ran where.
    pub cores: Cores,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            bits: 0.0,
            bytes: (options.sizes.streams * options.sizes.length) as u64,
            scored: 0,
            trained: Trained::default(),
            budget: options.budget,
            learning: Duration::ZERO,
            spent: Duration::ZERO,
            wall: Duration::ZERO,
            peak_memory: 0,
            seed: options.seed,
            confinement: options.least,
            cores: Cores::default(),
        }
    }

    /// The value of every metric, by name.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let learning = self.learning.as_secs_f64();
        vec![
            ("val_bpb", self.bits / self.bytes as f64),
            ("train_tokens", self.trained.tokens as f64),
            ("steps", f64::from(self.trained.steps)),
            ("tokens_per_cpu_s", self.trained.tokens as f64 / learning.max(1e-9)),
            ("peak_memory_gb", self.peak_memory as f64 / 1e9),
            ("budget_cpu_s", self.budget.as_secs_f64()),
            ("training_cpu_s", learning),
            ("scoring_cpu_s", self.spent.saturating_sub(self.learning).as_secs_f64()),
            ("total_seconds", self.wall.as_secs_f64()),
            ("scored_share", self.scored as f64 / self.bytes as f64),
        ]
    }

    /// The JSON object.
    pub fn json(&self) -> Value {
        let metrics: serde_json::Map<_, _> =
            self.values().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        json!({"outcome": "measured", "metrics": metrics, "seed": self.seed, "confinement": self.confinement,
            "cores": self.cores})
    }

    /// For a person: a name and a number on each line.
    pub fn text(&self) -> String {
        let mut text = "---\n".to_owned();
        for (name, value) in self.values() {
            let digits = if matches!(name, "train_tokens" | "steps" | "tokens_per_cpu_s") { 0 } else { 6 };
            let _ = writeln!(text, "{:<18}{value:.digits$}", format!("{name}:"));
        }
        text
    }
}
