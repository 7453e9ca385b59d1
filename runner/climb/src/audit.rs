//! Ledger, refs, commits and table held against each other: what does not agree is said, one line each.
//!
//! The chain shows an entry that was changed alone. Whoever computes the chain anew contradicts the commits, since each names
//! the head of the chain at its time; whoever rewrites the commits too contradicts what was seen of them elsewhere. Whoever removes it, or
//! puts an earlier one back, leaves refs, commits and rows that it does not know.

mod audited_run;

use piton_core::base::commit::CommitId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::ledger_witness::{self, LedgerContents};
use crate::run_store::{artifact_dir, table_path, tables, text};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::base::note::Note;
use piton_core::report::tables;
use piton_core::run::rechecks::BranchState;
use piton_core::trial::hash_chain::{self, BEGINNING, short};
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::text::{clean, plural};
use piton_system::config::Config;
use piton_system::git::{Id, Repo};
use piton_system::ledger::{Ledger, Run, Table, TrialRow};
use piton_system::tree::sha256;

use audited_run::{AuditedRun, LedgerTrial};

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Audit {
    /// Entries in the ledger.
    pub entries: usize,
    /// Hash of the last: whoever has noted it elsewhere can tell whether the past was rewritten since.
    pub head: String,
    /// The runs that were examined.
    pub runs: Vec<String>,
    /// Trials of theirs.
    pub trials: usize,
    /// What does not agree, one line each.
    pub faults: Vec<String>,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

/// Examines the ledger and its runs, or one of them; and, where none is named, what else the repository has of runs.
///
/// # Errors
/// When there is nothing of any run, or not of this one.
pub fn examine(repo: &Repo, run: Option<&str>) -> Result<Audit> {
    let path = repo.state_dir().join("ledger.db");
    let without = |why: String| -> Result<Audit> {
        let mut audit = Audit { head: BEGINNING.to_owned(), ..Audit::default() };
        audit.beside(repo, None, &LedgerContents::default(), &[])?;
        audit.faults.insert(0, why);
        Ok(audit)
    };
    let ledger = match Ledger::open_read_only(&repo.state_dir()) {
        Ok(ledger) => ledger,
        Err(error) if error.status == exit::REFUSED => return Err(error),
        Err(error) => return without(unreadable(&error)),
    };
    let entries = ledger.as_ref().map(Ledger::head).transpose();
    let Some(ledger) = ledger.filter(|_| !matches!(entries, Ok(Some((0, _))))) else {
        let audit = without(format!("{} is not there, or holds no entry", path.display()))?;
        // Where nothing ever began there is no ledger, and nothing else.
        return match audit.faults.len() {
            1 => Err(Error::refused("there is nothing to audit: no run has begun in this repository")),
            _ => Ok(audit),
        };
    };
    match agree(repo, &ledger, run) {
        Err(error) if error.status == exit::FAILED && error.what.starts_with("the ledger") => {
            without(unreadable(&error))
        }
        examined => examined,
    }
}

fn unreadable(error: &Error) -> String {
    let why = error.cause.as_deref().map_or_else(String::new, |why| format!(": {}", clean(why, 200)));
    format!("{}{why}", clean(&error.what, 200))
}

/// Holds a ledger that is there against everything.
fn agree(repo: &Repo, ledger: &Ledger, run: Option<&str>) -> Result<Audit> {
    let (mut check, mut runs) = (hash_chain::Check::new(), BTreeMap::<String, AuditedRun>::new());
    let (mut faults, mut known) = (vec![], LedgerContents::default());
    ledger.each_entry(&mut |entry| {
        let before = check.take(&entry);
        known.heads.insert(entry.hash.clone());
        let taken = match entry.kind.as_str() {
            "run" => {
                AuditedRun::begin(&entry, ledger)?.map(|found| drop(runs.insert(entry.run.clone(), found)))
            }
            "note" | "guidance" => serde_json::from_str::<Note>(&entry.body)
                .ok()
                .filter(|note| note.run == entry.run && runs.contains_key(&entry.run))
                .map(|_| ()),
            "trial" => runs.get_mut(&entry.run).and_then(|run| run.take(&entry, before)),
            _ => Some(()),
        };
        if taken.is_none() {
            faults.push(format!("{} does not hold what it should", hash_chain::name(&entry)));
        }
        Ok(())
    })?;
    known.runs = runs.keys().cloned().collect();
    let records = runs.values().flat_map(|found| found.trials.values());
    known.commits = records.filter_map(|trial| trial.record.commit.clone()).collect();
    if let Some(name) = run.filter(|name| !runs.contains_key(*name)) {
        return Err(Error::refused(format!("there is no run {name}")));
    }
    let (entries, head) = check.head();
    let only = |name: &&String| run.is_none_or(|only| only == name.as_str());
    let mut audit = Audit {
        entries: entries as usize,
        head: head.to_owned(),
        runs: runs.keys().filter(only).cloned().collect(),
        faults: [check.faults, faults].concat(),
        ..Audit::default()
    };
    let printed: Vec<String> = tables(ledger, repo)?.into_iter().map(|(run, _)| run.name).collect();
    for (name, found) in runs.iter().filter(|(name, _)| only(name)) {
        audit.trials += found.trials.len().saturating_sub(1);
        let mut examined = Examined {
            repo,
            ledger,
            run: &found.run,
            config: &found.config,
            audit: &mut audit,
            digests: BTreeMap::new(),
        };
        examined.gaps(&found.trials);
        examined.rows(&found.trials)?;
        examined.commits(&found.trials)?;
        examined.refs(&found.trials);
        examined.sealed(&found.trials)?;
        if !found.snapshot {
            examined.fault(format!("the snapshot of run {name} is not what its records come to"));
        }
        if printed.contains(name) {
            examined.table(found)?;
        }
    }
    if run.is_none() {
        audit.beside(repo, Some(ledger), &known, &runs.values().collect::<Vec<_>>())?;
    }
    Ok(audit)
}

impl Audit {
    /// What the repository has of runs, beside those that the ledger knows.
    fn beside(
        &mut self,
        repo: &Repo,
        ledger: Option<&Ledger>,
        known: &LedgerContents,
        runs: &[&AuditedRun],
    ) -> Result<()> {
        let bases: Vec<Id> = runs.iter().filter_map(|found| repo.object_id(&found.run.base).ok()).collect();
        let refs = repo.pitons_refs();
        // What was there when a run began is not of it: a clone's history may tell of runs elsewhere.
        self.faults.extend(ledger_witness::unknown_refs(known, &refs, &repo.claims(&bases)?));
        let aside = refs.keys().filter(|name| name.contains("/aside/")).count();
        if aside > 0 {
            self.notes.push(format!("{} put aside that piton did not make", plural(aside, "ref")));
        }
        for path in ledger_witness::stray_tables(repo, ledger)? {
            let is = text(&path).unwrap_or_default();
            let of = |found: &&AuditedRun| Ok::<_, Error>(rows(&path, found)? == is);
            if !runs.iter().map(of).collect::<Result<Vec<_>>>()?.contains(&true) {
                self.faults.push(format!(
                    "{} is of no run that the ledger knows, or was printed from another one",
                    named(&path)
                ));
            }
        }
        Ok(())
    }
}

/// A table's name for people.
fn named(path: &Path) -> String {
    clean(&path.file_name().unwrap_or_default().to_string_lossy(), 200)
}

/// What the table of a run should hold.
fn rows(path: &Path, found: &AuditedRun) -> Result<Vec<u8>> {
    let table = Table { path, metric: &found.config.metric, columns: &found.tally.columns };
    let mut should = table.header()?;
    for trial in found.trials.values() {
        should.extend(table.row(&trial.record)?);
    }
    Ok(should)
}

/// A run that is being examined.
struct Examined<'a> {
    repo: &'a Repo,
    ledger: &'a Ledger,
    run: &'a Run,
    config: &'a Config,
    audit: &'a mut Audit,
    /// What trees come to, by git's ids.
    digests: BTreeMap<String, Option<String>>,
}

