//! The first draft of an experiment, from what is found in a directory: pure, so that each kind of project is tested by its files alone.
//!
//! `piton init` gathers the [`Facts`], asks for the [`candidates`] and writes the files of one. Each ecosystem has a file of its own here.

mod asv;
mod bundle;
mod cargo;
mod go;
mod hyperfine;
mod install;
mod native;
mod node;
mod python;
mod query;
mod runners;
mod text;
mod training;

use std::collections::{BTreeMap, BTreeSet};

use piton_core::trial::scope::Scope;
use serde_json::Value;

pub use text::{measure_sh, piton_part, piton_toml, program_md};

/// The file that the agent is told to read.
pub const PROGRAM: &str = "program.md";
/// The script that measures, where one line of `piton.toml` is not enough.
pub const MEASURE: &str = "measure.sh";
/// Most of a file that is read to find out what it is, in bytes.
pub const MOST_TEXT: u64 = 256 << 10;

/// What is known of a directory.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Files that a commit of it holds, with their sizes in bytes, by path from it.
    pub files: BTreeMap<String, u64>,
    /// Text of those that [`tells`] names.
    pub texts: BTreeMap<String, String>,
    /// Where it lies, as `cargo metadata` has it.
    pub at: String,
    /// What `cargo metadata --no-deps` printed, where there is a manifest.
    pub cargo: Option<Value>,
    /// Why it printed nothing.
    pub cargo_error: Option<String>,
    /// Of the paths in [`LINKED`], those that are there and that no commit has.
    pub ignored: BTreeSet<String>,
    /// Of [`PROGRAMS`], those that PATH leads to.
    pub programs: BTreeSet<String>,
    /// Of [`MODULES`], those that the project's Python can import, or could once its lock is obeyed.
    pub modules: BTreeSet<String>,
    /// Whether a graphics card of NVIDIA's is here.
    pub nvidia: bool,
    /// The system's Python, where that can import some of them and the one that is first in PATH none.
    pub system_python: Option<String>,
}

/// What projects keep their dependencies in, beside what is committed.
pub const LINKED: [&str; 7] = [
    ".venv",
    "venv",
    "node_modules",
    "bench/node_modules",
    "benches/node_modules",
    "benchmark/node_modules",
    "benchmarks/node_modules",
];
/// Programs that a draft may call.
pub const PROGRAMS: [&str; 14] = [
    "cargo",
    "go",
    "node",
    "npm",
    "pnpm",
    "yarn",
    "python3",
    "make",
    "cmake",
    "meson",
    "ninja",
    "sqlite3",
    "uv",
    "hyperfine",
];
/// Modules that a draft may need of Python.
pub const MODULES: [&str; 3] = ["pytest", "pytest_benchmark", "asv_runner"];

/// The check that compares what is printed.
pub const OUTPUT: &str = "output";

/// Whether the text of a file tells what it is for: manifests, benchmarks, tests.
pub fn tells(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let manifests = [
        "Cargo.toml",
        "package.json",
        "go.mod",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "tox.ini",
        "Makefile",
        "makefile",
        "GNUmakefile",
        "CMakeLists.txt",
        "meson.build",
        "asv.conf.json",
        "train.py",
        "prepare.py",
    ];
    let bench = path.to_ascii_lowercase();
    let source = [".rs", ".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".go", ".c", ".cc", ".cpp", ".sh"];
    let source = source.iter().any(|end| name.ends_with(end));
    let told = ["bench", "perf", "test"].iter().any(|word| bench.contains(word));
    let named = manifests.contains(&name) || name.ends_with(".sql");
    named || name.starts_with("requirements") && name.ends_with(".txt") || source && told
}

impl Facts {
    /// The text of a file; empty where it was not read.
    fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether something below this directory is committed.
    fn has_dir(&self, path: &str) -> bool {
        self.below(path).next().is_some()
    }

    fn below<'a>(&'a self, dir: &str) -> impl Iterator<Item = &'a String> {
        let start = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        self.files.keys().filter(move |path| path.starts_with(&start))
    }

    /// Where this file lies; empty for the directory itself.
    fn dir(path: &str) -> &str {
        path.rsplit_once('/').map_or("", |(dir, _)| dir)
    }
}

/// Who says the figure, and what that is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// piton reads it from the kernel, or from a file's size: the candidate cannot say it.
    Meter,
    /// A benchmark that runs the edited code in its own process prints it.
    Inside,
    /// The edited program prints it.
    Printed,
}

