//! One attempt and what came of it.
//!
//! Only what was measured holds a number: a crash has no metric, so that no table can mistake it for the best.

mod bounded;

use piton_confine::Level;
use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::gate::Reading;
use crate::likeness::Like;
use crate::metric::Values;
use crate::monitor::Changes;
use crate::proposal::Claim;
use crate::rule::{Asked, Estimate, First, Path, Verdict};

/// Where a trial was when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// While the challenger was built.
    Build,
    /// While a side was measured.
    Measure,
}

impl Stage {
    /// For sentences: "during the build".
    pub fn words(self) -> &'static str {
        match self {
            Self::Build => "the build",
            Self::Measure => "the measurement",
        }
    }
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The first row of a run: the commit that it starts from, measured alone.
    Baseline,
    /// The rule has judged it. The verdict is never [`Verdict::Continue`].
    Judged {
        /// What the rule said.
        verdict: Verdict,
        /// What the pairs said.
        estimate: Estimate,
    },
    /// The incumbent, with all its provisional keeps, against the last commit that is more than provisional.
    Bundle {
        /// Whether they hold. Else the branch went back.
        holds: bool,
        /// The trials that were put to the test.
        trials: Vec<u32>,
        /// What the pairs said.
        estimate: Estimate,
    },
    /// The incumbent against itself, unannounced: what the rule would have said of a change that does nothing.
    Blind {
        /// What the rule said.
        verdict: Verdict,
        /// What the pairs said.
        estimate: Estimate,
    },
    /// A gate failed. The readings are in the record.
    GateFailed {
        /// Metric of the first gate that failed.
        gate: String,
        /// What the pairs said until then, if there were any.
        estimate: Option<Estimate>,
    },
    /// Files outside the scope were edited, or editable ones hold what may not be committed.
    OutOfScope {
        /// One line each.
        paths: Vec<String>,
    },
    /// The agent moved what is not its own: refs, settings, permissions. All of it was put back, and the edit was not judged.
    Tampered {
        /// One line each.
        what: Vec<String>,
    },
    /// The same content, or the same program, was judged before.
    Duplicate {
        /// The trial that judged it; 0 is the baseline.
        of: u32,
    },
    /// Nearly the same edit was judged before, and the experiment refuses such.
    Alike {
        /// The trial that judged it; what it came to is in the record.
        of: u32,
    },
    /// The worktree is as it was before the proposal.
    NoEdit,
    /// It does not build.
    BuildFailed {
        /// The first error that the build printed.
        error: String,
    },
    /// The challenger, or the command that measures it, failed.
    RunFailed {
        /// The harness's word, e.g. `crashed`, `hung`, `garbage`.
        how: String,
        /// One sentence.
        reason: String,
    },
    /// It ran out of time.
    TimedOut {
        /// Where.
        stage: Stage,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// It asked for more memory than it may have.
    OutOfMemory {
        /// One sentence.
        reason: String,
    },
    /// The machine moved, or the incumbent could not be measured: nothing can be said.
    Void {
        /// Why.
        reason: String,
    },
    /// The user stopped it.
    Interrupted {
        /// Where.
        stage: Stage,
    },
}

/// The coarse outcome, as in `results.tsv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is now the incumbent.
    Keep,
    /// It is not.
    Discard,
    /// It did not run to the end.
    Crash,
}

impl Status {
    /// As in `results.tsv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Discard => "discard",
            Self::Crash => "crash",
        }
    }
}

impl Outcome {
    /// The outcome of a challenger's sample that has no number, by the harness's word for it.
    pub fn failed(how: String, reason: String) -> Self {
        match how.as_str() {
            "out_of_memory" => Self::OutOfMemory { reason },
            // What the challenger cannot have caused is not held against it.
            "bad_model" | "bad_suite" | "bad_setup" | "clock" => {
                Self::Void { reason: format!("{how}: {reason}") }
            }
            _ => Self::RunFailed { how, reason },
        }
    }

    /// Coarse outcome.
    pub fn status(&self) -> Status {
        match self {
            Self::Baseline | Self::Judged { verdict: Verdict::Keep(_), .. } => Status::Keep,
            Self::BuildFailed { .. }
            | Self::RunFailed { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. } => Status::Crash,
            _ => Status::Discard,
        }
    }

