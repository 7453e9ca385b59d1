use super::*;
use serde_json::json;

/// Facts of a directory that holds these files.
fn facts(files: &[(&str, &str)]) -> Facts {
    Facts {
        name: "project".to_owned(),
        at: "/w".to_owned(),
        files: files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64)).collect(),
        texts: files
            .iter()
            .filter(|(path, _)| tells(path))
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
        programs: PROGRAMS.iter().map(|name| (*name).to_owned()).collect(),
        modules: MODULES.iter().map(|name| (*name).to_owned()).collect(),
        ..Facts::default()
    }
}

/// What a draft comes to has to load as an experiment, and its scope has to fit what is there.
fn loads(draft: &Draft, facts: &Facts) {
    let text = piton_toml(draft, facts);
    let config = piton_system::config::Config::parse_new(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let held: Vec<(String, u32, u64)> = facts
        .files
        .iter()
        .filter(|(path, _)| config.scope.contains(path))
        .map(|(path, bytes)| (path.clone(), 0o100_644, *bytes))
        .collect();
    assert_eq!(config.scope.unfit(&held, "piton.toml"), Vec::<String>::new(), "{text}");
    // A program that is edited whole is what is measured: it says its figure itself, and the draft says so.
    let itself = config.scope.measures_itself(&config.measure.command, "");
    assert!(itself.is_empty() || draft.trust == Trust::Printed, "{itself:?} {text}");
}

fn first(facts: &Facts) -> Draft {
    let all = candidates(facts);
    all.iter().for_each(|draft| loads(draft, facts));
    all.into_iter().next().expect("there is always one")
}

fn cargo(facts: Facts, targets: serde_json::Value, dependencies: serde_json::Value) -> Facts {
    let package = json!({ "name": "quick", "manifest_path": "/w/Cargo.toml", "targets": targets, "dependencies": dependencies });
    Facts { cargo: Some(json!({ "workspace_root": "/w", "packages": [package] })), ..facts }
}

#[test]
fn a_cargo_package_is_measured_by_its_benchmark_before_its_program() {
    let lib = json!({ "kind": ["lib"], "name": "quick", "src_path": "/w/src/lib.rs" });
    let bin = json!({ "kind": ["bin"], "name": "quick", "src_path": "/w/src/main.rs" });
    let bench = json!({ "kind": ["bench"], "name": "speed", "src_path": "/w/benches/speed.rs" });
    let files = facts(&[
        ("Cargo.toml", ""),
        ("src/lib.rs", "pub fn f() {}"),
        ("src/main.rs", "fn main() {}"),
        ("benches/speed.rs", "use criterion::Criterion;"),
    ]);
    let criterion = json!([{ "name": "criterion" }]);
    let project = cargo(files.clone(), json!([lib, bin, bench]), criterion);
    let all = candidates(&project);
    assert_eq!(all.iter().map(|draft| draft.bench.as_str()).collect::<Vec<_>>(), ["speed", "quick"]);
    assert_eq!(
        (all[0].figure.clone(), all[0].trust),
        (Figure::Report("criterion", Some("criterion".to_owned())), Trust::Inside)
    );
    assert_eq!(all[0].editable, ["src"]);
    assert_eq!(all[0].makes[0].0, "Cargo.lock");
    // A benchmark of the compiler's own prints what stable cargo cannot run.
    let project = cargo(files, json!([bin, bench]), json!([]));
    let draft = first(&project);
    assert_eq!((draft.bench.as_str(), draft.trust), ("quick", Trust::Meter));
    assert_eq!(draft.build.unwrap().artifact.unwrap(), "{target}/release/quick");
}

#[test]
fn a_benchmark_of_a_package_of_its_own_measures_the_packages_that_it_uses() {
    let engine = json!({ "name": "engine", "manifest_path": "/w/engine/Cargo.toml", "dependencies": [],
        "targets": [{ "kind": ["lib"], "name": "engine", "src_path": "/w/engine/src/lib.rs" }] });
    let benches = json!({ "name": "engine-bench", "manifest_path": "/w/bench/Cargo.toml",
        "dependencies": [{ "name": "engine", "path": "/w/engine" }, { "name": "divan" }],
        "targets": [{ "kind": ["bench"], "name": "all", "src_path": "/w/bench/benches/all.rs" }] });
    let mut project =
        facts(&[("engine/src/lib.rs", ""), ("bench/benches/all.rs", "fn main() { divan::main(); }")]);
    project.cargo = Some(json!({ "workspace_root": "/w", "packages": [benches, engine] }));
    let all = candidates(&project);
    assert_eq!(all[0].editable, ["engine/src"]);
    assert_eq!(all[0].figure, Figure::Report("divan", None));
}

#[test]
fn a_python_project_is_measured_by_its_benchmarks_then_its_scripts_then_its_tests() {
    let test = ("tests/test_core.py", "def test_f():\n    pass\n");
    let package = [("pyproject.toml", ""), ("src/quick/__init__.py", ""), test];
    let draft = first(&facts(&package));
    assert_eq!((draft.bench.as_str(), draft.editable), ("tests", vec!["src/quick".to_owned()]));
    let script = ("benchmarks/bench_core.py", "if __name__ == '__main__':\n    pass\n");
    let draft = first(&facts(&[&package[..], &[script]].concat()));
    assert_eq!(draft.measure, ["python3", "{tree}/benchmarks/bench_core.py"]);
    assert!(draft.env.contains(&("PYTHONPATH".to_owned(), "{tree}/src".to_owned())));
    let bench = ("tests/test_bench.py", "def test_f(benchmark):\n    benchmark(f)\n");
    let project = facts(&[&package[..], &[script, bench]].concat());
    let all = candidates(&project);
    let names: Vec<&str> = all.iter().map(|draft| draft.bench.as_str()).collect();
    assert_eq!(names, ["test_bench", "bench_core"]);
    assert!(matches!(all[0].figure, Figure::Report("pytest-benchmark", Some(_))));
}

#[test]
fn an_environment_in_the_checkout_is_the_one_that_runs_it() {
    let mut project = facts(&[("pyproject.toml", ""), ("quick/__init__.py", ""), ("bench.py", "")]);
    project.ignored.insert(".venv".to_owned());
    let draft = first(&project);
    assert_eq!(draft.measure, ["{tree}/.venv/bin/python", "{tree}/bench.py"]);
    assert_eq!((draft.from_checkout, draft.editable), (vec![".venv".to_owned()], vec!["quick".to_owned()]));
    // The system's Python is taken where it has what the first in PATH lacks, and never before the project's own.
    project.system_python = Some("/usr/bin/python3".to_owned());
    assert_eq!(first(&project).measure[0], "{tree}/.venv/bin/python");
    project.ignored.clear();
    assert_eq!(first(&project).measure[0], "/usr/bin/python3");
}

#[test]
fn a_makefile_is_measured_by_its_benchmark_and_what_that_needs_is_built_before() {
    let text = "CC ?= cc\nall: quick\n\nquick: quick.c\n\t$(CC) -O2 -o quick quick.c\n\nbench: quick input.txt\n\t./quick input.txt\n.PHONY: all bench check\ncheck: quick\n\t./quick --test\n";
    let project =
        facts(&[("Makefile", text), ("quick.c", "int main() {}"), ("bench.c", ""), ("input.txt", "x")]);
    let draft = first(&project);
    assert_eq!(draft.build.unwrap().command, ["make", "-C", "{tree}", "quick", "input.txt"]);
    assert_eq!((draft.bench.as_str(), draft.editable), ("bench", vec!["quick.c".to_owned()]));
    assert!(draft.checks[0].command[2].ends_with(" check"));
    // Without one, the program is what there is: by its size, then by its time.
    let project =
        facts(&[("Makefile", "kilo: kilo.c\n\t$(CC) -o kilo kilo.c\n\nclean:\n\trm kilo\n"), ("kilo.c", "")]);
    let all = candidates(&project);
    assert_eq!(all.iter().map(|draft| draft.bench.as_str()).collect::<Vec<_>>(), ["kilo-size", "kilo"]);
    assert_eq!(all[0].figure, Figure::Meter("artifact_bytes"));
    first(&project);
}

#[test]
fn a_program_of_cmake_or_meson_is_found_by_its_name() {
    let lists = "project(quick)\nfind_package(benchmark REQUIRED)\nadd_library(quick src/a.cc)\nadd_executable(quick_bench bench/b.cc)\n";
    let project = facts(&[("CMakeLists.txt", lists), ("src/a.cc", ""), ("bench/b.cc", "")]);
    let draft = first(&Facts { ..project.clone() });
    assert_eq!(
        (draft.bench.as_str(), draft.figure),
        ("quick_bench", Figure::Report("google-benchmark", None))
    );
    let meson = "project('quick', 'c')\nexecutable('quick', 'src/a.c')\n";
    let draft = first(&facts(&[("meson.build", meson), ("src/a.c", "")]));
    assert_eq!((draft.bench.as_str(), draft.trust), ("quick", Trust::Meter));
}

#[test]
fn a_javascript_package_is_measured_by_the_script_that_benchmarks_it() {
    let package = r#"{"name": "quick", "main": "index.js", "scripts": {"test": "node --test"}, "devDependencies": {"tinybench": "^2"}}"#;
    let bench = (
        "bench/run.mjs",
        "import { Bench } from 'tinybench';\nimport f from '../index.js';\nconsole.table(bench.table());\n",
    );
    let mut project = facts(&[("package.json", package), ("index.js", ""), bench]);
    let draft = first(&project);
    assert_eq!((draft.bench.as_str(), draft.editable.clone()), ("run", vec!["index.js".to_owned()]));
    assert!(draft.needs[0].starts_with("npm install"), "{:?}", draft.needs);
    project.ignored.insert("node_modules".to_owned());
    let draft = first(&project);
    assert_eq!((draft.from_checkout, draft.needs), (vec!["node_modules".to_owned()], vec![]));
}

#[test]
fn a_go_module_is_measured_by_the_benchmarks_of_a_package() {
    let test = ("match_test.go", "package match\n\nfunc BenchmarkMatch(b *testing.B) {}\n");
    let project =
        facts(&[("go.mod", "module example.org/match\n"), ("match.go", ""), ("deep/a.go", ""), test]);
    let draft = first(&project);
    assert_eq!(draft.editable, ["deep", "match.go"]);
    assert_eq!((draft.bench.as_str(), draft.figure), ("match", Figure::Report("go", None)));
    assert!(draft.build.unwrap().fetch.is_empty(), "it needs no other module");
}

#[test]
fn a_training_script_and_a_query_are_known_by_what_lies_beside_them() {
    let train = ("train.py", "print(f'val_bpb: {loss:.4f}')\n");
    let draft = first(&facts(&[train, ("prepare.py", ""), ("pyproject.toml", "")]));
    assert_eq!((draft.editable, draft.preset), (vec!["train.py".to_owned()], Some("provisional")));
    let draft = first(&facts(&[("query.sql", "select 1;"), ("data.sqlite", "x")]));
    assert_eq!(draft.editable, ["query.sql"]);
}

#[test]
fn of_what_nothing_is_known_the_draft_says_so_and_what_to_do() {
    let draft = candidates(&facts(&[("README", "")])).remove(0);
    assert!(draft.needs.iter().any(|need| need.contains("measure.sh")), "{:?}", draft.needs);
    assert!(measure_sh(&draft).unwrap().contains("exit 1"));
}

#[test]
fn a_scope_has_room_for_what_is_there() {
    let mut project = facts(&[("package.json", "{\"scripts\": {\"bench\": \"node b\"}}"), ("bench.js", "")]);
    project.files.extend((0..600).map(|n| (format!("lib/{n}.js"), 4000)));
    project.files.insert("lib/large.js".to_owned(), 2 << 20);
    let draft = first(&project);
    let scope = draft.scope(&project);
    assert_eq!((scope.max_files, scope.max_file_bytes), (901, 3 << 20));
}
