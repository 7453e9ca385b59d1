//! What an agent may write: the editable paths of its worktree, a directory of its own, and what its kind keeps in the home directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use piton_confine::{Level, Limits, Policy, Role};

use crate::confine::{MAX_FILE_BYTES, PROCESSES};
use crate::error::{Context, Result};

/// Where agents keep their settings, logins and sessions, below the home directory. A shell's files, git's, cargo's and ssh's are not
/// among them: whoever writes those acts outside the walls later.
const KEPT: [&str; 24] = [
    ".claude",
    ".claude.json",
    ".claude.json.lock",
    ".codex",
    ".gemini",
    ".qwen",
    ".copilot",
    ".cursor",
    ".aider",
    ".goose",
    ".opencode",
    ".config/claude",
    ".config/goose",
    ".config/opencode",
    ".config/Block/goose",
    ".local/share/claude",
    ".local/share/goose",
    ".local/share/opencode",
    ".local/state/claude",
    ".local/state/goose",
    ".local/state/opencode",
    ".cache/claude",
    ".cache/goose",
    ".cache/opencode",
];
/// Variables by which such a place is moved.
const MOVED: [&str; 3] = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_HOME"];
/// Devices that any program may want to write.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Where an agent works and what it may write besides its edit.
#[derive(Debug, Clone)]
pub struct Room<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The repository's `.git`: nothing that leads to it is opened.
    pub state: &'a Path,
    /// Editable paths, relative to the worktree.
    pub editable: &'a [String],
    /// A temporary directory of its own.
    pub temporary: &'a Path,
    /// What the user allows besides.
    pub more: &'a [PathBuf],
    /// The weakest walls that will do.
    pub least: Level,
}

impl Room<'_> {
    /// The directory that is its own, in a worktree: proposals, and what it builds to try its edit.
    pub fn own(worktree: &Path) -> PathBuf {
        worktree.join(".piton/agent")
    }

    /// What its environment is given: a temporary directory, and a place where it can build its edit to try it.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let target = Self::own(self.worktree).join("target");
        let temporary = |name: &str| (name.into(), self.temporary.as_os_str().to_owned());
        vec![temporary("TMPDIR"), temporary("TMP"), ("CARGO_TARGET_DIR".into(), target.into())]
    }

    /// The walls. Makes the agent's own directory.
    ///
    /// # Errors
    /// When that directory cannot be made.
    pub fn policy(&self) -> Result<Policy> {
        let own = Self::own(self.worktree);
        fs::create_dir_all(&own).context("the agent's own directory was not made")?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let kept = home.iter().flat_map(|home| KEPT.iter().map(|kept| home.join(kept)));
        let moved = MOVED.iter().filter_map(|name| std::env::var_os(name).map(PathBuf::from));
        let places = kept.chain(moved).chain(DEVICES.iter().map(PathBuf::from));
        // What a user keeps a repository in is not opened for the sake of an agent's settings.
        let mut write: Vec<PathBuf> =
            places.filter(|path| path.exists() && !leads_to(path, self.state)).collect();
        write.extend(self.editable.iter().map(|path| self.worktree.join(path)).filter(|path| path.exists()));
        write.extend([own, self.temporary.to_owned()]);
        write.extend_from_slice(self.more);
        Ok(Policy {
            role: Role::Agent,
            read: vec!["/".into()],
            write,
            network: true,
            limits: Limits {
                file_bytes: Some(MAX_FILE_BYTES),
                processes: Some(PROCESSES),
                ..Limits::default()
            },
            least: self.least,
        })
    }
}

/// Whether `path` is an ancestor of `state`, or within it; links are followed.
fn leads_to(path: &Path, state: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (path, state) = (real(path), real(state));
    state.starts_with(&path) || path.starts_with(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_writes_its_edit_and_its_own_directory_and_nothing_that_leads_to_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let (worktree, state) = (dir.path().join("w"), dir.path().join("repo/.git"));
        fs::create_dir_all(worktree.join("src")).unwrap();
        fs::create_dir_all(&state).unwrap();
        let editable = ["src".to_owned(), "absent".to_owned()];
        let room = Room {
            worktree: &worktree,
            state: &state,
            editable: &editable,
            temporary: dir.path(),
            more: &[],
            least: Level::Strong,
        };
        let write = room.policy().unwrap().write;
        assert!(write.contains(&worktree.join("src")) && write.contains(&Room::own(&worktree)), "{write:?}");
        assert!(!write.contains(&worktree) && !write.contains(&worktree.join("absent")), "{write:?}");
        assert!(leads_to(dir.path(), &state) && leads_to(&state.join("piton"), &state));
        assert!(!leads_to(&worktree, &state));
    }
}