    /// One word that says why, stable, for filters and for `results.tsv`.
    pub fn reason(&self) -> String {
        match self {
            Self::Baseline => "baseline",
            Self::Blind { .. } => "blind",
            Self::Bundle { holds: true, .. } => "bundle_holds",
            Self::Bundle { holds: false, .. } => "bundle_fails",
            Self::Judged { verdict: Verdict::Keep(Path::Provisional), .. } => "provisional",
            Self::Judged { verdict: Verdict::Keep(Path::Better), .. } => "better",
            Self::Judged { verdict: Verdict::Keep(Path::Simpler), .. } => "simpler",
            Self::Judged { verdict: Verdict::Keep(Path::BetterIn(metric)), .. } => {
                return format!("better_in:{metric}");
            }
            Self::Judged { verdict: Verdict::Guarded(metric), .. } => return format!("guard:{metric}"),
            Self::Judged { verdict: Verdict::Worse, .. } => "worse",
            Self::Judged { .. } => "not_shown_better",
            Self::GateFailed { gate, .. } => return format!("gate:{gate}"),
            Self::OutOfScope { .. } => "out_of_scope",
            Self::Tampered { .. } => "tampered",
            Self::Duplicate { .. } => "duplicate",
            Self::Alike { .. } => "alike",
            Self::NoEdit => "no_edit",
            Self::BuildFailed { .. } => "build_failed",
            Self::RunFailed { how, .. } => return format!("run:{how}"),
            Self::TimedOut { .. } => "timed_out",
            Self::OutOfMemory { .. } => "memory",
            Self::Void { .. } => "void",
            Self::Interrupted { .. } => "interrupted",
        }
        .to_owned()
    }

    /// Whether the challenger replaces the incumbent.
    pub fn kept(&self) -> bool {
        matches!(self, Self::Judged { verdict: Verdict::Keep(_), .. })
    }

    /// What the pairs said, where there were any.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Judged { estimate, .. } | Self::Blind { estimate, .. } | Self::Bundle { estimate, .. } => {
                Some(estimate)
            }
            Self::GateFailed { estimate, .. } => estimate.as_ref(),
            _ => None,
        }
    }

    /// Whether the trial says something about its content, so that the same content need not be judged again.
    pub fn settles(&self) -> bool {
        !matches!(
            self,
            Self::NoEdit
                | Self::Blind { .. }
                | Self::Bundle { .. }
                | Self::Duplicate { .. }
                | Self::Alike { .. }
                | Self::Tampered { .. }
                | Self::Void { .. }
                | Self::Interrupted { .. }
        )
    }
}

/// One pair: both sides on the same prompts, back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Which side ran first: the coin.
    pub first: First,
    /// Seed of the prompts.
    pub prompts: u64,
    /// All values of the incumbent's sample.
    pub incumbent: Values,
    /// All values of the challenger's sample.
    pub challenger: Values,
    /// d: gain of the challenger in the primary metric, natural logarithm, positive when better, `position` taken off.
    pub gain: f64,
    /// b: what being second was worth by the pairs before this one, natural logarithm.
    #[serde(default)]
    pub position: f64,
    /// What the machine was doing.
    #[serde(default)]
    pub conditions: Conditions,
}

/// A pair that does not count, and why: decided before its values were looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoidPair {
    /// Number of the draw that it used up, from 0.
    pub draw: u32,
    /// Why.
    pub reason: String,
    /// What the machine was doing.
    pub conditions: Conditions,
}

/// Where the time of a trial went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Seconds {
    /// The proposer's turn, before the trial began; 0 where nobody waited for one.
    #[serde(default)]
    pub agent: f64,
    /// Building the challenger.
    pub build: f64,
    /// Measuring both sides.
    pub measure: f64,
    /// All of it, from the commit to the verdict.
    pub total: f64,
}

