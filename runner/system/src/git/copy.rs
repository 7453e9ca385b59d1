//! A repository seen as a whole: copied, or listed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use git2::Repository;
use git2::build::{CloneLocal, RepoBuilder};

use super::Repo;
use piton_core::base::error::{Context, Result};

impl Repo {
    /// A clone of this repository at `dir` with HEAD's commit on a branch `branch`, checked out. It shares no file with this
    /// one and does not know where it came from.
    ///
    /// # Errors
    /// When git refuses or the disk is full.
    pub fn copy(&self, dir: &Path, branch: &str) -> Result<Self> {
        let what = || format!("the repository was not copied to {}", dir.display());
        let head = self.head()?;
        let from = self.git.commondir().to_string_lossy().into_owned();
        let clone = || -> std::result::Result<Repository, git2::Error> {
            let mut options = git2::build::CheckoutBuilder::new();
            options.dry_run();
            let git = RepoBuilder::new()
                .clone_local(CloneLocal::NoLinks)
                .with_checkout(options)
                .clone(&from, dir)?;
            // Detached first: the branch may be the one that HEAD is on already.
            git.set_head_detached(head.commit)?;
            git.branch(branch, &git.find_commit(head.commit)?, true)?;
            git.set_head(&format!("refs/heads/{branch}"))?;
            git.checkout_head(Some(git2::build::CheckoutBuilder::new().force()))?;
            git.remote_delete("origin")?;
            Ok(git)
        };
        clone().context(what())?;
        Ok(Self::open(dir)?.at(self.within()))
    }

    /// Every ref with what it points at, HEAD among them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn refs(&self) -> Result<BTreeMap<String, String>> {
        let what = "the refs were not read";
        let mut refs = BTreeMap::new();
        for reference in self.git.references().context(what)? {
            let reference = reference.context(what)?;
            let target = match reference.target() {
                Some(id) => id.to_string(),
                None => String::from_utf8_lossy(reference.symbolic_target_bytes().unwrap_or_default())
                    .into_owned(),
            };
            refs.insert(String::from_utf8_lossy(reference.name_bytes()).into_owned(), target);
        }
        let head = fs::read_to_string(self.git.commondir().join("HEAD")).context(what)?;
        refs.insert("HEAD".to_owned(), head.trim().to_owned());
        Ok(refs)
    }

    /// What git obeys in this repository besides refs: its configuration, hooks, grafts and stale locks, as text by path.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn orders(&self) -> Result<BTreeMap<String, String>> {
        let mut orders = BTreeMap::new();
        for place in ["", "hooks", "info", "refs/heads", "refs/heads/piton", "objects/info"] {
            let Ok(found) = fs::read_dir(self.git.commondir().join(place)) else { continue };
            for entry in found.flatten().filter(|entry| entry.path().is_file()) {
                let name = format!("{place}/{}", entry.file_name().to_string_lossy());
                let passing = ["/index", "/FETCH_HEAD", "/ORIG_HEAD", "/packed-refs", "/HEAD"];
                if place.starts_with("refs") && !name.ends_with(".lock") || passing.contains(&name.as_str()) {
                    continue;
                }
                let text = fs::read(entry.path()).context("what git obeys was not read")?;
                orders.insert(name, String::from_utf8_lossy(&text).into_owned());
            }
        }
        Ok(orders)
    }
}