/// What is climbed, and how its figure is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figure {
    /// One of piton's own meters.
    Meter(&'static str),
    /// What a benchmark tool reports: its format, and the path of its report, where it writes one.
    Report(&'static str, Option<String>),
    /// What the command prints as `name: value`.
    Printed {
        /// Name of the metric.
        name: String,
        /// Which way is better.
        direction: &'static str,
        /// Lines of `[measure]` that say how it is read.
        reading: String,
    },
}

/// How something is built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildDraft {
    /// Fetches what the build needs, once a run.
    pub fetch: Vec<String>,
    /// The build.
    pub command: Vec<String>,
    /// The file that it makes.
    pub artifact: Option<String>,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Whether the build itself uses the network.
    pub network: bool,
}

/// Correctness, once for each trial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckDraft {
    /// Its name.
    pub name: String,
    /// The command.
    pub command: Vec<String>,
    /// How its output is read.
    pub format: &'static str,
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Further lines.
    pub more: String,
}

/// An experiment that could be made of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What `--bench` chooses it by.
    pub bench: String,
    /// What the project was taken for, and what is measured.
    pub kind: String,
    /// What may be edited.
    pub editable: Vec<String>,
    /// What is locked below that, beside the defaults.
    pub locked: Vec<String>,
    /// What builds and samples may make in their tree.
    pub made: Vec<String>,
    /// Directories of the checkout that trees get a link to.
    pub from_checkout: Vec<String>,
    /// How it is built.
    pub build: Option<BuildDraft>,
    /// What must hold once for each trial.
    pub checks: Vec<CheckDraft>,
    /// What is climbed.
    pub figure: Figure,
    /// The measuring command.
    pub measure: Vec<String>,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// How often a sample runs it.
    pub repeat: u32,
    /// Limit of one sample, in seconds.
    pub timeout_s: u32,
    /// `measure.sh`, where one is needed.
    pub script: Option<String>,
    /// Further lines of `[measure]`: what it opens of the machine.
    pub opens: String,
    /// The metric that says how much memory a sample took.
    pub memory: Option<&'static str>,
    /// Files that are sealed and that the measuring command needs, with their text.
    pub files: Vec<(String, String)>,
    /// What ends a run of training: a line of `[rule]`.
    pub budget: Option<&'static str>,
    /// Tables at the end of the file: guards.
    pub guards: String,
    /// Whether a `program.md` of such a project tells an agent to do by itself what piton does.
    pub by_itself: bool,
    /// The preset of the rule, where the standard one does not fit.
    pub preset: Option<&'static str>,
    /// Files that a command of the ecosystem makes first: a path and the command.
    pub makes: Vec<(String, Vec<String>)>,
    /// Commands that install in the checkout what it needs and what is not there; nothing can be tried before.
    pub install: Vec<Vec<String>>,
    /// The same for tests that are no check of it, since what runs them is not there.
    pub tests_need: Vec<Vec<String>>,
    /// What its user must see to before it works.
    pub needs: Vec<String>,
    /// Who says the figure.
    pub trust: Trust,
}

impl Draft {
    fn new(bench: impl Into<String>, kind: impl Into<String>, editable: Vec<String>) -> Self {
        Self {
            bench: bench.into(),
            kind: kind.into(),
            editable,
            locked: vec![],
            made: vec![],
            from_checkout: vec![],
            build: None,
            checks: vec![],
            figure: Figure::Meter("wall_s"),
            measure: vec![],
            env: vec![],
            repeat: 1,
            timeout_s: 120,
            script: None,
            opens: String::new(),
            memory: None,
            files: vec![],
            budget: None,
            guards: String::new(),
            by_itself: false,
            preset: None,
            makes: vec![],
            install: vec![],
            tests_need: vec![],
            needs: vec![],
            trust: Trust::Meter,
        }
    }

    /// Has what the measuring command prints compared, but for its numbers: one that ends early says less. It is only sensible for a program
    /// whose time is taken; a try says whether it says the same twice.
    fn compare_words(&mut self) {
        if matches!(self.figure, Figure::Meter(_)) && !self.measure.is_empty() {
            self.checks.push(CheckDraft {
                name: OUTPUT.to_owned(),
                command: self.measure.clone(),
                format: "exit",
                env: self.env.clone(),
                more: "golden = \"words\"\n".to_owned(),
            });
        }
    }

