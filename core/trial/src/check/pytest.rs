//! What pytest prints: with `-v` or `-rA` each test by its name, else how many.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{NamedTest, TestEnd, TestReport, lines};

static VERBOSE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\S+::.*?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)(?: +\(.*\))?(?: +\[ *\d+%\])?$")
        .expect("a pattern of piton's own")
});
// Of pytest-xdist.
static SPREAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[gw\d+\] \[ *\d+%\] (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS) (\S+::.*?) *$")
        .expect("a pattern of piton's own")
});
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S+\.py\S*?(?:::.*?)?)(?: - (.*))?$")
        .expect("a pattern of piton's own")
});
static COUNTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s(?: \([\d:]+\))?(?: =+)?$")
        .expect("a pattern of piton's own")
});

// The heading of a failure, and its error: the summary cuts that at the width of a terminal.
static HEADING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^_{3,} (.+) _{3,}$").expect("a pattern of piton's own"));
static ERROR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^E {2,}(\S.*)$").expect("a pattern of piton's own"));

/// Reads what pytest printed.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let mut counts = None;
    let mut found: BTreeMap<String, TestEnd> = BTreeMap::new();
    let mut take = |name: &str, word: &str, why: &str| {
        let end = match word {
            "PASSED" | "XFAIL" | "XPASS" => TestEnd::Passed,
            "SKIPPED" => TestEnd::Skipped,
            _ => TestEnd::Failed(why.to_owned()),
        };
        // A test that passed, and whose clearing up failed, failed; the summary's words say why.
        let is = found.entry(name.to_owned()).or_insert_with(|| end.clone());
        if matches!(end, TestEnd::Failed(_)) && (!matches!(is, TestEnd::Failed(_)) || !why.is_empty()) {
            *is = end;
        }
    };
    let (mut heading, mut errors) = (None, BTreeMap::new());
    for line in lines(text) {
        if let Some(title) = HEADING.captures(&line) {
            heading = Some(title[1].to_owned());
        } else if let Some(error) = ERROR.captures(&line) {
            errors.extend(heading.take().map(|heading| (heading, error[1].to_owned())));
        } else if let Some(test) = VERBOSE.captures(&line) {
            take(&test[1], &test[2], "");
        } else if let Some(test) = SPREAD.captures(&line) {
            take(&test[2], &test[1], "");
        } else if let Some(test) = SUMMARY.captures(&line) {
            take(&test[2], &test[1], test.get(3).map_or("", |why| why.as_str()));
        } else if let Some(said) = COUNTS.captures(&line) {
            counts = Some(said[1].to_owned());
        }
    }
    let Some(counts) = counts else {
        return Err("it does not end with how many passed, as `12 passed in 0.03s`".to_owned());
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for part in counts.split(", ") {
        let Some((n, word)) = part.split_once(' ') else { continue };
        let n: usize = n.parse().unwrap_or(0);
        match word {
            "passed" | "xfailed" | "xpassed" => passed += n,
            "failed" | "error" | "errors" => failed += n,
            "skipped" => skipped += n,
            _ => {}
        }
    }
    let why = |name: &str| errors.get(&name.split("::").skip(1).collect::<Vec<_>>().join(".")).cloned();
    let end = |name: &str, end| match end {
        TestEnd::Failed(said) => TestEnd::Failed(why(name).unwrap_or(said)),
        end => end,
    };
    let tests = found.into_iter().map(|(name, is)| NamedTest { end: end(&name, is), name }).collect();
    Ok(TestReport { tests, passed, failed, skipped, broken: None })
}
