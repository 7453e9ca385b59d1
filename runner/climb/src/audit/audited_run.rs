//! What the entries of the ledger hold, run by run, as an audit needs it.

use piton_core::base::commit::CommitId;
use std::collections::{BTreeMap, BTreeSet};

use piton_core::base::error::Result;
use piton_core::run::run_state::Tally;
use piton_core::trial::hash_chain::Entry;
use piton_core::trial::record::{Measured, Record};
use piton_system::config::Config;
use piton_system::ledger::{Ledger, Run};

/// A run as the entries have it.
pub struct AuditedRun {
    /// The run.
    pub run: Run,
    /// Its experiment.
    pub config: Config,
    /// Its trials by number.
    pub trials: BTreeMap<u32, LedgerTrial>,
    /// What their records come to.
    pub tally: Tally,
    commits: BTreeSet<CommitId>,
    /// Whether the snapshot that is kept, where there is one, is what the records came to.
    pub snapshot: bool,
    kept: Option<Tally>,
}

impl AuditedRun {
    /// From the entry with which it begins; `None` where that holds something else.
    ///
    /// # Errors
    /// An experiment that cannot be used, or a ledger that cannot be read.
    pub fn begin(entry: &Entry, ledger: &Ledger) -> Result<Option<Self>> {
        let run = serde_json::from_str::<Run>(&entry.body).ok().filter(|run| run.name == entry.run);
        let Some(run) = run else { return Ok(None) };
        let config = ledger.config(&run)?;
        let tally = Tally::new(&config.metric, config.histories(&[], false));
        let (trials, commits) = (BTreeMap::new(), BTreeSet::new());
        let kept = ledger.tally(&run.name)?;
        let snapshot = kept.is_none();
        Ok(Some(Self { run, config, trials, commits, tally, kept, snapshot }))
    }

    /// Takes in a trial; `None` where the entry holds something else.
    pub fn take(&mut self, entry: &Entry, before: String) -> Option<()> {
        let record: Record = serde_json::from_str(&entry.body).ok()?;
        if record.run != entry.run || Some(record.trial) != entry.trial {
            return None;
        }
        self.tally.take(&record, &self.config.knobs);
        if self.kept.as_ref().is_some_and(|kept| kept.records == self.tally.records) {
            self.snapshot = self.kept.as_ref() == Some(&self.tally);
        }
        let own =
            record.trial > 0 && record.commit.as_ref().is_some_and(|commit| !self.commits.contains(commit));
        self.commits.extend(record.commit.clone());
        // Whatever is large is not needed any more.
        let record = Record {
            measured: Measured {
                pairs: vec![],
                asked: vec![],
                changes: None,
                since_baseline: None,
                ..record.measured
            },
            ..record
        };
        self.trials.insert(record.trial, LedgerTrial { record, entry: entry.number, before, own });
        Some(())
    }
}

/// A trial as the ledger has it.
pub(crate) struct LedgerTrial {
    /// The record, without what is large.
    pub record: Record,
    /// Its entry.
    pub entry: i64,
    /// The hash before it.
    pub before: String,
    /// Whether its commit is its own: that of a blind trial, or of a bundle, is an earlier one's.
    pub own: bool,
}
