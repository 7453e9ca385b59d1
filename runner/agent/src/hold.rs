//! A guarded agent stands still while somebody measures in its repository.
//!
//! The guard keeps its agent: it listens at a socket that a file in `.git/piton/guards` names. Whoever measures connects, and is answered
//! once the agent has stopped; it asks after each pair whether the agent moved, and hangs up when it has measured. So nobody stays
//! stopped whose measuring piton was killed. What was stopped is written down first: where the guard is killed, the next piton, or
//! the one that measures, ends those processes.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use piton_confine::Freezer;
use serde::{Deserialize, Serialize};

use piton_core::base::error::{Context, Result};
use piton_system::clock::{self, Stopwatch};
use piton_system::freeze::{FreezableProcesses, Process, is_walled};

/// Where guards are written down, in the state directory.
const GUARDS: &str = "guards";
/// Its socket, in a directory that the agent cannot write.
const SOCKET: &str = "hold";
/// How long a guard may take to answer: longer than an agent may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a guard is asked, and what it answers where there is nothing to tell.
const ASK: &[u8] = b"moved?\n";
const STILL: &str = "still";
/// How long a guard that hung up may take to be gone, and how often that is looked at.
const DYING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(2);

/// A guard, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GuardProcess {
    process: Process,
    socket: PathBuf,
    /// Its agent's control group, where it has one.
    group: Option<PathBuf>,
    /// What it has stopped.
    stopped: Vec<Process>,
}

/// Holds a guard's agent for others.
pub struct AgentFreezer {
    file: PathBuf,
    listener: UnixListener,
    kept: Mutex<HoldState>,
    closed: AtomicBool,
}

struct HoldState {
    processes: FreezableProcesses,
    guard: GuardProcess,
    holders: usize,
    /// The connections, to hang up.
    streams: Vec<UnixStream>,
    /// Why it was not still, where it was not: told each holder once.
    moved: Vec<String>,
}

impl AgentFreezer {
    /// Of what stands behind walls below this process. `own` is a directory that the agent cannot write.
    ///
    /// # Errors
    /// When it cannot be written down: then nobody would know of it.
    pub fn open(state: &Path, own: &Path, group: Option<Freezer>) -> Result<Self> {
        let what = "the agent was not started: nobody could have it stand still while samples are taken";
        let (dir, socket) = (state.join(GUARDS), own.join(SOCKET));
        fs::create_dir_all(&dir).context(what)?;
        let listener = UnixListener::bind(&socket).context(what)?;
        let pid = std::process::id().cast_signed();
        let process = Process::now(pid).unwrap_or(Process { pid, start: 0 });
        let group_dir = group.as_ref().map(|group| group.dir().to_owned());
        let guard = GuardProcess { process, socket, group: group_dir, stopped: vec![] };
        let file = dir.join(format!("{pid}.json"));
        guard.write(&file).context(what)?;
        let kept = HoldState {
            processes: FreezableProcesses::new(pid, group),
            guard,
            holders: 0,
            streams: vec![],
            moved: vec![],
        };
        Ok(Self { file, listener, kept: Mutex::new(kept), closed: AtomicBool::new(false) })
    }

    /// Whether this system lets an agent be stopped.
    pub fn can_stop(&self) -> bool {
        self.kept().processes.can()
    }

    /// What starts the agent, so that it is in its group.
    pub fn wrap(
        &self,
        wrap: impl FnOnce(Option<&Freezer>) -> Vec<std::ffi::OsString>,
    ) -> Vec<std::ffi::OsString> {
        wrap(self.kept().processes.group())
    }

    /// Answers those who measure until [`AgentFreezer::close`].
    pub fn serve(&self) {
        std::thread::scope(|scope| {
            for stream in self.listener.incoming() {
                if self.closed.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                scope.spawn(move || self.hold(&stream));
            }
        });
    }

    /// Nobody holds it any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = fs::remove_file(&self.file);
        let kept = self.kept();
        for stream in &kept.streams {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the listener.
        drop(UnixStream::connect(&kept.guard.socket));
    }

    /// For as long as somebody outside the walls is connected. The agent itself, which could stop itself for ever, is not let in.
    fn hold(&self, stream: &UnixStream) {
        let peer = rustix::net::sockopt::socket_peercred(stream);
        if !peer.is_ok_and(|peer| !is_walled(peer.pid.as_raw_nonzero().get())) {
            return;
        }
        let Ok(own) = stream.try_clone() else { return };
        let mut told = 0;
        let mut answer = self.begin(own, &mut told);
        let mut lines = BufReader::new(stream).lines();
        loop {
            answer.push('\n');
            let mut to = stream;
            if self.closed.load(Ordering::Relaxed) || to.write_all(answer.as_bytes()).is_err() {
                break;
            }
            // Whoever measures hangs up, or is ended.
            let Some(Ok(_)) = lines.next() else { break };
            answer = self.ask(&mut told);
        }
        self.end();
    }

    fn begin(&self, stream: UnixStream, told: &mut usize) -> String {
        let mut kept = self.kept();
        kept.streams.push(stream);
        kept.holders += 1;
        let first = kept.holders == 1;
        let stopped = if first { kept.processes.stop() } else { Ok(()) };
        *told = kept.moved.len();
        kept.guard.stopped = kept.processes.members();
        // Written down before anybody counts on it.
        let written = kept
            .guard
            .write(&self.file)
            .map_err(|e| format!("what it has stopped was not written down: {e}"));
        stopped.and(written).err().unwrap_or_else(|| STILL.to_owned())
    }

