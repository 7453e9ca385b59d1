//! Patterns of what is locked below the editable paths.

/// The name of the list that holds where `[scope] locked` is absent; in a list, it stands for all of it.
pub const DEFAULT: &str = "@default";

/// Tests, benches and their configuration, build manifests, CI, and settings of agents and editors. The last pattern that fits decides; `!` opens.
pub(crate) const DEFAULTS: [&str; 112] = [
    // tests and benches
    "test/",
    "tests/",
    "Test/",
    "Tests/",
    "__tests__/",
    "__mocks__/",
    "__snapshots__/",
    "spec/",
    "specs/",
    "testdata/",
    "fixtures/",
    "bench/",
    "benches/",
    "benchmark/",
    "benchmarks/",
    "test_*.*",
    "*_test.*",
    "*_tests.*",
    "*_spec.*",
    "*.test.*",
    "*.spec.*",
    "*.bench.*",
    "*_bench.*",
    "*_benchmark.*",
    "bench_*.*",
    "*Test.java",
    "*Tests.java",
    "*IT.java",
    // their configuration
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "noxfile.py",
    ".coveragerc",
    "jest.config.*",
    "jest.setup.*",
    "vitest.config.*",
    "vitest.setup.*",
    "vite.config.*",
    "karma.conf.*",
    "playwright.config.*",
    "cypress.config.*",
    "ava.config.*",
    ".mocharc.*",
    ".nycrc",
    ".nycrc.*",
    "babel.config.*",
    ".babelrc",
    ".babelrc.*",
    "tsconfig.json",
    "tsconfig.*.json",
    "CTestTestfile.cmake",
    // build manifests
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/",
    "rust-toolchain",
    "rust-toolchain.toml",
    "build.rs",
    "!src/**/build.rs",
    "!**/src/**/build.rs",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements*.txt",
    "Pipfile",
    "Pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "go.mod",
    "go.sum",
    "go.work",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "*.mk",
    "CMakeLists.txt",
    "*.cmake",
    "meson.build",
    // CI
    ".github/",
    ".gitlab-ci.yml",
    ".circleci/",
    "Dockerfile",
    // what an agent, an editor or a shell obeys that is started there later: its hooks, servers, tasks
    ".claude/",
    ".mcp.json",
    ".codex/",
    ".gemini/",
    ".qwen/",
    ".cursor/",
    ".opencode/",
    "opencode.json",
    "opencode.jsonc",
    ".goosehints",
    ".aider.conf.yml",
    ".vscode/",
    ".devcontainer/",
    ".envrc",
    ".husky/",
    ".pre-commit-config.yaml",
];

/// The pattern that locks `path`, where one does. The first `depth` parts of the path are open, whatever they are called.
pub(super) fn by<'a>(
    patterns: impl DoubleEndedIterator<Item = &'a str>,
    path: &str,
    depth: usize,
) -> Option<&'a str> {
    let last =
        patterns.rev().find(|pattern| fits(pattern.strip_prefix('!').unwrap_or(pattern), path, depth))?;
    (!last.starts_with('!')).then_some(last)
}

/// What is wrong with a pattern, if anything.
pub(super) fn problem(key: &str, pattern: &str) -> Option<String> {
    let plain = pattern.strip_prefix('!').unwrap_or(pattern);
    let body = plain.strip_suffix('/').unwrap_or(plain);
    let bad = body.is_empty()
        || body.contains('\\')
        || body.starts_with("./")
        || body.strip_prefix('/').unwrap_or(body).split('/').any(|part| matches!(part, "" | "." | ".."))
        || (pattern.starts_with('@') && pattern != DEFAULT);
    bad.then(|| {
        format!(
            "scope.{key} holds `{pattern}`; it takes names and paths as .gitignore does (`tests/`, `*_test.go`, `lib/golden/**`, `!lib/golden/new.rs`), and `{DEFAULT}`"
        )
    })
}

/// The same pattern for an experiment in the directory `within`: one with a slash inside begins there.
pub(super) fn rooted(pattern: &str, within: &str) -> String {
    let (not, plain) = pattern.strip_prefix('!').map_or(("", pattern), |plain| ("!", plain));
    let begins = plain.strip_suffix('/').unwrap_or(plain).contains('/') && !plain.starts_with("**/");
    match begins && !within.is_empty() && pattern != DEFAULT {
        true => format!("{not}{within}/{}", plain.strip_prefix('/').unwrap_or(plain)),
        false => pattern.to_owned(),
    }
}

