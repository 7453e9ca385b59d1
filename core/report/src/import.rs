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
use piton_trial::text::{clean, gain, noun, number};

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
            "checks_failed" => TrialKind::GateFailed,
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
    }

    /// Where the run stands by what its tool claims, for people.
    pub fn status(&self, facts: &RunFacts) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        let value = |x: Option<f64>| {
            x.map_or_else(|| "-".to_owned(), |x| format!("{}{unit}", piton_trial::text::number(x)))
        };
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
mod tests {
    use proptest::prelude::*;
    use proptest::{collection, sample};

    use super::*;
    use crate::plot;

    fn kinds(imported: &Imported) -> Vec<TrialKind> {
        imported.claims.iter().map(ImportedTrial::kind).collect()
    }

    #[test]
    fn a_table_of_autoresearch_is_read_and_the_zero_of_a_crash_is_no_value() {
        let text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.997900\t44.0\tkeep\tbaseline\nb2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04\nc3d4e5f\t1.005000\t44.0\tdiscard\tswitch to GeLU\nd4e5f6g\t0.000000\t0.0\tcrash\tdouble model width (OOM)\nhalf a li";
        let found = read(Source::Autoresearch, text, None).unwrap();
        assert_eq!(
            kinds(&found),
            [TrialKind::Kept, TrialKind::Kept, TrialKind::Discarded, TrialKind::Crashed]
        );
        assert_eq!((found.claims[3].value, found.skipped, found.metric.as_str()), (None, 1, "val_bpb"));
        let stairs = found.staircase();
        assert!(stairs.end() > Gain::ZERO && stairs.verification.is_none() && stairs.claimed.is_some());
        assert!(
            found.log().starts_with("imported from autoresearch: these are its claims."),
            "{}",
            found.log()
        );
    }

    #[test]
    fn a_ledger_of_labloop_is_read_with_the_direction_of_its_manifest() {
        let text = "{\"goal\": \"maximize\", \"manifest\": 1, \"metric\": \"acc\", \"run\": \"python train.py\"}\n{\"commit\": null, \"direction\": \"main\", \"duration_seconds\": 41.2, \"harness\": null, \"incumbent\": null, \"index\": 0, \"metric\": 0.5, \"note\": \"baseline\", \"outcome\": \"kept\", \"stdout_tail\": \"\"}\n{\"commit\": \"a1f4c02\", \"duration_seconds\": 38.9, \"incumbent\": 0.5, \"index\": 1, \"metric\": 0.6, \"note\": \"\", \"outcome\": \"kept\"}\n{\"duration_seconds\": 3.0, \"index\": 2, \"metric\": null, \"outcome\": \"timed_out\"}\n{\"index\": 3, \"outc";
        let found = read(Source::Labloop, text, None).unwrap();
        assert_eq!(kinds(&found), [TrialKind::Kept, TrialKind::Kept, TrialKind::Crashed]);
        assert_eq!((found.direction, found.metric.as_str(), found.skipped), (Direction::Higher, "acc", 1));
        assert!((found.staircase().end().0 - 1.2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_log_of_pi_autoresearch_is_read_with_its_configuration() {
        let text = "{\"type\":\"config\",\"name\":\"tests\",\"metricName\":\"total_s\",\"metricUnit\":\"s\",\"bestDirection\":\"lower\"}\n{\"run\":1,\"commit\":\"abc1234\",\"metric\":42.3,\"metrics\":{},\"status\":\"keep\",\"description\":\"baseline\",\"timestamp\":1773000000000,\"segment\":0,\"confidence\":null}\n{\"run\":2,\"commit\":\"abc1235\",\"metric\":0,\"metrics\":{},\"status\":\"crash\",\"description\":\"no\",\"timestamp\":1773000000000}\n{\"run\":3,\"commit\":\"abc1236\",\"metric\":40,\"metrics\":{},\"status\":\"checks_failed\",\"description\":\"skip\"}\n{\"type\":\"hook\"}";
        let found = read(Source::PiAutoresearch, text, None).unwrap();
        assert_eq!(kinds(&found), [TrialKind::Kept, TrialKind::Crashed, TrialKind::GateFailed]);
        assert_eq!((found.claims[1].value, found.unit.as_str()), (None, "s"));
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        assert!(read(Source::Autoresearch, "a,b,c\n1,2,3\n", None).unwrap_err().contains("its first line"));
        assert!(read(Source::Labloop, "{}\n[]\n\"x\"\n", None).unwrap_err().contains("no trial of labloop"));
        assert!(read(Source::PiAutoresearch, "", None).is_err());
    }

    /// A line of JSON of the words that the readers look for, with values as nobody would write them.
    fn line() -> impl Strategy<Value = String> {
        let word = sample::select(vec![
            "manifest",
            "metric",
            "goal",
            "maximize",
            "minimize",
            "outcome",
            "index",
            "fork",
            "direction",
            "commit",
            "note",
            "duration_seconds",
            "type",
            "config",
            "metricName",
            "metricUnit",
            "bestDirection",
            "lower",
            "higher",
            "status",
            "run",
            "keep",
            "crash",
            "failed",
            "main",
            "description",
        ]);
        let value = prop_oneof![
            any::<f64>().prop_map(|x| if x.is_finite() { x.to_string() } else { format!(" {x}") }),
            sample::select(vec![
                "0",
                "1",
                "-0.0",
                "1e308",
                "5e-324",
                "null",
                "true",
                "[[]]",
                " NaN",
                " -Infinity"
            ])
            .prop_map(str::to_owned),
            word.clone().prop_map(|word| format!("\"{word}\"")),
            "[^\"\\\\]{0,12}".prop_map(|text| format!("\"{text}\"")),
        ];
        let pairs = collection::vec((word, value), 0..8);
        let object = pairs.prop_map(|pairs| {
            let pairs = pairs.iter().map(|(name, value)| format!("\"{name}\":{value}"));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        });
        // Trials more often than chance would make them.
        prop_oneof![
            2 => object,
            2 => any::<f64>().prop_map(|x| format!("{{\"index\":1,\"outcome\":\"kept\",\"metric\":{x}}}")),
            2 => any::<f64>().prop_map(|x| format!("{{\"run\":1,\"status\":\"keep\",\"metric\":{x}}}")),
            1 => "[\\x00-\\x7f]{0,80}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(
            lines in collection::vec(line(), 0..7),
            rows in collection::vec(("[^\n]{0,40}", any::<f64>(), "keep|crash|discard|[a-z]{0,9}"), 0..4),
            higher in any::<bool>(),
        ) {
            let rows = rows.iter().map(|(text, value, status)| format!("{text}\t{value}\t2\t{status}\tx\n"));
            let table = format!("commit\tm\tmemory_gb\tstatus\td\n{}", rows.collect::<String>());
            let direction = higher.then_some(Direction::Higher);
            let lines = lines.join("\n");
            for (source, text) in
                [(Source::Autoresearch, &table), (Source::Labloop, &lines), (Source::PiAutoresearch, &lines)]
            {
                if let Ok(found) = read(source, text, direction) {
                    found.log();
                    let stairs = found.staircase();
                    plot::staircase(&stairs, plot::Medium::pixels(360.0, 300.0));
                }
            }
        }
    }
}
