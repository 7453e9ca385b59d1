//! What an agent may write: the editable paths of its worktree, a directory of its own, and a private copy of its kind's settings.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use piton_confine::{Limits, Opened, Policy, Role};
use piton_core::base::level::Level;

use super::home::Home;
use piton_core::base::error::{Context, Result};
use piton_system::sandbox::{MAX_FILE_BYTES, PROCESSES};

/// Devices that any program may want to write. What it has of terminals its walls know.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Where an agent works and what it may write besides its edit.
#[derive(Debug, Clone)]
pub struct Workspace<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The directory of the experiment there, where it is started and has a directory of its own.
    pub dir: &'a Path,
    /// Editable paths, relative to the worktree.
    pub editable: &'a [String],
    /// A temporary directory of its own.
    pub temporary: &'a Path,
    /// Where its private settings are, for one that piton knows.
    pub home: Option<&'a Home>,
    /// What the user allows besides.
    pub more: &'a [PathBuf],
    /// The weakest walls that will do.
    pub least: Level,
}

impl Workspace<'_> {
    /// The directory that is its own, in that of the experiment: proposals, and what it builds to try its edit.
    pub(crate) fn own_dir(dir: &Path) -> PathBuf {
        dir.join(".piton/agent")
    }

    /// What its environment is given: a temporary directory, a place where it can build its edit to try it, and where it is: opencode
    /// believes that variable, not its working directory.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let target = Self::own_dir(self.dir).join("target");
        let temporary = |name: &str| (name.into(), self.temporary.as_os_str().to_owned());
        let mut env = vec![
            temporary("TMPDIR"),
            temporary("TMP"),
            ("CARGO_TARGET_DIR".into(), target.into()),
            ("PWD".into(), self.dir.into()),
        ];
        env.extend(self.home.map(Home::env).unwrap_or_default());
        env
    }

    /// The walls. Makes the agent's own directory.
    ///
    /// # Errors
    /// When that directory cannot be made.
    pub fn policy(&self) -> Result<Policy> {
        let own = Self::own_dir(self.dir);
        fs::create_dir_all(&own).context("the agent's own directory was not made")?;
        let mut write: Vec<PathBuf> =
            DEVICES.iter().map(PathBuf::from).filter(|path| path.exists()).collect();
        write.extend(self.home.map(|home| home.root().to_owned()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_writes_its_edit_and_its_own_directory_and_nothing_beside_them() {
        let dir = tempfile::tempdir().unwrap();
        let worktree = dir.path().join("w");
        fs::create_dir_all(worktree.join("src")).unwrap();
        let editable = ["src".to_owned(), "absent".to_owned()];
        let workspace = Workspace {
            worktree: &worktree,
            dir: &worktree,
            editable: &editable,
            temporary: dir.path(),
            home: None,
            more: &[],
            least: Level::Strong,
        };
        assert!(workspace.env().contains(&("PWD".into(), worktree.clone().into())));
        let write = workspace.policy().unwrap().write;
        assert!(
            write.contains(&worktree.join("src")) && write.contains(&Workspace::own_dir(&worktree)),
            "{write:?}"
        );
        assert!(!write.contains(&worktree) && !write.contains(&worktree.join("absent")), "{write:?}");
        let home = std::env::home_dir().unwrap();
        assert!(!write.iter().any(|path| path.starts_with(&home)), "{write:?}");
    }
}
