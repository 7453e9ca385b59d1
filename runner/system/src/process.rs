//! The only module that starts processes.
//!
//! A job runs in a process group of its own with a cleared environment, its output in files, and a limit on
//! its time and on what it may write. When it ends, however it ends, none of its descendants is left: piton is
//! the subreaper of all that it starts, so that a daemon which left its group is found and ended too.

#![expect(clippy::disallowed_types, reason = "owns processes")]

mod attend;
mod detach;
mod lasting;
mod meter;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal};

use piton_confine::{Group, Policy};

use crate::beneath;
use crate::clock::Stopwatch;
use crate::orphans;
use crate::sandbox::{self, MAX_FILE_BYTES};
use piton_core::base::error::{Context, Result};

pub use crate::environment::{bare_env, fetching_env, full_env, network_env};
pub use attend::{Stream, stream};
pub use detach::{
    CommandOutput, EndRequests, ask, is_there, run_with_input, spawn_detached, start_new_session,
};
pub use lasting::{Ending, Lasting, LastingJob};
pub use meter::{metered, metered_command};
pub use piton_confine::{Metered, Metering};

/// How much of the end of an output is read back, in bytes.
pub const TAIL_BYTES: u64 = 1 << 20;
/// How much of the end of each output goes into `run.log`, in characters.
const TOLD_CHARS: usize = 64 << 10;
/// Address space that every process of a job gets at least: some reserve much more than they use.
const LEAST_MEMORY: u64 = 8 << 30;
/// How long a job that was asked to end may take, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// What to start.
pub struct Job<'a> {
    /// Program and arguments; no shell is involved.
    pub argv: &'a [String],
    /// Where it runs.
    pub cwd: &'a Path,
    /// A program that starts it and stands outside of its walls, with arguments: a profiler.
    pub under: &'a [String],
    /// All of its environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it may do; absent for one that may do what piton may.
    pub policy: Option<&'a Policy>,
    /// File that takes its standard output, made anew.
    pub stdout: PathBuf,
    /// File that takes its standard error, made anew.
    pub stderr: PathBuf,
    /// Limit on its wall clock.
    pub timeout: Duration,
    /// Ask with SIGTERM before killing.
    pub gently: bool,
    /// Is told the last line of its standard error about once a second.
    pub seen: Option<&'a dyn Fn(&str)>,
    /// File that it reads as standard input; absent for none.
    pub stdin: Option<&'a Path>,
    /// Is asked many times a second, with the time since the start, whether the job is to be ended, and as what.
    pub watch: Option<&'a dyn Fn(Duration) -> Option<End>>,
    /// Goes on when the user asks to stop.
    pub heedless: bool,
}

impl Job<'_> {
    /// Its command line: itself, or the helper that becomes it.
    fn line(&self, group: Option<&Group>) -> std::io::Result<Vec<OsString>> {
        let argv: Vec<OsString> = self.argv.iter().map(OsString::from).collect();
        let Some(policy) = self.policy else { return Ok(argv) };
        // The helper would find out, and could only say it in words that the command might say too.
        fs::metadata(self.argv.first().map_or("", String::as_str))?;
        // Whoever starts it from outside has another /proc/self/exe.
        let exe = if self.under.is_empty() { sandbox::helper()? } else { std::env::current_exe()? };
        Ok(match group {
            Some(group) => group.wrap(policy, &exe, &argv),
            // Each process alone may then have what all may have together where there is a group.
            None => {
                let mut alone = policy.clone();
                // A graphics card's driver reserves addresses by the hundred gigabytes.
                if policy.opened.devices.is_empty() {
                    alone.limits.memory_bytes.get_or_insert(memory().max(LEAST_MEMORY));
                }
                alone.wrap(&exe, &argv)
            }
        })
    }
}

/// Memory that a job's processes may use together: what would leave the machine with too little ends the job.
fn memory() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    total.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(u64::MAX >> 12, |kib| kib * 1024 / 4 * 3)
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(i32),
    /// A signal ended it that piton did not send.
    Signalled(i32),
    /// It took too long and was ended.
    TimedOut,
    /// The user asked piton to stop and it was ended.
    Interrupted,
}

