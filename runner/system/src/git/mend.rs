//! What a kill or a power cut leaves in a repository, and how it is told from what somebody is at work on.

use piton_core::base::commit::CommitId;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use super::Repo;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::Scope;

/// A lock file of git's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleLock {
    /// Where it is.
    pub path: PathBuf,
    /// Whether only piton locks this; else a git command of the user's may.
    pub own: bool,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Its parents.
    pub parents: Vec<CommitId>,
    /// Its tree.
    pub tree: String,
    /// The trailers in the last paragraph of its message.
    pub trailers: BTreeMap<String, String>,
}

impl Repo {
    /// The lock files in `.git`: of refs and worktrees of piton's, and of what it shares with the user.
    pub fn lock_files(&self) -> Vec<StaleLock> {
        let common = self.git.commondir();
        let mut found = vec![];
        let shared = ["index", "HEAD", "packed-refs"].map(|name| common.join(format!("{name}.lock")));
        found.extend(shared.into_iter().filter(|p| p.exists()).map(|path| StaleLock { path, own: false }));
        let mut own = vec![];
        for dir in ["refs/piton", "refs/heads/piton", "logs/refs/heads/piton"] {
            below(&common.join(dir), &mut own);
        }
        for entry in fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("piton-") {
                below(&entry.path(), &mut own);
            }
        }
        let lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
        found.extend(own.into_iter().filter(lock).map(|path| StaleLock { path, own: true }));
        found
    }

    /// Loose objects without content. libgit2 takes such a one for the object, writes nothing, and says that it did.
    pub fn empty_objects(&self) -> Vec<PathBuf> {
        let objects = self.git.commondir().join("objects");
        let mut found = vec![];
        for dir in fs::read_dir(objects).into_iter().flatten().flatten() {
            if dir.file_name().len() == 2 {
                let files = fs::read_dir(dir.path()).into_iter().flatten().flatten();
                let empty =
                    files.filter(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0));
                found.extend(empty.map(|file| file.path()));
            }
        }
        found
    }

    /// Removes a ref's file that names no object, as a power cut leaves it. Returns whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_broken_ref(&self, name: &str) -> Result<bool> {
        let path = self.git.commondir().join(name);
        let Ok(content) = fs::read(&path) else { return Ok(false) };
        let text = String::from_utf8_lossy(&content);
        if text.starts_with("ref: ") || Oid::from_str(text.trim_end()).is_ok_and(|id| !id.is_zero()) {
            return Ok(false);
        }
        fs::remove_file(&path).context(format!("{name} was not removed"))?;
        Ok(true)
    }

    /// Removes the ref `name`.
    ///
    /// # Errors
    /// When git refuses.
    pub fn delete_ref(&self, name: &str) -> Result<()> {
        let deleted = self.git.find_reference(name).and_then(|mut found| found.delete());
        deleted.context(format!("{name} was not removed"))
    }

    /// The id that a ref names, whether there is such an object or not.
    pub fn raw_ref(&self, name: &str) -> Option<Oid> {
        self.git.refname_to_id(name).ok()
    }

    /// Every ref below `prefix`, with the id that it names.
    pub fn refs_below(&self, prefix: &str) -> BTreeMap<String, String> {
        let Ok(refs) = self.git.references_glob(&format!("{prefix}*")) else { return BTreeMap::new() };
        let named = refs.flatten().filter_map(|r| Some((r.name().ok()?.to_owned(), r.target()?.to_string())));
        named.collect()
    }

    /// Whether HEAD of this worktree names the ref `name`, be that there or not.
    pub(crate) fn head_is(&self, name: &str) -> bool {
        let head = self.git.find_reference("HEAD");
        head.is_ok_and(|head| head.symbolic_target().ok().flatten() == Some(name))
    }

    /// Whether a commit is there with everything that it holds.
    pub fn has_all_objects(&self, commit: Oid) -> bool {
        let Ok(tree) = self.git.find_commit(commit).and_then(|commit| commit.tree()) else { return false };
        let Ok(odb) = self.git.odb() else { return false };
        let mut whole = true;
        let walked = tree.walk(git2::TreeWalkMode::PreOrder, |_, entry| {
            whole &= entry.kind() == Some(ObjectType::Commit) || odb.exists(entry.id());
            git2::TreeWalkResult::Ok
        });
        walked.is_ok() && whole
    }

    /// What a commit says of itself; `None` where it is not there.
    pub fn read_commit(&self, id: &str) -> Option<Commit> {
        let commit = self.git.find_commit(Oid::from_str(id).ok()?).ok()?;
        let message = commit.message().unwrap_or_default().trim_end().to_owned();
        let last = message.rsplit("\n\n").next().unwrap_or_default();
        let trailers = last
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Commit {
            parents: commit.parent_ids().map(CommitId::of).collect(),
            tree: commit.tree_id().to_string(),
            trailers: trailers.collect(),
        })
    }

    /// The first line of a commit's message; empty where it is not there.
    pub fn subject(&self, commit: Oid) -> String {
        let commit = self.git.find_commit(commit).ok();
        commit.and_then(|c| c.summary().ok().flatten().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether the editable files of this worktree are as piton left them: each as in one of these commits, or the beginning of what the
    /// last of them holds there, as a checkout that was cut off leaves it.
    ///
    /// # Errors
    /// When a file or a commit cannot be read.
    pub fn untouched(&self, scope: &Scope, commits: &[Oid]) -> Result<bool> {
        // What is locked there is the same in all of them, and whoever edits it meanwhile is no less at work.
        let locked = commits.last().map(|last| self.changed_outside(*last, scope, &[])).transpose()?;
        if locked.iter().flatten().any(|path| scope.reaches(path)) {
            return Ok(false);
        }
        let trees: Vec<git2::Tree> = commits.iter().map(|id| self.tree(*id)).collect::<Result<_>>()?;
        let entries = self.entries(scope)?;
        // Those beyond the limit are in no commit.
        if entries.len() > scope.max_files {
            return Ok(false);
        }
        for entry in entries {
            if entry.is_partial() {
                return Ok(false);
            }
            // A submodule has no content here.
            if entry.mode == 0o160_000 {
                continue;
            }
            let held: Vec<Oid> = trees
                .iter()
                .filter_map(|tree| tree.get_path(Path::new(&entry.path)).ok())
                .map(|found| found.id())
                .collect();
            let id = Oid::hash_object(ObjectType::Blob, &entry.content).context("a file was not hashed")?;
            let begun = || {
                let blob = held.last().and_then(|id| self.git.find_blob(*id).ok());
                // A line that was cut off may end in half of its end.
                let content = entry.content.strip_suffix(b"\r").unwrap_or(&entry.content);
                blob.is_some_and(|blob| blob.content().starts_with(content))
            };
            if !held.contains(&id) && !begun() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Files that differ between two commits, as paths in this worktree.
    ///
    /// # Errors
    /// When a commit cannot be read.
    pub fn differ(&self, from: Oid, to: Oid) -> Result<Vec<PathBuf>> {
        let (from, to) = (self.tree(from)?, self.tree(to)?);
        let diff = self.git.diff_tree_to_tree(Some(&from), Some(&to), None).context("no diff was made")?;
        Ok(diff.deltas().filter_map(|d| Some(self.root.join(d.new_file().path()?))).collect())
    }
}

/// All files at or below `dir`.
fn below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&entry.path(), found),
            _ => found.push(entry.path()),
        }
    }
}
