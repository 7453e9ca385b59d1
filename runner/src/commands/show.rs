//! A trial as it was judged, and judged again.

use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::args::Which;
use super::chosen::reading;
use piton_core::base::error::{Error, Result, exit};
use piton_core::report::tables;
use piton_core::rule::keep::{self, Case};
use piton_core::trial::record::Record;
use piton_core::trial::text;
use piton_system::config::Config;
use piton_system::terminal;

/// Shows a trial whole, or with `pairs` what the rule was asked about it.
///
/// # Errors
/// When there is no such trial, or ledger or git cannot be read.
pub(super) fn run(dir: &Path, trial: u32, pairs: bool, which: &Which) -> Result<u8> {
    let (repo, run, config, records) = reading(dir, which)?;
    let record = records.iter().find(|r| r.trial == trial).ok_or_else(|| {
        Error::refused(format!("run {} has no trial {trial}", run.name))
            .hint(format!("it has 0 to {}", records.len().saturating_sub(1)))
    })?;
    if pairs {
        terminal::json(&case(&config, &records, record));
        return Ok(exit::DONE);
    }
    let diff = match (&record.parent, &record.commit) {
        (Some(from), Some(to)) => repo.diff(repo.commit_id(from)?, repo.commit_id(to)?)?.text,
        _ => String::new(),
    };
    if which.json {
        let mut value = serde_json::to_value(record).expect("our own types serialise");
        value["diff"] = json!(diff);
        terminal::json(&value);
    } else {
        let case = case(&config, &records, record);
        let shown = tables::show(record, &config.metric, &config.gates, &case);
        terminal::answer(&text::printable(&shown));
        if let Some(tail) = &record.measured.tail {
            terminal::answer(&format!("what it printed last\n{}", text::printable(tail)));
        }
        if !diff.is_empty() {
            terminal::diff(&format!("\n{diff}"));
        }
    }
    Ok(exit::DONE)
}

/// What the rule was asked about this record.
fn case(config: &Config, records: &[Record], record: &Record) -> Case {
    let before: Vec<Record> = records.iter().filter(|r| r.trial < record.trial).cloned().collect();
    let simpler = record.measured.changes.as_ref().is_some_and(|changes| changes.simpler);
    let mut histories = config.histories(&before, simpler).in_parts(config.metric.parts());
    for pair in &record.measured.pairs {
        histories.pair_after(pair.before, pair.first, &pair.incumbent, &pair.challenger);
    }
    histories.widen(record.measured.widened);
    histories.case(&config.rule.as_said(&record.provenance.rule))
}

/// A file as text; of one with more than `most` bytes, one byte more.
fn beginning(file: &Path, most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(most + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Largest case that is judged again, in bytes: a thousand pairs of a hundred metrics have less.
const CASE_BYTES: u64 = 16 << 20;

/// Judges a case again.
///
/// # Errors
/// When `file` holds none.
pub(super) fn replay(file: &Path) -> Result<u8> {
    let what = format!("{} was not judged", file.display());
    let usage = |cause: String| {
        Error::usage(&what).cause(cause).hint("`piton show N --pairs` prints a case of a recorded trial")
    };
    let text = if file.ends_with("-") { terminal::input(CASE_BYTES) } else { beginning(file, CASE_BYTES) };
    let text = text.map_err(|e| usage(e.to_string()))?;
    if text.len() as u64 > CASE_BYTES {
        return Err(usage(format!("it is longer than {} MiB", CASE_BYTES >> 20)));
    }
    let case: Case =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| usage(e.to_string()))?;
    if let Some(problem) = case.problem() {
        return Err(Error::usage(&what).cause(problem));
    }
    let (verdict, estimate, asked) = keep::decide(&case);
    let better = asked.first().map(|asked| asked.evidence);
    terminal::json(&json!({
        "verdict": verdict,
        "n": better.map_or(estimate.pairs, |evidence| evidence.pairs),
        "log_e": better.map(|evidence| evidence.log_e),
        "futility": better.map(|evidence| evidence.futility),
        "estimate": estimate,
        "asked": asked,
    }));
    Ok(exit::DONE)
}
