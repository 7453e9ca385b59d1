//! What changed between two versions of the editable files, and what each change may cost.
//!
//! A faster number often has a price that the number does not show. The monitor reads the sources, before and
//! after, and names what a reviewer would look for first; the trade-offs that it attaches are data in
//! `piton.toml`, so that a project can teach it its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::leftovers;
use crate::tokens::{self, Weighed};

/// Sources by path.
pub type Sources = BTreeMap<String, String>;

/// A known price: `[[trade_off]]` in `piton.toml`. Exactly one of `constant` and `added` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeOff {
    /// Name of a constant: the trade-off is told when its value changes.
    pub constant: Option<String>,
    /// Values for which it is told; all where absent.
    pub to: Option<Vec<String>>,
    /// A regular expression: the trade-off is told when a line that matches is added.
    pub added: Option<String>,
    /// What it costs, in a few words.
    pub says: String,
}

/// What the monitor saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Changes {
    /// Constants whose value changed, appeared or went.
    pub constants: Vec<ConstantChange>,
    /// Functions that appeared, by name.
    pub functions_added: Vec<String>,
    /// Functions that went, by name.
    pub functions_removed: Vec<String>,
    /// Dependencies that appeared in a `Cargo.toml`, by name.
    pub dependencies_added: Vec<String>,
    /// Dependencies that went.
    pub dependencies_removed: Vec<String>,
    /// More `unsafe` than before (negative: less), in occurrences.
    pub unsafe_more: i64,
    /// More places that start threads than before, in occurrences.
    pub threads_more: i64,
    /// Lines added.
    pub lines_added: usize,
    /// Lines removed.
    pub lines_removed: usize,
    /// Tokens of code more than before (negative: fewer): see [`crate::tokens`].
    #[serde(default)]
    pub tokens_more: i64,
    /// Whether the code is simpler: less of it, and no more dependencies and `unsafe`.
    #[serde(default)]
    pub simpler: bool,
    /// Why it is not, where there are fewer tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_simpler: Option<String>,
    /// Files that a program left and nobody wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
    /// Files that are no text and were added, changed or removed, with their sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub binaries: Vec<String>,
    /// Tests in the sources that went, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests_removed: Vec<String>,
    /// More marks that have a test skipped or ignored than before (negative: fewer).
    #[serde(default)]
    pub skips_more: i64,
    /// What the changes may cost.
    pub trade_offs: Vec<String>,
}

/// A file that is no text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Binary {
    /// What names its content.
    pub id: String,
    /// Its size.
    pub bytes: u64,
}

/// The editable files on one side of an edit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditSide {
    /// Those that are text.
    pub sources: Sources,
    /// The others, by path.
    pub binaries: BTreeMap<String, Binary>,
}

impl From<Sources> for EditSide {
    fn from(sources: Sources) -> Self {
        Self { sources, binaries: BTreeMap::new() }
    }
}

/// A constant before and after; absent where it did not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstantChange {
    /// Its name.
    pub name: String,
    /// Value before.
    pub from: Option<String>,
    /// Value after.
    pub to: Option<String>,
}

impl Changes {
    /// One line per finding, in a fixed order, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.constants.iter().map(ConstantChange::line).collect();
        let mut list = |what: &str, names: &[String]| {
            if !names.is_empty() {
                lines.push(format!("{what}: {}", names.join(", ")));
            }
        };
        list("functions added", &self.functions_added);
        list("functions removed", &self.functions_removed);
        list("dependencies added", &self.dependencies_added);
        list("dependencies removed", &self.dependencies_removed);
        list("tests removed", &self.tests_removed);
        list("binary files", &self.binaries);
        list("generated files that a program left", &self.leftovers);
        let counts = [
            ("unsafe", self.unsafe_more),
            ("starts of threads", self.threads_more),
            ("tests skipped or ignored", self.skips_more),
        ];
        for (what, more) in counts {
            if more != 0 {
                lines.push(format!("{what}: {more:+}"));
            }
        }
        lines.push(format!("lines: +{} -{}", self.lines_added, self.lines_removed));
        lines.extend(self.not_simpler.iter().map(|why| format!("fewer tokens of code, not simpler: {why}")));
        lines.extend(self.trade_offs.iter().map(|t| format!("may cost: {t}")));
        lines
    }

    /// A description for a proposal that came without one: its constants, else its functions, else its size.
    pub fn headline(&self) -> String {
        match (self.constants.first(), self.functions_added.first()) {
            (Some(constant), _) => constant.line(),
            (None, Some(function)) => format!("add fn {function}"),
            (None, None) => format!("edit of +{} -{} lines", self.lines_added, self.lines_removed),
        }
    }
}

