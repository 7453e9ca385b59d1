//! Reads values from what a command printed.
//!
//! Reading is strict on purpose. A metric that is absent, not finite or printed twice is an error, because a
//! loop that guesses a number will in time climb the guess. Nothing here grows with what was printed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;

use super::Values;
use super::mean::Mean;
use super::readers::{self, BenchmarkValue, LineReader, ReportFile, is_beside};
use super::sight::Sights;
use super::text::{oddity, picked, seen};
use super::tree::Tree;

/// Where the values stand in the output of the measuring command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object at the end of the output, on one line or on several; values in its object `metrics`, or at its top, or at a path.
    #[default]
    Json,
    /// Lines `METRIC name=value`.
    MetricLines,
    /// Lines `name: value` or `name=value`.
    Lines,
    /// Nothing but what the expressions of `[measure.patterns]` find.
    Regex,
    /// What criterion prints, or the directory that it leaves.
    Criterion,
    /// Divan's tree.
    Divan,
    /// `hyperfine --export-json`.
    Hyperfine,
    /// `pytest --benchmark-json`.
    #[serde(rename = "pytest-benchmark")]
    PytestBenchmark,
    /// `go test -bench`.
    Go,
    /// Google Benchmark's `--benchmark_format=json`.
    #[serde(rename = "google-benchmark")]
    GoogleBenchmark,
    /// tinybench's table, as `console.table` prints it or as JSON, or its tasks as JSON.
    Tinybench,
    /// What mitata prints, or its JSON.
    Mitata,
    /// `vitest bench --outputJson`.
    Vitest,
    /// JUnit's XML.
    Junit,
}

/// How the output of a format is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Each line says something by itself.
    Lines,
    /// A JSON document at its end, in which metrics have names.
    Object,
    /// A document of a benchmark tool at its end.
    Document,
    /// One or the other.
    Either,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Json,
        Self::Lines,
        Self::MetricLines,
        Self::Regex,
        Self::Criterion,
        Self::Divan,
        Self::Hyperfine,
        Self::PytestBenchmark,
        Self::Go,
        Self::GoogleBenchmark,
        Self::Tinybench,
        Self::Mitata,
        Self::Vitest,
        Self::Junit,
    ];

    /// As in `piton.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MetricLines => "metric_lines",
            Self::Lines => "lines",
            Self::Regex => "regex",
            Self::Criterion => "criterion",
            Self::Divan => "divan",
            Self::Hyperfine => "hyperfine",
            Self::PytestBenchmark => "pytest-benchmark",
            Self::Go => "go",
            Self::GoogleBenchmark => "google-benchmark",
            Self::Tinybench => "tinybench",
            Self::Mitata => "mitata",
            Self::Vitest => "vitest",
            Self::Junit => "junit",
        }
    }

    fn built(self) -> Shape {
        match self {
            Self::Lines | Self::MetricLines | Self::Regex | Self::Criterion | Self::Divan | Self::Go => {
                Shape::Lines
            }
            Self::Json => Shape::Object,
            Self::Tinybench | Self::Mitata => Shape::Either,
            Self::Hyperfine | Self::PytestBenchmark | Self::GoogleBenchmark | Self::Vitest | Self::Junit => {
                Shape::Document
            }
        }
    }

    /// Whether it is what a benchmark tool writes: every benchmark there is a metric by its name.
    pub fn of_benchmarks(self) -> bool {
        !matches!(self, Self::Json | Self::Lines | Self::MetricLines | Self::Regex | Self::Junit)
    }

    /// Whether its figures are times: seconds, of which less is better.
    pub fn of_times(self) -> bool {
        self.of_benchmarks()
    }

    /// Whether its tool can leave a directory rather than a file.
    pub fn may_be_a_directory(self) -> bool {
        matches!(self, Self::Criterion | Self::Junit)
    }

    /// Whether the whole output must be there to be read, however long it is.
    pub fn is_a_document(self) -> bool {
        matches!(self.built(), Shape::Document | Shape::Either)
    }

    /// What a line or an object looks like that it reads.
    fn shape(self, name: &str) -> String {
        match self {
            Self::Json => format!("an object such as {{\"{name}\": 1.5}} at the end of the output"),
            Self::MetricLines => format!("a line `METRIC {name}=1.5`"),
            Self::Lines => format!("a line `{name}: 1.5` or `{name}=1.5`"),
            Self::Regex => "what an expression of [measure.patterns] finds".to_owned(),
            Self::Criterion => format!(
                "`{name}  time:   [1.2 ns 1.3 ns 1.4 ns]`, or the directory target/criterion as `report`"
            ),
            Self::Divan => "divan's tree, whose heading has `fastest`".to_owned(),
            Self::Hyperfine => "the JSON of `hyperfine --export-json`".to_owned(),
            Self::PytestBenchmark => "the JSON of `pytest --benchmark-json`".to_owned(),
            Self::Go => "lines of `go test -bench`, with ns/op".to_owned(),
            Self::GoogleBenchmark => "the JSON of `--benchmark_format=json`".to_owned(),
            Self::Tinybench => {
                "the table of console.table(bench.table()), or JSON.stringify of bench.table()".to_owned()
            }
            Self::Mitata => "lines with `1.5 ns/iter`, or the JSON of run({ format: 'json' })".to_owned(),
            Self::Vitest => "the JSON of `vitest bench --outputJson`".to_owned(),
            Self::Junit => "the XML of JUnit".to_owned(),
        }
    }

    /// What is wrong with a name that this format can never read; absent where it can.
    pub fn problem(self, name: &str) -> Option<String> {
        if self == Self::Regex {
            return Some(format!(
                "format = \"regex\" reads what [measure.patterns] finds, and there is no '{name}' = '{}: ([0-9.]+)'",
                regex::escape(name)
            ));
        }
        (matches!(self, Self::Lines | Self::MetricLines) && !name.chars().all(of_a_name)).then(|| {
            format!(
                "format = \"{}\" cannot be read for it: there, a name has letters, digits, `_`, `.`, `-` and `/`. \
                 Print it under such a name, or say how it stands: [measure.patterns] '{name}' = '{}: ([0-9.]+)'",
                self.word(),
                regex::escape(name)
            )
        })
    }
}

