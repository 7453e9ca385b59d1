//! `piton quick`: a command run a few times by piton's meters, then once behind the walls in a copy of its directory. No experiment, commit or
//! run is made, and nothing is left.

mod left;
mod walled;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::base::metric::Readings;
use piton_core::run::quick::{self, QuickReport, Seen};
use piton_core::trial::crash::Crash;
use piton_system::clock::Stopwatch;
use piton_system::git::Excerpt;
use piton_system::host;
use piton_system::process::{self, Done, End, Job, Metering, Runner, metered, metered_command};
use piton_system::terminal::Progress;

use left::Listing;
use walled::Trial;

/// What did not happen where this fails.
const WHAT: &str = "the command was not measured";
/// Longest that one sample may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// Fewest samples.
const FEWEST: u32 = 3;
/// Most names of files that are told.
const NAMED: usize = 6;

/// How long to look.
#[derive(Debug, Clone, Copy)]
pub struct QuickOptions {
    /// Samples after the first run.
    pub runs: u32,
    /// Time for them: fewer samples are taken where they take longer, and never fewer than three.
    pub time: Duration,
}

/// Runs `command` in `dir`.
///
/// # Errors
/// A command that cannot be started or fails, and Ctrl-C.
pub fn run(dir: &Path, command: &[String], options: QuickOptions) -> Result<QuickReport> {
    host::check_temporary_directory()?;
    let (runner, progress) = (Runner::install()?, Progress::new());
    let own = tempfile::Builder::new().prefix("piton-quick-").tempdir().context(WHAT)?;
    progress.doing("copying this directory");
    // Before the command leaves anything there.
    let excerpt = Excerpt::take(dir, &own.path().join("copy"));
    let before = Listing::of(dir);
    let clock = Commands { runner: &runner, dir, command, own: own.path() };
    let mut seen = clock.samples(options, &progress)?;
    let (files, more) = before.changed(&Listing::of(dir), NAMED);
    (seen.files, seen.more_files) = (files, more);
    seen.name = name(dir);
    seen.editable = left::editable(dir, command);
    seen.walled = match excerpt {
        Ok(excerpt) => {
            progress.doing("running it once behind the walls, in a copy of this directory");
            let trial = Trial { excerpt: &excerpt, dir, runner: &runner, own: own.path() };
            trial.walled(&seen)?
        }
        Err(error) => walled::untried(dir, command, &error),
    };
    progress.idle();
    if runner.interrupted() {
        return Err(stopped());
    }
    Ok(quick::report(seen))
}

fn stopped() -> Error {
    Error::new(WHAT).cause(process::STOPPED).note("nothing of it is left").status(130)
}

/// The name of an experiment in `dir`.
fn name(dir: &Path) -> String {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = name.chars().filter(plain).collect();
    if name.is_empty() { "experiment".to_owned() } else { name }
}

/// The command, where it stands.
struct Commands<'a> {
    runner: &'a Runner,
    dir: &'a Path,
    command: &'a [String],
    own: &'a Path,
}

impl Commands<'_> {
    fn samples(&self, options: QuickOptions, progress: &Progress) -> Result<Seen> {
        progress.begin_long("running the command");
        let (first, mut processes) = self.sample(1)?;
        let mut wall_s = first.wall_s;
        if quick::repeats(wall_s) > 1 {
            // A first run reads from the disk what later ones find in memory.
            let (second, left) = self.sample(1)?;
            processes |= left;
            wall_s = wall_s.min(second.wall_s);
        }
        let repeat = quick::repeats(wall_s);
        let each = wall_s * f64::from(repeat);
        let fit = (options.time.as_secs_f64() / each.max(1e-3)) as u32;
        let most = options.runs.clamp(FEWEST, fit.max(FEWEST));
        let mut seen = Seen { command: self.command.to_vec(), first, repeat, processes, ..Seen::default() };
        let (watch, machine) = (Stopwatch::start(), host::Meter::start());
        for n in 1..=most {
            if n > FEWEST && watch.elapsed() >= options.time {
                break;
            }
            progress.doing(&format!("sample {n} of {most}"));
            let (readings, left) = self.sample(repeat)?;
            seen.samples.push(readings);
            seen.processes |= left;
        }
        seen.seconds = watch.seconds();
        let machine = machine.stop();
        // A command that starts more threads than there are cores waits for itself.
        let others = machine.others_pct.map_or(100.0, |others| 2.0 * others);
        seen.pressure_pct = machine.pressure_pct.map(|pressure| pressure.min(others));
        Ok(seen)
    }

    /// What one run of a sample cost, and whether processes were left.
    fn sample(&self, repeat: u32) -> Result<(Readings, bool)> {
        let report = self.own.join("meter");
        File::create(&report).context(WHAT)?;
        let metering = Metering { report, repeat };
        let program = process::absolute(&self.command[0]);
        if !program.contains('/') {
            return Err(Error::usage(WHAT)
                .cause(format!("there is no program `{program}` in PATH"))
                .note("nothing was started")
                .hint("a shell's own words need one: piton quick -- sh -c '...'"));
        }
        let argv = [&[program][..], &self.command[1..]].concat();
        let done = self.runner.run(&Job {
            argv: &metered_command(&metering, &argv)?,
            cwd: self.dir,
            env: process::full_env(),
            policy: None,
            stdout: self.log("out"),
            stderr: self.log("log"),
            timeout: LONGEST,
            gently: false,
            seen: None,
            stdin: None,
            watch: None,
            heedless: false,
            under: &[],
        })?;
        if done.end != End::Exited(0) {
            return Err(failed(&done));
        }
        let metered = metered(&metering).ok_or_else(|| {
            Error::new(WHAT).cause("its meter was ended before it could say what the command cost")
        })?;
        let runs = f64::from(metered.runs.max(1));
        let readings = Readings {
            wall_s: metered.wall_s / runs,
            cpu_s: metered.cpu_s / runs,
            peak_memory_bytes: metered.peak_memory_bytes,
            artifact_bytes: 0,
        };
        Ok((readings, metered.left))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }
}

/// Why a command was not measured that did not end well.
fn failed(done: &Done) -> Error {
    let crash = Crash::of(&done.stderr, &done.stdout);
    let how = match done.end {
        End::Interrupted => return stopped(),
        End::TimedOut => format!("a sample of it took longer than {} s", LONGEST.as_secs()),
        End::Signalled(signal) => format!("signal {signal} ended it: {}", crash.reason),
        End::Exited(status) => format!("it exited with status {status}: {}", crash.reason),
    };
    let error = Error::new(WHAT).status(exit::FAILED).cause(how).note("nothing was written");
    error.hint("run it by itself first; piton quick measures commands that exit with status 0")
}
