//! The lock that the one writing piton of a repository holds for as long as it lives.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;
use piton_core::base::error::{Context, Error, Result};

/// The lock that the one writing piton of a repository holds for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Who holds the lock in `dir`; nobody where no piton is at work.
    pub fn holder(dir: &Path) -> Option<Holder> {
        let path = dir.join("lock");
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            _ => return None,
        }
        let text = holder(&path);
        let (process, who) = text.strip_prefix("process ")?.split_once(' ')?;
        Some(Holder { process: process.parse().ok()?, command: who.trim_matches(['(', ')']).to_owned() })
    }

    /// Takes the lock in `dir`.
    ///
    /// # Errors
    /// When another process holds it; the error says which.
    pub fn take(dir: &Path, who: &str) -> Result<Self> {
        let path: PathBuf = dir.join("lock");
        let what = "piton did not start";
        let denied = |error: Error| {
            error.note("nothing was started and nothing was changed").hint(format!(
                "let this user write to {}; a read-only file system holds no run",
                dir.display()
            ))
        };
        fs::create_dir_all(dir).context(what).map_err(denied)?;
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.context(what).map_err(denied)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::refused(format!("{what}: another piton is at work in this repository"))
                    .cause(format!("{} holds {}", holder(&path), path.display()))
                    .note("what it does goes on; nothing was changed")
                    .hint("wait for it, or end it with Ctrl-C where it runs; `piton status` can be used meanwhile"));
            }
            Err(TryLockError::Error(e)) => {
                return Err(Error::new(what)
                    .cause(format!("{} cannot be locked: {e}", path.display()))
                    .note("nothing was started and nothing was changed")
                    .hint("keep the repository on a file system that has locks"));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "process {} ({who})", std::process::id()))
            .context(what)?;
        Ok(Self { _file: file })
    }
}

/// A piton that is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub process: u32,
    /// Its command: `piton climb`.
    pub command: String,
}

/// Who holds the lock, in its own words. It writes them just after it took it: until then they are those of the one before.
fn holder(path: &Path) -> String {
    let alive = |text: &str| {
        let pid = text.strip_prefix("process ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        pid.and_then(rustix::process::Pid::from_raw).is_some_and(|pid| {
            // A process of another user's is there too.
            !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
        })
    };
    for _ in 0..200 {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') && alive(&text) {
            return text.trim().to_owned();
        }
        clock::wait(Duration::from_millis(5));
    }
    "a process that does not say its name".to_owned()
}
