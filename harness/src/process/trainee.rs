//! A worker that learns: it may use so much processor time, from its start on, and no more.
//!
//! The kernel counts that time for all threads of the process, whoever they wait for, and whatever the process says of itself. It is
//! looked at when bytes come, and when the budget can have been spent at the earliest.

use super::ending::{obituary, setup};
use super::pipes::Event;
use super::start::{Started, start};
use super::state::peak_memory;
use crate::clock;
use crate::outcome::{Failure, Kind};
use piton_confine::{Policy, processor_time};
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;
use std::time::Duration;

/// How long a worker that has closed its output may take to end.
const GRACE: Duration = Duration::from_secs(5);
/// The shortest wait before its processor time is looked at again.
const LOOK: Duration = Duration::from_millis(1);

/// What came of waiting for bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// As many as were asked for, while the budget lasted.
    All,
    /// The budget was spent before.
    Spent,
}

/// A process that learns. Dropping it kills its process group.
pub struct Trainee {
    started: Started,
    /// Processor time that it may use.
    budget: Duration,
    /// When it must be over, by [`clock::now`].
    end: Duration,
    /// Bytes that came and were not asked for yet.
    ahead: Vec<u8>,
    /// Peak resident memory so far, in bytes.
    peak_memory: u64,
}

impl Trainee {
    /// Starts it.
    ///
    /// # Errors
    /// `bad_setup` where the system refuses.
    pub fn start(
        (harness, worker): (&Path, &Path),
        walls: &Policy,
        budget: Duration,
        end: Duration,
    ) -> Result<Self, Failure> {
        let started = start(harness, &[worker.as_os_str().to_owned()], walls)?;
        Ok(Self { started, budget, end, ahead: vec![], peak_memory: 0 })
    }

    /// Writes `request`, and waits until `into` is full. `when` says what is going on, for a failure.
    ///
    /// # Errors
    /// What it did instead: it ended, or took too long by the clock on the wall.
    pub fn exchange(&mut self, mut request: &[u8], into: &mut [u8], when: &str) -> Result<Came, Failure> {
        let mut got = 0;
        loop {
            let now = self.ahead.len().min(into.len() - got);
            into[got..got + now].copy_from_slice(&self.ahead[..now]);
            self.ahead.drain(..now);
            got += now;
            let spent = self.spent()?;
            // Often, since a process can reset it.
            self.peak_memory = self.peak_memory.max(peak_memory(self.pid()).unwrap_or_default());
            if spent >= self.budget {
                return Ok(Came::Spent);
            }
            if got == into.len() && request.is_empty() {
                // Scores that it sent before it was told what came are taken all the same: they know less than they might.
                return Ok(Came::All);
            }
            let deadline = (clock::now() + (self.budget - spent).max(LOOK)).min(self.end);
            match self.started.pipes.next(&mut request, deadline).map_err(|e| setup(&e))? {
                Event::Bytes(bytes, _) => self.ahead.extend_from_slice(bytes),
                Event::Closed => return Err(self.died(when)),
                Event::Deadline if clock::now() >= self.end => return Err(self.lost_patience(when)),
                Event::Deadline => {}
            }
        }
    }

    /// Processor time that it has used since it was started.
    ///
    /// # Errors
    /// `bad_setup` where the kernel does not say.
    pub fn spent(&self) -> Result<Duration, Failure> {
        processor_time(self.pid()).map_err(|e| setup(&e))
    }

    /// Ends it. Returns its peak memory, in bytes, and the processor time that it used.
    ///
    /// # Errors
    /// `bad_setup` where the kernel does not say.
    pub fn finish(self) -> Result<(u64, Duration), Failure> {
        Ok((self.peak_memory, self.spent()?))
    }

    fn lost_patience(&self, when: &str) -> Failure {
        let reason = format!(
            "its budget of processor time was not spent within --sample-timeout-s; it was ended {when}"
        );
        let hint = "a worker that waits, or a machine that is very busy: raise --sample-timeout-s";
        self.with_last_words(Failure::new(Kind::Hung, reason).hint(hint))
    }

    fn with_last_words(&self, mut failure: Failure) -> Failure {
        failure.detail.stderr = self.started.pipes.tail.text();
        failure
    }

    fn died(&mut self, when: &str) -> Failure {
        let Started { child, pidfd, pipes } = &mut self.started;
        let ended = matches!(pipes.wait_for_end(pidfd, clock::now() + GRACE), Ok(true));
        let status = if ended { child.wait().ok() } else { None };
        obituary(pipes.tail.text(), status, Kind::Crashed, when)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.started.child)
    }
}

impl Drop for Trainee {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.started.child.kill();
        let _ = self.started.child.wait();
    }
}
