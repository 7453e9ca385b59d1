//! The size of what a JavaScript package is built to: the file that its manifest names and that no commit holds.

use serde_json::Value;

use super::{BuildDraft, Draft, Facts, Figure, runners, words};

/// Names of scripts that build a package.
const SCRIPTS: [&str; 4] = ["build", "bundle", "dist", "compile"];
/// Words in the name of a script, or in its first word, that makes no file of a bundle.
const OTHERS: [&str; 8] = ["test", "lint", "size", "check", "cov", "doc", "type", "clean"];

/// A file that a manifest names and that its build makes.
pub(super) fn built(facts: &Facts, package: &Value) -> Option<String> {
    parts(package)?;
    let keys = ["unpkg", "jsdelivr", "browser", "module", "main", "exports"];
    let mut named = vec![];
    keys.iter().for_each(|key| paths(&package[key], &mut named));
    named.into_iter().find(|path| {
        let code = [".js", ".mjs", ".cjs"].iter().any(|end| path.ends_with(end));
        code && !path.contains('*') && !path.contains("..") && !facts.has(path)
    })
}

/// All paths that an entry of a manifest names; of conditions what is imported goes first.
pub(super) fn paths(entry: &Value, found: &mut Vec<String>) {
    match entry {
        Value::String(path) => found.push(path.trim_start_matches("./").to_owned()),
        Value::Array(list) => list.iter().for_each(|entry| paths(entry, found)),
        Value::Object(members) => {
            let first = ["import", "default"].iter().filter_map(|key| members.get(*key));
            let rest =
                members.iter().filter(|(key, _)| !["import", "default", "types"].contains(&key.as_str()));
            first.chain(rest.map(|(_, entry)| entry)).for_each(|entry| paths(entry, found));
        }
        _ => {}
    }
}

/// The parts of the script that builds a package that make files: no tests, no linters.
pub(super) fn parts(package: &Value) -> Option<String> {
    let makes = |part: &&str| {
        let name = runners::called(part).or_else(|| part.split_whitespace().next().map(str::to_owned));
        name.is_some_and(|name| OTHERS.iter().all(|word| !name.to_ascii_lowercase().contains(word)))
    };
    let text = SCRIPTS.into_iter().find_map(|name| package["scripts"][name].as_str())?;
    let parts = text.split("&&").map(str::trim).filter(makes).collect::<Vec<_>>().join(" && ");
    Some(parts).filter(|parts| !parts.is_empty())
}

/// What finds the programs of a package's modules.
const PATH: &str = "export PATH=\"$PWD/node_modules/.bin:$PATH\"";
/// Installs them, once a build.
const INSTALL: &str = "npm ci --ignore-scripts --no-audit --no-fund --cache \"$1/npm\" && ";

/// What is installed in each build, where a draft's build so far does that.
fn first(draft: &Draft) -> &'static str {
    draft.build.as_ref().map_or("", |_| INSTALL)
}

/// Whether a build makes what the package's tests load.
pub(super) fn builds(build: &BuildDraft) -> bool {
    build.artifact.is_none() && build.command.first().is_some_and(|program| program == "sh")
}

/// Has a draft build the package where it lies.
pub(super) fn in_tree(draft: &mut Draft, parts: &str) {
    let line = format!("cd \"$0\" && {PATH} && {}{parts}", first(draft));
    draft.build = Some(BuildDraft {
        command: words(&["sh", "-c", &line, "{tree}", "{target}"]),
        network: draft.build.is_some(),
        ..BuildDraft::default()
    });
}

/// Fills in what builds and measures the file.
pub(super) fn sized(mut draft: Draft, parts: &str, file: &str) -> Draft {
    // The tree itself is only read where a file is taken: it is built in a copy, with the modules where the tree has them.
    let line = format!(
        "rm -rf \"$1/tree\" && cp -R \"$0\" \"$1/tree\" && cd \"$1/tree\" && {PATH} && {}{parts}",
        first(&draft)
    );
    draft.build = Some(BuildDraft {
        command: words(&["sh", "-c", &line, "{tree}", "{target}"]),
        artifact: Some(format!("{{target}}/tree/{file}")),
        network: draft.build.is_some(),
        ..BuildDraft::default()
    });
    draft.figure = Figure::Meter("artifact_bytes");
    draft.measure = words(&["true"]);
    draft
}
