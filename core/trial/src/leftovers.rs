//! Files that programs leave behind and that nobody wrote: caches, objects, editors' copies.

use std::collections::BTreeSet;

/// Directories that hold nothing else.
const DIRECTORIES: [&str; 20] = [
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".venv",
    "htmlcov",
    ".nyc_output",
    "node_modules",
    ".npm",
    ".parcel-cache",
    ".next",
    ".turbo",
    ".gradle",
    "CMakeFiles",
    ".ccls-cache",
    ".ipynb_checkpoints",
    ".eggs",
];
/// Directories that tools make, and that people make too: they count where nothing stood there before.
const MADE: [&str; 6] = ["target", "build", "dist", "coverage", "out", "obj"];
/// How names of such files end.
const ENDINGS: [&str; 24] = [
    ".pyc",
    ".pyo",
    ".class",
    ".o",
    ".obj",
    ".a",
    ".so",
    ".dylib",
    ".dll",
    ".exe",
    ".rlib",
    ".rmeta",
    ".gcda",
    ".gcno",
    ".profraw",
    ".profdata",
    ".orig",
    ".rej",
    ".swp",
    ".swo",
    ".bak",
    ".tmp",
    ".log",
    "~",
];
/// Names of such files.
const NAMES: [&str; 9] = [
    ".DS_Store",
    "Thumbs.db",
    ".coverage",
    "coverage.xml",
    "lcov.info",
    "nohup.out",
    "a.out",
    "perf.data",
    "gmon.out",
];
/// Caches that a run of the tests leaves wherever they lie, and that no measurement needs.
const CACHES: [&str; 5] = ["__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"];

/// Whether an added path looks like something that a program left beside the files `before`. Returns the directory that holds it all,
/// or the path itself.
fn left<'a>(path: &'a str, before: &BTreeSet<&str>) -> Option<&'a str> {
    let mut end = 0;
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    for part in dirs.split('/') {
        end += part.len();
        let dir = path.get(..=end).unwrap_or(path);
        let new = || before.range(dir..).next().is_none_or(|next| !next.starts_with(dir));
        if DIRECTORIES.contains(&part)
            || part.ends_with(".egg-info")
            || part.ends_with(".dSYM")
            || (MADE.contains(&part) && new())
        {
            return Some(dir);
        }
        end += 1;
    }
    let shared = name.contains(".so.");
    (shared || NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))).then_some(path)
}

/// Whether a path is a cache that running a program leaves beside it: a copy of what stands there, never a source.
pub fn is_cache(path: &str) -> bool {
    let mut parts = path.split('/');
    let name = parts.next_back().unwrap_or_default();
    name == ".DS_Store" || parts.any(|part| CACHES.contains(&part))
}

/// What programs left among the paths `added` to those `before`: each directory once, with how many files it has.
pub fn among<'a>(added: impl Iterator<Item = &'a str>, before: &BTreeSet<&str>) -> Vec<String> {
    let mut found: Vec<(&str, usize)> = vec![];
    for what in added.filter_map(|path| left(path, before)) {
        match found.iter_mut().find(|(name, _)| *name == what) {
            Some((_, files)) => *files += 1,
            None => found.push((what, 1)),
        }
    }
    let one = |(name, files): (&str, usize)| match name.ends_with('/') {
        true => format!("{name} ({files} {})", if files == 1 { "file" } else { "files" }),
        false => name.to_owned(),
    };
    found.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_leave_is_named_and_what_people_write_is_not() {
        let paths = [
            "src/__pycache__/a.cpython-311.pyc",
            "src/__pycache__/b.cpython-311.pyc",
            "src/a.py",
            "src/a.py.orig",
            "src/.DS_Store",
            "src/web/node_modules/x/index.js",
            "src/builder.rs",
            "src/target.rs",
            "src/libx.so.1",
            "src/build/plan.rs",
            "src/dist/app.min.js",
        ];
        let before = BTreeSet::from(["src/build/room.rs", "src/distance.rs"]);
        assert_eq!(
            among(paths.into_iter(), &before),
            [
                "src/__pycache__/ (2 files)",
                "src/a.py.orig",
                "src/.DS_Store",
                "src/web/node_modules/ (1 file)",
                "src/libx.so.1",
                "src/dist/ (1 file)"
            ]
        );
        assert!(is_cache("tests/__pycache__/x.pyc") && is_cache(".DS_Store"));
        assert!(!is_cache("tests/x.pyc") && !is_cache("__pycache__") && !is_cache("tests/build/conftest.py"));
    }
}
