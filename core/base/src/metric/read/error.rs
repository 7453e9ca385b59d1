//! Why a value could not be read.

use std::fmt;

use crate::metric::Format;

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
