//! What the trials of a run taught, as far as a proposer must know it: what was kept, and what each family of ideas came to.
//!
//! Of bounded size, however long the run is.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use piton_base::metric::{Gain, Metric};
use piton_base::stats;
use piton_trial::record::{Outcome, Record};
use piton_trial::text;

/// Keeps that are remembered.
const KEPT: usize = 10;
/// Families that are remembered: those tried last.
const FAMILIES: usize = 60;
/// Reasons that are counted of a family.
const REASONS: usize = 6;
/// Failures of a family that are told one by one.
const FAILURES: usize = 2;
/// Longest text of one, in characters.
const WORDS: usize = 160;
/// Error of the lower bound that a sentence about a failure never has.
const NO_ALPHA: f64 = 0.02;

/// A kept change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The trial.
    pub trial: u32,
    /// Its gain, as measured in the trial that kept it.
    pub gain: Gain,
    /// What it was.
    pub description: String,
}

/// What a family of ideas came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// Its name; empty for trials that named none.
    pub name: String,
    /// Trials.
    pub tried: u32,
    /// How many were kept.
    pub kept: u32,
    /// The best gain that was measured.
    pub best: Option<Gain>,
    /// Trials that were not kept, by reason.
    pub reasons: BTreeMap<String, u32>,
    /// The last ones that were not kept, each in a sentence.
    pub failures: VecDeque<String>,
}

/// What the trials of a run taught.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Lessons {
    /// The last keeps, oldest first.
    pub kept: VecDeque<Kept>,
    /// The families tried last, the last one first.
    pub families: VecDeque<Family>,
    /// Families that were forgotten over these.
    pub forgotten: u32,
    /// The smallest gain that is kept four times out of five, as of the last trial that measured.
    pub resolves: Option<Gain>,
}

impl Lessons {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record, metric: &Metric) {
        self.resolves = record.measured.resolves.or(self.resolves);
        let says = record.outcome.settles()
            || matches!(
                record.outcome,
                Outcome::Duplicate { .. } | Outcome::Alike { .. } | Outcome::Tampered { .. }
            );
        if record.trial == 0 || !says {
            return;
        }
        let gain = record.outcome.estimate().map(|estimate| estimate.gain);
        if record.outcome.kept() {
            self.kept.push_back(Kept {
                trial: record.trial,
                gain: gain.unwrap_or(Gain::ZERO),
                description: short(&record.claimed.description),
            });
            if self.kept.len() > KEPT {
                self.kept.pop_front();
            }
        }
        let name = record.claimed.claim.family.as_deref().unwrap_or_default();
        let known = self.families.iter().position(|family| family.name == name);
        let mut family = known.and_then(|at| self.families.remove(at)).unwrap_or_else(|| Family::new(name));
        family.take(record, metric, gain);
        self.families.push_front(family);
        if self.families.len() > FAMILIES {
            self.families.pop_back();
            self.forgotten += 1;
        }
    }

    /// What was taken back is no keep to build on: `way` are the keeps that lead to the incumbent.
    pub fn leave(&mut self, way: &[u32]) {
        self.kept.retain(|kept| way.contains(&kept.trial));
    }
}

impl Family {
    fn new(name: &str) -> Self {
        let (reasons, failures) = (BTreeMap::new(), VecDeque::new());
        Self { name: name.to_owned(), tried: 0, kept: 0, best: None, reasons, failures }
    }

    fn take(&mut self, record: &Record, metric: &Metric, gain: Option<Gain>) {
        self.tried += 1;
        // f64::max takes the number where one is none.
        self.best = gain.map(|gain| gain.max(self.best.unwrap_or(Gain(f64::NAN)))).or(self.best);
        if record.outcome.kept() {
            self.kept += 1;
            return;
        }
        let reason: String = record.outcome.reason().chars().take(60).collect();
        if self.reasons.contains_key(&reason) || self.reasons.len() < REASONS {
            *self.reasons.entry(reason).or_default() += 1;
        }
        let said =
            format!("{}: {}", short(&record.claimed.description), text::verdict(record, metric, NO_ALPHA));
        self.failures.push_back(format!("{} {}", record.trial, said.chars().take(WORDS).collect::<String>()));
        if self.failures.len() > FAILURES {
            self.failures.pop_front();
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(WORDS / 2).collect()
}

/// How well the gains that proposers expected agree with those that were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Trials that said what they expect and were judged by the rule.
    pub trials: usize,
    /// Mean of the expected gains, in percent, or in the metric's unit where differences are compared.
    pub expected_pct: f64,
    /// Mean of the measured ones, in percent.
    pub measured_pct: f64,
    /// How many reached what was expected.
    pub reached: usize,
}

impl Expected {
    /// Over the judged trials of a run; `None` where none said what it expects.
    pub fn of(records: &[Record], metric: &Metric) -> Option<Self> {
        let judged = records.iter().filter_map(|record| match &record.outcome {
            Outcome::Judged { estimate, .. } => {
                let measured = metric.gain_pct(estimate.gain).unwrap_or(estimate.gain.0);
                Some((record.claimed.claim.expected_pct?, measured))
            }
            _ => None,
        });
        let (expected, measured): (Vec<f64>, Vec<f64>) = judged.unzip();
        Some(Self {
            trials: expected.len(),
            expected_pct: stats::mean(&expected)?,
            measured_pct: stats::mean(&measured)?,
            reached: expected
                .iter()
                .zip(&measured)
                .filter(|(expected, measured)| measured >= expected)
                .count(),
        })
    }
}
