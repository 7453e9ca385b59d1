//! The only module with git2: trees, commits, refs and worktrees.
//!
//! libgit2 rather than the git command, because hooks, filters and replace refs that an agent may plant run nothing here.

#![expect(clippy::disallowed_types, reason = "owns git2")]

mod claims;
mod compose;
mod content;
pub mod convert;
mod copy;
mod differ;
mod durable;
mod edits;
mod excerpt;
mod export;
mod lfs;
mod mend;
mod open;
mod outputs;
mod place;
mod restore;
mod stance;
mod view;
mod witness;
mod work;

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub use git2::Oid as Id;
use git2::{Oid, Repository};

use crate::beneath;
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::leftovers;
use piton_core::trial::scope::Scope;

pub use claims::{RefConflict, conflict};
pub use compose::AppliedEdit;
pub use content::{Diff, TreeEntry};
pub use excerpt::Excerpt;
pub use mend::{Commit, StaleLock};
use outputs::Output;
pub use place::Site;
pub use stance::RepoState;
pub use witness::TrialCommit;
pub use work::Converted;

/// A repository, seen from one of its worktrees.
pub struct Repo {
    git: Repository,
    /// The same repository once more: what it writes is on the disk when it says so.
    durable: OnceCell<Repository>,
    root: PathBuf,
    /// The files that piton's own output goes to, as far as they lie in this worktree.
    outputs: Vec<Output>,
    /// The directory of the experiment that was found upwards from where it was opened.
    within: Option<String>,
    /// Which directory `.git` was then.
    identity: Option<(u64, u64)>,
}

/// Where a worktree stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: Oid,
    /// The branch, without `refs/heads/`.
    pub branch: String,
}

const NOTHING: &str = "nothing was changed";

/// Which directory stands at `path`.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

impl Repo {
    /// The root of this worktree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is still where it was opened. What is missing may be made anew only where the rest still is.
    ///
    /// # Errors
    /// When it was moved, removed or replaced meanwhile.
    pub fn check_not_moved(&self) -> Result<()> {
        let common = self.git.commondir();
        if identity(common) == self.identity {
            return Ok(());
        }
        Err(Error::new("piton ended: the repository is not where it was")
            .cause(format!("{} was moved, removed or replaced while piton was at work", common.display()))
            .note("every recorded trial stands, wherever the repository lies now")
            .hint("go there, and have what was left undone mended: piton recover"))
    }

    /// Where piton keeps its state: `.git/piton`, shared by all worktrees.
    pub fn state_dir(&self) -> PathBuf {
        self.git.commondir().join("piton")
    }

    /// Where this worktree stands.
    ///
    /// # Errors
    /// A detached HEAD.
    pub fn head(&self) -> Result<Head> {
        let head = self.git.head().context("HEAD was not read")?;
        if self.git.head_detached().unwrap_or(true) {
            return Err(Error::refused("piton did not start: HEAD is detached")
                .cause("a climb starts from a branch, so that you can come back to it")
                .note(NOTHING)
                .hint("git switch -c NAME"));
        }
        let commit = head.peel_to_commit().context("HEAD was not read")?.id();
        Ok(Head { commit, branch: head.shorthand().unwrap_or("?").to_owned() })
    }

    /// Files that differ from HEAD or are not tracked; ignored ones do not count.
    ///
    /// # Errors
    /// When the worktree cannot be read.
    pub fn dirty(&self) -> Result<Vec<String>> {
        let tree = self.git.head().and_then(|h| h.peel_to_tree()).context("HEAD was not read")?;
        self.changed_from(&tree)
    }

    /// Files outside `scope` in which the worktree differs from `commit`; of `overlooked` those that `commit` holds are left out.
    ///
    /// # Errors
    /// When the worktree or the commit cannot be read.
    pub fn changed_outside(&self, commit: Oid, scope: &Scope, overlooked: &[String]) -> Result<Vec<String>> {
        let tree = self.tree(commit)?;
        let theirs = |path: &String| overlooked.contains(path) && tree.get_path(Path::new(path)).is_ok();
        let changed = self.changed_from(&tree)?;
        // What running the tests leaves beside them is neither committed nor measured: it is no edit of theirs.
        let cache = |path: &str| leftovers::is_cache(path) && tree.get_path(Path::new(path)).is_err();
        let ours = |path: &String| scope.contains(path) || theirs(path) || cache(path);
        Ok(changed.into_iter().filter(|path| !ours(path)).collect())
    }

    /// The branch that HEAD was on before it came to `branch`, by the reflog, where that is still there.
    pub fn previous_branch(&self, branch: &str) -> Option<String> {
        let log = self.git.reflog("HEAD").ok()?;
        let end = format!(" to {branch}");
        let from = log.iter().find_map(|entry| {
            let message = entry.message().ok().flatten()?.to_owned();
            Some(message.strip_prefix("checkout: moving from ")?.strip_suffix(&end)?.to_owned())
        })?;
        let from = from.strip_prefix("refs/heads/").unwrap_or(&from).to_owned();
        (self.has_branch(&from) && !from.starts_with("piton/")).then_some(from)
    }

    /// Switches this worktree to another branch, files and all; a file that was edited stops it.
    ///
    /// # Errors
    /// When a file is in the way, or git refuses.
    pub fn switch_to(&self, branch: &str) -> Result<()> {
        let what = format!("this checkout was not switched to {branch}");
        let name = format!("refs/heads/{branch}");
        let commit = self.get_ref(&name).ok_or_else(|| Error::new(&what).cause("there is no such branch"))?;
        self.go_to(commit, &what)?;
        self.switch(branch)
    }

