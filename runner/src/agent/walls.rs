//! What an agent may write: the editable paths of its worktree, a directory of its own, and what its kind keeps in the home directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use piton_confine::{Level, Limits, Opened, Policy, Role};

use crate::confine::{MAX_FILE_BYTES, PROCESSES};
use crate::error::{Context, Result};
use crate::proc;

/// Where an agent keeps its settings, logins and sessions, below the home directory.
struct Keeps {
    /// Its program.
    program: &'static str,
    /// Directories without which it does not start. Where it is installed and never ran, they are made: behind the walls it cannot.
    needs: &'static [&'static str],
    /// What else it writes, where it is there.
    uses: &'static [&'static str],
}

/// What each is known to keep. A shell's files, git's, cargo's and ssh's are not among it: whoever writes those acts outside the
/// walls later.
const KEPT: [Keeps; 9] = [
    Keeps {
        program: "claude",
        needs: &[".claude"],
        uses: &[
            ".claude.json",
            ".claude.json.lock",
            ".config/claude",
            ".local/share/claude",
            ".local/state/claude",
            ".cache/claude",
        ],
    },
    Keeps { program: "codex", needs: &[".codex"], uses: &[] },
    Keeps { program: "gemini", needs: &[".gemini"], uses: &[] },
    Keeps { program: "qwen", needs: &[".qwen"], uses: &[] },
    Keeps { program: "copilot", needs: &[".copilot"], uses: &[] },
    Keeps { program: "cursor-agent", needs: &[".cursor"], uses: &[] },
    Keeps { program: "aider", needs: &[], uses: &[".aider"] },
    Keeps {
        program: "goose",
        needs: &[".config/goose", ".local/share/goose", ".local/state/goose"],
        uses: &[".cache/goose", ".goose", ".config/Block/goose"],
    },
    Keeps {
        program: "opencode",
        needs: &[".config/opencode", ".local/share/opencode", ".local/state/opencode", ".cache/opencode"],
        uses: &[".opencode"],
    },
];
/// Variables that move the places which begin so.
const BASES: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", ".config/"),
    ("XDG_DATA_HOME", ".local/share/"),
    ("XDG_STATE_HOME", ".local/state/"),
    ("XDG_CACHE_HOME", ".cache/"),
];
/// Variables by which such a place is moved.
const MOVED: [&str; 4] = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_HOME", "GOOSE_PATH_ROOT"];
/// Devices that any program may want to write. What it has of terminals its walls know.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Where an agent works and what it may write besides its edit.
#[derive(Debug, Clone)]
pub struct Room<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The directory of the experiment there, where it is started and has a directory of its own.
    pub dir: &'a Path,
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
    /// The directory that is its own, in that of the experiment: proposals, and what it builds to try its edit.
    pub fn own(dir: &Path) -> PathBuf {
        dir.join(".piton/agent")
    }

    /// What its environment is given: a temporary directory, a place where it can build its edit to try it, and where it is: opencode
    /// believes that variable, not its working directory.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let target = Self::own(self.dir).join("target");
        let temporary = |name: &str| (name.into(), self.temporary.as_os_str().to_owned());
        vec![
            temporary("TMPDIR"),
            temporary("TMP"),
            ("CARGO_TARGET_DIR".into(), target.into()),
            ("PWD".into(), self.dir.into()),
        ]
    }

    /// The walls. Makes the agent's own directory.
    ///
    /// # Errors
    /// When that directory cannot be made.
    pub fn policy(&self) -> Result<Policy> {
        let own = Self::own(self.dir);
        fs::create_dir_all(&own).context("the agent's own directory was not made")?;
        let kept = std::env::home_dir().map(|home| kept(&home)).unwrap_or_default();
        let moved = MOVED.iter().filter_map(|name| std::env::var_os(name).map(PathBuf::from));
        let places = kept.into_iter().chain(moved).chain(DEVICES.iter().map(PathBuf::from));
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
            opened: Opened::default(),
            limits: Limits {
                file_bytes: Some(MAX_FILE_BYTES),
                processes: Some(PROCESSES),
                ..Limits::default()
            },
            least: self.least,
        })
    }
}

/// What agents keep below `home`.
fn kept(home: &Path) -> Vec<PathBuf> {
    let mut all = vec![];
    for agent in &KEPT {
        let needs: Vec<PathBuf> = agent.needs.iter().map(|path| place(home, path)).collect();
        if Path::new(&proc::absolute(agent.program)).is_absolute() {
            // Where one cannot be made, the agent says so itself, in its log.
            let _ = needs.iter().try_for_each(fs::create_dir_all);
        }
        all.extend(needs);
        all.extend(agent.uses.iter().map(|path| place(home, path)));
    }
    all
}

/// Where what an agent keeps at `path` lies: below `home`, or where the user has moved such things.
fn place(home: &Path, path: &str) -> PathBuf {
    let moved = BASES.iter().find_map(|(variable, base)| {
        let below = path.strip_prefix(base)?;
        let base = std::env::var_os(variable).map(PathBuf::from).filter(|base| base.is_absolute())?;
        Some(base.join(below))
    });
    moved.unwrap_or_else(|| home.join(path))
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
            dir: &worktree,
            state: &state,
            editable: &editable,
            temporary: dir.path(),
            more: &[],
            least: Level::Strong,
        };
        assert!(room.env().contains(&("PWD".into(), worktree.clone().into())));
        let write = room.policy().unwrap().write;
        assert!(write.contains(&worktree.join("src")) && write.contains(&Room::own(&worktree)), "{write:?}");
        assert!(!write.contains(&worktree) && !write.contains(&worktree.join("absent")), "{write:?}");
        assert!(leads_to(dir.path(), &state) && leads_to(&state.join("piton"), &state));
        assert!(!leads_to(&worktree, &state));
    }
}
