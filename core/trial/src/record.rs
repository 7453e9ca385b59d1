//! One attempt and what came of it.
//!
//! Only what was measured holds a number: a crash has no metric, so that no table can mistake it for the best.

mod bounded;
mod kind;
mod outcome;

use std::collections::BTreeMap;

use piton_base::error::{Error, Result};
use piton_base::level::Level;
use serde::{Deserialize, Serialize};

use crate::changes::Changes;
use crate::check::CheckResult;
use crate::proposal::Claim;
use crate::similarity::Like;
use piton_base::commit::CommitId;
use piton_base::conditions::{Apart, Conditions, Widened};
use piton_base::metric::{Gain, Scale, Values};
use piton_rule::gate::GateResult;
use piton_rule::keep::{Asked, First, KeepReason, Verdict};

pub use kind::{TrialKind, counted};
pub use outcome::{Outcome, Stage, Status};

/// What was measured of a pair, before the metric's history says what its gain is: nothing of it is a verdict yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RawPair {
    /// Which side ran first: the coin.
    pub first: First,
    /// Whose sample came directly before the pair; absent where none did.
    pub before: Option<First>,
    /// Seed of the prompts.
    pub prompts: u64,
    /// All values of the incumbent's sample.
    pub incumbent: Values,
    /// All values of the challenger's sample.
    pub challenger: Values,
    /// What the machine was doing.
    pub conditions: Conditions,
    /// The same of each sample.
    pub apart: Option<Apart>,
    /// How many times the work of a sample was done.
    pub scale: u32,
}

/// One pair: both sides on the same prompts, back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Which side ran first: the coin.
    pub first: First,
    /// Whose sample came directly before the pair; absent where none did, and in rows from before piton recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<First>,
    /// Seed of the prompts.
    pub prompts: u64,
    /// All values of the incumbent's sample.
    pub incumbent: Values,
    /// All values of the challenger's sample.
    pub challenger: Values,
    /// d: gain of the challenger in the primary metric, positive when better, `position` taken off.
    pub gain: Gain,
    /// b: what being second was worth by the pairs before this one.
    #[serde(default)]
    pub position: Gain,
    /// What the machine was doing.
    #[serde(default)]
    pub conditions: Conditions,
    /// The same of each sample; absent where both were measured in turns, and in rows from before piton recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Apart>,
    /// How many times the work of a sample was done: `{scale}`.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub scale: u32,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_once(scale: &u32) -> bool {
    *scale == 1
}

impl RawPair {
    /// The pair with d and b: see [`Pair::gain`] and [`Pair::position`].
    pub fn judged(self, (gain, position): (Gain, Gain)) -> Pair {
        let Self { first, before, prompts, incumbent, challenger, conditions, apart, scale } = self;
        Pair { first, before, prompts, incumbent, challenger, gain, position, conditions, apart, scale }
    }
}

impl Pair {
    /// The gain with what being second was worth still in it.
    pub fn plain(&self) -> Gain {
        self.gain + self.position * self.first.sign()
    }
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
    /// The same of each sample, where both were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Apart>,
    /// All values of the incumbent's sample and of the challenger's, where both were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<[Values; 2]>,
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

/// What calls of an agent have cost, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Cost {
    /// How often it was called.
    pub calls: u32,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens that the model read, cached ones among them; all of them where they are told together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_in: Option<u64>,
    /// Tokens that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_out: Option<u64>,
}

impl Cost {
    /// Adds what more calls have cost.
    pub fn add(&mut self, more: &Self) {
        fn sum<T: std::ops::Add<Output = T> + Copy>(sum: &mut Option<T>, more: Option<T>) {
            *sum = more.map(|more| sum.map_or(more, |sum| sum + more)).or(*sum);
        }
        self.calls += more.calls;
        sum(&mut self.usd, more.usd);
        sum(&mut self.tokens_in, more.tokens_in);
        sum(&mut self.tokens_out, more.tokens_out);
    }

