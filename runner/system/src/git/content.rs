//! What commits hold: reading it, writing it as trees, exporting it.

use std::path::Path;

use git2::{DiffFormat, FileMode, Index, IndexEntry, IndexTime, Oid};

use super::Repo;
use piton_core::base::error::{Context, Result};
use piton_core::trial::changes::{Binary, EditSide, Sources};
use piton_core::trial::scope::{EXECUTABLE, FILE, Scope, shown};

/// A file below the editable paths of a worktree.
#[derive(Debug, Clone)]
pub struct TreeEntry {
    /// Relative to the root, `/` between parts.
    pub path: String,
    /// Git's mode.
    pub mode: u32,
    /// Size of what git keeps of the file; 0 for what is neither a file nor a link.
    pub bytes: u64,
    /// Content as git keeps it; the target for a link; empty for a nested repository, and for a file beyond what the scope may hold.
    pub content: Vec<u8>,
    /// What git would do to the content and piton does not, e.g. `filter=lfs`.
    pub foreign: Option<String>,
}

impl TreeEntry {
    /// An entry that is carried whole.
    pub fn whole(path: impl Into<String>, mode: u32, content: Vec<u8>) -> Self {
        Self { path: path.into(), mode, bytes: content.len() as u64, content, foreign: None }
    }

    /// Whether its content is left out.
    pub(crate) fn is_partial(&self) -> bool {
        self.bytes > self.content.len() as u64
    }
}

/// A diff as text, with its lines counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Unified diff.
    pub text: String,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

impl Repo {
    /// Writes the tree that is `base` with its editable paths replaced by `entries`, and with the files
    /// `outside` as they are in the worktree. Entries that are neither files nor links are left out.
    ///
    /// # Errors
    /// When git refuses an object.
    pub fn write_tree(
        &self,
        base: Oid,
        scope: &Scope,
        entries: &[TreeEntry],
        outside: &[String],
    ) -> Result<Oid> {
        let view = if outside.is_empty() { None } else { Some(self.view()?) };
        let write = || -> std::result::Result<Oid, git2::Error> {
            let mut index = Index::new()?;
            index.read_tree(&self.git.find_commit(base)?.tree()?)?;
            let old: Vec<Vec<u8>> = index.iter().map(|e| e.path).collect();
            for path in old {
                let path = String::from_utf8_lossy(&path).into_owned();
                // A submodule in scope has no content here: whether it was moved is asked apart.
                let submodule = index
                    .get_path(Path::new(&path), 0)
                    .is_some_and(|entry| entry.mode == i32::from(FileMode::Commit) as u32);
                if scope.contains(&path) && !submodule || outside.contains(&path) {
                    index.remove(Path::new(&path), 0)?;
                }
            }
            let mut add = |path: &str, mode: u32, content: &[u8]| -> std::result::Result<(), git2::Error> {
                let id = self.git.blob(content)?;
                index.add(&index_entry(path, mode, id))
            };
            for entry in entries.iter().filter(|e| matches!(e.mode, FILE | EXECUTABLE | 0o120_000)) {
                add(&entry.path, entry.mode, &entry.content)?;
            }
            for path in outside.iter().map(Path::new) {
                let (Some(view), Some(above), Some(name)) = (&view, path.parent(), path.file_name()) else {
                    continue;
                };
                let read = view.root.descend(above).and_then(|dir| dir.read(name, scope.max_file_bytes));
                if let Ok((content, _)) = read {
                    // A name that git refuses is told of, and not kept.
                    let _ = add(&path.to_string_lossy(), FILE, &view.cleaned(path, &content, None).0);
                }
            }
            index.write_tree_to(&self.git)
        };
        write().context("the challenger's tree was not written")
    }

    /// Id of the locked files: the tree of `commit` without its editable paths.
    ///
    /// # Errors
    /// When git refuses the tree.
    pub fn seal(&self, commit: Oid, scope: &Scope) -> Result<Oid> {
        self.write_tree(commit, scope, &[], &[])
    }

