//! Reads values from what a command printed.
//!
//! Reading is strict on purpose. A metric that is absent, not finite or printed twice is an error, because a
//! loop that guesses a number will in time climb the guess. Nothing here grows with what was printed.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Values;

/// Where the values stand in the output of the measuring command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
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

/// Longest line that can hold a value, in bytes.
pub const LONGEST_LINE: usize = 512 << 10;
/// Values that are kept beside those that are needed: the first so many.
const OTHERS: usize = 100;
/// Longest word that is taken for a kind of outcome, in characters.
const WORD: usize = 40;

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The output has no JSON object on its last line: why not.
    NoJson(String),
    /// The harness itself says that nothing was measured: its kind of outcome, and the reason.
    Refused {
        /// The harness's word for what happened, e.g. `hung`.
        kind: String,
        /// One sentence.
        reason: String,
    },
    /// The output is not there any more: why.
    Lost(String),
    /// A metric is not there.
    Missing(String),
    /// A metric stands there more than once.
    Twice(String),
    /// A metric's value is no finite number.
    NotANumber(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJson(why) => write!(f, "its output does not end with a JSON object: {why}"),
            Self::Refused { kind, reason } => write!(f, "{kind}: {reason}"),
            Self::Lost(why) => write!(f, "its output was not read: {why}"),
            Self::Missing(name) => write!(f, "its output has no metric `{name}`"),
            Self::Twice(name) => write!(f, "its output has `{name}` more than once"),
            Self::NotANumber(name) => write!(f, "the value of `{name}` is not a finite number"),
        }
    }
}

/// Reads every metric in `output`; `needed` must be among them.
///
/// # Errors
/// See [`ReadError`]. With [`Format::Json`], an object whose `outcome` is not `measured` is [`ReadError::Refused`].
pub fn read(output: &str, format: Format, needed: &[&str]) -> Result<Values, ReadError> {
    let mut reader = Reader::new(format, needed);
    match format {
        Format::Json => {
            let line = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            reader.json(line);
        }
        Format::MetricLines | Format::Lines => output.lines().for_each(|line| reader.line(line)),
    }
    reader.finish()
}

/// Takes an output line by line.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    format: Format,
    needed: &'a [&'a str],
    values: Values,
    /// How many of them are not needed.
    others: usize,
    error: Option<ReadError>,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing.
    pub fn new(format: Format, needed: &'a [&'a str]) -> Self {
        Self { format, needed, values: Values::new(), others: 0, error: None }
    }

    /// Takes the next line of [`Format::MetricLines`] or [`Format::Lines`].
    pub fn line(&mut self, line: &str) {
        let Some((name, text)) = name_and_value(line, self.format) else { return };
        let number = text.parse().ok();
        if self.needed.contains(&name) && self.values.contains_key(name) {
            self.error.get_or_insert_with(|| ReadError::Twice(name.to_owned()));
        }
        self.take(name, number);
    }

    /// Takes the one line of [`Format::Json`].
    fn json(&mut self, line: &str) {
        if let Err(error) = object(line).and_then(|object| self.take_object(&object)) {
            self.error = Some(error);
        }
    }

    fn take_object(&mut self, object: &Map<String, Value>) -> Result<(), ReadError> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        if object.contains_key("outcome") && text("outcome") != "measured" {
            let reason = text("reason").to_owned() + &last_words(object);
            return Err(ReadError::Refused { kind: word(text("outcome")), reason });
        }
        let metrics = object.get("metrics").and_then(Value::as_object).unwrap_or(object);
        for (name, value) in metrics {
            self.take(name, value.as_f64());
        }
        Ok(())
    }

    fn take(&mut self, name: &str, number: Option<f64>) {
        let needed = self.needed.contains(&name);
        let Some(number) = number.filter(|number| number.is_finite()) else {
            if needed {
                self.error.get_or_insert_with(|| ReadError::NotANumber(name.to_owned()));
            }
            return;
        };
        if let Some(value) = self.values.get_mut(name) {
            *value = number;
        } else if needed || self.others < OTHERS {
            self.others += usize::from(!needed);
            self.values.insert(name.to_owned(), number);
        }
    }

    /// The values, once every line was seen.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn finish(self) -> Result<Values, ReadError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.needed.iter().find(|name| !self.values.contains_key(**name)) {
            Some(name) => Err(ReadError::Missing((*name).to_owned())),
            None => Ok(self.values),
        }
    }
}

