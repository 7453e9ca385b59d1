//! Python projects: benchmarks of pytest-benchmark and asv, scripts.

use super::{CheckDraft, Draft, Facts, Figure, Trust, asv, install, variable, words};

/// Drafts for the benchmarks of a Python project.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let manifests = [
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "pytest.ini",
        "tox.ini",
        "requirements.txt",
        "asv.conf.json",
    ];
    let scripts = scripts(facts);
    if manifests.iter().all(|name| !facts.has(name)) && scripts.is_empty() {
        return vec![];
    }
    let Some(project) = Project::of(facts) else { return vec![] };
    let benchmarks = project.pytest_benchmark();
    let scripts = scripts.iter().map(|script| project.script(script));
    let mut all: Vec<Draft> = benchmarks.into_iter().chain(asv::drafts(&project)).chain(scripts).collect();
    if all.is_empty() {
        all.extend(project.tests());
    }
    all
}

pub(super) struct Project<'a> {
    pub facts: &'a Facts,
    /// The directory that holds the packages, from the root; empty where they lie there.
    above: &'static str,
    editable: Vec<String>,
    /// A directory of the checkout with the environment.
    environment: Option<&'static str>,
    /// What makes that, where it is not there.
    install: Vec<Vec<String>>,
}

/// Directories of a project that hold no package of its own.
const NOT_PACKAGES: [&str; 12] = [
    "tests",
    "test",
    "testing",
    "docs",
    "doc",
    "examples",
    "example",
    "benchmarks",
    "benchmark",
    "bench",
    "scripts",
    "tools",
];

impl<'a> Project<'a> {
    fn of(facts: &'a Facts) -> Option<Self> {
        let packages = |above: &str| -> Vec<String> {
            let start = if above.is_empty() { String::new() } else { format!("{above}/") };
            let dirs = facts.files.keys().filter_map(|path| {
                let (dir, rest) = path.strip_prefix(&start)?.split_once('/')?;
                (rest == "__init__.py" && !NOT_PACKAGES.contains(&dir)).then(|| format!("{start}{dir}"))
            });
            dirs.collect()
        };
        let modules = |above: &str| -> Vec<String> {
            let start = if above.is_empty() { String::new() } else { format!("{above}/") };
            let own = |name: &str| {
                !matches!(
                    name,
                    "setup.py" | "conftest.py" | "noxfile.py" | "tasks.py" | "fabfile.py" | "manage.py"
                ) && !is_benchmark(name)
                    && !name.starts_with("test_")
                    && !name.ends_with("_test.py")
            };
            let files = facts.files.keys().filter(|path| {
                path.strip_prefix(&start)
                    .is_some_and(|name| !name.contains('/') && name.ends_with(".py") && own(name))
            });
            files.cloned().collect()
        };
        // A namespace package has no file of its own.
        let namespace = |above: &str| -> Vec<String> {
            let start = format!("{above}/");
            let dirs = facts.files.keys().filter_map(|path| {
                let (dir, rest) = path.strip_prefix(&start)?.split_once('/')?;
                (rest.ends_with(".py") && !dir.contains('.')).then(|| format!("{start}{dir}"))
            });
            let mut dirs: Vec<String> = dirs.collect();
            dirs.dedup();
            dirs
        };
        let found = [
            ("src", packages("src")),
            ("src", modules("src")),
            ("src", namespace("src")),
            ("lib", packages("lib")),
        ];
        let found = found.into_iter().chain([("", packages("")), ("", modules(""))]);
        let (above, editable) = found.into_iter().find(|(_, paths)| !paths.is_empty())?;
        let (environment, install) = install::python(facts, &["pytest", "pytest-benchmark", "asv"]);
        Some(Self { facts, above, editable, environment, install })
    }

    pub fn python(&self) -> String {
        match (self.environment, &self.facts.system_python) {
            (Some(dir), _) => format!("{{tree}}/{dir}/bin/python"),
            (None, Some(python)) => python.clone(),
            (None, None) => "python3".to_owned(),
        }
    }

    /// The tree's own package comes before one that is installed, an editable one among them.
    fn env(&self) -> Vec<(String, String)> {
        let path =
            if self.above.is_empty() { "{tree}".to_owned() } else { format!("{{tree}}/{}", self.above) };
        vec![variable("PYTHONPATH", &path), variable("PYTHONDONTWRITEBYTECODE", "1")]
    }

    pub fn draft(&self, bench: &str, kind: String) -> Draft {
        let mut draft = Draft::new(bench, kind, self.editable.clone());
        draft.from_checkout = self.environment.iter().map(|dir| (*dir).to_owned()).collect();
        draft.env = self.env();
        draft.checks = self.check();
        draft.needs.extend(self.install.iter().find_map(|command| install::installer(self.facts, command)));
        draft.install.clone_from(&self.install);
        draft
    }

