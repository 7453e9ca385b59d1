//! Results of other tools, read so that an old night can be looked at.
//!
//! What they hold was measured by somebody else, mostly once, and kept by another rule or none. So it stays what it is: claims. It has
//! no verdict, no interval and no place in the ledger, and nothing that climbs, verifies or audits ever sees it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::html::{PageProvenance, RunFacts, TimeSpent};
use crate::plot::{Mark, Staircase, TrialKind, drawable};
use piton_base::metric::{Direction, Gain, Metric, Scale};
use piton_trial::record::Cost;
use piton_trial::text::width;
use piton_trial::text::{clean, gain, noun, number, value};

/// Whose results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `results.tsv` of karpathy/autoresearch: commit, the metric, memory_gb, status, description.
    Autoresearch,
    /// `labloop.jsonl`: a manifest, and a line for each trial.
    Labloop,
    /// `autoresearch.jsonl` of pi-autoresearch: a line of configuration, and a line for each run.
    PiAutoresearch,
}

impl Source {
    /// As on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Autoresearch => "autoresearch",
            Self::Labloop => "labloop",
            Self::PiAutoresearch => "pi-autoresearch",
        }
    }
}

/// A run of another tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Its name here.
    pub name: String,
    /// Whose it is.
    pub source: Source,
    /// When it was imported, UTC, RFC 3339.
    pub at: String,
    /// SHA-256 of the file that it was read from.
    pub sha256: String,
    /// The metric.
    pub metric: String,
    /// Its unit, where the file says.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it tells of its trials, oldest first.
    pub claims: Vec<ImportedTrial>,
    /// Lines that could not be read: cut short, or of something else.
    pub skipped: usize,
    /// Trials of earlier experiments in the same file, which had another metric or another beginning: left out.
    #[serde(default)]
    pub earlier: usize,
}

/// What another tool tells of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedTrial {
    /// Its place in the file, from 0.
    pub trial: u32,
    /// The tool's own word for how it ended.
    pub status: String,
    /// The value that it claims; absent where the file has none, or the zero that stands for none in a crash.
    pub value: Option<f64>,
    /// The commit that it names.
    pub commit: String,
    /// What was tried.
    pub description: String,
    /// Seconds, where it says.
    pub seconds: Option<f64>,
}

/// Longest description, in characters.
const DESCRIPTION: usize = 2000;
/// Most trials of a file.
const TRIALS: usize = 100_000;

/// Reads a file of another tool. `direction` is what the user says; where the file says too, the file is right.
///
/// # Errors
/// In words: a file that is none of that tool's.
pub fn read(source: Source, text: &str, direction: Option<Direction>) -> Result<Imported, String> {
    let mut found = Imported {
        name: String::new(),
        source,
        at: String::new(),
        sha256: String::new(),
        metric: "metric".to_owned(),
        unit: String::new(),
        // What each of them takes for granted.
        direction: direction.unwrap_or(Direction::Lower),
        claims: vec![],
        skipped: 0,
        earlier: 0,
    };
    match source {
        Source::Autoresearch => table(text, &mut found)?,
        Source::Labloop => lines(text, &mut found, labloop)?,
        Source::PiAutoresearch => lines(text, &mut found, pi)?,
    }
    if found.claims.is_empty() {
        return Err(format!("it holds no trial of {}", source.word()));
    }
    if found.claims.len() > TRIALS {
        return Err(format!("it holds more than {TRIALS} trials"));
    }
    for (i, claim) in found.claims.iter_mut().enumerate() {
        claim.trial = i as u32;
        claim.description = claim.description.chars().take(DESCRIPTION).collect();
        claim.status = claim.status.chars().take(40).collect();
        claim.commit = claim.commit.chars().take(64).collect();
        claim.value = claim.value.filter(|value| value.is_finite());
    }
    Ok(found)
}

fn table(text: &str, found: &mut Imported) -> Result<(), String> {
    let mut rows = text.trim_start_matches('\u{feff}').lines();
    let header: Vec<&str> = rows.next().unwrap_or_default().split('\t').map(str::trim).collect();
    if header.len() < 5 || header[0] != "commit" || header[3] != "status" {
        return Err(
            "its first line is not `commit, METRIC, memory_gb, status, description`, separated by tabs"
                .into(),
        );
    }
    found.metric = clean(header[1], 60);
    for row in rows.filter(|row| !row.trim().is_empty()) {
        let cells: Vec<&str> = row.splitn(5, '\t').collect();
        let [commit, value, _, status, description] = cells[..] else {
            found.skipped += 1;
            continue;
        };
        let crashed = status.trim() == "crash";
        found.claims.push(ImportedTrial {
            trial: 0,
            status: status.trim().to_owned(),
            value: value.trim().parse().ok().filter(|value: &f64| !(crashed && *value == 0.0)),
            commit: commit.trim().to_owned(),
            description: description.trim().to_owned(),
            seconds: None,
        });
    }
    Ok(())
}

