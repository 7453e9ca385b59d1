//! Processes that outlive the one that asks for them, and pitons that are asked something.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Pid;

use piton_core::base::error::{Context, Error, Result};

/// What a process said, and how it ended.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// Exit status; `None` where a signal ended it.
    pub status: Option<u8>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Starts a process of piton's own making, waits for its end, and returns what it said.
///
/// # Errors
/// When it cannot be started.
pub fn ask(argv: &[OsString], cwd: &Path) -> Result<CommandOutput> {
    let what = || format!("`{}` did not start", argv[0].display());
    let mut command = Command::new(&argv[0]);
    // A group of its own: Ctrl-C at a terminal is not for it.
    command.args(&argv[1..]).current_dir(cwd).stdin(Stdio::null()).process_group(0);
    let output = command.output().context(what())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let status = output.status.code().and_then(|code| u8::try_from(code).ok());
    Ok(CommandOutput { status, out: text(output.stdout), err: text(output.stderr) })
}

/// Starts a process of piton's own making, writes to its standard input what `send` has for it, waits for its end, and returns what it
/// said.
///
/// # Errors
/// When it cannot be started, or is gone before everything was sent.
pub fn run_with_input(
    argv: &[OsString],
    cwd: &Path,
    send: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
) -> Result<CommandOutput> {
    let what = || format!("`{}` did not start", argv[0].display());
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(cwd).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context(what())?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Read meanwhile, or both would wait for each other where there is much to say.
    let (sent, out) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut out = vec![];
            stdout.map(|mut from| from.read_to_end(&mut out));
            out
        });
        let sent = stdin.map_or(Ok(()), |stdin| send(&mut BufWriter::new(stdin)));
        (sent, reader.join().expect("a reader does not panic"))
    });
    let status = child.wait().context(what())?;
    sent.context(what())?;
    let out = String::from_utf8_lossy(&out).into_owned();
    Ok(CommandOutput {
        status: status.code().and_then(|code| u8::try_from(code).ok()),
        out,
        err: String::new(),
    })
}

/// Starts a process that is to call [`start_new_session`], and waits until it has. `stdin` stays open in what it starts.
///
/// # Errors
/// When it cannot be started.
pub fn spawn_detached(
    argv: &[OsString],
    cwd: &Path,
    env: &[(&str, &str)],
    stdin: File,
    log: File,
) -> Result<()> {
    let what = "the process that was to carry it out did not start";
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(cwd).envs(env.iter().copied()).stdin(stdin);
    command.stdout(log.try_clone().context(what)?).stderr(log);
    let status = command.status().context(what)?;
    if status.success() { Ok(()) } else { Err(Error::new(what).cause(status)) }
}

/// Leaves session, terminal and parent: starts a process in a session of its own, to which nobody is related once this one ends.
/// It gets what this one has open as standard input and outputs.
///
/// # Errors
/// When the system refuses.
pub fn start_new_session(argv: &[OsString]) -> Result<()> {
    let what = "the process that was to carry it out did not start";
    rustix::process::setsid().context(what)?;
    Command::new(&argv[0]).args(&argv[1..]).spawn().map(|_| ()).context(what)
}

/// Whether there is a process of this number, and not merely its end that nobody has asked for yet.
pub fn is_there(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    // One of another user's is there too.
    let there = pid
        .is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
    there && !has_ended(process)
}

fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name, which may hold anything.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// What this process was asked, where it only waits for another: it makes itself no subreaper.
#[derive(Debug, Clone)]
pub struct EndRequests {
    interrupt: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
}

impl EndRequests {
    /// Installs the handlers for SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install() -> Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let asked = Self { interrupt: Arc::default(), end: Arc::default() };
        for (signal, flag) in [(SIGINT, &asked.interrupt), (SIGTERM, &asked.end), (SIGHUP, &asked.end)] {
            signal_hook::flag::register(signal, Arc::clone(flag))
                .context("no signal handler was installed")?;
        }
        Ok(asked)
    }

    /// Whether Ctrl-C was pressed since this was asked last.
    pub fn interrupted(&self) -> bool {
        self.interrupt.swap(false, Ordering::Relaxed)
    }

    /// Whether this process is to end.
    pub fn asked_to_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }
}