    /// The same draft without that check; `None` where it has none.
    pub fn without_words(&self) -> Option<Self> {
        let mut draft = self.clone();
        draft.checks.retain(|check| check.name != OUTPUT);
        (draft.checks.len() < self.checks.len()).then_some(draft)
    }

    /// The scope as far as the draft says it, with limits that hold what is committed now, and half as much again.
    pub fn scope(&self, facts: &Facts) -> Scope {
        let mut scope = Scope::of(self.editable.clone());
        if !self.locked.is_empty() {
            scope.locked = Some(std::iter::once("@default".to_owned()).chain(self.locked.clone()).collect());
        }
        let held: Vec<u64> =
            facts.files.iter().filter(|(path, _)| scope.contains(path)).map(|(_, bytes)| *bytes).collect();
        let (count, bytes) = (held.len(), held.iter().sum::<u64>());
        let largest = held.iter().copied().max().unwrap_or_default();
        let room = |limit: u64, now: u64| if now > limit { now + now / 2 } else { limit };
        scope.max_files = room(scope.max_files as u64, count as u64) as usize;
        scope.max_bytes = room(scope.max_bytes, bytes);
        scope.max_file_bytes = room(scope.max_file_bytes, largest);
        scope
    }
}

/// The words of a command.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What could be made of a directory, the most telling first: a benchmark before a program, a program before its tests. Where nothing is
/// known, one draft that says so and does not measure.
pub fn candidates(facts: &Facts) -> Vec<Draft> {
    let kinds = [
        training::drafts,
        cargo::drafts,
        python::drafts,
        node::drafts,
        go::drafts,
        native::drafts,
        query::drafts,
    ];
    let mut all: Vec<Draft> = kinds.iter().flat_map(|drafts| drafts(facts)).collect();
    // Two of one name: the later ones say where they come from.
    let mut seen = BTreeSet::new();
    all.retain(|draft| seen.insert(draft.bench.clone()));
    // What cannot be measured as it is comes last; where it is all there is, the script says what to do.
    all.sort_by_key(|draft| draft.measure.is_empty());
    for draft in all.iter_mut().filter(|draft| draft.measure.is_empty()) {
        fails_until_written(draft);
    }
    if all.is_empty() {
        all.push(unknown(facts));
    }
    all
}

/// A draft for what nothing is known of.
fn unknown(facts: &Facts) -> Draft {
    let dirs = ["src", "lib", "source"].into_iter().filter(|dir| facts.has_dir(dir));
    let editable: Vec<String> = dirs.take(1).map(str::to_owned).collect();
    let mut draft = Draft::new("unknown", "nothing known was found in it", editable);
    if draft.editable.is_empty() {
        draft.editable = first_sources(facts);
        draft.needs.push(
            "in piton.toml, [scope] editable: name the files or directories that may be edited".to_owned(),
        );
    }
    draft
        .needs
        .extend(facts.cargo_error.iter().map(|why| format!("Cargo.toml could not be read by cargo: {why}")));
    if facts.files.is_empty() {
        draft.needs.push("commit the project first: piton looks at what a commit holds".to_owned());
    }
    fails_until_written(&mut draft);
    draft.needs.push(format!(
        "{MEASURE}, last line: put the command that is to be measured there; it fails until then"
    ));
    draft
}

/// A measuring command that fails and says why.
fn fails_until_written(draft: &mut Draft) {
    draft.measure = words(&["sh", "{sealed}/measure.sh", "{tree}"]);
    let script = "echo \"measure.sh: put the command that is to be measured into this line\" >&2; exit 1";
    draft.script = Some(script.to_owned());
}

/// Some sources of a directory in which no directory is known to hold them.
fn first_sources(facts: &Facts) -> Vec<String> {
    let ends = [
        ".c", ".h", ".cc", ".cpp", ".rs", ".go", ".py", ".js", ".ts", ".java", ".rb", ".lua", ".zig", ".sh",
        ".sql",
    ];
    let source = |path: &&String| !path.contains('/') && ends.iter().any(|end| path.ends_with(end));
    let found: Vec<String> = facts.files.keys().filter(source).cloned().collect();
    if found.is_empty() { vec!["src".to_owned()] } else { found }
}

#[cfg(test)]
mod tests;
