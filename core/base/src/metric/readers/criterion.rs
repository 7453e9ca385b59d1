//! Criterion: what it prints, and the directory that it leaves (`target/criterion`).

use super::units::time;
use super::{BenchmarkValue, ReportFile, number_at};
use crate::metric::tree::Tree;

/// Lines `name  time:   [26.03 ns 26.25 ns 26.51 ns]`; a long name has a line of its own before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// The last line that may be such a name.
    name: Option<String>,
}

impl Lines {
    pub fn line(&mut self, line: &str) -> Option<BenchmarkValue> {
        let Some((before, rest)) = line.split_once("time:") else {
            self.keep(line);
            return None;
        };
        let inside = rest.trim().strip_prefix('[')?.split_once(']')?.0;
        let words: Vec<&str> = inside.split_whitespace().collect();
        // In what it says of a change there are shares, which have no unit of their own.
        let [_, _, middle, unit, _, _] = words.as_slice() else { return None };
        let value = time(&format!("{middle} {unit}"))?;
        let before = before.trim();
        let name = if before.is_empty() { self.name.take()? } else { before.to_owned() };
        self.name = None;
        Some(BenchmarkValue::of(name, value))
    }

    fn keep(&mut self, line: &str) {
        // What belongs to a benchmark stands further in; what is under way is no name.
        let name = !line.starts_with(char::is_whitespace) && !line.starts_with("Benchmarking ");
        self.name = (name && !line.trim().is_empty()).then(|| line.trim().to_owned());
    }
}

/// What the last run left of each benchmark: `<directory>/new/estimates.json`, named by the `benchmark.json` beside it.
pub(super) fn directory(files: &[ReportFile]) -> Result<Vec<BenchmarkValue>, String> {
    let estimates = files.iter().filter_map(|file| Some((file, within(&file.path)?)));
    let found: Result<Vec<BenchmarkValue>, String> = estimates
        .map(|(file, dir)| {
            let parse = |file: &ReportFile| {
                serde_json::from_str::<Tree>(&file.text).map_err(|e| format!("{}: {e}", file.path))
            };
            let beside = file.path.replace("estimates.json", "benchmark.json");
            let named = files.iter().find(|other| other.path == beside).map(parse).transpose()?;
            let id = named.as_ref().map_or("", |named| named.text("full_id"));
            let name = if id.is_empty() { dir } else { id };
            let value = number_at(&parse(file)?, "median.point_estimate").map(|ns| ns / 1e9);
            Ok(BenchmarkValue { name: name.to_owned(), value })
        })
        .collect();
    match found? {
        found if found.is_empty() => Err(
            "it has no `new/estimates.json`, as `target/criterion` has them: the benchmarks did not run, or write elsewhere (CRITERION_HOME, CARGO_TARGET_DIR)"
                .to_owned(),
        ),
        found => Ok(found),
    }
}

/// The directory of a benchmark whose estimates these are.
fn within(path: &str) -> Option<&str> {
    path.strip_suffix("/new/estimates.json").filter(|dir| !dir.is_empty())
}
