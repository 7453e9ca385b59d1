//! Where the branch of a run stands, and what of it is to be tested once more.
//!
//! What was kept is not taken for granted: clocks are readable, so a program may behave well while it is on trial and otherwise once it is
//! the incumbent. Each keep is measured again, as it is now, against the one that it was kept over; an incumbent that failed a gate is
//! measured alone; keeps for now, and those on top of one that fell, are tested together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use piton_base::metric::Gain;
use piton_rule::keep::{KeepReason, Verdict, Worth};
use piton_rule::settings::{Recheck, Settings};
use piton_trial::record::{Outcome, Record, Status};

/// Provisional keeps after which they are put to the test together.
const BUNDLE: usize = 4;
/// Keeps that were not measured again after which the oldest is: before a further one can be made.
const UNCHECKED: usize = 2;

/// Where the branch stands, in the course of a run: by the numbers of trials.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BranchState {
    /// The trial whose commit the branch is at.
    pub incumbent: u32,
    /// The last one that is more than provisional.
    pub verified: u32,
    /// The keeps since that are to be tested together, oldest first.
    pub waiting: Vec<u32>,
    /// The baseline, and the keeps that lead to the incumbent, oldest first.
    pub way: Vec<u32>,
    /// Of these the ones that were not measured again since they were kept, oldest first.
    pub unchecked: Vec<u32>,
    /// Keeps that stand on another than they were kept over, since that one fell: each with the trial that has shown what it is worth there.
    pub shown: BTreeMap<u32, u32>,
    /// A keep fell that others stand on: those that wait are to be tested at once.
    pub fell: bool,
    /// The incumbent failed a gate, or was not measured at all, in a trial since it was last measured alone.
    pub doubted: bool,
}

impl BranchState {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Judged { verdict: Verdict::Keep(KeepReason::Provisional), .. } => {
                self.keep(record.trial);
                self.waiting.push(record.trial);
            }
            Outcome::Bundle { holds: true, .. } => {
                self.verified = self.incumbent;
                if self.fell {
                    self.stand(record.trial);
                }
                self.settle();
            }
            Outcome::Bundle { holds: false, .. } => {
                self.back(self.verified);
                self.settle();
            }
            Outcome::Recheck { keep, worth, .. } => {
                self.unchecked.retain(|trial| trial != keep);
                if let (Worth::Gone, Some(before)) = (worth, self.before(*keep)) {
                    if *keep == self.incumbent {
                        self.back(before);
                    } else {
                        self.suspect(before);
                    }
                }
            }
            Outcome::Regate { to, failed, .. } => {
                self.doubted = false;
                if !failed.is_empty() {
                    self.back(*to);
                }
            }
            outcome if outcome.status() == Status::Keep => {
                self.keep(record.trial);
                if self.fell {
                    self.waiting.push(record.trial);
                } else {
                    self.verified = record.trial;
                    self.waiting.clear();
                }
                if record.trial > 0 {
                    self.unchecked.push(record.trial);
                }
            }
            _ => {}
        }
        self.doubted |= record.measured.doubt.is_some();
    }

    fn keep(&mut self, trial: u32) {
        self.incumbent = trial;
        self.way.push(trial);
        self.doubted = false;
    }

    /// The incumbent holds though a keep that it stands on fell: from now on it stands on what that one was kept over, and claims what the
    /// test has shown.
    fn stand(&mut self, by: u32) {
        let passed = |trial: &u32| *trial == self.incumbent || !self.waiting.contains(trial);
        self.way.retain(passed);
        self.unchecked.retain(passed);
        if !self.unchecked.contains(&self.incumbent) {
            self.unchecked.push(self.incumbent);
        }
        self.shown.insert(self.incumbent, by);
    }

    /// What waited was tested.
    fn settle(&mut self) {
        self.waiting.clear();
        self.fell = false;
    }

    /// The run goes back to this trial, and what came after it is no part of it any more.
    fn back(&mut self, to: u32) {
        let on_it = self.way.iter().position(|trial| *trial == to).map_or(0, |at| at + 1);
        self.way.truncate(on_it);
        let left = |trial: &u32| self.way.contains(trial);
        self.unchecked.retain(left);
        self.waiting.retain(left);
        if !self.way.contains(&self.verified) {
            self.verified = to;
        }
        self.incumbent = to;
        self.doubted = false;
        self.fell &= !self.waiting.is_empty();
    }

    /// What stands on `to` is to be tested together against it.
    fn suspect(&mut self, to: u32) {
        let after = self.way.iter().position(|trial| *trial == to).map_or(0, |at| at + 1);
        self.waiting = self.way[after..].to_vec();
        self.verified = to;
        self.fell = true;
    }

    /// What a keep of this way stands on: what it was kept over, unless that fell.
    pub fn before(&self, keep: u32) -> Option<u32> {
        let at = self.way.iter().position(|trial| *trial == keep)?;
        self.way.get(at.checked_sub(1)?).copied()
    }

    /// Whether the keeps that wait are to be tested: one that they stand on fell, there are enough of them, or `all` of them are wanted.
    pub fn bundle_is_due(&self, all: bool) -> bool {
        self.waiting.len() >= if all || self.fell { 1 } else { BUNDLE }
    }

    /// The keep that is to be measured again now; `all` where none is to be left out.
    pub fn recheck_due(&self, settings: &Settings, all: bool) -> Option<u32> {
        let enough = match settings.recheck() {
            Recheck::Off => return None,
            Recheck::End if !all => return None,
            Recheck::Each if !all => UNCHECKED,
            Recheck::Each | Recheck::End => 1,
        };
        self.unchecked.first().filter(|_| self.unchecked.len() >= enough).copied()
    }

    /// The tests of what was kept that are outstanding, in words.
    pub fn outstanding(&self, settings: &Settings) -> Vec<String> {
        let named = |trials: &[u32]| {
            let numbers: Vec<String> = trials.iter().map(u32::to_string).collect();
            format!("{} {}", if trials.len() == 1 { "trial" } else { "trials" }, numbers.join(", "))
        };
        let mut words = vec![];
        if self.doubted {
            words.push("the incumbent alone: it failed in a trial".to_owned());
        }
        if !self.waiting.is_empty() {
            words.push(format!("{}, together", named(&self.waiting)));
        }
        if self.recheck_due(settings, true).is_some() {
            words.push(format!("{}, each against what it stands on", named(&self.unchecked)));
        }
        words
    }
}