impl ConstantChange {
    fn line(&self) -> String {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!("{} {from} -> {to}", self.name),
            (None, Some(to)) => format!("{} = {to} (new)", self.name),
            (from, None) => format!("{} removed (was {})", self.name, from.as_deref().unwrap_or("?")),
        }
    }
}

/// The change from `before` to `after`. Lines are counted by the caller's diff, so that the two agree.
pub fn compare(
    before: &EditSide,
    after: &EditSide,
    lines: (usize, usize),
    trade_offs: &[TradeOff],
) -> Changes {
    let weighed = tokens::weigh(&before.sources, &after.sources);
    let binaries = binaries(&before.binaries, &after.binaries);
    let had: BTreeSet<&str> = paths(before).collect();
    let leftovers = leftovers::among(paths(after).filter(|path| !had.contains(path)), &had);
    let (before, after, others) = (&before.sources, &after.sources, changed(before, after));
    let (old, new) = (constants(before), constants(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let constants: Vec<ConstantChange> = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| ConstantChange {
            name: name.clone(),
            from: old.get(name).cloned(),
            to: new.get(name).cloned(),
        })
        .collect();
    let functions = |sources| {
        names_of(
            sources,
            r"(?m)^\s*(?:pub(?:\([a-z:\s]+\))?\s+)?(?:const\s+|async\s+|unsafe\s+)*fn\s+(\w+)",
            ".rs",
        )
    };
    let dependencies = |sources| dependencies_of(sources);
    let more = |pattern| count(after, pattern) - count(before, pattern);
    let minus = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    let (old_fns, new_fns) = (functions(before), functions(after));
    let (old_deps, new_deps) = (dependencies(before), dependencies(after));
    let unsafe_more = more(r"\bunsafe\b");
    let not_simpler = uncounted(&weighed, others, new_deps.len() > old_deps.len(), unsafe_more > 0);
    Changes {
        functions_added: minus(&new_fns, &old_fns),
        functions_removed: minus(&old_fns, &new_fns),
        dependencies_added: minus(&new_deps, &old_deps),
        dependencies_removed: minus(&old_deps, &new_deps),
        unsafe_more,
        threads_more: more(r"\bthread::(?:spawn|scope|Builder)\b|\brayon\b|\bpar_iter|\bpar_chunks"),
        lines_added: lines.0,
        lines_removed: lines.1,
        tokens_more: weighed.after as i64 - weighed.before as i64,
        simpler: not_simpler.is_none() && weighed.less(),
        not_simpler: not_simpler.filter(|_| weighed.after < weighed.before),
        leftovers,
        binaries,
        tests_removed: tests_removed(before, after),
        skips_more: more(SKIPS),
        trade_offs: told(trade_offs, &constants, before, after),
        constants,
    }
}

fn paths(side: &EditSide) -> impl Iterator<Item = &str> {
    side.sources.keys().chain(side.binaries.keys()).map(String::as_str)
}

/// A file that is no text and that the edit adds or changes.
fn changed<'a>(before: &EditSide, after: &'a EditSide) -> Option<&'a str> {
    let other = |(path, file): &(&String, &Binary)| before.binaries.get(*path) != Some(*file);
    after.binaries.iter().find(other).map(|(path, _)| path.as_str())
}

/// Why what has fewer tokens is not simpler.
fn uncounted(weighed: &Weighed, other: Option<&str>, dependencies: bool, unsafe_: bool) -> Option<String> {
    let first = weighed.uncounted.first().cloned().or(other.map(|path| format!("{path} is no text")));
    first.or_else(|| dependencies.then(|| "it has more dependencies".to_owned())).or_else(|| {
        let bought = weighed.cost >= weighed.before;
        let words =
            || "what is new in names, strings, comments and layout counts by the byte, and is no less";
        unsafe_.then(|| "it has more `unsafe`".to_owned()).or_else(|| bought.then(|| words().to_owned()))
    })
}

fn binaries(before: &BTreeMap<String, Binary>, after: &BTreeMap<String, Binary>) -> Vec<String> {
    let now = after.iter().filter_map(|(path, file)| match before.get(path) {
        None => Some(format!("{path} added, {} bytes", file.bytes)),
        Some(was) if was != file => Some(format!("{path} changed, {} bytes, was {}", file.bytes, was.bytes)),
        Some(_) => None,
    });
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    now.chain(gone.map(|(path, file)| format!("{path} removed, {} bytes", file.bytes))).collect()
}

