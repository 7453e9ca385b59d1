//! What is measured: a metric's name and direction, and how its value is read from what a command printed.
//!
//! Reading is strict on purpose. A metric that is absent, not finite or printed twice is an error, because a
//! loop that guesses a number will in time climb the guess.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Values by metric name.
pub type Values = BTreeMap<String, f64>;

/// The primary metric: `[metric]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name in what the measuring command prints, e.g. `avg_generation_tps`.
    pub name: String,
    /// Which way is better.
    pub direction: Direction,
    /// Its unit, for people, e.g. `tokens/s`.
    #[serde(default)]
    pub unit: String,
    /// Name of the metric that fills the column `memory_gb` of `results.tsv`, where there is one.
    pub memory: Option<String>,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More is better, as for a throughput.
    Higher,
    /// Less is better, as for a latency.
    Lower,
}

impl Direction {
    /// +1 where higher is better, -1 where lower is.
    pub fn sign(self) -> f64 {
        match self {
            Self::Higher => 1.0,
            Self::Lower => -1.0,
        }
    }

    /// Gain of `to` over `from` as a natural logarithm: positive when `to` is better.
    ///
    /// `None` unless both are finite and greater than zero: a ratio needs a metric that cannot be zero.
    pub fn log_gain(self, from: f64, to: f64) -> Option<f64> {
        let ok = |x: f64| x.is_finite() && x > 0.0;
        (ok(from) && ok(to)).then(|| self.sign() * (to / from).ln())
    }
}

/// A natural-log gain as a percentage: `0.0296` is `3.0`.
pub fn percent(log_gain: f64) -> f64 {
    log_gain.exp_m1() * 100.0
}

/// Where the values stand in the output of the measuring command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object on the last non-empty line; values in its object `metrics`, or at its top.
    #[default]
    Json,
    /// Lines `METRIC name=value`.
    MetricLines,
    /// Lines `name: value` or `name=value`.
    Lines,
}

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The output has no JSON object on its last line.
    NoJson,
    /// The harness itself says that nothing was measured: its kind of outcome, and the reason.
    Refused {
        /// The harness's word for what happened, e.g. `hung`.
        kind: String,
        /// One sentence.
        reason: String,
    },
    /// A metric is not there.
    Missing(String),
    /// A metric stands there more than once.
    Twice(String),
    /// A metric's value is no finite number.
    NotANumber(String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoJson => write!(f, "its output does not end with a JSON object"),
            Self::Refused { kind, reason } => write!(f, "{kind}: {reason}"),
            Self::Missing(name) => write!(f, "its output has no metric `{name}`"),
            Self::Twice(name) => write!(f, "its output has the metric `{name}` more than once"),
            Self::NotANumber(name) => write!(f, "the value of `{name}` is not a finite number"),
        }
    }
}

/// Reads every metric in `output`; `needed` must be among them.
///
/// # Errors
/// See [`ReadError`]. With [`Format::Json`], an object whose `outcome` is not `measured` is [`ReadError::Refused`].
pub fn read(output: &str, format: Format, needed: &[&str]) -> Result<Values, ReadError> {
    let values = match format {
        Format::Json => read_json(output)?,
        Format::MetricLines => read_lines(output, r"^METRIC\s+([\w.\-/]+)=(\S+)\s*$", needed)?,
        Format::Lines => read_lines(output, r"^\s*([\w.\-/]+)\s*[:=]\s*(\S+)\s*$", needed)?,
    };
    match needed.iter().find(|name| !values.contains_key(**name)) {
        Some(name) => Err(ReadError::Missing((*name).to_owned())),
        None => Ok(values),
    }
}

/// The JSON object on the last non-empty line, if there is one.
pub fn last_json(output: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let line = output.lines().rev().find(|line| !line.trim().is_empty())?;
    serde_json::from_str(line).ok()
}

fn read_json(output: &str) -> Result<Values, ReadError> {
    let object = last_json(output).ok_or(ReadError::NoJson)?;
    let text = |key: &str| object.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    if object.contains_key("outcome") && text("outcome") != "measured" {
        return Err(ReadError::Refused {
            kind: text("outcome"),
            reason: text("reason") + &last_words(&object),
        });
    }
    let metrics = object.get("metrics").and_then(|m| m.as_object()).unwrap_or(&object);
    Ok(metrics
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64().filter(|v| v.is_finite())?)))
        .collect())
}