/// A row of the ledger, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run.
    pub run: String,
    /// Number in the run; 0 is the baseline.
    pub trial: u32,
    /// What was tried, as the proposer says.
    pub description: String,
    /// What the proposer expects of it, and why.
    #[serde(default, skip_serializing_if = "Claim::is_empty")]
    pub claim: Claim,
    /// The near miss whose edit the proposal began with, laid over the incumbent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_as: Option<u32>,
    /// An earlier trial whose edit is nearly this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<Like>,
    /// When it began, UTC, RFC 3339.
    pub started: String,
    /// The challenger's commit, as forty hexadecimal digits; absent where there was no edit.
    pub commit: Option<String>,
    /// The incumbent that it was held against.
    pub parent: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Medians over the challenger's samples, metric by metric; absent where nothing was measured.
    pub metrics: Option<Values>,
    /// The pairs, in order.
    pub pairs: Vec<Pair>,
    /// Where single runs are judged: the challenger's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Values>,
    /// Fresh runs of the incumbent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<Values>,
    /// The warm-up against the median of the samples that were timed: a gain of the primary metric, natural logarithm, where it is
    /// so bad that something was cold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<f64>,
    /// The pairs that did not count.
    #[serde(default)]
    pub void_pairs: Vec<VoidPair>,
    /// tau of the primary metric, frozen when the trial began, natural logarithm; absent where nothing was measured.
    #[serde(default)]
    pub tau: Option<f64>,
    /// The gain that such a trial keeps four times out of five, natural logarithm.
    #[serde(default)]
    pub resolves: Option<f64>,
    /// Every question that was put to the pairs, and its answer.
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// The gates over all samples.
    pub gates: Vec<Reading>,
    /// What changed from the incumbent.
    pub changes: Option<Changes>,
    /// What changed from the baseline, trade-offs included.
    pub since_baseline: Option<Changes>,
    /// SHA-256 of the challenger's artifact.
    pub artifact: Option<String>,
    /// Seed of coins and prompts, drawn after the build.
    pub seed: Option<u64>,
    /// Where the time went.
    pub seconds: Seconds,
    /// SHA-256 of the harness that measured, where there is one.
    pub harness: Option<String>,
    /// Git's id of the locked files.
    pub seal: String,
    /// The rule that judged, in words.
    pub rule: String,
    /// How what was built and measured was confined. Rows from before piton had walls say `none`.
    #[serde(default)]
    pub confinement: Level,
    /// The machine: processor, cores, system.
    pub machine: String,
    /// Version of piton.
    pub piton: String,
}

impl Record {
    /// Margin that a keep for being as good has used up, natural logarithm; 0 for every other outcome.
    pub fn margin_spent(&self) -> f64 {
        let as_good = matches!(
            self.outcome,
            Outcome::Judged { verdict: Verdict::Keep(Path::Simpler | Path::BetterIn(_)), .. }
        );
        let margins = self.asked.iter().map(|asked| asked.question.margin);
        if as_good { margins.fold(0.0, f64::max) } else { 0.0 }
    }

    /// Value of `metric` for the challenger.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.metrics.as_ref()?.get(metric).copied()
    }
}

/// Metric-wise median of samples; absent for no samples.
pub fn medians(samples: &[Values]) -> Option<Values> {
    let names = samples.first()?.keys();
    Some(
        names
            .filter_map(|name| {
                let values: Vec<f64> = samples.iter().filter_map(|s| s.get(name).copied()).collect();
                Some((name.clone(), crate::stats::median(&values)?))
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(verdict: Verdict) -> Outcome {
        Outcome::Judged { verdict, estimate: Estimate { pairs: 6, gain: 0.1, low: None, high: None } }
    }

    #[test]
    fn only_a_keep_by_the_rule_moves_the_incumbent() {
        assert!(judged(Verdict::Keep(Path::Better)).kept());
        let blind = Outcome::Blind {
            verdict: Verdict::Keep(Path::Better),
            estimate: Estimate { pairs: 9, gain: 0.1, low: None, high: None },
        };
        assert!(!blind.kept() && blind.status() == Status::Discard);
        for outcome in
            [judged(Verdict::Worse), judged(Verdict::NotShownBetter), Outcome::NoEdit, Outcome::Baseline]
        {
            assert!(!outcome.kept(), "{outcome:?}");
        }
    }

    #[test]
    fn a_void_or_interrupted_trial_settles_nothing_and_may_be_tried_again() {
        assert!(!Outcome::Void { reason: String::new() }.settles());
        assert!(!Outcome::Interrupted { stage: Stage::Measure }.settles());
        assert!(judged(Verdict::Worse).settles());
    }

    #[test]
    fn what_the_challenger_cannot_have_caused_is_not_held_against_it() {
        let reason = |how: &str| Outcome::failed(how.to_owned(), String::new()).reason();
        assert_eq!((reason("clock"), reason("bad_model")), ("void".to_owned(), "void".to_owned()));
        assert_eq!((reason("hung"), reason("out_of_memory")), ("run:hung".to_owned(), "memory".to_owned()));
    }

    #[test]
    fn an_outcome_survives_the_ledger() {
        let outcome = Outcome::TimedOut { stage: Stage::Build, limit_s: 300 };
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
    }
}
