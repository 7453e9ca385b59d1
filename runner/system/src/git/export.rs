//! From a tree of git's to a directory: as it is, links and submodules too.
//!
//! No link is followed, and no filter of the user's runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use git2::{Config, ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::Repo;
use super::differ::{SUBMODULE, nested};
use crate::beneath::{Dir, FileKind};
use crate::tree::{self, Digest, LINK};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::scope::{EXECUTABLE, FILE, Scope};

/// Submodules within submodules that are followed.
const DEEPEST: usize = 16;

/// What a tree holds, by path, submodules with their own content where they are there.
#[derive(Default)]
struct Items {
    /// Mode and object, with the number of the repository that has it.
    files: BTreeMap<PathBuf, (u32, Oid, usize)>,
    /// Directories that are there though nothing is in them: submodules that are not checked out.
    empty: BTreeSet<PathBuf>,
    /// Repositories of submodules.
    submodules: Vec<Repository>,
}

impl Items {
    fn content(&self, own: &Repository, path: &Path) -> Result<Vec<u8>> {
        let (_, id, of) = self.files[path];
        let git = of.checked_sub(1).map_or(own, |n| &self.submodules[n]);
        let blob = git.find_blob(id).context(format!("{} was not read", path.display()))?;
        Ok(blob.content().to_vec())
    }
}

impl Repo {
    /// Makes the directory `dir` hold exactly what `tree` holds: files, links as links, submodules at their commits, or as empty
    /// directories where they are not checked out. A file that already has the right content is left alone, so that a build tool sees
    /// only what changed; everything else goes.
    ///
    /// # Errors
    /// An object that cannot be read, or a disk that refuses.
    pub fn export(&self, tree: Oid, dir: &Path) -> Result<()> {
        let (items, view) = (self.items(tree)?, self.view()?);
        let what = |path: &Path| format!("{} was not exported to {}", path.display(), dir.display());
        let dirs = items.files.keys().chain(&items.empty).flat_map(|path| path.ancestors().skip(1)).collect();
        fs::create_dir_all(dir)
            .and_then(|()| remove_others(&Dir::open(dir)?, Path::new(""), &items, &dirs))
            .context(format!("{} was not cleared", dir.display()))?;
        for path in &items.empty {
            fs::create_dir_all(dir.join(path)).context(what(path))?;
        }
        let (mut links, mut files) = (vec![], vec![]);
        for (path, (mode, id, of)) in &items.files {
            if *mode == LINK { links.push(path) } else { files.push((path, *mode, *id, *of)) }
        }
        for (path, mode, id, of) in files {
            let full = dir.join(path);
            let fetched = of == 0 && self.lay_fetched(&view, &path.to_string_lossy(), id, &full)?;
            // The content itself is compared: what a build has altered in its tree must not survive.
            if !fetched && Oid::hash_file(ObjectType::Blob, &full).ok() != Some(id) {
                let _ = fs::remove_file(&full);
                fs::create_dir_all(full.parent().expect("below dir")).context(what(path))?;
                fs::write(&full, items.content(&self.git, path)?).context(what(path))?;
            }
            fs::set_permissions(&full, fs::Permissions::from_mode(mode & 0o777)).context(what(path))?;
        }
        // Last, so that nothing is written through one.
        for path in links {
            let (full, content) = (dir.join(path), items.content(&self.git, path)?);
            let target = Path::new(OsStr::from_bytes(&content));
            if fs::read_link(&full).ok().as_deref() != Some(target) {
                let _ = fs::remove_file(&full);
                fs::create_dir_all(full.parent().expect("below dir")).context(what(path))?;
                symlink(target, &full).context(what(path))?;
            }
        }
        Ok(())
    }

