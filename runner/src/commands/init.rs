//! `piton init`: the files of an experiment, for a repository that has none.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::pointers;
use piton_agent::kind::AgentKind;
use piton_core::base::error::{Context, Result};
use piton_core::trial::scope::Scope;
use piton_core::trial::scope::below;
use piton_system::config::{self, toml_as};
use piton_system::git::Repo;
use piton_system::terminal;

/// What the human tells the agent.
const PROGRAM: &str = "program.md";
/// What measures one side.
const MEASURE: &str = "measure.sh";

/// `piton init`.
pub(super) fn run(dir: &Path, agents: Option<&[PathBuf]>) -> Result<()> {
    let repo = Repo::open(dir)?;
    if let Some(own) = agents {
        let own = own.iter().map(|file| AgentKind::read(file, dir, "nothing was written"));
        let kinds = AgentKind::all_known().map(Ok).chain(own).collect::<Result<Vec<AgentKind>>>()?;
        let root = repo.within().map_or_else(|| dir.to_owned(), |within| below(repo.root(), within));
        return pointers::write(&root, &kinds);
    }
    let root = dir;
    let mut project = Project::of(root);
    project.locked = locked(root, &project.editable);
    let (experiment, measure) = (project.experiment(&name_of(root)), project.measure());
    let mut files = vec![(PROGRAM, program(&project))];
    // A measure.sh belongs to the experiment that calls it.
    if !root.join(config::FILE).exists() {
        files.splice(0..0, [(config::FILE, experiment), (MEASURE, measure)]);
    }
    let (mut wrote, mut there) = (vec![], vec![]);
    for (name, text) in &files {
        if create(&root.join(name), text)? { wrote.push(*name) } else { there.push(*name) }
    }
    if files.len() == 1 {
        there.push(config::FILE);
    }
    terminal::answer(&format!("{}{}", place(&repo, root), told(&project, &wrote, &there)));
    Ok(())
}

/// Where the experiment lies, where that is not the root of the repository, and what it lies in.
fn place(repo: &Repo, dir: &Path) -> String {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = real(dir);
    let Some(within) = dir.strip_prefix(real(repo.root())).ok().filter(|within| *within != Path::new(""))
    else {
        return String::new();
    };
    let mut text =
        format!("in {}, a directory of the repository {}:\n", within.display(), repo.root().display());
    match repo.within().map(Path::new).filter(|above| *above != within) {
        Some(above) if above == Path::new("") => {
            text.push_str(
                "the experiment at the root of the repository stays as it is; this is another one\n",
            );
        }
        Some(above) => {
            text.push_str(&format!(
                "the experiment in {} stays as it is; this is another one\n",
                above.display()
            ));
        }
        None => {}
    }
    text
}

/// Makes a file that is not there. Returns whether it was not.
fn create(path: &Path, text: &str) -> Result<bool> {
    let what = || format!("{} was not written", path.display());
    match fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).context(what()).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e).context(what()),
    }
}

fn told(project: &Project, wrote: &[&str], there: &[&str]) -> String {
    let mut text = String::new();
    if !there.is_empty() {
        text.push_str(&format!("left as it is: {}\n", there.join(", ")));
    }
    if wrote.is_empty() {
        return text + "nothing was written; next: piton init --agents, or piton climb --trials 6";
    }
    text.push_str(&format!("wrote {} ({})\nnext:\n", wrote.join(", "), project.kind));
    let mut step = 0;
    let mut next = |line: &str| {
        step += 1;
        text.push_str(&format!("  {step}. {line}\n"));
    };
    if wrote.contains(&MEASURE) {
        next(&format!("read {MEASURE}: it says what is timed. Make it print what you want to climb."));
        project.needs.iter().for_each(|need| next(need));
    }
    next("piton init --agents, where an agent is to drive it by itself");
    // A run refuses a tree with files that no commit has.
    next("git add --all && git commit -m \"piton\"");
    next("piton climb --trials 6, or piton baseline and then piton trial -m \"what you tried\"");
    text
}

/// Most names of locked paths that are written out.
const NAMED: usize = 12;

