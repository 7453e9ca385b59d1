//! What stands in a worktree, as git would commit it.
//!
//! A tracked file is tracked whatever an ignore rule says, and what a commit holds of a file is what `git add` would have put there.
//! Commands that a configuration names for filters are never run: where one would be, that is said.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Index, Oid};

use super::content::index_entry;
use super::view::WorktreeView;
use super::{Repo, TreeEntry};
use crate::beneath::{self, DEEPEST, Dir, FileKind, Meta};
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::{EXECUTABLE, FILE, Scope, UNNAMED, shown};

/// The files that git tracks below some paths: those of HEAD, and of the index.
struct Tracked(BTreeMap<String, (u32, Oid)>);

impl Tracked {
    fn holds(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.0.contains_key(path)
            || self.0.range(below.clone()..).next().is_some_and(|(found, _)| found.starts_with(&below))
    }
}

/// A walk through the editable files.
struct WorktreeWalk<'a> {
    scope: &'a Scope,
    tracked: Tracked,
    view: &'a WorktreeView<'a>,
    found: Vec<TreeEntry>,
    /// Bytes that may still be read.
    room: u64,
}

/// A file that lies otherwise in a checkout than in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// Relative to the root.
    pub path: String,
    /// By which attribute or setting, e.g. `filter=lfs`.
    pub how: String,
    /// Whether piton can make of an edit of it what git would.
    pub applied: bool,
    /// Whether it is measured as the commit holds it, and not as it lies in a checkout.
    pub as_held: bool,
}

/// Whether a file of a worktree is what a commit holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MatchesCommit {
    Yes,
    No,
    /// It takes a command that piton does not run, named as `.gitattributes` names it.
    Unknown(String),
}

impl Repo {
    /// The files below the editable paths of this worktree as git would commit them, sorted by path. Ignored ones are left out,
    /// unless they are tracked.
    ///
    /// # Errors
    /// When a directory or a file cannot be read.
    pub fn entries(&self, scope: &Scope) -> Result<Vec<TreeEntry>> {
        let (tracked, view) = (self.tracked(scope)?, self.view()?);
        let mut walk = WorktreeWalk { scope, tracked, view: &view, found: vec![], room: scope.max_bytes };
        for path in scope.editable.iter().map(Path::new) {
            let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { continue };
            // What lies behind a link is not there: that the link is, shows where what lies outside is looked at.
            if let Ok(dir) = view.root.descend(above) {
                walk.take(&dir, name, path)?;
            }
        }
        let mut found = walk.found;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|a, b| a.path == b.path);
        Ok(found)
    }

    /// What a commit holds below the editable paths: path, mode and size in bytes.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn held(&self, commit: Oid, scope: &Scope) -> Result<Vec<(String, u32, u64)>> {
        let odb = self.git.odb().context("what a commit holds was not read")?;
        let unnamed = self.unnamed(commit)?;
        let files = self.files(self.tree_id(commit)?)?.into_iter().filter(|(path, ..)| scope.contains(path));
        let sized = files.map(|(path, mode, id)| {
            let bytes = odb.read_header(id).map_or(0, |(bytes, _)| bytes as u64);
            let mode = if unnamed.contains(&path) { UNNAMED } else { mode };
            (path, mode, bytes)
        });
        Ok(sized.collect())
    }

    /// The files of a commit of which the name is not UTF-8, as [`shown`] has them.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn unnamed(&self, commit: Oid) -> Result<Vec<String>> {
        let what = "what a commit holds was not read";
        let mut index = Index::new().context(what)?;
        index.read_tree(&self.tree(commit)?).context(what)?;
        let unnamed = index.iter().filter(|entry| std::str::from_utf8(&entry.path).is_err());
        Ok(unnamed.map(|entry| shown(&entry.path)).collect())
    }

    /// The files of a commit that git changes on their way out in a manner that piton does not, and those that lie otherwise in a
    /// checkout than they are measured; each with its attribute.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn converted(&self, commit: Oid) -> Result<Vec<Converted>> {
        let mut converted = vec![];
        let view = self.view()?;
        let settings = view.line_endings();
        for (path, _, id) in self.files(self.tree_id(commit)?)? {
            let attributes = view.attributes(Path::new(&path));
            let ident = || {
                let blob = self.git.find_blob(id).ok()?;
                blob.content().windows(3).any(|three| three == b"$Id").then(|| "ident".to_owned())
            };
            let foreign = attributes.foreign().or_else(|| attributes.ident.then(ident).flatten());
            let laid =
                || self.pointer(&view, &path, id).is_some_and(|pointer| self.fetched(&pointer).is_some());
            let how = foreign.clone().or_else(|| attributes.smudges(settings).map(str::to_owned));
            let (applied, as_held) = (foreign.is_none(), foreign.is_none() || !laid());
            converted.extend(how.map(|how| Converted { path, how, applied, as_held }));
        }
        Ok(converted)
    }

    fn tracked(&self, scope: &Scope) -> Result<Tracked> {
        let what = "what git tracks was not read";
        let mut tracked = BTreeMap::new();
        let mut index = self.git.index().context(what)?;
        index.read(false).context(what)?;
        for entry in index.iter() {
            let path = shown(&entry.path);
            if scope.contains(&path) {
                tracked.insert(path, (entry.mode, entry.id));
            }
        }
        // Over it what is committed: an index can be told to forget a file.
        if let Ok(tree) = self.git.head().and_then(|head| head.peel_to_tree()) {
            for (path, mode, id) in self.files(tree.id())? {
                if scope.contains(&path) {
                    tracked.insert(path, (mode, id));
                }
            }
        }
        Ok(Tracked(tracked))
    }

    /// What stands between the file at `path` and a comparison with HEAD, as `.gitattributes` names it; `None` where nothing does.
    pub fn uncompared(&self, path: &str) -> Option<String> {
        let tree = self.git.head().and_then(|head| head.peel_to_tree()).ok()?;
        let (view, path) = (self.view().ok()?, Path::new(path));
        let entry = tree.get_path(path).ok()?;
        let dir = view.root.descend(path.parent()?).ok()?;
        match view.same((&dir, path.file_name()?), path, entry.filemode() as u32, entry.id()) {
            MatchesCommit::Unknown(how) => Some(how),
            MatchesCommit::Yes | MatchesCommit::No => None,
        }
    }
}

