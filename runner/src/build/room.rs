//! Room on the disk for what must be written: a job that fills it must not cost its own trial the row.

use std::fs;

use super::Workshop;
use crate::error::{Context, Result};
use crate::host;

/// With less room than this, what can be made again is removed, in bytes.
const RESERVE: u64 = 16 << 20;

impl Workshop<'_> {
    /// Removes what builds and samples left in the slots, where the disk is nearly full: all of it can be made again.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn make_room(&self) -> Result<()> {
        if host::room(&self.dir).is_none_or(|bytes| bytes >= RESERVE) {
            return Ok(());
        }
        let what = "no room was made on the disk";
        for slot in ["a", "b"].map(|name| self.dir.join("slots").join(name)) {
            let (tree, target) = (slot.join("tree"), slot.join("target"));
            if target.exists() {
                fs::remove_dir_all(target).context(what)?;
            }
            // A tree that is measured where it stands is only rid of what is not in its commit.
            match fs::read_to_string(slot.join("commit")) {
                Ok(commit) => self.repo.export(self.repo.tree_id(self.repo.commit_id(&commit)?)?, &tree)?,
                Err(_) if tree.exists() => fs::remove_dir_all(tree).context(what)?,
                Err(_) => {}
            }
        }
        Ok(())
    }
}
