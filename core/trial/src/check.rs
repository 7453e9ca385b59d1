//! Checks of correctness: which tests ran, by the words of the runner that ran them, and whether that is as good as at the baseline.
//!
//! An exit status alone says little: code under test that exits early with 0 passes by it. So a report that names tests is held against the
//! names that ran at the baseline. Whatever stands in a report was printed by a process in which the challenger's code may run, too.

mod cargo;
mod go;
mod judge;
mod junit;
mod pytest;
mod tap;
mod words;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::text::clean;
use piton_base::metric::seen;

pub use words::words;

pub use judge::{CheckEnd, CheckFault, CheckOutput, CheckRun, Expected, judge};

/// Longest name of a test that is told and compared, in characters.
const NAME: usize = 200;
/// Most that is told of why a test failed, in characters.
const WHY: usize = 300;
/// Failed tests that an outcome names.
const NAMED: usize = 20;
/// Names of a baseline's tests that are kept to be compared, in bytes together.
const NAMES_BYTES: usize = 256 << 10;

/// How the report of a check is read: `format` in `[[check]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestFormat {
    /// Nothing is read; the exit status decides.
    #[default]
    Exit,
    /// What `cargo test` prints.
    CargoTest,
    /// JUnit's XML: one file, or all `.xml` files of a directory.
    Junit,
    /// What pytest prints; with `-v` or `-rA` by name.
    Pytest,
    /// What `go test` prints: with `-json` or `-v` by test, else by package.
    Go,
    /// The Test Anything Protocol.
    Tap,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestEnd {
    /// It ran, and held.
    Passed,
    /// It ran, and did not; why, in a line, where the report says so.
    Failed(String),
    /// It did not run.
    Skipped,
}

/// A test by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTest {
    /// As the runner names it.
    pub name: String,
    /// How it ended.
    pub end: TestEnd,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    /// The tests that it names.
    pub tests: Vec<NamedTest>,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were not run.
    pub skipped: usize,
    /// Why the report is not whole, where it says so itself.
    pub broken: Option<String>,
}

/// A test that failed: part of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// As the runner names it.
    pub name: String,
    /// Why, in a line; empty where the report does not say.
    pub why: String,
}

/// What a check came to: part of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What `{seed}` stood for.
    pub seed: u64,
    /// Tests that ran; absent where its format tells of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<usize>,
    /// SHA-256 of its output, where that is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Names of the tests that ran, in a baseline's record, sorted: the first 256 KiB of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl TestReport {
    /// Of tests that are all named.
    fn of(tests: Vec<NamedTest>) -> Self {
        let count = |is: fn(&TestEnd) -> bool| tests.iter().filter(|test| is(&test.end)).count();
        let passed = count(|end| *end == TestEnd::Passed);
        let failed = count(|end| matches!(end, TestEnd::Failed(_)));
        let skipped = count(|end| *end == TestEnd::Skipped);
        Self { tests, passed, failed, skipped, broken: None }
    }

    /// How many tests ran.
    pub fn ran(&self) -> usize {
        self.passed + self.failed
    }

    /// The names of those that ran, sorted; `None` where the report does not name all of them.
    pub fn names(&self) -> Option<Vec<String>> {
        let ran = self.tests.iter().filter(|test| test.end != TestEnd::Skipped);
        let mut names: Vec<String> = ran.map(|test| test.name.clone()).collect();
        names.sort_unstable();
        (names.len() == self.ran()).then_some(names)
    }

    /// The names that a baseline's record keeps.
    pub fn kept_names(&self) -> Vec<String> {
        let mut room = NAMES_BYTES;
        let fits = |name: &String| {
            let rest = room.checked_sub(name.len() + 3);
            room = rest.unwrap_or(0);
            rest.is_some()
        };
        self.names().unwrap_or_default().into_iter().take_while(fits).collect()
    }

    fn failures(&self) -> Vec<FailedTest> {
        let one = |test: &NamedTest| match &test.end {
            TestEnd::Failed(why) => Some(FailedTest { name: test.name.clone(), why: why.clone() }),
            _ => None,
        };
        self.tests.iter().filter_map(one).collect()
    }
}

impl TestFormat {
    /// Whether it tells of tests.
    pub fn tells_tests(self) -> bool {
        self != Self::Exit
    }

    /// Reads a report. For [`TestFormat::Exit`] there is none.
    ///
    /// # Errors
    /// Why it is no report of this format.
    pub fn read(self, text: &str) -> Result<TestReport, String> {
        let report = match self {
            Self::Exit => Ok(TestReport::default()),
            Self::CargoTest => cargo::read(text),
            Self::Junit => junit::read(text),
            Self::Pytest => pytest::read(text),
            Self::Go => go::read(text),
            Self::Tap => tap::read(text),
        };
        report.map(|mut report| {
            for test in &mut report.tests {
                test.name = clean(&test.name, NAME);
                if let TestEnd::Failed(why) = &mut test.end {
                    *why = clean(why.trim(), WHY);
                }
            }
            report
        })
    }
}

/// The lines of a report as a terminal shows them.
fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(seen)
}

#[cfg(test)]
mod tests;
