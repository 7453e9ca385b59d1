//! How a trial ended, and what that means for the branch and the table.

use piton_base::metric::Gain;
use serde::{Deserialize, Serialize};

use crate::check::FailedTest;
use piton_rule::keep::{Estimate, KeepReason, Verdict, Worth};

/// Where a trial was when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// While the challenger was built.
    Build,
    /// While the challenger was checked.
    Check,
    /// While a side was measured.
    Measure,
}

impl Stage {
    /// For sentences: "during the build".
    pub fn words(self) -> &'static str {
        match self {
            Self::Build => "the build",
            Self::Check => "the checks",
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
    /// The rule would keep it, and it gained more than is believed of a figure that its own process may have printed: a person decides.
    /// The incumbent stays.
    Held {
        /// What the rule said.
        path: KeepReason,
        /// What the pairs said.
        estimate: Estimate,
        /// The limit that it is beyond, in percent.
        most_pct: f64,
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
    /// A keep, as it is now, against what it was kept over. Where its gain is gone the branch goes back, or what stands on it is tested.
    Recheck {
        /// The trial that kept it.
        keep: u32,
        /// What it is worth now.
        worth: Worth,
        /// What the pairs said.
        estimate: Estimate,
        /// The guard that it is proven to break now, where that is why it is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guard: Option<String>,
    },
    /// The incumbent alone, after it failed a gate in a trial: where it fails again, the branch goes back to the last that does not.
    Regate {
        /// The trials that failed, the incumbent first; none where it holds.
        failed: Vec<u32>,
        /// The trial whose commit the branch is at from now on.
        to: u32,
        /// What failed, in words; empty where nothing did.
        why: String,
    },
    /// A gate failed. The readings are in the record.
    GateFailed {
        /// Metric of the first gate that failed.
        gate: String,
        /// What the pairs said until then, if there were any.
        estimate: Option<Estimate>,
    },
    /// A `[[check]]` failed: nothing was measured.
    CheckFailed {
        /// Its name.
        check: String,
        /// Why, in a sentence.
        reason: String,
        /// The tests that failed, as many as are named; none where it failed in another way.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tests: Vec<FailedTest>,
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

/// The coarse outcome, as in `results.tsv`: the first three are those of karpathy/autoresearch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is now the incumbent.
    Keep,
    /// It was measured, or failed a check, and is not.
    Discard,
    /// It did not run to the end.
    Crash,
    /// Nothing is said: the machine moved, or the user stopped it.
    Void,
    /// There was nothing to judge: no edit, a duplicate, outside the scope.
    Unjudged,
    /// piton's own: the incumbent against itself, keeps measured again.
    Check,
}

impl Status {
    /// As in `results.tsv`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Discard => "discard",
            Self::Crash => "crash",
            Self::Void => "void",
            Self::Unjudged => "unjudged",
            Self::Check => "check",
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
            Self::Judged { .. } | Self::Held { .. } | Self::GateFailed { .. } | Self::CheckFailed { .. } => {
                Status::Discard
            }
            Self::Void { .. } | Self::Interrupted { .. } => Status::Void,
            Self::OutOfScope { .. }
            | Self::Tampered { .. }
            | Self::Duplicate { .. }
            | Self::Alike { .. }
            | Self::NoEdit => Status::Unjudged,
            Self::Bundle { .. } | Self::Blind { .. } | Self::Recheck { .. } | Self::Regate { .. } => {
                Status::Check
            }
        }
    }

    /// One word that says why, stable, for filters and for `results.tsv`.
    pub fn reason(&self) -> String {
        match self {
            Self::Baseline => "baseline",
            Self::Blind { .. } => "blind",
            Self::Bundle { holds: true, .. } => "bundle_holds",
            Self::Bundle { holds: false, .. } => "bundle_fails",
            Self::Recheck { worth: Worth::Holds, .. } => "recheck_holds",
            Self::Recheck { worth: Worth::Less, .. } => "recheck_less",
            Self::Recheck { worth: Worth::Gone, .. } => "recheck_gone",
            Self::Regate { failed, .. } if failed.is_empty() => "gates_hold",
            Self::Regate { .. } => "gates_fail",
            Self::Judged { verdict: Verdict::Keep(KeepReason::Provisional), .. } => "provisional",
            Self::Judged { verdict: Verdict::Keep(KeepReason::Better), .. } => "better",
            Self::Judged { verdict: Verdict::Keep(KeepReason::Simpler), .. } => "simpler",
            Self::Judged { verdict: Verdict::Keep(KeepReason::BetterIn(metric)), .. } => {
                return format!("better_in:{metric}");
            }
            Self::Judged { verdict: Verdict::Guarded(metric), .. } => return format!("guard:{metric}"),
            Self::Judged { verdict: Verdict::OneOrder, .. } => "one_order",
            Self::Judged { verdict: Verdict::Worse, .. } => "worse",
            Self::Judged { verdict: Verdict::GivenUp, .. } => "given_up",
            Self::Judged { .. } => "not_shown_better",
            Self::Held { .. } => "held_implausible",
            Self::GateFailed { gate, .. } => return format!("gate:{gate}"),
            Self::CheckFailed { check, .. } => return format!("check:{check}"),
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

    /// The same where a keep by so much is not believed without a person: `most_pct` says how much is.
    pub fn held(self, implausible: impl Fn(Gain) -> bool, most_pct: f64) -> Self {
        match self {
            Self::Judged { verdict: Verdict::Keep(path), estimate } if implausible(estimate.gain) => {
                Self::Held { path, estimate, most_pct }
            }
            other => other,
        }
    }

    /// Whether the challenger replaces the incumbent.
    pub fn kept(&self) -> bool {
        matches!(self, Self::Judged { verdict: Verdict::Keep(_), .. })
    }

    /// Whether it is a test of piton's own, of what was kept: nobody proposed anything.
    pub fn check(&self) -> bool {
        matches!(self, Self::Bundle { .. } | Self::Blind { .. } | Self::Recheck { .. } | Self::Regate { .. })
    }

    /// Whether it takes back what was kept; a keep that others stand on is taken back by the test of those.
    pub fn takes_back(&self) -> bool {
        match self {
            Self::Bundle { holds, .. } => !holds,
            Self::Recheck { worth, .. } => *worth == Worth::Gone,
            Self::Regate { failed, .. } => !failed.is_empty(),
            _ => false,
        }
    }

    /// Whether another program may be the incumbent from now on.
    pub fn moves(&self) -> bool {
        self.kept() || self.takes_back()
    }

    /// What the pairs said, where there were any.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Judged { estimate, .. }
            | Self::Held { estimate, .. }
            | Self::Blind { estimate, .. }
            | Self::Recheck { estimate, .. }
            | Self::Bundle { estimate, .. } => Some(estimate),
            Self::GateFailed { estimate, .. } => estimate.as_ref(),
            _ => None,
        }
    }

    /// Whether so few pairs ended it that they are no fact about the change.
    pub fn given_up(&self) -> bool {
        matches!(self, Self::Judged { verdict: Verdict::GivenUp, .. })
    }

    /// Whether the trial says something about its content, so that the same content need not be judged again.
    pub fn settles(&self) -> bool {
        !matches!(
            self,
            Self::NoEdit
                | Self::Blind { .. }
                | Self::Bundle { .. }
                | Self::Recheck { .. }
                | Self::Regate { .. }
                | Self::Duplicate { .. }
                | Self::Alike { .. }
                | Self::Tampered { .. }
                | Self::Void { .. }
                | Self::Interrupted { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(verdict: Verdict) -> Outcome {
        Outcome::Judged { verdict, estimate: Estimate { pairs: 6, gain: Gain(0.1), low: None, high: None } }
    }

    #[test]
    fn only_a_keep_by_the_rule_moves_the_incumbent() {
        assert!(judged(Verdict::Keep(KeepReason::Better)).kept());
        let blind = Outcome::Blind {
            verdict: Verdict::Keep(KeepReason::Better),
            estimate: Estimate { pairs: 9, gain: Gain(0.1), low: None, high: None },
        };
        assert!(!blind.kept() && blind.status() == Status::Check);
        for outcome in
            [judged(Verdict::Worse), judged(Verdict::NotShownBetter), Outcome::NoEdit, Outcome::Baseline]
        {
            assert!(!outcome.kept(), "{outcome:?}");
        }
    }

    #[test]
    fn only_what_was_measured_or_checked_is_a_discard() {
        let nothing = [Outcome::NoEdit, Outcome::Duplicate { of: 1 }, Outcome::OutOfScope { paths: vec![] }];
        assert!(nothing.iter().all(|outcome| outcome.status() == Status::Unjudged));
        assert_eq!(Outcome::Void { reason: String::new() }.status(), Status::Void);
        assert_eq!(Outcome::Interrupted { stage: Stage::Build }.status(), Status::Void);
        assert_eq!(judged(Verdict::GivenUp).status(), Status::Discard);
    }

    #[test]
    fn a_keep_that_is_not_believed_is_held_and_nothing_else_is() {
        let held = judged(Verdict::Keep(KeepReason::Better)).held(|gain| gain > Gain(0.05), 5.0);
        assert!(!held.kept() && held.settles() && held.status() == Status::Discard);
        assert_eq!(held.reason(), "held_implausible");
        assert!(judged(Verdict::Keep(KeepReason::Better)).held(|gain| gain > Gain(0.2), 20.0).kept());
        assert_eq!(judged(Verdict::Worse).held(|_| true, 0.0), judged(Verdict::Worse));
        let text = serde_json::to_string(&held).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), held);
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
