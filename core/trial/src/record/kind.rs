//! What became of a trial, in eight kinds: the terminal, the page and the pictures count and name by these.

use super::{Outcome, Record};
use piton_rule::keep::Verdict;

/// What became of a trial; in pictures each kind has a shape and a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialKind {
    /// The incumbent moved to it; also the baseline.
    Kept,
    /// Measured, and not kept.
    Discarded,
    /// A gate failed.
    GateFailed,
    /// A check of correctness failed.
    CheckFailed,
    /// It did not run to the end.
    Crashed,
    /// Nothing can be said: the machine moved, or the user stopped it.
    Void,
    /// There was nothing to judge: out of scope, a duplicate, no edit, tampered with.
    NotJudged,
    /// piton's own: the incumbent against itself, keeps measured again.
    Check,
}

impl TrialKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::Kept,
        Self::Discarded,
        Self::GateFailed,
        Self::CheckFailed,
        Self::Crashed,
        Self::Void,
        Self::NotJudged,
        Self::Check,
    ];

    /// The kind of a recorded trial.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Baseline | Outcome::Judged { verdict: Verdict::Keep(_), .. } => Self::Kept,
            Outcome::Judged { .. } | Outcome::Held { .. } => Self::Discarded,
            Outcome::GateFailed { .. } => Self::GateFailed,
            Outcome::CheckFailed { .. } => Self::CheckFailed,
            Outcome::BuildFailed { .. }
            | Outcome::RunFailed { .. }
            | Outcome::TimedOut { .. }
            | Outcome::OutOfMemory { .. } => Self::Crashed,
            Outcome::Void { .. } | Outcome::Interrupted { .. } => Self::Void,
            outcome if outcome.check() => Self::Check,
            _ => Self::NotJudged,
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Discarded => "discarded",
            Self::GateFailed => "gate failed",
            Self::CheckFailed => "check failed",
            Self::Crashed => "crashed",
            Self::Void => "void",
            Self::NotJudged => "not judged",
            Self::Check => "checked",
        }
    }
}

/// How many trials there are of each kind, in words: `1 kept, 5 discarded, 0 crashed, 2 not judged`. The baseline is none of them; those
/// three are always named, the others where there are any.
pub fn counted(records: &[Record]) -> String {
    let of = |kind| records.iter().filter(|r| r.trial > 0 && TrialKind::of(&r.outcome) == kind).count();
    let always = [TrialKind::Kept, TrialKind::Discarded, TrialKind::Crashed];
    let named = TrialKind::ALL.into_iter().map(|kind| (kind, of(kind)));
    let named = named.filter(|(kind, n)| *n > 0 || always.contains(kind));
    named.map(|(kind, n)| format!("{n} {}", kind.word())).collect::<Vec<_>>().join(", ")
}