/// Whether a pattern fits a path, or a directory that it lies in. One with a slash inside begins at the repository's root; else it is a
/// name at any depth. One that ends in a slash fits directories alone.
fn fits(pattern: &str, path: &str, depth: usize) -> bool {
    let (pattern, directory) = match pattern.strip_suffix('/') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let rooted = pattern.contains('/');
    let pattern: Vec<&str> = pattern.strip_prefix('/').unwrap_or(pattern).split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    (depth + 1..=parts.len()).any(|taken| {
        if directory && taken == parts.len() {
            return false;
        }
        match rooted {
            true => path_fits(&pattern, &parts[..taken]),
            false => name_fits(pattern[0].as_bytes(), parts[taken - 1].as_bytes()),
        }
    })
}

/// `**` stands for any number of parts.
fn path_fits(pattern: &[&str], parts: &[&str]) -> bool {
    // Reached: how many parts may have been taken by the patterns so far.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; parts.len() + 1];
        for at in 0..=parts.len() {
            if *wanted == "**" {
                next[at] = reached[at] || (at > 0 && next[at - 1]);
            } else if at > 0 {
                next[at] = reached[at - 1] && name_fits(wanted.as_bytes(), parts[at - 1].as_bytes());
            }
        }
        reached = next;
    }
    reached[parts.len()]
}

/// `*` stands for any number of bytes, `?` for one.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(path: &str) -> Option<&'static str> {
        by(DEFAULTS.into_iter(), path, 0)
    }

    #[test]
    fn tests_benches_their_configuration_and_manifests_are_locked_wherever_they_lie() {
        for path in [
            "pkg/tests/test_core.py",
            "pkg/tests/deep/data.bin",
            "pkg/tests",
            "pkg/core_test.go",
            "src/a.test.tsx",
            "src/a.spec.js",
            "src/__tests__/a.js",
            "lib/conftest.py",
            "lib/test_new.py",
            "crate/Cargo.toml",
            "crate/build.rs",
            "crate/benches/a.rs",
            "src/test/java/A.java",
            "src/ATest.java",
            ".github/workflows/ci.yml",
            "web/package.json",
            "lib/jest.config.mjs",
            "src/.claude/settings.local.json",
            "src/.mcp.json",
            "src/.vscode/tasks.json",
        ] {
            let expected = path != "pkg/tests";
            assert_eq!(locked(path).is_some(), expected, "{path}: {:?}", locked(path));
        }
    }

    #[test]
    fn what_only_sounds_like_a_test_is_open() {
        for path in [
            "candidate/src/tests.rs",
            "src/build.rs",
            "runner/src/build.rs",
            "src/testing/mod.rs",
            "src/latest.py",
            "src/contest.py",
            "src/attests/a.rs",
            "src/test.rs",
            "src/Latest.java",
            "lib/bench.py",
            "src/inspect.js",
        ] {
            assert_eq!(locked(path), None, "{path}");
        }
    }

    #[test]
    fn patterns_are_those_of_gitignore_and_the_last_that_fits_decides() {
        assert!(
            fits("lib/*.rs", "lib/a.rs", 0)
                && !fits("lib/*.rs", "lib/b/a.rs", 0)
                && !fits("lib/*.rs", "x/lib/a.rs", 0)
        );
        assert!(fits("lib/**/a?.rs", "lib/x/y/ab.rs", 0) && fits("lib/**/a?.rs", "lib/ab.rs", 0));
        assert!(fits("/a", "a", 0) && !fits("/a", "b/a", 0) && fits("/a", "a/b/c", 0));
        assert!(fits("lib/golden", "lib/golden/x", 0) && fits("lib/golden/", "lib/golden/x", 0));
        assert!(!fits("lib/golden/", "lib/golden", 0) && fits("lib/golden/**", "lib/golden/x/y", 0));
        assert!(
            fits("*a*b*", "xaybz", 0)
                && !fits("*a*b", "xaybz", 0)
                && fits("**", "a", 0)
                && fits("a**b", "axxb", 0)
        );
        let patterns = ["*.rs", "!a.rs", "lib/a.rs"];
        assert_eq!(by(patterns.into_iter(), "b.rs", 0), Some("*.rs"));
        assert_eq!(by(patterns.into_iter(), "a.rs", 0), None);
        assert_eq!(by(patterns.into_iter(), "lib/a.rs", 0), Some("lib/a.rs"));
    }

    #[test]
    fn a_pattern_that_could_mean_nothing_is_refused() {
        for pattern in ["", "/", "!", "a//b", "../a", "a/./b", "a\\b", "./a", "@tests"] {
            assert!(problem("locked", pattern).is_some(), "{pattern}");
        }
        for pattern in DEFAULTS.into_iter().chain([DEFAULT, "/a/b", "a b"]) {
            assert_eq!(problem("locked", pattern), None, "{pattern}");
        }
    }
}