impl Examined<'_> {
    fn fault(&mut self, fault: String) {
        self.audit.faults.push(fault);
    }

    fn name(&self, trial: u32) -> String {
        format!("trial {trial} of run {}", self.run.name)
    }

    fn gaps(&mut self, trials: &BTreeMap<u32, LedgerTrial>) {
        let all = trials.keys().max().map_or(0, |last| last + 1);
        for missing in (0..all).filter(|number| !trials.contains_key(number)) {
            let name = self.name(missing);
            self.fault(format!("{name} is missing from the ledger"));
        }
    }

    /// What the ledger has beside the entries.
    fn rows(&mut self, trials: &BTreeMap<u32, LedgerTrial>) -> Result<()> {
        let rows: BTreeMap<u32, TrialRow> =
            self.ledger.rows(&self.run.name)?.into_iter().map(|row| (row.trial, row)).collect();
        for (number, row) in &rows {
            let name = self.name(*number);
            if row.entry.is_none() || row.state == "decided" {
                self.audit.notes.push(format!(
                    "{name} is {}: piton is at work on it, or `piton recover` will end it",
                    row.state
                ));
            }
            if row.entry.is_some() && !trials.contains_key(number) {
                self.fault(format!("{name} was decided, and its entry is missing"));
            }
        }
        for (number, trial) in trials {
            let (name, record) = (self.name(*number), &trial.record);
            let tree =
                record.commit.as_ref().and_then(|id| self.repo.read_commit(id)).map(|commit| commit.tree);
            match rows.get(number) {
                None => self.fault(format!("{name} has no row")),
                Some(row) if row.entry != Some(trial.entry) => {
                    self.fault(format!("the row of {name} names another entry"))
                }
                Some(row)
                    if row.artifact != record.provenance.artifact || row.settles != record.settles() =>
                {
                    self.fault(format!("the row of {name} was edited: it does not say what its entry says"));
                }
                Some(row) if tree.is_some() && row.tree != tree => {
                    self.fault(format!("the row of {name} names another tree than its commit"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Commits: there, with the parent, the trailers and the locked files that the ledger says.
    fn commits(&mut self, trials: &BTreeMap<u32, LedgerTrial>) -> Result<()> {
        let mut branch_state = BranchState::default();
        for (number, trial) in trials {
            let (name, record) = (self.name(*number), &trial.record);
            let stood = trials.get(&branch_state.incumbent).and_then(|trial| trial.record.commit.clone());
            // What takes the run back names keeps that lead to the incumbent of its time.
            let strange = match &record.outcome {
                Outcome::Recheck { keep, .. } => {
                    let of = |trial: u32| trials.get(&trial).and_then(|trial| trial.record.commit.clone());
                    let stands = branch_state.before(*keep).and_then(of);
                    stands.is_none() || stands != record.parent || record.commit != of(*keep)
                }
                Outcome::Regate { to, failed, .. } => {
                    failed.iter().chain([to]).any(|t| !branch_state.way.contains(t))
                }
                _ => false,
            };
            if strange {
                self.fault(format!("{name} tested what the incumbent of its time does not stand on"));
            }
            branch_state.take(record);
            let Some(id) = &record.commit else { continue };
            let Some(commit) = self.repo.read_commit(id) else {
                self.fault(format!("the commit {} of {name} is missing", short(id)));
                continue;
            };
            if !trial.own {
                continue;
            }
            if stood.is_some() && record.parent != stood {
                self.fault(format!("{name} was not held against the incumbent of its time"));
            }
            if commit.parents.as_slice() != record.parent.as_slice() {
                self.fault(format!(
                    "the commit {} of {name} has another parent than the ledger says",
                    short(id)
                ));
            }
            let expected: Vec<(&str, String)> = if record.outcome.kept() {
                tables::keep_trailers(record, &trial.before).into()
            } else {
                let (run, trial_number) = (record.run.clone(), number.to_string());
                vec![("Run", run), ("Trial", trial_number), ("Ledger", trial.before.clone())]
            };
            for (trailer, value) in expected {
                let is = commit.trailers.get(trailer);
                if is != Some(&value) {
                    let is = is.map_or_else(|| "nothing".to_owned(), |is| clean(is, 80));
                    self.fault(format!(
                        "the commit {} of {name} says {trailer}: {is}, the ledger {value}",
                        short(id)
                    ));
                }
            }
            self.sides(&name, record, &commit.tree)?;
            if record.outcome.kept() {
                self.seal(id, &format!("the commit {} of {name}", short(id)))?;
            }
        }
        Ok(())
    }

    /// What was measured is what was to be measured: the trees of the commits, the artifact of the record.
    fn sides(&mut self, name: &str, record: &Record, tree: &str) -> Result<()> {
        let artifact = self.config.build.as_ref().is_some_and(|build| build.artifact.is_some());
        let Some(sides) = &record.provenance.sides else {
            let judged = matches!(record.outcome, Outcome::Judged { .. } | Outcome::Bundle { .. });
            if judged && !artifact && record.parent.as_ref() != Some(&self.run.base) {
                self.fault(format!(
                    "{name} does not say which trees were measured; without an artifact, earlier versions of piton measured the incumbent against itself after a keep"
                ));
            }
            return Ok(());
        };
        let parent =
            record.parent.as_ref().and_then(|id| self.repo.read_commit(id)).map(|commit| commit.tree);
        let expected = [
            ("the challenger", &sides.challenger, Some(tree.to_owned())),
            (
                "the incumbent",
                &sides.incumbent,
                parent.or_else(|| (record.trial == 0).then(|| tree.to_owned())),
            ),
        ];
        for (side, is, tree) in expected {
            let Some(tree) = tree else { continue };
            if is.tree != tree {
                self.fault(format!(
                    "{side} of {name} was laid from the tree {}, and its commit has {}",
                    short(&is.tree),
                    short(&tree)
                ));
            } else if self.config.build.is_none()
                && self.digest(&tree)?.is_some_and(|digest| digest != is.measured)
            {
                self.fault(format!("what was measured as {side} of {name} is not what its tree holds"));
            }
        }
        if artifact && record.provenance.artifact.as_ref() != Some(&sides.challenger.measured) {
            self.fault(format!("what was measured in {name} is not its artifact"));
        }
        let same = matches!(record.outcome, Outcome::Judged { .. } | Outcome::Bundle { .. });
        if let Some(why) = sides.one().filter(|_| same) {
            self.fault(format!("{name} has a verdict, and {why}"));
        }
        Ok(())
    }

    /// What a tree comes to on the disk; `None` where it has submodules, which may not be there as they were.
    fn digest(&mut self, tree: &str) -> Result<Option<String>> {
        let id = self.repo.object_id(tree)?;
        if let Some(known) = self.digests.get(tree) {
            return Ok(known.clone());
        }
        let digest = match self.repo.submodules(id)?.is_empty() {
            true => Some(self.repo.tree_digest(id)?),
            false => None,
        };
        self.digests.insert(tree.to_owned(), digest.clone());
        Ok(digest)
    }

    fn seal(&mut self, commit: &str, name: &str) -> Result<()> {
        let seal = self.repo.seal(self.repo.commit_id(commit)?, &self.config.scope)?.to_string();
        if seal != self.run.seal {
            self.fault(format!("the locked files of {name} are not the sealed ones"));
        }
        Ok(())
    }

    /// Refs of the trials, and the branch.
    fn refs(&mut self, trials: &BTreeMap<u32, LedgerTrial>) {
        let prefix = format!("refs/piton/{}/trials/", self.run.name);
        let mut refs: BTreeMap<String, String> = self.repo.refs_below(&prefix);
        let mut branch_state = BranchState::default();
        for (number, trial) in trials {
            branch_state.take(&trial.record);
            let Some(commit) = trial.record.commit.as_ref().filter(|_| *number > 0) else { continue };
            let name = format!("{prefix}{number}");
            match refs.remove(&name) {
                None => self.fault(format!("{name} is missing: the ledger has it at {}", short(commit))),
                Some(is) if is != **commit => {
                    self.fault(format!(
                        "{name} is at {}, the ledger has it at {}",
                        short(&is),
                        short(commit)
                    ));
                }
                Some(_) => {}
            }
        }
        let way = self.ledger.unfinished().unwrap_or_default();
        let flying = |name: &str| {
            way.iter().any(|f| f.record.run == self.run.name && name == format!("{prefix}{}", f.record.trial))
        };
        let strange: Vec<String> = refs.into_keys().filter(|name| !flying(name)).collect();
        strange
            .into_iter()
            .for_each(|name| self.fault(format!("{} is not known to the ledger", clean(&name, 200))));
        let branch = format!("refs/heads/piton/{}", self.run.name);
        let should = trials.get(&branch_state.incumbent).and_then(|trial| trial.record.commit.clone());
        match (self.repo.raw_ref(&branch).map(CommitId::of), should) {
            (None, Some(should)) => self.fault(format!(
                "the branch piton/{} is missing: the incumbent is {}",
                self.run.name,
                short(&should)
            )),
            (Some(is), Some(should)) if is != should => {
                self.fault(format!(
                    "the branch piton/{} is at {}, the incumbent is {}",
                    self.run.name,
                    short(&is),
                    short(&should)
                ));
            }
            _ => {}
        }
    }

    /// The seal, the harness, and the artifacts that are there.
    fn sealed(&mut self, trials: &BTreeMap<u32, LedgerTrial>) -> Result<()> {
        let (base, name) = (self.run.base.clone(), format!("run {}", self.run.name));
        match self.repo.read_commit(&base) {
            Some(_) => self.seal(&base, &name)?,
            None => self.fault(format!("the commit {} that {name} began at is missing", short(&base))),
        }
        for (number, trial) in trials {
            if trial.record.provenance.harness != self.run.harness
                || trial.record.provenance.seal != self.run.seal
            {
                let name = self.name(*number);
                self.fault(format!("{name} was measured by another harness than the run's"));
            }
        }
        let artifacts = trials.values().filter_map(|trial| trial.record.provenance.artifact.as_ref());
        let hashes: BTreeSet<&String> = artifacts.chain(&self.run.harness).collect();
        let mut gone = 0;
        for hash in hashes {
            match fs::read_dir(artifact_dir(self.repo, hash)).ok().and_then(|mut files| files.next()?.ok()) {
                None => gone += 1,
                Some(file) if sha256(&file.path()).is_ok_and(|is| is == *hash) => {}
                Some(_) => self.fault(format!("the artifact {} is not what its name says", short(hash))),
            }
        }
        if gone > 0 {
            let run = &self.run.name;
            self.audit.notes.push(format!(
                "run {run}: {} not there any more, and can be built again",
                plural(gone, "artifact")
            ));
        }
        Ok(())
    }

    /// The table.
    fn table(&mut self, found: &AuditedRun) -> Result<()> {
        let path = table_path(self.ledger, self.repo, self.run)?;
        let named = named(&path);
        let should = rows(&path, found)?;
        let Some(is) = text(&path) else {
            self.fault(format!("{named} is missing, or no file"));
            return Ok(());
        };
        let should = String::from_utf8(should).context("the table was not printed")?;
        let is = String::from_utf8_lossy(&is).into_owned();
        if is != should {
            let lines = |text: &str| text.lines().count();
            let at = is.lines().zip(should.lines()).position(|(is, should)| is != should);
            let at = at.unwrap_or_else(|| lines(&is).min(lines(&should)));
            self.fault(format!(
                "{named} is not what the ledger says from line {} on; it has {}, and should have {}",
                at + 1,
                plural(lines(&is), "line"),
                lines(&should)
            ));
        }
        Ok(())
    }
}

/// The audit for people.
pub fn words(audit: &Audit) -> String {
    let mut text = format!(
        "{} of {}, {} in the ledger\nhead {}\n",
        plural(audit.trials, "trial"),
        plural(audit.runs.len(), "run"),
        plural(audit.entries, "entry").replace("entrys", "entries"),
        audit.head
    );
    audit.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    if audit.faults.is_empty() {
        text.push_str("\neverything agrees\n");
    } else {
        text.push_str(&format!(
            "\n{} not agree:\n",
            if audit.faults.len() == 1 {
                "one thing does".to_owned()
            } else {
                format!("{} things do", audit.faults.len())
            }
        ));
        audit.faults.iter().for_each(|fault| text.push_str(&format!("  {fault}\n")));
    }
    text
}
