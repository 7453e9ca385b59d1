//! The ledger held against the repository that it lies in: what git has of runs, and the ledger does not.
//!
//! Whoever removes the ledger, or puts an earlier copy or another repository's in its place, leaves refs, branches, commits and a table
//! that it does not know. An audit names each of them, and nothing begins on such a ledger: what it is missing would be used again, and
//! what it does not know be put aside.

use piton_core::base::commit::CommitId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::run_store;
use piton_core::base::error::{Error, Result};
use piton_core::trial::hash_chain::{BEGINNING, short};
use piton_core::trial::text::{clean, plural};
use piton_system::git::{Repo, TrialCommit};
use piton_system::ledger::{Ledger, Run};

/// What the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerContents {
    /// Its runs.
    pub runs: BTreeSet<String>,
    /// Every hash that was the head of its chain.
    pub heads: BTreeSet<String>,
    /// The commits of its trials.
    pub commits: BTreeSet<CommitId>,
}

impl Default for LedgerContents {
    fn default() -> Self {
        Self { runs: BTreeSet::new(), heads: [BEGINNING.to_owned()].into(), commits: BTreeSet::new() }
    }
}

/// What is not known, one line each: refs and branches of no run, and commits that name a head which the chain never had.
pub(crate) fn unknown_refs(
    known: &LedgerContents,
    refs: &BTreeMap<String, String>,
    claims: &[TrialCommit],
) -> Vec<String> {
    let mut faults = vec![];
    for (name, at) in refs {
        let told = clean(name, 200);
        match Ref::of(name) {
            Ref::Branch(run) if !known.runs.contains(run) => {
                faults.push(format!(
                    "the branch {} at {} is of no run that the ledger knows",
                    clean(&format!("piton/{run}"), 200),
                    short(at)
                ));
            }
            Ref::Trial(run) | Ref::Aside(run) | Ref::Other(run) if !known.runs.contains(run) => {
                faults.push(format!("{told} at {} is of no run that the ledger knows", short(at)));
            }
            Ref::Other(_) => faults.push(format!("{told} is not known to the ledger")),
            // Those of a run that it knows are held against its trials.
            Ref::Branch(_) | Ref::Trial(_) | Ref::Aside(_) | Ref::Probe => {}
        }
    }
    for claim in claims.iter().filter(|claim| !known.commits.contains(&claim.commit)) {
        if !known.heads.contains(&claim.ledger) {
            faults.push(format!(
                "the commit {} says that it is trial {} of run {}, and names a head that the chain never had: {}",
                short(&claim.commit),
                clean(&claim.trial, 20),
                clean(&claim.run, 60),
                clean(&short(&claim.ledger), 40)
            ));
        }
    }
    faults
}