/// How the values are found in an output.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Where they stand.
    pub format: Format,
    /// Of a metric that stands there several times, the last one is taken.
    pub last: bool,
    /// Metrics that a regular expression finds in a line; its first group is the number.
    pub patterns: BTreeMap<String, Regex>,
    /// Places of metrics in a JSON document, by name: JSON pointers, as RFC 6901 has them.
    pub pointers: BTreeMap<String, String>,
    /// A metric that is the mean of others.
    pub mean: Option<Mean>,
    /// Nobody else writes where it stands: a name may then stand there in other places, too.
    pub alone: bool,
}

impl From<Format> for ReadOptions {
    fn from(format: Format) -> Self {
        Self { format, ..Self::default() }
    }
}

impl ReadOptions {
    /// Whether a metric is found by an expression or by a pointer, whatever else stands there.
    fn picked(&self, name: &str) -> bool {
        self.patterns.contains_key(name) || self.pointers.contains_key(name)
    }
}

/// Longest line that can hold a value, in bytes.
pub const LONGEST_LINE: usize = 512 << 10;
/// Values that are kept beside those that are needed: the first so many.
const OTHERS: usize = 100;
/// The same of benchmarks, and most that a mean is taken of.
const MOST_BENCHMARKS: usize = 1000;
/// Longest word that is taken for a kind of outcome, in characters.
const WORD: usize = 40;
/// Most of a line that an error quotes, in characters.
const QUOTED: usize = 160;
/// Lines from which an object may begin that ends with the output.
const BEGINNINGS: usize = 32;
/// Names of other numbers that an error lists.
const LISTED: usize = 6;
/// Names of benchmarks that an error lists.
const SHOWN: usize = 10;

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The output has no JSON object at its end: why not.
    NoJson(String),
    /// The harness itself says that nothing was measured: its kind of outcome, and the reason.
    Refused {
        /// The harness's word for what happened, e.g. `hung`.
        kind: String,
        /// One sentence.
        reason: String,
    },
    /// It is not what its format has: why.
    NotRead {
        /// The format.
        format: Format,
        /// What is wrong.
        why: String,
    },
    /// A benchmark that the baseline does not have.
    New {
        /// Its name.
        name: String,
    },
    /// The report that the command was to leave is not there.
    NoReport {
        /// Its path, as the experiment has it.
        path: String,
        /// What is there instead.
        why: String,
    },
    /// The output is not there any more: why.
    Lost(String),
    /// A metric is not there.
    Missing {
        /// Its name.
        name: String,
        /// What is there instead: a line that has the name, or the names of numbers; empty where there is nothing to tell.
        instead: String,
    },
    /// A metric stands there more than once.
    Twice {
        /// Its name.
        name: String,
        /// Its first two values, where they were read.
        values: Option<(String, String)>,
    },
    /// A metric's name stands there once more, where it is not read: somebody else may have printed one of the two.
    Stray {
        /// Its name.
        name: String,
        /// The line, or what is known of it.
        line: String,
    },
    /// A metric's value is no finite number.
    NotANumber {
        /// Its name.
        name: String,
        /// What stands there, and what is wrong with it.
        is: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJson(why) => write!(f, "its output does not end with a JSON object: {why}"),
            Self::Refused { kind, reason } => write!(f, "{kind}: {reason}"),
            Self::NotRead { format, why } => write!(
                f,
                "its output is not what format = \"{}\" reads ({}): {why}",
                format.word(),
                format.shape("NAME")
            ),
            Self::New { name } => write!(
                f,
                "its output has the benchmark `{name}`, which the baseline does not have; with `of = \"all\"` the benchmarks are those of the baseline"
            ),
            Self::NoReport { path, why } => write!(
                f,
                "it left no report `{path}`: {why}. What the build left was removed before the sample; the command itself has to write it, \
                 in the tree or where `{{report}}` in [measure] says"
            ),
            Self::Lost(why) => write!(f, "its output was not read: {why}"),
            Self::Missing { name, instead } if instead.is_empty() => {
                write!(f, "its output has no metric `{name}`")
            }
            Self::Missing { name, instead } => write!(f, "its output has no metric `{name}`: {instead}"),
            Self::Twice { name, values: None } => write!(f, "its output has `{name}` more than once"),
            Self::Twice { name, values: Some((one, other)) } => write!(
                f,
                "its output has `{name}` more than once: {one}, then {other}; print it once, or say `last = true` in [measure] to take the last line"
            ),
            Self::Stray { name, line } => write!(
                f,
                "`{name}` stands in its output once more than it is read: {line}; what is measured may have printed one of the two. Print the \
                 name once, or write the result where nothing else is written: `{{out}}` in the command of [measure]"
            ),
            Self::NotANumber { name, is } => write!(f, "the value of `{name}` is not a finite number: {is}"),
        }
    }
}

