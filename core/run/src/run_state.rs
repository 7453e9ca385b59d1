//! What the records of a run come to, as far as the next trial must know it.
//!
//! A trial late in a long run must not cost more than one at its beginning, so the records are not read again for it: they are
//! taken in one by one, as they are made. The ledger keeps a snapshot of this from time to time. It can be computed from
//! the records again by anyone, and `piton audit` does.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::few_runs::Runs;
use crate::lessons::Lessons;
use crate::next_start::Frontier;
use crate::pair_history::MetricHistories;
use crate::rechecks::BranchState;
use crate::stopping::Unblinded;
use crate::tuner::Knob;
use piton_base::metric::{Gain, Metric};
use piton_trial::record::{Outcome, Record};

/// Trials whose tau says what the run's mostly is.
const TAUS: usize = 200;
/// Most columns of `results.tsv` beside the main ones: a log whose every line reads like a metric must not make a new one each.
const COLUMNS: usize = 200;

/// What the records of a run come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How many were taken in, the baseline among them; also the number of the next trial.
    pub records: u32,
    /// Where the branch stands.
    #[serde(rename = "line")]
    pub branch_state: BranchState,
    /// Trials since the incumbent was held against itself.
    pub unblinded: Unblinded,
    /// Names of the metrics that `results.tsv` has columns for, apart from the main ones.
    pub columns: BTreeSet<String>,
    /// Declared settings that were tried.
    pub tried: BTreeSet<(String, String)>,
    /// tau of the last trials that measured, oldest first.
    pub taus: VecDeque<Gain>,
    /// What they taught.
    pub lessons: Lessons,
    /// Where the next proposal may start.
    pub frontier: Frontier,
    metric: Metric,
    #[serde(rename = "courses")]
    histories: MetricHistories,
    runs: Runs,
}

impl Tally {
    /// Of no records. `histories` are those of a run that has not begun.
    pub fn new(metric: &Metric, histories: MetricHistories) -> Self {
        Self {
            records: 0,
            branch_state: BranchState::default(),
            unblinded: Unblinded::default(),
            columns: BTreeSet::new(),
            tried: BTreeSet::new(),
            taus: VecDeque::new(),
            lessons: Lessons::default(),
            frontier: Frontier::default(),
            metric: metric.clone(),
            histories,
            runs: Runs::default(),
        }
    }

    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record, knobs: &[Knob]) {
        self.records = record.trial + 1;
        self.branch_state.take(record);
        self.unblinded.take(record);
        self.histories.take(record);
        self.runs.take(record);
        self.lessons.take(record, &self.metric);
        self.lessons.leave(&self.branch_state.way);
        self.frontier.take(record);
        self.taus.extend(record.measured.tau);
        if self.taus.len() > TAUS {
            self.taus.pop_front();
        }
        let main = [Some(&self.metric.name), self.metric.memory.as_ref()];
        let names = record.measured.metrics.iter().flat_map(|metrics| metrics.keys());
        for name in names.filter(|name| !main.contains(&Some(*name))) {
            if self.columns.len() < COLUMNS {
                self.columns.insert(name.clone());
            }
        }
        if record.outcome.settles() || matches!(record.outcome, Outcome::Duplicate { .. }) {
            let constants = record.measured.changes.iter().flat_map(|changes| &changes.constants);
            let settings = constants.filter_map(|c| Some((c.name.clone(), c.to.clone()?)));
            let declared = |(name, value): &(String, String)| {
                knobs.iter().any(|k| k.name == *name && k.values.contains(value))
            };
            self.tried.extend(settings.filter(declared));
        }
    }

    /// The metrics of a trial that begins now; `simpler` where its code is simpler than the incumbent's.
    pub fn histories(&self, simpler: bool) -> MetricHistories {
        self.histories.clone().simpler(simpler)
    }

    /// The runs that the incumbents are known by, where single runs are judged.
    pub fn runs(&self) -> &Runs {
        &self.runs
    }
}
