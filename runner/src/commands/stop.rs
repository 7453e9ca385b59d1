//! `piton stop`: ends the climb that is at work.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use piton_climb::run_climb;
use piton_core::base::error::{Error, Result, exit};
use piton_system::clock::{self, Stopwatch};
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Lock};
use piton_system::process;
use piton_system::terminal;

/// How long a climb that is interrupted may take to end: its agent is given five seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StopResult {
    /// In a word.
    pub did: &'static str,
    /// The run, once it has one.
    pub run: Option<String>,
    /// In a sentence.
    pub words: String,
}

/// `piton stop`.
///
/// # Errors
/// Another command at work, or another run than the one named.
pub(super) fn run(dir: &Path, now: bool, run: Option<&str>, json: bool) -> Result<u8> {
    let done = ask(&Repo::open(dir)?.state_dir(), now, run)?;
    terminal::either(json, &json!({ "did": done.did, "run": done.run }), || done.words);
    Ok(exit::DONE)
}

/// Asks the climb to end, and says what was done.
///
/// # Errors
/// Another command at work, or another run than the one named.
pub(super) fn ask(state: &Path, now: bool, run: Option<&str>) -> Result<StopResult> {
    let what = "no climb was asked to end";
    let Some(holder) = Lock::holder(state) else {
        let words = "no climb is at work in this repository".to_owned();
        return Ok(StopResult { did: "none", run: None, words });
    };
    if holder.command != "piton climb" {
        return Err(Error::refused(what)
            .cause(format!("what is at work is `{}`, process {}", holder.command, holder.process))
            .note("it goes on; nothing was changed")
            .hint("wait for it, or end it with Ctrl-C where it runs"));
    }
    // Until its baseline is measured, a climb has no run.
    let ascent =
        run_climb::last(&Ledger::open(state)?, None)?.filter(|ascent| ascent.process == holder.process);
    let is = ascent.as_ref().map(|ascent| ascent.run.as_str());
    if let Some(run) = run.filter(|run| is != Some(*run)) {
        return Err(Error::refused(what)
            .cause(format!(
                "the climb at work is of {}, not of run {run}",
                is.map_or_else(|| "a run that is about to begin".to_owned(), |is| format!("run {is}"))
            ))
            .note("it goes on; nothing was changed"));
    }
    run_climb::request_stop(state, holder.process)?;
    let name = is.map_or_else(String::new, |run| format!(" of run {run}"));
    let process = holder.process;
    if !now {
        let waits = ascent.as_ref().and_then(|ascent| ascent.waiting.as_ref());
        let when = if waits.is_some() {
            "it waits, and ends at once"
        } else {
            "it ends after the trial in progress"
        };
        let words = format!("the climb{name} was asked to end, process {process}: {when}");
        return Ok(StopResult { did: "asked", run: is.map(str::to_owned), words });
    }
    process::interrupt(process)?;
    let watch = Stopwatch::start();
    while Lock::holder(state).as_ref() == Some(&holder) && watch.elapsed() < PATIENCE {
        clock::wait(Duration::from_millis(50));
    }
    let (did, words) = if Lock::holder(state).as_ref() == Some(&holder) {
        (
            "interrupted",
            format!("the climb{name} was interrupted, process {process}: it is still cleaning up"),
        )
    } else {
        let rest = if is.is_some() {
            "the trial in progress says nothing about its edit; `piton resume` goes on with the run"
        } else {
            "its baseline was not measured to the end, so that no run has begun and nothing was recorded; `piton climb` begins anew"
        };
        ("ended", format!("the climb{name} was interrupted and has ended: {rest}"))
    };
    Ok(StopResult { did, run: is.map(str::to_owned), words })
}