/// Reads every metric in `output`; `needed` must be among them.
///
/// # Errors
/// See [`ReadError`]. With [`Format::Json`], an object whose `outcome` is not `measured` is [`ReadError::Refused`].
pub fn read(output: &str, how: &ReadOptions, needed: &[&str]) -> Result<Values, ReadError> {
    let mut reader = Reader::new(how, needed);
    match reader.wants() {
        Wants::Lines => output.split('\n').for_each(|line| reader.line(line.as_bytes(), Some(line))),
        Wants::Parts => reader.part(output.as_bytes(), 0),
        Wants::End => {}
    }
    reader.end(output);
    reader.finish()
}

/// The format that would read what `format` did not: of an output or of its end.
pub fn other_format(output: &str, format: Format, needed: &[&str]) -> Option<Format> {
    Format::ALL
        .into_iter()
        .filter(|other| *other != format)
        .find(|other| !needed.is_empty() && read(output, &(*other).into(), needed).is_ok())
}

/// What of an output a reader must see before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Every line.
    Lines,
    /// All of it, in parts of any length.
    Parts,
    /// Nothing.
    End,
}

/// Takes an output line by line.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    how: &'a ReadOptions,
    needed: &'a [&'a str],
    values: Values,
    /// How many of them are not needed.
    others: usize,
    /// The last line that has a needed name and no plain number, by that name.
    near: BTreeMap<&'a str, String>,
    /// Names in the object at the end.
    there: Vec<String>,
    /// Finds names that stand elsewhere.
    sights: Sights<'a>,
    /// How often each was sighted in parts.
    sighted: BTreeMap<&'a str, usize>,
    /// Lines that hold a needed name which was not read there.
    stray: BTreeMap<&'a str, String>,
    /// Reads the lines of a benchmark tool.
    benchmarks: Option<LineReader>,
    error: Option<ReadError>,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing.
    pub fn new(how: &'a ReadOptions, needed: &'a [&'a str]) -> Self {
        let (values, near) = (Values::new(), BTreeMap::new());
        let (sights, sighted, stray) = (Sights::of(how, needed), BTreeMap::new(), BTreeMap::new());
        let benchmarks = LineReader::of(how.format);
        Self {
            how,
            needed,
            values,
            others: 0,
            near,
            there: vec![],
            sights,
            sighted,
            stray,
            benchmarks,
            error: None,
        }
    }

    /// What it must see before the end of the output.
    pub fn wants(&self) -> Wants {
        let lines = matches!(self.how.format.built(), Shape::Lines | Shape::Either);
        match (lines || !self.how.patterns.is_empty(), self.how.alone) {
            (true, _) => Wants::Lines,
            (false, false) => Wants::Parts,
            (false, true) => Wants::End,
        }
    }

    /// Takes the next part of an output whose lines it does not want; what ends in its first `known` bytes was in the last one.
    pub fn part(&mut self, bytes: &[u8], known: usize) {
        for (name, times) in self.sights.count(bytes, known) {
            *self.sighted.entry(name).or_default() += times;
        }
    }

    /// Takes the next line: as it was printed, and what of it may be a metric line. One that is too long for that comes in parts.
    pub fn line(&mut self, raw: &[u8], text: Option<&str>) {
        let read = text.map(|line| self.text(line)).unwrap_or_default();
        if self.how.alone {
            return;
        }
        for (name, times) in self.sights.count(raw, 0) {
            let document = matches!(self.how.format.built(), Shape::Object | Shape::Document);
            if document && !self.how.patterns.contains_key(name) {
                *self.sighted.entry(name).or_default() += times;
                continue;
            }
            // The name of another metric may end with this one.
            let within = read.iter().filter(|other| **other != name && other.ends_with(name)).count();
            let here = read.contains(&name);
            if times > usize::from(here) + within {
                self.stray.insert(name, quoted("", &String::from_utf8_lossy(raw)));
            } else if here && self.how.last {
                // What stood there before the last line is not what is read.
                self.stray.remove(name);
            }
        }
    }

    /// Takes what a line shows. Returns the needed names that it is a line of.
    fn text(&mut self, line: &str) -> Vec<&'a str> {
        let line = &*seen(line);
        let needed = self.needed;
        let known = |name: &str| needed.iter().find(|other| **other == name).copied();
        let mut read = vec![];
        for (name, pattern) in &self.how.patterns {
            let Some(found) = pattern.captures(line).and_then(|found| found.get(1)) else { continue };
            read.extend(known(name));
            self.take(name, picked(found.as_str()), || quoted(found.as_str(), line));
        }
        let found = self.benchmarks.as_mut().map(|lines| lines.line(line));
        for BenchmarkValue { name, value } in found.into_iter().flatten() {
            read.extend(known(&name));
            self.take_benchmark(&name, value);
        }
        let Some((name, text)) = name_and_value(line, self.how.format) else {
            self.overlook(line);
            return read;
        };
        if !self.how.patterns.contains_key(name) {
            read.extend(known(name));
            self.take(name, text.parse().ok(), || quoted(text, line));
        }
        read
    }

    /// Remembers a line that is no metric line, where it has the name of a metric: an error quotes it.
    fn overlook(&mut self, line: &str) {
        if !matches!(self.how.format, Format::Lines | Format::MetricLines) {
            return;
        }
        for name in self.needed.iter().filter(|name| !self.values.contains_key(**name)) {
            if let Some(rest) = behind(line, name) {
                self.near.insert(name, quoted(rest.trim_start_matches([' ', '\t', ':', '=', '|']), line));
            }
        }
    }

    /// Takes the end of the output, once every line was seen: the document that stands there, where the format has one.
    pub fn end(&mut self, output: &str) {
        let by_pattern = |name: &&str| self.how.patterns.contains_key(*name);
        if !self.needed.is_empty() && self.needed.iter().all(by_pattern) && self.how.mean.is_none() {
            return;
        }
        let format = self.how.format;
        let done = match format.built() {
            Shape::Lines => Ok(()),
            Shape::Object => object(output, !self.how.pointers.is_empty())
                .and_then(|(object, text)| self.take_object(&object, &text)),
            // What was printed as lines is there.
            Shape::Either if !self.values.is_empty() || self.error.is_some() => Ok(()),
            Shape::Either | Shape::Document => self.take_document(output),
        };
        if let Err(error) = done {
            // That nothing was measured is said whatever the patterns found.
            self.error = Some(error);
        }
    }

    /// Takes the files of a directory that a tool left as its report.
    pub fn directory(&mut self, files: &[ReportFile]) {
        match readers::of_directory(self.how.format, files) {
            Ok(found) => found.into_iter().for_each(|found| self.take_benchmark(&found.name, found.value)),
            Err(why) => self.error = Some(ReadError::NotRead { format: self.how.format, why }),
        }
    }

    fn take_document(&mut self, output: &str) -> Result<(), ReadError> {
        let format = self.how.format;
        let not_read = |why: String| ReadError::NotRead { format, why };
        let found = if format == Format::Junit {
            readers::of_xml(output).map_err(not_read)?
        } else {
            // A report is one document from its beginning.
            let (tree, text) = match serde_json::from_str::<Tree>(output.trim()) {
                Ok(tree) => (tree, Cow::Borrowed(output)),
                Err(_) => {
                    object(output, true).map(|(tree, text)| (tree, Cow::Owned(text))).map_err(|error| {
                        not_read(match error {
                            ReadError::NoJson(why) => format!("it does not end with a JSON document: {why}"),
                            other => other.to_string(),
                        })
                    })?
                }
            };
            if !self.how.alone {
                let inside = self.sights.count(text.as_bytes(), 0);
                for name in self.needed {
                    let within = inside.get(name).copied().unwrap_or(0);
                    if self.sighted.get(name).is_some_and(|all| *all > within) {
                        self.stray.insert(name, "another document before the last has it, too".to_owned());
                    }
                }
            }
            readers::of_json(format, &tree).map_err(not_read)?
        };
        found.into_iter().for_each(|found| self.take_benchmark(&found.name, found.value));
        Ok(())
    }

    /// Takes what a tool says of a benchmark.
    fn take_benchmark(&mut self, name: &str, value: Result<f64, String>) {
        if self.how.picked(name) {
            return;
        }
        let all = self.how.mean.as_ref().and_then(|mean| mean.all());
        let main = !is_beside(name);
        let known = |fixed: &[String]| fixed.is_empty() || fixed.iter().any(|own| own == name);
        if main && !all.is_none_or(known) {
            self.error.get_or_insert_with(|| ReadError::New { name: name.to_owned() });
        }
        let wanted = (all.is_some() && main) || self.needed.contains(&name);
        let (number, why) = match value {
            Ok(number) => (Some(number), number.to_string()),
            Err(why) => (None, why),
        };
        self.take_wanted(name, number, || clipped(&why), wanted);
    }

    fn take_object(&mut self, object: &Tree, text: &str) -> Result<(), ReadError> {
        let inner = object.get("metrics").filter(|metrics| metrics.members().is_some());
        let metrics = inner.unwrap_or(object);
        if let Some(name) = object.twice().or_else(|| metrics.twice()) {
            return Err(ReadError::Twice { name: name.to_owned(), values: None });
        }
        if object.get("outcome").is_some() && object.text("outcome") != "measured" {
            let reason = object.text("reason").to_owned() + &last_words(object);
            return Err(ReadError::Refused { kind: word(object.text("outcome")), reason });
        }
        for (name, value) in metrics.members().unwrap_or_default() {
            if !self.how.picked(name) {
                let number = if let Tree::Number(number) = value { Some(*number) } else { None };
                // A list or an object has a name that a path may lead through.
                if number.is_some() || !matches!(value, Tree::List(_) | Tree::Object(_)) {
                    self.take(name, number, || value.to_string());
                }
            }
        }
        let twice = |name: String| ReadError::Twice { name, values: None };
        for (name, pointer) in &self.how.pointers {
            match object.pointer(pointer).map_err(twice)? {
                Some(Tree::Number(number)) => self.take(name, Some(*number), String::new),
                Some(other) => self.take(name, None, || format!("`{pointer}` leads to {other}")),
                None => {}
            }
        }
        for name in self.needed {
            if self.values.contains_key(*name) || self.how.picked(name) {
                continue;
            }
            let found = metrics.at(name).map_err(twice)?.or(object.at(name).map_err(twice)?);
            match found {
                Some(Tree::Number(number)) => self.take(name, Some(*number), String::new),
                Some(other) => self.take(name, None, || other.to_string()),
                None => {}
            }
        }
        self.there = object.numbers(LISTED + 1);
        if !self.how.alone {
            self.strays(object, text);
        }
        Ok(())
    }

    /// Remembers the names that stand outside of the object, or in it once more.
    fn strays(&mut self, object: &Tree, text: &str) {
        let inside = self.sights.count(text.as_bytes(), 0);
        for name in self.needed.iter().filter(|name| !self.how.picked(name)) {
            let within = inside.get(name).copied().unwrap_or(0);
            if object.count(name) > 1 {
                self.stray.insert(name, "its last object has it at two places".to_owned());
            } else if !self.how.last && self.sighted.get(name).is_some_and(|all| *all > within) {
                self.stray.insert(name, "another object before the last has it, too".to_owned());
            }
        }
    }

    fn take(&mut self, name: &str, found: Option<f64>, is: impl Fn() -> String) {
        self.take_wanted(name, found, is, self.needed.contains(&name));
    }

    fn take_wanted(&mut self, name: &str, found: Option<f64>, is: impl Fn() -> String, needed: bool) {
        let most = if self.how.format.of_benchmarks() { MOST_BENCHMARKS } else { OTHERS };
        let Some(found) = found.filter(|number| number.is_finite()) else {
            if needed {
                self.error.get_or_insert_with(|| ReadError::NotANumber { name: name.to_owned(), is: is() });
            }
            return;
        };
        if let Some(value) = self.values.get_mut(name) {
            let values = Some((value.to_string(), found.to_string()));
            *value = found;
            if needed && !self.how.last {
                self.error.get_or_insert_with(|| ReadError::Twice { name: name.to_owned(), values });
            }
        } else if needed || self.others < most {
            self.others += usize::from(!needed);
            self.values.insert(name.to_owned(), found);
        }
    }

    /// The values, once everything was seen.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn finish(self) -> Result<Values, ReadError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let fixed = self.how.mean.as_ref().and_then(Mean::all).unwrap_or_default();
        let mut needed = self.needed.iter().copied().chain(fixed.iter().map(String::as_str));
        let Some(name) = needed.find(|name| !self.values.contains_key(*name)) else {
            if let Some((name, line)) = self.stray.into_iter().next() {
                return Err(ReadError::Stray { name: name.to_owned(), line });
            }
            let mut values = self.values;
            if let Some(mean) = &self.how.mean {
                let benchmark = |name: &str| !is_beside(name) && !self.how.picked(name);
                let value = mean.of_values(self.how.format, &values, &benchmark)?;
                values.insert(mean.name.clone(), value);
            }
            return Ok(values);
        };
        let benchmarks = self.how.format.of_benchmarks() || self.how.format == Format::Junit;
        let instead = if self.how.patterns.contains_key(name) {
            "no line matches its pattern".to_owned()
        } else if let Some(pointer) = self.how.pointers.get(name) {
            format!("its document has nothing at `{pointer}`{}", numbers_of(&self.there))
        } else if benchmarks && self.values.is_empty() {
            format!(
                "it has no benchmark at all; format = \"{}\" reads {}",
                self.how.format.word(),
                self.how.format.shape(name)
            )
        } else if benchmarks {
            let mut all: Vec<&String> = self.values.keys().collect();
            // Benchmarks before what else is said of them.
            all.sort_by_key(|name| is_beside(name));
            let more =
                if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
            let names: Vec<String> =
                all.into_iter().take(SHOWN).map(|name| format!("`{}`", clipped(name))).collect();
            format!("what it has is {}{more}", names.join(", "))
        } else if let Some(near) = self.near.get(name) {
            format!("the last line that names it has no plain number in the place of one: {near}")
        } else if self.how.format != Format::Json {
            format!(
                "no line names it; format = \"{}\" reads {}",
                self.how.format.word(),
                self.how.format.shape(name)
            )
        } else if self.there.is_empty() {
            "its last object holds no number".to_owned()
        } else {
            let more = if self.there.len() > LISTED { ", ..." } else { "" };
            let names: Vec<String> = self.there.iter().take(LISTED).map(|name| clipped(name)).collect();
            format!("the numbers of its last object are {}{more}", names.join(", "))
        };
        Err(ReadError::Missing { name: name.to_owned(), instead })
    }
}

