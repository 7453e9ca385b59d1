//! One worker process, from its start to its end.

use super::patience::Patience;
use super::pipes::{Event, Pipes};
use crate::answer::{Answer, Expected, Timed};
use crate::clock;
use crate::frames::{Greeting, too_early, too_many};
use crate::outcome::{Failure, Kind};
use piton_confine::{NOT_EXECUTED, NOT_STARTED, Policy, STATUS, processor_time};
use piton_worker::Request;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a worker that has closed its output, or whose input was closed, may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Launch<'a> {
    /// This binary, which limits itself and then becomes the worker.
    pub harness: &'a Path,
    /// The worker's binary. Absolute.
    pub worker: &'a Path,
    /// The directory of the model. Absolute.
    pub model: &'a Path,
    /// What it may do.
    pub walls: &'a Policy,
}

/// What a worker used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Peak resident memory, in bytes.
    pub peak_memory: u64,
    /// Time of all its threads on a processor until it had loaded the model.
    pub load: Duration,
    /// The same between the last token of an answer and the next prompt, and after the last answer until its end.
    pub idle: Duration,
}

/// A running worker. Dropping it kills its process group.
pub struct Worker {
    child: Child,
    pidfd: OwnedFd,
    pipes: Pipes,
    patience: Patience,
    spent: Spent,
    /// Its time on a processor when last its own time began: at its last token, or when it had loaded the model.
    rested: Duration,
}