/// What a line of a file is.
enum Said {
    Trial(ImportedTrial),
    /// Settings, branches, hooks: known, and no trial.
    Aside,
    Nothing,
}

/// A file of JSON lines. One that is cut short, as a killed tool leaves it, is passed over.
fn lines(text: &str, found: &mut Imported, take: fn(&Value, &mut Imported) -> Said) -> Result<(), String> {
    for line in text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty()) {
        match json(line).map_or(Said::Nothing, |value| take(&value, found)) {
            Said::Trial(claim) => found.claims.push(claim),
            Said::Aside => {}
            Said::Nothing => found.skipped += 1,
        }
    }
    Ok(())
}

/// A line of JSON, also as Python writes it where a number is none.
fn json(line: &str) -> Option<Value> {
    let without = || {
        ["NaN", "-Infinity", "Infinity"]
            .iter()
            .fold(line.to_owned(), |line, word| line.replace(&format!(": {word}"), ": null"))
    };
    serde_json::from_str(line).or_else(|_| serde_json::from_str(&without())).ok()
}

fn text_of(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn labloop(value: &Value, found: &mut Imported) -> Said {
    if value.get("manifest").is_some() {
        // What a run was resumed with holds for what it goes on with.
        found.metric = clean(&text_of(value, "metric"), 60);
        match text_of(value, "goal").as_str() {
            "maximize" => found.direction = Direction::Higher,
            "minimize" => found.direction = Direction::Lower,
            _ => {}
        }
        return Said::Aside;
    }
    let status = value.get("outcome").and_then(Value::as_str);
    let (Some(_), Some(status)) = (value.get("index").and_then(Value::as_u64), status) else {
        return if value.get("fork").is_some() { Said::Aside } else { Said::Nothing };
    };
    let direction = Some(text_of(value, "direction")).filter(|name| !name.is_empty() && name != "main");
    Said::Trial(ImportedTrial {
        trial: 0,
        status: status.to_owned(),
        value: value.get("metric").and_then(Value::as_f64),
        commit: text_of(value, "commit"),
        description: direction.map_or_else(String::new, |name| format!("[{name}] "))
            + &text_of(value, "note"),
        seconds: value.get("duration_seconds").and_then(Value::as_f64),
    })
}

fn pi(value: &Value, found: &mut Imported) -> Said {
    if value.get("type").and_then(Value::as_str) == Some("config") {
        // A configuration begins another experiment, with a baseline of its own.
        found.earlier += std::mem::take(&mut found.claims).len();
        found.metric = clean(&text_of(value, "metricName"), 60);
        found.unit = clean(&text_of(value, "metricUnit"), 30);
        match text_of(value, "bestDirection").as_str() {
            "higher" => found.direction = Direction::Higher,
            "lower" => found.direction = Direction::Lower,
            _ => {}
        }
        return Said::Aside;
    }
    let status = value.get("status").and_then(Value::as_str);
    let (Some(_), Some(status)) = (value.get("run").and_then(Value::as_u64), status) else {
        return if value.get("type").is_some() { Said::Aside } else { Said::Nothing };
    };
    Said::Trial(ImportedTrial {
        trial: 0,
        // A crash is logged with the value 0, the best of all where lower is better.
        value: value
            .get("metric")
            .and_then(Value::as_f64)
            .filter(|value| !(status == "crash" && *value == 0.0)),
        status: status.to_owned(),
        commit: text_of(value, "commit"),
        description: text_of(value, "description"),
        seconds: None,
    })
}

impl ImportedTrial {
    /// What it is for the eye. The first that was kept is the baseline.
    pub fn kind(&self) -> TrialKind {
        match self.status.as_str() {
            "keep" | "kept" | "baseline" => TrialKind::Kept,
            "discard" | "reverted" => TrialKind::Discarded,
            "checks_failed" => TrialKind::CheckFailed,
            "void" => TrialKind::Void,
            "unjudged" => TrialKind::NotJudged,
            "check" => TrialKind::Check,
            "crash" | "failed" | "timed_out" | "no_metric" | "not_finite" => TrialKind::Crashed,
            "interrupted" => TrialKind::Void,
            _ => TrialKind::NotJudged,
        }
    }
}

impl Imported {
    /// Its staircase: the values as claimed, without any interval.
    pub fn staircase(&self) -> Staircase {
        let told = self.told();
        let start =
            self.claims.iter().find_map(|claim| claim.value.filter(|value| drawable(told.scale(), *value)));
        let level = |claim: &ImportedTrial| {
            told.gain(start?, claim.value?).map(|gain| gain.0).filter(|level| level.is_finite())
        };
        let (mut line, mut before) = (vec![(0, 0.0)], 0.0);
        let mut marks = vec![];
        for claim in &self.claims {
            let (kind, level) = (claim.kind(), level(claim));
            let gain = level.map(|level| Gain(level - before));
            if let (TrialKind::Kept, Some(level), true) = (kind, level, claim.trial > 0) {
                line.push((claim.trial, level));
                before = level;
            }
            let label = clean(&claim.description, width::LABEL);
            marks.push(Mark { trial: claim.trial, kind, level, ends: None, gain, label });
        }
        Staircase {
            run: clean(&self.name, 60),
            metric: self.metric.clone(),
            unit: self.unit.clone(),
            direction: self.direction,
            scale: told.scale(),
            start,
            marks,
            line,
            verification: None,
            claimed: Some(self.source.word().to_owned()),
        }
        .in_its_unit()
    }

    /// Where the run stands by what its tool claims, for people.
    pub fn status(&self, facts: &RunFacts) -> String {
        let told = self.told();
        let value = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| value::value(x, &told));
        let counts: Vec<String> = facts.counts.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let mut text = format!("run {}, imported from {}\n", clean(&self.name, 80), self.source.word());
        let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<12} {value}\n"));
        let none = counts.is_empty();
        line(
            "trials",
            if none { "none".to_owned() } else { format!("{}: {}", facts.trials, counts.join(", ")) },
        );
        line("baseline", format!("{} {}", clean(&self.metric, 60), value(facts.baseline_value)));
        line("incumbent", format!("{} {}", clean(&self.metric, 60), value(facts.incumbent_value)));
        line("verified", "no: these are claims of that tool, and piton measured none of them".to_owned());
        text
    }

    /// The same facts that there are of a run of piton's, as far as it tells any: claims, all of them.
    pub fn facts(&self) -> RunFacts {
        let stairs = self.staircase();
        let trials = self.claims.get(1..).unwrap_or_default();
        let (mut counts, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        for claim in trials {
            *counts.entry(claim.kind().word()).or_default() += 1;
            *reasons.entry(clean(&claim.status, 40)).or_default() += 1;
        }
        RunFacts {
            experiment: self.name.clone(),
            run: self.name.clone(),
            base: self.claims.first().map_or_else(String::new, |claim| claim.commit.clone()),
            began: String::new(),
            last_started: None,
            metric: self.told(),
            baseline_value: stairs.start,
            incumbent_value: stairs.start.map(|_| stairs.value(stairs.end().0)),
            incumbent: None,
            verified: None,
            sum_of_keeps: stairs.end(),
            sum_of_keeps_pct: self.told().gain_pct(stairs.end()),
            trials: trials.len(),
            counts,
            reasons,
            seconds: TimeSpent {
                measure: trials.iter().filter_map(|claim| claim.seconds).sum(),
                ..TimeSpent::default()
            },
            cost: Cost::default(),
            provenance: PageProvenance::default(),
            rows: vec![],
        }
    }

    /// The metric: differences are compared where a value is claimed that a ratio cannot compare, or where all are small counts.
    pub fn told(&self) -> Metric {
        let values: Vec<f64> = self.claims.iter().filter_map(|claim| claim.value).collect();
        let scale = Some(Scale::of(&self.metric, &self.unit, &values));
        Metric { unit: self.unit.clone(), scale, ..Metric::of(&self.metric, self.direction) }
    }

    /// What must stand above whatever is shown of it.
    pub fn warning(&self) -> String {
        format!(
            "imported from {}: these are its claims. piton measured none of them, and no rule of piton's kept anything here",
            self.source.word()
        )
    }

    /// Its log.
    pub fn log(&self) -> String {
        let mut text = format!("{}\n\n", self.warning());
        let told = self.told();
        let width = self.metric.chars().count().max(9);
        text.push_str(&format!(
            "{:>6}  {:<15}  {:>width$}  {:>8}  {}\n",
            "trial",
            "claimed",
            self.metric,
            noun(&told),
            "description"
        ));
        for (claim, mark) in self.claims.iter().zip(self.staircase().marks) {
            let value = claim.value.map_or_else(|| "-".to_owned(), number);
            let by =
                mark.gain.filter(|_| claim.trial > 0).map_or_else(|| "-".to_owned(), |by| gain(by, &told));
            let line = format!(
                "{:>6}  {:<15}  {value:>width$}  {by:>8}  {}",
                claim.trial,
                clean(&claim.status, 40),
                clean(&claim.description, width::LOG)
            );
            text.push_str(&format!("{}\n", line.trim_end()));
        }
        text
    }
}

#[cfg(test)]
mod tests;