/// `; the numbers there are a, b`: for a pointer that leads nowhere.
fn numbers_of(there: &[String]) -> String {
    let pointers: Vec<String> =
        there.iter().take(LISTED).map(|path| format!("/{}", clipped(path).replace('.', "/"))).collect();
    if pointers.is_empty() { String::new() } else { format!("; it has numbers at {}", pointers.join(", ")) }
}

/// A text, at most [`QUOTED`] characters of it. Whoever shows it cleans it.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A line for an error, and what is odd about what stands where the number should be.
fn quoted(value: &str, line: &str) -> String {
    let odd = oddity(value).map_or_else(String::new, |odd| {
        format!(" ({odd}; print the bare number, or pick it out with [measure.patterns])")
    });
    format!("`{}`{odd}", clipped(line.trim()))
}

/// What stands behind a name in a line, where it stands there as a word of its own.
fn behind<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.match_indices(name).find_map(|(at, _)| {
        let (before, rest) = (&line[..at], &line[at + name.len()..]);
        let part = |c: char| of_a_name(c) && !matches!(c, '.' | '-' | '/');
        (!before.ends_with(part) && !rest.starts_with(part)).then_some(rest)
    })
}

/// What a name in a line has.
fn of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')
}

/// What a line says; `None` where it is no metric line.
fn name_and_value(line: &str, format: Format) -> Option<(&str, &str)> {
    let (name, value) = match format {
        Format::MetricLines => {
            let rest = line.strip_prefix("METRIC").filter(|rest| rest.starts_with(char::is_whitespace))?;
            let (name, value) = rest.split_once('=')?;
            (name.trim_start(), value.trim_end())
        }
        Format::Lines => {
            let (name, value) = line.split_once([':', '='])?;
            (name.trim(), value.trim())
        }
        _ => return None,
    };
    let plain = !name.is_empty() && name.chars().all(of_a_name);
    (plain && !value.is_empty() && !value.contains(char::is_whitespace)).then_some((name, value))
}

