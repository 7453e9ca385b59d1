//! The three pipes of a worker, in one loop.
//!
//! One thread reads both outputs and writes the input as the pipes allow, so that neither a worker that floods
//! one of them nor one that reads nothing can block the harness, and nothing but a fixed buffer holds what comes.

use super::tail::Tail;
use crate::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

/// How long is waited before a process is looked at again.
const REST: Duration = Duration::from_micros(50);

/// Bytes read at a time: the capacity of a pipe.
const BUFFER: usize = 64 * 1024;

/// What happened on the worker's output.
pub(super) enum Event<'a> {
    /// Bytes arrived, at this time.
    Bytes(&'a [u8], Duration),
    /// It was closed.
    Closed,
    /// Nothing happened until the deadline.
    Deadline,
}

pub(super) struct Pipes {
    input: Option<ChildStdin>,
    output: ChildStdout,
    errors: Option<ChildStderr>,
    /// What came on standard error.
    pub(super) tail: Tail,
    buffer: Vec<u8>,
}

impl Pipes {
    /// Takes the pipes of a child that was started with three of them.
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        let missing = || io::Error::other("the process was started without pipes");
        let pipes = Self {
            input: Some(child.stdin.take().ok_or_else(missing)?),
            output: child.stdout.take().ok_or_else(missing)?,
            errors: Some(child.stderr.take().ok_or_else(missing)?),
            tail: Tail::default(),
            buffer: vec![0; BUFFER],
        };
        let fds = [
            pipes.input.as_ref().map(AsFd::as_fd),
            Some(pipes.output.as_fd()),
            pipes.errors.as_ref().map(AsFd::as_fd),
        ];
        for fd in fds.into_iter().flatten() {
            ioctl_fionbio(fd, true)?;
        }
        Ok(pipes)
    }

    /// Waits until something comes from the worker, writing `request` meanwhile as far as the pipe takes it.
    ///
    /// `deadline` is a time of [`clock::now`]; one in the past asks whether anything is there already.
    pub(super) fn next(&mut self, request: &mut &[u8], deadline: Duration) -> io::Result<Event<'_>> {
        loop {
            let ready = self.wait(!request.is_empty(), None, deadline)?;
            if ready.output {
                match (&self.output).read_now(&mut self.buffer)? {
                    None => {}
                    Some(0) => return Ok(Event::Closed),
                    // The clock is read before anything else is done with the bytes.
                    Some(n) => {
                        let at = clock::now();
                        return Ok(Event::Bytes(&self.buffer[..n], at));
                    }
                }
            }
            if ready.input {
                self.write(request)?;
            }
            if ready.errors {
                self.read_errors()?;
            }
            if clock::now() >= deadline && !ready.output {
                return Ok(Event::Deadline);
            }
        }
    }

    /// Closes the worker's input: there will be no more requests.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits until the process behind `pidfd` has ended, and reads what it left on standard error. `false` at
    /// the deadline.
    pub(super) fn wait_for_end(&mut self, pidfd: &OwnedFd, deadline: Duration) -> io::Result<bool> {
        loop {
            let ready = self.wait(false, Some(pidfd.as_fd()), deadline)?;
            let more = ready.errors && self.read_errors()?;
            if (ready.process && !more) || clock::now() >= deadline {
                return Ok(ready.process);
            }
        }
    }

    /// Leaves the processor to others for a moment, or until the process behind `pidfd` has ended.
    pub(super) fn rest(&self, pidfd: &OwnedFd) -> io::Result<()> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: REST.as_nanos() as i64 };
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    fn write(&mut self, request: &mut &[u8]) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        match input.write(request) {
            Ok(n) => *request = &request[n..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            // The worker reads no more. Whether it died or plays dead shows on its output.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => *request = &[],
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Whether anything was read.
    fn read_errors(&mut self) -> io::Result<bool> {
        let Some(errors) = &mut self.errors else { return Ok(false) };
        let mut buffer = [0; 4096];
        match errors.read_now(&mut buffer)? {
            Some(0) => self.errors = None,
            Some(n) => self.tail.push(&buffer[..n]),
            None => return Ok(false),
        }
        Ok(true)
    }

    fn wait(&self, writes: bool, pidfd: Option<BorrowedFd>, deadline: Duration) -> io::Result<Ready> {
        let left = deadline.saturating_sub(clock::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        // A process that has ended keeps its output readable for ever: only one of the two is waited for.
        let output = if pidfd.is_none() { Some(self.output.as_fd()) } else { None };
        let input = self.input.as_ref().filter(|_| writes).map(AsFd::as_fd);
        let errors = self.errors.as_ref().map(AsFd::as_fd);
        let wanted = [output, input, errors, pidfd];
        let mut fds: Vec<PollFd> =
            (wanted.iter().zip([PollFlags::IN, PollFlags::OUT, PollFlags::IN, PollFlags::IN]))
                .filter_map(|(fd, flags)| fd.map(|fd| PollFd::from_borrowed_fd(fd, flags)))
                .collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let mut happened = fds.iter().map(|fd| !fd.revents().is_empty());
        let [output, input, errors, process] =
            wanted.map(|fd| fd.is_some() && happened.next().unwrap_or(false));
        Ok(Ready { output, input, errors, process })
    }
}

struct Ready {
    output: bool,
    input: bool,
    errors: bool,
    process: bool,
}

/// Reading from a pipe that does not block: `None` where nothing is there, 0 where it was closed.
trait ReadNow {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;
}

impl<R: AsFd> ReadNow for R {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::io::read(self, buffer) {
            Ok(n) => Ok(Some(n)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}
