//! A worktree as it is read: by descriptors, whatever somebody has put there, and whatever he puts there meanwhile.
//!
//! libgit2 opens paths, which may lead elsewhere or never come back by the time that they are opened. So it is asked here about names
//! and contents alone: what `.gitignore` and `.gitattributes` say it reads from copies of them, in a directory of piton's own.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, AttrValue, ObjectType, Oid, Repository};
use tempfile::TempDir;

use super::Repo;
use super::work::MatchesCommit;
use crate::beneath::{Dir, FileKind, Meta};
use crate::git::convert::{Attribute, Attributes, AutoCrlf, EolSettings, Pointer};
use crate::tree;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::{EXECUTABLE, FILE};

/// The files by which a tree says how git treats it.
const RULES: [&str; 2] = [".gitignore", ".gitattributes"];
/// Largest of them that is heeded, in bytes.
const MOST_RULES: u64 = 1 << 20;
/// Longest path that git is asked about, in bytes.
const LONGEST: usize = 3500;
/// Files up to this size are held whole to be compared.
const WHOLE: u64 = 64 << 20;

/// What a file of rules holds where it is not read from the worktree: `None` for one that is, `Some(None)` for none.
pub(super) type RulesSource<'a> = Box<dyn Fn(&Path) -> Option<Option<Vec<u8>>> + 'a>;

/// A worktree that is being read.
pub(super) struct WorktreeView<'a> {
    /// The repository that it belongs to.
    pub git: &'a Repository,
    /// Its root.
    pub root: Dir,
    /// Where that is.
    pub place: PathBuf,
    /// Whether the file system knows which files are executable.
    pub modes: bool,
    /// Whose outputs do not count; none for a submodule.
    pub repo: Option<&'a Repo>,
    held: Option<RulesSource<'a>>,
    rules: OnceCell<Rules>,
}

/// The rules of a worktree, copied.
struct Rules {
    git: Repository,
    shadow: TempDir,
    /// The directories whose rules have been copied.
    copied: RefCell<BTreeSet<PathBuf>>,
}

impl Repo {
    /// This worktree, to be read.
    pub(super) fn view(&self) -> Result<WorktreeView<'_>> {
        Ok(WorktreeView { repo: Some(self), ..WorktreeView::of(&self.git, &self.root)? })
    }

    /// Whether this is a worktree that piton made for its own use.
    pub(super) fn is_own(&self) -> bool {
        let name = self.git.path().file_name().unwrap_or_default();
        self.git.is_worktree() && name.as_bytes().starts_with(b"piton-")
    }
}

impl<'a> WorktreeView<'a> {
    pub fn of(git: &'a Repository, root: &Path) -> Result<Self> {
        let place = root.to_owned();
        let root = Dir::open_across(root).context("the worktree was not read")?;
        let modes = git.config().and_then(|config| config.get_bool("core.filemode")).unwrap_or(true);
        Ok(Self { git, root, place, modes, repo: None, held: None, rules: OnceCell::new() })
    }

    /// The same with some files of rules as `held` says.
    pub(crate) fn with_rules(self, held: RulesSource<'a>) -> Self {
        Self { held: Some(held), ..self }
    }

    /// Whether piton's own output goes to this file.
    pub(crate) fn is_output(&self, dir: &Dir, name: &OsStr, path: &Path) -> bool {
        let Some(repo) = self.repo.filter(|repo| repo.has_outputs()) else { return false };
        let meta = dir.file(name).and_then(|(file, _)| file.metadata());
        meta.is_ok_and(|meta| repo.is_output(&path.to_string_lossy(), &meta))
    }

    fn rules(&self) -> Result<&Rules> {
        if self.rules.get().is_none() {
            let what = "what git ignores was not read";
            let shadow = tempfile::Builder::new().prefix("piton-rules-").tempdir().context(what)?;
            let git = Repository::open(self.git.path()).context(what)?;
            git.set_workdir(shadow.path(), false).context(what)?;
            let _ = self.rules.set(Rules { git, shadow, copied: RefCell::default() });
        }
        Ok(self.rules.get().expect("set above"))
    }

    /// Copies the rules that hold in the directory at `path`: its own, and those of the directories above it.
    fn copy_rules(&self, path: &Path) -> Result<&Rules> {
        let rules = self.rules()?;
        let what = "what git ignores was not read";
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for dir in above {
            if !rules.copied.borrow_mut().insert(dir.to_owned()) {
                continue;
            }
            for name in RULES {
                if let Some(content) = self.rule(dir, name) {
                    let place = rules.shadow.path().join(dir);
                    fs::create_dir_all(&place).context(what)?;
                    fs::write(place.join(name), content).context(what)?;
                }
            }
        }
        Ok(rules)
    }

    /// What a file of rules says. As in git, one that is no plain file says nothing.
    fn rule(&self, dir: &Path, name: &str) -> Option<Vec<u8>> {
        if let Some(held) = self.held.as_ref().and_then(|held| held(&dir.join(name))) {
            return held;
        }
        self.root
            .descend(dir)
            .and_then(|dir| dir.read(name.as_ref(), MOST_RULES))
            .ok()
            .map(|(content, _)| content)
    }

    /// Whether git ignores what is not tracked at `path`.
    pub fn ignores(&self, path: &Path, dir: bool) -> Result<bool> {
        if path.as_os_str().len() > LONGEST {
            return Ok(false);
        }
        let rules = self.copy_rules(path.parent().unwrap_or(Path::new("")))?;
        let asked = if dir { path.join("") } else { path.to_owned() };
        Ok(rules.git.is_path_ignored(asked).unwrap_or(false))
    }