impl WorktreeWalk<'_> {
    /// Takes in what stands under a name of `dir`, which is at `path` in the worktree.
    fn take(&mut self, dir: &Dir, name: &OsStr, path: &Path) -> Result<()> {
        // One too many is refused by the scope: what comes after it need not be read.
        if self.found.len() > self.scope.max_files {
            return Ok(());
        }
        let Some(text) = path.to_str() else {
            let told = shown(path.as_os_str().as_bytes());
            let is_dir = dir.stat(name).is_some_and(|meta| meta.kind == FileKind::Dir);
            let ignored = self.view.ignores(path, is_dir)? || is_bare_directory(dir, name, DEEPEST);
            if !ignored && self.scope.lock(&told).is_none() {
                self.found.push(TreeEntry::whole(told, UNNAMED, vec![]));
            }
            return Ok(());
        };
        let Some(meta) = dir.stat(name) else {
            if dir.may_hide(name) {
                self.found.push(TreeEntry::whole(text, 0, vec![]));
            }
            return Ok(());
        };
        let is_dir = meta.kind == FileKind::Dir;
        if !self.tracked.holds(text)
            && (beneath::is_temporary(name)
                || self.view.ignores(path, is_dir)?
                || self.view.is_output(dir, name, path))
        {
            return Ok(());
        }
        // What is locked is no entry: that it changed is seen where what lies outside is looked at.
        if !is_dir && self.scope.lock(text).is_some() {
            return Ok(());
        }
        if !is_dir && !can_be_kept(text) {
            self.found.push(TreeEntry::whole(text, 0, vec![]));
            return Ok(());
        }
        match meta.kind {
            FileKind::Link => match dir.target(name) {
                Ok(target) => self.found.push(TreeEntry::whole(text, 0o120_000, target)),
                Err(_) => self.found.push(TreeEntry::whole(text, 0, vec![])),
            },
            FileKind::Dir => {
                let below = dir.enter(name).and_then(|below| Ok((below.list()?, below)));
                let Some((names, below)) = below.ok().filter(|_| path.components().count() <= DEEPEST) else {
                    self.found.push(TreeEntry::whole(text, 0, vec![]));
                    return Ok(());
                };
                if below.stat(OsStr::new(".git")).is_some() {
                    self.found.push(TreeEntry::whole(text, 0o160_000, vec![]));
                    return Ok(());
                }
                for name in names {
                    self.take(&below, &name, &path.join(&name))?;
                }
            }
            FileKind::File => match self.file(dir, name, text, &meta) {
                Ok(entry) => self.found.push(entry),
                // What cannot be read, or became something else meanwhile, is nothing that git could keep.
                Err(_) => self.found.push(TreeEntry::whole(text, 0, vec![])),
            },
            FileKind::Other => self.found.push(TreeEntry::whole(text, 0, vec![])),
        }
        Ok(())
    }

    fn file(&mut self, dir: &Dir, name: &OsStr, path: &str, meta: &Meta) -> io::Result<TreeEntry> {
        let known = self.tracked.0.get(path).copied();
        let mode = match known.filter(|_| !self.view.modes) {
            Some((mode, _)) => mode,
            None if self.view.modes && meta.mode & 0o111 != 0 => EXECUTABLE,
            None => FILE,
        };
        // What is beyond a limit is refused by the scope; its content need not be carried.
        let beyond = |bytes| TreeEntry { path: path.to_owned(), mode, bytes, content: vec![], foreign: None };
        let most = self.scope.max_file_bytes.min(self.room);
        if meta.bytes > most {
            return Ok(beyond(meta.bytes));
        }
        let content = match dir.read(name, most) {
            Ok((content, _)) => content,
            // It grew while it was read.
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => return Ok(beyond(most + 1)),
            Err(e) => return Err(e),
        };
        self.room -= (content.len() as u64).min(self.room);
        let (content, foreign) = self.view.cleaned(Path::new(path), &content, known.map(|(_, id)| id));
        let entry = TreeEntry::whole(path, mode, content.into_owned());
        Ok(TreeEntry { foreign, ..entry })
    }
}

/// Whether nothing but directories is at or below a name: git keeps none of that.
fn is_bare_directory(dir: &Dir, name: &OsStr, deep: usize) -> bool {
    let Ok(below) = dir.enter(name) else { return false };
    deep > 0
        && below.list().is_ok_and(|names| names.iter().all(|name| is_bare_directory(&below, name, deep - 1)))
}

/// Whether git takes a file of this name at all: it refuses those that some system would read as `.git`.
fn can_be_kept(path: &str) -> bool {
    Index::new().and_then(|mut index| index.add(&index_entry(path, FILE, Oid::ZERO_SHA1))).is_ok()
}