    /// What a directory that holds exactly `tree` comes to: see [`crate::tree::TreeSnapshot::digest`].
    ///
    /// # Errors
    /// When an object cannot be read.
    pub fn tree_digest(&self, tree: Oid) -> Result<String> {
        let (items, view) = (self.items(tree)?, self.view()?);
        let mut digest = Digest::default();
        for (path, (mode, id, of)) in &items.files {
            let pointer =
                || self.pointer(&view, &path.to_string_lossy(), *id).filter(|p| self.fetched(p).is_some());
            let hash = match (*of == 0 && *mode != LINK).then(pointer).flatten() {
                Some(pointer) => pointer.hash(),
                None => tree::hash(&items.content(&self.git, path)?),
            };
            let mode = if *mode == LINK { 0 } else { mode & 0o777 };
            digest.add(path, mode, &hash);
        }
        Ok(digest.end())
    }

    /// The files and links of a tree, those of submodules that are there among them.
    ///
    /// # Errors
    /// When an object cannot be read.
    pub fn paths(&self, tree: Oid) -> Result<Vec<PathBuf>> {
        Ok(self.items(tree)?.files.into_keys().collect())
    }

    /// The submodules of a tree: what those hold is not in this repository.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn submodules(&self, tree: Oid) -> Result<Vec<String>> {
        let files = self.files(tree)?.into_iter();
        Ok(files.filter(|(_, mode, _)| *mode == SUBMODULE).map(|(path, ..)| path).collect())
    }

    /// The links of a commit below the editable paths, and its submodules: those that stand in this worktree as they are there, and why the
    /// others may not be committed, one line each.
    ///
    /// # Errors
    /// When the worktree or the commit cannot be read.
    pub fn specials(&self, commit: Oid, scope: &Scope) -> Result<(BTreeSet<String>, Vec<String>)> {
        let files = self.files(self.tree_id(commit)?)?;
        let all: Vec<(String, u32, Oid)> = files
            .into_iter()
            .filter(|(path, mode, _)| *mode == SUBMODULE || *mode == LINK && scope.contains(path))
            .collect();
        if all.is_empty() {
            return Ok((BTreeSet::new(), vec![]));
        }
        // What is not clean in a submodule shows here alone.
        let changed = self.changed_from(&self.tree(commit)?)?;
        let named = |path: &str| {
            changed.iter().any(|other| {
                other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let moved = |(path, ..): &(String, u32, Oid)| named(path);
        let (moved, same): (Vec<_>, Vec<_>) = all.into_iter().partition(moved);
        let told = moved.into_iter().map(|(path, mode, _)| {
            let kind = if mode == LINK { "a symbolic link" } else { "a submodule" };
            format!("{path}: {kind} that was changed or removed")
        });
        Ok((same.into_iter().map(|(path, ..)| path).collect(), told.collect()))
    }

    fn items(&self, tree: Oid) -> Result<Items> {
        let mut items = Items::default();
        let (git, root) = (&self.git, self.main_root());
        collect(git, 0, tree, Path::new(""), Some(&root), 0, &mut items)?;
        // Git itself would write no such tree: then something is written through a link.
        let through = items
            .files
            .keys()
            .chain(&items.empty)
            .find(|path| path.ancestors().skip(1).any(|above| items.files.contains_key(above)));
        match through {
            Some(path) => Err(Error::new(format!("the tree {tree} was not exported"))
                .cause(format!("{} lies below what is no directory", path.display()))),
            None => Ok(items),
        }
    }
}

/// Takes in what `tree` of the repository with this number holds, below `prefix`. `root` is where it is checked out.
fn collect(
    git: &Repository,
    number: usize,
    tree: Oid,
    prefix: &Path,
    root: Option<&Path>,
    depth: usize,
    items: &mut Items,
) -> Result<()> {
    let what = "the tree was not read";
    let (mut submodules, mut strange) = (vec![], None);
    let tree = git.find_tree(tree).context(what)?;
    let walked = tree.walk(TreeWalkMode::PreOrder, |dir, entry| {
        let path = Path::new(OsStr::from_bytes(dir.as_bytes())).join(OsStr::from_bytes(entry.name_bytes()));
        if path.components().any(|part| !matches!(part, std::path::Component::Normal(name) if name != ".git"))
        {
            strange = Some(path);
            return TreeWalkResult::Abort;
        }
        // As git reads it: old trees have other bits.
        let mode = match entry.filemode() as u32 {
            0o040_000 => return TreeWalkResult::Ok,
            LINK => LINK,
            SUBMODULE => SUBMODULE,
            mode if mode & 0o111 != 0 => EXECUTABLE,
            _ => FILE,
        };
        match mode {
            SUBMODULE => submodules.push((path, entry.id())),
            mode => drop(items.files.insert(prefix.join(path), (mode, entry.id(), number))),
        }
        TreeWalkResult::Ok
    });
    if let Some(path) = strange {
        return Err(Error::new(what).cause(format!("it holds `{}`", path.display())));
    }
    walked.context(what)?;
    for (path, commit) in submodules {
        let within = root.map(|root| root.join(&path));
        let found =
            (depth < DEEPEST).then(|| submodule(git, &tree, &path, within.as_deref(), commit)).flatten();
        let Some((found, content)) = found else {
            items.empty.insert(prefix.join(path));
            continue;
        };
        let again = Repository::open_bare(found.path()).context(what)?;
        items.submodules.push(found);
        let number = items.submodules.len();
        collect(&again, number, content, &prefix.join(&path), within.as_deref(), depth + 1, items)?;
        if !items.files.keys().any(|file| file.starts_with(prefix.join(&path))) {
            items.empty.insert(prefix.join(path));
        }
    }
    Ok(())
}

/// The repository of the submodule at `path` that has `commit`, and the tree of that: where it is checked out, or below the `modules`
/// of the one that it belongs to.
fn submodule(
    git: &Repository,
    tree: &git2::Tree,
    path: &Path,
    checkout: Option<&Path>,
    commit: Oid,
) -> Option<(Repository, Oid)> {
    let name = named(git, tree, path);
    let kept = name.and_then(|name| Repository::open_bare(git.commondir().join("modules").join(name)).ok());
    let candidates = [kept, checkout.and_then(nested)];
    candidates.into_iter().flatten().find_map(|found| {
        let content = found.find_commit(commit).ok()?.tree_id();
        Some((found, content))
    })
}

/// The name that `.gitmodules` in `tree` gives the submodule at `path`.
fn named(git: &Repository, tree: &git2::Tree, path: &Path) -> Option<PathBuf> {
    let blob = git.find_blob(tree.get_name(".gitmodules")?.id()).ok()?;
    // libgit2 reads configuration from files alone.
    let file = tempfile::NamedTempFile::new().ok()?;
    fs::write(file.path(), blob.content()).ok()?;
    let config = Config::open(file.path()).ok()?;
    let mut entries = config.entries(Some("submodule\\..*\\.path")).ok()?;
    while let Some(Ok(entry)) = entries.next() {
        let (Ok(name), value) = (entry.name(), entry.value_bytes()) else { continue };
        if value == path.as_os_str().as_bytes() {
            let name = PathBuf::from(name.strip_prefix("submodule.")?.strip_suffix(".path")?);
            let plain = name.components().all(|part| matches!(part, std::path::Component::Normal(_)));
            return plain.then_some(name);
        }
    }
    None
}

/// Removes everything in `dir` that is not of the kind which `items` have there. `at` is where `dir` is in the tree.
fn remove_others(dir: &Dir, at: &Path, items: &Items, dirs: &BTreeSet<&Path>) -> io::Result<()> {
    for name in dir.list()? {
        let at = at.join(&name);
        let wanted = items.files.get(&at).map(|(mode, ..)| *mode);
        let fits = match dir.stat(&name).map(|meta| (meta.kind, meta.names)) {
            Some((FileKind::Dir, _)) if dirs.contains(&*at) || items.empty.contains(&at) => {
                // A build may close a directory to its own user.
                remove_others(&dir.put_dir(&name)?, &at, items, dirs)?;
                true
            }
            Some((FileKind::File, names)) => names == 1 && wanted.is_some_and(|mode| mode != LINK),
            Some((FileKind::Link, _)) => wanted == Some(LINK),
            _ => false,
        };
        if !fits {
            dir.remove(&name)?;
        }
    }
    Ok(())
}