    /// Tokens, read and written.
    pub fn tokens(&self) -> u64 {
        self.tokens_in.unwrap_or(0) + self.tokens_out.unwrap_or(0)
    }
}

/// The agent that proposed an edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposer {
    /// Its name, or the program of a command line.
    pub name: String,
    /// The model, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How its last call ended, in one word: `done`, `asked`, `denied`, ...
    pub end: String,
    /// What it has cost since the trial before, calls that failed among it.
    #[serde(flatten)]
    pub cost: Cost,
}

/// What was measured as one side of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Git's id of the tree that it was laid or built from.
    pub tree: String,
    /// SHA-256 of the artifact that was measured; without one, of the tree: over paths, modes and contents.
    pub measured: String,
}

/// Both sides of a trial, as they were when it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// The one that was in place.
    pub incumbent: Side,
    /// The one on trial.
    pub challenger: Side,
}

impl Sides {
    /// Why no verdict may come of measuring these two against each other; `None` where one may.
    pub fn one(&self) -> Option<&'static str> {
        if self.incumbent.tree == self.challenger.tree {
            Some("an error of piton's: both sides were laid from one tree, so that nothing was judged")
        } else if self.incumbent.measured == self.challenger.measured {
            Some("both sides are one program, so that there was nothing to judge")
        } else {
            None
        }
    }
}

/// An earlier trial of the same edit that said too little of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Its number.
    pub trial: u32,
    /// Pairs that it had, with those of the trials that it measured again.
    pub pairs: u32,
}

/// Pairs, of all trials of an edit together, after which it is not measured again.
const ENOUGH: u32 = 3;

/// What its proposer says of a trial, and who that was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Claimed {
    /// What was tried, as the proposer says.
    pub description: String,
    /// What the proposer expects of it, and why.
    #[serde(default, skip_serializing_if = "Claim::is_empty")]
    pub claim: Claim,
    /// The near miss whose edit the proposal began with, laid over the incumbent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_as: Option<u32>,
    /// The trial that was held for a person, and whose edit a person has accepted: this one measured it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u32>,
    /// An earlier trial of the same edit that said too little of it: this one measured it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// An earlier trial whose edit is nearly this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<Like>,
    /// The agent that proposed the edit, and its cost; absent for the tuner and for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Proposer>,
}

/// What was measured in a trial, and what was asked of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// The last lines of what a build or a sample printed that failed, at most 40.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<String>,
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
    /// The warm-up against the median of the samples that were timed: a gain of the primary metric, where it is
    /// so bad that something was cold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<Gain>,
    /// The pairs that did not count.
    #[serde(default)]
    pub void_pairs: Vec<VoidPair>,
    /// The pairs that count although the machine was busy, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widened: Option<Widened>,
    /// tau of the primary metric, frozen when the trial began; absent where nothing was measured.
    #[serde(default)]
    pub tau: Option<Gain>,
    /// The gain that such a trial keeps four times out of five.
    #[serde(default)]
    pub resolves: Option<Gain>,
    /// Every question that was put to the pairs, and its answer.
    #[serde(default)]
    pub asked: Vec<Asked>,
    /// What the checks came to that ran, in order; in a baseline's record those that every challenger is held to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// The gates over all samples.
    pub gates: Vec<GateResult>,
    /// The gates over the samples of the side that it was held against, those that were due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incumbent_gates: Vec<GateResult>,
    /// What the incumbent did that it may not: it failed a gate, or was not measured. It is measured alone before anything rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// What changed from the incumbent.
    pub changes: Option<Changes>,
    /// What changed from the baseline, trade-offs included.
    pub since_baseline: Option<Changes>,
    /// Where the time went.
    pub seconds: Seconds,
    /// Seeds of `reference` and then of `runs`: a challenger's runs are on prompts of the incumbent's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run_seeds: Vec<u64>,
    /// How values are compared, by the name of the metric, in a baseline's record: that of a guard after `guard `, of a second metric after
    /// `second `. By their ratio where it says nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scales: BTreeMap<String, Scale>,
}

