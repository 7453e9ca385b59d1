//! Tools that write one JSON document: hyperfine, pytest-benchmark, Google Benchmark.

use std::collections::{BTreeMap, BTreeSet};

use super::units::seconds;
use super::{BenchmarkValue, beside, list_at, number_at};
use crate::metric::tree::Tree;

/// `hyperfine --export-json`: the median time of each command, by its name (`-n`) or else its text.
pub(super) fn hyperfine(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let one = |result: &Tree| {
        let name = result.text("command").to_owned();
        let beside = ["user", "system"]
            .into_iter()
            .filter_map(|word| Some(BenchmarkValue::of(beside(&name, word), number_at(result, word).ok()?)));
        let beside: Vec<_> = beside.collect();
        [vec![BenchmarkValue { value: number_at(result, "median"), name }], beside].concat()
    };
    Ok(list_at(tree, "results")?.iter().flat_map(one).collect())
}

/// `pytest --benchmark-json`: the median of each benchmark, by the name that pytest selects it by.
pub(super) fn pytest_benchmark(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let one = |benchmark: &Tree| {
        let (full, short) = (benchmark.text("fullname"), benchmark.text("name"));
        let name = if full.is_empty() { short } else { full };
        BenchmarkValue { name: name.to_owned(), value: number_at(benchmark, "stats.median") }
    };
    Ok(list_at(tree, "benchmarks")?.iter().map(one).collect())
}

/// `--benchmark_format=json`: the time by the clock of each benchmark; where it was repeated and there are aggregates, their median.
pub(super) fn google_benchmark(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let rows = list_at(tree, "benchmarks")?;
    let medians: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.text("aggregate_name") == "median")
        .map(|row| row.text("run_name"))
        .collect();
    let counts = |row: &&Tree| match row.text("run_type") {
        "aggregate" => row.text("aggregate_name") == "median",
        _ => !medians.contains(row.text("run_name")) || row.text("run_name").is_empty(),
    };
    // Two benchmarks may be registered by one name: each is of a family of its own, by which the tool numbers them.
    let called = |row: &Tree| match row.text("run_type") {
        "aggregate" => row.text("run_name").to_owned(),
        _ => row.text("name").to_owned(),
    };
    let family = |row: &Tree| number_at(row, "family_index").ok().map(f64::to_bits);
    let mut families: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for row in rows.iter().filter(counts) {
        let same = families.entry(called(row)).or_default();
        if !same.contains(&family(row)) {
            same.push(family(row));
        }
    }
    let one = |row: &Tree| {
        let name = called(row);
        let before = families[&name].iter().position(|other| *other == family(row)).unwrap_or_default();
        let name = &*if before == 0 { name } else { format!("{name}#{}", before + 1) };
        if matches!(row.get("error_occurred"), Some(Tree::Word("true"))) {
            return vec![BenchmarkValue::failed(
                name,
                format!("it ended with {:?}", row.text("error_message")),
            )];
        }
        let unit = if row.text("time_unit").is_empty() { "ns" } else { row.text("time_unit") };
        let time = |word: &str| {
            seconds(number_at(row, word)?, unit).ok_or_else(|| format!("its time_unit is {unit:?}"))
        };
        let own = row.members().unwrap_or_default().iter().filter_map(|(word, value)| match value {
            Tree::Number(number) if !STANDARD.contains(&word.as_str()) => {
                Some(BenchmarkValue::of(beside(name, word), *number))
            }
            _ => None,
        });
        let cpu = time("cpu_time").ok().map(|value| BenchmarkValue::of(beside(name, "cpu_time"), value));
        let real = BenchmarkValue { name: name.to_owned(), value: time("real_time") };
        std::iter::once(real).chain(cpu).chain(own).collect()
    };
    Ok(rows.iter().filter(counts).flat_map(one).collect())
}

/// Numbers of a row that are no counter of the benchmark's own.
const STANDARD: [&str; 10] = [
    "family_index",
    "per_family_instance_index",
    "repetitions",
    "repetition_index",
    "threads",
    "iterations",
    "real_time",
    "cpu_time",
    "allocs_per_iter",
    "max_bytes_used",
];