/// Where a run stands after these records.
pub fn of(records: &[Record]) -> BranchState {
    let mut branch_state = BranchState::default();
    records.iter().for_each(|record| branch_state.take(record));
    branch_state
}

/// The record whose commit the branch stands at.
pub fn incumbent(records: &[Record]) -> Option<&Record> {
    let branch_state = of(records);
    records.iter().find(|record| record.trial == branch_state.incumbent)
}

/// The keep, or the baseline, that each keep was built on.
pub fn parents(records: &[Record]) -> BTreeMap<u32, u32> {
    let kept = |record: &&Record| record.trial == 0 || record.outcome.kept();
    let number: BTreeMap<&str, u32> =
        records.iter().filter(kept).filter_map(|r| Some((r.commit.as_deref()?, r.trial))).collect();
    records
        .iter()
        .filter(|record| record.outcome.kept())
        .filter_map(|r| Some((r.trial, *number.get(r.parent.as_deref()?)?)))
        .collect()
}

/// What the keeps that lead to the incumbent gained together, each over the one before: as each was measured in the trial that kept it.
pub fn kept_gain(records: &[Record]) -> Gain {
    let line = commits(records);
    let kept = records.iter().filter(|record| record.outcome.kept() && line.contains(&record.trial));
    kept.filter_map(|record| record.outcome.estimate()).map(|estimate| estimate.gain).sum()
}

/// The trials whose commits lead from the baseline to the incumbent, each built on the one before; empty where there is no baseline.
pub fn commits(records: &[Record]) -> Vec<u32> {
    let parents = parents(records);
    let mut line: Vec<u32> = incumbent(records).iter().map(|record| record.trial).collect();
    // A parent is older than its child, so this ends.
    while let Some(parent) =
        line.last().and_then(|last| parents.get(last).filter(|parent| *parent < last).copied())
    {
        line.push(parent);
    }
    line.reverse();
    line
}
