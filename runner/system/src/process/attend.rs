//! Processes that a person attends, or that somebody listens to while they run.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{self, OptionalActions, Termios};

use super::{End, GRACE, Runner, end_survivors};
use crate::clock::{self, Stopwatch};
use piton_core::base::error::{Context, Result};

/// How often an attended process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Longest piece that is handed on, in bytes.
const LINE: u64 = 64 << 10;

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Starts a process of piton's own making, hands on what it prints as it comes, and returns its exit status; `None` where a signal
/// ended it. It is a group of its own, so that Ctrl-C at the terminal is not for it.
///
/// # Errors
/// When it cannot be started.
pub fn stream(
    argv: &[OsString],
    cwd: &Path,
    env: Vec<(OsString, OsString)>,
    sink: &(dyn Fn(Stream, &str) + Sync),
) -> Result<Option<u8>> {
    let what = || format!("`{}` did not start", argv[0].display());
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(cwd).env_clear().envs(env).process_group(0);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context(what())?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| out.map(|out| hand_on(out, &|text| sink(Stream::Out, text))));
        scope.spawn(|| err.map(|err| hand_on(err, &|text| sink(Stream::Err, text))));
    });
    let status = child.wait().context(what())?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()))
}

fn hand_on(from: impl Read, sink: &dyn Fn(&str)) {
    let mut from = BufReader::new(from);
    let mut line = vec![];
    while let Ok(1..) = from.by_ref().take(LINE).read_until(b'\n', &mut line) {
        sink(&String::from_utf8_lossy(&line));
        line.clear();
    }
}

/// The terminal that a person attends a process at, as it is now. Dropping it puts it back, and throws away what it was given to read and
/// nobody read: a shell would take that for typed, and a terminal answers what a process writes to it.
struct Terminal(Termios);

impl Terminal {
    fn own() -> Option<Self> {
        termios::tcgetattr(std::io::stdin()).ok().map(Self)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // In the background that would stop this process.
        if termios::tcgetpgrp(std::io::stdin()).ok() != Some(rustix::process::getpgrp()) {
            return;
        }
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

impl Runner {
    /// Runs a process on this terminal until it ends. Ctrl-C is for it; a request to end piton is passed on to it.
    /// `then` runs when it has ended, before what it left behind is ended too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn attend(
        &self,
        argv: &[OsString],
        cwd: &Path,
        env: Vec<(OsString, OsString)>,
        then: impl FnOnce(),
    ) -> Result<End> {
        let what = || format!("`{}` did not start", argv[0].display());
        let mut command = Command::new(&argv[0]);
        let terminal = Terminal::own();
        let mut child =
            command.args(&argv[1..]).current_dir(cwd).env_clear().envs(env).spawn().context(what())?;
        let status = self.see_out(&mut child);
        then();
        end_survivors();
        drop(terminal);
        let status = status.context(what())?;
        Ok(match status.code() {
            Some(code) => End::Exited(code),
            None => End::Signalled(status.signal().unwrap_or(0)),
        })
    }

    fn see_out(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        let pid = Pid::from_child(child);
        let mut asked: Option<Stopwatch> = None;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            // Ctrl-C reached it by the terminal: an agent takes it as it likes.
            if self.told_to_end() && asked.is_none() {
                asked = Some(Stopwatch::start());
                let _ = kill_process(pid, Signal::TERM);
            }
            if asked.as_ref().is_some_and(|since| since.elapsed() >= GRACE) {
                let _ = kill_process(pid, Signal::KILL);
            }
            clock::wait(LOOK);
        }
    }
}
