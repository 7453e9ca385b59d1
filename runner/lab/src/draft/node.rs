//! JavaScript packages: benchmarks of tinybench, mitata and vitest, scripts.

use serde_json::Value;

use super::{BuildDraft, Draft, Facts, Figure, Trust, bundle, install, runners, words};

/// Drafts for the benchmarks of a package.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let Ok(package) = serde_json::from_str::<Value>(facts.text("package.json")) else { return vec![] };
    let project = Project { facts, package };
    let editable = project.sources();
    if editable.is_empty() {
        return vec![];
    }
    let benches = project.files().into_iter().map(|path| project.script(&path, &editable));
    let mut all: Vec<Draft> = benches.collect();
    let script = |names: &[&str]| names.iter().find_map(|name| project.npm(name, &editable));
    if all.is_empty() {
        all.extend(script(&["bench", "benchmark", "perf"]));
    }
    if let (Some(file), Some(parts)) =
        (bundle::built(facts, &project.package), bundle::parts(&project.package))
    {
        let kind = format!("the size of {file}, which the package's build makes");
        let mut draft = project.draft("bundle-size", kind, &editable);
        project.needs_modules(&mut draft, &[String::new()]);
        project.check(&mut draft);
        all.push(bundle::sized(draft, &parts, &file));
    }
    if all.is_empty() {
        all.extend(script(&["test"]));
    }
    all
}

struct Project<'a> {
    facts: &'a Facts,
    package: Value,
}

const ENDS: [&str; 5] = [".js", ".mjs", ".cjs", ".ts", ".mts"];

fn is_source(path: &str) -> bool {
    ENDS.iter().any(|end| path.ends_with(end)) && !path.ends_with(".d.ts")
}

/// Whether a manifest names dependencies; of a `name`, or any.
fn depends(package: &Value, name: Option<&str>) -> bool {
    let all = ["dependencies", "devDependencies"].iter().filter_map(|key| package[key].as_object());
    all.into_iter().any(|all| name.map_or(!all.is_empty(), |name| all.contains_key(name)))
}

