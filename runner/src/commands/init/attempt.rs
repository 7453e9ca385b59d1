//! The try: what was written, built and measured once behind the walls, from a commit that no branch has.

use std::fs;
use std::path::Path;

use super::Report;
use crate::commands::world;
use piton_core::base::error::{Context, Result};
use piton_core::base::level::Level;
use piton_core::trial::text::{clean, seconds};
use piton_lab::doctor::Attempt;
use piton_lab::draft::{MEASURE, OUTPUT};
use piton_lab::try_once::{self, Files};
use piton_system::config;
use piton_system::git::Id;

/// A baseline that takes longer than this is told of before, in seconds.
const LONG_S: f64 = 20.0;
/// Lines of the end of a failed command's output that are printed.
const TAIL: usize = 12;

/// Tries what `report` says was written.
pub(super) fn run(dir: &Path, least: Level, head: Id, within: &str, report: &mut Report) -> Result<()> {
    let read = |name: &String| {
        let content = fs::read(dir.join(name)).context("what was written was not tried")?;
        Ok((name.clone(), content))
    };
    let files: Files = report.wrote.iter().chain(&report.left).map(read).collect::<Result<_>>()?;
    let attempt = try_once::attempt_with(world(dir, least)?, head, within, &files)?;
    note(attempt, &files, report);
    Ok(())
}

/// Whether what was tried failed because what the benchmark prints is nothing, or something else each time.
pub(super) fn says_other_words(report: &Report) -> bool {
    let output = format!("its check {OUTPUT} ");
    report.tried.as_ref().and_then(|tried| tried.failed.as_ref()).is_some_and(|why| why.starts_with(&output))
}

/// Keeps what became of a try, and the place to change where it failed.
pub(super) fn note(attempt: Attempt, files: &Files, report: &mut Report) {
    let text = files.get(config::FILE).map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
    let script = files.contains_key(MEASURE);
    report.change = attempt.section.as_deref().map(|section| change(section, &text, script));
    report.tried = Some(attempt);
}

/// The file and the line that say what failed.
fn change(section: &str, text: &str, script: bool) -> String {
    let key = if section == "scope" { "editable" } else { "command" };
    let header = if section == "check" { "[[check]]".to_owned() } else { format!("[{section}]") };
    let mut lines = text.lines().enumerate().skip_while(|(_, line)| **line != header);
    let line = lines.find(|(_, line)| line.starts_with(&format!("{key} ="))).map(|(at, _)| at + 1);
    let line = line.map_or_else(String::new, |line| format!(", line {line}"));
    let script = if script && section == "measure" { format!(", or {MEASURE}") } else { String::new() };
    format!("{}{line} ({header} {key}){script}", config::FILE)
}

/// The same for people.
pub(super) fn told(tried: &Attempt, change: Option<&str>) -> String {
    let mut text = String::new();
    let took = |name: &str, time: Option<f64>| time.map(|time| format!("{name} {}", seconds(time)));
    let took: Vec<String> =
        [took("build", tried.build_s), took("sample", tried.sample_s)].into_iter().flatten().collect();
    let took = if took.is_empty() { String::new() } else { format!(" ({})", took.join(", ")) };
    match (&tried.measured, &tried.failed) {
        (Some(measured), _) => {
            text.push_str(&format!("tried once behind the walls: {measured}{took}\n"));
            if let Some(time) = tried.baseline_s.filter(|time| *time >= LONG_S) {
                text.push_str(&format!(
                    "a run begins with a baseline of {} such samples: about {}\n",
                    tried.baseline_samples,
                    seconds(time)
                ));
            }
        }
        (None, failed) => {
            let why = failed.as_deref().unwrap_or("it was not measured");
            text.push_str(&format!(
                "tried once behind the walls, and it was not measured{took}: {}\n",
                clean(why, 1000)
            ));
            match (&tried.install, change) {
                (Some(how), _) => {
                    text.push_str(&format!("  install it: {how}; then commit, and piton doctor --try\n"))
                }
                (None, Some(change)) => text.push_str(&format!("  change {change}\n")),
                (None, None) => {}
            }
        }
    }
    for refused in &tried.refused {
        let opens = refused.opens.as_ref().map_or_else(String::new, |line| {
            format!("; to open it, write below [{}]: {line}", refused.section)
        });
        let note = refused.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        text.push_str(&format!("  [{}] may not {}{opens}{note}\n", refused.section, refused.what));
    }
    let lines: Vec<&str> = tried.tail.lines().collect();
    if tried.failed.is_some() && !lines.is_empty() {
        text.push_str("  its last lines:\n");
        lines[lines.len().saturating_sub(TAIL)..]
            .iter()
            .for_each(|line| text.push_str(&format!("    {}\n", clean(line, 200))));
    }
    text
}
