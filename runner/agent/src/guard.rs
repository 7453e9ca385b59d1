//! An agent that a person drives, inside the walls: it runs confined, and its `piton` commands are carried out outside.
//!
//! The confined command finds a socket in `$PITON_SOCKET`. What it calls `piton` with goes there as one line of JSON; the supervisor
//! starts piton once more for it, outside, in the guarded checkout, and sends back what that prints. Arguments cross, and text: no
//! path of the caller's, no environment, no descriptor.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use piton_core::base::error::{Context, Error, Result, exit};
use piton_system::process::{self, Stream};
use piton_system::terminal;

/// Where a confined command finds the supervisor.
pub const SOCKET: &str = "PITON_SOCKET";
/// Set for what is carried out outside because somebody inside asked for it.
const ASKED: &str = "PITON_ASKED_FROM_INSIDE";
/// Longest line of arguments, in bytes.
const MAX_REQUEST: u64 = 1 << 20;
/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most commands that are carried out at once: a trial under way must not keep others from asking how it stands.
const MOST: usize = 8;

/// What a confined command asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Arguments of piton, without its name.
    arguments: Vec<String>,
}

/// What comes back, a line each; the last is a status.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GuardReply {
    /// Standard output.
    Out(String),
    /// Standard error.
    Err(String),
    /// It has ended with this exit status.
    Status(u8),
}

/// The supervisor's socket, where this process runs inside the walls.
pub fn supervisor_socket() -> Option<PathBuf> {
    std::env::var_os(SOCKET).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Whether this process carries out what somebody inside the walls asked for.
pub fn called_from_walls() -> bool {
    std::env::var_os(ASKED).is_some()
}

/// Has the supervisor carry out what this process was called with, and prints what comes back. Returns the exit status.
///
/// # Errors
/// No supervisor at the socket, or one that ended meanwhile.
pub fn forward(socket: &Path, arguments: Vec<String>) -> Result<u8> {
    let what = "the command was not carried out outside the walls";
    let stream = UnixStream::connect(socket).context(what).map_err(|error| {
        error.note("nothing was changed").hint("is `piton guard`, which started this, still running?")
    })?;
    let mut line = serde_json::to_string(&Request { arguments }).context(what)?;
    line.push('\n');
    (&stream).write_all(line.as_bytes()).context(what)?;
    for line in BufReader::new(&stream).lines() {
        match serde_json::from_str(&line.context(what)?).context(what)? {
            GuardReply::Out(text) => terminal::copy(&text),
            GuardReply::Err(text) => terminal::copy_error(&text),
            GuardReply::Status(status) => return Ok(status),
        }
    }
    let error = Error::new(what).cause("`piton guard` ended before the command did");
    Err(error.hint("`piton log`, outside, shows what was recorded"))
}

/// One of the commands that are being carried out.
struct CommandSlot<'a>(&'a AtomicUsize);

impl<'a> CommandSlot<'a> {
    fn take(busy: &'a AtomicUsize) -> Option<Self> {
        let place = Self(busy);
        (busy.fetch_add(1, Ordering::Relaxed) < MOST).then_some(place)
    }
}

impl Drop for CommandSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Carries out what confined commands ask for.
pub struct Supervisor<'a> {
    checkout: &'a Path,
    piton: PathBuf,
    /// Says whether a command may be asked for from inside, from its arguments; if not, why.
    permits: &'a (dyn Fn(&[String]) -> Result<()> + Sync),
    /// How many are being carried out.
    busy: AtomicUsize,
    closed: AtomicBool,
}

impl<'a> Supervisor<'a> {
    /// Starts `piton` in `checkout` for what `permits` lets pass.
    pub fn new(
        checkout: &'a Path,
        piton: PathBuf,
        permits: &'a (dyn Fn(&[String]) -> Result<()> + Sync),
    ) -> Self {
        Self { checkout, piton, permits, busy: AtomicUsize::new(0), closed: AtomicBool::new(false) }
    }

    /// Answers callers until [`Supervisor::close`]; what is being carried out then is finished.
    pub fn serve(&self, listener: &UnixListener) {
        std::thread::scope(|scope| {
            for stream in listener.incoming() {
                if self.closed.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                scope.spawn(move || self.answer(stream));
            }
        });
    }

    /// No more callers are answered.
    pub fn close(&self, socket: &Path) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the listener; should that fail, it wakes at the next caller.
        drop(UnixStream::connect(socket));
    }

    fn answer(&self, stream: UnixStream) {
        let stream = Mutex::new(stream);
        let reply = |reply: &GuardReply| {
            let line = serde_json::to_string(reply).expect("our own types serialise") + "\n";
            // A caller that has gone does not end what it asked for: its outcome is in the ledger.
            let _ = stream.lock().expect("no holder panics").write_all(line.as_bytes());
        };
        let status = self.carry_out(&stream, &reply).unwrap_or_else(|error| {
            reply(&GuardReply::Err(format!("{error}\n")));
            error.status
        });
        reply(&GuardReply::Status(status));
    }

    fn carry_out(&self, stream: &Mutex<UnixStream>, reply: &(dyn Fn(&GuardReply) + Sync)) -> Result<u8> {
        let what = "the command was not carried out";
        let arguments = {
            let stream = stream.lock().expect("no holder panics");
            stream.set_read_timeout(Some(PATIENCE)).context(what)?;
            stream.set_write_timeout(Some(PATIENCE)).context(what)?;
            let mut line = String::new();
            BufReader::new((&*stream).take(MAX_REQUEST)).read_line(&mut line).context(what)?;
            let request: Request = serde_json::from_str(&line)
                .map_err(|e| Error::usage(what).cause(format!("what was asked is no request: {e}")))?;
            request.arguments
        };
        (self.permits)(&arguments)?;
        let _place = CommandSlot::take(&self.busy).ok_or_else(|| {
            Error::refused(what)
                .cause(format!("{MOST} commands are being carried out already"))
                .note("nothing was changed")
                .hint("try again when one of them has ended")
        })?;
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::refused(what).cause("`piton guard` is ending"));
        }
        let argv: Vec<OsString> = [self.piton.clone().into_os_string()]
            .into_iter()
            .chain(arguments.into_iter().map(OsString::from))
            .collect();
        let mut env: Vec<(OsString, OsString)> =
            process::full_env().into_iter().filter(|(name, _)| name != SOCKET).collect();
        env.push((ASKED.into(), "1".into()));
        let status = process::stream(&argv, self.checkout, env, &|from, text| {
            reply(&match from {
                Stream::Out => GuardReply::Out(text.to_owned()),
                Stream::Err => GuardReply::Err(text.to_owned()),
            });
        })?;
        Ok(status.unwrap_or(exit::FAILED))
    }
}