/// What a trial was measured with: by this somebody else can measure it again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// SHA-256 of the challenger's artifact.
    pub artifact: Option<String>,
    /// What was measured; absent where nothing was, and in rows from before piton recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
    /// Seed of coins and prompts, drawn after the build.
    pub seed: Option<u64>,
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

/// A row of the ledger, whole. Its groups lie flat in JSON, as they always did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run.
    pub run: String,
    /// Number in the run; 0 is the baseline.
    pub trial: u32,
    /// What its proposer says of it.
    #[serde(flatten)]
    pub claimed: Claimed,
    /// When it began, UTC, RFC 3339.
    pub started: String,
    /// The challenger's commit, as forty hexadecimal digits; absent where there was no edit.
    pub commit: Option<CommitId>,
    /// The incumbent that it was held against.
    pub parent: Option<CommitId>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measured,
    /// What it was measured with.
    #[serde(flatten)]
    pub provenance: Provenance,
}

impl Record {
    /// The challenger's commit, for whoever cannot go on without it.
    ///
    /// # Errors
    /// When the trial made no edit.
    pub fn committed(&self) -> Result<&CommitId> {
        let error = || Error::new(format!("trial {} was not looked up: it has no commit", self.trial));
        self.commit.as_ref().ok_or_else(error)
    }

    /// The incumbent's commit, for whoever cannot go on without it.
    ///
    /// # Errors
    /// When the trial was held against none, as a baseline.
    pub fn held_against(&self) -> Result<&CommitId> {
        let error =
            || Error::new(format!("trial {} was not looked up: it was held against no commit", self.trial));
        self.parent.as_ref().ok_or_else(error)
    }

    /// Whether the same content need not be judged again: few pairs that ended a trial do not settle what it is worth, those of a few such
    /// trials do, so that nothing is tried until chance keeps it.
    pub fn settles(&self) -> bool {
        self.outcome.settles() && !(self.outcome.given_up() && self.pairs_of_edit() < ENOUGH)
    }

    /// What a trial of the same edit would measure again: this one, where it was void or settled nothing.
    pub fn again(&self) -> Option<Again> {
        let little =
            matches!(self.outcome, Outcome::Void { .. }) || (self.outcome.given_up() && !self.settles());
        // A test of what was kept has no edit of its own.
        (little && self.measured.changes.is_some())
            .then(|| Again { trial: self.trial, pairs: self.pairs_of_edit() })
    }

    /// The pairs that this edit had, here and in the trials that this one measured again.
    fn pairs_of_edit(&self) -> u32 {
        let own = self.outcome.estimate().filter(|_| self.outcome.given_up()).map_or(0, |e| e.pairs);
        own + self.claimed.again.map_or(0, |again| again.pairs)
    }

    /// Margin that a keep for being as good has used up; 0 for every other outcome.
    pub fn margin_spent(&self) -> Gain {
        let as_good = matches!(
            self.outcome,
            Outcome::Judged { verdict: Verdict::Keep(KeepReason::Simpler | KeepReason::BetterIn(_)), .. }
        );
        let margins = self.measured.asked.iter().map(|asked| asked.question.margin);
        Gain(if as_good { margins.fold(0.0, f64::max) } else { 0.0 })
    }

    /// Value of `metric` for the challenger.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.measured.metrics.as_ref()?.get(metric).copied()
    }
}

/// Metric-wise median of samples; absent for no samples.
pub fn medians(samples: &[Values]) -> Option<Values> {
    let names = samples.first()?.keys();
    Some(
        names
            .filter_map(|name| {
                let values: Vec<f64> = samples.iter().filter_map(|s| s.get(name).copied()).collect();
                Some((name.clone(), piton_base::stats::median(&values)?))
            })
            .collect(),
    )
}