impl Worker {
    /// Starts a worker and waits until it has loaded the model.
    ///
    /// # Errors
    /// What the worker did instead.
    pub fn start(launch: &Launch, patience: Patience) -> Result<Self, Failure> {
        let argv = [launch.worker, launch.model].map(|path| path.as_os_str().to_owned());
        let line = launch.walls.wrap(launch.harness, &argv);
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
        let opened = Pipes::of(&mut child)
            .and_then(|pipes| Ok((pipes, pidfd_open(pid(&child), PidfdFlags::empty())?)));
        let (pipes, pidfd) = match opened {
            Ok(opened) => opened,
            Err(e) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(setup(&e));
            }
        };
        let mut worker =
            Self { child, pidfd, pipes, patience, spent: Spent::default(), rested: Duration::ZERO };
        worker.greet()?;
        worker.spent.load = worker.on_processor()?;
        worker.rested = worker.spent.load;
        Ok(worker)
    }

    fn greet(&mut self) -> Result<(), Failure> {
        let (mut greeting, deadline) = (Greeting::default(), self.patience.deadline());
        loop {
            match self.pipes.next(&mut &[][..], deadline).map_err(|e| setup(&e))? {
                Event::Bytes(bytes, _) => {
                    if greeting.feed(bytes).map_err(|failure| self.with_last_words(failure))? {
                        return Ok(());
                    }
                }
                Event::Closed => return Err(self.died(Kind::Crashed, "before it had loaded the model")),
                Event::Deadline => return Err(self.lost_patience("while the model was being loaded")),
            }
        }
    }

    /// Asks for one answer.
    ///
    /// # Errors
    /// What the worker did instead.
    pub fn ask(&mut self, request: &Request, vocab: u32, end: &[u32]) -> Result<Timed, Failure> {
        self.expect_silence(too_early)?;
        let max_new = request.max_new as usize;
        let mut answer = Answer::new(Expected { nonce: request.nonce, max_new, vocab, end });
        let bytes = request.encode();
        let mut left = &bytes[..];
        let mut deadline = self.patience.deadline();
        self.spent.idle += self.on_processor()?.saturating_sub(self.rested);
        let written = clock::now();
        while !answer.is_complete() {
            let had = answer.len();
            match self.pipes.next(&mut left, deadline).map_err(|e| setup(&e))? {
                Event::Bytes(bytes, at) => {
                    answer
                        .feed(bytes, at.saturating_sub(written))
                        .map_err(|failure| self.with_last_words(failure))?;
                }
                Event::Closed => {
                    return Err(self.died(Kind::EndedEarly, &format!("after {had} of {max_new} tokens")));
                }
                Event::Deadline => {
                    return Err(self.lost_patience(&format!("after {had} of {max_new} tokens")));
                }
            }
            if answer.len() > had {
                deadline = self.patience.deadline();
            }
        }
        self.rested = self.on_processor()?;
        self.note_memory()?;
        answer.finish().ok_or_else(|| Failure::new(Kind::EndedEarly, "the answer is empty"))
    }

    /// Closes the worker's input, waits until it has ended, and gives what it used.
    ///
    /// # Errors
    /// What the worker did instead of ending with status 0.
    pub fn finish(mut self) -> Result<Spent, Failure> {
        self.patience.silence = self.patience.silence.min(GRACE);
        self.expect_silence(too_many)?;
        self.pipes.close_input();
        let deadline = self.patience.deadline();
        let failure = match self.pipes.next(&mut &[][..], deadline).map_err(|e| setup(&e))? {
            Event::Bytes(bytes, _) => Some(too_many(bytes)),
            Event::Deadline => {
                Some(self.patience.exceeded("after the pipe was closed; a worker must end then"))
            }
            Event::Closed => None,
        };
        if let Some(failure) = failure {
            return Err(self.with_last_words(failure));
        }
        match self.end() {
            Some(status) if status.success() => Ok(self.spent),
            status => Err(self.obituary(status, Kind::Crashed, "after its last answer")),
        }
    }

    /// Peak resident memory from the kernel. `ru_maxrss` would not do: it is inherited across exec, and so never
    /// below that of the process that started the worker. Read after every answer, since a process can reset it.
    fn note_memory(&mut self) -> Result<(), Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        match kib {
            Some(kib) => {
                self.spent.peak_memory = self.spent.peak_memory.max(1024 * kib);
                Ok(())
            }
            // It has no memory any more: it ended on its own before it was told to.
            None => Err(self.died(Kind::Crashed, "after an answer, before its memory could be read")),
        }
    }

    fn expect_silence(&mut self, violation: fn(&[u8]) -> Failure) -> Result<(), Failure> {
        match self.pipes.next(&mut &[][..], Duration::ZERO).map_err(|e| setup(&e))? {
            Event::Deadline => Ok(()),
            Event::Bytes(bytes, _) => {
                let failure = violation(bytes);
                Err(self.with_last_words(failure))
            }
            Event::Closed => Err(self.died(Kind::Crashed, "between two requests")),
        }
    }

    fn lost_patience(&mut self, what: &str) -> Failure {
        let failure = self.patience.exceeded(what);
        self.with_last_words(failure)
    }

    fn with_last_words(&self, mut failure: Failure) -> Failure {
        failure.detail.stderr = self.pipes.tail.text();
        failure
    }

    /// The failure of a worker whose output was closed. `quietly` is what it is where the process ended with 0.
    fn died(&mut self, quietly: Kind, when: &str) -> Failure {
        let status = self.end();
        self.obituary(status, quietly, when)
    }

    fn obituary(&self, status: Option<ExitStatus>, quietly: Kind, when: &str) -> Failure {
        let words = self.pipes.tail.text().unwrap_or_default();
        let Some(status) = status else {
            return self
                .with_last_words(Failure::new(quietly, format!("it closed its output {when}, and ran on")));
        };
        let kind = match status.code() {
            Some(0) => quietly,
            Some(STATUS) if words.starts_with(NOT_EXECUTED) => Kind::NotFound,
            Some(STATUS) if words.starts_with(NOT_STARTED) => Kind::BadSetup,
            _ if ran_out_of_memory(status, &words) => Kind::OutOfMemory,
            _ => Kind::Crashed,
        };
        let mut failure =
            self.with_last_words(Failure::new(kind, format!("it ended with {} {when}", shown(status))));
        failure.detail.status = Some(shown(status));
        failure
    }

    /// Waits a little for the process to end by itself; `None` where it did not.
    fn end(&mut self) -> Option<ExitStatus> {
        let ended = self.pipes.wait_for_end(&self.pidfd, clock::now() + GRACE.min(self.patience.silence));
        if !matches!(ended, Ok(true)) {
            return None;
        }
        // Before it is waited for: then nobody knows any more.
        let all = processor_time(pid(&self.child)).unwrap_or(self.rested);
        self.spent.idle += all.saturating_sub(self.rested);
        self.child.wait().ok()
    }

    fn on_processor(&self) -> Result<Duration, Failure> {
        processor_time(pid(&self.child)).map_err(|e| setup(&e))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = kill_process_group(pid(&self.child), Signal::KILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn setup(e: &io::Error) -> Failure {
    Failure::new(Kind::BadSetup, format!("the worker's process could not be started or watched: {e}"))
}

/// An address space limit shows as a failed allocation; the kernel's own limit as a kill that nobody here sent.
fn ran_out_of_memory(status: ExitStatus, words: &str) -> bool {
    let words = words.to_lowercase();
    let said = ["memory allocation of", "out of memory", "cannot allocate memory", "bad_alloc"];
    status.signal() == Some(Signal::KILL.as_raw()) || said.iter().any(|said| words.contains(said))
}

fn shown(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return format!("exit status {}", status.code().unwrap_or_default());
    };
    let name = match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS: a system call that its confinement forbids)",
        _ => "",
    };
    format!("signal {signal}{name}")
}
