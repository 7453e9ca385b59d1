//! Edits as such: their lines, what one comes to on another base, and whether a worktree still holds one.

use git2::Oid;

use super::Repo;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::{Scope, shown};
use piton_core::trial::similarity::DiffLine;

impl Repo {
    /// The lines in which two commits differ, at most `most` bytes of them; a file that is no text has none.
    ///
    /// # Errors
    /// When a commit cannot be read.
    pub fn lines(&self, from: Oid, to: Oid, most: usize) -> Result<Vec<DiffLine>> {
        let what = "no diff was made";
        let mut options = git2::DiffOptions::new();
        options.context_lines(0);
        let (from, to) = (self.tree(from)?, self.tree(to)?);
        let diff = self.git.diff_tree_to_tree(Some(&from), Some(&to), Some(&mut options)).context(what)?;
        let (mut lines, mut bytes) = (vec![], 0);
        let taken = diff.print(git2::DiffFormat::Patch, |delta, _, line| {
            let added = match line.origin() {
                '+' => true,
                '-' => false,
                _ => return true,
            };
            bytes += line.content().len();
            if bytes <= most {
                let path = delta.new_file().path_bytes().or(delta.old_file().path_bytes());
                lines.push(DiffLine {
                    path: path.map(shown).unwrap_or_default(),
                    added,
                    text: String::from_utf8_lossy(line.content()).trim_end_matches(['\n', '\r']).to_owned(),
                });
            }
            bytes <= most
        });
        // It is ended early where enough was seen.
        if bytes <= most {
            taken.context(what)?;
        }
        Ok(lines)
    }

    /// A commit on top of `base` that makes the edit of `edit` there; `None` where the two touch the same lines, or nothing is left to do.
    /// No ref moves.
    ///
    /// # Errors
    /// When git cannot read the commits, or refuses an object.
    pub fn commit_edit_onto(&self, base: Oid, edit: Oid) -> Result<Option<Oid>> {
        let what = format!("the edit of {edit} was not laid over {base}");
        let Some(parent) = self.git.find_commit(edit).and_then(|c| c.parent_id(0)).ok() else {
            return Ok(None);
        };
        let (from, ours, theirs) = (self.tree(parent)?, self.tree(base)?, self.tree(edit)?);
        let mut index = self.git.merge_trees(&from, &ours, &theirs, None).context(&what)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        let merged = index.write_tree_to(&self.git).context(&what)?;
        if merged == ours.id() {
            return Ok(None);
        }
        self.commit(merged, base, "a near miss, laid over the incumbent\n").map(Some)
    }

    /// Whether no file of the worktree differs from `commit`; ignored ones do not count.
    ///
    /// # Errors
    /// When the worktree or the commit cannot be read.
    pub fn matches_commit(&self, commit: Oid) -> Result<bool> {
        Ok(self.changed_from(&self.tree(commit)?)?.is_empty())
    }

    /// The edit in a worktree that is not committed: the lines below the editable paths in which it differs from `base`.
    ///
    /// # Errors
    /// When a file cannot be read, or git refuses an object.
    pub fn present_lines(&self, base: Oid, scope: &Scope, most: usize) -> Result<Vec<DiffLine>> {
        let tree = self.write_tree(base, scope, &self.entries(scope)?, &[])?;
        let commit = self.commit(tree, base, "what stands in the worktree\n")?;
        self.lines(base, commit, most)
    }
}
