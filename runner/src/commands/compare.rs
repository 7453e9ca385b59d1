//! `piton compare`: two runs of this repository side by side.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::args::Which;
use super::{find, report};
use crate::compare;
use crate::error::{Context, Result, exit};
use crate::page::Facts;
use crate::say;

/// Compares two runs by name.
///
/// # Errors
/// A run that is not there.
pub(super) fn run(dir: &Path, names: [&str; 2], json: bool) -> Result<u8> {
    let side = |name: &str| -> Result<(Facts, Value)> {
        let which = Which { run: Some(name.to_owned()), json };
        let (ledger, run, config) = find(dir, &which)?;
        let (records, night, none) =
            (ledger.records(&run.name)?, ledger.last_verified(&run.name)?, BTreeMap::new());
        let facts = report::view(&run, &config, &records, night.as_ref(), &none).facts();
        Ok((facts, serde_json::to_value(&config).context("the runs were not compared")?))
    };
    let ((a, left), (b, right)) = (side(names[0])?, side(names[1])?);
    let comparison = compare::compare([&a, &b], [&left, &right]);
    if json {
        say::json(&comparison);
    } else {
        say::answer(&compare::words(&comparison));
    }
    Ok(exit::DONE)
}
