//! How a worker's process begins.

use super::ending::setup;
use super::pipes::Pipes;
use crate::outcome::Failure;
use piton_confine::Policy;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that was started, in a group of its own.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) pidfd: OwnedFd,
    pub(super) pipes: Pipes,
}

/// Starts `argv` behind `walls`, by way of `harness`, which limits itself and then becomes it.
pub(super) fn start(harness: &Path, argv: &[OsString], walls: &Policy) -> Result<Started, Failure> {
    let line = walls.wrap(harness, argv);
    let mut child = Command::new(&line[0])
        .args(&line[1..])
        .env_clear()
        // Where a stack begins moves speed: whoever takes samples in pairs varies it by this, and it means nothing else.
        .envs(std::env::var_os("PITON_PADDING").map(|padding| ("PITON_PADDING", padding)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| setup(&e))?;
    let pid = Pid::from_child(&child);
    let opened = Pipes::of(&mut child).and_then(|pipes| Ok((pipes, pidfd_open(pid, PidfdFlags::empty())?)));
    match opened {
        Ok((pipes, pidfd)) => Ok(Started { child, pidfd, pipes }),
        Err(e) => {
            let _ = child.kill().and_then(|()| child.wait());
            Err(setup(&e))
        }
    }
}
