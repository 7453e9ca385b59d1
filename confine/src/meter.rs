//! What a command costs, read by who started it: piton's own meters.
//!
//! The helper does not become the command. It starts it as a child, waits for it and for all that it left, and writes what the kernel says
//! into a file that it opened before the walls stood. The command finds no way to that file: it inherits no descriptor of it, and this process
//! cannot be looked into. Whatever outlives its parent becomes this process's child, so that its time is counted too.
//!
//! Why a child: of a process that becomes another, the kernel keeps the largest memory of both. A copy of this small process begins anew.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::{Duration, Instant};

use rustix::process::{DumpableBehavior, Signal};

use crate::metering::{Metered, Metering};
use crate::raw::{self, Ended, Secret};
use crate::start::{NOT_EXECUTED, STATUS};

/// How long processes that the command left may take to end by themselves. The clock runs on meanwhile.
const LAST_ONES: Duration = Duration::from_millis(200);
/// How often they are looked at.
const LOOK: Duration = Duration::from_micros(500);

/// A meter that stands ready: what it needs is open.
pub(crate) struct CostMeter {
    report: File,
    repeat: u32,
    group: Option<File>,
}

impl CostMeter {
    /// Opens what takes the report, and what counts the time of the control groups that this process is in. Before the walls.
    ///
    /// # Errors
    /// Where the report cannot be opened.
    pub fn ready(metering: &Metering, groups: &[PathBuf]) -> Result<Self, String> {
        let report = File::options().write(true).custom_flags(libc::O_NOFOLLOW).open(&metering.report);
        let report = report.map_err(|e| format!("{}: {e}", metering.report.display()))?;
        let counts = |dir: &PathBuf| {
            ["cpuacct.usage", "cpu.stat"].iter().find_map(|name| File::open(dir.join(name)).ok())
        };
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|e| format!("it could not become the subreaper of what it starts: {e}"))?;
        Ok(Self { report, repeat: metering.repeat.max(1), group: groups.iter().find_map(counts) })
    }

    /// Runs the command as often as asked, writes what it cost, and ends as the last run did. The walls stand already.
    pub fn run(mut self, path: &CString, args: &[CString], env: &[CString], secret: Secret) -> ! {
        // Who may look into this process could write the report, or forge what it reads.
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let mut metered = Metered { grouped: self.group.is_some(), ..Metered::default() };
        let (grouped, own) = (self.grouped(), raw::own_time());
        let since = Instant::now();
        let mut last = Ended::Exited(0);
        for _ in 0..self.repeat {
            last = one(path, args, env, secret, &mut metered);
            metered.runs += 1;
            if last != Ended::Exited(0) || metered.left {
                break;
            }
        }
        metered.wall_s = since.elapsed().as_secs_f64();
        // A child whose parent wants no word of its end is counted by no parent, and by a group all the same.
        if let (Some(before), Some(after)) = (grouped, self.grouped()) {
            let all = after.saturating_sub(before).saturating_sub(raw::own_time().saturating_sub(own));
            metered.cpu_s = metered.cpu_s.max(all.as_secs_f64());
        }
        let text = serde_json::to_string(&metered).expect("plain data can be written");
        if let Err(why) = self.report.write_all(text.as_bytes()) {
            eprintln!("piton-confine: what the command cost was not written: {why}");
            exit(STATUS)
        }
        match last {
            Ended::Exited(status) => exit(status),
            Ended::Signalled(signal) => raw::end_by(signal),
        }
    }

    /// Time on processors that the control group has had; absent where none counts.
    fn grouped(&self) -> Option<Duration> {
        let mut text = [0; 4096];
        let length = self.group.as_ref()?.read_at(&mut text, 0).ok()?;
        group_time(std::str::from_utf8(&text[..length]).ok()?)
    }
}

/// Nanoseconds alone, as of the first version, or microseconds in a line of their own, as of the second.
fn group_time(text: &str) -> Option<Duration> {
    if let Ok(nanoseconds) = text.trim().parse() {
        return Some(Duration::from_nanos(nanoseconds));
    }
    let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    line.trim().parse().ok().map(Duration::from_micros)
}

/// Runs the command once, until nothing of it is left or the last ones had their time.
fn one(path: &CString, args: &[CString], env: &[CString], secret: Secret, to: &mut Metered) -> Ended {
    let parent = rustix::process::getpid();
    let child = match raw::fork() {
        Ok(Some(child)) => child,
        Ok(None) => {
            // Cleared in a copy.
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            if rustix::process::getppid() != Some(parent) {
                exit(STATUS)
            }
            let why = raw::become_program(path, args, env, secret);
            eprintln!("{NOT_EXECUTED} {}: {why}", Path::new(&*path.to_string_lossy()).display());
            exit(STATUS)
        }
        Err(why) => {
            eprintln!("{NOT_EXECUTED} no process could be made for it: {why}");
            exit(STATUS)
        }
    };
    let mut ended = None;
    let mut last_ones: Option<Instant> = None;
    loop {
        match raw::wait(last_ones.is_none()) {
            Ok(Some((pid, how, cost))) => {
                to.cpu_s += cost.time.as_secs_f64();
                to.peak_memory_bytes = to.peak_memory_bytes.max(cost.peak_bytes);
                if pid == child {
                    ended = Some(how);
                    last_ones = Some(Instant::now());
                }
            }
            // Some are there, and none has ended.
            Ok(None) if last_ones.is_none_or(|since| since.elapsed() < LAST_ONES) => std::thread::sleep(LOOK),
            Ok(None) => {
                to.left = true;
                return ended.unwrap_or(Ended::Exited(STATUS));
            }
            // None is there any more.
            Err(_) => return ended.unwrap_or(Ended::Exited(STATUS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_group_is_read_from_either_version() {
        assert_eq!(group_time("1500\n"), Some(Duration::from_nanos(1500)));
        let second = "usage_usec 42\nuser_usec 40\nsystem_usec 2\n";
        assert_eq!(group_time(second), Some(Duration::from_micros(42)));
        assert_eq!(group_time("nothing of it"), None);
    }
}
