//! The files that piton's own output goes to: `nohup piton climb &` and `piton climb > night.txt` make one in the checkout, which is no
//! edit of anybody's.
//!
//! They are known by what they are, not by their names, and remembered for as long as they are the same files: a later command is not
//! to take the log of an earlier one for an edit either.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Repo;
use crate::terminal;

/// A file that output went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Output {
    /// Relative to the root of the worktree.
    path: String,
    /// Which file it is.
    file: (u64, u64, u64),
}

/// Most of them that are remembered.
const MOST: usize = 64;
const NAME: &str = "outputs.json";

fn which(meta: &Metadata) -> (u64, u64, u64) {
    // Where the file system tells when a file was made, another one in its place is not taken for it.
    let made = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (meta.dev(), meta.ino(), made.map_or(0, |since| since.as_nanos() as u64))
}

/// Those of this process and of earlier ones that lie below `root`.
pub(super) fn of(root: &Path, state: &Path) -> Vec<Output> {
    let mut outputs = remembered(state);
    for (path, meta) in terminal::files() {
        let real = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let Ok(path) = path.strip_prefix(&real) else { continue };
        let output = Output { path: path.to_string_lossy().into_owned(), file: which(&meta) };
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    outputs
}

fn remembered(state: &Path) -> Vec<Output> {
    fs::read(state.join(NAME)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

impl Repo {
    /// Whether there is a file at all that output goes, or went, to.
    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Whether piton's own output goes, or went, to this file.
    pub(super) fn is_output(&self, path: &str, meta: &Metadata) -> bool {
        !self.outputs.is_empty()
            && meta.is_file()
            && self.outputs.iter().any(|output| output.path == path && output.file == which(meta))
    }

    /// Remembers the files that this process writes its output to. Where that fails, a later command takes them for the user's.
    pub fn remember_outputs(&self) {
        let (state, before) = (self.state_dir(), remembered(&self.state_dir()));
        let there = |output: &&Output| {
            fs::symlink_metadata(self.root.join(&output.path)).is_ok_and(|meta| which(&meta) == output.file)
        };
        let all: Vec<&Output> =
            self.outputs.iter().filter(|output| before.contains(output) || there(output)).collect();
        let last = &all[all.len().saturating_sub(MOST)..];
        if last.iter().any(|output| !before.contains(output)) {
            let text = serde_json::to_vec(&last).expect("our own types serialise");
            let _ = fs::create_dir_all(&state).and_then(|()| fs::write(state.join(NAME), text));
        }
    }
}
