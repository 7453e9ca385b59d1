//! What a repository says of runs by itself: refs of piton's, and commits that call themselves trials.

use piton_core::base::commit::CommitId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use git2::{Oid, Sort};

use super::Repo;
use piton_core::base::error::{Context, Result};

/// A commit that says of itself that it is a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialCommit {
    /// The commit.
    pub commit: CommitId,
    /// The run that it names.
    pub run: String,
    /// The number that it names.
    pub trial: String,
    /// The head of the chain at its time, by its word.
    pub ledger: String,
}

impl Repo {
    /// Every ref below `refs/piton/` and every branch `piton/...`, with what it points at, be that there or not.
    pub fn pitons_refs(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for prefix in ["refs/piton/*", "refs/heads/piton/*"] {
            let Ok(refs) = self.git.references_glob(prefix) else { continue };
            for reference in refs.flatten() {
                let at = reference.resolve().ok().and_then(|at| at.target());
                let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
                found.insert(name, at.map_or_else(|| "nothing".to_owned(), |id| id.to_string()));
            }
        }
        found
    }

    /// The runs that have refs below `refs/piton/`. However many those are, none is opened.
    pub fn runs_with_refs(&self) -> BTreeSet<String> {
        let common = self.git.commondir();
        let loose = fs::read_dir(common.join("refs/piton")).into_iter().flatten().flatten();
        let mut runs: BTreeSet<String> =
            loose.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let packed = fs::read(common.join("packed-refs")).unwrap_or_default();
        for line in packed.split(|byte| *byte == b'\n') {
            let name = String::from_utf8_lossy(line.get(41..).unwrap_or_default());
            runs.extend(
                name.strip_prefix("refs/piton/").and_then(|rest| Some(rest.split_once('/')?.0.to_owned())),
            );
        }
        runs
    }

    /// What a commit claims; `None` where it is not there, or claims nothing.
    pub fn claim(&self, commit: &str) -> Option<TrialCommit> {
        let mut said = self.read_commit(commit)?.trailers;
        let mut take = |name: &str| said.remove(name);
        let (ledger, run, trial) = (take("Ledger")?, take("Run"), take("Trial"));
        let (run, trial) = (run.unwrap_or_default(), trial.unwrap_or_default());
        Some(TrialCommit { commit: CommitId::of(commit), run, trial, ledger })
    }

    /// The commits that claim to be trials and that a ref, HEAD or the stash leads to, the latest first; none that `before` leads to,
    /// none of other repositories' (remotes), and none that was put aside.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn claims(&self, before: &[Oid]) -> Result<Vec<TrialCommit>> {
        let what = "the history was not read";
        let mut walk = self.git.revwalk().context(what)?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).context(what)?;
        let passed = |name: &str| {
            name.starts_with("refs/remotes/") || name.starts_with("refs/piton/") && name.contains("/aside/")
        };
        for reference in self.git.references().context(what)?.flatten() {
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            if passed(&name) {
                continue;
            }
            // A tag may name what is no commit, and a broken ref nothing at all.
            if let Ok(commit) = reference.peel_to_commit() {
                walk.push(commit.id()).context(what)?;
            }
        }
        let _ = walk.push_head();
        for commit in before {
            // One that is gone leads nowhere.
            let _ = walk.hide(*commit);
        }
        let mut claims = vec![];
        for id in walk {
            let id = id.context(what)?;
            let commit = self.git.find_commit(id).context(what)?;
            if commit.message_bytes().windows(8).any(|bytes| bytes == b"Ledger: ") {
                claims.extend(self.claim(&id.to_string()));
            }
        }
        Ok(claims)
    }
}
