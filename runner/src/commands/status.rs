//! How a run stands.

use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::{reading, wait};
use crate::error::{Result, exit};
use crate::ledger::{Ledger, Lock};
use crate::plot::{Medium, Staircase};
use crate::{plot, say, standing};

/// Tells it, with the staircase where `plot`.
///
/// # Errors
/// When ledger or git cannot be read.
pub(super) fn run(dir: &Path, plot: bool, which: &Which) -> Result<u8> {
    let (repo, run, config, records) = reading(dir, which)?;
    let ledger = Ledger::open(&repo.state_dir())?;
    let night = ledger.last_verified(&run.name)?;
    let mut status = standing::status(&run.name, &run.base, &records, &config.metric, night.as_ref());
    status.notes = ledger.notes(&run.name, false, usize::MAX)?.len();
    if let Some(ascent) = crate::climb::last(&ledger, Some(&run.name))? {
        let runs = Lock::holder(&repo.state_dir()).is_some_and(|holder| holder.process == ascent.process);
        status.climb = Some(standing::Climb { runs, lines: ascent.lines(runs), ascent });
    }
    let now = wait::of_run(&repo, &run.name);
    if which.json {
        let mut value = serde_json::to_value(&status).expect("our own types serialise");
        value["under_way"] = json!(now);
        say::json(&value);
    } else {
        let mut text = standing::status_words(&status, &config.metric);
        now.iter()
            .for_each(|now| text.push_str(&format!("  {:<12} {}\n", "now", wait::under_way_words(now))));
        if plot {
            let stairs = Staircase::of(&run.name, &records, &config.metric, night.as_ref());
            let columns = say::columns().unwrap_or(100).clamp(40, 160);
            text.push_str(&format!(
                "\n{}",
                plot::text(&plot::staircase(&stairs, Medium::cells(columns, 24)))
            ));
        }
        say::answer(&text);
    }
    Ok(exit::DONE)
}
