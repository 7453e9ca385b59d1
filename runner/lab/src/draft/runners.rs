//! The tests of a JavaScript package: what its script `test` runs, without linters and coverage.

use serde_json::Value;

use super::{CheckDraft, words};

/// Programs that run tests.
const RUNNERS: [&str; 12] =
    ["node", "tape", "tap", "mocha", "jest", "ava", "vitest", "uvu", "jasmine", "qunit", "borp", "poku"];

/// How a package's tests are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tests {
    /// The program.
    pub runner: &'static str,
    /// The line of its script.
    line: String,
    /// How its output is read.
    format: &'static str,
}

/// The tests that `npm test` runs.
pub(super) fn tests(package: &Value) -> Option<Tests> {
    let line = script(package, "test", 4)?;
    let (runner, at) = runner(&line)?;
    let line = line[at..].split('|').next().unwrap_or_default().trim();
    let rest = line[runner.len()..].trim();
    let (line, format) = match runner {
        "node" if rest.contains("--test-reporter") => (line.to_owned(), "exit"),
        "node" if rest.contains("--test") => {
            (line.replacen("--test", "--test --test-reporter=tap", 1), "tap")
        }
        "tape" => (line.to_owned(), "tap"),
        "mocha" => (format!("mocha --reporter tap {rest}"), "tap"),
        "ava" => (format!("ava --tap {rest}"), "tap"),
        "vitest" => {
            let rest: Vec<&str> = rest
                .split_whitespace()
                .filter(|word| *word != "run" && !word.contains("--coverage") && !word.starts_with("--watch"))
                .collect();
            let loader = vitest_options(package).join(" ");
            (format!("vitest run --reporter=tap-flat {loader} {}", rest.join(" ")).replace("  ", " "), "tap")
        }
        "jest" => (format!("jest --ci --watchman=false {rest}"), "exit"),
        _ => (line.to_owned(), "exit"),
    };
    Some(Tests { runner, line: line.trim().to_owned(), format })
}

/// Options that keep vitest from writing below `node_modules`, where it has such: it compiles its configuration into a file there.
pub(super) fn vitest_options(package: &Value) -> &'static [&'static str] {
    let named = ["devDependencies", "dependencies"].iter().find_map(|key| package[key]["vitest"].as_str());
    let digit = |c: char| c.is_ascii_digit();
    let version = named.unwrap_or_default().trim_start_matches(|c| !digit(c));
    let mut parts = version.split(|c| !digit(c)).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version >= (3, 2) { &["--configLoader", "runner"] } else { &[] }
}

/// The part of a script that runs tests; one that calls another script is followed there.
fn script(package: &Value, name: &str, deep: u32) -> Option<String> {
    let text = package["scripts"][name].as_str()?;
    text.split("&&").map(str::trim).find_map(|part| {
        let called = called(part).filter(|_| deep > 0);
        called.and_then(|name| script(package, &name, deep - 1)).or_else(|| {
            runner(part)?;
            Some(part.to_owned())
        })
    })
}

/// The script that a part of another calls.
pub(super) fn called(part: &str) -> Option<String> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let at = words.iter().position(|word| ["npm", "pnpm", "yarn"].contains(word))?;
    let rest = words[at + 1..].iter().filter(|word| !word.starts_with('-') && **word != "run");
    rest.into_iter().next().map(|name| (*name).to_owned())
}

/// The first word of a part that is a program that runs tests, and where it stands. Variables before it are kept.
fn runner(part: &str) -> Option<(&'static str, usize)> {
    let mut at = 0;
    for word in part.split_whitespace() {
        at += part[at..].find(word)?;
        let name = word.rsplit('/').next().unwrap_or(word);
        let rest = &part[at + word.len()..];
        let known = RUNNERS.into_iter().find(|runner| *runner == name && *runner == word);
        // node runs anything.
        if let Some(runner) = known.filter(|runner| *runner != "node" || rest.contains("test")) {
            return Some((runner, at));
        }
        at += word.len();
    }
    None
}

impl Tests {
    /// The check of a draft, behind what must be built for it.
    pub fn check(&self, built: Option<&str>) -> CheckDraft {
        let path = "export PATH=\"$PWD/node_modules/.bin:$PATH\" && ";
        let line = match (self.runner, built) {
            // What it prints is no report.
            (_, Some(parts)) => format!("cd \"$0\" && {path}{{ {parts}; }} >&2 && {}", self.line),
            ("node", None) => format!("cd \"$0\" && {}", self.line),
            (_, None) => format!("cd \"$0\" && {path}{}", self.line),
        };
        CheckDraft {
            name: "tests".to_owned(),
            command: words(&["sh", "-c", &line, "{tree}"]),
            format: self.format,
            ..CheckDraft::default()
        }
    }

    /// Whether nothing has to be installed for it.
    pub fn is_nodes_own(&self) -> bool {
        self.runner == "node"
    }
}
