//! One metric of several benchmarks: their geometric mean.
//!
//! Of ratios the geometric mean is the one that does not depend on what each benchmark is measured against: a gain of the mean is the mean of
//! the benchmarks' gains, whichever of them takes seconds and whichever nanoseconds (Fleming and Wallace, "How not to lie with statistics",
//! 1986).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::format::Format;
use super::read::ReadError;
use super::readers::is_beside;
use super::{Metric, Values};

/// Name of a metric that is such a mean, where `piton.toml` has none.
pub(super) const NAME: &str = "geomean";
/// How much a single benchmark may lose while their mean gains, in percent: a loss proven to be larger discards. Where code moves in memory,
/// single microbenchmarks move by some percent, up and down, whatever the edit is about; a limit below that would refuse true gains.
const LIMIT_PCT: f64 = 5.0;

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
        struct OfVisitor;
        impl<'de> de::Visitor<'de> for OfVisitor {
            type Value = Of;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"all\", or a list of benchmarks")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Of, E> {
                match word {
                    ALL => Ok(Of::All(vec![])),
                    word => Err(E::custom(format!(
                        "metric.of is \"{word}\"; it is \"all\", or a list of benchmarks: of = [\"{word}\"]"
                    ))),
                }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Of, A::Error> {
                let mut names = vec![];
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(Of::Named(names))
            }
        }
        from.deserialize_any(OfVisitor)
    }
}

impl Metric {
    /// The mean that it is, where it is one.
    pub fn mean(&self) -> Option<Mean> {
        Some(Mean { name: self.name.clone(), of: self.of.clone()? })
    }

    /// How much each benchmark of a mean may lose, in percent.
    pub fn of_limit_pct(&self) -> f64 {
        self.of_limit_pct.unwrap_or(LIMIT_PCT)
    }

    /// What is impossible about its benchmarks, if anything.
    pub fn of_problem(&self, format: Format) -> Option<String> {
        let Some(of) = &self.of else {
            let limit = self.of_limit_pct?;
            return Some(format!(
                "metric.of_limit_pct is {limit}, and there is no metric.of, whose benchmarks it limits"
            ));
        };
        let limit = self.of_limit_pct();
        if !(0.0..100.0).contains(&limit) {
            return Some(format!("metric.of_limit_pct is {limit}; it lies between 0 and 100"));
        }
        if let Some(meter) = self.meter {
            return Some(format!(
                "metric.of and metric.meter = \"{}\" are two metrics; leave one of them out",
                meter.word()
            ));
        }
        if of.names().contains(&self.name) {
            return Some(format!(
                "metric.name is `{}`, which is one of the benchmarks of metric.of: leave it out, or call the mean otherwise",
                self.name
            ));
        }
        of.problem(format)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn values(list: &[(&str, f64)]) -> Values {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    fn mean(of: Of) -> Mean {
        Mean { name: "m".to_owned(), of }
    }

    #[test]
    fn a_mean_moves_by_the_mean_of_what_its_benchmarks_move_by_whatever_their_size() {
        let of = || mean(Of::Named(vec!["a".into(), "b".into()]));
        let value = |a, b| of().of_values(Format::Go, &values(&[("a", a), ("b", b), ("c", 7.0)]), &|_| true);
        let ratio = value(2e-9, 8.0).unwrap() / value(1e-9, 4.0).unwrap();
        assert!((ratio - 2.0).abs() < 1e-12, "{ratio}");
        assert!((value(4.0, 9.0).unwrap() - 6.0).abs() < 1e-12);
        let zero = value(0.0, 1.0).unwrap_err().to_string();
        assert!(zero.contains("`a`") && zero.contains("above zero"), "{zero}");
    }

    #[test]
    fn all_benchmarks_are_those_that_every_sample_of_the_baseline_has() {
        let of = mean(Of::All(vec![]));
        let sample = values(&[("a", 1.0), ("a [B/op]", 2.0), ("b", 3.0), ("m", 1.0), ("rss", 9.0)]);
        let settled = of.settled(&[sample.clone(), sample.clone()], &|name| name == "rss");
        assert_eq!(settled, Ok(vec!["a".to_owned(), "b".to_owned()]));
        let less = values(&[("a", 1.0), ("m", 1.0)]);
        for samples in [[sample.clone(), less.clone()], [less, sample]] {
            assert!(of.settled(&samples, &|name| name == "rss").unwrap_err().contains("`b`"));
        }
    }

    #[test]
    fn what_is_written_comes_back_and_a_word_that_is_no_list_is_refused_with_one() {
        let metric = |json: &str| serde_json::from_str::<Metric>(json).map_err(|e| e.to_string());
        for json in
            [r#"{"of":"all"}"#, r#"{"name":"x","direction":"higher","of":["a","b"],"of_limit_pct":2.0}"#]
        {
            let read = metric(json).unwrap();
            let again = metric(&serde_json::to_string(&read).unwrap()).unwrap();
            assert_eq!(Metric { undirected: read.undirected, ..again }, read);
        }
        assert_eq!(metric(r#"{"of":"all"}"#).unwrap().name, NAME);
        assert!(metric(r#"{"of":"sum"}"#).unwrap_err().contains("of = [\"sum\"]"));
        assert!(metric(r#"{"of":3}"#).unwrap_err().contains("invalid type"));
        assert!(metric(r#"{"direction":"lower"}"#).unwrap_err().contains("missing field `name`"));
    }
}
