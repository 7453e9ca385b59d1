//! In what a worktree differs from a tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, RepositoryOpenFlags};

use super::Repo;
use super::view::WorktreeView;
use super::work::MatchesCommit;
use crate::beneath::{self, DEEPEST, Dir, FileKind, Meta};
use crate::tree::LINK;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::{EXECUTABLE, FILE, shown};

/// Git's mode of a submodule.
pub(super) const SUBMODULE: u32 = 0o160_000;
/// Submodules within submodules that are compared.
const NESTED: usize = 16;

/// Files of a tree by path: mode and object.
pub(super) type TreeFiles = BTreeMap<PathBuf, (u32, Oid)>;

/// How something in a worktree differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Differs {
    /// What the tree holds is not there, or is otherwise.
    Wanted,
    /// It is there, and the tree does not hold it; not something that git never tracks.
    Strange,
    /// The same of a pipe, a socket or a device, which git overlooks, and of what was never finished.
    Overlooked,
    /// A directory of the tree that is closed to its own user.
    Closed,
}

/// A comparison.
struct TreeComparison<'a> {
    view: &'a WorktreeView<'a>,
    wanted: &'a TreeFiles,
    /// The directories that the tree has.
    dirs: BTreeSet<PathBuf>,
    /// Whether files that were touched in a manner which git does not see count: other names, bits that lend rights.
    strict: bool,
    /// Whether a directory that goes as a whole is named, rather than what is in it.
    whole: bool,
    depth: usize,
    seen: BTreeSet<PathBuf>,
    found: Vec<(PathBuf, Differs)>,
}

impl Repo {
    /// The paths in which the worktree differs from `tree`, as text.
    pub(super) fn changed_from(&self, tree: &git2::Tree) -> Result<Vec<String>> {
        let view = self.view()?;
        let found = compare(&view, &files(tree)?, &[PathBuf::new()], false, false, 0)?;
        let own = self.is_own();
        let counts =
            |differs: &Differs| *differs != Differs::Closed && (own || *differs != Differs::Overlooked);
        let paths = found.iter().filter(|(_, differs)| counts(differs));
        let paths: BTreeSet<String> = paths.map(|(path, _)| shown(path.as_os_str().as_bytes())).collect();
        Ok(paths.into_iter().collect())
    }
}

/// The files of a tree.
pub(super) fn files(tree: &git2::Tree) -> Result<TreeFiles> {
    let what = "the tree was not read";
    let mut index = git2::Index::new().context(what)?;
    index.read_tree(tree).context(what)?;
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    Ok(index.iter().map(|entry| (path(&entry.path), (entry.mode, entry.id))).collect())
}

/// In what the worktree differs from `wanted` at and below `starts`.
pub(super) fn compare(
    view: &WorktreeView,
    wanted: &TreeFiles,
    starts: &[PathBuf],
    strict: bool,
    whole: bool,
    nested: usize,
) -> Result<Vec<(PathBuf, Differs)>> {
    let dirs = wanted.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned).collect();
    let mut walk = TreeComparison {
        view,
        wanted,
        dirs,
        strict,
        whole,
        depth: nested,
        seen: BTreeSet::new(),
        found: vec![],
    };
    for start in starts {
        match (start.parent(), start.file_name()) {
            (Some(above), Some(name)) => {
                // What lies behind a link is not there.
                if let Ok(dir) = view.root.descend(above) {
                    walk.one(&dir, name, start)?;
                }
            }
            _ => {
                let names = view.root.list().context("the worktree was not read")?;
                walk.all(&view.root, names, Path::new(""))?;
            }
        }
    }
    let TreeComparison { seen, mut found, .. } = walk;
    let missing = wanted.keys().filter(|path| !seen.contains(*path));
    found.extend(missing.map(|path| (path.clone(), Differs::Wanted)));
    Ok(found)
}

