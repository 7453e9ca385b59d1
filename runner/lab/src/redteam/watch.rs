//! What must hold after every attack, whatever the attack says of itself.

use piton_core::base::commit::CommitId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use piton_climb::audit;
use piton_climb::build::BuildStore;
use piton_climb::run_store::table_path;
use piton_core::base::error::Result;
use piton_core::run::rechecks;
use piton_core::trial::record::Record;
use piton_system::git::Repo;
use piton_system::ledger::Ledger;

/// A run and its repository at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunSnapshot {
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
    /// What an audit says does not agree.
    pub faults: Vec<String>,
}

impl RunSnapshot {
    /// Looks.
    ///
    /// # Errors
    /// When the repository or the ledger cannot be read any more.
    pub fn take(repo: &Repo, build_store: &BuildStore, run: &str) -> Result<Self> {
        let faults = audit::examine(repo, Some(run))?.faults;
        let ledger = Ledger::open(&repo.state_dir())?;
        let sealed = ledger.run(run)?;
        let harness = sealed.as_ref().and_then(|run| {
            let hash = run.harness.as_deref()?;
            build_store.kept_artifact(hash).map(|_| hash.to_owned())
        });
        let table = sealed.as_ref().map(|run| table_path(&ledger, repo, run)).transpose()?;
        let table = table.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        Ok(Self {
            records: ledger.records(run)?,
            refs: repo.refs()?,
            orders: repo.orders()?,
            dirty: repo.dirty()?,
            harness,
            table,
            faults,
        })
    }
}

/// Whether each of them held, with what did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Breaches {
    /// The rows of before are as they were, each has its ref, the table says the same, and the audit agrees.
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

impl Breaches {
    /// What did not hold, a sentence each.
    pub fn broken(&self) -> Vec<&str> {
        let all =
            [&self.ledger, &self.harness, &self.processes, &self.incumbent, &self.repository, &self.traces];
        all.into_iter().filter_map(|what| what.as_deref()).collect()
    }
}

/// Holds `after` against `before`: what an attack may not have changed in run `run`.
pub fn compare(
    run: &str,
    before: &RunSnapshot,
    after: &RunSnapshot,
    survivors: usize,
    traces: &[String],
) -> Breaches {
    Breaches {
        ledger: ledger(run, before, after),
        harness: harness(before, after),
        processes: (survivors > 0).then(|| format!("{survivors} processes outlived piton")),
        incumbent: incumbent(run, before, after),
        repository: repository(run, before, after),
        traces: traces.first().map(|path| format!("{path} is there")),
    }
}

