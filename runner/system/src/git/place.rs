//! Where things stand: which of a repository's checkouts is the user's, and in which of its directories an experiment lies.

use std::fs;
use std::path::{Path, PathBuf};

use git2::Repository;

use super::Repo;
use crate::config;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope;

/// What stands in the path of every worktree that piton makes.
const OWN: &str = "/.piton/work/";

/// Where piton's files of one experiment go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Git's name of the linked worktree; absent for the repository's own checkout.
    pub worktree: Option<String>,
    /// The directory of the experiment there; empty for the root.
    pub within: String,
}

impl Repo {
    /// The root of the user's checkout that this is seen from: this worktree, or, from one of piton's own, the one that it belongs to.
    pub fn main_root(&self) -> PathBuf {
        self.checkout(self.linked().as_deref())
    }

    /// Git's name of the user's linked worktree that this is seen from; `None` in a repository's own checkout.
    pub fn linked(&self) -> Option<String> {
        if !self.git.is_worktree() {
            return None;
        }
        if let Some(user) = self.container() {
            return user.linked();
        }
        self.git.path().file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// The user's checkout that holds this worktree, where it is one of piton's own.
    fn container(&self) -> Option<Self> {
        let root = self.root.to_string_lossy();
        let (user, _) = root.trim_end_matches('/').rsplit_once(OWN)?;
        let name = self.git.path().file_name()?.to_string_lossy().into_owned();
        if !name.starts_with("piton-") {
            return None;
        }
        let user = Self::open(Path::new(user)).ok()?;
        (user.root != self.root).then_some(user)
    }

    /// The root of a checkout: of the linked worktree of this name, or of the repository's own. Where that is gone, or there is none,
    /// as in a bare repository, that of the user's checkout that this is seen from.
    pub fn checkout(&self, worktree: Option<&str>) -> PathBuf {
        let linked = worktree.and_then(|name| self.git.find_worktree(name).ok());
        let linked = linked.map(|found| found.path().to_owned()).filter(|path| path.join(".git").exists());
        let here = || self.container().map_or_else(|| self.root.clone(), |user| user.root);
        linked.or_else(|| self.own_checkout()).unwrap_or_else(here)
    }

    /// Where else than here, and than in the worktree `own`, a branch is checked out.
    pub fn checked_out(&self, branch: &str, own: &str) -> Option<PathBuf> {
        let name = format!("refs/heads/{branch}");
        let linked = self.git.worktrees().ok()?;
        let linked = linked.iter().flatten().flatten().filter(|name| *name != own);
        let linked = linked.filter_map(|name| Some(self.git.find_worktree(name).ok()?.path().to_owned()));
        let others = linked.chain(self.own_checkout()).filter_map(|path| Self::open(&path).ok());
        others.filter(|other| other.root != self.root && other.head_is(&name)).map(|other| other.root).next()
    }

    fn own_checkout(&self) -> Option<PathBuf> {
        if !self.git.is_worktree() {
            return Some(self.root.clone());
        }
        let main = Repository::open(self.git.commondir()).ok()?;
        let root = main.workdir().filter(|_| !main.is_bare())?;
        // Of a `.git` that lies apart from its checkout nothing says where that is, and a guess is another project's.
        let back = Repository::open(root).ok()?;
        let same = |path: &Path| fs::canonicalize(path).ok();
        (same(back.path()) == same(self.git.commondir())).then(|| root.to_owned())
    }

    /// Where the files of an experiment that is seen from here go.
    pub fn site(&self) -> Site {
        Site { worktree: self.linked(), within: self.within.clone().unwrap_or_default() }
    }

    /// The site that serves for one of which the checkout is gone: where the user is.
    pub fn present(&self, site: Site) -> Site {
        let there = match &site.worktree {
            Some(name) => self.git.find_worktree(name).is_ok_and(|found| found.path().join(".git").exists()),
            None => self.own_checkout().is_some(),
        };
        if there { site } else { Site { worktree: self.linked(), ..site } }
    }

    /// The directory of a site.
    pub fn directory(&self, site: &Site) -> PathBuf {
        scope::below(&self.checkout(site.worktree.as_deref()), &site.within)
    }

    /// The directory of the experiment that was found upwards from where the user stands, relative to the root and empty for that;
    /// `None` where there is none.
    pub fn within(&self) -> Option<&str> {
        self.within.as_deref()
    }

    /// The same repository, seen from the experiment in the directory `within`.
    pub fn at(mut self, within: Option<&str>) -> Self {
        self.within = within.map(str::to_owned);
        self
    }

    /// The directory nearest above `dir` that has an experiment, committed or not.
    pub(super) fn experiment_above(git: &Repository, root: &Path, dir: &Path) -> Option<String> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let dir = real(dir).strip_prefix(real(root)).map(Path::to_path_buf).unwrap_or_default();
        let tree = git.head().and_then(|head| head.peel_to_tree()).ok();
        let here = |dir: &&Path| {
            let file = dir.join(config::FILE);
            root.join(&file).is_file() || tree.as_ref().is_some_and(|tree| tree.get_path(&file).is_ok())
        };
        dir.ancestors().find(here).and_then(|dir| dir.to_str().map(str::to_owned))
    }

    /// The directories of all experiments that a commit holds, the root among them as an empty name.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn experiments(&self, commit: git2::Oid) -> Result<Vec<String>> {
        let files = self.files(self.tree_id(commit)?).context("the experiments were not found")?;
        let dir = |path: &str| match path.strip_suffix(config::FILE)? {
            "" => Some(String::new()),
            dir => dir.strip_suffix('/').map(str::to_owned),
        };
        Ok(files.iter().filter_map(|(path, ..)| dir(path)).collect())
    }

    /// Whether git tracks the file at `path`, in HEAD or in the index.
    pub fn tracks(&self, path: &str) -> bool {
        let path = Path::new(path);
        let tree = self.git.head().and_then(|head| head.peel_to_tree());
        let listed = || self.git.index().is_ok_and(|index| index.get_path(path, 0).is_some());
        tree.is_ok_and(|tree| tree.get_path(path).is_ok()) || listed()
    }
}
