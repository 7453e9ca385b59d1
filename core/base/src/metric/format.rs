//! Where values stand in what a command printed: the formats, by their words in `piton.toml`, and what else says how to find them.

use std::collections::BTreeMap;

use regex::Regex;

use super::mean::Mean;

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
    /// A file of results that asv leaves.
    Asv,
    /// JUnit's XML.
    Junit,
}

/// How the output of a format is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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
    pub const ALL: [Self; 15] = [
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
        Self::Asv,
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
            Self::Asv => "asv",
            Self::Junit => "junit",
        }
    }

    pub(super) fn built(self) -> Shape {
        match self {
            Self::Lines | Self::MetricLines | Self::Regex | Self::Criterion | Self::Divan | Self::Go => {
                Shape::Lines
            }
            Self::Json => Shape::Object,
            Self::Tinybench | Self::Mitata => Shape::Either,
            Self::Hyperfine
            | Self::PytestBenchmark
            | Self::GoogleBenchmark
            | Self::Vitest
            | Self::Asv
            | Self::Junit => Shape::Document,
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
    pub(super) fn shape(self, name: &str) -> String {
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
            Self::Asv => "the JSON of a file below asv's results_dir".to_owned(),
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
    pub(super) fn picked(&self, name: &str) -> bool {
        self.patterns.contains_key(name) || self.pointers.contains_key(name)
    }
}

/// What a name in a line has.
pub(super) fn of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')
}
