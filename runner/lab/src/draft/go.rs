//! Go modules: the benchmarks of a package, by `go test`.

use std::collections::BTreeMap;

use super::{BuildDraft, CheckDraft, Draft, Facts, Figure, Trust, variable, words};

/// Drafts for the packages that have benchmarks.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    if !facts.has("go.mod") {
        return vec![];
    }
    let mut packages: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, text) in facts.texts.iter().filter(|(path, _)| path.ends_with("_test.go")) {
        let count = text.lines().filter(|line| line.starts_with("func Benchmark")).count();
        if count > 0 {
            *packages.entry(Facts::dir(path)).or_default() += count;
        }
    }
    let benches = packages.into_iter().map(|(dir, count)| package(facts, dir, count));
    benches.collect()
}

/// What may be edited: files at the root one by one, directories below it whole.
fn sources(facts: &Facts) -> Vec<String> {
    let source = |path: &&String| path.ends_with(".go") && !path.ends_with("_test.go");
    let mut found: Vec<String> = vec![];
    for path in facts.files.keys().filter(source) {
        let first = path.split('/').next().unwrap_or(path);
        let hidden = ["vendor", "testdata", "examples", "example", "_examples", "cmd", "benchmarks"]
            .contains(&first)
            && path.contains('/');
        if !hidden
            && found.last().is_none_or(|last| last != first)
            && !found.iter().any(|other| other == first)
        {
            found.push(first.to_owned());
        }
    }
    found
}

fn package(facts: &Facts, dir: &str, count: usize) -> Draft {
    let path = if dir.is_empty() { ".".to_owned() } else { format!("./{dir}") };
    let module =
        facts.text("go.mod").lines().find_map(|line| line.strip_prefix("module ")).unwrap_or("?").trim();
    let name =
        if dir.is_empty() { module.rsplit('/').next().unwrap_or(module).to_owned() } else { dir.to_owned() };
    let plural = if count == 1 { "" } else { "s" };
    let mut draft =
        Draft::new(name, format!("{count} Go benchmark{plural} of {path} in {module}"), sources(facts));
    let cache = [
        variable("GOCACHE", "{target}/go"),
        variable("GOFLAGS", "-mod=readonly"),
        variable("GOTOOLCHAIN", "local"),
    ];
    let fetches = facts.has("go.sum") && !facts.has_dir("vendor");
    draft.build = Some(BuildDraft {
        fetch: if fetches { words(&["sh", "-c", "cd \"$0\" && go mod download", "{tree}"]) } else { vec![] },
        command: words(&[
            "sh",
            "-c",
            &format!("cd \"$0\" && go vet {path} && go test -c -o \"$1/piton.test\" {path}"),
            "{tree}",
            "{target}",
        ]),
        artifact: Some("{target}/piton.test".to_owned()),
        env: cache.to_vec(),
        ..BuildDraft::default()
    });
    let at = if dir.is_empty() { "{tree}".to_owned() } else { format!("{{tree}}/{dir}") };
    let line = "cd \"$0\" && exec \"$1\" -test.run '^$' -test.bench . -test.benchtime 100ms -test.count 1";
    draft.measure = words(&["sh", "-c", line, &at, "{artifact}"]);
    draft.figure = Figure::Report("go", None);
    draft.trust = Trust::Inside;
    draft.checks = vec![CheckDraft {
        name: "tests".to_owned(),
        command: words(&[
            "sh",
            "-c",
            "cd \"$0\" && export GOCACHE=\"$1/go\" && exec go test -v -count 1 .",
            &at,
            "{target}",
        ]),
        format: "go",
        env: cache[1..].to_vec(),
        ..CheckDraft::default()
    }];
    draft
}
