//! JavaScript packages: benchmarks of tinybench, mitata and vitest, scripts.

use serde_json::Value;

use super::{BuildDraft, CheckDraft, Draft, Facts, Figure, Trust, words};

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
    if all.is_empty() {
        all.extend(
            ["bench", "benchmark", "perf", "test"]
                .iter()
                .filter_map(|name| project.npm(name, &editable))
                .take(1),
        );
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
        let main = self.package["main"].as_str().or(self.package["module"].as_str()).unwrap_or_default();
        let main = main.trim_start_matches("./");
        if self.facts.has(main) { vec![main.split('/').next().unwrap_or(main).to_owned()] } else { vec![] }
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

    /// What its user must see to where dependencies are missing in these directories.
    fn install(dirs: &[String]) -> Option<String> {
        let line = |dir: &String| {
            if dir.is_empty() { "npm install".to_owned() } else { format!("npm install --prefix {dir}") }
        };
        let lines: Vec<String> = dirs.iter().map(line).collect();
        (!lines.is_empty()).then(|| {
            format!("{}, with node_modules in .gitignore, then piton init again: what the benchmark imports is not here", lines.join(" && "))
        })
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
                    &format!("{{tree}}/{path}"),
                ]);
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
        draft.needs.extend(Self::install(
            &missing.into_iter().filter(|dir| wanted(dir).is_some()).collect::<Vec<_>>(),
        ));
        draft.checks = self.check();
        draft
    }

    /// Tests that node itself runs; others take their runner's modules.
    fn check(&self) -> Vec<CheckDraft> {
        let script = self.package["scripts"]["test"].as_str().unwrap_or_default();
        if !script.contains("node --test") {
            return vec![];
        }
        let words = words(&[
            "sh",
            "-c",
            &format!(
                "cd \"$0\" && {}",
                script.split("&&").find(|part| part.contains("node --test")).unwrap_or(script).trim()
            ),
            "{tree}",
        ]);
        vec![CheckDraft { name: "tests".to_owned(), command: words, format: "exit", ..CheckDraft::default() }]
    }

    fn npm(&self, script: &str, editable: &[String]) -> Option<Draft> {
        self.package["scripts"][script].as_str()?;
        let mut draft = self.draft(script, format!("`npm run {script}`"), editable);
        draft.measure = words(&["npm", "--prefix", "{tree}", "run", "--silent", script]);
        draft.needs.extend(Self::install(&self.missing("")));
        Some(draft)
    }
}

/// The package that a line of JavaScript loads, rather than a file or a part of node.
fn imported(line: &str) -> Option<String> {
    let import =
        || line.trim_start().starts_with("import").then(|| line.rfind(" from ").map_or(6, |at| at + 6));
    let at = line.find("require(").map(|at| at + 8).or_else(import)?;
    let rest = line.get(at..)?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = rest[1..].split(quote).next()?;
    let parts: Vec<&str> = name.splitn(3, '/').collect();
    let package = if name.starts_with('@') { parts.get(..2)?.join("/") } else { parts[0].to_owned() };
    (!name.starts_with(['.', '/']) && !name.starts_with("node:")).then_some(package)
}
