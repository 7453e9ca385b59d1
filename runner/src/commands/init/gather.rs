//! What a draft is made from, gathered: what a commit holds, what lies beside it, what is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::Value;

use piton_core::base::error::Result;
use piton_core::trial::crash::Crash;
use piton_core::trial::scope;
use piton_lab::draft::{self, Facts, LINKED, MODULES, MOST_TEXT, PROGRAMS};
use piton_system::git::{Id, Repo};
use piton_system::process;

/// Most text that is read together, in bytes.
const MOST: u64 = 32 << 20;

/// What is known of `dir`, which lies at `within` in the repository, as `commit` has it.
///
/// # Errors
/// When the commit cannot be read.
pub(super) fn facts(repo: &Repo, dir: &Path, within: &str, commit: Option<Id>) -> Result<Facts> {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut facts = Facts { name, at: dir.to_string_lossy().into_owned(), ..Facts::default() };
    if let Some(commit) = commit {
        let start = scope::join(within, "");
        for path in repo.paths(repo.tree_id(commit)?)? {
            let Some(path) = path.to_str().and_then(|path| path.strip_prefix(&start)) else { continue };
            let meta = fs::symlink_metadata(dir.join(path)).ok().filter(fs::Metadata::is_file);
            facts.files.extend(meta.map(|meta| (path.to_owned(), meta.len())));
        }
    }
    facts.texts = texts(dir, &facts.files);
    let there = |path: &&str| dir.join(path).is_dir() && !repo.tracks(&scope::join(within, path));
    facts.ignored = LINKED.into_iter().filter(there).map(str::to_owned).collect();
    let in_path = |name: &&str| process::absolute(name) != **name;
    facts.nvidia = Path::new("/dev/nvidiactl").exists();
    facts.programs = PROGRAMS.into_iter().filter(in_path).map(str::to_owned).collect();
    if facts.files.contains_key("Cargo.toml") && facts.programs.contains("cargo") {
        match cargo(dir) {
            Ok(metadata) => facts.cargo = Some(metadata),
            Err(why) => facts.cargo_error = Some(why),
        }
    }
    if facts.files.keys().any(|path| path.ends_with(".py")) {
        (facts.modules, facts.system_python) = modules(dir, &facts.ignored);
        let environment = [".venv", "venv"].iter().any(|name| facts.ignored.contains(*name));
        if let (false, Some(lock)) = (environment, lock(dir, &facts)) {
            facts.modules = locked(&lock);
        }
    }
    Ok(facts)
}

/// uv's lock, where one is committed.
fn lock(dir: &Path, facts: &Facts) -> Option<String> {
    let bytes = facts.files.get("uv.lock").filter(|bytes| **bytes <= MOST)?;
    fs::read_to_string(dir.join("uv.lock")).ok().filter(|text| text.len() as u64 == *bytes)
}

/// Which modules an environment made by uv's lock can have.
fn locked(lock: &str) -> BTreeSet<String> {
    let names: BTreeSet<&str> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let there = |module: &&str| names.contains(module.replace('_', "-").as_str());
    MODULES.into_iter().filter(there).map(str::to_owned).collect()
}

fn texts(dir: &Path, files: &BTreeMap<String, u64>) -> BTreeMap<String, String> {
    let mut room = MOST;
    let mut found = BTreeMap::new();
    for (path, bytes) in files.iter().filter(|(path, bytes)| **bytes <= MOST_TEXT && draft::tells(path)) {
        room = room.saturating_sub(*bytes);
        let text = fs::read(dir.join(path)).ok().filter(|_| room > 0);
        found.extend(text.map(|bytes| (path.clone(), String::from_utf8_lossy(&bytes).into_owned())));
    }
    found
}

fn ask(argv: &[&str], dir: &Path) -> std::result::Result<String, String> {
    let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
    match process::ask(&argv, dir) {
        Ok(done) if done.status == Some(0) => Ok(done.out),
        Ok(done) => Err(Crash::of(&done.err, &done.out).reason),
        Err(error) => Err(error.to_string()),
    }
}

/// The packages that a manifest leads to, as cargo says. It builds nothing and asks no network.
fn cargo(dir: &Path) -> std::result::Result<Value, String> {
    let out = ask(&["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"], dir)?;
    serde_json::from_str(&out).map_err(|error| error.to_string())
}

/// Where the system's Python lies; one that is first in PATH may be a version manager's.
const SYSTEM_PYTHON: &str = "/usr/bin/python3";

/// Which modules the project's Python finds, and the system's Python where that is the one. None of them is loaded, and nothing of the
/// project's is.
fn modules(dir: &Path, linked: &BTreeSet<String>) -> (BTreeSet<String>, Option<String>) {
    let ask_for = "import importlib.util, sys\nfor name in sys.argv[1:]:\n    if importlib.util.find_spec(name):\n        print(name)";
    let found = |python: &str| -> BTreeSet<String> {
        let argv = [&[python, "-I", "-c", ask_for][..], &MODULES].concat();
        ask(&argv, dir).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    let own = [".venv", "venv"].into_iter().filter(|name| linked.contains(*name));
    if let Some(own) = own.map(|name| dir.join(name).join("bin/python")).find(|python| python.exists()) {
        return (found(&own.to_string_lossy()), None);
    }
    let first = found("python3");
    let system = if first.is_empty() { found(SYSTEM_PYTHON) } else { BTreeSet::new() };
    match system.is_empty() {
        true => (first, None),
        false => (system, Some(SYSTEM_PYTHON.to_owned())),
    }
}