    /// Where the tests lie: beside the package, or within it.
    fn test_dir(&self) -> Option<String> {
        let beside = ["tests", "test"].map(str::to_owned);
        let within = self.editable.iter().flat_map(|dir| [format!("{dir}/tests"), format!("{dir}/test")]);
        let is_test = |path: &String| {
            path.ends_with(".py") && path.rsplit('/').next().is_some_and(|name| name.contains("test"))
        };
        beside.into_iter().chain(within).find(|dir| self.facts.below(dir).any(is_test))
    }

    /// The tests without the benchmarks.
    fn check(&self) -> Vec<CheckDraft> {
        let Some(dir) = self.test_dir().filter(|_| self.facts.modules.contains("pytest")) else {
            return vec![];
        };
        let python = self.python();
        let mut command = words(&[&python, "-m", "pytest", "-v", "-p", "no:cacheprovider"]);
        if self.facts.modules.contains("pytest_benchmark") {
            command.push("--benchmark-skip".to_owned());
        }
        command.push(format!("{{tree}}/{dir}"));
        vec![CheckDraft {
            name: "tests".to_owned(),
            command,
            format: "pytest",
            env: self.env(),
            more: String::new(),
        }]
    }

    /// Files whose tests take the fixture of pytest-benchmark.
    fn pytest_benchmark(&self) -> Vec<Draft> {
        let takes = |text: &str| {
            text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("def test")
                    && line.split_once('(').is_some_and(|(_, args)| {
                        args.split([',', ')', ':']).any(|arg| arg.trim() == "benchmark")
                    })
            })
        };
        let files = self.facts.texts.iter().filter(|(path, text)| path.ends_with(".py") && takes(text));
        let draft = |(path, _): (&String, &String)| {
            let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".py");
            let mut draft = self.draft(name, format!("the benchmarks of pytest-benchmark in {path}"));
            draft.figure = Figure::Report("pytest-benchmark", Some("benchmark.json".to_owned()));
            draft.measure = words(&[
                &self.python(),
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--benchmark-only",
                "--benchmark-disable-gc",
                // Pairs repeat it; of a benchmark that takes seconds one round is a figure.
                "--benchmark-min-rounds=1",
                "--benchmark-max-time=0.5",
                "--benchmark-json={report}",
                &format!("{{tree}}/{path}"),
            ]);
            draft.trust = Trust::Inside;
            if !self.facts.modules.contains("pytest_benchmark") {
                draft
                    .needs
                    .push(format!("install pytest-benchmark for {}: it cannot import it", self.python()));
            }
            draft
        };
        files.map(draft).collect()
    }

    fn script(&self, path: &str) -> Draft {
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut draft = self.draft(name.trim_end_matches(".py"), format!("the Python script {path}"));
        draft.measure = words(&[&self.python(), &format!("{{tree}}/{path}")]);
        // Named as editable it would be the candidate's own.
        draft.locked = vec![format!("/{path}")];
        draft.editable.retain(|editable| editable != path);
        draft.compare_words();
        draft
    }

    /// The time that the tests take, where there is nothing else.
    fn tests(&self) -> Option<Draft> {
        let dir = self.test_dir()?;
        let mut draft =
            self.draft("tests", format!("the time that the tests in {dir}/ take: no benchmark was found"));
        draft.checks = vec![];
        draft.measure = words(&[
            &self.python(),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            &format!("{{tree}}/{dir}"),
        ]);
        if !self.facts.modules.contains("pytest") {
            draft.needs.push(format!("install pytest for {}: it cannot import it", self.python()));
        }
        Some(draft)
    }
}

/// Whether a file is a benchmark by its name.
fn is_benchmark(name: &str) -> bool {
    let stem = name.trim_end_matches(".py").to_ascii_lowercase();
    ["bench", "benchmark", "benchmarks", "perf", "speed", "timing"].contains(&&*stem)
        || ["bench_", "benchmark_", "perf_", "speed_"].iter().any(|start| stem.starts_with(start))
        || ["_bench", "_benchmark", "_perf", "_speed"].iter().any(|end| stem.ends_with(end))
}

/// Scripts that benchmark something, those at the root first.
fn scripts(facts: &Facts) -> Vec<String> {
    let dirs = ["", "bench", "benchmark", "benchmarks", "perf", "scripts", "tools", "tests", "test"];
    let fits = |path: &&String| {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let dir_fits = dirs.contains(&dir);
        let benches = ["bench", "benchmark", "benchmarks", "perf"].contains(&dir);
        let runs = facts.text(path).contains("__main__") || is_benchmark(name);
        name.ends_with(".py")
            && dir_fits
            && !matches!(name, "__init__.py" | "conftest.py" | "setup.py")
            && !asv::is_suite(facts, path)
            && !name.starts_with("test_")
            && (is_benchmark(name) || benches)
            && runs
            && !takes_pytest(facts.text(path))
    };
    let mut found: Vec<String> = facts.files.keys().filter(fits).cloned().collect();
    found.sort_by_key(|path| (path.matches('/').count(), path.clone()));
    found
}

fn takes_pytest(text: &str) -> bool {
    text.contains("def test_") && text.contains("benchmark")
}
