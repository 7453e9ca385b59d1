//! What stands in a worktree, as git would commit it.
//!
//! A tracked file is tracked whatever an ignore rule says, and what a commit holds of a file is what `git add` would have put there.
//! Commands that a configuration names for filters are never run: where one would be, that is said.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, Index, ObjectType, Oid};

use super::content::index_entry;
use super::{Entry, Repo};
use crate::convert::{Attribute, Attributes, AutoCrlf, Pointer, Settings};
use crate::error::{Context, Result};
use crate::scope::{EXECUTABLE, FILE, Scope, UNNAMED, shown};

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
struct Walk<'a> {
    scope: &'a Scope,
    tracked: Tracked,
    /// Whether the file system knows which files are executable.
    modes: bool,
    found: Vec<Entry>,
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
pub(super) enum Same {
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
    pub fn entries(&self, scope: &Scope) -> Result<Vec<Entry>> {
        let tracked = self.tracked(scope)?;
        let modes = self.git.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true);
        let mut walk = Walk { scope, tracked, modes, found: vec![], room: scope.max_bytes };
        for path in &scope.editable {
            self.walk(path, &mut walk)?;
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
        let settings = self.line_endings();
        for (path, _, id) in self.files(self.tree_id(commit)?)? {
            let attributes = self.attributes(&path);
            let ident = || {
                let blob = self.git.find_blob(id).ok()?;
                blob.content().windows(3).any(|three| three == b"$Id").then(|| "ident".to_owned())
            };
            let foreign = attributes.foreign().or_else(|| attributes.ident.then(ident).flatten());
            let laid = || self.pointer(&path, id).is_some_and(|pointer| self.fetched(&pointer).is_some());
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
            let path = String::from_utf8_lossy(&entry.path).into_owned();
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

    fn walk(&self, path: &str, walk: &mut Walk) -> Result<()> {
        // One too many is refused by the scope: what comes after it need not be read.
        if walk.found.len() > walk.scope.max_files {
            return Ok(());
        }
        let full = self.root.join(path);
        let what = || format!("{path} was not read");
        let Ok(meta) = fs::symlink_metadata(&full) else { return Ok(()) };
        if !walk.tracked.holds(path)
            && (self.git.is_path_ignored(Path::new(path)).unwrap_or(false) || self.is_output(path, &meta))
        {
            return Ok(());
        }
        // What is locked is no entry: that it changed is seen where what lies outside is looked at.
        if !meta.is_dir() && walk.scope.lock(path).is_some() {
            return Ok(());
        }
        if !meta.is_dir() && !can_be_kept(path) {
            walk.found.push(Entry::whole(path, 0, vec![]));
            return Ok(());
        }
        let kind = meta.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&full).context(what())?;
            let content = target.into_os_string().into_encoded_bytes();
            walk.found.push(Entry::whole(path, 0o120_000, content));
        } else if kind.is_dir() {
            if fs::symlink_metadata(full.join(".git")).is_ok() {
                walk.found.push(Entry::whole(path, 0o160_000, vec![]));
                return Ok(());
            }
            let mut names: Vec<_> =
                fs::read_dir(&full).context(what())?.flatten().map(|e| e.file_name()).collect();
            names.sort();
            for name in names {
                let Some(text) = name.to_str() else {
                    let full = Path::new(path).join(&name);
                    let told = shown(full.as_os_str().as_bytes());
                    let ignored = self.git.is_path_ignored(&full).unwrap_or(false);
                    let ignored = ignored || is_bare_directory(&self.root.join(&full));
                    if !ignored && walk.scope.lock(&told).is_none() {
                        walk.found.push(Entry::whole(told, UNNAMED, vec![]));
                    }
                    continue;
                };
                self.walk(&format!("{path}/{text}"), walk)?;
            }
        } else if kind.is_file() {
            let known = walk.tracked.0.get(path).copied();
            let mode = match known.filter(|_| !walk.modes) {
                Some((mode, _)) => mode,
                None if walk.modes && meta.permissions().mode() & 0o111 != 0 => EXECUTABLE,
                None => FILE,
            };
            // What is beyond a limit is refused by the scope; its content need not be carried.
            if meta.len() > walk.scope.max_file_bytes || meta.len() > walk.room {
                let path = path.to_owned();
                walk.found.push(Entry { path, mode, bytes: meta.len(), content: vec![], foreign: None });
                return Ok(());
            }
            let content = fs::read(&full).context(what())?;
            walk.room -= (content.len() as u64).min(walk.room);
            let (content, foreign) = self.cleaned(path, &content, known.map(|(_, id)| id));
            let entry = Entry::whole(path, mode, content.into_owned());
            walk.found.push(Entry { foreign, ..entry });
        } else {
            walk.found.push(Entry::whole(path, 0, vec![]));
        }
        Ok(())
    }