/// What has a test skipped, in the languages whose tests are known.
const SKIPS: &str = r"#\[ignore|#\[cfg_attr\([^\]]*ignore|@(?:pytest\.mark|unittest)\.(?:skip|xfail|expectedFailure)|\bpytest\.skip\(|\b(?:it|test|describe)\.(?:skip|todo)\b|\bx(?:it|describe)\(|\bt\.Skip(?:f|Now)?\(|@Disabled\b|@Ignore\b";

/// Names of the tests that stood in the sources and do so no longer. Tests that lie in files of their own are locked, those beside the code
/// cannot be.
fn tests_removed(before: &Sources, after: &Sources) -> Vec<String> {
    const TESTS: [(&str, &[&str]); 6] = [
        (
            r"#\[(?:\w+::)*(?:test|rstest|test_case|quickcheck)\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)",
            &[".rs"],
        ),
        (r"(?m)^\s*(?:async\s+)?def\s+(test\w*)", &[".py"]),
        (r"(?m)^func\s+((?:Test|Fuzz|Benchmark|Example)\w*)\(", &[".go"]),
        (
            r#"\b(?:it|test)(?:\.\w+)*\(\s*["'`]([^"'`\n]+)["'`]"#,
            &[".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"],
        ),
        (r"@(?:Test|ParameterizedTest)\b[^;{]*?\bvoid\s+(\w+)", &[".java"]),
        (
            r"\b(?:TEST|TEST_F|TEST_P|TEST_CASE|SCENARIO)\(([^)\n]+)\)",
            &[".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp"],
        ),
    ];
    let names = |sources: &Sources| -> BTreeSet<String> {
        TESTS
            .iter()
            .flat_map(|(pattern, endings)| {
                endings.iter().flat_map(|ending| names_of(sources, pattern, ending))
            })
            .collect()
    };
    names(before).difference(&names(after)).cloned().collect()
}

fn told(
    trade_offs: &[TradeOff],
    constants: &[ConstantChange],
    before: &Sources,
    after: &Sources,
) -> Vec<String> {
    trade_offs
        .iter()
        .filter(|trade_off| {
            let constant = trade_off.constant.as_ref().is_some_and(|name| {
                constants.iter().any(|change| {
                    &change.name == name
                        && change
                            .to
                            .as_ref()
                            .is_some_and(|to| trade_off.to.as_ref().is_none_or(|values| values.contains(to)))
                })
            });
            let added = trade_off.added.as_ref().is_some_and(|p| count(after, p) > count(before, p));
            constant || added
        })
        .map(|trade_off| trade_off.says.clone())
        .collect()
}

/// A compiled pattern. Compiling one takes longer than using it, and the same few are used for every trial.
fn compiled(pattern: &str) -> Option<Regex> {
    static KNOWN: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("no holder panics");
    if let Some(regex) = known.get(pattern) {
        return Some(regex.clone());
    }
    let regex = Regex::new(pattern).ok()?;
    known.insert(pattern.to_owned(), regex.clone());
    Some(regex)
}

fn constants(sources: &Sources) -> BTreeMap<String, String> {
    let pattern =
        compiled(r"(?m)^\s*(?:pub(?:\([a-z]+\))?\s+)?(?:const|static)\s+(\w+)\s*:[^=;]+=\s*([^;]+);")
            .expect("a fixed pattern");
    sources
        .values()
        .flat_map(|text| pattern.captures_iter(text))
        .map(|c| (c[1].to_owned(), c[2].split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

fn names_of(sources: &Sources, pattern: &str, ending: &str) -> BTreeSet<String> {
    let pattern = compiled(pattern).expect("a fixed pattern");
    let texts = sources.iter().filter(|(path, _)| path.ends_with(ending)).map(|(_, text)| text);
    texts.flat_map(|text| pattern.captures_iter(text)).map(|c| c[1].to_owned()).collect()
}

fn dependencies_of(sources: &Sources) -> BTreeSet<String> {
    let manifests = sources.iter().filter(|(path, _)| path.ends_with("Cargo.toml")).map(|(_, text)| text);
    manifests
        .filter_map(|text| text.parse::<toml::Table>().ok())
        .filter_map(|table| table.get("dependencies")?.as_table().cloned())
        .flat_map(|dependencies| dependencies.into_iter().map(|(name, _)| name))
        .collect()
}

/// Occurrences of `pattern`, comments included: a monitor may cry wolf, never sleep.
fn count(sources: &Sources, pattern: &str) -> i64 {
    let Some(pattern) = compiled(pattern) else { return 0 };
    sources.values().map(|text| pattern.find_iter(text).count() as i64).sum()
}

#[cfg(test)]
mod tests;