impl Project<'_> {
    /// The manifests that hold for a file, with their directories: node looks in its own directory and upwards.
    fn manifests(&self, path: &str) -> Vec<(String, Value)> {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let within = above.filter_map(|dir| {
            Some((
                dir.to_owned(),
                serde_json::from_str(self.facts.text(&format!("{dir}/package.json"))).ok()?,
            ))
        });
        std::iter::once((String::new(), self.package.clone())).chain(within).collect()
    }

    /// Directories whose dependencies are not there, and that nothing fetches.
    fn missing(&self, path: &str) -> Vec<String> {
        let missing = |(dir, package): (String, Value)| {
            let modules = piton_core::trial::scope::join(&dir, "node_modules");
            let fetched = dir.is_empty() && self.facts.has("package-lock.json");
            (depends(&package, None) && !self.facts.ignored.contains(&modules) && !fetched).then_some(dir)
        };
        self.manifests(path).into_iter().filter_map(missing).collect()
    }

    /// What may be edited: the directory that `main` or `exports` leads to, or that sources usually lie in, else files at the root.
    fn sources(&self) -> Vec<String> {
        for dir in ["src", "lib", "source"] {
            if self.facts.below(dir).any(|path| is_source(path)) {
                return vec![dir.to_owned()];
            }
        }
        let name = |word: &str| {
            ["test", "bench", "config", "gulpfile", "gruntfile", "example", "perf"]
                .iter()
                .any(|part| word.contains(part))
        };
        let root = self
            .facts
            .files
            .keys()
            .filter(|path| !path.contains('/') && is_source(path) && !path.starts_with('.'));
        let root: Vec<String> = root.filter(|path| !name(&path.to_ascii_lowercase())).cloned().collect();
        if !root.is_empty() {
            return root;
        }
        let mut named = vec![];
        ["main", "module", "exports"].iter().for_each(|key| bundle::paths(&self.package[key], &mut named));
        let there = named.iter().find(|path| self.facts.has(path));
        there.and_then(|path| path.split('/').next()).map(str::to_owned).into_iter().collect()
    }

    /// Files that benchmark something, as their directories or names say.
    fn files(&self) -> Vec<String> {
        let fits = |path: &&String| {
            let lower = path.to_ascii_lowercase();
            let (dir, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
            let dirs = ["bench", "benches", "benchmark", "benchmarks", "perf"].contains(&dir);
            let named =
                ["bench.", "benchmark.", "perf.", "benchmarks."].iter().any(|start| name.starts_with(start))
                    || [".bench.", "-bench.", "_bench.", ".benchmark.", "-benchmark."]
                        .iter()
                        .any(|part| name.contains(part))
                    || name.starts_with("bench-");
            let helper = ["util", "helper", "fixture", "data", "config", "report", "plot", "_"]
                .iter()
                .any(|part| name.starts_with(part));
            is_source(path) && (named || dirs && !helper) && !lower.contains("node_modules")
        };
        let mut found: Vec<String> = self.facts.files.keys().filter(fits).cloned().collect();
        found.sort_by_key(|path| (path.matches('/').count(), path.clone()));
        found
    }

    fn draft(&self, bench: &str, kind: String, editable: &[String]) -> Draft {
        let mut draft = Draft::new(bench, kind, editable.to_vec());
        draft.from_checkout =
            self.facts.ignored.iter().filter(|path| path.ends_with("node_modules")).cloned().collect();
        let own = self.facts.ignored.contains("node_modules");
        if !own && depends(&self.package, None) && self.facts.has("package-lock.json") {
            let command = words(&[
                "npm",
                "ci",
                "--prefix",
                "{tree}",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--cache",
                "{target}/npm",
            ]);
            draft.build = Some(BuildDraft { command, network: true, ..BuildDraft::default() });
        }
        draft
    }

    /// Has a draft read the modules of these directories, which are not there, and say what installs them.
    fn needs_modules(&self, draft: &mut Draft, dirs: &[String]) {
        let missing = |dir: &&String| {
            let modules = piton_core::trial::scope::join(dir, "node_modules");
            let fetched = dir.is_empty() && draft.build.is_some();
            !self.facts.ignored.contains(&modules) && !fetched
        };
        let missing: Vec<&String> = dirs.iter().filter(missing).collect();
        for dir in missing {
            let manifest = piton_core::trial::scope::join(dir, "package.json");
            let package = serde_json::from_str(self.facts.text(&manifest)).unwrap_or_default();
            let command = install::node(self.facts, &package, dir);
            draft.from_checkout.push(piton_core::trial::scope::join(dir, "node_modules"));
            draft.needs.extend(install::installer(self.facts, &command));
            draft.install.push(command);
        }
    }

    fn script(&self, path: &str, editable: &[String]) -> Draft {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = ENDS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let stem = stem.trim_end_matches(".bench");
        let source = self.facts.text(path);
        let reads = |library: &str| {
            source.contains(&format!("'{library}'")) || source.contains(&format!("\"{library}\""))
        };
        let manifests = self.manifests(path);
        let uses = |library: &str| manifests.iter().any(|(_, package)| depends(package, Some(library)));
        let known = ["vitest", "tinybench", "mitata"].into_iter().find(|library| {
            uses(library) && (reads(library) || *library == "vitest" && name.contains(".bench."))
        });
        let kind = match known {
            Some(library) => format!("the benchmark {path}, which uses {library}"),
            None => format!("the script {path}, run by node"),
        };
        let mut draft = self.draft(stem, kind, editable);
        draft.measure = words(&["node", &format!("{{tree}}/{path}")]);
        if self.is_unbuilt(path)
            && let Some(parts) = bundle::parts(&self.package)
        {
            bundle::in_tree(&mut draft, &parts);
        }
        // Benchmark.js and what builds on it: a clock around them says nothing, and piton has no reader for what they print.
        let unread = ["benchmark", "benny", "bench-node", "cronometro"]
            .into_iter()
            .find(|library| uses(library) && reads(library));
        if let Some(library) = unread {
            draft.measure.clear();
            draft.needs.push(format!(
                "{path} uses {library}, which runs for a fixed time and prints what piton does not read: write a script that does a fixed amount \
                 of work, or uses tinybench or mitata, and name it in piton.toml, [measure] command"
            ));
        }
        let clocked = known.is_none() && unread.is_none() && source.lines().any(runs_for_a_fixed_time);
        if clocked {
            draft.measure.clear();
            draft.needs.push(format!(
                "{path} runs for a fixed time, and counts what it did meanwhile: a clock around it says nothing. Write a script that does a fixed \
                 amount of work, and name it in piton.toml, [measure] command"
            ));
        }
        // They run for a fixed time: what they print is the figure, and a clock around them says nothing.
        if let Some(library) = known {
            let report = (library == "vitest").then(|| "bench.json".to_owned());
            draft.figure = Figure::Report(library, report);
            draft.trust = Trust::Inside;
            if library == "vitest" {
                let vitest = "{tree}/node_modules/vitest/vitest.mjs";
                draft.measure = words(&[
                    "node",
                    vitest,
                    "bench",
                    "--run",
                    "--root",
                    "{tree}",
                    "--outputJson",
                    "{report}",
                ]);
                draft.measure.extend(words(runners::vitest_options(&self.package)));
                draft.measure.push(format!("{{tree}}/{path}"));
            } else if library == "tinybench"
                && !source.contains("console.table")
                && !source.contains("JSON.stringify")
            {
                draft.needs.push(format!(
                    "{path}: have it print console.table(bench.table()) at its end, which piton reads"
                ));
            }
        }
        draft.locked = vec![format!("/{path}")];
        draft.editable.retain(|editable| editable != path);
        // What a package needs for its other work is not missed here.
        let missing = self.missing(path);
        let wanted = |dir: &String| {
            let (_, package) = manifests.iter().find(|(other, _)| other == dir)?;
            source.lines().filter_map(imported).any(|name| depends(package, Some(&name))).then_some(())
        };
        let global = known == Some("vitest");
        let missing: Vec<String> =
            missing.into_iter().filter(|dir| global && dir.is_empty() || wanted(dir).is_some()).collect();
        self.needs_modules(&mut draft, &missing);
        self.check(&mut draft);
        draft.compare_words();
        draft
    }

    /// The tests as a check, where what runs them is there, or will be with what the draft installs.
    fn check(&self, draft: &mut Draft) {
        let Some(tests) = runners::tests(&self.package) else { return };
        let there = draft.build.is_some() || draft.from_checkout.iter().any(|path| path == "node_modules");
        if tests.is_nodes_own() || there {
            // What they load may be made by the build, which a draft that takes one file of it runs elsewhere.
            let builds = draft.build.as_ref().is_some_and(bundle::builds);
            let first = bundle::built(self.facts, &self.package).filter(|_| there && !builds);
            draft.checks.push(tests.check(first.and_then(|_| bundle::parts(&self.package)).as_deref()));
        } else {
            draft.tests_need.push(install::node(self.facts, &self.package, ""));
        }
    }

    /// Whether a file loads one of the package that no commit holds, so that a build makes it.
    fn is_unbuilt(&self, path: &str) -> bool {
        let ends =
            ["", ".js", ".mjs", ".cjs", ".json", ".ts", "/index.js", "/index.mjs", "/index.cjs", "/index.ts"];
        let there = |file: &str| {
            let mut parts: Vec<&str> = Facts::dir(path).split('/').filter(|part| !part.is_empty()).collect();
            for part in file.split('/') {
                match part {
                    "." | "" => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            let file = parts.join("/");
            // The package by its own directory leads to what its manifest names.
            file.is_empty() && bundle::built(self.facts, &self.package).is_none()
                || ends.iter().any(|end| self.facts.has(&format!("{file}{end}")))
        };
        let loaded = self.facts.text(path).lines().filter_map(loads);
        loaded.filter(|name| name.starts_with('.')).any(|name| !there(name))
    }

    fn npm(&self, script: &str, editable: &[String]) -> Option<Draft> {
        self.package["scripts"][script].as_str()?;
        let mut draft = self.draft(script, format!("`npm run {script}`"), editable);
        draft.measure = words(&["npm", "--prefix", "{tree}", "run", "--silent", script]);
        self.needs_modules(&mut draft, &self.missing(""));
        Some(draft)
    }
}

/// What a line of JavaScript loads, as it names it.
fn loads(line: &str) -> Option<&str> {
    let import =
        || line.trim_start().starts_with("import").then(|| line.rfind(" from ").map_or(6, |at| at + 6));
    let at = line.find("require(").map(|at| at + 8).or_else(import)?;
    let rest = line.get(at..)?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest[1..].split(quote).next()
}

/// The package that a line of JavaScript loads, rather than a file or a part of node.
fn imported(line: &str) -> Option<String> {
    let name = loads(line)?;
    let parts: Vec<&str> = name.splitn(3, '/').collect();
    let package = if name.starts_with('@') { parts.get(..2)?.join("/") } else { parts[0].to_owned() };
    (!name.starts_with(['.', '/']) && !name.starts_with("node:")).then_some(package)
}

/// Whether a line is the head of a loop that asks the clock when to end.
fn runs_for_a_fixed_time(line: &str) -> bool {
    let clocks = ["Date.now()", "performance.now()", "process.hrtime"];
    line.contains("while") && line.contains('<') && clocks.iter().any(|clock| line.contains(clock))
}
