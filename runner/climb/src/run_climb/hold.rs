//! Waiting: until an agent's limit ends, or what made a call fail may have passed; and the request by which somebody ends a climb.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Climber;
use piton_core::base::error::{Context, Result};
use piton_core::run::stopping::{self, Call, Pause, Waiting};
use piton_core::trial::text::seconds;
use piton_system::clock::{self, Stopwatch};
use piton_system::failpoint;
use piton_system::terminal::Tone;

/// How often a waiting climb looks whether it is to go on.
const EVERY: Duration = Duration::from_millis(100);

impl Climber<'_, '_> {
    /// Waits as long as `call` asks for, at most for the time that is left. Returns whether that is long enough: a limit that ends later is
    /// not waited for.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub(super) fn pause(&mut self, call: &Call) -> Result<bool> {
        if !self.agent.may_recover() {
            return Ok(true);
        }
        let now = clock::unix();
        let left = stopping::left(&self.ascent.options.budget, &self.ascent.spent).wall;
        let until = match stopping::pause(call, &self.ascent.spent, failpoint::pause_unit(), now) {
            Pause::None => return Ok(true),
            Pause::Until(until) if left.is_some_and(|left| until >= now + left.as_secs()) => {
                return Ok(false);
            }
            Pause::Until(until) => until,
            Pause::For(time) => {
                return self.hold(call, left.map_or(time, |left| left.min(time)), None);
            }
        };
        self.hold(call, Duration::from_secs(until - now), Some(until))
    }

    /// Waits: for `time`, or, by the clock on the wall, which also goes on while the machine sleeps, until `until`.
    fn hold(&mut self, call: &Call, time: Duration, until: Option<u64>) -> Result<bool> {
        // One that is over its budget, or was told to end, does not wait first.
        if stopping::stop(&self.ascent.options.budget, &self.ascent.spent).is_some() || self.asked_to_stop() {
            return Ok(true);
        }
        let name = self.agent.name();
        let what = match (call, until) {
            (Call::Limited { .. }, Some(_)) => format!("{name}'s limit"),
            (Call::Limited { until: Some(_), .. }, None) => format!("{name}'s limit, which should be over,"),
            (Call::Limited { until: None, .. }, None) => {
                format!("{name}'s limit, which does not say when it ends,")
            }
            _ => format!("{name}, which failed,"),
        };
        let then = clock::words(until.unwrap_or(clock::unix() + time.as_secs()));
        let told = format!("waiting for {what} until {then}");
        // Kept first: who reads the line finds the same in `piton status`.
        self.ascent.waiting = Some(Waiting { what, until: then });
        self.keep()?;
        self.session.world.progress.line(Tone::Neutral, &format!("{told} ({})", seconds(time.as_secs_f64())));
        self.session.world.doing(&told);
        let watch = Stopwatch::start();
        let over = || until.map_or_else(|| watch.elapsed() >= time, |until| clock::unix() >= until);
        while !over() && !self.session.world.runner.interrupted() && !self.asked_to_stop() {
            clock::wait(EVERY.min(time));
        }
        self.ascent.waiting = None;
        self.session.world.progress.idle();
        Ok(true)
    }

    /// Whether somebody asked this climb to end after the trial in progress.
    pub(super) fn asked_to_stop(&self) -> bool {
        stop_requested(&self.session.world.repo.state_dir(), std::process::id())
    }
}

/// Whether somebody asked the climb of this process to end after the trial in progress.
pub fn stop_requested(state: &Path, process: u32) -> bool {
    fs::read_to_string(place(state)).unwrap_or_default().trim() == process.to_string()
}

/// Where the request stands: it names the process that it is for, so that an old one is nobody's.
fn place(state: &Path) -> PathBuf {
    state.join("stop")
}

/// Forgets a request that was for another climb: its process may have had the number of this one.
pub fn clear_stop_request(state: &Path) {
    let _ = fs::remove_file(place(state));
}

/// Asks the climb of this process to end after the trial in progress.
///
/// # Errors
/// When the request cannot be written.
pub fn request_stop(state: &Path, process: u32) -> Result<()> {
    fs::write(place(state), format!("{process}\n")).context("the climb was not asked to end")
}