    /// What a commit holds of a file with this content, `before` being the blob that git knows of it; and what git would do besides.
    pub(super) fn cleaned<'c>(
        &self,
        path: &str,
        content: &'c [u8],
        before: Option<Oid>,
    ) -> (Cow<'c, [u8]>, Option<String>) {
        if before.is_some() && Oid::hash_object(ObjectType::Blob, content).ok() == before {
            return (Cow::Borrowed(content), None);
        }
        let attributes = self.attributes(path);
        let blob = before.and_then(|id| self.git.find_blob(id).ok());
        let before = blob.as_ref().map(git2::Blob::content);
        let settings = self.line_endings();
        match before.filter(|before| {
            attributes.foreign().is_none() && *attributes.smudge(before, settings) == *content
        }) {
            // As it was checked out, which converting back need not lead back from: a commit may hold mixed endings.
            Some(before) => (Cow::Owned(before.to_vec()), None),
            None => (attributes.clean(content, settings.auto, before), attributes.foreign()),
        }
    }

    fn line_endings(&self) -> Settings {
        let read = |name: &str| {
            let text = self.git.config().and_then(|config| config.get_string(name)).unwrap_or_default();
            text.to_ascii_lowercase()
        };
        let auto = match read("core.autocrlf").as_str() {
            "input" => AutoCrlf::Input,
            "true" | "yes" | "on" | "1" => AutoCrlf::True,
            _ => AutoCrlf::False,
        };
        Settings { auto, crlf: read("core.eol") == "crlf" }
    }

    /// What `.gitattributes` says of a file that changes its content.
    pub(super) fn attributes(&self, path: &str) -> Attributes {
        let read = |name: &str| {
            let value = self.git.get_attr_bytes(Path::new(path), name, AttrCheckFlags::FILE_THEN_INDEX);
            match AttrValue::from_bytes(value.ok().flatten()) {
                AttrValue::True => Attribute::Set,
                AttrValue::False => Attribute::Unset,
                AttrValue::String(text) => Attribute::Value(text.to_owned()),
                AttrValue::Bytes(bytes) => Attribute::Value(String::from_utf8_lossy(bytes).into_owned()),
                AttrValue::Unspecified => Attribute::Unspecified,
            }
        };
        let value = |name: &str| match read(name) {
            Attribute::Value(value) => Some(value),
            _ => None,
        };
        // Without a command a filter does nothing, in git too.
        let works = |name: &String| {
            let Ok(config) = self.git.config() else { return true };
            ["clean", "smudge", "process"].iter().any(|kind| {
                config.get_string(&format!("filter.{name}.{kind}")).is_ok_and(|command| !command.is_empty())
            })
        };
        let plain = |name: &String| name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8");
        Attributes {
            text: read("text"),
            crlf: read("crlf"),
            eol: read("eol"),
            ident: read("ident") == Attribute::Set,
            filter: value("filter").filter(works),
            encoding: value("working-tree-encoding").filter(|name| !plain(name)),
        }
    }

    /// Whether the file at `path` is what a commit holds there, `mode` and `id`. libgit2 compares what it can convert; this is asked
    /// where it found a difference.
    pub(super) fn same(&self, path: &str, mode: u32, id: Oid) -> Same {
        let full = self.root.join(path);
        let Some(meta) = fs::symlink_metadata(&full).ok().filter(fs::Metadata::is_file) else {
            return Same::No;
        };
        if !matches!(mode, FILE | EXECUTABLE) {
            return Same::No;
        }
        let modes = self.git.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true);
        if modes && (meta.permissions().mode() & 0o111 != 0) != (mode == EXECUTABLE) {
            return Same::No;
        }
        let attributes = self.attributes(path);
        let foreign = attributes.foreign();
        if foreign.is_some() && self.index_vouches(path, mode, id, &meta) {
            return Same::Yes;
        }
        if Oid::hash_file(ObjectType::Blob, &full).ok() == Some(id) {
            return Same::Yes;
        }
        let Ok(blob) = self.git.find_blob(id) else { return Same::No };
        if let Some(pointer) = Pointer::read(blob.content()).filter(|_| attributes.filter.is_some()) {
            let same = meta.len() == pointer.bytes
                && crate::disk::sha256(&full).is_ok_and(|sha256| sha256 == pointer.sha256);
            return if same { Same::Yes } else { Same::No };
        }
        if let Some(foreign) = foreign {
            return Same::Unknown(foreign);
        }
        let Ok(content) = fs::read(&full) else { return Same::No };
        let settings = self.line_endings();
        if *attributes.smudge(blob.content(), settings) == *content {
            return Same::Yes;
        }
        let clean = attributes.clean(&content, settings.auto, Some(blob.content()));
        if Oid::hash_object(ObjectType::Blob, &clean).ok() == Some(id) { Same::Yes } else { Same::No }
    }

    /// What stands between the file at `path` and a comparison with HEAD, as `.gitattributes` names it; `None` where nothing does.
    pub fn uncompared(&self, path: &str) -> Option<String> {
        let tree = self.git.head().and_then(|head| head.peel_to_tree()).ok()?;
        let entry = tree.get_path(Path::new(path)).ok()?;
        match self.same(path, entry.filemode() as u32, entry.id()) {
            Same::Unknown(how) => Some(how),
            Same::Yes | Same::No => None,
        }
    }

    /// Whether git's index has seen this file as it is now, and found it to be `id`. An entry that git was told to overlook says
    /// nothing, and one that is younger than the index neither.
    fn index_vouches(&self, path: &str, mode: u32, id: Oid, meta: &fs::Metadata) -> bool {
        let Ok(mut index) = self.git.index() else { return false };
        if index.read(false).is_err() {
            return false;
        }
        let written = index.path().and_then(|path| fs::metadata(path).ok());
        let Some(entry) = index.get_path(Path::new(path), 0) else { return false };
        let overlooked = entry.flags & 0x8000 != 0 || entry.flags_extended & 0x4000 != 0;
        let at = |seconds: i32, nanoseconds: u32, real: (i64, i64)| {
            i64::from(seconds) == real.0 && (nanoseconds == 0 || i64::from(nanoseconds) == real.1)
        };
        let changed = (meta.mtime(), meta.mtime_nsec());
        let young = written.is_none_or(|written| changed > (written.mtime(), written.mtime_nsec()));
        !overlooked
            && !young
            && entry.id == id
            && entry.mode == mode
            && u64::from(entry.file_size) == meta.len() & 0xffff_ffff
            && at(entry.mtime.seconds(), entry.mtime.nanoseconds(), changed)
            && at(entry.ctime.seconds(), entry.ctime.nanoseconds(), (meta.ctime(), meta.ctime_nsec()))
    }
}

/// Whether git takes a file of this name at all: it refuses those that some system would read as `.git`.
/// Whether nothing but directories is at or below `path`: git keeps none of that.
fn is_bare_directory(path: &Path) -> bool {
    let mut dirs = vec![path.to_owned()];
    while let Some(dir) = dirs.pop() {
        if !fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_dir()) {
            return false;
        }
        let Ok(entries) = fs::read_dir(&dir) else { return false };
        dirs.extend(entries.flatten().map(|entry| entry.path()));
    }
    true
}

fn can_be_kept(path: &str) -> bool {
    Index::new().and_then(|mut index| index.add(&index_entry(path, FILE, Oid::ZERO_SHA1))).is_ok()
}
