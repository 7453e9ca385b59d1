//! What changed between two versions of the editable files, and what each change may cost.
//!
//! A faster number often has a price that the number does not show. The monitor reads the sources, before and
//! after, and names what a reviewer would look for first; the trade-offs that it attaches are data in
//! `piton.toml`, so that a project can teach it its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use regex::Regex;
use serde::{Deserialize, Serialize};

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
    /// Code lines more than before (negative: fewer), blank lines and comments not counted.
    #[serde(default)]
    pub code_lines_more: i64,
    /// Whether the code is simpler: see [`Size::simpler_than`].
    #[serde(default)]
    pub simpler: bool,
    /// What the changes may cost.
    pub trade_offs: Vec<String>,
}

/// How much code there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines that are neither blank nor comment.
    pub lines: i64,
    /// Their characters, white space not counted.
    pub characters: i64,
    /// Dependencies.
    pub dependencies: i64,
    /// Occurrences of `unsafe`.
    pub unsafe_: i64,
}

impl Size {
    /// How much code these sources hold.
    pub fn of(sources: &Sources) -> Self {
        let block = compiled(r"(?s)/\*.*?\*/").expect("a fixed pattern");
        let texts: Vec<String> =
            sources.values().map(|text| block.replace_all(text, "").into_owned()).collect();
        let code = |line: &&str| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with("//") && !line.starts_with('#')
        };
        let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines().filter(code)).collect();
        let characters =
            lines.iter().map(|line| line.chars().filter(|c| !c.is_whitespace()).count()).sum::<usize>();
        Self {
            lines: lines.len() as i64,
            characters: characters as i64,
            dependencies: dependencies_of(sources).len() as i64,
            unsafe_: count(sources, r"\bunsafe\b"),
        }
    }

    /// Fewer code lines, and more of nothing else: joining lines, or buying shortness with a dependency or with `unsafe`, does
    /// not count.
    pub fn simpler_than(&self, other: &Self) -> bool {
        self.lines < other.lines
            && self.characters <= other.characters
            && self.dependencies <= other.dependencies
            && self.unsafe_ <= other.unsafe_
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
        for (what, more) in [("unsafe", self.unsafe_more), ("starts of threads", self.threads_more)] {
            if more != 0 {
                lines.push(format!("{what}: {more:+}"));
            }
        }
        lines.push(format!("lines: +{} -{}", self.lines_added, self.lines_removed));
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
pub fn compare(before: &Sources, after: &Sources, lines: (usize, usize), trade_offs: &[TradeOff]) -> Changes {
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
    let (old_size, new_size) = (Size::of(before), Size::of(after));
    let (old_deps, new_deps) = (dependencies(before), dependencies(after));
    Changes {
        functions_added: minus(&new_fns, &old_fns),
        functions_removed: minus(&old_fns, &new_fns),
        dependencies_added: minus(&new_deps, &old_deps),
        dependencies_removed: minus(&old_deps, &new_deps),
        unsafe_more: more(r"\bunsafe\b"),
        threads_more: more(r"\bthread::(?:spawn|scope|Builder)\b|\brayon\b|\bpar_iter|\bpar_chunks"),
        lines_added: lines.0,
        lines_removed: lines.1,
        code_lines_more: new_size.lines - old_size.lines,
        simpler: new_size.simpler_than(&old_size),
        trade_offs: told(trade_offs, &constants, before, after),
        constants,
    }
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
mod tests {
    use super::*;

    fn sources(text: &str) -> Sources {
        Sources::from([("src/main.rs".to_owned(), text.to_owned())])
    }

    fn trade_off(constant: Option<&str>, to: Option<&[&str]>, added: Option<&str>, says: &str) -> TradeOff {
        TradeOff {
            constant: constant.map(str::to_owned),
            to: to.map(|values| values.iter().map(|v| (*v).to_owned()).collect()),
            added: added.map(str::to_owned),
            says: says.to_owned(),
        }
    }

    #[test]
    fn a_changed_constant_is_named_with_both_values_and_its_price() {
        let known =
            [trade_off(Some("TEMPERATURE"), Some(&["0.0"]), None, "argmax decoding: faster, no diversity")];
        let changes = compare(
            &sources("pub const TEMPERATURE: f32 = 0.7;\nfn a() {}"),
            &sources("pub const TEMPERATURE: f32 = 0.0;\nfn a() {}"),
            (1, 1),
            &known,
        );
        assert_eq!(
            changes.lines(),
            ["TEMPERATURE 0.7 -> 0.0", "lines: +1 -1", "may cost: argmax decoding: faster, no diversity"]
        );
    }

    #[test]
    fn new_functions_unsafe_and_threads_are_told() {
        let changes = compare(
            &sources("fn a() {}"),
            &sources("pub(crate) unsafe fn b() {}\nfn c() { std::thread::scope(|s| ()) }"),
            (2, 1),
            &[trade_off(None, None, Some(r"thread::"), "threads: noisier")],
        );
        assert_eq!(changes.functions_added, ["b", "c"]);
        assert_eq!(changes.functions_removed, ["a"]);
        assert_eq!((changes.unsafe_more, changes.threads_more), (1, 1));
        assert_eq!(changes.trade_offs, ["threads: noisier"]);
    }

    #[test]
    fn a_dependency_that_appears_is_told() {
        let manifest = |text: &str| Sources::from([("Cargo.toml".to_owned(), text.to_owned())]);
        let changes = compare(
            &manifest("[dependencies]\nhalf = \"2\""),
            &manifest("[dependencies]\nrayon = \"1\""),
            (1, 1),
            &[],
        );
        assert_eq!(
            (changes.dependencies_added, changes.dependencies_removed),
            (vec!["rayon".into()], vec!["half".into()])
        );
    }

    #[test]
    fn a_proposal_without_words_is_described_by_what_it_changed() {
        let changes = compare(&sources("const A: u8 = 1;"), &sources("const A: u8 = 2;"), (1, 1), &[]);
        assert_eq!(changes.headline(), "A 1 -> 2");
    }
}
