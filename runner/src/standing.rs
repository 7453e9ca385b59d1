//! Where a run stands, and what a climb came to.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::{Metric, percent};
use crate::trial::{Record, Status};
use crate::words::{clean, gain, number, plural, seconds};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The run.
    pub run: String,
    /// The commit it starts from.
    pub base: String,
    /// The incumbent's commit.
    pub incumbent: Option<String>,
    /// Trials recorded, the baseline not among them.
    pub trials: usize,
    /// Trials by reason.
    pub reasons: BTreeMap<String, usize>,
    /// The primary metric of the baseline.
    pub baseline_value: Option<f64>,
    /// The primary metric of the incumbent, as measured in the trial that kept it.
    pub incumbent_value: Option<f64>,
    /// Gain of the one over the other in percent, positive when better.
    pub gain_pct: Option<f64>,
    /// The last trial: number and verdict.
    pub last: Option<(u32, String)>,
    /// How well the score is protected from the candidate.
    pub confinement: &'static str,
}

/// Where a run stands, from its records.
pub fn status(run: &str, base: &str, records: &[Record], metric: &Metric) -> Standing {
    let mut trials = records.iter().filter(|r| r.trial > 0);
    let mut reasons = BTreeMap::new();
    trials.clone().for_each(|r| *reasons.entry(r.outcome.reason()).or_default() += 1);
    let (first, best) = (records.first(), records.iter().rfind(|r| r.outcome.status() == Status::Keep));
    let value = |record: Option<&Record>| record.and_then(|r| r.value(&metric.name));
    let gain = value(first).zip(value(best)).and_then(|(from, to)| metric.direction.log_gain(from, to));
    Standing {
        run: run.to_owned(),
        base: base.to_owned(),
        incumbent: best.and_then(|r| r.commit.clone()),
        trials: trials.clone().count(),
        reasons,
        baseline_value: value(first),
        incumbent_value: value(best),
        gain_pct: gain.map(percent),
        last: trials.next_back().map(|r| (r.trial, r.outcome.reason())),
        confinement: "none",
    }
}

/// The same for people.
pub fn status_words(standing: &Standing, metric: &Metric) -> String {
    let value =
        |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{} {}", number(x), metric.unit));
    let reasons: Vec<String> = standing.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let mut text = format!("run {}, branch piton/{}\n", standing.run, standing.run);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<12} {value}\n"));
    line(
        "trials",
        if reasons.is_empty() {
            "none yet".to_owned()
        } else {
            format!("{}: {}", standing.trials, reasons.join(", "))
        },
    );
    line("baseline", format!("{} {}", metric.name, value(standing.baseline_value)));
    line("incumbent", format!("{} {}", metric.name, value(standing.incumbent_value)));
    line(
        "gain",
        standing.gain_pct.map_or_else(
            || "-".to_owned(),
            |pct| format!("{pct:+.1} %, as measured in the trials that kept it"),
        ),
    );
    if let Some((trial, reason)) = &standing.last {
        line("last", format!("trial {trial}: {reason}"));
    }
    line("confinement", format!("{}: the candidate runs as an ordinary process", standing.confinement));
    text
}

/// What a climb came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary<'a> {
    /// The run.
    pub run: &'a str,
    /// All its records, the baseline among them.
    pub records: &'a [Record],
    /// Why it ended, in words.
    pub stopped: &'a str,
    /// Wall clock of this climb, in seconds.
    pub wall_s: f64,
    /// Path of `results.tsv`.
    pub results: &'a str,
}

/// The last lines of a climb.
pub fn summary(summary: &Summary, metric: &Metric) -> String {
    let trials: Vec<&Record> = summary.records.iter().filter(|r| r.trial > 0).collect();
    let of = |status| trials.iter().filter(|r| r.outcome.status() == status).count();
    let value = |record: Option<&Record>| record.and_then(|r| r.value(&metric.name));
    let first = value(summary.records.iter().find(|r| r.trial == 0));
    let last = value(summary.records.iter().rfind(|r| r.outcome.status() == Status::Keep));
    let mut text = format!(
        "{} in {} ({}): {} kept, {} discarded, {} crashed\n",
        plural(trials.len(), "trial"),
        seconds(summary.wall_s),
        summary.stopped,
        of(Status::Keep),
        of(Status::Discard),
        of(Status::Crash)
    );
    if let (Some(first), Some(last)) = (first, last) {
        let gained =
            metric.direction.log_gain(first, last).map_or_else(String::new, |g| format!(" ({})", gain(g)));
        text.push_str(&format!(
            "{} {} -> {} {}{gained}, as measured in the trials that kept it\n",
            metric.name,
            number(first),
            number(last),
            metric.unit
        ));
    }
    let kept: Vec<String> = trials
        .iter()
        .filter(|r| r.outcome.kept())
        .map(|r| {
            let by = r.outcome.estimate().map_or_else(String::new, |e| gain(e.gain));
            format!("  {:>3}  {by:>9}  {}\n", r.trial, clean(&r.description, 90))
        })
        .collect();
    if !kept.is_empty() {
        text.push_str(&format!("kept:\n{}", kept.concat()));
    }
    let run = summary.run;
    text.push_str(&format!(
        "\nwhere to look\n  piton log --run {run}         every trial, one line each\n  piton show N --run {run}      one trial: verdict, gates, pairs, what changed, diff\n  git log piton/{run}           the kept commits, each with its evidence\n  git diff HEAD...piton/{run}   what the climb would bring home\n  {}   the table\n",
        summary.results
    ));
    text
}
