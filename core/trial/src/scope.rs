//! What an edit may contain.
//!
//! A challenger is the sealed base with the editable paths laid over it. This module says which paths those
//! are and what may stand in them; it sees paths, modes and sizes, never a file system.

mod locked;
mod planted;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Git's mode of an ordinary file.
pub const FILE: u32 = 0o100_644;
/// Git's mode of an executable file.
pub const EXECUTABLE: u32 = 0o100_755;
/// Instead of a mode: the name is not UTF-8, so that no experiment, record or table could name the file.
pub const UNNAMED: u32 = 1;

/// A path as text, with each byte that is not UTF-8 as `\xff`. It names the file for people; no file is opened by it.
pub fn shown(path: &[u8]) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let bytes: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}{bytes}", chunk.valid())
    };
    path.utf8_chunks().map(chunk).collect()
}

/// What may be edited: `[scope]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Paths below which everything may change, relative to the root of the repository, `/` between parts.
    pub editable: Vec<String>,
    /// Patterns of what may not change below them, as in `.gitignore`; `@default`, and all of it where this is absent: tests, benches,
    /// their configuration, build manifests and CI. Empty: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<Vec<String>>,
    /// Largest single file in bytes.
    #[serde(default = "default_file_bytes")]
    pub max_file_bytes: u64,
    /// All files below the editable paths together, in bytes.
    #[serde(default = "default_bytes")]
    pub max_bytes: u64,
    /// Most files below the editable paths.
    #[serde(default = "default_files")]
    pub max_files: usize,
    /// Paths in the user's checkout that git ignores and that every tree gets a link to, e.g. `node_modules`: read where they lie, and
    /// not sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from_checkout: Vec<String>,
    /// Patterns, as in `.gitignore`, of what builds and measuring commands may make or rewrite in their tree though it is sealed, or has a
    /// name that tools load unasked: results that are committed, a `Makefile` that a configure script writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
}

fn default_file_bytes() -> u64 {
    1 << 20
}

fn default_bytes() -> u64 {
    8 << 20
}

fn default_files() -> usize {
    500
}

impl Scope {
    /// What may be edited, with nothing else said.
    pub fn of(editable: Vec<String>) -> Self {
        Self {
            editable,
            locked: None,
            max_file_bytes: default_file_bytes(),
            max_bytes: default_bytes(),
            max_files: default_files(),
            from_checkout: vec![],
            made: vec![],
        }
    }

    /// Whether `path` may change: it lies at or below an editable path, and is not locked there.
    pub fn contains(&self, path: &str) -> bool {
        self.reaches(path) && self.lock(path).is_none()
    }

    /// Whether `path` lies at or below an editable path, locked or not.
    pub fn reaches(&self, path: &str) -> bool {
        self.editable.iter().any(|prefix| lies_in(prefix, path))
    }

    /// The pattern that locks `path`, where one does. Whoever names a path as editable means it: only what lies below it can be locked.
    pub fn lock(&self, path: &str) -> Option<&str> {
        let named = self.editable.iter().filter(|prefix| lies_in(prefix, path));
        let depth = named.map(|prefix| prefix.split('/').count()).max()?;
        locked::by(self.patterns(), path, depth)
    }

