//! Commits put together anew, without a worktree or an index of anybody's.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use git2::{DiffFormat, Oid, Repository, Signature};

use super::{Diff, Repo};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::scope::shown;

/// Priority of what is in memory over what is on the disk, for libgit2.
const FIRST: i32 = 1000;

/// What one edit comes to on another tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppliedEdit {
    /// A tree.
    Tree(Oid),
    /// Nothing: these files were changed otherwise.
    Conflict(Vec<String>),
}

/// How a file differs: lines added and removed, by path.
pub(crate) type DiffStat = BTreeMap<String, (usize, usize)>;

impl Repo {
    /// The same repository, in which what is written stays in memory and goes with it.
    ///
    /// # Errors
    /// When git refuses.
    pub fn in_memory(&self) -> Result<Self> {
        let what = "the repository was not opened once more";
        let git = Repository::open(self.git.path()).context(what)?;
        super::open::read_attributes_from_index(&git).context(what)?;
        git.odb().context(what)?.add_new_mempack_backend(FIRST).context(what)?;
        let (root, outputs, within) = (self.root.clone(), self.outputs.clone(), self.within.clone());
        Ok(Self { git, durable: OnceCell::new(), root, outputs, within, identity: self.identity })
    }

    /// What the edit between the trees `from` and `to` makes of the tree `onto`.
    ///
    /// # Errors
    /// When git cannot read the trees, or refuses an object.
    pub fn apply_edit(&self, onto: Oid, from: Oid, to: Oid) -> Result<AppliedEdit> {
        let what = "an edit was not carried over";
        let tree = |id: Oid| self.git.find_tree(id).context(what);
        let mut index = self.git.merge_trees(&tree(from)?, &tree(onto)?, &tree(to)?, None).context(what)?;
        if !index.has_conflicts() {
            return index.write_tree_to(&self.git).map(AppliedEdit::Tree).context(what);
        }
        let mut files = vec![];
        for conflict in index.conflicts().context(what)? {
            let conflict = conflict.context(what)?;
            let side = conflict.our.or(conflict.their).or(conflict.ancestor);
            files.extend(side.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
        }
        files.sort();
        files.dedup();
        Ok(AppliedEdit::Conflict(files))
    }

    /// The name that the user's commits carry: by git's variables and configuration, as git itself has it.
    ///
    /// # Errors
    /// When there is none.
    pub fn identity(&self) -> Result<String> {
        let who = self.author()?;
        Ok(format!("{who}"))
    }

    fn author(&self) -> Result<Signature<'static>> {
        self.git.author_from_env().map_err(|e| nobody(&e))
    }

    /// Writes a commit in the user's name, written when `dated` was; no ref moves.
    ///
    /// # Errors
    /// Without an identity, or when git refuses the object.
    pub fn commit_for_user(&self, tree: Oid, parent: Oid, message: &str, dated: Oid) -> Result<Oid> {
        let what = "the commit was not written";
        let committer = self.git.committer_from_env().map_err(|e| nobody(&e))?;
        let author = self.author()?;
        let dated = self.git.find_commit(dated).context(what)?;
        let author = Signature::new(
            author.name().unwrap_or_default(),
            author.email().unwrap_or_default(),
            &dated.author().when(),
        )
        .context(what)?;
        let parent = self.git.find_commit(parent).context(what)?;
        let tree = self.git.find_tree(tree).context(what)?;
        self.git.commit(None, &author, &committer, message, &tree, &[&parent]).context(what)
    }

    /// Whether the user has git sign commits.
    pub fn signs(&self) -> bool {
        self.git.config().and_then(|config| config.get_bool("commit.gpgsign")).unwrap_or(false)
    }

    /// How two trees differ: as a whole, and file by file.
    ///
    /// # Errors
    /// When a tree cannot be read.
    pub fn tree_diff(&self, from: Oid, to: Oid) -> Result<(Diff, DiffStat)> {
        let what = "no diff was made";
        let tree = |id: Oid| self.git.find_tree(id).context(what);
        let diff = self.git.diff_tree_to_tree(Some(&tree(from)?), Some(&tree(to)?), None).context(what)?;
        let (mut whole, mut files) = (Diff::default(), DiffStat::new());
        for delta in diff.deltas() {
            for path in [delta.old_file().path_bytes(), delta.new_file().path_bytes()].into_iter().flatten() {
                files.entry(shown(path)).or_default();
            }
        }
        diff.print(DiffFormat::Patch, |delta, _, line| {
            let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes());
            let path = path.map(shown).unwrap_or_default();
            let count = files.entry(path).or_default();
            match line.origin() {
                '+' => (whole.added, count.0) = (whole.added + 1, count.0 + 1),
                '-' => (whole.removed, count.1) = (whole.removed + 1, count.1 + 1),
                _ => {}
            }
            if matches!(line.origin(), '+' | '-' | ' ') {
                whole.text.push(line.origin());
            }
            whole.text.push_str(&String::from_utf8_lossy(line.content()));
            true
        })
        .context(what)?;
        Ok((whole, files))
    }
}

fn nobody(error: &git2::Error) -> Error {
    Error::refused("no commit was made: git does not know who you are")
        .cause(error.message())
        .note("nothing was changed")
        .hint("git config user.name \"Your Name\" && git config user.email you@example.org")
}
