//! What git must not lose: a trial's objects and the refs that name them, on the disk before a row rests on them.
//!
//! libgit2 leaves an object that is there already as it is, and an agent's own `git add` syncs nothing. So the objects of a
//! trial are synced by path, whoever wrote them, each before the ref; refs are written by the handle that syncs.

use std::path::PathBuf;

use git2::{ObjectType, Oid, Tree};

use super::Repo;
use crate::fsync;
use piton_core::base::error::{Context, Error, Result};

impl Repo {
    /// Syncs every object of `commit` that `base` does not have.
    ///
    /// # Errors
    /// A disk that refuses, or an object that is empty.
    pub fn sync(&self, commit: Oid, base: Oid) -> Result<()> {
        let mut new = vec![];
        self.differing(&self.tree(commit)?, Some(&self.tree(base)?), &mut new)
            .context("the objects of a commit were not read")?;
        new.push(commit);
        self.sync_objects(&new)
    }

    /// Syncs objects, one after the other.
    ///
    /// # Errors
    /// A disk that refuses, or an object that is empty.
    pub fn sync_objects(&self, new: &[Oid]) -> Result<()> {
        let what = "the objects of a commit were not synced";
        let objects = self.git.commondir().join("objects");
        let path = |id: &Oid| -> PathBuf {
            let (dir, name) = (id.to_string(), 2);
            objects.join(&dir[..name]).join(&dir[name..])
        };
        let paths: Vec<PathBuf> = new.iter().map(path).collect();
        if let Some(empty) = paths.iter().find(|path| path.metadata().is_ok_and(|meta| meta.len() == 0)) {
            return Err(Error::new(what)
                .cause(format!("{} is empty: a power cut left it", empty.display()))
                .hint("piton recover"));
        }
        fsync::sync(&paths).and_then(|()| fsync::sync_one(&objects)).context(what)
    }

    /// The trees and blobs of `tree` that `old` does not have at the same place, each after what it holds.
    fn differing(
        &self,
        tree: &Tree,
        old: Option<&Tree>,
        found: &mut Vec<Oid>,
    ) -> std::result::Result<(), git2::Error> {
        if old.is_some_and(|old| old.id() == tree.id()) {
            return Ok(());
        }
        for entry in tree {
            let before = old.and_then(|old| entry.name().ok().and_then(|name| old.get_name(name)));
            if before.as_ref().is_some_and(|before| before.id() == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let before = before.filter(|before| before.kind() == Some(ObjectType::Tree));
                    let before = before.map(|before| self.git.find_tree(before.id())).transpose()?;
                    self.differing(&self.git.find_tree(entry.id())?, before.as_ref(), found)?;
                }
                Some(ObjectType::Blob) => found.push(entry.id()),
                _ => {}
            }
        }
        found.push(tree.id());
        Ok(())
    }

    /// Makes the ref `name`, which must not be there.
    ///
    /// # Errors
    /// When it is there, or git refuses.
    pub fn new_ref(&self, name: &str, commit: Oid, why: &str) -> Result<()> {
        self.write_ref(name, commit, false, why)
    }

    /// Points the ref `name` at `commit`, whatever it was.
    ///
    /// # Errors
    /// When git refuses.
    pub fn set_ref(&self, name: &str, commit: Oid, why: &str) -> Result<()> {
        self.write_ref(name, commit, true, why)
    }

    fn write_ref(&self, name: &str, commit: Oid, force: bool, why: &str) -> Result<()> {
        let what = || format!("{name} was not written");
        let common = self.git.commondir();
        let dir = common.join(name).parent().expect("below refs/").to_path_buf();
        let fresh = !dir.exists();
        self.durable()?.reference(name, commit, force, why).map(|_| ()).context(what())?;
        // The ref's own directory is synced with it; those above it are new once in a run.
        if fresh { fsync::sync_up(&dir, common).context(what()) } else { Ok(()) }
    }

    /// Moves the branch from `from` to `to`, and refuses when it is anywhere else.
    ///
    /// # Errors
    /// When the branch has moved, or git refuses.
    pub fn advance(&self, branch: &str, from: Oid, to: Oid, why: &str) -> Result<()> {
        let name = format!("refs/heads/{branch}");
        self.durable()?.reference_matching(&name, to, true, from, why).map(|_| ()).map_err(|e| {
            Error::new(format!("{branch} was not moved to {to}")).cause(e.message()).note(format!(
                "the challenger and its verdict are recorded; the branch is where it was, expected at {from}"
            ))
        })
    }

    /// Makes a branch.
    ///
    /// # Errors
    /// When it exists.
    pub fn create_branch(&self, name: &str, commit: Oid) -> Result<()> {
        self.new_ref(&format!("refs/heads/{name}"), commit, "piton: begin")
    }

    /// Switches this worktree to a branch that points at the present commit: no file changes.
    ///
    /// # Errors
    /// When git refuses.
    pub fn switch(&self, branch: &str) -> Result<()> {
        let switched = self.durable()?.set_head(&format!("refs/heads/{branch}"));
        switched.context(format!("HEAD was not moved to {branch}"))
    }
}
