//! One worker process, from its start to its end.

use super::ending::{obituary, setup};
use super::patience::Patience;
use super::pipes::{Event, Pipes};
use super::start::{Started, start};
use super::state::{SETTLES, asleep, peak_memory, stopped};
use crate::answer::{Answer, Expected, Timed};
use crate::clock;
use crate::frames::{Greeting, too_early, too_many};
use crate::outcome::{Failure, Kind};
use piton_confine::{Policy, processor_time};
use piton_worker::Request;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ExitStatus};
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
    /// The same between an answer and the next prompt, and after the last answer until its end.
    pub idle: Duration,
    /// The same from the first prompt to its end: of all answers and of what it did between and after them.
    pub asked: Duration,
}

/// A running worker. Dropping it kills its process group.
pub struct Worker {
    child: Child,
    pidfd: OwnedFd,
    pipes: Pipes,
    patience: Patience,
    spent: Spent,
    /// Its time on a processor when last its own time began: at the end of an answer, or when it had loaded the model.
    rested: Duration,
}

impl Worker {
    /// Starts a worker and waits until it has loaded the model.
    ///
    /// # Errors
    /// What the worker did instead.
    pub fn start(launch: &Launch, patience: Patience) -> Result<Self, Failure> {
        let argv = [launch.worker, launch.model].map(|path| path.as_os_str().to_owned());
        let Started { child, pidfd, pipes } = start(launch.harness, &argv, launch.walls)?;
        let spent = Spent::default();
        let mut worker = Self { child, pidfd, pipes, patience, spent, rested: Duration::ZERO };
        worker.greet()?;
        worker.spent.load = worker.settled()?;
        worker.rested = worker.spent.load;
        Ok(worker)
    }

    /// Has it stand still, and sees that it does: whoever does not answer can neither work nor disturb.
    ///
    /// # Errors
    /// `bad_setup` where it goes on all the same.
    pub fn pause(&mut self) -> Result<(), Failure> {
        let (pid, until) = (pid(&self.child), clock::now() + GRACE);
        kill_process_group(pid, Signal::STOP).map_err(|e| setup(&e.into()))?;
        while !stopped(pid) {
            if clock::now() >= until {
                return Err(Failure::new(Kind::BadSetup, "a worker was told to stand still, and did not"));
            }
            self.pipes.rest(&self.pidfd).map_err(|e| setup(&e))?;
        }
        Ok(())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// `bad_setup` where the kernel refuses.
    pub fn resume(&mut self) -> Result<(), Failure> {
        kill_process_group(pid(&self.child), Signal::CONT).map_err(|e| setup(&e.into()))
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
        let begun = self.on_processor()?;
        self.spent.idle += begun.saturating_sub(self.rested);
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
        self.rested = self.settled()?;
        self.note_memory()?;
        let on_processor = self.rested.saturating_sub(begun);
        let timed = answer.finish().map(|timed| Timed { on_processor, ..timed });
        timed.ok_or_else(|| Failure::new(Kind::EndedEarly, "the answer is empty"))
    }

    /// Its time on a processor, once it waits: the kernel adds what a thread has run when that thread gives up its core, and else only
    /// at a tick, of which there may be 250 a second. One that never waits is read as it is, and pays for what it does as time between
    /// answers.
    fn settled(&self) -> Result<Duration, Failure> {
        let until = clock::now() + SETTLES;
        while !asleep(pid(&self.child)) && clock::now() < until {
            self.pipes.rest(&self.pidfd).map_err(|e| setup(&e))?;
        }
        self.on_processor()
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

    /// Read after every answer, since a process can reset it.
    fn note_memory(&mut self) -> Result<(), Failure> {
        match peak_memory(pid(&self.child)) {
            Some(bytes) => {
                self.spent.peak_memory = self.spent.peak_memory.max(bytes);
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
        obituary(self.pipes.tail.text(), status, quietly, when)
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
        self.spent.asked = all.saturating_sub(self.spent.load);
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