/// A job that has ended, with none of its processes left.
#[derive(Debug, Clone)]
pub struct Done {
    /// How.
    pub end: End,
    /// The end of its standard output, at most [`TAIL_BYTES`].
    pub stdout: String,
    /// The end of its standard error, likewise.
    pub stderr: String,
    /// Wall clock in seconds.
    pub seconds: f64,
    /// Processes that it left behind and that were ended.
    pub survivors: usize,
}

/// Why something was not done after SIGINT, SIGTERM or SIGHUP.
pub const STOPPED: &str =
    "it was told to stop: by Ctrl-C, or by a signal as when the shell that started it ends";

/// Starts jobs, and knows whether the user asked to stop.
#[derive(Debug, Clone)]
pub struct Runner {
    stop: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    transcript: Arc<Mutex<Option<File>>>,
    owner: Arc<OnceLock<PathBuf>>,
}

impl Runner {
    /// Installs the handlers for SIGINT, SIGTERM and SIGHUP and adopts orphans. Once per process.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install() -> Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let (stop, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for (signal, flags) in
            [(SIGINT, vec![&stop]), (SIGTERM, vec![&stop, &end]), (SIGHUP, vec![&stop, &end])]
        {
            // Under nohup the end of a shell is meant to change nothing.
            for flag in flags.into_iter().filter(|_| signal != SIGHUP || !ignored(SIGHUP)) {
                signal_hook::flag::register(signal, Arc::clone(flag))
                    .context("no signal handler was installed")?;
            }
        }
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .context("piton could not make itself the subreaper of what it starts")?;
        Ok(Self { stop, end, transcript: Arc::default(), owner: Arc::default() })
    }

    /// Every job from now on carries the name of `state` in its environment: what is left of it after a kill is known by that.
    pub fn mark(&self, state: &Path) {
        let _ = self.owner.set(state.to_path_buf());
    }

    /// Whether the user asked to stop.
    pub fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the user asks to stop from now on, or has asked piton to end: an earlier Ctrl-C was for somebody else.
    pub fn forget_earlier_interrupts(&self) {
        self.stop.store(self.told_to_end(), Ordering::Relaxed);
    }

    /// Whether somebody asked piton to end, other than by Ctrl-C.
    fn told_to_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Begins `run.log` anew at `path`: every job from now on is told there, with the end of its output.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn transcribe(&self, path: &Path) -> Result<()> {
        // A link in its place, or another name of it, would have piton empty what that leads to.
        let log = beneath::create_file(path).context(format!("{} was not begun", path.display()))?;
        *self.transcript.lock().expect("no holder panics") = Some(log);
        Ok(())
    }

    fn tell(&self, job: &Job, done: &Done) {
        let log = self.transcript.lock().expect("no holder panics");
        let Some(mut log) = log.as_ref() else { return };
        let end = |text: &str| {
            text.chars().rev().take(TOLD_CHARS).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        };
        let text = format!(
            "$ {}\n{}{}[{:?}, {:.1} s]\n\n",
            job.argv.join(" "),
            end(&done.stderr),
            end(&done.stdout),
            done.end,
            done.seconds
        );
        // A log that cannot be written must not end a trial: the ledger says what happened.
        let _ = log.write_all(text.as_bytes());
    }

    /// Runs a job to its end.
    ///
    /// # Errors
    /// When it cannot be started or its output files cannot be made.
    pub fn run(&self, job: &Job) -> Result<Done> {
        let watch = Stopwatch::start();
        let what = || format!("`{}` did not start", job.argv.join(" "));
        // Held until none of its processes is left.
        let group = job.policy.and_then(|policy| Group::make(policy.limits.processes?, memory()));
        let metered = job.policy.is_some_and(|policy| policy.opened.meter.is_some());
        let group = if metered { group.map(Group::counting_time) } else { group };
        let mut line: Vec<OsString> = job.under.iter().map(OsString::from).collect();
        line.extend(job.line(group.as_ref()).context(what())?);
        let mut command = Command::new(line.first().map_or(OsStr::new(""), |program| program));
        command
            .args(&line[1.min(line.len())..])
            .current_dir(job.cwd)
            .env_clear()
            .envs(job.env.iter().map(|(k, v)| (k, v)))
            .envs(self.owner.get().map(|state| (orphans::MARK, state)))
            .stdin(match job.stdin {
                Some(path) => Stdio::from(File::open(path).context(what())?),
                None => Stdio::null(),
            })
            .stdout(beneath::create_file(&job.stdout).context(what())?)
            .stderr(beneath::create_file(&job.stderr).context(what())?)
            .process_group(0);
        let mut child = command.spawn().context(what())?;
        let pid = Pid::from_child(&child);
        #[cfg(target_os = "linux")]
        {
            let limit = Rlimit { current: Some(MAX_FILE_BYTES), maximum: Some(MAX_FILE_BYTES) };
            // It may have ended already; then there is nothing to limit.
            let _ = rustix::process::prlimit(Some(pid), Resource::Fsize, limit);
        }
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let (mut asked, mut told): (Option<(End, Duration)>, u64) = (None, 0);
        let status = loop {
            match ended.recv_timeout(Duration::from_millis(20)) {
                Ok(status) => break status.context(what())?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(piton_core::base::error::Error::new(what()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = watch.elapsed();
            if let Some(seen) = job.seen.filter(|_| now.as_secs() > told) {
                told = now.as_secs();
                if let Some(line) = tail(&job.stderr, 400).lines().next_back() {
                    seen(line.trim());
                }
            }
            match &asked {
                None if self.interrupted() && !job.heedless => asked = Some((End::Interrupted, now)),
                None if now >= job.timeout => asked = Some((End::TimedOut, now)),
                None => asked = job.watch.and_then(|watch| watch(now)).map(|end| (end, now)),
                _ => {}
            }
            if let Some((_, since)) = &asked {
                let kill = !job.gently || now.saturating_sub(*since) >= GRACE;
                let _ =
                    rustix::process::kill_process_group(pid, if kill { Signal::KILL } else { Signal::TERM });
            }
        };
        // The group may outlive its leader.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        let survivors = end_survivors();
        let end = match (asked, status.code(), status.signal()) {
            (Some((end, _)), _, _) => end,
            (None, Some(code), _) => End::Exited(code),
            (None, None, signal) => End::Signalled(signal.unwrap_or(0)),
        };
        let done = Done {
            end,
            stdout: tail(&job.stdout, TAIL_BYTES),
            stderr: tail(&job.stderr, TAIL_BYTES),
            seconds: watch.seconds(),
            survivors,
        };
        self.tell(job, &done);
        Ok(done)
    }
}

/// The absolute path of a program that is named without one, so that nothing later can stand in for it.
pub fn absolute(program: &str) -> String {
    if program.contains('/') {
        return program.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
        .map_or_else(|| program.to_owned(), |file| file.to_string_lossy().into_owned())
}

/// The end of a file as text, at most `most` bytes; empty where there is none.
pub fn tail(path: &Path, most: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = beneath::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// Ends every process that has become piton's child: what a job left behind. Returns how many there were.
fn end_survivors() -> usize {
    let mut seen = std::collections::BTreeSet::new();
    // Killing a parent hands its children to us: look again until there are none. Bounded, as a fork bomb could race us.
    for _ in 0..1000 {
        if !has_children() {
            break;
        }
        for pid in children() {
            seen.insert(pid.as_raw_nonzero());
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        }
    }
    seen.len()
}

/// Whether this process has a child, ended or not: one question to the kernel, where reading all of /proc takes milliseconds.
fn has_children() -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}

/// The children of this process, from /proc. Only called while no job runs, so each of them is a survivor.
fn children() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_nonzero().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name in brackets may hold anything; the parent stands second after it.
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(own.as_str())
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Whether this process was started with `signal` ignored; false where the kernel does not tell.
fn ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Asks a piton to end, as Ctrl-C does.
///
/// # Errors
/// When it is not there, or another user's.
pub fn interrupt(process: u32) -> Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    let sent =
        pid.ok_or(rustix::io::Errno::SRCH).and_then(|pid| rustix::process::kill_process(pid, Signal::INT));
    sent.context(format!("process {process} was not interrupted"))
}
