//! What an agent could have moved without an edit: read before its turn, compared after it, put back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Repo;
use crate::beneath;
use piton_core::base::error::{Context, Result};

/// Files of a repository that say how git behaves in it, and directories that piton must be able to write.
const KEPT: [&str; 4] = ["config", "config.worktree", "info/exclude", "info/attributes"];
const DIRECTORIES: [&str; 7] = ["", "objects", "refs", "refs/heads", "hooks", "piton", "worktrees"];
/// Largest of those files that is read, in bytes.
const MOST: u64 = 64 << 20;

/// How a repository stands, apart from its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoState {
    /// What HEAD of the worktree says, e.g. `ref: refs/heads/piton/r`.
    head: String,
    /// Name of the run's branch, and the commit that it stands at.
    branch: (String, Option<String>),
    /// Content by path, for the files in `KEPT` and those below `hooks`.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Permissions of `DIRECTORIES`, and of piton's ledger.
    modes: BTreeMap<PathBuf, u32>,
}

impl RepoState {
    /// What differs in `after`, one line each.
    pub fn moved(&self, after: &Self) -> Vec<String> {
        let mut moved = vec![];
        if self.head != after.head {
            moved.push(format!("HEAD of the worktree is `{}`, not `{}`", after.head, self.head));
        }
        if self.branch != after.branch {
            let at = |of: &Self| of.branch.1.clone().unwrap_or_else(|| "nothing".to_owned());
            moved.push(format!("{} is at {}, not at {}", self.branch.0, at(after), at(self)));
        }
        differing(&self.files, &after.files, &mut moved, "content");
        differing(&self.modes, &after.modes, &mut moved, "permissions");
        moved
    }
}

fn differing<T: PartialEq>(
    before: &BTreeMap<PathBuf, T>,
    after: &BTreeMap<PathBuf, T>,
    moved: &mut Vec<String>,
    what: &str,
) {
    let all: std::collections::BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    for path in all.into_iter().filter(|path| before.get(*path) != after.get(*path)) {
        moved.push(format!(".git/{}: its {what} changed", path.display()));
    }
}

impl Repo {
    /// How it stands, seen from this worktree; `branch` is the run's.
    pub fn repo_state(&self, branch: &str) -> RepoState {
        let common = self.git.commondir();
        let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        let hooks = fs::read_dir(common.join("hooks")).into_iter().flatten().flatten();
        let named = KEPT.iter().map(PathBuf::from);
        for path in named.chain(hooks.map(|entry| Path::new("hooks").join(entry.file_name()))) {
            if let Ok(content) = beneath::read_following(&common.join(&path), MOST) {
                files.insert(path, content);
            }
        }
        let paths = DIRECTORIES.iter().chain(&["piton/ledger.db"]).map(PathBuf::from);
        let mode = |path: PathBuf| {
            let meta = fs::symlink_metadata(common.join(&path)).ok()?;
            Some((path, meta.permissions().mode() & 0o7777))
        };
        let name = format!("refs/heads/{branch}");
        let at = self.get_ref(&name).map(|commit| commit.to_string());
        let head = beneath::read_following(&self.git.path().join("HEAD"), MOST).unwrap_or_default();
        RepoState {
            head: String::from_utf8_lossy(&head).trim().to_owned(),
            branch: (name, at),
            files,
            modes: paths.filter_map(mode).collect(),
        }
    }

    /// Makes it stand as it did. Objects that were written meanwhile stay: they are harmless without a ref.
    ///
    /// # Errors
    /// When a file or a ref cannot be written.
    pub fn restore_state(&self, before: &RepoState) -> Result<()> {
        self.check_not_moved()?;
        let what = "the repository was not put back";
        let common = self.git.commondir();
        // Parents come before what they hold, or nothing below them can be written.
        for (path, mode) in &before.modes {
            let full = common.join(path);
            if !full.is_dir() && path.as_os_str() != "piton/ledger.db" {
                fs::create_dir_all(&full).context(what)?;
            }
            if fs::symlink_metadata(&full).is_ok_and(|meta| meta.permissions().mode() & 0o7777 != *mode) {
                fs::set_permissions(&full, fs::Permissions::from_mode(*mode)).context(what)?;
            }
        }
        let after = self.repo_state(before.branch.0.trim_start_matches("refs/heads/"));
        for path in after.files.keys().filter(|path| !before.files.contains_key(*path)) {
            beneath::remove(common, path).context(what)?;
        }
        for (path, content) in &before.files {
            if after.files.get(path) != Some(content) {
                // Replaced, not written into: what stands there now may be a link to something else.
                beneath::put(common, path, content).context(what)?;
            }
        }
        if after.head != before.head {
            let line = format!("{}\n", before.head);
            beneath::put(self.git.path(), Path::new("HEAD"), line.as_bytes()).context(what)?;
        }
        if let (true, Some(at)) = (after.branch != before.branch, &before.branch.1) {
            self.set_ref(&before.branch.0, self.commit_id(at)?, "piton: an agent moved it")?;
        }
        Ok(())
    }
}