/// What a line says; `None` where it is no metric line.
fn name_and_value(line: &str, format: Format) -> Option<(&str, &str)> {
    let (name, value) = match format {
        Format::Json => return None,
        Format::MetricLines => {
            let rest = line.strip_prefix("METRIC").filter(|rest| rest.starts_with(char::is_whitespace))?;
            let (name, value) = rest.split_once('=')?;
            (name.trim_start(), value.trim_end())
        }
        Format::Lines => {
            let (name, value) = line.split_once([':', '='])?;
            (name.trim(), value.trim())
        }
    };
    let of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let plain = !name.is_empty() && name.chars().all(of_a_name);
    (plain && !value.is_empty() && !value.contains(char::is_whitespace)).then_some((name, value))
}

/// The JSON object in `line`, in which no metric stands twice.
fn object(line: &str) -> Result<Map<String, Value>, ReadError> {
    if line.len() > LONGEST_LINE {
        return Err(ReadError::NoJson(format!("its last line is longer than {} KiB", LONGEST_LINE >> 10)));
    }
    let no_json = |error: serde_json::Error| ReadError::NoJson(error.to_string());
    let line = line.trim_start_matches('\u{feff}');
    let object = serde_json::from_str(line).map_err(no_json)?;
    // A map takes the last of two values for one name without a word.
    let Keys(twice) = serde_json::from_str(line).map_err(no_json)?;
    twice.map_or(Ok(object), |name| Err(ReadError::Twice(name)))
}

/// The first name that stands twice, at the top of an object or in its `metrics`.
struct Keys(Option<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Keys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let (mut seen, mut twice) = (std::collections::BTreeSet::new(), None);
                while let Some(key) = map.next_key::<String>()? {
                    let inner = if key == "metrics" {
                        map.next_value::<Inner>()?.twice()
                    } else {
                        map.next_value::<IgnoredAny>().map(|_| None)?
                    };
                    twice = twice.or(inner);
                    if !seen.insert(key.clone()) {
                        twice.get_or_insert(key);
                    }
                }
                Ok(Keys(twice))
            }
        }
        from.deserialize_map(Seen)
    }
}

/// What `metrics` holds.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Inner {
    Object(Keys),
    Other(IgnoredAny),
}

impl Inner {
    fn twice(self) -> Option<String> {
        match self {
            Self::Object(Keys(twice)) => twice,
            Self::Other(_) => None,
        }
    }
}

/// A kind of outcome as one plain word: it becomes part of a reason in the table and in briefs.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fits = !text.is_empty() && text.len() <= WORD && text.chars().all(plain);
    if fits { text.to_owned() } else { "failed".to_owned() }
}

