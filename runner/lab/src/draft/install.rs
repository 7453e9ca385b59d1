//! What installs a project's dependencies in its checkout: one command, run before anything stands behind walls.

use serde_json::Value;

use super::{Facts, words};

/// Where a Python project's environment is, or will be once these commands ran.
pub(super) fn python(facts: &Facts, wanted: &[&str]) -> (Option<&'static str>, Vec<Vec<String>>) {
    let there = [".venv", "venv"].into_iter().find(|dir| facts.ignored.contains(*dir));
    if there.is_some() || !facts.has("uv.lock") {
        return (there, vec![]);
    }
    let mut command = words(&["uv", "sync"]);
    command.extend(groups(facts.text("pyproject.toml"), wanted));
    (Some(".venv"), vec![command])
}

/// The groups and extras of a `pyproject.toml` that name one of these packages and that `uv sync` leaves out by itself.
fn groups(manifest: &str, wanted: &[&str]) -> Vec<String> {
    let Ok(manifest) = piton_system::config::toml_as::<toml::Table>(manifest) else { return vec![] };
    let within = |path: &[&str]| {
        let mut tables = path.iter();
        let first = manifest.get(*tables.next()?)?.as_table();
        tables.try_fold(first?, |table, name| table.get(*name)?.as_table())
    };
    let default = manifest.get("tool").and_then(|tool| tool.get("uv")?.get("default-groups"));
    let is_default = |group: &str| match default {
        Some(toml::Value::String(all)) => all == "all",
        Some(toml::Value::Array(named)) => named.iter().any(|name| name.as_str() == Some(group)),
        _ => group == "dev",
    };
    let names = |list: &toml::Value, package: &str| {
        let all = list.as_array().into_iter().flatten().filter_map(toml::Value::as_str);
        let end = |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c);
        all.into_iter().any(|line| {
            line.split(end).next().is_some_and(|name| name.replace('_', "-").eq_ignore_ascii_case(package))
        })
    };
    let always = within(&["project"]).and_then(|project| project.get("dependencies"));
    let named: Vec<(&str, &str, &toml::Value)> = [
        ("--group", within(&["dependency-groups"])),
        ("--extra", within(&["project", "optional-dependencies"])),
    ]
    .into_iter()
    .flat_map(|(flag, table)| {
        table.into_iter().flatten().map(move |(name, list)| (flag, name.as_str(), list))
    })
    .collect();
    let mut found = vec![];
    for package in wanted {
        let mut all = named.iter().filter(|(_, _, list)| names(list, package)).peekable();
        let by_itself =
            |(flag, name, _): &&&(&str, &str, &toml::Value)| *flag == "--group" && is_default(name);
        let there =
            always.is_some_and(|list| names(list, package)) || all.clone().any(|one| by_itself(&&one));
        if let (false, Some((flag, name, _))) = (there, all.peek())
            && !found.iter().any(|(_, other)| other == name)
        {
            found.push((*flag, *name));
        }
    }
    found.into_iter().flat_map(|(flag, name)| words(&[flag, name])).collect()
}

/// What installs the dependencies that a `package.json` in this directory names: by the manager whose lock is there, which is kept to.
pub(super) fn node(facts: &Facts, package: &Value, dir: &str) -> Vec<String> {
    let has = |name: &str| facts.has(&piton_core::trial::scope::join(dir, name));
    let named = package["packageManager"].as_str().unwrap_or_default();
    let place = |flag: &str| if dir.is_empty() { vec![] } else { words(&[flag, dir]) };
    let (mut command, rest) = match () {
        () if has("pnpm-lock.yaml") => (words(&["pnpm"]), words(&["install", "--frozen-lockfile"])),
        () if has("yarn.lock") => (words(&["yarn"]), words(&["install", "--frozen-lockfile"])),
        () if has("package-lock.json") => (words(&["npm"]), words(&["ci"])),
        () if named.starts_with("pnpm@") => (words(&["pnpm"]), words(&["install", "--no-lockfile"])),
        () => (words(&["npm"]), words(&["install", "--no-package-lock"])),
    };
    let flag = match command[0].as_str() {
        "npm" => "--prefix",
        "pnpm" => "--dir",
        _ => "--cwd",
    };
    command.extend(place(flag));
    command.extend(rest);
    command
}

/// What its user installs first, where the program of a command is not in PATH.
pub(super) fn installer(facts: &Facts, command: &[String]) -> Option<String> {
    let program = command.first().filter(|program| !facts.programs.contains(*program))?;
    let how = match program.as_str() {
        "pnpm" | "yarn" => format!("npm install --global {program}"),
        "uv" => "python3 -m pip install uv".to_owned(),
        _ => format!("install {program}"),
    };
    Some(format!("{how}: {program} is not in PATH"))
}
