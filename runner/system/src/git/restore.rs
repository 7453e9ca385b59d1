//! A worktree made what a commit holds again.
//!
//! What stands there is compared by descriptors, what is to be written is told to a process that may write the worktree alone.

use std::path::{Path, PathBuf};

use git2::{IndexTime, Oid};

use super::differ::{Differs, SUBMODULE, TreeFiles, compare, files};
use super::view::WorktreeView;
use super::{Repo, content::index_entry};
use crate::beneath::{DEEPEST, Dir, FileKind};
use crate::tree::LINK;
use crate::worktree_writer::{self, PathWrite};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::scope::{EXECUTABLE, FILE, Scope};

/// Files that are handed at a time to whoever lays them.
const AT_ONCE: usize = 512;

impl Repo {
    /// Makes the worktree equal to `commit`: below the editable paths only, or everywhere. Ignored files stay. Whatever stands where a
    /// file or a directory belongs goes; nothing outside of the worktree is read or written.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn restore(&self, commit: Oid, only: Option<&Scope>) -> Result<()> {
        let what = "the worktree was not restored";
        let tree = self.tree(commit).context(what)?;
        let within = |path: &Path| only.is_none_or(|scope| scope.reaches(&path.to_string_lossy()));
        let all = files(&tree)?;
        let wanted: TreeFiles =
            all.iter().filter(|(path, _)| within(path)).map(|(p, h)| (p.clone(), *h)).collect();
        let mut view = self.view()?;
        let own = self.is_own();
        if own {
            // What piton itself wants ignored, not what an agent would.
            view = view.with_rules(Box::new(|path| {
                within(path).then(|| {
                    let (mode, id) = *all.get(path).filter(|(mode, _)| matches!(*mode, FILE | EXECUTABLE))?;
                    Some(self.git.find_blob(id).ok().filter(|_| mode != LINK)?.content().to_vec())
                })
            }));
        }
        let starts =
            only.map_or(vec![PathBuf::new()], |only| only.editable.iter().map(PathBuf::from).collect());
        let mut found = compare(&view, &wanted, &starts, own, true, 0)?;
        for _ in 0..DEEPEST {
            let closed = found.iter().filter(|(_, differs)| *differs == Differs::Closed);
            let closed: Vec<PathWrite> = closed.map(|(path, _)| PathWrite::dir(path.clone())).collect();
            if closed.is_empty() {
                break;
            }
            // What is in them shows when they are open.
            worktree_writer::lay(&self.root, &closed)?;
            found = compare(&view, &wanted, &starts, own, true, 0)?;
        }
        let mut writes: Vec<PathWrite> = vec![];
        // What is in the way goes first.
        for (path, differs) in &found {
            if matches!(differs, Differs::Strange | Differs::Overlooked) {
                writes.push(PathWrite::nothing(path.clone()));
            }
        }
        let mut laid: TreeFiles = found
            .iter()
            .filter(|(_, differs)| *differs == Differs::Wanted)
            .map(|(path, _)| (path.clone(), wanted[path]))
            .collect();
        // A submodule that piton did not check out is empty.
        let full = laid.iter().filter(|(_, (mode, _))| *mode == SUBMODULE);
        writes.extend(full.map(|(path, _)| PathWrite::nothing(path.clone())));
        worktree_writer::lay(&self.root, &writes)?;
        let all: Vec<(PathBuf, (u32, Oid))> = laid.clone().into_iter().collect();
        for some in all.chunks(AT_ONCE) {
            let some = some.iter().cloned().collect();
            worktree_writer::lay(&self.root, &self.laying(&view, &some)?)?;
        }
        laid.retain(|_, (mode, _)| matches!(*mode, FILE | EXECUTABLE));
        self.note(&tree, &laid).context(what)
    }

    /// Makes the worktree, which is at HEAD, what `commit` holds. A file that was edited, or that is in the way, stops it.
    ///
    /// # Errors
    /// Such a file by name, or a disk that refuses.
    pub(super) fn go_to(&self, commit: Oid, what: &str) -> Result<()> {
        let head = self.git.head().and_then(|head| head.peel_to_tree()).context(what)?;
        let (from, to, view) = (files(&head)?, files(&self.tree(commit)?)?, self.view()?);
        let moved = |one: &TreeFiles, other: &TreeFiles| -> TreeFiles {
            one.iter()
                .filter(|(path, held)| other.get(*path) != Some(held))
                .map(|(p, h)| (p.clone(), *h))
                .collect()
        };
        let (old, new) = (moved(&from, &to), moved(&to, &from));
        let starts = |files: &TreeFiles| files.keys().cloned().collect::<Vec<_>>();
        let edited = compare(&view, &old, &starts(&old), false, false, 0)?;
        let fresh: TreeFiles =
            new.iter().filter(|(path, _)| !from.contains_key(*path)).map(|(p, h)| (p.clone(), *h)).collect();
        let there = |path: &Path| {
            let dir = view.root.descend(path.parent().unwrap_or(Path::new("")));
            dir.is_ok_and(|dir| path.file_name().and_then(|name| dir.stat(name)).is_some())
        };
        let wrong = compare(&view, &fresh, &starts(&fresh), false, false, 0)?;
        let in_the_way = wrong.iter().find(|(path, _)| there(path));
        if let Some((path, _)) = edited.first().or(in_the_way) {
            return Err(Error::new(what).cause(format!("{} is edited, or in the way", path.display())));
        }
        let mut writes: Vec<PathWrite> = old
            .keys()
            .filter(|path| !to.contains_key(*path))
            .map(|path| PathWrite::nothing(path.clone()))
            .collect();
        writes.extend(self.laying(&view, &new)?);
        worktree_writer::lay(&self.root, &writes)?;
        for path in old.keys().flat_map(|path| path.ancestors().skip(1)) {
            // git keeps no empty directory; one that holds something stays.
            let dir = view.root.descend(path.parent().unwrap_or(Path::new("")));
            let _ = dir.map(|dir| path.file_name().map(|name| dir.remove_empty(name)));
        }
        self.note(&self.tree(commit)?, &new).context(what)
    }

    /// What lays these files, links last.
    fn laying(&self, view: &WorktreeView, files: &TreeFiles) -> Result<Vec<PathWrite>> {
        let (mut writes, mut links) = (vec![], vec![]);
        for (path, (mode, id)) in files {
            match *mode {
                SUBMODULE => writes.push(PathWrite::dir(path.clone())),
                LINK => {
                    let blob = self.git.find_blob(*id).context(format!("{} was not read", path.display()))?;
                    links.push(PathWrite::link(path.clone(), blob.content().to_vec()));
                }
                mode => writes.push(PathWrite::file(path.clone(), mode == EXECUTABLE, view.laid(path, *id)?)),
            }
        }
        writes.extend(links);
        Ok(writes)
    }

    /// Makes the index that of `tree`; the files `laid` are noted as they lie, so that git need not read them.
    fn note(&self, tree: &git2::Tree, laid: &TreeFiles) -> std::result::Result<(), git2::Error> {
        let mut index = self.git.index()?;
        index.read_tree(tree)?;
        for (path, held) in laid {
            if let Some(entry) = self.stands_now(path, *held) {
                index.add(&entry)?;
            }
        }
        index.write()
    }

    /// The index's entry of a file that was just laid.
    fn stands_now(&self, path: &Path, (mode, id): (u32, Oid)) -> Option<git2::IndexEntry> {
        let dir = Dir::open(&self.root).ok()?.descend(path.parent()?).ok()?;
        let meta = dir.stat(path.file_name()?).filter(|meta| meta.kind == FileKind::File)?;
        let time = |(seconds, nanoseconds): (i64, i64)| {
            Some(IndexTime::new(i32::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?))
        };
        Some(git2::IndexEntry {
            ctime: time(meta.changed)?,
            mtime: time(meta.modified)?,
            dev: meta.device as u32,
            ino: meta.inode as u32,
            uid: meta.owner.0,
            gid: meta.owner.1,
            file_size: (meta.bytes & 0xffff_ffff) as u32,
            ..index_entry(path.to_str()?, mode, id)
        })
    }
}