    /// The pattern of the defaults that fits `path`, whatever a scope opens: tests, benches, their configuration, manifests, settings of agents.
    pub fn usual_lock(path: &str) -> Option<&'static str> {
        locked::by(locked::DEFAULTS.into_iter(), path, 0)
    }

    fn patterns(&self) -> impl DoubleEndedIterator<Item = &str> {
        let own: Vec<&str> = match &self.locked {
            None => vec![locked::DEFAULT],
            Some(patterns) => patterns.iter().map(String::as_str).collect(),
        };
        let all: Vec<&str> = own
            .into_iter()
            .flat_map(|pattern| match pattern == locked::DEFAULT {
                true => locked::DEFAULTS.to_vec(),
                false => vec![pattern],
            })
            .collect();
        all.into_iter()
    }

    /// Why a change of `path` is none: it lies outside, or is locked, by which pattern.
    pub fn refusal(&self, path: &str) -> String {
        match self.lock(path) {
            Some(pattern) => format!("{path} (locked by `{pattern}`: `[scope] locked`)"),
            None => path.to_owned(),
        }
    }

    /// What is locked below the editable paths, in words; `None` where nothing is.
    pub fn locked_words(&self) -> Option<String> {
        const DEFAULT: &str = "tests, benches, their configuration, build manifests, CI files and settings of agents and editors";
        match &self.locked {
            None => Some(DEFAULT.to_owned()),
            Some(patterns) if patterns.is_empty() => None,
            Some(patterns) => {
                let words = patterns.iter().map(|pattern| match pattern == locked::DEFAULT {
                    true => DEFAULT.to_owned(),
                    false => format!("`{pattern}`"),
                });
                Some(words.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// What is wrong with the scope itself, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.editable.is_empty() {
            return Some("scope.editable is empty; nothing could ever be tried".to_owned());
        }
        let patterns = self.locked.iter().flatten().map(|pattern| ("locked", pattern));
        let mut patterns = patterns.chain(self.made.iter().map(|pattern| ("made", pattern)));
        if let Some(problem) = patterns.find_map(|(key, pattern)| locked::problem(key, pattern)) {
            return Some(problem);
        }
        let bad = |path: &String| {
            path.is_empty()
                || path.starts_with('/')
                || path.ends_with('/')
                || path.contains('\\')
                || path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git" | ".piton"))
        };
        if let Some(path) = self.editable.iter().find(|path| bad(path)) {
            return Some(format!(
                "scope.editable holds `{path}`; it takes plain paths below the repository's root"
            ));
        }
        let within = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}/"));
        self.from_checkout.iter().enumerate().find_map(|(n, path)| {
            let others = self.from_checkout.iter().enumerate().filter(|(other, _)| *other != n);
            let mut others = self.editable.iter().chain(others.map(|(_, other)| other));
            match others.find(|other| within(other, path)) {
                _ if bad(path) => Some(format!(
                    "scope.from_checkout holds `{path}`; it takes plain paths below the repository's root"
                )),
                Some(other) => {
                    Some(format!("scope.from_checkout holds `{path}`, and `{other}` lies there too"))
                }
                None => None,
            }
        })
    }

    /// Why no edit could ever be judged where a commit holds the `entries` below the editable paths, one line each. `experiment` is
    /// the path of the file that says what an edit may be.
    pub fn unfit(&self, entries: &[(String, u32, u64)], experiment: &str) -> Vec<String> {
        let empty = |path: &&String| !entries.iter().any(|(entry, ..)| lies_in(path, entry));
        let mut why: Vec<String> = self
            .editable
            .iter()
            .filter(empty)
            .map(|path| format!("scope.editable holds `{path}`, and nothing of it is committed"))
            .collect();
        if self.contains(experiment) {
            why.push(format!(
                "scope.editable holds `{experiment}`: an edit could change what it is judged by"
            ));
        }
        // A link or a submodule that is there already is no edit.
        let plain: Vec<(String, u32, u64)> =
            entries.iter().filter(|(_, mode, _)| !matches!(mode, 0o120_000 | 0o160_000)).cloned().collect();
        why.extend(self.violations(&plain));
        why
    }

    /// The editable files among the words of a measuring command: whoever edits them makes the figure.
    pub fn measures_itself(&self, command: &[String], within: &str) -> Vec<String> {
        let path = |word: &String| {
            let path = word.strip_prefix("{root}/").map(str::to_owned).or_else(|| {
                let path =
                    ["{tree}/", "{first}/", "{second}/"].iter().find_map(|side| word.strip_prefix(side));
                let path = path.unwrap_or(word);
                (!path.contains('{')).then(|| join(within, path.trim_start_matches("./")))
            })?;
            let file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
            (file && self.contains(&path)).then_some(path)
        };
        command.iter().filter_map(path).collect()
    }

    /// The same scope of an experiment in the directory `within` of the repository.
    pub fn rooted(mut self, within: &str) -> Self {
        let paths = self.editable.iter_mut().chain(&mut self.from_checkout);
        paths.for_each(|path| *path = join(within, path));
        let patterns = self.locked.iter_mut().flatten().chain(&mut self.made);
        patterns.for_each(|pattern| *pattern = locked::rooted(pattern, within));
        self
    }

    /// Why the editable entries `(path, mode, bytes)` may not be committed, one line for each that is refused.
    pub fn violations(&self, entries: &[(String, u32, u64)]) -> Vec<String> {
        let mut refused: Vec<String> = entries
            .iter()
            .filter_map(|(path, mode, bytes)| match *mode {
                UNNAMED => Some(format!("{path}: a name that is not UTF-8")),
                FILE | EXECUTABLE if *bytes > self.max_file_bytes => {
                    Some(format!("{path}: {bytes} bytes; a file may have {}", self.max_file_bytes))
                }
                FILE | EXECUTABLE => None,
                0o120_000 => Some(format!("{path}: a symbolic link")),
                0o160_000 => Some(format!("{path}: a repository within the repository")),
                _ => Some(format!("{path}: neither a file nor a directory that git can keep")),
            })
            .collect();
        let bytes = entries.iter().fold(0u64, |sum, (.., bytes)| sum.saturating_add(*bytes));
        if bytes > self.max_bytes {
            refused.push(format!("{bytes} bytes in all; the scope may hold {}", self.max_bytes));
        }
        if entries.len() > self.max_files {
            refused.push(format!("{} files; the scope may hold {}", entries.len(), self.max_files));
        }
        refused
    }
}