impl TreeComparison<'_> {
    /// Compares what is in a directory under these names. Returns whether any of it stays.
    fn all(&mut self, dir: &Dir, names: Vec<OsString>, path: &Path) -> Result<bool> {
        let mut stays = false;
        for name in names {
            // Git's own.
            if path.as_os_str().is_empty() && name == ".git" {
                stays = true;
                continue;
            }
            stays |= self.one(dir, &name, &path.join(&name))?;
        }
        Ok(stays)
    }

    /// Compares what stands under one name. Returns whether any of it stays.
    fn one(&mut self, dir: &Dir, name: &OsStr, path: &Path) -> Result<bool> {
        let Some(meta) = dir.stat(name) else {
            // What is closed is no part of any tree; what is gone meanwhile is gone.
            return Ok(dir.may_hide(name) && self.strange(path, Differs::Strange));
        };
        if let Some((mode, id)) = self.wanted.get(path).copied() {
            self.seen.insert(path.to_owned());
            let same = match (mode, meta.kind) {
                (SUBMODULE, FileKind::Dir) => self.is_submodule(dir, name, path, id),
                (LINK, FileKind::Link) => dir
                    .target(name)
                    .is_ok_and(|target| Oid::hash_object(ObjectType::Blob, &target).ok() == Some(id)),
                (FILE | EXECUTABLE, FileKind::File) => {
                    let odd = meta.names > 1 || meta.mode & 0o7000 != 0 || meta.mode & 0o600 != 0o600;
                    let touched = self.strict && odd || self.whole && meta.mode & 0o400 == 0;
                    !touched
                        && (self.view.same((dir, name), path, mode, id) == MatchesCommit::Yes
                            || self.view.is_output(dir, name, path))
                }
                _ => false,
            };
            if !same {
                self.found.push((path.to_owned(), Differs::Wanted));
            }
            return Ok(true);
        }
        if beneath::is_temporary(name) {
            self.found.push((path.to_owned(), Differs::Overlooked));
            return Ok(false);
        }
        match meta.kind {
            FileKind::Dir if self.dirs.contains(path) => self.known(dir, name, path, &meta),
            FileKind::Dir => self.strange_dir(dir, name, path),
            // Where the tree has a directory, nothing else may stand, ignored or not.
            _ if self.dirs.contains(path) => Ok(self.strange(path, Differs::Strange)),
            kind => {
                if self.view.ignores(path, false)? || self.view.is_output(dir, name, path) {
                    return Ok(true);
                }
                let plain = matches!(kind, FileKind::File | FileKind::Link);
                Ok(self.strange(path, if plain { Differs::Strange } else { Differs::Overlooked }))
            }
        }
    }

    fn strange(&mut self, path: &Path, differs: Differs) -> bool {
        self.found.push((path.to_owned(), differs));
        false
    }

    /// A directory that the tree has.
    fn known(&mut self, dir: &Dir, name: &OsStr, path: &Path, meta: &Meta) -> Result<bool> {
        if self.strict && meta.mode & 0o700 != 0o700 {
            self.found.push((path.to_owned(), Differs::Closed));
            return Ok(true);
        }
        match open(dir, name) {
            Some((below, names)) => drop(self.all(&below, names, path)?),
            // A repository of its own in its place, or nobody knows what: all of it is made anew.
            None => drop(self.strange(path, Differs::Strange)),
        }
        Ok(true)
    }

    /// A directory that the tree does not have.
    fn strange_dir(&mut self, dir: &Dir, name: &OsStr, path: &Path) -> Result<bool> {
        if self.view.ignores(path, true)? {
            return Ok(true);
        }
        let opened = open(dir, name).filter(|_| path.components().count() <= DEEPEST);
        let Some((below, names)) = opened else {
            // What a repository of the user's holds is in no other.
            let stays = self.whole && !self.strict;
            return Ok(stays || self.strange(path, Differs::Strange));
        };
        let before = self.found.len();
        let stays = self.all(&below, names, path)?;
        if !stays && self.whole {
            self.found.truncate(before);
            self.strange(path, Differs::Strange);
        }
        Ok(stays)
    }

    /// Whether a submodule stands in a directory as the tree has it: at its commit and with that content, or empty.
    fn is_submodule(&self, dir: &Dir, name: &OsStr, path: &Path, id: Oid) -> bool {
        let Ok(below) = dir.enter(name) else { return false };
        let Ok(names) = below.list() else { return false };
        if names.is_empty() {
            return true;
        }
        // piton checks none out for itself: what is in one there, somebody put there.
        if self.strict || self.view.repo.is_some_and(Repo::is_own) || self.depth >= NESTED {
            return false;
        }
        // To make a worktree whole again is no reason to touch a submodule of the user's.
        if self.whole {
            return true;
        }
        let root = self.view.place.join(path);
        let Some(git) = nested(&root) else { return false };
        let clean = || -> Result<bool> {
            let head = git.head().and_then(|head| head.peel_to_commit()).context("HEAD was not read")?;
            let view = WorktreeView::of(&git, &root)?;
            let wanted = files(&head.tree().context("HEAD was not read")?)?;
            let found = compare(&view, &wanted, &[PathBuf::new()], false, false, self.depth + 1)?;
            Ok(head.id() == id && found.iter().all(|(_, differs)| *differs == Differs::Overlooked))
        };
        clean().unwrap_or(false)
    }
}

/// A directory and the names in it; `None` where it cannot be read, or has a repository of its own.
fn open(dir: &Dir, name: &OsStr) -> Option<(Dir, Vec<OsString>)> {
    let below = dir.enter(name).ok().filter(|below| below.stat(OsStr::new(".git")).is_none())?;
    let names = below.list().ok()?;
    Some((below, names))
}

/// The repository whose worktree is `dir` itself. What libgit2 reads to open one are plain files in it.
pub(super) fn nested(dir: &Path) -> Option<Repository> {
    let own = Dir::open(dir).ok()?;
    let plain =
        |dir: &Dir, name: &str| dir.stat(OsStr::new(name)).is_none_or(|meta| meta.kind == FileKind::File);
    match own.stat(OsStr::new(".git"))?.kind {
        FileKind::File => {}
        FileKind::Dir => {
            let git = own.enter(OsStr::new(".git")).ok()?;
            let read = ["HEAD", "config", "config.worktree", "commondir", "gitdir", "packed-refs", "index"];
            read.iter().all(|name| plain(&git, name)).then_some(())?;
        }
        _ => return None,
    }
    Repository::open_ext(dir, RepositoryOpenFlags::NO_SEARCH, [] as [&OsStr; 0]).ok()
}