/// The JSON object with which `output` ends, its last line or several, and its text. Where `lists` is set, a list may stand there, too.
fn object(output: &str, lists: bool) -> Result<(Tree, String), ReadError> {
    let text = output.trim_end();
    let line = text.rsplit('\n').next().unwrap_or_default();
    if line.len() > LONGEST_LINE {
        return Err(ReadError::NoJson(format!("its last line is longer than {} KiB", LONGEST_LINE >> 10)));
    }
    let parse = |text: &str| match serde_json::from_str::<Tree>(text) {
        Ok(tree @ Tree::Object(_)) => Ok(tree),
        Ok(tree @ Tree::List(_)) if lists => Ok(tree),
        Ok(Tree::List(_)) => Err("it ends with a sequence, where an object is wanted".to_owned()),
        Ok(other) => Err(format!("it ends with {other}")),
        Err(error) => Err(error.to_string()),
    };
    let last = seen(line);
    let failed = match parse(last.trim()) {
        Ok(tree) => return Ok((tree, last.into_owned())),
        Err(error) => error,
    };
    let why = |error: String| {
        let quote = if last.trim().is_empty() {
            String::new()
        } else {
            format!("; its last line is `{}`", clipped(last.trim()))
        };
        ReadError::NoJson(error + &quote)
    };
    if !last.trim_end().ends_with(['}', ']']) || last.trim_start().starts_with('{') {
        return Err(why(failed));
    }
    // Printed over several lines, the outermost brace stands at the beginning of one.
    let lines: Vec<Cow<'_, str>> = text.lines().map(seen).collect();
    let begin = |line: &str| line.starts_with('{') || (lists && line.starts_with('['));
    let begins = lines.iter().enumerate().rev().filter(|(_, line)| begin(line)).take(BEGINNINGS);
    let mut error = failed;
    for (at, _) in begins {
        let text = lines[at..].join("\n");
        match parse(&text) {
            Ok(tree) => return Ok((tree, text)),
            Err(other) => error = other,
        }
    }
    Err(why(error))
}

/// A kind of outcome as one plain word: it becomes part of a reason in the table and in briefs.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fits = !text.is_empty() && text.len() <= WORD && text.chars().all(plain);
    if fits { text.to_owned() } else { "failed".to_owned() }
}

/// What the worker said last, behind a colon, where the harness reports it. The candidate's own words: data.
fn last_words(object: &Tree) -> String {
    let said = object.get("detail").map_or("", |detail| detail.text("stderr"));
    let lines: Vec<&str> =
        said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("note: ")).collect();
    let last = lines[lines.len().saturating_sub(2)..].join(" ");
    if last.is_empty() { last } else { format!(": {last}") }
}

#[cfg(test)]
mod tests;
