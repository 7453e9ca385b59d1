//! A process that goes on while piton does something else with it, as a server does.
//!
//! It is started by the helper, behind walls that let it write its own directory alone, and the kernel kills it when the thread that
//! started it ends: whatever becomes of piton, it is not left. Who holds a [`Lasting`] ends it: gently, and after its grace by SIGKILL.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use piton_confine::{Limits, Opened, Policy, Role};
use piton_core::base::level::Level;
use rustix::process::{Pid, Signal};

use super::End;
use crate::beneath;
use crate::clock::{self, Stopwatch};
use crate::procfs;
use crate::sandbox;
use piton_core::base::error::{Context, Result};

/// How often it is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(2);
/// How long processes of it that were killed may take until they are gone.
const KILLED: Duration = Duration::from_secs(10);

#[cfg(target_os = "linux")]
fn processor_time(process: Pid) -> Option<Duration> {
    piton_confine::processor_time(process).ok()
}

#[cfg(not(target_os = "linux"))]
fn processor_time(_: Pid) -> Option<Duration> {
    None
}

/// What to start.
pub struct LastingJob<'a> {
    /// Program and arguments; no shell is involved.
    pub argv: &'a [String],
    /// All of its environment.
    pub env: Vec<(OsString, OsString)>,
    /// A directory that is there: it runs there, and may write there and nowhere else.
    pub own: &'a Path,
    /// File that takes both of its outputs, made anew.
    pub log: PathBuf,
    /// Cores that it is held to; none for all.
    pub cores: Vec<usize>,
    /// Bytes that each of its processes may address.
    pub memory_bytes: Option<u64>,
    /// Devices that it may use.
    pub devices: Vec<PathBuf>,
    /// The weakest walls that will do.
    pub least: Level,
}

/// A process that was started and has not been ended yet. Dropping it kills it.
#[derive(Debug)]
pub struct Lasting {
    child: Child,
    ended: Option<End>,
    /// File that takes its outputs.
    pub log: PathBuf,
}

/// How a process was ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// How it ended.
    pub end: End,
    /// Seconds from SIGTERM to its end.
    pub seconds: f64,
    /// It did not obey SIGTERM within its grace.
    pub killed: bool,
    /// Processes that it started and left, which were ended too.
    pub left: usize,
}

impl Lasting {
    /// Starts it. The thread that does so must not end before it.
    ///
    /// # Errors
    /// When it cannot be started at all; a program that is not there shows as an exit.
    pub fn start(job: &LastingJob) -> Result<Self> {
        let what = || format!("`{}` did not start", job.argv.join(" "));
        let limits = Limits {
            memory_bytes: job.memory_bytes,
            cores: job.cores.clone(),
            processes: Some(sandbox::PROCESSES),
            file_bytes: Some(sandbox::MAX_FILE_BYTES),
            ..Limits::default()
        };
        let policy = Policy {
            role: Role::Measure,
            read: vec!["/".into()],
            write: vec![job.own.to_owned()],
            network: true,
            opened: Opened { devices: job.devices.clone(), shared_memory: true, ..Opened::default() },
            limits,
            least: job.least,
        };
        let argv: Vec<OsString> = job.argv.iter().map(OsString::from).collect();
        let line = policy.wrap(&sandbox::helper().context(what())?, &argv);
        let log = beneath::create_file(&job.log).context(what())?;
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(job.own).env_clear().envs(job.env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(log.try_clone().context(what())?).stderr(log).process_group(0);
        let child = command.spawn().context(what())?;
        Ok(Self { child, ended: None, log: job.log.clone() })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn raw(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How it has ended, where it has.
    pub fn ended(&mut self) -> Option<End> {
        if self.ended.is_none() {
            let status = self.child.try_wait().ok().flatten()?;
            self.ended = Some(match status.code() {
                Some(code) => End::Exited(code),
                None => End::Signalled(status.signal().unwrap_or(0)),
            });
        }
        self.ended.clone()
    }

    /// Time on processors that it and all that it started have had; absent when it has ended.
    pub fn processor_time(&self) -> Option<Duration> {
        let mut total = processor_time(self.raw())?;
        for pid in procfs::below(self.pid()) {
            let more = i32::try_from(pid).ok().and_then(Pid::from_raw);
            total += more.and_then(processor_time).unwrap_or_default();
        }
        Some(total)
    }

    /// The most memory that it and what it started have held, each by itself, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        let own = procfs::peak_memory(self.pid())?;
        Some(own + procfs::below(self.pid()).into_iter().filter_map(procfs::peak_memory).sum::<u64>())
    }

    /// Whether it, or what it started, listens on this port of loopback.
    pub fn listens(&self, port: u16) -> bool {
        let inodes = procfs::listening(port);
        std::iter::once(self.pid()).chain(procfs::below(self.pid())).any(|pid| procfs::holds(pid, &inodes))
    }

    /// Ends it: SIGTERM, and SIGKILL for whatever of it is there after `grace`. `hurry` is asked meanwhile whether to wait no longer.
    pub fn stop(mut self, grace: Duration, hurry: &dyn Fn() -> bool) -> Ending {
        let watch = Stopwatch::start();
        let below = procfs::below(self.pid());
        if self.ended().is_none() {
            let _ = rustix::process::kill_process(self.raw(), Signal::TERM);
        }
        while self.ended().is_none() && watch.elapsed() < grace && !hurry() {
            clock::wait(LOOK);
        }
        let killed = self.ended().is_none();
        let seconds = watch.seconds();
        let left = self.end_all(&below);
        let end = self.ended.clone().unwrap_or(End::Signalled(9));
        Ending { end, seconds, killed, left }
    }

    /// Kills what is left of it, and waits until that is gone. Returns how many processes its own end had left.
    fn end_all(&mut self, below: &[u32]) -> usize {
        let own_ended = self.ended().is_some();
        if !own_ended {
            let _ = rustix::process::kill_process(self.raw(), Signal::KILL);
            let _ = self.child.wait().map(|status| {
                self.ended = Some(End::Signalled(status.signal().unwrap_or(9)));
            });
        }
        let group = self.raw();
        let there = |pid: &&u32| super::is_there(**pid);
        // What it killed itself with may still be ending.
        let watch = Stopwatch::start();
        while own_ended
            && below.iter().any(|pid| super::is_there(*pid))
            && watch.elapsed() < Duration::from_millis(200)
        {
            clock::wait(LOOK);
        }
        let left: Vec<u32> = below.iter().filter(there).copied().collect();
        // The group may outlive its leader, and who left the group is known by having been below.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        for pid in &left {
            let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        while left.iter().any(|pid| super::is_there(*pid)) && watch.elapsed() < KILLED {
            clock::wait(LOOK);
        }
        if own_ended { left.len() } else { 0 }
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let below = procfs::below(self.pid());
        self.end_all(&below);
    }
}
