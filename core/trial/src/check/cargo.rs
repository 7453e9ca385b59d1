//! What `cargo test` prints: the harness of the standard library, one report a program, the failures' outputs between.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{NamedTest, TestEnd, TestReport, lines};
use crate::crash::Crash;

static TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^test (.+?)(?: - should panic| - compile fail| - compile)?(?: \(line \d+\))?(?: - should panic| - compile fail| - compile)? \.\.\. (ok|FAILED|ignored)(?:,.*)?(?: <[\d.]+s>)?$")
        .expect("a pattern of piton's own")
});
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
        .expect("a pattern of piton's own")
});
static SECTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^---- (.+) stdout ----$").expect("a pattern of piton's own"));
static LINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" \(line \d+\)").expect("a pattern of piton's own"));

/// Reads the standard output of `cargo test`. The line numbers of documentation's examples are no part of their names: every edit moves them.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let (mut tests, mut counts, mut results) = (vec![], [0; 3], 0);
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut within: Option<String> = None;
    for line in lines(text) {
        if let Some(result) = RESULT.captures(&line) {
            results += 1;
            within = None;
            for (count, group) in counts.iter_mut().zip(1..) {
                *count += result[group].parse::<usize>().unwrap_or(0);
            }
        } else if let Some(section) = SECTION.captures(&line) {
            within = Some(section[1].to_owned());
        } else if line == "failures:" {
            within = None;
        } else if let Some(name) = &within {
            let said = sections.entry(name.clone()).or_default();
            if said.len() < 8192 {
                said.push_str(&line);
                said.push('\n');
            }
        } else if let Some(test) = TEST.captures(&line) {
            let end = match &test[2] {
                "ok" => TestEnd::Passed,
                "FAILED" => TestEnd::Failed(String::new()),
                _ => TestEnd::Skipped,
            };
            tests.push(NamedTest { name: test[1].to_owned(), end });
        }
    }
    if results == 0 {
        return Err("it has no line `test result: ...` of a Rust test harness".to_owned());
    }
    for (name, said) in sections {
        let name = LINE.replace(&name, "").into_owned();
        let test =
            tests.iter_mut().find(|test| test.name == name && test.end == TestEnd::Failed(String::new()));
        if let Some(test) = test {
            let reason = Crash::of(&said, "").reason;
            let own = reason.strip_prefix(&format!("{name}: ")).unwrap_or(&reason);
            test.end = TestEnd::Failed(own.to_owned());
        }
    }
    let [passed, failed, skipped] = counts;
    Ok(TestReport { tests, passed, failed, skipped, broken: None })
}
