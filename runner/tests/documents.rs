//! Whoever follows a document finds the file that it names.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents of the repository: those at its root and those below `docs`.
fn documents() -> Vec<PathBuf> {
    let within = |dir: PathBuf| fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let all = within(root()).chain(within(root().join("docs")));
    all.filter(|path| path.extension().is_some_and(|e| e == "md")).collect()
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
    let (mut seen, mut missing) = (0, vec![]);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for word in text.split('`').skip(1).step_by(2).filter(|word| path_like(word)) {
            seen += 1;
            // An agent's own name stands for each of them.
            if !root().join(word).exists() && !word.contains("NAME") {
                missing.push(format!("{}: {word}", document.display()));
            }
        }
    }
    assert!(seen > 30, "{seen} paths were found");
    assert_eq!(missing, Vec::<String>::new());
}
