//! Where a side lies while it is measured: at one path for both sides, a copy that says nothing of when it was built.
//!
//! A side that knew which one it is could be slow as the incumbent and fast as the challenger. So neither path, times, inodes nor links of what
//! a sample sees tell that: each gets a copy that was made for it, by piton, after the sample before has ended.

use std::fs;
use std::path::PathBuf;

use crate::build::Built;
use piton_core::base::error::{Context, Result};
use piton_system::config::Laid;
use piton_system::sandbox;
use piton_system::state_home::Place;
use piton_system::tree;

const WHAT: &str = "no sample was taken: its side was not laid";

/// A side that is laid for one sample.
pub(crate) struct LaidSide {
    /// What holds it, and nothing else.
    pub scratch: PathBuf,
    /// Its tree: the root of the repository.
    pub tree: PathBuf,
    /// Its artifact, where there is one.
    pub artifact: Option<PathBuf>,
    /// The sample may write in the tree: it is what is measured, and a copy.
    writes: bool,
    /// Where the tree goes back to, where it is no copy.
    back: Option<PathBuf>,
}

impl LaidSide {
    /// Lays `side` where every side lies.
    pub fn lay(place: &Place, side: &Built, laid: Laid) -> Result<Self> {
        Self::lay_in(place.scratch()?, side, laid)
    }

    /// Lays `side` in a directory of its own.
    pub fn lay_in(scratch: PathBuf, side: &Built, laid: Laid) -> Result<Self> {
        sandbox::private(&scratch)?;
        let tree = scratch.join("tree");
        let artifact = side.artifact.as_ref().map(|artifact| {
            let dir = scratch.join("artifact");
            let copy = dir.join(artifact.file_name().unwrap_or_default());
            let made = fs::create_dir(&dir).and_then(|()| tree::copy_file(artifact, &copy));
            made.and_then(|()| tree::set_time(&dir)).map(|()| copy)
        });
        let artifact = artifact.transpose().context(WHAT)?;
        let back = (laid == Laid::ReadOnly).then(|| side.tree.clone());
        match &back {
            Some(from) => fs::rename(from, &tree),
            None => tree::copy(&side.tree, &tree),
        }
        .context(WHAT)?;
        tree::set_time(&scratch).context(WHAT)?;
        let writes = artifact.is_none() && back.is_none();
        Ok(Self { scratch, tree, artifact, writes, back })
    }

    /// What its sample may write.
    pub fn writable(&self) -> Option<&PathBuf> {
        self.writes.then_some(&self.tree)
    }

    /// Removes it after its sample.
    pub fn clear(self) -> Result<()> {
        if let Some(back) = &self.back {
            fs::rename(&self.tree, back).context("a tree that was measured was not moved back")?;
        }
        sandbox::private(&self.scratch)
    }
}
