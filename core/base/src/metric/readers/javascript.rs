//! Tools of JavaScript: tinybench, mitata, and vitest, which runs tinybench.

use super::units::{seconds, time};
use super::{BenchmarkValue, list_at, number_at};
use crate::metric::tree::Tree;

/// tinybench's rows as JSON (`JSON.stringify(bench.table())`), or its tasks (`bench.tasks`, with `name` and `result`).
pub(super) fn tinybench(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let Tree::List(list) = tree else {
        return Err(format!("it is {tree}, where a list of tasks or of the rows of bench.table() is wanted"));
    };
    list.iter().map(|entry| row(entry).map_or_else(|| task(entry), Ok)).collect()
}

/// A task: milliseconds. Before version 3 the statistics stood in `result` itself; that of the middle was named `p50` from then on.
fn task(entry: &Tree) -> Result<BenchmarkValue, String> {
    let name = entry.text("name");
    if name.is_empty() {
        return Err("one of its entries has no `name`: a task is { name, result }".to_owned());
    }
    if !matches!(entry.get("result"), Some(Tree::Object(_))) {
        return Ok(BenchmarkValue::failed(name, "it has no result"));
    }
    let paths = ["result.latency.p50", "result.latency.mean", "result.p50", "result.mean"];
    let found = paths.into_iter().find_map(|path| number_at(entry, path).ok());
    let value = found.map(|ms| ms / 1e3).ok_or_else(|| "it has no `result.latency.p50`".to_owned());
    Ok(BenchmarkValue { name: name.to_owned(), value })
}

/// A row of `bench.table()`.
fn row(entry: &Tree) -> Option<BenchmarkValue> {
    let members = entry.members()?;
    let name = members.iter().find(|(heading, _)| is_name(heading))?;
    let Tree::Text(name) = &name.1 else { return None };
    let best = members.iter().filter_map(|(heading, value)| Some((latency(heading)?, value)));
    let ((_, unit), value) = best.max_by_key(|((rank, _), _)| *rank)?;
    let value = match value {
        Tree::Number(number) => seconds(*number, unit).ok_or_else(String::new),
        Tree::Text(text) => cell(text, unit).ok_or_else(|| format!("its latency is {text:?}")),
        other => Err(format!("its latency is {other}")),
    };
    Some(BenchmarkValue { name: name.clone(), value })
}

fn is_name(heading: &str) -> bool {
    heading.eq_ignore_ascii_case("task name")
}

/// What a heading says of a time: how far it is preferred, and its unit.
fn latency(heading: &str) -> Option<(u8, &'static str)> {
    let lower = heading.to_lowercase();
    let unit =
        ["ns", "\u{b5}s", "us", "ms"].into_iter().find(|unit| lower.ends_with(&format!("({unit})")))?;
    let rank = match () {
        () if lower.starts_with("latency med") => 2,
        () if lower.starts_with("latency av") || lower.starts_with("average time") => 1,
        () => return None,
    };
    Some((rank, unit))
}

/// `5958.0 ± 69.00`, or a plain number.
fn cell(text: &str, unit: &str) -> Option<f64> {
    let number = text.split('\u{b1}').next()?.trim().replace(',', "");
    seconds(number.parse().ok()?, unit)
}

/// tinybench's rows as `console.table` prints them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Places of the name and of the latency in a row, and the latency's unit.
    columns: Option<(usize, usize, &'static str)>,
}

impl Table {
    pub fn line(&mut self, line: &str) -> Option<BenchmarkValue> {
        let cells: Vec<&str> = line
            .strip_prefix('\u{2502}')?
            .strip_suffix('\u{2502}')?
            .split('\u{2502}')
            .map(str::trim)
            .collect();
        if let Some(name) = cells.iter().position(|cell| is_name(cell)) {
            let ranked = cells.iter().enumerate().filter_map(|(at, heading)| Some((latency(heading)?, at)));
            self.columns = ranked.max_by_key(|((rank, _), _)| *rank).map(|((_, unit), at)| (name, at, unit));
            return None;
        }
        let (name, at, unit) = self.columns?;
        let bare = |text: &str| {
            let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
            quote.and_then(|q| text.strip_prefix(q)?.strip_suffix(q)).unwrap_or(text).to_owned()
        };
        let text = bare(cells.get(at)?);
        let value = cell(&text, unit).ok_or_else(|| format!("its latency is {text:?}"));
        Some(BenchmarkValue { name: bare(cells.get(name)?), value })
    }
}

/// The name of a benchmark of a group; benchmarks of one name may stand in several groups.
fn grouped(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group} > {name}") }
}

/// mitata's JSON: nanoseconds, the median of each run; the name is its group's, where that has one, then its own.
pub(super) fn mitata(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let mut found = vec![];
    for benchmark in list_at(tree, "benchmarks")? {
        for run in list_at(benchmark, "runs")? {
            let name = if run.text("name").is_empty() { benchmark.text("alias") } else { run.text("name") };
            let value =
                number_at(run, "stats.p50").or_else(|why| number_at(run, "stats.avg").map_err(|_| why));
            let group =
                match tree.at(&format!("layout.{}.name", number_at(benchmark, "group").unwrap_or(-1.0))) {
                    Ok(Some(Tree::Text(group))) => group.as_str(),
                    _ => "",
                };
            found.push(BenchmarkValue { name: grouped(group, name), value: value.map(|ns| ns / 1e9) });
        }
    }
    Ok(found)
}

/// What mitata prints: a heading before the benchmarks of a group that has a name, and the mean of each, which is all that it prints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Printed {
    group: String,
}

impl Printed {
    pub fn line(&mut self, line: &str) -> Option<BenchmarkValue> {
        if let Some(group) = line.strip_prefix("\u{2022} ") {
            group.trim().clone_into(&mut self.group);
            return None;
        }
        let found = mitata_line(line)?;
        Some(BenchmarkValue { name: grouped(&self.group, &found.name), ..found })
    }
}

/// A line of mitata's: `sort 100    4.49 µs/iter   5.41 µs ...`.
fn mitata_line(line: &str) -> Option<BenchmarkValue> {
    let (before, _) = line.split_once("/iter")?;
    let (rest, unit) = before.trim_end().rsplit_once(char::is_whitespace)?;
    let (name, number) = rest.trim_end().rsplit_once(char::is_whitespace)?;
    let value = time(&format!("{number} {unit}"))?;
    let name = name.trim();
    (!name.is_empty() && !line.starts_with(char::is_whitespace)).then(|| BenchmarkValue::of(name, value))
}

/// `vitest bench --outputJson`: milliseconds, the median; the name is its group's, then its own.
pub(super) fn vitest(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let mut found = vec![];
    for file in list_at(tree, "files")? {
        for group in list_at(file, "groups")? {
            for benchmark in list_at(group, "benchmarks")? {
                let name = format!("{} > {}", group.text("fullName"), benchmark.text("name"));
                let value = number_at(benchmark, "median").map(|ms| ms / 1e3);
                found.push(BenchmarkValue { name, value });
            }
        }
    }
    Ok(found)
}
