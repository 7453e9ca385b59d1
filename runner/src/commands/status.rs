//! How a run stands.

use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::chosen::reading;
use super::{import, wait};
use piton_climb::status_file;
use piton_core::base::error::{Result, exit};
use piton_core::report::live_state::Now;
use piton_core::report::plot;
use piton_core::report::plot::{Medium, Staircase};
use piton_core::run::rechecks;
use piton_core::run::summary;
use piton_core::trial::text;
use piton_core::trial::text::clean;
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Lock};
use piton_system::terminal;

/// Tells it, with the staircase where `plot`.
///
/// # Errors
/// When ledger or git cannot be read.
pub(super) fn run(dir: &Path, plot: bool, which: &Which) -> Result<u8> {
    if let Some(imported) = import::find(dir, which.run.as_deref())? {
        let facts = imported.facts();
        terminal::either(
            which.json,
            &json!({ "run": imported.name, "measured_by_piton": false, "facts": facts }),
            || imported.status(&facts),
        );
        return Ok(exit::DONE);
    }
    let beginning = beginning(&Repo::open(dir)?, which.run.as_deref())?;
    let chosen = match (reading(dir, which), &beginning) {
        (Err(_), Some(now)) => {
            terminal::either(
                which.json,
                &json!({ "run": now.run, "begun": false, "doing": now.stage, "since": now.since }),
                || format!("{}\nnothing is recorded of it before its baseline is measured", words_of(now)),
            );
            return Ok(exit::DONE);
        }
        (chosen, _) => chosen?,
    };
    let (repo, run, config, records) = chosen;
    let ledger = Ledger::open(&repo.state_dir())?;
    let verification = ledger.last_verification(&run.name)?;
    let mut status = summary::status(&run.name, &run.base, &records, &config.metric, verification.as_ref());
    status.again = rechecks::of(&records).outstanding(&config.rule);
    status.notes = ledger.notes(&run.name, false, usize::MAX)?.len();
    if let Some(ascent) = piton_climb::run_climb::last(&ledger, Some(&run.name))? {
        let runs = Lock::holder(&repo.state_dir()).is_some_and(|holder| holder.process == ascent.process);
        status.climb = Some(summary::Climb { runs, lines: ascent.lines(runs), ascent });
    }
    let now = wait::of_run(&repo, &run.name);
    let mut value = serde_json::to_value(&status).expect("our own types serialise");
    value["under_way"] = json!(now);
    terminal::either(which.json, &value, || {
        let mut text = summary::status_words(&status, &config.metric);
        let other = beginning.iter().map(|now| format!("  {:<12} {}\n", "now", words_of(now)));
        other.for_each(|line| text.push_str(&line));
        now.iter()
            .for_each(|now| text.push_str(&format!("  {:<12} {}\n", "now", wait::under_way_words(now))));
        if plot {
            let stairs = Staircase::of(&run.name, &records, &config.metric, verification.as_ref());
            let columns = terminal::columns().unwrap_or(100).clamp(40, 160);
            text.push_str(&format!(
                "\n{}",
                plot::text(&plot::staircase(&stairs, Medium::cells(columns, 24)))
            ));
        }
        text
    });
    Ok(exit::DONE)
}

/// The run that is about to begin, of that name where one is asked for: its baseline is built or measured, and the ledger has nothing of it.
fn beginning(repo: &Repo, run: Option<&str>) -> Result<Option<Now>> {
    let state = repo.state_dir();
    let Some(now) = status_file::read(&state).filter(|now| run.is_none_or(|run| run == now.run)) else {
        return Ok(None);
    };
    let recorded =
        Ledger::open_existing(&state)?.map(|ledger| ledger.run(&now.run)).transpose()?.flatten().is_some();
    Ok(Some(now).filter(|_| !recorded))
}

fn words_of(now: &Now) -> String {
    let stage = if now.stage.is_empty() { "preparing" } else { &now.stage };
    let since = text::seconds(clock::unix().saturating_sub(now.since) as f64);
    format!("run {} is about to begin: {}, {since} so far", clean(&now.run, 60), clean(stage, 200))
}
