//! One metric of several benchmarks: their geometric mean.
//!
//! Of ratios the geometric mean is the one that does not depend on what each benchmark is measured against: a gain of the mean is the mean of
//! the benchmarks' gains, whichever of them takes seconds and whichever nanoseconds (Fleming and Wallace, "How not to lie with statistics",
//! 1986).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Values;
use super::read::{Format, ReadError};
use super::readers::is_beside;

/// Word in `piton.toml` for every benchmark that the baseline has.
const ALL: &str = "all";

/// The benchmarks of a mean: `of` in `[metric]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Those of the baseline; empty until it was measured.
    All(Vec<String>),
    /// These.
    Named(Vec<String>),
}

impl Of {
    /// Their names, as far as they are known.
    pub fn names(&self) -> &[String] {
        match self {
            Self::All(names) | Self::Named(names) => names,
        }
    }

    /// What is impossible about it, if anything.
    pub fn problem(&self, format: Format) -> Option<String> {
        let mut seen = std::collections::BTreeSet::new();
        match self {
            Self::All(_) if !format.of_benchmarks() => Some(format!(
                "metric.of is \"all\", and format = \"{}\" does not say what is a benchmark: list them, of = [\"a\", \"b\"]",
                format.word()
            )),
            Self::Named(names) if names.is_empty() => {
                Some("metric.of is empty: list benchmarks, or say of = \"all\"".to_owned())
            }
            Self::Named(names) => {
                let twice = names.iter().find(|name| !seen.insert(name.as_str()))?;
                Some(format!("metric.of names `{twice}` twice"))
            }
            Self::All(_) => None,
        }
    }
}

impl Serialize for Of {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All(_) => to.serialize_str(ALL),
            Self::Named(names) => names.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Of {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "\"all\", or a list of benchmarks")]
        enum Written {
            Word(String),
            List(Vec<String>),
        }
        match Written::deserialize(from)? {
            Written::Word(word) if word == ALL => Ok(Self::All(vec![])),
            Written::Word(word) => Err(de::Error::custom(format!(
                "metric.of is \"{word}\"; it is \"all\", or a list of benchmarks: of = [\"{word}\"]"
            ))),
            Written::List(names) => Ok(Self::Named(names)),
        }
    }
}

/// A metric that is the geometric mean of benchmarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mean {
    /// The metric's name.
    pub name: String,
    /// The benchmarks.
    pub of: Of,
}

impl Mean {
    /// The benchmarks of the baseline, empty until it was measured; absent where they are listed.
    pub(super) fn all(&self) -> Option<&[String]> {
        if let Of::All(names) = &self.of { Some(names) } else { None }
    }

    /// The mean of `values`, which have every benchmark that is known. Until they are, `benchmark` says which of them is one.
    pub(super) fn of_values(
        &self,
        format: Format,
        values: &Values,
        benchmark: &dyn Fn(&str) -> bool,
    ) -> Result<f64, ReadError> {
        let measured: Vec<&str> = match &self.of {
            Of::All(names) if names.is_empty() => {
                values.keys().map(String::as_str).filter(|name| benchmark(name)).collect()
            }
            of => of.names().iter().map(String::as_str).collect(),
        };
        if measured.is_empty() {
            let why = "it has no benchmark".to_owned();
            return Err(ReadError::NotRead { format, why });
        }
        let mut sum = 0.0;
        for name in &measured {
            let value = values.get(*name).copied().unwrap_or(f64::NAN);
            if value.is_nan() || value <= 0.0 {
                let is = format!("{value}, and a geometric mean needs values above zero");
                return Err(ReadError::NotANumber { name: (*name).to_owned(), is });
            }
            sum += value.ln();
        }
        Ok((sum / measured.len() as f64).exp())
    }

    /// The benchmarks that a baseline's samples have, but for the metrics `apart`, which are found otherwise.
    ///
    /// # Errors
    /// A benchmark that one sample has and another does not.
    pub fn settled(&self, samples: &[Values], apart: &dyn Fn(&str) -> bool) -> Result<Vec<String>, String> {
        let benchmark = |name: &&String| **name != self.name && !is_beside(name) && !apart(name);
        let names = |values: &Values| -> Vec<String> { values.keys().filter(benchmark).cloned().collect() };
        let first = samples.first().map(names).unwrap_or_default();
        for sample in samples {
            let other = names(sample);
            let lone = |from: &[String], to: &[String]| from.iter().find(|name| !to.contains(name)).cloned();
            if let Some(name) = lone(&first, &other).or_else(|| lone(&other, &first)) {
                return Err(format!(
                    "one sample of the baseline has the benchmark `{name}`, and another has not: list those that count, of = [..]"
                ));
            }
        }
        Ok(first)
    }
}
