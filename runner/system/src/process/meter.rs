//! Commands whose cost the helper meters.

use std::ffi::OsString;

use piton_confine::{Metered, Metering};
use piton_core::base::error::{Context, Result};

use super::tail;
use crate::sandbox;

/// Longest report, in bytes.
const REPORT: u64 = 4096;

/// The words that run a command metered, and without walls.
///
/// # Errors
/// Where the system does not say which binary this is.
pub fn metered_command(metering: &Metering, argv: &[String]) -> Result<Vec<String>> {
    let exe = sandbox::helper().context("the command was not run: piton does not find its own binary")?;
    let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
    let text = |word: OsString| word.to_string_lossy().into_owned();
    Ok(metering.wrap(&exe, &argv).into_iter().map(text).collect())
}

/// What a job that was metered cost; absent where its meter was ended before it could say so.
pub fn metered(metering: &Metering) -> Option<Metered> {
    serde_json::from_str(&tail(&metering.report, REPORT)).ok()
}
