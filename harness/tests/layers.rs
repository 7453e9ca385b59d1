//! Modules stand in one order and import only upwards.

use std::fs;
use std::path::{Path, PathBuf};

fn source(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).join(path)
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules of the library, in the order in which it declares them.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(source("lib.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

#[test]
fn no_module_imports_one_that_is_declared_after_it() {
    let modules = modules();
    assert!(modules.len() > 10, "the list was read");
    for (i, module) in modules.iter().enumerate() {
        let files = if source(module).is_dir() {
            rust_files(&source(module))
        } else {
            vec![source(&format!("{module}.rs"))]
        };
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for later in &modules[i + 1..] {
                    assert!(!line.contains(&format!("crate::{later}")), "{}: {line}", file.display());
                }
            }
        }
    }
}

#[test]
fn no_file_is_too_long_to_be_read_in_a_sitting() {
    for file in rust_files(&source("")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines < 300, "{}: {lines} lines", file.display());
    }
}