/// What is locked by default below the editable paths: each directory once.
fn locked(root: &Path, editable: &[String]) -> Vec<String> {
    let scope = Scope::of(editable.to_vec());
    let mut found = vec![];
    let mut todo: Vec<String> = editable.to_vec();
    while let Some(path) = todo.pop() {
        let full = root.join(&path);
        let Ok(meta) = full.symlink_metadata() else { continue };
        let below = format!("{path}/.");
        if meta.is_dir() && scope.lock(&below).is_some() {
            found.push(format!("{path}/"));
        } else if meta.is_dir() {
            let names = fs::read_dir(&full).into_iter().flatten().flatten();
            let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            // What lies there is not the project's.
            let own =
                names.filter(|name| !matches!(name.as_str(), ".git" | "node_modules" | "target" | ".venv"));
            todo.extend(own.map(|name| format!("{path}/{name}")));
        } else if scope.lock(&path).is_some() {
            found.push(path);
        }
    }
    found.sort();
    if found.len() > NAMED {
        let more = found.len() - NAMED;
        found.truncate(NAMED);
        found.push(format!("{more} more"));
    }
    found
}

fn name_of(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().filter(|c| plain(*c)).collect();
    if name.is_empty() { "experiment".to_owned() } else { name }
}

/// What is known of a repository.
struct Project {
    /// What it was taken for.
    kind: &'static str,
    /// What may be edited.
    editable: Vec<String>,
    /// What is locked by default below that, as it is found here.
    locked: Vec<String>,
    /// The section that builds it; empty where there is nothing to build.
    build: String,
    /// What measure.sh is given: the artifact, or the tree.
    given: &'static str,
    /// Lines of measure.sh before the clock starts.
    first: &'static str,
    /// The line of measure.sh whose time is taken.
    timed: String,
    /// What its user must see to.
    needs: Vec<String>,
}

impl Project {
    fn of(root: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(root.join(name)).ok();
        let cargo = read("Cargo.toml").and_then(|text| cargo(root, &text));
        let npm = || read("package.json").and_then(|text| npm(root, &text));
        let make = || read("Makefile").map(|text| make(root, &text));
        let python = || ["pyproject.toml", "setup.py", "pytest.ini"].iter().find_map(|name| read(name));
        cargo.or_else(npm).or_else(make).or_else(|| python().map(|_| pytest(root))).unwrap_or_else(|| Self {
            kind: "nothing known was found in it",
            timed: UNKNOWN.to_owned(),
            needs: vec![format!("{MEASURE} fails until you say what it is to run")],
            ..Self::plain(root)
        })
    }

    fn plain(root: &Path) -> Self {
        let there = ["src", "lib"].iter().find(|name| root.join(name).is_dir());
        let needs = there.is_none().then(|| format!("in {}, say what may be edited", config::FILE));
        Self {
            kind: "",
            editable: vec![(*there.unwrap_or(&"src")).to_owned()],
            locked: vec![],
            build: String::new(),
            given: "{tree}",
            first: "",
            timed: String::new(),
            needs: needs.into_iter().collect(),
        }
    }

