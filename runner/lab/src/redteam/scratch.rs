//! The copy of a repository in which the attacks take place.

use piton_core::base::error::{Context, Result};
use piton_system::beneath;
use piton_system::git::Repo;
use piton_system::state_home::Place;

/// A fresh clone of `repo` in its place, on a branch `redteam`: outside of the repository, as everything that is built. It has a place of
/// its own, known by its path, and finds there what an earlier one had built.
///
/// # Errors
/// When git refuses or the disk is full.
pub fn make(repo: &Repo, place: &Place) -> Result<Repo> {
    let what = "the scratch copy was not made";
    let dir = place.at()?.join("redteam");
    beneath::remove_at(&dir).context(what)?;
    repo.copy(&dir, "redteam")
}
