//! C and C++: make, CMake and Meson.

mod cmake;
mod make;
mod meson;

use super::{Draft, Facts, Figure, words};

/// Drafts for what a build of C or C++ makes.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    [cmake::drafts(facts), meson::drafts(facts), make::drafts(facts)].concat()
}

const SOURCES: [&str; 9] = [".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".S", ".inc"];

/// What may be edited of a project: the directories of its sources, or where they lie at its root, the files themselves.
fn sources(facts: &Facts) -> Vec<String> {
    let source = |path: &str| SOURCES.iter().any(|end| path.ends_with(end));
    for dir in ["src", "lib", "source"] {
        if facts.below(dir).any(|path| source(path)) {
            return vec![dir.to_owned()];
        }
    }
    let named = |path: &str| {
        let path = path.to_ascii_lowercase();
        ["test", "bench", "example", "demo", "fuzz"].iter().any(|word| path.contains(word))
    };
    let root: Vec<String> = facts
        .files
        .keys()
        .filter(|path| !path.contains('/') && source(path) && !named(path))
        .cloned()
        .collect();
    if !root.is_empty() {
        return root;
    }
    let mut dirs: Vec<String> = facts
        .files
        .keys()
        .filter(|path| source(path) && !named(path))
        .filter_map(|path| Some(path.split_once('/')?.0.to_owned()))
        .collect();
    dirs.dedup();
    dirs
}

/// Whether what is called so measures something.
fn is_bench(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["bench", "perf", "speed"].iter().any(|word| name.contains(word))
}

/// The files of a build system that are the project's own, by their name: not those of what it carries along, and not hidden.
fn lists<'a>(facts: &'a Facts, name: &'a str) -> impl Iterator<Item = (&'a String, &'a String)> {
    let others = [
        "third_party",
        "third-party",
        "thirdparty",
        "3rdparty",
        "external",
        "extern",
        "vendor",
        "deps",
        "subprojects",
        "debian",
    ];
    facts.texts.iter().filter(move |(path, _)| {
        let mut dirs = path.split('/').rev();
        dirs.next() == Some(name) && dirs.all(|dir| !dir.starts_with('.') && !others.contains(&dir))
    })
}

/// The program of a draft by its size, which can be tried at once, and by its time, once somebody says on what: without arguments many
/// only say how they are called, or wait for a person.
pub(super) fn by_size_and_time(mut timed: Draft, program: &str) -> [Draft; 2] {
    let mut sized = Draft {
        bench: format!("{program}-size"),
        kind: format!("the size of {}", timed.kind),
        ..timed.clone()
    };
    sized.figure = Figure::Meter("artifact_bytes");
    sized.measure = words(&["true"]);
    timed.measure = words(&["{artifact}"]);
    timed.needs.push(format!(
        "piton.toml, [measure] command: it runs {program} without arguments; add those of the work that you want to be faster, with its input below {{sealed}}"
    ));
    [sized, timed]
}
