//! Published projects, which `.ci/projects` fetches, as their authors would have them: one that is not there is skipped, and said to be.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::{Said, Scratch};

/// Where the projects lie.
pub fn dir() -> PathBuf {
    let own = std::env::var_os("PITON_TEST_PROJECTS").map(PathBuf::from);
    let cache = || {
        let home = std::env::home_dir().unwrap_or_default();
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
    };
    own.unwrap_or_else(|| cache().join("piton-test-projects"))
}

/// A clone of a published project, with these files beside what was published.
pub fn project(name: &str, more: &[(&str, &str)]) -> Option<Scratch> {
    let from = dir().join(name);
    if !from.join(".fetched").exists() {
        eprintln!("SKIPPED: {name} is not there; .ci/projects fetches it");
        return None;
    }
    let scratch = Scratch::empty();
    let copied = Command::new("cp").arg("-R").arg(from.join(".")).arg(scratch.path()).status();
    assert!(copied.expect("cp is there").success());
    std::fs::remove_file(scratch.path().join(".fetched")).expect("a mark");
    more.iter().for_each(|(path, text)| scratch.write(path, text));
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.git(&["config", "user.name", "t"]);
    scratch.git(&["config", "user.email", "t@example.org"]);
    scratch.commit("as it was published");
    Some(scratch)
}

/// Whether these programs are there; says which is not.
pub fn installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = ["python/bin", "hyperfine"].map(|bin| dir().join(bin));
    let there = |name: &str| {
        own.iter().cloned().chain(std::env::split_paths(&path)).any(|dir| dir.join(name).is_file())
    };
    let missing = programs.iter().find(|name| !there(name));
    missing.inspect(|name| eprintln!("SKIPPED: there is no {name}")).is_none()
}

/// `piton` here, with the Python that has what the tests of Python projects need first in PATH, with CMake, Meson, hyperfine and pnpm; not
/// started yet. What uv and pnpm install was fetched before.
pub fn command(scratch: &Scratch, args: &[&str]) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = ["python/bin", "pnpm/node_modules/.bin", "hyperfine"].map(|bin| dir().join(bin));
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).expect("paths");
    let mut command = scratch.command(args);
    command.env("PATH", path);
    command.env("UV_CACHE_DIR", dir().join("uv")).env("UV_OFFLINE", "1").env("UV_NO_DEV", "1");
    command.env("npm_config_store_dir", dir().join("pnpm-store")).env("npm_config_offline", "true");
    command
}

/// The published package fastest-levenshtein with a benchmark of vitest, tests, and the lock by which pnpm installs that. No package that
/// was looked at is published with a benchmark of vitest.
pub fn with_vitest() -> Option<Vec<(&'static str, String)>> {
    let read = |path: &str| std::fs::read_to_string(dir().join(path)).ok();
    let lock = read("vitest/pnpm-lock.yaml");
    let Some((lock, text)) = lock.zip(read("fastest-levenshtein/package.json")) else {
        eprintln!("SKIPPED: vitest is not there; .ci/projects fetches it");
        return None;
    };
    let mut package: Value = serde_json::from_str(&text).expect("JSON");
    package["devDependencies"] = serde_json::json!({ "vitest": "3.2.4" });
    package["scripts"] =
        serde_json::json!({ "test": "vitest run --coverage=false", "bench": "vitest bench" });
    Some(vec![
        ("package.json", package.to_string()),
        ("pnpm-lock.yaml", lock),
        (".gitignore", "node_modules\n".to_owned()),
        // A configuration is what has vitest write below node_modules.
        ("vitest.config.mjs", "export default { test: { include: ['test/*.test.mjs'] } }\n".to_owned()),
        ("test/distance.test.mjs", VITEST_TEST.to_owned()),
        ("bench/distance.bench.mjs", VITEST_BENCH.to_owned()),
        // Of the project's own, which needs a library that is not here.
        ("bench.js", String::new()),
    ])
}

const VITEST_TEST: &str = "import { expect, test } from 'vitest'
import { closest, distance } from '../mod.js'
test('a letter more is one step', () => expect(distance('kitten', 'kittens')).toBe(1))
test('another word is as far as its letters', () => expect(distance('abc', 'xyz')).toBe(3))
test('a long word is as far as a short one', () => expect(distance('x'.repeat(40), 'y'.repeat(40))).toBe(40))
test('the nearest word is found', () => expect(closest('fast', ['slow', 'faster', 'fastest'])).toBe('faster'))
";

const VITEST_BENCH: &str = "import { bench, describe } from 'vitest'
import { closest, distance } from '../mod.js'
const words = Array.from({ length: 200 }, (_, n) => 'abcdefgh'.repeat(1 + (n % 12)).slice(n % 7) + n)
const often = { time: 100, warmupTime: 50 }
describe('words', () => {
  bench('distance', () => words.forEach((word, n) => distance(word, words[(n + 1) % 200])), often)
  bench('closest', () => closest('fghabcde7', words), often)
})
";

/// The same, and what it said.
pub fn piton(scratch: &Scratch, args: &[&str]) -> Said {
    command(scratch, args).output().expect("piton starts").into()
}

/// What `piton init` found, wrote, tried and committed.
pub fn begun(scratch: &Scratch, more: &[&str]) -> Value {
    let said = piton(scratch, &[&["init", "--commit", "--json"], more].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    assert_eq!(
        (&report["committed"], &report["tried"]["failed"]),
        (&Value::Bool(true), &Value::Null),
        "{report}"
    );
    report
}

/// Lets pairs count on a machine that is busy with other tests.
pub fn busy(scratch: &Scratch) {
    let calm = "\n[machine]\nsteal_pct = 100\npressure_pct = 100\n";
    scratch.write("piton.toml", &(scratch.read("piton.toml") + calm));
    scratch.git(&["commit", "--quiet", "--all", "--message", "a busy machine"]);
}