    /// What `.gitattributes` says of a file that changes its content.
    pub fn attributes(&self, path: &Path) -> Attributes {
        let Ok(rules) = self.copy_rules(path.parent().unwrap_or(Path::new(""))) else {
            return Attributes::default();
        };
        let read = |name: &str| {
            let value = rules.git.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX);
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

    /// What this repository's configuration says of line endings.
    pub(crate) fn line_endings(&self) -> EolSettings {
        let read = |name: &str| {
            let text = self.git.config().and_then(|config| config.get_string(name)).unwrap_or_default();
            text.to_ascii_lowercase()
        };
        let auto = match read("core.autocrlf").as_str() {
            "input" => AutoCrlf::Input,
            "true" | "yes" | "on" | "1" => AutoCrlf::True,
            _ => AutoCrlf::False,
        };
        EolSettings { auto, crlf: read("core.eol") == "crlf" }
    }

    /// What a commit holds of a file with this content, `before` being the blob that git knows of it; and what git would do besides.
    pub fn cleaned<'c>(
        &self,
        path: &Path,
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

    /// Whether the file under a name is what a commit holds at `path`: `mode` and `id`.
    pub fn same(&self, (dir, name): (&Dir, &OsStr), path: &Path, mode: u32, id: Oid) -> MatchesCommit {
        let Some((file, meta)) = dir.file(name).ok().filter(|_| matches!(mode, FILE | EXECUTABLE)) else {
            return MatchesCommit::No;
        };
        if self.modes && (meta.mode & 0o111 != 0) != (mode == EXECUTABLE) {
            return MatchesCommit::No;
        }
        let held = self.git.odb().and_then(|odb| odb.read_header(id)).map_or(0, |(bytes, _)| bytes as u64);
        let whole = (meta.bytes <= WHOLE).then(|| dir.read(name, WHOLE).ok()).flatten().map(|read| read.0);
        let hash = || match &whole {
            Some(content) => Oid::hash_object(ObjectType::Blob, content).ok(),
            // By its descriptor: the name may be another file's by now.
            None => Oid::hash_file(ObjectType::Blob, format!("/dev/fd/{}", file.as_raw_fd())).ok(),
        };
        if meta.bytes == held && hash() == Some(id) {
            return MatchesCommit::Yes;
        }
        let attributes = self.attributes(path);
        let foreign = attributes.foreign();
        if foreign.is_some() && self.index_vouches(path, mode, id, &meta) {
            return MatchesCommit::Yes;
        }
        let Ok(blob) = self.git.find_blob(id) else { return MatchesCommit::No };
        if let Some(pointer) = Pointer::read(blob.content()).filter(|_| attributes.filter.is_some()) {
            let same =
                meta.bytes == pointer.bytes && tree::hash_open(file).is_ok_and(|hash| hash == pointer.hash());
            return if same { MatchesCommit::Yes } else { MatchesCommit::No };
        }
        if let Some(foreign) = foreign {
            return MatchesCommit::Unknown(foreign);
        }
        let Some(content) = whole else { return MatchesCommit::No };
        let settings = self.line_endings();
        if *attributes.smudge(blob.content(), settings) == *content {
            return MatchesCommit::Yes;
        }
        let clean = attributes.clean(&content, settings.auto, Some(blob.content()));
        if Oid::hash_object(ObjectType::Blob, &clean).ok() == Some(id) {
            MatchesCommit::Yes
        } else {
            MatchesCommit::No
        }
    }

    /// What a checkout lays at `path` where a commit holds the blob `id`: line endings and `$Id$`; a command that a filter names is
    /// never run.
    pub fn laid(&self, path: &Path, id: Oid) -> Result<Vec<u8>> {
        let blob = self.git.find_blob(id).context(format!("{} was not read", path.display()))?;
        let attributes = self.attributes(path);
        let content = attributes.smudge(blob.content(), self.line_endings());
        Ok(attributes.named(&content, &id.to_string()).into_owned())
    }

    /// Whether git's index has seen this file as it is now, and found it to be `id`. An entry that git was told to overlook says
    /// nothing, and one that is younger than the index neither.
    fn index_vouches(&self, path: &Path, mode: u32, id: Oid, meta: &Meta) -> bool {
        let Ok(mut index) = self.git.index() else { return false };
        if index.read(false).is_err() {
            return false;
        }
        let written = index.path().and_then(|path| {
            let (dir, name) = (Dir::open(path.parent()?).ok()?, path.file_name()?);
            dir.stat(name).filter(|meta| meta.kind == FileKind::File)
        });
        let Some(entry) = index.get_path(path, 0) else { return false };
        let overlooked = entry.flags & 0x8000 != 0 || entry.flags_extended & 0x4000 != 0;
        let at = |seconds: i32, nanoseconds: u32, real: (i64, i64)| {
            i64::from(seconds) == real.0 && (nanoseconds == 0 || i64::from(nanoseconds) == real.1)
        };
        let young = written.is_none_or(|written| meta.modified > written.modified);
        !overlooked
            && !young
            && entry.id == id
            && entry.mode == mode
            && u64::from(entry.file_size) == meta.bytes & 0xffff_ffff
            && at(entry.mtime.seconds(), entry.mtime.nanoseconds(), meta.modified)
            && at(entry.ctime.seconds(), entry.ctime.nanoseconds(), meta.changed)
    }
}
