//! Cargo packages: benchmarks with criterion or divan, programs.

use serde_json::Value;

use super::native::by_size_and_time;
use super::{BuildDraft, CheckDraft, Draft, Facts, Figure, Trust, variable, words};

/// How a benchmark of cargo's reports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    Criterion,
    Divan,
}

/// Drafts for the benchmarks and the programs of a package or a workspace.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let Some(metadata) = &facts.cargo else { return vec![] };
    let project = Project { facts, metadata, root: &facts.at };
    let packages: Vec<&Value> = list(&metadata["packages"]).collect();
    // The package where one stands comes first.
    let (here, others): (Vec<&Value>, Vec<&Value>) =
        packages.iter().partition(|package| project.path(&package["manifest_path"]) == Some("Cargo.toml"));
    let ordered: Vec<&Value> = here.into_iter().chain(others).collect();
    let benches = ordered.iter().flat_map(|package| project.benches(package, &packages));
    let programs = ordered.iter().flat_map(|package| project.programs(package));
    benches.chain(programs).collect()
}

struct Project<'a> {
    facts: &'a Facts,
    metadata: &'a Value,
    root: &'a str,
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a target is of one of these kinds.
fn is(target: &Value, kinds: &[&str]) -> bool {
    list(&target["kind"]).any(|kind| kinds.contains(&text(kind)))
}