/// The directory `within` of a tree that lies at `root`; the root itself where it is empty.
pub fn below(root: &Path, within: &str) -> PathBuf {
    if within.is_empty() { root.to_owned() } else { root.join(within) }
}

/// `path` below the directory `within`, which is empty for the root.
pub fn join(within: &str, path: &str) -> String {
    if within.is_empty() { path.to_owned() } else { format!("{within}/{path}") }
}

/// Whether `path` is `prefix` or lies below it.
fn lies_in(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            editable: vec!["candidate/src".into()],
            locked: None,
            max_file_bytes: 100,
            max_bytes: 250,
            max_files: 2,
            from_checkout: vec![],
            made: vec![],
        }
    }

    #[test]
    fn a_path_that_only_begins_with_the_same_letters_is_outside() {
        assert!(scope().contains("candidate/src/main.rs"));
        assert!(!scope().contains("candidate/src2/main.rs"));
        assert!(!scope().contains("candidate/Cargo.toml"));
    }

    #[test]
    fn what_is_locked_below_an_editable_path_cannot_change_and_the_refusal_names_the_rule() {
        let scope = Scope { editable: vec!["pkg".into(), "tests/perf".into(), "Makefile".into()], ..scope() };
        for path in ["pkg/tests/test_a.py", "pkg/new/conftest.py", "tests/perf/test_a.py", "tests/a.py"] {
            assert!(!scope.contains(path), "{path}");
        }
        for path in ["pkg/a.py", "tests/perf/a.py", "Makefile", "pkg/tests"] {
            assert!(scope.contains(path), "{path}: who names a path as editable means it");
        }
        assert_eq!(scope.refusal("pkg/tests/a.py"), "pkg/tests/a.py (locked by `tests/`: `[scope] locked`)");
        assert_eq!(scope.refusal("tests/a.py"), "tests/a.py");
        let open = Scope { locked: Some(vec![]), ..scope.clone() };
        assert!(open.contains("pkg/tests/test_a.py") && open.locked_words().is_none());
        let own = Scope {
            locked: Some(vec!["@default".into(), "golden/".into(), "!pkg/tests/new.py".into()]),
            ..scope
        };
        assert!(
            !own.contains("pkg/golden/a")
                && !own.contains("pkg/tests/a.py")
                && own.contains("pkg/tests/new.py")
        );
        assert!(own.locked_words().unwrap().contains("tests, benches") && own.problem().is_none());
        let bad = Scope { locked: Some(vec!["../x".into()]), ..own };
        assert!(bad.problem().unwrap().contains("scope.locked holds `../x`"));
    }

    #[test]
    fn links_nested_repositories_and_giants_are_refused_by_name() {
        let entries = [
            ("a".to_owned(), FILE, 100),
            ("b".to_owned(), 0o120_000, 1),
            ("c".to_owned(), 0o160_000, 1),
            ("d".to_owned(), FILE, 101),
        ];
        let refused = scope().violations(&entries);
        assert_eq!(refused.len(), 4, "{refused:?}");
        assert!(refused[0].contains("symbolic link") && refused[3].contains("4 files"));
    }

    #[test]
    fn files_that_are_small_one_by_one_may_be_too_much_together() {
        let files = |bytes: [u64; 2]| bytes.map(|bytes| ("a".to_owned(), FILE, bytes));
        let roomy = Scope { max_file_bytes: u64::MAX, ..scope() };
        assert_eq!(roomy.violations(&files([150, 100])), [""; 0]);
        assert_eq!(roomy.violations(&files([150, 101])), ["251 bytes in all; the scope may hold 250"]);
        assert_eq!(roomy.violations(&files([u64::MAX, 1])).len(), 1);
    }

    #[test]
    fn what_is_read_from_the_checkout_is_nothing_that_is_edited() {
        let from = |paths: &[&str]| Scope {
            from_checkout: paths.iter().map(|path| (*path).to_owned()).collect(),
            ..scope()
        };
        assert_eq!(from(&["node_modules", ".venv", "candidate/src/node_modules"]).problem(), None);
        for paths in
            [&["candidate/src"][..], &["candidate"], &["a", "a"], &["a", "a/b"], &["../a"], &["/a"], &[""]]
        {
            assert!(from(paths).problem().is_some_and(|why| why.contains("from_checkout")), "{paths:?}");
        }
    }

    #[test]
    fn a_scope_that_reaches_outside_the_repository_is_refused() {
        for path in ["", "/etc", "../x", "a/../b", "a//b", ".git/hooks", "a/"] {
            let scope = Scope { editable: vec![path.into()], ..scope() };
            assert!(scope.problem().is_some(), "{path:?}");
        }
        assert_eq!(scope().problem(), None);
    }

    #[test]
    fn a_scope_in_which_nothing_could_be_judged_is_told_before_anything_is_measured() {
        let held = |path: &str, bytes| (path.to_owned(), FILE, bytes);
        let src = scope();
        assert_eq!(src.unfit(&[held("candidate/src/a", 1)], "piton.toml"), [""; 0]);
        assert!(src.unfit(&[], "piton.toml")[0].contains("nothing of it is committed"));
        assert!(src.unfit(&[held("candidate/src2/a", 1)], "piton.toml")[0].contains("nothing of it"));
        assert!(src.unfit(&[held("candidate/src/a", 101)], "piton.toml")[0].contains("101 bytes"));
        let own = src.unfit(&[held("candidate/src/piton.toml", 1)], "candidate/src/piton.toml");
        assert!(own[0].contains("judged by"), "{own:?}");
        let unnamed = ("candidate/src/a\\xff".to_owned(), UNNAMED, 1);
        assert!(src.unfit(&[unnamed], "piton.toml")[0].contains("a\\xff: a name that is not UTF-8"));
    }

    #[test]
    fn a_file_that_measures_and_may_be_edited_is_found_by_any_way_of_naming_it() {
        let scope = scope().rooted("pkg");
        let itself = |words: &[&str]| {
            scope.measures_itself(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), "pkg")
        };
        let found = ["pkg/candidate/src/bench.py"];
        assert_eq!(itself(&["python3", "{tree}/candidate/src/bench.py"]), found);
        assert_eq!(itself(&["python3", "{root}/pkg/candidate/src/bench.py"]), found);
        assert_eq!(itself(&["python3", "./candidate/src/bench.py"]), found);
        assert_eq!(itself(&["python3", "{sealed}/candidate/src/bench.py", "{tree}"]), [""; 0]);
    }
}
