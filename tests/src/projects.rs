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
    let there = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let missing = programs.iter().find(|name| !there(name));
    missing.inspect(|name| eprintln!("SKIPPED: there is no {name}")).is_none()
}

/// `piton` here, with the Python that has what the tests of Python projects need first in PATH; not started yet.
pub fn command(scratch: &Scratch, args: &[&str]) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = dir().join("python/bin");
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).expect("paths");
    let mut command = scratch.command(args);
    command.env("PATH", path);
    command
}

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