/// What the worker said last, behind a colon, where the harness reports it. The candidate's own words: data.
fn last_words(object: &serde_json::Map<String, serde_json::Value>) -> String {
    let said =
        object.get("detail").and_then(|d| d.get("stderr")).and_then(|s| s.as_str()).unwrap_or_default();
    let lines: Vec<&str> =
        said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("note: ")).collect();
    let last = lines[lines.len().saturating_sub(2)..].join(" ");
    if last.is_empty() { last } else { format!(": {last}") }
}

fn read_lines(output: &str, pattern: &str, needed: &[&str]) -> Result<Values, ReadError> {
    let pattern = Regex::new(pattern).expect("a fixed pattern");
    let mut values = Values::new();
    for line in output.lines() {
        let Some(found) = pattern.captures(line) else { continue };
        let (name, number) = (found[1].to_owned(), found[2].parse::<f64>().ok().filter(|v| v.is_finite()));
        let wanted = needed.contains(&name.as_str());
        match number {
            None if wanted => return Err(ReadError::NotANumber(name)),
            None => {}
            Some(_) if wanted && values.contains_key(&name) => return Err(ReadError::Twice(name)),
            Some(value) => {
                values.insert(name, value);
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_positive_when_better_whatever_the_direction() {
        assert!(Direction::Higher.log_gain(100.0, 110.0).unwrap() > 0.0);
        assert!(Direction::Lower.log_gain(100.0, 90.0).unwrap() > 0.0);
        assert!(Direction::Lower.log_gain(100.0, 110.0).unwrap() < 0.0);
    }

    #[test]
    fn zero_negative_and_infinite_values_have_no_gain() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Direction::Higher.log_gain(1.0, bad), None);
            assert_eq!(Direction::Higher.log_gain(bad, 1.0), None);
        }
    }

    #[test]
    fn values_are_read_from_the_json_object_on_the_last_line_only() {
        let out = "{\"tps\": 1}\nnoise\n{\"outcome\":\"measured\",\"metrics\":{\"tps\": 2.5}}\n\n";
        assert_eq!(read(out, Format::Json, &["tps"]).unwrap()["tps"], 2.5);
    }

    #[test]
    fn an_outcome_that_is_not_measured_gives_its_reason_and_no_number() {
        let out = r#"{"outcome":"hung","reason":"no token for 10 s","metrics":{"tps":9}}"#;
        let error = ReadError::Refused { kind: "hung".into(), reason: "no token for 10 s".into() };
        assert_eq!(read(out, Format::Json, &["tps"]), Err(error));
    }

    #[test]
    fn the_last_words_of_a_worker_come_with_the_reason() {
        let out = r#"{"outcome":"crashed","reason":"signal 6","detail":{"stderr":"thread panicked at x:1:\nno\nnote: run with\n"}}"#;
        let Err(ReadError::Refused { reason, .. }) = read(out, Format::Json, &[]) else {
            panic!("it was read")
        };
        assert_eq!(reason, "signal 6: thread panicked at x:1: no");
    }

    #[test]
    fn a_metric_that_appears_twice_is_an_error() {
        let out = "METRIC tps=1\nMETRIC tps=2\n";
        assert_eq!(read(out, Format::MetricLines, &["tps"]), Err(ReadError::Twice("tps".into())));
        assert_eq!(read("tps: 1\ntps = 2\n", Format::Lines, &["tps"]), Err(ReadError::Twice("tps".into())));
    }

    #[test]
    fn a_metric_that_is_missing_or_not_finite_is_an_error_not_a_zero() {
        assert_eq!(read("{}", Format::Json, &["tps"]), Err(ReadError::Missing("tps".into())));
        assert_eq!(read("", Format::Json, &["tps"]), Err(ReadError::NoJson));
        assert_eq!(read("tps: NaN", Format::Lines, &["tps"]), Err(ReadError::NotANumber("tps".into())));
        assert_eq!(read("tps: 1e999", Format::Lines, &["tps"]), Err(ReadError::NotANumber("tps".into())));
    }

    #[test]
    fn metric_lines_name_their_value() {
        let values = read("log\nMETRIC val_loss=0.91\n", Format::MetricLines, &["val_loss"]).unwrap();
        assert_eq!(values["val_loss"], 0.91);
    }
}
