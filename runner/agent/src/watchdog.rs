//! Watches an agent at work: reads its events as they come, and tells when it is to be ended: because it stalls, or because it has come to
//! its last event and does not exit.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::events::{CallOutput, Listener};
use super::kind::AgentKind;
use piton_system::beneath;
use piton_system::clock;
use piton_system::process::{Done, End};

/// How often the agent is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How long an agent may take to exit after its last event.
const LINGER: Duration = Duration::from_secs(10);
/// Longest line that is read, in bytes; the rest of a longer one is passed over.
const LINE: usize = 8 << 20;
/// Most files of an edit that are looked at.
const FILES: usize = 20_000;

/// Why an agent was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It neither said nor edited anything.
    Stalled,
    /// It had ended, and did not exit.
    Lingered,
}

/// An agent being watched.
pub(crate) struct Watchdog {
    out: PathBuf,
    err: PathBuf,
    edits: Vec<PathBuf>,
    stall: Duration,
    state: RefCell<WatchdogState>,
}

struct WatchdogState {
    /// Absent for a command whose output is nobody's to read.
    listener: Option<Listener>,
    /// Bytes of its standard output that were read, and the beginning of a line among them.
    read: u64,
    line: Vec<u8>,
    /// Bytes of its standard error.
    errors: u64,
    looked: Duration,
    walked: Duration,
    alive: Duration,
    /// When the youngest file was changed: seconds and nanoseconds.
    edit: Option<(i64, i64)>,
    ended: Option<Duration>,
    why: Option<Why>,
}

impl Watchdog {
    /// Over an agent that starts now.
    pub fn new(
        kind: Option<&AgentKind>,
        out: &Path,
        err: &Path,
        edits: Vec<PathBuf>,
        stall: Duration,
    ) -> Self {
        let edit = newest(&edits);
        let state = WatchdogState {
            listener: kind.map(|kind| Listener::new(kind, clock::unix())),
            read: 0,
            line: vec![],
            errors: 0,
            looked: Duration::ZERO,
            walked: Duration::ZERO,
            alive: Duration::ZERO,
            edit,
            ended: None,
            why: None,
        };
        Self { out: out.to_owned(), err: err.to_owned(), edits, stall, state: RefCell::new(state) }
    }

    /// Whether it is to be ended, so long after its start.
    pub fn look(&self, elapsed: Duration) -> Option<End> {
        let mut state = self.state.borrow_mut();
        if elapsed < state.looked + EVERY {
            return None;
        }
        state.looked = elapsed;
        let errors = fs::metadata(&self.err).map_or(0, |meta| meta.len());
        if state.read_on(&self.out) || errors != state.errors {
            (state.alive, state.errors) = (elapsed, errors);
        }
        let ended = state.listener.as_ref().is_some_and(Listener::has_ended);
        state.ended = ended.then(|| state.ended.unwrap_or(elapsed));
        if state.ended.is_some_and(|since| elapsed >= since + LINGER) {
            state.why = Some(Why::Lingered);
            return Some(End::TimedOut);
        }
        let silent = elapsed.saturating_sub(state.alive);
        // An edit is looked for only where nothing is said: reading a tree has a price.
        if silent >= self.stall / 2 && elapsed >= state.walked + (self.stall / 20).max(EVERY) {
            state.walked = elapsed;
            let edit = newest(&self.edits);
            if edit != state.edit {
                (state.edit, state.alive) = (edit, elapsed);
            } else if silent >= self.stall {
                state.why = Some(Why::Stalled);
                return Some(End::TimedOut);
            }
        }
        None
    }

    /// What was heard, now that it is gone, and why it was ended where it was.
    pub fn end(self, done: &Done) -> (CallOutput, Option<Why>) {
        let mut state = self.state.into_inner();
        while state.read_on(&self.out) {}
        let rest = std::mem::take(&mut state.line);
        let Some(mut listener) = state.listener else { return (CallOutput::default(), state.why) };
        if !rest.is_empty() {
            listener.line(&String::from_utf8_lossy(&rest));
        }
        let exited = if let End::Exited(status) = done.end { Some(status) } else { None };
        (listener.close(&done.stderr, exited), state.why)
    }
}

impl WatchdogState {
    /// Takes in what was printed since. Returns whether there was anything.
    fn read_on(&mut self, out: &Path) -> bool {
        let mut bytes = vec![];
        let read = |bytes: &mut Vec<u8>| -> std::io::Result<usize> {
            let mut file = beneath::open(out)?;
            file.seek(SeekFrom::Start(self.read))?;
            file.take(1 << 20).read_to_end(bytes)
        };
        let Ok(1..) = read(&mut bytes) else { return false };
        self.read += bytes.len() as u64;
        let Some(listener) = &mut self.listener else { return true };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() < LINE {
                self.line.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                listener.line(&String::from_utf8_lossy(&self.line));
                self.line.clear();
            }
        }
        true
    }
}

/// When the youngest file below these was changed. Links are not followed.
fn newest(places: &[PathBuf]) -> Option<(i64, i64)> {
    let (mut open, mut seen, mut newest) = (places.to_vec(), 0, None);
    while let Some(path) = open.pop() {
        seen += 1;
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        newest = newest.max(Some((meta.ctime(), meta.ctime_nsec())));
        if meta.is_dir() && seen < FILES {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    newest
}
