//! What a job that may write in its tree must leave alone there: what is sealed, and names that tools load unasked.

use std::path::Path;

use super::{Scope, locked};

/// Names that a tool looks for beside what it was asked to run, or instead of it: whoever makes one decides what the next command does.
/// Lock files are not among them, nor what only a person reads.
const LOADED: [&str; 62] = [
    // make and other builders
    "GNUmakefile",
    "makefile",
    "Makefile",
    "*.mk",
    "BSDmakefile",
    "justfile",
    "Justfile",
    ".justfile",
    "Taskfile.yml",
    "CMakeLists.txt",
    "CMakePresets.json",
    "CMakeUserPresets.json",
    "meson.build",
    "build.ninja",
    "build.gradle",
    "build.gradle.kts",
    "pom.xml",
    // Python
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "noxfile.py",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    ".coveragerc",
    "sitecustomize.py",
    "usercustomize.py",
    "__init__.py",
    "__main__.py",
    "*.pth",
    "pyvenv.cfg",
    // Rust
    ".cargo",
    "Cargo.toml",
    "build.rs",
    "rust-toolchain",
    "rust-toolchain.toml",
    // JavaScript
    "package.json",
    "node_modules",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".mocharc.*",
    ".babelrc",
    ".babelrc.*",
    "babel.config.*",
    "jest.config.*",
    "jest.setup.*",
    "vite.config.*",
    "vitest.config.*",
    "vitest.setup.*",
    "ava.config.*",
    "tsconfig.json",
    "tsconfig.*.json",
    // Go and others
    "go.mod",
    "go.work",
    "vendor",
    ".env",
    ".envrc",
    "Gemfile",
    "Rakefile",
    ".rspec",
];

/// Endings of files that are read as they are: one that has a locked name joins what is tested. Of what compilers and tests write
/// under such names, none ends so.
const SOURCES: [&str; 20] = [
    "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "rs", "go", "java", "kt", "rb", "sh",
    "bash", "pl", "php", "lua",
];

/// Endings of sealed files that are imported by their names without an ending.
const IMPORTED: [&str; 5] = ["py", "js", "mjs", "cjs", "ts"];

impl Scope {
    /// Whether a build or a measuring command may make or rewrite `path`, whatever it is.
    pub(crate) fn may_be_made(&self, path: &str) -> bool {
        locked::by(self.made.iter().map(String::as_str), path, 0).is_some()
    }

    /// Whether a job must leave `path`, which the commit has, as it is.
    pub fn holds(&self, path: &str) -> bool {
        !self.contains(path) && !self.may_be_made(path)
    }

    /// Why a file or directory that a job made at `path` decides what sealed files do; `None` where it does not. `sealed` says whether the
    /// commit has a sealed file of that name beside it, and `directory` what it is.
    pub fn planted(
        &self,
        path: &str,
        directory: bool,
        sealed: &mut dyn FnMut(&str) -> bool,
    ) -> Option<String> {
        if self.may_be_made(path) {
            return None;
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if LOADED.iter().any(|pattern| locked::by([*pattern].into_iter(), name, 0).is_some()) {
            return Some("tools load it unasked".to_owned());
        }
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !directory
            && SOURCES.contains(&ending)
            && let Some(pattern) = locked::by(self.patterns(), path, 0)
        {
            return Some(format!("`{pattern}` is locked"));
        }
        // A module is looked for as a directory and as a library before it is looked for as a file.
        let (stem, _) = name.split_once('.').unwrap_or((name, ""));
        let instead = directory || name == stem || matches!(ending, "so" | "pyd" | "dylib" | "node");
        if instead && !stem.is_empty() {
            let beside =
                IMPORTED.map(|ending| format!("{stem}.{ending}")).into_iter().find(|name| sealed(name));
            return beside.map(|beside| format!("it is loaded instead of {beside}"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(made: &[&str]) -> Scope {
        Scope { made: made.iter().map(|text| (*text).to_owned()).collect(), ..Scope::of(vec!["src".into()]) }
    }

    fn planted(path: &str, directory: bool) -> bool {
        let mut sealed = |name: &str| matches!(name, "bench.py" | "measure.js" | "bench.c" | "Makefile");
        scope(&[]).planted(path, directory, &mut sealed).is_some()
    }

    #[test]
    fn what_tools_load_unasked_is_planted_wherever_it_is_made() {
        for path in [
            "GNUmakefile",
            "makefile",
            "rules.mk",
            "conftest.py",
            "tests/conftest.py",
            "tests/unit/__init__.py",
            "sitecustomize.py",
            "x.pth",
            "package.json",
            "go.work",
            "src/pytest.ini",
            "tests/test_more.py",
            "src/tests/more.rs",
            "lib/thing_test.go",
            "bench/extra.sh",
            "bench.cpython-312-x86_64-linux-gnu.so",
            "bench.abi3.so",
            "measure",
        ] {
            assert!(planted(path, false), "{path}");
        }
        for path in [".cargo", "node_modules", "vendor", "bench", "measure"] {
            assert!(planted(path, true), "{path}");
        }
    }

    #[test]
    fn what_ordinary_tools_write_is_not() {
        for path in [
            "prog",
            "src/main.o",
            "tests/test_parse.o",
            "tests/test_parse",
            "bench.o",
            "bench.json",
            "build/CMakeCache.txt",
            "Cargo.lock",
            "package-lock.json",
            ".coverage",
            "tests/test-results.xml",
            "tests/__snapshots__/a.snap",
            "core",
            "bench.log",
            "src/generated.py",
        ] {
            assert!(!planted(path, false), "{path}");
        }
        for path in ["target", "build", "__pycache__", ".pytest_cache", "dist", "pkg.egg-info", "src/cache"] {
            assert!(!planted(path, true), "{path}");
        }
    }

    #[test]
    fn what_the_experiment_says_may_be_made_is_neither_held_nor_planted() {
        let own = scope(&["/Makefile", "results/", "*.lock"]);
        let mut none = |_: &str| false;
        assert!(own.planted("Makefile", false, &mut none).is_none());
        assert!(own.planted("sub/Makefile", false, &mut none).is_some());
        assert!(!own.holds("results/last.json") && !own.holds("Cargo.lock") && own.holds("bench.sh"));
        assert!(!own.holds("src/lib.rs") && own.holds("src/tests/a.rs"));
        let text = Scope { made: vec!["../x".into()], ..scope(&[]) }.problem().unwrap();
        assert!(text.contains("scope.made holds `../x`"), "{text}");
    }

    proptest! {
        #[test]
        fn any_path_is_judged_without_a_panic(path in ".{0,40}", directory in any::<bool>(), sealed in any::<bool>()) {
            let _ = scope(&["x"]).planted(&path, directory, &mut |_| sealed);
        }
    }
}
