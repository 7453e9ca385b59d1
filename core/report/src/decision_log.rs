//! The decision log: one entry for each idea that was tried or noted, with its status and its figures, so that nobody builds twice what
//! did not hold.
//!
//! It is written anew from the ledger each time, and people write into it: their text stands between markers, and is carried over. So
//! what is foreign in it must never look like a marker, and what is a person's must never be lost, not even with its idea.

mod human;
mod text;

use std::collections::BTreeMap;

use piton_base::commit::CommitId;
use piton_base::metric::{Gain, Metric};
use piton_base::note::Note;
use piton_rule::gate::GateResult;
use piton_rule::keep::{Estimate, KeepReason, Verdict};
use piton_run::rechecks;
use piton_run::summary::Verification;
use piton_trial::proposal;
use piton_trial::record::{Measured, Outcome, Record};
use piton_trial::text::clean;

pub use human::{Human, Trouble};

/// What has become of an idea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IdeaStatus {
    /// A keep of it is in what a run has come to.
    Shipping,
    /// Kept for now, by two pairs.
    Prototype,
    /// Not shown better, given up early, or taken back: no harm is proven.
    Shelved,
    /// It did harm, or did not run.
    Rejected,
    /// Nothing was judged of it yet.
    Planned,
}

impl IdeaStatus {
    /// All, in the order of the file.
    pub const ALL: [Self; 5] =
        [Self::Shipping, Self::Prototype, Self::Shelved, Self::Rejected, Self::Planned];

    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shipping => "shipping",
            Self::Prototype => "prototype",
            Self::Shelved => "shelved",
            Self::Rejected => "rejected",
            Self::Planned => "planned",
        }
    }

    /// When an idea has it; the first that fits is taken.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Shipping => {
                "a kept change of it is in the branch of a run, and no `piton verify --each` of that head found it to pay no longer"
            }
            Self::Prototype => "a change of it was kept for now, by two pairs, and waits for the full test",
            Self::Shelved => {
                "at best a change of it was not shown better, was given up early, was kept and taken back, or pays no longer: no harm is proven, and it may be taken up again with more"
            }
            Self::Rejected => {
                "every change of it was worse, failed a gate or a guard, was outside the scope, did not build or did not run"
            }
            Self::Planned => {
                "a note that no trial has taken up, or trials that said nothing (void, interrupted)"
            }
        }
    }
}

/// Everything that the ledger knows of ideas, run by run.
#[derive(Debug, Clone, Default)]
pub struct Experiments {
    runs: Vec<IdeaRun>,
    ideas: BTreeMap<String, IdeaHistory>,
    /// The idea of each trial of the present run.
    names: BTreeMap<u32, String>,
    /// The records that say where the branch of the present run stands, without their pairs.
    line: Vec<Record>,
}

#[derive(Debug, Clone)]
struct IdeaRun {
    name: String,
    experiment: String,
    metric: Metric,
    trials: u32,
    kept: u32,
    verified: Option<(Gain, Gain, Gain)>,
}

/// An idea.
#[derive(Debug, Clone, Default)]
struct IdeaHistory {
    /// Place of its first trial or note among all.
    first: usize,
    tried: Vec<IdeaTrial>,
    notes: Vec<Note>,
    /// Trials that said nothing of it: void, interrupted, the same as an earlier one.
    silent: u32,
}

/// A trial of an idea.
#[derive(Debug, Clone)]
struct IdeaTrial {
    run: usize,
    trial: u32,
    description: String,
    hypothesis: Option<String>,
    outcome: Outcome,
    failed: Vec<GateResult>,
    noun: &'static str,
    resolves: Option<Gain>,
    came: Came,
}

/// What a trial came to, for the status of its idea.
#[derive(Debug, Clone, PartialEq)]
enum Came {
    /// It was kept, and is in what the run has come to.
    Ships,
    /// Likewise, for now.
    ForNow,
    /// It was kept, and the branch went back.
    TakenBack,
    /// It is in the branch, and `verify --each` found that nothing is lost without it: gain of HEAD over HEAD without it, and its pairs.
    PaysNoLonger(Gain, u32),
    /// It was not shown better.
    NotShown,
    /// Few pairs ended it.
    GivenUp,
    /// It did harm, or did not run.
    Harm,
}

/// The name of the idea that a trial belongs to: the family that its proposer named; else the one constant that it changed; else its words.
pub(crate) fn idea_of(record: &Record) -> String {
    let constant = record.measured.changes.as_ref().and_then(|changes| match &changes.constants[..] {
        [constant] => proposal::family(&constant.name),
        _ => None,
    });
    let named = record.claimed.claim.family.as_deref().and_then(proposal::family);
    named
        .or(constant)
        .or_else(|| proposal::family(&record.claimed.description))
        .unwrap_or_else(|| "unnamed".to_owned())
}

impl Experiments {
    /// A run begins; what is taken in from here on is its.
    pub fn begin(&mut self, run: &str, experiment: &str, metric: &Metric) {
        self.line.clear();
        self.names.clear();
        self.runs.push(IdeaRun {
            name: clean(run, 60),
            experiment: experiment.to_owned(),
            metric: metric.clone(),
            trials: 0,
            kept: 0,
            verified: None,
        });
    }

