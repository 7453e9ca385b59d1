//! The copy of a repository in which the attacks take place.

use std::fs;
use std::path::Path;

use crate::error::{Context, Result};
use crate::git::Repo;

/// What was built there before, relative to the copy's state, and need not be built again.
const CACHES: [&str; 3] = ["sealed/target", "slots/a/target", "slots/b/target"];

/// A fresh clone of `repo` below its `.git/piton`, on a branch `redteam`. What an earlier one had built is taken over.
///
/// # Errors
/// When git refuses or the disk is full.
pub fn make(repo: &Repo) -> Result<Repo> {
    let what = "the scratch copy was not made";
    let (dir, kept) = (repo.state_dir().join("redteam"), repo.state_dir().join("redteam-caches"));
    let state = dir.join(".git/piton");
    carry(&state, &kept).context(what)?;
    if dir.exists() {
        fs::remove_dir_all(&dir).context(what)?;
    }
    let copy = repo.copy(&dir, "redteam")?;
    carry(&kept, &state).context(what)?;
    let _ = fs::remove_dir_all(&kept);
    Ok(copy)
}

fn carry(from: &Path, to: &Path) -> std::io::Result<()> {
    for cache in CACHES {
        let (from, to) = (from.join(cache), to.join(cache));
        if from.is_dir() && !to.exists() {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::rename(from, to)?;
        }
    }
    Ok(())
}