    fn experiment(&self, name: &str) -> String {
        let editable: Vec<String> = self.editable.iter().map(|path| format!("{path:?}")).collect();
        let locked = match self.locked.as_slice() {
            [] => "none are there yet".to_owned(),
            found => format!("here {}", found.join(", ")),
        };
        format!(
            r#"# The experiment: what is climbed, what may be edited, how it is measured. `piton init` wrote it; make it yours.
# A run seals it, with everything else that is not editable: to change it, commit the change and begin a new run.
name = "{name}"

[metric]
name = "seconds"       # what {MEASURE} prints
direction = "lower"    # or "higher"
unit = "s"
# scale = "difference"   # for counts, and for what may be zero or negative; found by the baseline where you say nothing

[scope]
editable = [{}]    # all that an agent may change
# and what it may not change there: "@default" is tests, benches, their configuration, build manifests, CI, settings of agents and editors ({locked}).
# Patterns are those of .gitignore: add yours, or open some, e.g. "!lib/test_util.py". [] opens all.
locked = ["@default"]
# What builds and samples may rewrite though it is sealed, or make though tools load it unasked (a generated Makefile, committed results):
# made = ["results/"]

{}# Commands are lists of words, run without a shell and behind walls. {{tree}} is the side's source tree, exported from
# git, in which sealed files stay as they are while it is measured; {{sealed}} is the tree in which nothing was edited; {{out}} is the descriptor 3, which
# takes the result: nothing that is printed is read.
[measure]
command = ["sh", "{{sealed}}/{MEASURE}", "{}", "{{out}}"]
timeout_s = 300

# How sure, and at what price. `piton rule explain` says what a preset means on this machine. For samples that cost minutes:
# "provisional" keeps on two pairs and tests four keeps together; "replicates" compares single runs, and is right only where nothing drifts. Both ask
# guards; neither asks [[second]] or as_good.
# [rule]
# preset = "standard"
# Each keep is measured again once, against what it was kept over; "end": all at the end of a climb; "off": never.
# recheck = "each"

# What a challenger may not lose, whatever it gains:
# [[gate]]
# metric = "passed"
# min = 1.0

# What it may not make worse than by so much: limit_pct in percent, or limit in the unit of the metric.
# [[guard]]
# metric = "memory_mb"
# direction = "lower"
# limit_pct = 10.0
"#,
            editable.join(", "),
            self.build,
            self.given
        )
    }

    fn measure(&self) -> String {
        format!(
            r#"#!/bin/sh
# Measures one side: takes the time of a command, and writes it as JSON to descriptor 3 ({{out}}). It is sealed: no edit of an agent's
# reaches it. $1 is {}. A command that fails ends the trial as a crash, so tests in it are a gate.
# What is measured is not given the descriptor (3>&-), and cannot open it: whatever it prints, only this script says what it took. Keep it so,
# and take the time here: code that runs in the process which says what it took can say anything.
set -e
{}before=$(date +%s%N)
{} >&2 3>&-
after=$(date +%s%N)
awk -v ns="$((after - before))" 'BEGIN {{ printf "{{\"seconds\": %.6f}}\n", ns / 1e9 }}' >&3
"#,
            if self.given == "{artifact}" { "the program that was built" } else { "the side's source tree" },
            self.first,
            self.timed
        )
    }
}

/// The line of a measure.sh for a project of which nothing is known.
const UNKNOWN: &str = "{ echo \"measure.sh: put what is to be timed into this line\"; exit 1; }";

fn cargo(root: &Path, text: &str) -> Option<Project> {
    let manifest: Value = toml_as(text).ok()?;
    let first = manifest["bin"][0]["name"].as_str();
    let main = root.join("src/main.rs").is_file().then(|| manifest["package"]["name"].as_str()).flatten();
    let program = first.or(main)?;
    let lock = (!root.join("Cargo.lock").is_file())
        .then(|| "cargo generate-lockfile, and commit Cargo.lock: builds are --locked".to_owned());
    Some(Project {
        locked: vec![],
        kind: "a Cargo package with a program",
        build: format!(
            r#"[build]
fetch = ["cargo", "fetch", "--locked", "--manifest-path", "{{tree}}/Cargo.toml"]    # once, with the network
command = ["cargo", "build", "--release", "--locked", "--offline", "--manifest-path", "{{tree}}/Cargo.toml", "--target-dir", "{{target}}"]
artifact = "{{target}}/release/{program}"
timeout_s = 600

"#
        ),
        given: "{artifact}",
        first: "",
        timed: "\"$1\"".to_owned(),
        needs: lock.into_iter().collect(),
        editable: vec!["src".to_owned()],
    })
}

fn npm(root: &Path, text: &str) -> Option<Project> {
    let package: Value = serde_json::from_str(text).ok()?;
    let script = ["bench", "test", "start"].into_iter().find(|name| package["scripts"][name].is_string())?;
    let locked = root.join("package-lock.json").is_file()
        && ["dependencies", "devDependencies"].iter().any(|name| package[name].is_object());
    let build = "[build]\ncommand = [\"npm\", \"ci\", \"--prefix\", \"{tree}\"]\nnetwork = true    # dependencies are fetched for each build\ntimeout_s = 600\n\n";
    Some(Project {
        kind: "an npm package",
        build: if locked { build.to_owned() } else { String::new() },
        timed: format!("npm --prefix \"$1\" run --silent {script}"),
        ..Project::plain(root)
    })
}

