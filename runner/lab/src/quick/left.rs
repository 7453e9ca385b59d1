//! What a command leaves in its directory, and what is likely to be edited there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Entries that are looked at: of a larger directory, the first so many.
const ENTRIES: usize = 50_000;
/// Directories whose content is code, where there are such.
const SOURCES: [&str; 6] = ["src", "lib", "source", "pkg", "internal", "crates"];
/// Names of files that hold code end so.
const CODE: [&str; 22] = [
    "c", "cc", "cpp", "cs", "cxx", "ex", "go", "h", "hpp", "hs", "java", "js", "jl", "kt", "lua", "ml",
    "php", "py", "rb", "rs", "ts", "zig",
];
/// Most files that are proposed one by one.
const FILES: usize = 5;

/// The files of a directory.
pub(super) struct Listing(BTreeMap<PathBuf, (u64, i64, i64)>);

impl Listing {
    /// Those that are there now. What cannot be read is not there.
    pub fn of(dir: &Path) -> Self {
        let (mut found, mut left) = (BTreeMap::new(), vec![dir.to_owned()]);
        while let Some(next) = left.pop() {
            for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() && entry.file_name() != ".git" {
                    left.push(entry.path());
                } else if !meta.is_dir() && found.len() < ENTRIES {
                    let path = entry.path();
                    let path = path.strip_prefix(dir).unwrap_or(&path).to_owned();
                    found.insert(path, (meta.len(), meta.mtime(), meta.mtime_nsec()));
                }
            }
        }
        Self(found)
    }

    /// What of `after` is new or another, and what is gone: the first so many, and how many more.
    pub fn changed(&self, after: &Self, most: usize) -> (Vec<String>, usize) {
        let new = after.0.iter().filter(|(path, stat)| self.0.get(*path) != Some(stat));
        let gone = self.0.keys().filter(|path| !after.0.contains_key(*path));
        let all: Vec<String> = new
            .map(|(path, _)| path.display().to_string())
            .chain(gone.map(|path| format!("{} (removed)", path.display())))
            .collect();
        let more = all.len().saturating_sub(most);
        (all.into_iter().take(most).collect(), more)
    }
}

/// What in `dir` is likely to be edited; none where nothing obvious is there. Files that the command names measure, and stay as they are.
pub(super) fn editable(dir: &Path, command: &[String]) -> Vec<String> {
    if let Some(name) = SOURCES.iter().find(|name| dir.join(name).is_dir()) {
        return vec![(*name).to_owned()];
    }
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let package = |name: &&String| dir.join(name).join("__init__.py").is_file() && !name.starts_with("test");
    if let Some(package) = names.iter().find(package) {
        return vec![package.clone()];
    }
    let named = |name: &str| command.iter().any(|word| word.ends_with(name));
    let code = |name: &String| {
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        dir.join(name).is_file() && ending.is_some_and(|ending| CODE.contains(&ending)) && !named(name)
    };
    let files: Vec<String> = names.into_iter().filter(code).collect();
    if files.len() > FILES { vec![] } else { files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_left_changed_and_removed_is_told_and_git_is_none_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at(".git")).unwrap();
        for name in ["same", "changed", "gone"] {
            fs::write(at(name), name).unwrap();
        }
        let before = Listing::of(dir.path());
        fs::write(at("changed"), "otherwise").unwrap();
        fs::remove_file(at("gone")).unwrap();
        fs::create_dir(at("new")).unwrap();
        fs::write(at("new/file"), "").unwrap();
        fs::write(at(".git/index"), "").unwrap();
        let after = Listing::of(dir.path());
        let names = ["changed", "new/file", "gone (removed)"].map(str::to_owned);
        assert_eq!(before.changed(&after, 9), (names.to_vec(), 0));
        assert_eq!(before.changed(&after, 1), (names[..1].to_vec(), 2));
    }

    #[test]
    fn sources_are_proposed_and_what_measures_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let of = |words: &[&str]| {
            editable(dir.path(), &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        assert!(of(&["true"]).is_empty());
        for name in ["bench.py", "work.py", "notes.txt"] {
            fs::write(at(name), "").unwrap();
        }
        assert_eq!(of(&["python3", "bench.py"]), ["work.py"]);
        fs::create_dir(at("tool")).unwrap();
        fs::write(at("tool/__init__.py"), "").unwrap();
        assert_eq!(of(&["python3", "bench.py"]), ["tool"]);
        fs::create_dir(at("src")).unwrap();
        assert_eq!(of(&["python3", "bench.py"]), ["src"]);
    }
}
