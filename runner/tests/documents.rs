//! Whoever follows a document finds the file that it names.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn within(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path()).collect()
}

/// The documents of the repository: those at its root and those below `docs`.
fn documents() -> Vec<PathBuf> {
    let all = within(&root()).into_iter().chain(within(&root().join("docs")));
    all.filter(|path| path.extension().is_some_and(|e| e == "md")).collect()
}

/// All sources below `dir`, but for what was built.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    within(dir)
        .into_iter()
        .flat_map(|path| match path.is_dir() {
            true if name(&path) == "target" || name(&path).starts_with('.') => vec![],
            true => sources(&path),
            false if name(&path).ends_with(".rs") => vec![path],
            false => vec![],
        })
        .collect()
}

/// Whether it reads like a path of a file in this repository: a folder of its root, and an ending.
fn path_like(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let (folder, rest) = word.split_once('/').unwrap_or_default();
    let ends = [".rs", ".toml", ".md", ".js", ".css"].iter().any(|ending| rest.ends_with(ending));
    plain && ends && !folder.is_empty() && !folder.starts_with('.') && root().join(folder).is_dir()
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let (mut seen, mut missing, sources) = (0, vec![], sources(&root()));
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let there = match (path_like(word), word.strip_suffix(".rs")) {
                // An agent's own name stands for each of them.
                (true, _) => word.contains("NAME") || root().join(word).exists(),
                (false, Some(stem)) if !stem.contains(char::is_whitespace) => {
                    sources.iter().any(|path| path.ends_with(word))
                }
                (false, _) => continue,
            };
            seen += 1;
            if !there {
                missing.push(format!("{}: {word}", document.display()));
            }
        }
    }
    assert!(seen > 60, "{seen} paths were found");
    assert_eq!(missing, Vec::<String>::new());
}
