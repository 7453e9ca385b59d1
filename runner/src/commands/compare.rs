//! `piton compare`: two runs of this repository side by side.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::args::Which;
use super::chosen::find;
use super::{import, report};
use piton_core::base::error::{Context, Result, exit};
use piton_core::report::compare::{self, ComparedRun};
use piton_system::terminal;

/// Compares two runs by name.
///
/// # Errors
/// A run that is not there.
pub(super) fn run(dir: &Path, names: [&str; 2], json: bool) -> Result<u8> {
    let side = |name: &str| -> Result<ComparedRun> {
        if let Some(imported) = import::find(dir, Some(name))? {
            let claimed = Some(imported.source.word().to_owned());
            return Ok(ComparedRun { facts: imported.facts(), settings: Value::Null, claimed });
        }
        let which = Which { run: Some(name.to_owned()), json };
        let (ledger, run, config) = find(dir, &which)?;
        let (records, verification, none) =
            (ledger.records(&run.name)?, ledger.last_verification(&run.name)?, BTreeMap::new());
        let facts = report::view(&run, &config, &records, verification.as_ref(), &none).facts();
        let settings = serde_json::to_value(&config).context("the runs were not compared")?;
        Ok(ComparedRun { facts, settings, claimed: None })
    };
    let comparison = compare::compare([&side(names[0])?, &side(names[1])?]);
    terminal::either(json, &comparison, || compare::words(&comparison));
    Ok(exit::DONE)
}
