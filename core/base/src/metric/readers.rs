//! What benchmark tools print, and what they leave in files: the name of each benchmark and one figure of it.
//!
//! A time is seconds, whatever unit the tool writes. Of a tool that gives a median, the median is read. What else a tool says of a benchmark
//! has the benchmark's name and, in brackets, the tool's own word for it: `BenchmarkSort-2 [allocs/op]`.

mod asv;
mod criterion;
mod divan;
mod documents;
mod go;
mod javascript;
mod junit;
mod units;

use std::borrow::Cow;

use super::format::Format;
use super::tree::Tree;

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// Its path below the directory that is the report; empty where the report is one file.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What one benchmark came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BenchmarkValue {
    /// The benchmark's name, as its tool writes it.
    pub name: String,
    /// The figure, or what stands in the place of one.
    pub value: Result<f64, String>,
}

impl BenchmarkValue {
    fn of(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: Ok(value) }
    }

    fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), value: Err(why.into()) }
    }
}

/// The name of what else a tool says of a benchmark.
fn beside(name: &str, word: &str) -> String {
    format!("{name} [{word}]")
}

/// Whether that is the name of what else a tool says of a benchmark, and not of a benchmark: `BenchmarkSort-2 [allocs/op]`.
pub fn is_beside(name: &str) -> bool {
    name.ends_with(']') && name.contains(" [")
}

/// Reads benchmarks from lines, where a tool prints them so.
#[derive(Debug, Clone)]
pub(super) enum LineReader {
    Criterion(criterion::Lines),
    Divan(divan::Lines),
    Go,
    Tinybench(javascript::Table),
    Mitata(javascript::Printed),
}

impl LineReader {
    /// For what this format prints; absent where it prints no lines.
    pub fn of(format: Format) -> Option<Self> {
        Some(match format {
            Format::Criterion => Self::Criterion(criterion::Lines::default()),
            Format::Divan => Self::Divan(divan::Lines::default()),
            Format::Go => Self::Go,
            Format::Tinybench => Self::Tinybench(javascript::Table::default()),
            Format::Mitata => Self::Mitata(javascript::Printed::default()),
            _ => return None,
        })
    }

    /// Takes the next line, as a terminal shows it.
    pub fn line(&mut self, line: &str) -> Vec<BenchmarkValue> {
        match self {
            Self::Criterion(lines) => lines.line(line).into_iter().collect(),
            Self::Divan(lines) => lines.line(line).into_iter().collect(),
            Self::Go => go::line(line),
            Self::Tinybench(table) => table.line(line).into_iter().collect(),
            Self::Mitata(printed) => printed.line(line).into_iter().collect(),
        }
    }
}

/// A document as JSON has it, where its tool writes more than that.
pub(super) fn as_json(format: Format, text: &str) -> Cow<'_, str> {
    match format {
        Format::Asv => Cow::Owned(asv::as_json(text)),
        _ => Cow::Borrowed(text),
    }
}

/// Reads the benchmarks of a JSON document.
pub(super) fn of_json(format: Format, tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    match format {
        Format::Hyperfine => documents::hyperfine(tree),
        Format::PytestBenchmark => documents::pytest_benchmark(tree),
        Format::GoogleBenchmark => documents::google_benchmark(tree),
        Format::Tinybench => javascript::tinybench(tree),
        Format::Mitata => javascript::mitata(tree),
        Format::Vitest => javascript::vitest(tree),
        Format::Asv => asv::results(tree),
        _ => Err(format!("format = \"{}\" has no JSON", format.word())),
    }
}

/// Reads the benchmarks of an XML document.
pub(super) fn of_xml(text: &str) -> Result<Vec<BenchmarkValue>, String> {
    junit::read(text)
}

/// Reads the benchmarks of a directory that a tool left.
pub(super) fn of_directory(format: Format, files: &[ReportFile]) -> Result<Vec<BenchmarkValue>, String> {
    match format {
        Format::Criterion => criterion::directory(files),
        Format::Junit => junit::directory(files),
        _ => Err(format!(
            "it is a directory, and format = \"{}\" reads one file; criterion and junit leave directories",
            format.word()
        )),
    }
}

/// A number at a path of a document, or what stands there instead.
fn number_at(tree: &Tree, path: &str) -> Result<f64, String> {
    match tree.at(path) {
        Ok(Some(Tree::Number(number))) => Ok(*number),
        Ok(Some(other)) => Err(format!("its `{path}` is {other}")),
        Ok(None) => Err(format!("it has no `{path}`")),
        Err(name) => Err(format!("it has `{name}` twice")),
    }
}

/// A list at a path of a document.
fn list_at<'t>(tree: &'t Tree, path: &str) -> Result<&'t [Tree], String> {
    match tree.at(path) {
        Ok(Some(Tree::List(list))) => Ok(list),
        Ok(Some(other)) => Err(format!("its `{path}` is {other}, where a list is wanted")),
        Ok(None) => Err(format!("it has no list `{path}`")),
        Err(name) => Err(format!("it has `{name}` twice")),
    }
}

#[cfg(test)]
mod tests;