    /// Makes git overlook `patterns` in this repository, without touching a file of the user's.
    ///
    /// # Errors
    /// When `.git/info/exclude` cannot be written.
    pub fn exclude(&self, patterns: &[String]) -> Result<()> {
        let path = self.git.commondir().join("info/exclude");
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        let missing: Vec<&String> =
            patterns.iter().filter(|p| !text.lines().any(|line| line == **p)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        missing.iter().for_each(|p| text.push_str(&format!("{p}\n")));
        fs::create_dir_all(path.parent().expect("info/"))
            .and_then(|()| fs::write(&path, text))
            .context("info/exclude was not written")
    }

    fn tree(&self, commit: Oid) -> Result<git2::Tree<'_>> {
        self.git.find_commit(commit).and_then(|c| c.tree()).context(format!("commit {commit} was not read"))
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// When the commit is not there.
    pub fn tree_id(&self, commit: Oid) -> Result<Oid> {
        Ok(self.tree(commit)?.id())
    }

    /// A commit's id from its text.
    ///
    /// # Errors
    /// When `text` names no commit.
    pub fn commit_id(&self, text: &str) -> Result<Oid> {
        let commit = self.git.revparse_single(text).and_then(|o| o.peel_to_commit());
        Ok(commit.context(format!("commit {text} was not found"))?.id())
    }

    /// An object's id from its forty hexadecimal digits.
    ///
    /// # Errors
    /// When `text` is something else.
    pub fn object_id(&self, text: &str) -> Result<Oid> {
        Oid::from_str(text).context(format!("`{text}` is no object"))
    }

    /// The content of a file in a commit.
    pub fn file(&self, commit: Oid, path: &str) -> Option<Vec<u8>> {
        let entry = self.tree(commit).ok()?.get_path(Path::new(path)).ok()?;
        Some(self.git.find_blob(entry.id()).ok()?.content().to_vec())
    }

    /// The commit that a ref points at.
    pub fn get_ref(&self, name: &str) -> Option<Oid> {
        self.git.find_reference(name).ok()?.peel_to_commit().ok().map(|c| c.id())
    }

    /// Whether a branch exists.
    pub fn has_branch(&self, name: &str) -> bool {
        self.git.find_branch(name, git2::BranchType::Local).is_ok()
    }

    /// Opens, or makes, a worktree at `path` with `branch` checked out.
    ///
    /// # Errors
    /// When git refuses or the disk is full.
    pub fn worktree(&self, name: &str, path: &Path, branch: &str) -> Result<Self> {
        let what = || format!("the worktree {} was not made", path.display());
        if let Ok(found) = self.git.find_worktree(name) {
            if found.validate().is_ok() {
                return Self::open(path);
            }
            found.prune(None).context(what())?;
        }
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).context(what())?;
        beneath::remove_at(path).context(what())?;
        let reference = self.git.find_reference(&format!("refs/heads/{branch}")).context(what())?;
        let mut options = git2::WorktreeAddOptions::new();
        options.reference(Some(&reference));
        self.git.worktree(name, path, Some(&options)).context(what())?;
        Self::open(path)
    }

    /// Where a worktree of this name lies that is not piton's at `path`; `None` where there is none.
    pub fn foreign_worktree(&self, name: &str, path: &Path) -> Option<PathBuf> {
        let known = self.git.commondir().join("worktrees").join(name);
        let place = fs::read_to_string(known.join("gitdir")).ok()?;
        let place = Path::new(place.trim_end());
        (!self.is_own_worktree(name, path, place) && place.exists())
            .then(|| place.parent().unwrap_or(place).to_owned())
    }

    /// Whether what git has at `place` for a worktree of this name is piton's at `path`, or was before the repository was moved or copied:
    /// git notes where a worktree lies from the root of the disk. One that lies elsewhere and leads back here is the user's.
    fn is_own_worktree(&self, name: &str, path: &Path, place: &Path) -> bool {
        let known = self.git.commondir().join("worktrees").join(name);
        let real = |path: &Path| fs::canonicalize(path).ok();
        let leads_back = || {
            let text = fs::read_to_string(place).unwrap_or_default();
            let there = text.trim_end().strip_prefix("gitdir: ").and_then(|there| real(Path::new(there)));
            there.is_some() && there == real(&known)
        };
        let tail = |path: &Path| {
            let mut parts: Vec<_> =
                path.components().rev().take(3).map(|part| part.as_os_str().to_owned()).collect();
            parts.reverse();
            parts
        };
        let ours = place.parent().is_some_and(|place| tail(place) == tail(path));
        place.as_os_str().is_empty() || place == path.join(".git") || ours && !leads_back()
    }

    /// Removes a worktree of piton's and its files. Returns whether there was anything; one of that name that lies elsewhere is the
    /// user's, and stays.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn remove_worktree(&self, name: &str, path: &Path) -> Result<bool> {
        let there = fs::symlink_metadata(path).is_ok();
        beneath::remove_at(path).context(format!("the worktree {} was not removed", path.display()))?;
        // What git knows of it may be cut short, and libgit2 would not find it then: by its name.
        let known = self.git.commondir().join("worktrees").join(name);
        let place = fs::read_to_string(known.join("gitdir")).unwrap_or_default();
        let ours = self.is_own_worktree(name, path, Path::new(place.trim_end()));
        let known = known.exists() && ours;
        if known {
            fs::remove_dir_all(self.git.commondir().join("worktrees").join(name))
                .context(format!("the worktree {name} was not forgotten"))?;
        }
        // The directories above it are piton's too; those that still hold something stay.
        let _ = path.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
        Ok(there || known)
    }
}
