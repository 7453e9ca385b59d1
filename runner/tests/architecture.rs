//! The shape of the runner, held by reading its sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The one order of the modules: each may use only those before it.
const ORDER: &[&str] = &[
    // compute, and touch nothing
    "error",
    "metric",
    "stats",
    "conditions",
    "coin",
    "terms",
    "rule",
    "gate",
    "tokens",
    "leftovers",
    "monitor",
    "proposal",
    "likeness",
    "trial",
    "calibration",
    "flight",
    "line",
    "expensive",
    "scope",
    "convert",
    "sweep",
    "words",
    "denied",
    "crash",
    "session",
    "chain",
    "note",
    "lessons",
    "frontier",
    "tally",
    "random",
    "forecast",
    "report",
    "brief",
    "standing",
    "plot",
    "live",
    "page",
    "panel",
    "compare",
    "import",
    "finalize",
    "experiments",
    "door", // touch the world, and decide nothing
    "config",
    "clock",
    "host",
    "say",
    "png",
    "fail",
    "beneath",
    "disk",
    "place",
    "tree",
    "survivors",
    "toolchains",
    "variables",
    "confine",
    "proc",
    "still",
    "hold",
    "pulse",
    "lay",
    "git",
    "guard",
    "errand",
    "build",
    "measure",
    "world",
    "duel",
    "alone",
    "calibrate",
    "ledger",
    "book",
    "witness",
    "memory",
    "briefing",
    "agent",
    "judge",
    "drive",
    "climb",
    "gaze",
    "recover",
    "audit",
    "begin",
    "verify",
    "noise",
    "discriminate",
    "rehearse",
    "simulate",
    "redteam",
    "doctor",
    "attempt",
    "commands",
];

/// Words that only the named modules may use in code: the owner of each piece of the world.
const OWNERS: [(&str, &[&str]); 12] = [
    ("tiny_skia::", &["png"]),
    ("git2::", &["git"]),
    ("rusqlite", &["ledger"]),
    ("csv::", &["ledger"]),
    ("process::Command", &["proc"]),
    ("Command::new", &["proc"]),
    ("SystemTime", &["clock"]),
    ("Instant::now", &["clock"]),
    ("println!", &[]),
    ("stdout()", &["say"]),
    ("stderr()", &["say"]),
    ("toml::from_str", &["config"]),
];

/// What the computing modules may not touch at all.
const WORLD: [&str; 6] = ["std::fs", "std::env", "std::process", "std::net", "std::thread", "std::io"];

fn within(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path()).collect()
}

fn files(path: PathBuf) -> Vec<PathBuf> {
    if path.is_dir() { within(&path).into_iter().flat_map(files).collect() } else { vec![path] }
}

/// Sources by module, without their tests and comments.
fn sources() -> BTreeMap<String, String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    for path in within(&dir) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "main" || name == "lib" {
            continue;
        }
        // A module in several files is one module: its parts stand in a directory of its name.
        for path in files(path) {
            let text = fs::read_to_string(path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            sources
                .entry(name.clone())
                .or_insert_with(String::new)
                .push_str(&code.collect::<Vec<_>>().join("\n"));
        }
    }
    sources
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let mut names: Vec<String> = sources().into_keys().collect();
    let mut order: Vec<&str> = ORDER.to_vec();
    names.sort();
    order.sort_unstable();
    assert_eq!(names, order);
}

#[test]
fn modules_import_only_upwards() {
    for (module, code) in sources() {
        let place = ORDER.iter().position(|name| *name == module).unwrap();
        for later in &ORDER[place..] {
            for path in [format!("crate::{later}::"), format!("crate::{later};")] {
                assert!(!code.contains(&path), "{module} uses {later}, which does not stand before it");
            }
        }
        // The grouped form: `use crate::{a, b};`
        for group in code.split("use crate::{").skip(1) {
            for used in
                group.split('}').next().unwrap().split(',').map(str::trim).filter(|used| !used.is_empty())
            {
                assert!(
                    ORDER[..place].contains(&used),
                    "{module} uses {used}, which does not stand before it"
                );
            }
        }
    }
}

#[test]
fn processes_git_the_ledger_the_clock_and_printing_have_one_owner_each() {
    for (module, code) in sources() {
        for (word, owners) in OWNERS {
            assert!(
                !code.contains(word) || owners.contains(&module.as_str()),
                "{module} uses {word}: {owners:?} owns it"
            );
        }
    }
}

#[test]
fn what_computes_touches_nothing() {
    let sources = sources();
    for module in ORDER.iter().take_while(|name| **name != "config") {
        for word in WORLD {
            assert!(!sources[*module].contains(word), "{module} uses {word}");
        }
    }
}
