//! A service that runs already: found before anything starts; refused, or stopped and started again by a process that outlives piton.
//!
//! Whoever stops a service owes its users that it comes back. So the process that is to start it again is there before it is stopped, and
//! knows by the end of a pipe that piton has ended, however it did.

use std::fs::{self, File};
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use piton_core::base::error::{Context, Error, Result};
use piton_system::clock::{self, Stopwatch};
use piton_system::config::sweep::Service;
use piton_system::{process, procfs, terminal};

const WHAT: &str = "the sweep did not start: a service runs already";
/// How long a service may take until its port is free.
const GRACE: Duration = Duration::from_secs(30);
/// How long its start may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a port or a file is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the process that starts it again is told, and what it says.
#[derive(Debug, Serialize, Deserialize)]
struct Guarded {
    /// The command that starts the service.
    start: Vec<String>,
    /// Where it runs.
    dir: PathBuf,
    /// How that ended; absent until it has.
    done: Option<String>,
}

/// A service that was stopped, and is started again by the process at the other end.
pub(super) struct Drained {
    alive: PipeWriter,
    file: PathBuf,
}

/// Makes sure that no service runs: nothing where none does. One that runs is refused, or stopped where the user says so.
///
/// # Errors
/// A service that runs and is not to be stopped, or does not stop.
pub(super) fn clear(plan: &Plan, drain: bool) -> Result<Option<Drained>> {
    let Some(service) = &plan.config.service else { return Ok(None) };
    if procfs::listening(service.port).is_empty() {
        return Ok(None);
    }
    let who = procfs::listener(service.port).map_or_else(
        || format!("somebody else's process listens on port {}", service.port),
        |(pid, line)| {
            let unit = procfs::unit(pid).map_or_else(String::new, |unit| format!(", unit {unit}"));
            format!("process {pid}{unit} listens on port {}: {line}", service.port)
        },
    );
    if !drain {
        return Err(Error::refused(WHAT)
            .cause(who)
            .note("nothing was started, and the service serves as before")
            .hint(
                "piton sweep --drain stops it by the command of [service], and starts it again in the end",
            ));
    }
    stop(plan, service, &who).map(Some)
}

fn stop(plan: &Plan, service: &Service, who: &str) -> Result<Drained> {
    let what = "the service was not stopped";
    let file = plan.repo.state_dir().join("sweeps").join("service.json");
    let guarded = Guarded { start: service.start.clone(), dir: plan.dir.clone(), done: None };
    fs::write(&file, serde_json::to_string(&guarded).context(what)?).context(what)?;
    let (other, alive) = std::io::pipe().context(what)?;
    let log = File::create(file.with_extension("log")).context(what)?;
    let piton = std::env::current_exe().context(what)?;
    let line = [piton.into(), "server".into(), "restore".into(), file.clone().into()];
    process::spawn_detached(&line, &plan.dir, &[], File::from(OwnedFd::from(other)), log)?;
    let drained = Drained { alive, file };
    terminal::tell(&format!("stopping the service: {who}"));
    let watch = Stopwatch::start();
    if let Err(error) = run(&service.stop, &plan.dir) {
        drained.restore()?;
        return Err(Error::refused(what)
            .cause(error.cause.unwrap_or(error.what))
            .note("its own start was run again"));
    }
    while !procfs::listening(service.port).is_empty() {
        if watch.elapsed() >= GRACE {
            drained.restore()?;
            return Err(Error::refused(what)
                .cause(format!("port {} is taken {} s after its stop", service.port, GRACE.as_secs()))
                .note("piton kills no service; its own start was run again"));
        }
        clock::wait(LOOK);
    }
    Ok(drained)
}

impl Drained {
    /// Has the service started again, and waits for that.
    ///
    /// # Errors
    /// A start that fails.
    pub fn restore(self) -> Result<()> {
        let Self { alive, file } = self;
        drop(alive);
        let watch = Stopwatch::start();
        loop {
            let read =
                fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<Guarded>(&text).ok());
            match read.and_then(|guarded| guarded.done) {
                Some(done) if done.is_empty() => {
                    terminal::tell("the service was started again");
                    return Ok(());
                }
                Some(why) => {
                    return Err(Error::new("the service was not started again").cause(why).hint(format!(
                        "start it yourself; {} has what it printed",
                        file.with_extension("log").display()
                    )));
                }
                None if watch.elapsed() >= PATIENCE => {
                    return Err(Error::new("the service was not started again")
                        .cause(format!("its start takes longer than {} s", PATIENCE.as_secs())));
                }
                None => clock::wait(LOOK),
            }
        }
    }
}

fn run(argv: &[String], dir: &Path) -> Result<()> {
    let mut line: Vec<std::ffi::OsString> = argv.iter().map(Into::into).collect();
    let Some(first) = argv.first() else { return Ok(()) };
    line[0] = process::absolute(first).into();
    let done = process::ask(&line, dir)?;
    if done.status == Some(0) {
        return Ok(());
    }
    let status = done.status.map_or_else(|| "a signal".to_owned(), |status| format!("exit status {status}"));
    let said = done.err.lines().last().unwrap_or_default().to_owned();
    Err(Error::new(format!("`{}` failed", argv.join(" "))).cause(format!("{status}: {said}")))
}

/// The process that starts a service again: it leaves piton, waits until its standard input ends, and runs the start.
///
/// # Errors
/// A file that is no order.
pub(in crate::commands) fn restore(file: &Path, away: bool) -> Result<()> {
    let what = "the service is not started again";
    if !away {
        let piton = std::env::current_exe().context(what)?;
        let line = [piton.into(), "server".into(), "restore".into(), file.into(), "--away".into()];
        return process::start_new_session(&line);
    }
    // It ends when the last piton that holds the other end has ended.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    let text = fs::read_to_string(file).context(what)?;
    let mut guarded: Guarded = serde_json::from_str(&text).context(what)?;
    let done = run(&guarded.start, &guarded.dir);
    guarded.done = Some(done.err().map_or_else(String::new, |error| error.to_string()));
    let new = file.with_extension("new");
    fs::write(&new, serde_json::to_string(&guarded).context(what)?).context(what)?;
    fs::rename(&new, file).context(what)
}
