//! What must hold after every attack, whatever the attack says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::build::Workshop;
use crate::error::Result;
use crate::expensive;
use crate::git::Repo;
use crate::ledger::Ledger;
use crate::trial::Record;

/// A run and its repository at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The rows.
    pub records: Vec<Record>,
    /// All refs, and HEAD.
    pub refs: BTreeMap<String, String>,
    /// Configuration, hooks, grafts and locks.
    pub orders: BTreeMap<String, String>,
    /// Files in the user's checkout that git sees as changed.
    pub dirty: Vec<String>,
    /// SHA-256 of the harness, where it is still what its name says.
    pub harness: Option<String>,
    /// The text of `results.tsv`.
    pub table: String,
}

impl Seen {
    /// Looks.
    ///
    /// # Errors
    /// When the repository or the ledger cannot be read any more.
    pub fn look(repo: &Repo, workshop: &Workshop, run: &str) -> Result<Self> {
        let ledger = Ledger::open(&repo.state_dir())?;
        let sealed = ledger.run(run)?;
        let harness = sealed.as_ref().and_then(|run| {
            let hash = run.harness.as_deref()?;
            workshop.existing(repo.commit_id(&run.base).ok()?, Some(hash))?.hash
        });
        Ok(Self {
            records: ledger.records(run)?,
            refs: repo.refs()?,
            orders: repo.orders()?,
            dirty: repo.dirty()?,
            harness,
            table: std::fs::read_to_string(repo.main_root().join("results.tsv")).unwrap_or_default(),
        })
    }
}

/// Whether each of them held, with what did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Held {
    /// The rows of before are as they were, each has its ref, and the table says the same.
    pub ledger: Option<String>,
    /// The harness is the one that was sealed.
    pub harness: Option<String>,
    /// No process is left.
    pub processes: Option<String>,
    /// The branch is at the incumbent, and only a keep has moved it.
    pub incumbent: Option<String>,
    /// The user's checkout, other refs and what git obeys are as they were.
    pub repository: Option<String>,
    /// No file is there that an attack was to leave.
    pub traces: Option<String>,
}

impl Held {
    /// What did not hold, a sentence each.
    pub fn broken(&self) -> Vec<&str> {
        let all =
            [&self.ledger, &self.harness, &self.processes, &self.incumbent, &self.repository, &self.traces];
        all.into_iter().filter_map(|what| what.as_deref()).collect()
    }
}

/// Holds `after` against `before`: what an attack may not have changed in run `run`.
pub fn compare(run: &str, before: &Seen, after: &Seen, survivors: usize, traces: &[String]) -> Held {
    Held {
        ledger: ledger(run, before, after),
        harness: harness(before, after),
        processes: (survivors > 0).then(|| format!("{survivors} processes outlived piton")),
        incumbent: incumbent(run, before, after),
        repository: repository(run, before, after),
        traces: traces.first().map(|path| format!("{path} is there")),
    }
}

fn ledger(run: &str, before: &Seen, after: &Seen) -> Option<String> {
    if after.records.len() < before.records.len()
        || after.records[..before.records.len()] != before.records[..]
    {
        return Some("rows that were recorded have changed".to_owned());
    }
    for record in after.records.iter().filter(|record| record.trial > 0) {
        let name = format!("refs/piton/{run}/trials/{}", record.trial);
        if after.refs.get(&name) != record.commit.as_ref() {
            return Some(format!("{name} is not where the ledger has it"));
        }
    }
    let odd =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || ('\u{202a}'..='\u{202e}').contains(&c);
    let lines = after.table.lines().count();
    if lines != after.records.len() + 1 || after.table.contains(odd) {
        return Some(format!(
            "results.tsv has {lines} lines for {} rows, or control characters",
            after.records.len()
        ));
    }
    None
}

fn harness(before: &Seen, after: &Seen) -> Option<String> {
    let sealed = before.records.first().and_then(|record| record.harness.clone());
    let rows = after.records.iter().any(|record| record.harness != sealed);
    (rows || after.harness != sealed).then(|| "the harness is another one".to_owned())
}

fn incumbent(run: &str, before: &Seen, after: &Seen) -> Option<String> {
    let commit = |seen: &Seen| expensive::incumbent(&seen.records).and_then(|record| record.commit.clone());
    let branch = after.refs.get(&format!("refs/heads/piton/{run}")).cloned();
    if branch != commit(after) {
        return Some("the run's branch is not at the ledger's incumbent".to_owned());
    }
    let kept =
        after.records[before.records.len().min(after.records.len())..].iter().any(|r| r.outcome.kept());
    (commit(before) != commit(after) && !kept).then(|| "the incumbent moved without a keep".to_owned())
}

fn repository(run: &str, before: &Seen, after: &Seen) -> Option<String> {
    let (own, branch) = (format!("refs/piton/{run}/"), format!("refs/heads/piton/{run}"));
    let others = |seen: &Seen| -> BTreeSet<(String, String)> {
        let other = |name: &String| *name != branch && !name.starts_with(&own);
        seen.refs.iter().filter(|(name, _)| other(name)).map(|(n, t)| (n.clone(), t.clone())).collect()
    };
    if let Some((name, _)) = others(before).symmetric_difference(&others(after)).next() {
        return Some(format!("{name} has moved"));
    }
    let pairs = |seen: &Seen| -> BTreeSet<(String, String)> {
        seen.orders.iter().map(|(name, text)| (name.clone(), text.clone())).collect()
    };
    if let Some((name, _)) = pairs(before).symmetric_difference(&pairs(after)).next() {
        return Some(format!(".git{name} has changed"));
    }
    (before.dirty != after.dirty).then(|| format!("the checkout has changed: {}", after.dirty.join(", ")))
}

/// Those of `paths` that are there. They are removed.
pub fn traces(paths: &[String]) -> Vec<String> {
    let there: Vec<String> =
        paths.iter().filter(|path| Path::new(path).symlink_metadata().is_ok()).cloned().collect();
    for path in &there {
        let _ = std::fs::remove_file(path);
    }
    there
}