    /// Takes in a trial of the present run; oldest first.
    pub fn take(&mut self, record: &Record) {
        let kept = record.outcome.kept();
        if record.trial == 0 || kept || record.outcome.check() {
            self.line.push(Record {
                measured: Measured { pairs: vec![], asked: vec![], ..record.measured.clone() },
                ..record.clone()
            });
        }
        let own = !record.outcome.check() && record.outcome != Outcome::NoEdit;
        let (Some(at), true) = (self.runs.len().checked_sub(1), record.trial > 0 && own) else { return };
        self.runs[at].trials += 1;
        self.runs[at].kept += u32::from(kept);
        let name = match &record.outcome {
            // It is an earlier trial's idea, whatever it is called.
            Outcome::Duplicate { of } | Outcome::Alike { of } => self.names.get(of).cloned(),
            _ => Some(idea_of(record)),
        };
        let Some(name) = name else { return };
        self.names.insert(record.trial, name.clone());
        let idea = self.idea(name);
        if !record.outcome.settles() && !matches!(record.outcome, Outcome::Tampered { .. }) {
            idea.silent += 1;
            return;
        }
        idea.tried.push(IdeaTrial {
            run: at,
            trial: record.trial,
            description: record.claimed.description.clone(),
            hypothesis: record.claimed.claim.hypothesis.clone(),
            outcome: record.outcome.clone(),
            failed: record.measured.gates.iter().filter(|gate| !gate.pass).cloned().collect(),
            noun: if record.measured.runs.is_empty() { "pair" } else { "run" },
            resolves: record.measured.resolves,
            came: match &record.outcome {
                // Until the run is seen whole.
                _ if kept => Came::TakenBack,
                Outcome::Judged { verdict: Verdict::NotShownBetter, .. } => Came::NotShown,
                outcome if outcome.given_up() => Came::GivenUp,
                _ => Came::Harm,
            },
        });
    }

    /// Takes in a note on the present run.
    pub fn note(&mut self, note: &Note) {
        let name = proposal::family(&note.text).unwrap_or_else(|| "unnamed".to_owned());
        self.idea(name).notes.push(note.clone());
    }

    /// The present run has been seen whole; `verification` is its last verification, `each` the last of its present head in which every keep
    /// was measured once more.
    pub fn end(&mut self, verification: Option<&Verification>, each: Option<&Verification>) {
        let Some(at) = self.runs.len().checked_sub(1) else { return };
        self.runs[at].verified =
            verification.map(|verification| (verification.gain, verification.low, verification.high));
        let line = rechecks::commits(&self.line);
        let held = |trial: u32| {
            self.line.iter().any(|record| {
                matches!(&record.outcome, Outcome::Bundle { holds: true, trials, .. } if trials.contains(&trial))
            })
        };
        let found = |trial: u32| {
            each.and_then(|verification| verification.each.iter().find(|again| again.trial == trial))
        };
        let tried = self.ideas.values_mut().flat_map(|idea| &mut idea.tried);
        for tried in tried.filter(|tried| tried.run == at && line.contains(&tried.trial)) {
            let for_now = matches!(
                tried.outcome,
                Outcome::Judged { verdict: Verdict::Keep(KeepReason::Provisional), .. }
            );
            tried.came = match found(tried.trial).filter(|again| !again.pays()) {
                Some(again) => {
                    let (gain, pairs, _) = again.without.unwrap_or(again.own);
                    Came::PaysNoLonger(gain, pairs)
                }
                None if for_now && !held(tried.trial) => Came::ForNow,
                None => Came::Ships,
            };
        }
    }

    /// Where an incumbent of the present run stands: the head that a verification must be of.
    pub fn head(&self) -> Option<&CommitId> {
        piton_run::rechecks::incumbent(&self.line)?.commit.as_ref()
    }

    fn idea(&mut self, name: String) -> &mut IdeaHistory {
        let first = self.ideas.len();
        self.ideas.entry(name).or_insert_with(|| IdeaHistory { first, ..IdeaHistory::default() })
    }
}

impl IdeaHistory {
    fn status(&self) -> IdeaStatus {
        let any = |of: &dyn Fn(&Came) -> bool| self.tried.iter().any(|tried| of(&tried.came));
        if any(&|came| *came == Came::Ships) {
            IdeaStatus::Shipping
        } else if any(&|came| *came == Came::ForNow) {
            IdeaStatus::Prototype
        } else if any(&|came| {
            matches!(came, Came::NotShown | Came::GivenUp | Came::TakenBack | Came::PaysNoLonger(..))
        }) {
            IdeaStatus::Shelved
        } else if self.tried.is_empty() {
            IdeaStatus::Planned
        } else {
            IdeaStatus::Rejected
        }
    }
}

impl IdeaTrial {
    fn estimate(&self) -> Option<&Estimate> {
        self.outcome.estimate()
    }

    fn gain(&self) -> Gain {
        self.estimate().map_or(Gain(f64::NEG_INFINITY), |estimate| estimate.gain)
    }
}