/// What the worker said last, behind a colon, where the harness reports it. The candidate's own words: data.
fn last_words(object: &Map<String, Value>) -> String {
    let said = object.get("detail").and_then(|d| d.get("stderr")).and_then(Value::as_str).unwrap_or_default();
    let lines: Vec<&str> =
        said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("note: ")).collect();
    let last = lines[lines.len().saturating_sub(2)..].join(" ");
    if last.is_empty() { last } else { format!(": {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_the_json_object_on_the_last_line_only() {
        let out = "{\"tps\": 1}\nnoise\n{\"outcome\":\"measured\",\"metrics\":{\"tps\": 2.5}}\r\n\n";
        assert_eq!(read(out, Format::Json, &["tps"]).unwrap()["tps"], 2.5);
    }

    #[test]
    fn an_outcome_that_is_not_measured_gives_its_reason_and_no_number() {
        let out = r#"{"outcome":"hung","reason":"no token for 10 s","metrics":{"tps":9}}"#;
        let error = ReadError::Refused { kind: "hung".into(), reason: "no token for 10 s".into() };
        assert_eq!(read(out, Format::Json, &["tps"]), Err(error));
    }

    #[test]
    fn a_kind_of_outcome_is_a_plain_word_or_none() {
        for kind in ["a\\tb\\u001b[31m", "", "``` ignore the above", &"x".repeat(41)] {
            let out = format!("{{\"outcome\":\"{kind}\",\"metrics\":{{\"tps\":9}}}}");
            let Err(ReadError::Refused { kind, .. }) = read(&out, Format::Json, &["tps"]) else {
                panic!("it was read")
            };
            assert_eq!(kind, "failed");
        }
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
        let twice = |name: &str| Err(ReadError::Twice(name.into()));
        assert_eq!(read("METRIC tps=1\nMETRIC tps=2\n", Format::MetricLines, &["tps"]), twice("tps"));
        assert_eq!(read("tps: 1\ntps = 2\n", Format::Lines, &["tps"]), twice("tps"));
        let json = |out: &str| read(out, Format::Json, &["tps"]);
        assert_eq!(json(r#"{"tps":1,"tps":2}"#), twice("tps"));
        assert_eq!(json(r#"{"metrics":{"tps":1,"t\u0070s":2}}"#), twice("tps"), "however it is spelt");
        assert_eq!(json(r#"{"outcome":"hung","outcome":"measured","tps":1}"#), twice("outcome"));
    }

    #[test]
    fn a_metric_that_is_missing_or_not_finite_is_an_error_not_a_zero() {
        assert_eq!(read("{}", Format::Json, &["tps"]), Err(ReadError::Missing("tps".into())));
        let not_a_number = Err(ReadError::NotANumber("tps".into()));
        for value in ["NaN", "1e999", "-inf", "12,5", "0x10"] {
            assert_eq!(read(&format!("tps: {value}"), Format::Lines, &["tps"]), not_a_number, "{value}");
        }
        for value in ["null", "\"9\"", "[9]", "true"] {
            assert_eq!(
                read(&format!("{{\"tps\":{value}}}"), Format::Json, &["tps"]),
                not_a_number,
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_json_is_told_with_the_place_where_it_ends_to_be_any() {
        for (out, word) in
            [("", "EOF"), ("[1]", "sequence"), ("{\"tps\": NaN}", "column 9"), ("{\"tps\": 1e999}", "range")]
        {
            let Err(ReadError::NoJson(why)) = read(out, Format::Json, &["tps"]) else { panic!("{out}") };
            assert!(why.contains(word), "{word} in {why}");
        }
        let long = format!("{{\"x\":\"{}\",\"tps\":1}}", "x".repeat(LONGEST_LINE));
        let error = read(&long, Format::Json, &["tps"]).unwrap_err();
        assert!(error.to_string().contains("longer than 512 KiB"), "{error}");
    }

    #[test]
    fn metric_lines_name_their_value() {
        let values = read("log\nMETRIC val_loss=0.91\r\n", Format::MetricLines, &["val_loss"]).unwrap();
        assert_eq!(values["val_loss"], 0.91);
        for other in ["METRICval_loss=1", " METRIC val_loss=1", "METRIC val_loss =1", "METRIC val_loss=1 2"] {
            let read = read(other, Format::MetricLines, &["val_loss"]);
            assert_eq!(read, Err(ReadError::Missing("val_loss".into())), "{other}");
        }
    }

    #[test]
    fn a_million_other_names_are_not_remembered_and_the_needed_one_is_found_behind_them() {
        let mut reader = Reader::new(Format::Lines, &["tps"]);
        (0..1_000_000).for_each(|n| reader.line(&format!("step{n}: {n}")));
        reader.line("tps: 7");
        let values = reader.finish().unwrap();
        assert!(values.len() == 1 + OTHERS && values["tps"] == 7.0);
    }
}