    fn ask(&self, told: &mut usize) -> String {
        let mut kept = self.kept();
        if let Some(why) = kept.processes.moved() {
            kept.moved.push(why);
            kept.guard.stopped = kept.processes.members();
            let _ = kept.guard.write(&self.file);
        }
        let answer = kept.moved.get(*told).cloned().unwrap_or_else(|| STILL.to_owned());
        *told = kept.moved.len();
        answer
    }

    fn end(&self) {
        let mut kept = self.kept();
        kept.holders -= 1;
        if kept.holders == 0 {
            kept.processes.release();
            kept.guard.stopped.clear();
            if !self.closed.load(Ordering::Relaxed) {
                let _ = kept.guard.write(&self.file);
            }
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HoldState> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for AgentFreezer {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl GuardProcess {
    /// A reader finds the old content or the new, never a part.
    fn write(&self, file: &Path) -> std::io::Result<()> {
        let dir = file.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::NamedTempFile::new_in(dir)?;
        new.write_all(&serde_json::to_vec(self)?)?;
        new.persist(file).map(|_| ()).map_err(|e| e.error)
    }

    fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    /// Ends what it stopped and can no longer let go on. Returns how many there were.
    fn end_stopped(&self, file: &Path) -> usize {
        let group = self.group.as_deref().map(Freezer::left);
        let members = group.as_ref().map(Freezer::members).unwrap_or_default();
        let members = members.into_iter().filter_map(Process::now);
        let ended = members.chain(self.stopped.iter().copied()).filter(|process| process.end()).count();
        // Dropped now: in a group of the first version even a kill waits until it goes on.
        drop(group);
        let _ = fs::remove_file(file);
        ended
    }
}

/// Ends what guards had stopped that were killed. Returns how many processes there were.
pub fn end_leftovers(state: &Path) -> usize {
    let left = files(state).into_iter().filter_map(|file| Some((GuardProcess::read(&file)?, file)));
    left.filter(|(guard, _)| !guard.process.is_there()).map(|(guard, file)| guard.end_stopped(&file)).sum()
}

fn files(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join(GUARDS)).into_iter().flatten().flatten();
    let named =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    named.collect()
}

/// Has every guarded agent of a repository stand still while somebody measures there: from the first sample until this is dropped.
#[derive(Debug)]
pub struct AgentPause {
    state: PathBuf,
    held: RefCell<Option<Vec<HeldAgent>>>,
}

#[derive(Debug)]
struct HeldAgent {
    file: PathBuf,
    guard: GuardProcess,
    stream: BufReader<UnixStream>,
    /// Why it did not stand still from the beginning.
    why: Option<String>,
}

impl AgentPause {
    /// Of the repository whose state is in `state`. Nobody is held yet.
    pub fn of(state: PathBuf) -> Self {
        Self { state, held: RefCell::new(None) }
    }

    /// A sample is about to be taken: returns when every agent has stopped, or would not.
    pub fn begin(&self) {
        let mut held = self.held.borrow_mut();
        if held.is_none() {
            *held = Some(self.take(&[]));
        }
    }

    /// Why the samples since this was asked last say nothing, where an agent was at work meanwhile.
    pub fn disturbed(&self) -> Option<String> {
        let mut held = self.held.borrow_mut();
        let held = held.as_mut()?;
        let mut why = None;
        held.retain_mut(|one| {
            let (stays, said) = one.ask();
            why = why.take().or(said);
            stays
        });
        let known: Vec<PathBuf> = held.iter().map(|one| one.file.clone()).collect();
        let new = self.take(&known);
        if !new.is_empty() {
            why = why.or_else(|| Some("`piton guard` was started meanwhile".to_owned()));
        }
        held.extend(new);
        why.map(|why| format!("a guarded agent did not stand still: {why}"))
    }

    /// Holds those that are not `known`.
    fn take(&self, known: &[PathBuf]) -> Vec<HeldAgent> {
        end_leftovers(&self.state);
        let new = files(&self.state).into_iter().filter(|file| !known.contains(file));
        new.filter_map(|file| {
            let guard = GuardProcess::read(&file)?;
            // One that ended meanwhile holds nobody.
            let stream = UnixStream::connect(&guard.socket).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            let mut held = HeldAgent { file, guard, stream: BufReader::new(stream), why: None };
            held.why = held.answer().unwrap_or_else(|| Some("its guard gives no answer".to_owned()));
            Some(held)
        })
        .collect()
    }
}

impl HeldAgent {
    /// Whether it is still held, and why the last samples do not count.
    fn ask(&mut self) -> (bool, Option<String>) {
        let asked = self.stream.get_mut().write_all(ASK).is_ok();
        let first = self.why.take();
        match self.answer().filter(|_| asked) {
            Some(why) => (true, first.or(why)),
            None => {
                // One that ends in order removes its file, and ends its agent; one that was killed takes a moment to be gone.
                let watch = Stopwatch::start();
                while self.file.exists() && self.guard.process.is_there() && watch.elapsed() < DYING {
                    clock::wait(LOOK);
                }
                // It may have written down more since it was asked first.
                if let Some(guard) = GuardProcess::read(&self.file).filter(|guard| !guard.process.is_there())
                {
                    guard.end_stopped(&self.file);
                }
                (false, Some("its guard ended".to_owned()))
            }
        }
    }

    /// What the guard says: nothing where its agent stood still. `None` where it says nothing at all.
    fn answer(&mut self) -> Option<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).ok()?;
        let line = line.trim_end();
        (read > 0).then(|| (line != STILL).then(|| line.to_owned()))
    }
}
