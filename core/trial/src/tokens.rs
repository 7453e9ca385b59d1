//! How much code there is, and whether a change leaves less of it.
//!
//! A keep for being simpler must not be for sale. So code is counted in tokens, which neither layout nor comments nor the length
//! of a name change, and everything in which code can be hidden is paid for by the byte where it was not there before: strings,
//! comments, names and numbers, brackets and white space. A token has at least one byte, so code that moves into any of them costs
//! no less than it did. What is not counted (a file of another language, one that does not scan) is never simpler.

mod literals;
mod scanner;
mod shell;

use std::collections::{BTreeMap, BTreeSet};

/// Languages whose code is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// C and C++.
    C,
    /// Python.
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// Go.
    Go,
    /// Java.
    Java,
    /// The shell: sh and bash.
    Shell,
    /// TOML.
    Toml,
}

impl Language {
    /// The language of a file, by the ending of its name.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, ending) = name.rsplit_once('.')?;
        Some(match ending {
            _ if stem.is_empty() => return None,
            "rs" => Self::Rust,
            "c" | "h" | "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "h++" => Self::C,
            "py" | "pyi" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => Self::Script,
            "go" => Self::Go,
            "java" => Self::Java,
            "sh" | "bash" => Self::Shell,
            "toml" => Self::Toml,
            _ => return None,
        })
    }
}

/// What a scan of sources found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scan<'a> {
    /// Names, numbers, literals and operators. Brackets, commas and semicolons are layout: formatters add and remove them.
    pub tokens: u64,
    /// Names and numbers, each once.
    names: BTreeSet<&'a [u8]>,
    /// Lines of strings and comments, and how often each occurs.
    lines: BTreeMap<&'a [u8], u64>,
    /// Layout in quarters of a token: white space counts one, a bracket, comma or semicolon four.
    layout: u64,
}

impl<'a> Scan<'a> {
    /// Counts a text; `None` where it does not scan: a string or a comment without an end.
    pub fn of(language: Language, text: &'a [u8]) -> Option<Self> {
        scanner::scan(language, text)
    }

    fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.layout += other.layout;
        self.names.extend(other.names);
        for (line, times) in other.lines {
            *self.lines.entry(line).or_default() += times;
        }
    }

    /// What these sources cost for whoever had `before`: the tokens, and by the byte what could hide code and is new.
    fn cost(&self, before: &Self) -> u64 {
        let names: usize = self.names.difference(&before.names).map(|name| name.len()).sum();
        let lines = self.lines.iter().map(|(line, times)| {
            let had = before.lines.get(line).copied().unwrap_or(0);
            times.saturating_sub(had) * (line.len() as u64 + 1)
        });
        let layout = self.layout.saturating_sub(before.layout).div_ceil(4);
        self.tokens + names as u64 + lines.sum::<u64>() + layout
    }
}

/// How much code an edit left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Weighed {
    /// Tokens before.
    pub before: u64,
    /// Tokens after.
    pub after: u64,
    /// Tokens after, with what could hide code and was not there before, by the byte.
    pub cost: u64,
    /// Files that the edit adds or changes and that are not counted, each with the reason.
    pub uncounted: Vec<String>,
}

impl Weighed {
    /// Whether there is less code, whichever way it is told.
    pub fn less(&self) -> bool {
        self.uncounted.is_empty() && self.cost < self.before
    }
}

/// Weighs the sources `after` an edit against those `before`.
pub(crate) fn weigh(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Weighed {
    let (mut old, mut new) = (Scan::default(), Scan::default());
    let mut uncounted = vec![];
    for (path, text) in after {
        let was = before.get(path);
        let found = Language::of(path).map(|language| Scan::of(language, text.as_bytes()));
        match found {
            Some(Some(scan)) => new.add(scan),
            _ if was == Some(text) => {}
            Some(None) => uncounted.push(format!("{path} does not scan: a string or a comment has no end")),
            None => uncounted.push(format!("{path} is in no language that is counted")),
        }
    }
    for (path, text) in before {
        match Language::of(path).map(|language| Scan::of(language, text.as_bytes())) {
            Some(Some(scan)) => old.add(scan),
            Some(None) if after.get(path).is_some_and(|now| now != text) => {
                uncounted.push(format!("{path} did not scan before the edit"));
            }
            _ => {}
        }
    }
    Weighed { before: old.tokens, after: new.tokens, cost: new.cost(&old), uncounted }
}

#[cfg(test)]
mod tests;