impl<'a> Project<'a> {
    /// A path of the metadata from the directory.
    fn path(&self, value: &'a Value) -> Option<&'a str> {
        text(value).strip_prefix(self.root)?.strip_prefix('/')
    }

    /// The directory of the sources of a package.
    fn sources(&self, package: &'a Value) -> Option<String> {
        let own = ["lib", "rlib", "proc-macro", "cdylib", "staticlib", "dylib", "bin"];
        let target = list(&package["targets"]).find(|target| is(target, &own))?;
        let path = self.path(&target["src_path"])?;
        let dir = Facts::dir(path);
        // src/bin/name.rs, src/bin/name/main.rs
        let dir = dir.find("/bin").map_or(dir, |at| &dir[..at]);
        Some(if dir.is_empty() { path.to_owned() } else { dir.to_owned() })
    }

    fn benches(&self, package: &'a Value, packages: &[&'a Value]) -> Vec<Draft> {
        let name = text(&package["name"]);
        let targets = list(&package["targets"]).filter(|target| is(target, &["bench"]));
        let draft = |target: &'a Value| {
            let path = self.path(&target["src_path"])?;
            let library = self.library(package, path)?;
            let (bench, short) = (text(&target["name"]), library.name());
            let mut draft = Draft::new(
                bench,
                format!("the {short} benchmark {bench} of the Cargo package {name}"),
                self.measured(package, packages),
            );
            let build = format!(
                "cargo bench --no-run {common} --bench {bench} --message-format json-render-diagnostics > \"$1/messages\" &&\n\
                 cp \"$(sed -n 's/.*\"kind\":\\[\"bench\"\\].*\"executable\":\"\\([^\"]*\\)\".*/\\1/p' \"$1/messages\" | tail -n 1)\" \"$1/piton-bench\"{tests}",
                common = self.common(package),
                tests = self.builds_tests(package)
            );
            draft.build = Some(BuildDraft {
                fetch: self.fetch(),
                command: words(&["sh", "-c", &build, "{tree}", "{target}"]),
                artifact: Some("{target}/piton-bench".to_owned()),
                ..BuildDraft::default()
            });
            draft.checks = self.check(package);
            draft.makes = self.makes();
            draft.trust = Trust::Inside;
            library.measure(&mut draft);
            Some(draft)
        };
        targets.filter_map(draft).collect()
    }

    /// By what the source says, and the dependencies.
    fn library(&self, package: &Value, path: &str) -> Option<Library> {
        let depends =
            |name: &str| list(&package["dependencies"]).any(|dependency| text(&dependency["name"]) == name);
        let source = self.facts.text(path);
        let uses = |name: &str| depends(name) && (source.is_empty() || source.contains(name));
        match () {
            () if uses("criterion") => Some(Library::Criterion),
            () if uses("divan") => Some(Library::Divan),
            // A drop-in for criterion that reports as it does, by another name.
            () if uses("codspeed-criterion-compat") => Some(Library::Criterion),
            () => None,
        }
    }

    /// What a benchmark measures: the package's own sources, or where it has next to none, those of the packages beside it that it uses.
    fn measured(&self, package: &'a Value, packages: &[&'a Value]) -> Vec<String> {
        let own = self.sources(package);
        let bench_only = list(&package["targets"])
            .all(|target| !is(target, &["lib", "rlib", "proc-macro", "bin"]))
            || text(&package["name"]).contains("bench");
        let beside = list(&package["dependencies"]).filter(|dependency| dependency["path"].is_string());
        let beside = beside.filter_map(|dependency| {
            let found = packages.iter().find(|other| other["name"] == dependency["name"])?;
            self.sources(found)
        });
        let beside: Vec<String> = beside.collect();
        if bench_only && !beside.is_empty() { beside } else { own.into_iter().collect() }
    }

    fn programs(&self, package: &'a Value) -> Vec<Draft> {
        let name = text(&package["name"]);
        let bins = list(&package["targets"]).filter(|target| is(target, &["bin"]));
        let draft = |target: &'a Value| {
            let bin = text(&target["name"]);
            let editable = self.sources(package).into_iter().collect();
            let mut draft =
                Draft::new(bin, format!("the program {bin} of the Cargo package {name}"), editable);
            let build = format!(
                "cargo build --release {} --bin {bin}{}",
                self.common(package),
                self.builds_tests(package)
            );
            draft.checks = self.check(package);
            draft.build = Some(BuildDraft {
                fetch: self.fetch(),
                command: words(&["sh", "-c", &build, "{tree}", "{target}"]),
                artifact: Some(format!("{{target}}/release/{bin}")),
                ..BuildDraft::default()
            });
            draft.makes = self.makes();
            by_size_and_time(draft, bin)
        };
        bins.flat_map(draft).collect()
    }

    fn fetch(&self) -> Vec<String> {
        words(&["cargo", "fetch", "--locked", "--manifest-path", "{tree}/Cargo.toml"])
    }

    /// What every command of cargo's takes here. The package is named by its manifest: by its name it may be one of its own dependencies, too.
    fn common(&self, package: &'a Value) -> String {
        let manifest = self.path(&package["manifest_path"]).unwrap_or("Cargo.toml");
        format!("--locked --offline --manifest-path \"$0/{manifest}\" --target-dir \"$1\"")
    }

    /// Whether a package has tests that cargo finds, as far as its files say.
    fn has_tests(&self, package: &'a Value) -> bool {
        let dir = self.path(&package["manifest_path"]).map(Facts::dir).unwrap_or_default();
        self.facts.below(dir).any(|path| path.ends_with(".rs") && self.facts.text(path).contains("#[test]"))
    }

    /// The part of a build that compiles the tests, with the profile that is measured: their dependencies are there already.
    fn builds_tests(&self, package: &'a Value) -> String {
        let build =
            || format!(" &&\ncargo test --no-run --release {} {TESTED} --quiet", self.common(package));
        if self.has_tests(package) { build() } else { String::new() }
    }

    /// The tests of a package, once for each trial, over what its build left.
    fn check(&self, package: &'a Value) -> Vec<CheckDraft> {
        let line = format!("exec cargo test --release {} {TESTED} --no-fail-fast", self.common(package));
        let check = CheckDraft {
            name: "tests".to_owned(),
            command: words(&["sh", "-c", &line, "{tree}", "{target}"]),
            format: "cargo-test",
            ..CheckDraft::default()
        };
        if self.has_tests(package) { vec![check] } else { vec![] }
    }

    fn makes(&self) -> Vec<(String, Vec<String>)> {
        // A workspace above has its own.
        let there = self.facts.has("Cargo.lock") || text(&self.metadata["workspace_root"]) != self.root;
        if there { vec![] } else { vec![("Cargo.lock".to_owned(), words(&["cargo", "generate-lockfile"]))] }
    }
}

/// Which targets of a package are tested: not its documentation, whose examples are compiled one by one.
const TESTED: &str = "--lib --bins --tests";

impl Library {
    fn name(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Divan => "divan",
        }
    }

    fn measure(self, draft: &mut Draft) {
        // Their own repetitions are few: pairs do the statistics.
        match self {
            Self::Criterion => {
                draft.figure = Figure::Report("criterion", Some("criterion".to_owned()));
                draft.env = vec![variable("CRITERION_HOME", "{report}")];
                draft.measure = words(&[
                    "{artifact}",
                    "--bench",
                    "--noplot",
                    "--warm-up-time",
                    "0.2",
                    "--measurement-time",
                    "0.5",
                    "--sample-size",
                    "10",
                    "--nresamples",
                    "1000",
                ]);
            }
            Self::Divan => {
                draft.figure = Figure::Report("divan", None);
                draft.measure = words(&["{artifact}", "--bench", "--max-time", "0.5"]);
            }
        }
    }
}