fn ledger(run: &str, before: &RunSnapshot, after: &RunSnapshot) -> Option<String> {
    if after.records.len() < before.records.len()
        || after.records[..before.records.len()] != before.records[..]
    {
        return Some("rows that were recorded have changed".to_owned());
    }
    for record in after.records.iter().filter(|record| record.trial > 0) {
        let name = format!("refs/piton/{run}/trials/{}", record.trial);
        if after.refs.get(&name).map(String::as_str) != record.commit.as_deref() {
            return Some(format!("{name} is not where the ledger has it"));
        }
    }
    if let Some(fault) = after.faults.first() {
        return Some(format!("the audit says: {fault}"));
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

fn harness(before: &RunSnapshot, after: &RunSnapshot) -> Option<String> {
    let sealed = before.records.first().and_then(|record| record.provenance.harness.clone());
    let rows = after.records.iter().any(|record| record.provenance.harness != sealed);
    (rows || after.harness != sealed).then(|| "the harness is another one".to_owned())
}

fn incumbent(run: &str, before: &RunSnapshot, after: &RunSnapshot) -> Option<String> {
    let commit =
        |seen: &RunSnapshot| rechecks::incumbent(&seen.records).and_then(|record| record.commit.clone());
    let branch = after.refs.get(&format!("refs/heads/piton/{run}")).map(CommitId::of);
    if branch != commit(after) {
        return Some("the run's branch is not at the ledger's incumbent".to_owned());
    }
    let kept =
        after.records[before.records.len().min(after.records.len())..].iter().any(|r| r.outcome.kept());
    (commit(before) != commit(after) && !kept).then(|| "the incumbent moved without a keep".to_owned())
}

fn repository(run: &str, before: &RunSnapshot, after: &RunSnapshot) -> Option<String> {
    let (own, branch) = (format!("refs/piton/{run}/"), format!("refs/heads/piton/{run}"));
    let others = |seen: &RunSnapshot| -> BTreeSet<(String, String)> {
        let other = |name: &String| *name != branch && !name.starts_with(&own);
        seen.refs.iter().filter(|(name, _)| other(name)).map(|(n, t)| (n.clone(), t.clone())).collect()
    };
    if let Some((name, _)) = others(before).symmetric_difference(&others(after)).next() {
        return Some(format!("{name} has moved"));
    }
    let pairs = |seen: &RunSnapshot| -> BTreeSet<(String, String)> {
        seen.orders.iter().map(|(name, text)| (name.clone(), text.clone())).collect()
    };
    if let Some((name, _)) = pairs(before).symmetric_difference(&pairs(after)).next() {
        return Some(format!(".git{name} has changed"));
    }
    (before.dirty != after.dirty).then(|| format!("the checkout has changed: {}", after.dirty.join(", ")))
}

/// Those of `paths` that are there. They are removed.
pub(crate) fn traces(paths: &[String]) -> Vec<String> {
    let there: Vec<String> =
        paths.iter().filter(|path| Path::new(path).symlink_metadata().is_ok()).cloned().collect();
    for path in &there {
        let _ = std::fs::remove_file(path);
    }
    there
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_climb::run_trial;
    use piton_core::trial::record::Outcome;
    use piton_system::config::Config;
    use piton_system::ledger::Run;

    const TOY: &str = "name = 'toy'\n[metric]\nname = 'speed'\ndirection = 'higher'\n[scope]\neditable = ['src']\n[measure]\ncommand = ['true']\ntimeout_s = 1\n";

    fn record(trial: u32) -> Record {
        let run = Run {
            name: "r".into(),
            base: CommitId::of("b"),
            seal: "s".into(),
            harness: Some("h".into()),
            config: TOY.into(),
            began: String::new(),
            within: String::new(),
            worktree: None,
            locks: true,
        };
        let commit = Some(CommitId::of(if trial == 0 { "b".to_owned() } else { format!("c{trial}") }));
        let outcome = if trial == 0 { Outcome::Baseline } else { Outcome::Duplicate { of: 0 } };
        Record { commit, outcome, ..run_trial::blank(&run, trial, &Config::parse(TOY).unwrap()) }
    }

    /// A baseline and `trials` discards, everything as it should be.
    fn seen(trials: u32) -> RunSnapshot {
        let records: Vec<Record> = (0..=trials).map(record).collect();
        let own = (1..=trials).map(|n| (format!("refs/piton/r/trials/{n}"), format!("c{n}")));
        let others =
            [("HEAD", "ref: refs/heads/main"), ("refs/heads/main", "b"), ("refs/heads/piton/r", "b")];
        let others = others.map(|(name, target)| (name.to_owned(), target.to_owned()));
        RunSnapshot {
            table: "row\n".repeat(records.len() + 1),
            records,
            refs: own.chain(others).collect(),
            orders: BTreeMap::from([("/config".to_owned(), "[core]".to_owned())]),
            dirty: vec![],
            harness: Some("h".to_owned()),
            faults: vec![],
        }
    }

    fn after(change: impl Fn(&mut RunSnapshot)) -> Breaches {
        let mut after = seen(2);
        change(&mut after);
        compare("r", &seen(1), &after, 0, &[])
    }

    #[test]
    fn a_trial_that_changes_nothing_but_its_row_and_its_ref_holds() {
        assert_eq!(after(|_| {}).broken(), Vec::<&str>::new());
    }

    #[test]
    fn a_row_that_changed_or_went_a_ref_that_is_gone_and_a_forged_table_break_the_ledger() {
        assert!(after(|seen| seen.records[1].claimed.description = "forged".into()).ledger.is_some());
        assert!(after(|seen| seen.records.truncate(1)).ledger.is_some());
        assert!(after(|seen| drop(seen.refs.remove("refs/piton/r/trials/1"))).ledger.is_some());
        assert!(after(|seen| seen.table.push_str("forged\n")).ledger.is_some());
        assert!(after(|seen| seen.faults.push("the chain is broken".into())).ledger.is_some());
        assert!(after(|seen| seen.table = "a\u{1b}\nb\nc\nd\n".into()).ledger.is_some());
    }

    #[test]
    fn another_harness_in_a_row_or_on_the_disk_breaks_it() {
        assert!(after(|seen| seen.records[2].provenance.harness = None).harness.is_some());
        assert!(after(|seen| seen.harness = None).harness.is_some());
    }

    #[test]
    fn a_branch_that_moved_without_a_keep_breaks_the_incumbent() {
        let moved = |seen: &mut RunSnapshot| drop(seen.refs.insert("refs/heads/piton/r".into(), "x".into()));
        assert!(after(moved).incumbent.is_some());
    }

    #[test]
    fn another_ref_head_the_configuration_or_the_checkout_break_the_repository() {
        assert!(after(|seen| drop(seen.refs.insert("HEAD".into(), "x".into()))).repository.is_some());
        assert!(
            after(|seen| drop(seen.refs.insert("refs/replace/b".into(), "x".into()))).repository.is_some()
        );
        assert!(after(|seen| drop(seen.refs.remove("refs/heads/main"))).repository.is_some());
        assert!(after(|seen| drop(seen.orders.insert("/config".into(), "x".into()))).repository.is_some());
        assert!(after(|seen| drop(seen.orders.insert("hooks/x".into(), "x".into()))).repository.is_some());
        assert!(after(|seen| seen.dirty.push("piton.toml".into())).repository.is_some());
    }

    #[test]
    fn a_process_or_a_file_that_is_left_breaks_it() {
        let held = compare("r", &seen(1), &seen(2), 1, &["/loot".to_owned()]);
        assert!(held.processes.is_some() && held.traces.is_some());
    }
}