/// What a ref of piton's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ref<'a> {
    Branch(&'a str),
    Trial(&'a str),
    /// Of somebody else, put aside by `recover`.
    Aside(&'a str),
    /// What a run that is about to begin writes to see whether it can.
    Probe,
    Other(&'a str),
}

impl<'a> Ref<'a> {
    fn of(name: &'a str) -> Self {
        if let Some(run) = name.strip_prefix("refs/heads/piton/") {
            return Self::Branch(run);
        }
        let rest = name.strip_prefix("refs/piton/").unwrap_or(name);
        match rest.split_once('/') {
            Some((_, "probe")) => Self::Probe,
            Some((run, rest)) if rest.starts_with("trials/") => Self::Trial(run),
            Some((run, rest)) if rest.starts_with("aside/") => Self::Aside(run),
            Some((run, _)) => Self::Other(run),
            None => Self::Other(rest),
        }
    }
}

/// Refs beyond a run's last trial that are looked for.
const BEYOND: u32 = 16;

/// Whether the ledger is this repository's, and no earlier one than what git has.
///
/// # Errors
/// When it is not: nothing was changed then. Or it cannot be read.
pub fn check_ledger_is_current(repo: &Repo) -> Result<()> {
    let ledger = Ledger::open_read_only(&repo.state_dir())?;
    let runs = ledger.as_ref().map(Ledger::runs).transpose()?.unwrap_or_default();
    let Some(ledger) = ledger.filter(|_| !runs.is_empty()) else { return gone(repo) };
    if runs.iter().all(|run| repo.read_commit(&run.base).is_none()) {
        let first = runs.first().map(|run| run.name.clone()).unwrap_or_default();
        return Err(refused("the ledger is another repository's")
            .cause(format!("no commit is here that any of its runs began at, e.g. run {first}"))
            .hint(restore(repo)));
    }
    for run in &runs {
        older(repo, &ledger, run)?;
    }
    for other in repo.runs_with_refs() {
        if runs.iter().any(|run| run.name == other) {
            continue;
        }
        for (name, at) in repo.refs_below(&format!("refs/piton/{other}/trials/")) {
            let claim = repo.claim(&at).filter(|claim| claim.run == other);
            if claim.is_some_and(|claim| !ledger.had_head(&claim.ledger).unwrap_or(true)) {
                return Err(behind(repo, &format!("it has no run that {} could be of", clean(&name, 200))));
            }
        }
    }
    Ok(())
}

/// There is no ledger, or none with a run in it: then there may be no trials either.
fn gone(repo: &Repo) -> Result<()> {
    let refs: Vec<String> = repo.pitons_refs().into_keys().collect();
    let trials: Vec<&String> = refs.iter().filter(|name| matches!(Ref::of(name), Ref::Trial(_))).collect();
    let Some(first) = trials.first() else { return Ok(()) };
    Err(refused("the ledger is gone, and its trials are not")
        .cause(format!(
            "{} is not there, or holds no run; git has {} of piton's, e.g. {}",
            repo.state_dir().join("ledger.db").display(),
            plural(trials.len(), "ref"),
            clean(first, 200)
        ))
        .hint(format!(
            "{}; where nobody needs those runs any more, remove what is left of them: git for-each-ref --format='delete %(refname)' refs/piton refs/heads/piton | git update-ref --stdin",
            restore(repo)
        )))
}

/// Refuses where git has a trial of the run that names a later head than the ledger's.
fn older(repo: &Repo, ledger: &Ledger, run: &Run) -> Result<()> {
    let next = ledger.next_trial(&run.name)?;
    let trials = (next..next + BEYOND).map(|number| format!("refs/piton/{}/trials/{number}", run.name));
    for name in trials.chain([format!("refs/heads/piton/{}", run.name)]) {
        let Some(commit) = repo.raw_ref(&name).map(|id| id.to_string()) else { continue };
        let Some(claim) = repo.claim(&commit).filter(|claim| claim.run == run.name) else { continue };
        let number: Option<u32> = claim.trial.parse().ok();
        let recorded = number.map(|number| ledger.record(&run.name, number)).transpose()?.flatten();
        if recorded.is_some_and(|record| record.commit.as_deref() == Some(&commit)) {
            continue;
        }
        if !ledger.had_head(&claim.ledger)? {
            let what = format!(
                "{name} is trial {} and names a head of the chain that it never had",
                clean(&claim.trial, 20)
            );
            return Err(behind(repo, &what));
        }
        // A verdict is printed when it is on the disk.
        if number.is_some_and(|number| number >= next) && printed(repo, ledger, run, &commit)? {
            return Err(behind(repo, &format!("the table has a verdict on {name}, and it has none")));
        }
    }
    Ok(())
}

/// Whether the table of a run has a row of this commit.
fn printed(repo: &Repo, ledger: &Ledger, run: &Run, commit: &str) -> Result<bool> {
    let text = run_store::text(&run_store::table_path(ledger, repo, run)?).unwrap_or_default();
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .any(|row| row.split('\t').next().is_some_and(|id| id.len() >= 7 && commit.starts_with(id))))
}

fn refused(what: &str) -> Error {
    Error::refused(format!("piton did not start: {what}"))
        .note("nothing was changed; the commit of every trial is in git, and `piton audit` names what does not agree")
}

fn behind(repo: &Repo, why: &str) -> Error {
    refused("the ledger is older than what git has of its runs").cause(why.to_owned()).hint(format!(
        "{}; where that is lost, remove the refs that `piton audit` names: git update-ref -d REF",
        restore(repo)
    ))
}

fn restore(repo: &Repo) -> String {
    format!(
        "put the ledger back as it was last, ledger.db and ledger.db-wal, in {}",
        repo.state_dir().display()
    )
}

/// Tables of piton's where the ledger has printed none: of the experiments that HEAD has and of the runs that it knows.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn stray_tables(repo: &Repo, ledger: Option<&Ledger>) -> Result<Vec<PathBuf>> {
    let mut sites = vec![repo.present(repo.site())];
    if let Ok(head) = repo.head() {
        let within = repo.experiments(head.commit).unwrap_or_default();
        sites.extend(
            within.into_iter().map(|within| piton_system::git::Site { within, ..repo.present(repo.site()) }),
        );
    }
    if let Some(ledger) = ledger {
        sites.extend(ledger.runs()?.iter().map(|run| run.site(repo)));
    }
    let mut strays = BTreeSet::new();
    for site in sites {
        strays.extend(run_store::stray(ledger, repo, &site)?);
    }
    Ok(strays.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(commit: &str, ledger: &str) -> TrialCommit {
        TrialCommit {
            commit: CommitId::of(commit),
            run: "r".into(),
            trial: "3".into(),
            ledger: ledger.into(),
        }
    }

    #[test]
    fn what_the_ledger_does_not_know_is_named_and_what_it_knows_is_not() {
        let known = LedgerContents {
            runs: ["r".to_owned()].into(),
            heads: ["h".to_owned()].into(),
            commits: [CommitId::of("c")].into(),
        };
        let refs = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let none = refs(&[
            "refs/piton/r/trials/1",
            "refs/piton/r/aside/1-a",
            "refs/piton/r/probe",
            "refs/heads/piton/r",
        ]);
        assert_eq!(unknown_refs(&known, &none, &[claim("c", "x"), claim("d", "h")]), [""; 0]);
        let some = refs(&[
            "refs/piton/x/trials/1",
            "refs/piton/x/aside/1",
            "refs/piton/r/more",
            "refs/piton/r",
            "refs/heads/piton/x",
        ]);
        let found = unknown_refs(&known, &some, &[claim("d", "x")]);
        assert_eq!(found.len(), 6, "{found:#?}");
        assert_eq!(
            unknown_refs(&LedgerContents::default(), &none, &[claim("c", "x")]).len(),
            4,
            "a ledger that is gone knows nothing"
        );
    }
}
