//! Room on the disk for what must be written: a job that fills it must not cost its own trial the row.

use std::fs;
use std::path::{Path, PathBuf};

use super::{BuildStore, MARK};
use piton_core::base::error::{Context, Result};
use piton_system::host;
use piton_system::sandbox;

/// With less room than this, what can be made again is removed, in bytes.
const RESERVE: u64 = 16 << 20;

impl BuildStore<'_> {
    /// Removes what builds and samples left, where a disk is nearly full: all of it can be made again.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(crate) fn evict(&self) -> Result<()> {
        // Where there is no place yet, there is nothing to remove.
        let Some(place) = self.place.known() else { return Ok(()) };
        let full = || {
            [&self.dir, &place].iter().any(|dir| host::free_space(dir).is_some_and(|bytes| bytes < RESERVE))
        };
        // What holds for the next trial goes last.
        let mut slots: Vec<PathBuf> = vec![];
        for family in ["slots", "sides"] {
            slots.extend(
                fs::read_dir(place.join(family)).into_iter().flatten().flatten().map(|slot| slot.path()),
            );
        }
        if full() {
            ["scratch", "private"].iter().try_for_each(|left| remove(&place.join(left)))?;
            for slot in &slots {
                remove(&slot.join("target"))?;
                if !slot.join(MARK).exists() {
                    remove(slot)?;
                }
            }
        }
        if full() {
            slots.iter().try_for_each(|slot| remove(slot))?;
        }
        Ok(())
    }
}

fn remove(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    // Emptied first, since what a job left may be closed to its own user.
    sandbox::private(dir)?;
    fs::remove_dir(dir).context("no room was made on the disk")
}