fn make(root: &Path, text: &str) -> Project {
    let has = |target: &str| text.lines().any(|line| line.starts_with(&format!("{target}:")));
    let target = ["bench", "benchmark", "test", "check"].into_iter().find(|target| has(target));
    let project = Project::plain(root);
    let mut needs = project.needs.clone();
    needs.extend(target.is_none().then(|| format!("{MEASURE} fails until you say what it is to run")));
    Project {
        kind: "a Makefile",
        build: "[build]\ncommand = [\"make\", \"-C\", \"{tree}\"]\ntimeout_s = 600\n\n".to_owned(),
        timed: target.map_or_else(
            || UNKNOWN.to_owned(),
            |target| format!("make --no-print-directory -C \"$1\" {target}"),
        ),
        needs,
        ..project
    }
}

fn pytest(root: &Path) -> Project {
    let package = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some())
        .find(|entry| entry.path().join("__init__.py").is_file() && entry.file_name() != "tests");
    let project = Project::plain(root);
    Project {
        kind: "a Python project",
        editable: match package.filter(|_| !root.join("src").is_dir()) {
            Some(package) => vec![package.file_name().into_string().unwrap_or_default()],
            None => project.editable.clone(),
        },
        first: "# The first Python that has pytest: the project's own environment, the one on PATH, the system's.\n\
                for python in \"$1/.venv/bin/python\" python3 /usr/bin/python3; do \"$python\" -c 'import pytest' 2>/dev/null 3>&- && break; done\n",
        timed: format!(
            "cd \"$1\" && {}PYTHONDONTWRITEBYTECODE=1 \"$python\" -m pytest -q -p no:cacheprovider",
            // A package below src/ is installed where its tests run, and no tree is.
            if root.join("src").is_dir() { "PYTHONPATH=src " } else { "" }
        ),
        ..project
    }
}

fn program(project: &Project) -> String {
    let editable = project.editable.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    format!(
        r#"# program.md: what the agent is told

This is the human's file: change it to steer the climb.

## Your job
Make the metric of `{}` better. You propose; piton measures and decides. Work alone: never stop to ask whether to go on, never wait
for a person. When an idea fails, take the next one.

## The rules of a proposal
1. Read the brief (`$PITON_BRIEF`, or `piton brief`): what was tried, and why it did not hold. `piton show N` has a trial whole.
2. Edit **only below {editable}**, and there no tests, benches, their configuration or build manifests (`[scope] locked` in {toml}).
   Everything else is sealed: an edit anywhere else ends the trial unmeasured. Leave no caches or other files that a program wrote.
3. Make **one atomic change**: one idea that can be kept or thrown away by itself.
4. Under `piton climb`: leave `{{"description": "what you tried", "hypothesis": "why", "family": "kind of idea", "expected_gain": 3}}` in the
   file `$PITON_PROPOSAL`, and stop. If you drive it yourself: call the tool `run`, or `piton trial -m "what you tried"`, and read the
   verdict. While it answers that the trial is still under way, call `wait` (`piton wait`). Then make the next edit.

Do not commit and do not switch branches: piton does. `piton note` keeps an idea for later. Every edit stays in git at
`refs/piton/<run>/trials/<n>`, kept or not: nothing that you try is lost.

## What a figure is worth
The measuring command and the tests are sealed: they are not taken from your edit, and code that rewrites them in its tree while it is
built or measured, or plants what tools load unasked, ends its trial (`tampered`). Both sides are measured in pairs, built from
what the commit holds. What was kept is measured again later, and taken back where little of it is left or it fails a gate. Under `piton climb` and `piton guard` the ledger, the refs and the table lie behind a wall; elsewhere
`piton audit` names what does not agree. What piton cannot see is whether a figure is true where your code runs in the process that says
it, or ends early and leaves work undone that no test asks for: a gain of more than 300 % in one trial waits for a person, who reads the edit, and whatever was kept is read in the morning. A
figure without the work behind it is thrown away then.
"#,
        config::FILE,
        toml = config::FILE
    )
}
