//! What is published builds from what is published, and all that names a version names the same one.

#![expect(clippy::disallowed_types, reason = "asks the binary itself for its version")]

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Folders of the workspace's crates that are published.
fn published() -> Vec<String> {
    let workspace = read("Cargo.toml");
    let members = workspace.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let folders = members.split('"').skip(1).step_by(2).map(str::to_owned);
    folders.filter(|folder| !read(&format!("{folder}/Cargo.toml")).contains("publish = false")).collect()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false if path.extension().is_some_and(|e| e == "rs") => vec![path],
            false => vec![],
        })
        .collect()
}

/// Names of the modules that a crate has for its tests alone.
fn of_tests(texts: &[(PathBuf, String)]) -> Vec<&str> {
    let declared = texts.iter().flat_map(|(_, text)| text.split("#[cfg(test)]\n").skip(1));
    let lines = declared.filter_map(|rest| rest.lines().find(|line| !line.trim_start().starts_with("#[")));
    lines.filter_map(|line| line.split("mod ").nth(1)?.strip_suffix(';')).collect()
}

/// How many folders above `from` a relative path leads at most.
fn above(path: &str) -> usize {
    Path::new(path).components().filter(|part| *part == Component::ParentDir).count()
}

#[test]
fn what_a_published_crate_includes_lies_within_it() {
    let (mut seen, mut outside) = (0, vec![]);
    for folder in published() {
        let src = root().join(&folder).join("src");
        let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).unwrap());
        let texts: Vec<(PathBuf, String)> = sources(&src).into_iter().map(read).collect();
        let of_tests = of_tests(&texts);
        for (source, text) in &texts {
            let within = source.strip_prefix(&src).unwrap();
            let depth = within.components().count();
            let mut names = within.iter().filter_map(|name| name.to_str());
            // A file or a module of tests is built in the repository alone.
            let code = match names.any(|name| of_tests.contains(&name.trim_end_matches(".rs"))) {
                true => "",
                false => text.split("\nmod tests {").next().unwrap(),
            };
            for macro_name in ["include_str!(\"", "include_bytes!(\""] {
                for path in code.split(macro_name).skip(1).filter_map(|rest| rest.split('"').next()) {
                    seen += 1;
                    if above(path) > depth {
                        outside.push(format!("{}: {path}", source.display()));
                    }
                }
            }
        }
    }
    assert!(seen > 12, "{seen} included files were found");
    assert_eq!(outside, Vec::<String>::new());
}

#[test]
fn the_changelog_the_packages_and_the_binary_name_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let workspace = read("Cargo.toml");
    assert!(workspace.contains(&format!("[workspace.package]\nversion = \"{version}\"")));
    // The rooms are one program.
    let rooms: Vec<&str> = workspace.lines().filter(|line| line.starts_with("piton-")).collect();
    assert_eq!(rooms.len() + 1, published().len(), "{rooms:?}");
    for room in rooms {
        assert!(room.ends_with(&format!(", version = \"={version}\" }}")), "{room}");
    }
    // The newest section that was cut is the version's; before the first, there is none.
    let changelog = read("CHANGELOG.md");
    let sections = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let cut: Vec<&str> = sections.skip_while(|section| *section == "Unreleased").collect();
    for section in &cut {
        let (number, date) = section.split_once(" (").expect("## VERSION (YYYY-MM-DD)");
        assert_eq!(number.split('.').count(), 3, "{section}");
        let date = date.strip_suffix(')').expect("## VERSION (YYYY-MM-DD)");
        assert!(date.len() == 10 && date.split('-').count() == 3, "{section}");
    }
    assert!(
        cut.first().is_none_or(|section| section.starts_with(&format!("{version} ("))),
        "{cut:?} against {version}"
    );
    let plugin: serde_json::Value = serde_json::from_str(&read("plugin/.claude-plugin/plugin.json")).unwrap();
    assert_eq!(plugin["version"], version);
    let said = Command::new(env!("CARGO_BIN_EXE_piton")).arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let said: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(said[..2], ["piton", version]);
}

#[test]
fn every_skill_of_the_plugin_has_its_folders_name_and_names_only_commands_that_there_are() {
    let commands = read("docs/commands.md");
    let marketplace: serde_json::Value =
        serde_json::from_str(&read(".claude-plugin/marketplace.json")).unwrap();
    assert_eq!(marketplace["plugins"][0]["source"], "./plugin");
    let served: serde_json::Value = serde_json::from_str(&read("plugin/.mcp.json")).unwrap();
    assert_eq!(served["mcpServers"]["piton"]["args"][0], "mcp");
    let mut seen = 0;
    for entry in fs::read_dir(root().join("plugin/skills")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path().join("SKILL.md")).unwrap();
        assert!(text.starts_with(&format!("---\nname: {name}\ndescription: ")), "{name}");
        for words in text.split("`piton ").skip(1) {
            let command = words.split([' ', '`']).next().unwrap();
            assert!(commands.contains(&format!("## `piton {command}`")), "{name} names piton {command}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} commands were found");
}
