//! What `go test` prints: events with `-json`, lines with `-v`, packages without.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::{NamedTest, TestEnd, TestReport, lines};

static TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$").expect("a pattern of piton's own")
});
static PACKAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(ok|FAIL|\?)\s+(\S+)(?:\s+(.*))?$").expect("a pattern of piton's own"));
static SAID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s+\S+\.go:\d+: (?:\S.*)?$").expect("a pattern of piton's own"));

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    output: String,
}

/// Reads either form.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let tests = if text.trim_start().starts_with('{') { events(text) } else { printed(text) };
    match tests {
        Some(tests) => Ok(TestReport::of(tests)),
        None => Err("it has neither the events of `go test -json` nor a line of a package, as `ok  example.org/x  0.1s`".to_owned()),
    }
}

fn events(text: &str) -> Option<Vec<NamedTest>> {
    let (mut tests, mut some) = (vec![], false);
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Event>(line) else { continue };
        some = true;
        let name = if event.test.is_empty() {
            event.package.clone()
        } else {
            format!("{}.{}", event.package, event.test)
        };
        let end = match &*event.action {
            "pass" => TestEnd::Passed,
            "skip" => TestEnd::Skipped,
            "fail" => TestEnd::Failed(said.remove(&name).unwrap_or_default()),
            "output" => {
                let line = event.output.trim_end();
                if SAID.is_match(line) || line.starts_with("panic: ") {
                    said.insert(name, line.trim().to_owned());
                }
                continue;
            }
            _ => continue,
        };
        // A package is told of where none of its tests is: one that does not build.
        let of_tests = tests.iter().any(|test: &NamedTest| test.name.starts_with(&format!("{name}.")));
        if !event.test.is_empty() || matches!(end, TestEnd::Failed(_)) && !of_tests {
            tests.push(NamedTest { name, end });
        }
    }
    some.then_some(tests)
}

fn printed(text: &str) -> Option<Vec<NamedTest>> {
    let lines: Vec<_> = lines(text).collect();
    let (mut tests, mut own, mut some) = (vec![], vec![], false);
    for (at, line) in lines.iter().enumerate() {
        if let Some(test) = TEST.captures(line) {
            let end = match &test[1] {
                "PASS" => TestEnd::Passed,
                "SKIP" => TestEnd::Skipped,
                _ => TestEnd::Failed(why(&lines, at, &test[2])),
            };
            own.push(NamedTest { name: test[2].to_owned(), end });
        } else if let Some(package) = PACKAGE.captures(line) {
            some = true;
            let (state, name, rest) =
                (&package[1], &package[2], package.get(3).map_or("", |rest| rest.as_str()));
            if own.is_empty() && state != "?" && !rest.contains("[no test") {
                let end = match state {
                    "ok" => TestEnd::Passed,
                    _ => TestEnd::Failed(rest.to_owned()),
                };
                tests.push(NamedTest { name: name.to_owned(), end });
            }
            tests.extend(
                own.drain(..).map(|test| NamedTest { name: format!("{name}.{}", test.name), ..test }),
            );
        }
    }
    some.then_some(tests)
}

/// What stands behind a failed test's line, or before it where its output was printed as it ran.
fn why(lines: &[std::borrow::Cow<'_, str>], at: usize, name: &str) -> String {
    let own = |line: &&std::borrow::Cow<'_, str>| SAID.is_match(line);
    let behind = lines[at + 1..].iter().take_while(own).last();
    let begun = format!("=== RUN   {name}");
    let run = || {
        let from = lines[..at].iter().rposition(|line| **line == *begun)?;
        lines[from + 1..at].iter().take_while(own).last()
    };
    behind.or_else(run).map_or_else(String::new, |line| line.trim().to_owned())
}