    /// Writes a commit; no ref moves.
    ///
    /// # Errors
    /// When git refuses the object.
    pub fn commit(&self, tree: Oid, parent: Oid, message: &str) -> Result<Oid> {
        let write = || -> std::result::Result<Oid, git2::Error> {
            let who = self.git.signature().or_else(|_| git2::Signature::now("piton", "piton@localhost"))?;
            let parent = self.git.find_commit(parent)?;
            self.git.commit(None, &who, &who, message, &self.git.find_tree(tree)?, &[&parent])
        };
        write().context("the commit was not written")
    }

    /// A commit on top of `head` that takes back what `keep` changed from `parent`; `None` where later changes build on it.
    ///
    /// # Errors
    /// When git refuses.
    pub fn without(&self, head: Oid, keep: Oid, parent: Oid) -> Result<Option<Oid>> {
        let what = "what one keep changed was not taken back";
        let tree = |commit: Oid| self.git.find_commit(commit).and_then(|c| c.tree()).context(what);
        let (from, ours, theirs) = (tree(keep)?, tree(head)?, tree(parent)?);
        let mut index = self.git.merge_trees(&from, &ours, &theirs, None).context(what)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        let merged = index.write_tree_to(&self.git).context(what)?;
        self.commit(merged, head, "without one keep\n").map(Some)
    }

    /// The editable sources in a commit that are text.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn sources(&self, commit: Oid, scope: &Scope) -> Result<Sources> {
        Ok(self.side(commit, scope)?.sources)
    }

    /// All editable files in a commit: those that are text, and the others by name, content and size.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn side(&self, commit: Oid, scope: &Scope) -> Result<EditSide> {
        let mut side = EditSide::default();
        for (path, mode, id) in self.files(self.tree_id(commit)?)? {
            if scope.contains(&path) && matches!(mode, FILE | EXECUTABLE) {
                let blob = self.git.find_blob(id).context(format!("{path} was not read"))?;
                match std::str::from_utf8(blob.content()) {
                    Ok(text) => drop(side.sources.insert(path, text.to_owned())),
                    Err(_) => {
                        let binary = Binary { id: id.to_string(), bytes: blob.size() as u64 };
                        side.binaries.insert(path, binary);
                    }
                }
            }
        }
        Ok(side)
    }

    /// The difference between two commits.
    ///
    /// # Errors
    /// When a commit cannot be read.
    pub fn diff(&self, from: Oid, to: Oid) -> Result<Diff> {
        self.difference(from, to, None)
    }

    /// The same in the editable files alone.
    ///
    /// # Errors
    /// When a commit cannot be read.
    pub fn diff_within(&self, from: Oid, to: Oid, scope: &Scope) -> Result<Diff> {
        let mut options = git2::DiffOptions::new();
        options.disable_pathspec_match(true);
        scope.editable.iter().for_each(|path| {
            options.pathspec(path.as_str());
        });
        self.difference(from, to, Some(&mut options))
    }

    fn difference(&self, from: Oid, to: Oid, options: Option<&mut git2::DiffOptions>) -> Result<Diff> {
        let diff = self
            .git
            .diff_tree_to_tree(Some(&self.tree(from)?), Some(&self.tree(to)?), options)
            .context("no diff was made")?;
        let mut text = String::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin());
            }
            text.push_str(&String::from_utf8_lossy(line.content()));
            true
        })
        .context("no diff was made")?;
        let stats = diff.stats().context("no diff was made")?;
        Ok(Diff { text, added: stats.insertions(), removed: stats.deletions() })
    }

    pub(super) fn files(&self, tree: Oid) -> Result<Vec<(String, u32, Oid)>> {
        let mut index = Index::new().context("no index")?;
        index
            .read_tree(&self.git.find_tree(tree).context("the tree was not read")?)
            .context("the tree was not read")?;
        Ok(index.iter().map(|e| (shown(&e.path), e.mode, e.id)).collect())
    }
}

pub(super) fn index_entry(path: &str, mode: u32, id: Oid) -> IndexEntry {
    let zero = IndexTime::new(0, 0);
    let mode = if mode == 0o120_000 { i32::from(FileMode::Link) as u32 } else { mode };
    IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.into(),
    }
}
