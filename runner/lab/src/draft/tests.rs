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
    assert_eq!(
        all.iter().map(|draft| draft.bench.as_str()).collect::<Vec<_>>(),
        ["speed", "quick-size", "quick"]
    );
    assert_eq!(
        (all[0].figure.clone(), all[0].trust),
        (Figure::Report("criterion", Some("criterion".to_owned())), Trust::Inside)
    );
    assert_eq!(all[0].editable, ["src"]);
    assert_eq!(all[0].makes[0].0, "Cargo.lock");
    // A benchmark of the compiler's own prints what stable cargo cannot run.
    let project = cargo(files, json!([bin, bench]), json!([]));
    let draft = first(&project);
    assert_eq!((draft.bench.as_str(), draft.trust), ("quick-size", Trust::Meter));
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
fn a_benchmark_that_calls_hyperfine_is_measured_by_what_that_reports() {
    let makefile = "sort: sort.c\n\tcc -o $@ $<\nRUNS = 3\nbench: sort\n\t@hyperfine --warmup $(RUNS) './sort 100'\ntest: sort\n\t./sort\n";
    let script = "#!/usr/bin/env bash\nset -e\nexec hyperfine \\\n  './sort 7'\n";
    let other = "#!/bin/sh\necho no hyperfine here\n";
    let all = candidates(&facts(&[
        ("Makefile", makefile),
        ("sort.c", ""),
        ("scripts/bench-sort.sh", script),
        ("scripts/bench-other.sh", other),
    ]));
    let names: Vec<&str> = all.iter().map(|draft| draft.bench.as_str()).collect();
    assert_eq!(names, ["bench", "bench-sort", "sort-size", "sort"]);
    for (draft, line) in all.iter().zip(["make --no-print-directory bench", "bash ./scripts/bench-sort.sh"]) {
        assert_eq!(draft.figure, Figure::Report("hyperfine", Some("hyperfine.json".to_owned())));
        assert_eq!(draft.measure, ["sh", "{sealed}/measure.sh", "{tree}", "{report}"]);
        assert!(draft.script.as_ref().is_some_and(|script| script.ends_with(line)), "{draft:#?}");
        assert_eq!((draft.checks.len(), draft.build.is_some()), (1, true));
    }
    assert_eq!(all[1].locked, ["/scripts/bench-sort.sh"]);
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
    let project = facts(&[("meson.build", meson), ("src/a.c", "")]);
    first(&project);
    assert_eq!(names(&project), ["quick-size", "quick"]);
    let timed = "project('quick', 'c')\nexecutable('quick', 'src/a.c')\nsorting = executable('sorting', 'src/b.c')\nbenchmark('sorts', sorting)\ntest('sorts', sorting)\n";
    let project = facts(&[("meson.build", timed), ("src/a.c", ""), ("src/b.c", "")]);
    let draft = first(&project);
    assert_eq!((draft.bench.as_str(), draft.checks[0].format), ("sorting", "junit"));
}

fn names(facts: &Facts) -> Vec<String> {
    candidates(facts).into_iter().map(|draft| draft.bench).collect()
}

#[test]
fn a_benchmark_of_cmake_that_is_off_is_turned_on_and_what_a_project_carries_along_is_not_its_own() {
    let root = "option(QUICK_BENCHMARKS \"Benchmarks\" OFF)\nadd_executable(quick_benchmark)\ntarget_link_libraries(quick_benchmark benchmark_main)\nadd_test(NAME all COMMAND all)\n";
    let foreign = "add_executable(foreign_bench a.cc)\n";
    let project = facts(&[
        ("CMakeLists.txt", root),
        (".pc/old.patch/CMakeLists.txt", foreign),
        ("third_party/b/CMakeLists.txt", foreign),
        ("quick.cc", ""),
    ]);
    let draft = first(&project);
    assert_eq!(names(&project), ["quick_benchmark"]);
    assert_eq!(draft.figure, Figure::Report("google-benchmark", None));
    assert!(draft.build.unwrap().command[2].contains(" -DQUICK_BENCHMARKS=ON "), "it would not be built");
    assert_eq!((draft.checks[0].name.as_str(), draft.checks[0].format), ("tests", "junit"));
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
    // It is written as it will be once its modules are there.
    assert_eq!(draft.install, [["npm", "install", "--no-package-lock"]]);
    project.ignored.insert("node_modules".to_owned());
    let there = first(&project);
    assert_eq!((&there.install, &there.needs), (&vec![], &vec![]));
    assert_eq!((&there.from_checkout, &there.measure), (&vec!["node_modules".to_owned()], &draft.measure));
}

/// Commands as lines.
fn lines(commands: &[Vec<String>]) -> Vec<String> {
    commands.iter().map(|command| command.join(" ")).collect()
}

#[test]
fn what_is_not_installed_is_installed_by_the_manager_whose_lock_is_there() {
    let package = r#"{"main": "index.js", "devDependencies": {"mitata": "^1"}}"#;
    let files =
        [("package.json", package), ("index.js", ""), ("bench/a.js", "import { run } from 'mitata';\n")];
    for (lock, line) in [
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn install --frozen-lockfile"),
        ("README", "npm install --no-package-lock"),
    ] {
        assert_eq!(lines(&first(&facts(&[&files[..], &[(lock, "")]].concat())).install), [line]);
    }
    // A lock of npm's is obeyed in each build, which needs nothing in the checkout.
    let draft = first(&facts(&[&files[..], &[("package-lock.json", "{}")]].concat()));
    assert_eq!((draft.install.len(), draft.build.unwrap().command[..2].join(" ")), (0, "npm ci".to_owned()));
    // A benchmark with a manifest of its own has modules of its own.
    let own = ("bench/package.json", r#"{"dependencies": {"mitata": "^1"}}"#);
    let root = ("package.json", r#"{"main": "index.js"}"#);
    let draft = first(&facts(&[root, own, files[1], files[2]]));
    assert_eq!(lines(&draft.install), ["npm --prefix bench install --no-package-lock"]);
    assert_eq!(draft.from_checkout, ["bench/node_modules"]);
    // Without the manager nothing can be.
    let mut project = facts(&[&files[..], &[("pnpm-lock.yaml", "")]].concat());
    project.programs.remove("pnpm");
    assert_eq!(first(&project).needs, ["npm install --global pnpm: pnpm is not in PATH"]);
}

#[test]
fn an_environment_of_uv_is_made_with_the_groups_that_hold_what_measures() {
    let groups = "[project]\nname = \"quick\"\n[dependency-groups]\ndev = [\"pytest>=8\"]\nspeed = [\"pytest_benchmark==5\", \"pytest\"]\n";
    let bench = ("tests/test_b.py", "def test_f(benchmark):\n    benchmark(f)\n");
    let files = [("pyproject.toml", groups), ("uv.lock", ""), ("quick/__init__.py", ""), bench];
    let mut project = facts(&files);
    let draft = first(&project);
    assert_eq!(lines(&draft.install), ["uv sync --group speed"], "dev is there by itself");
    assert_eq!(
        (draft.measure[0].as_str(), draft.from_checkout),
        ("{tree}/.venv/bin/python", vec![".venv".to_owned()])
    );
    project.ignored.insert(".venv".to_owned());
    assert_eq!(first(&project).install.len(), 0);
    let extra = "[project]\ndependencies = [\"rich\"]\noptional-dependencies.bench = [\"pytest-benchmark; python_version > '3'\"]\n";
    let draft = first(&facts(&[("pyproject.toml", extra), files[1], files[2], bench]));
    assert_eq!(lines(&draft.install), ["uv sync --extra bench"]);
}

#[test]
fn a_suite_of_asv_is_measured_file_by_file_by_a_script_that_is_sealed() {
    let config = "{\n    // where they lie\n    \"benchmark_dir\": \"asv_bench/suites\",\n}\n";
    let files = [
        ("asv.conf.json", config),
        ("pyproject.toml", ""),
        ("quick/__init__.py", ""),
        ("asv_bench/suites/sorting.py", "class Sorting:\n    def time_sort(self):\n        pass\n"),
        (
            "asv_bench/suites/deep/bench_all.py",
            "def time_all():\n    pass\nif __name__ == '__main__':\n    pass\n",
        ),
        ("asv_bench/suites/memory.py", "def peakmem_all():\n    pass\n"),
    ];
    let project = facts(&files);
    let all = candidates(&project);
    all.iter().for_each(|draft| loads(draft, &project));
    assert_eq!(
        all.iter().map(|draft| draft.bench.as_str()).collect::<Vec<_>>(),
        ["deep.bench_all", "sorting"]
    );
    assert_eq!(
        (all[1].figure.clone(), all[1].trust),
        (Figure::Report("asv", Some("asv.json".to_owned())), Trust::Inside)
    );
    let script = measure_sh(&all[1]).unwrap();
    assert!(
        script.contains("disc_benchmarks(\"suites.sorting\")") && script.contains("\"asv_bench/suites\""),
        "{script}"
    );
    assert!(all[1].locked.contains(&"/asv_bench/suites/".to_owned()));
}

#[test]
fn tests_of_javascript_are_run_without_coverage_and_linters_and_named_where_their_runner_can() {
    let line = |scripts: &str| {
        let package =
            format!(r#"{{"main": "index.js", "scripts": {scripts}, "devDependencies": {{"x": "1"}}}}"#);
        let mut project =
            facts(&[("package.json", &package), ("index.js", ""), ("bench.js", "require('./index.js')\n")]);
        project.ignored.insert("node_modules".to_owned());
        let check = first(&project).checks.into_iter().find(|check| check.name == "tests")?;
        let line = check.command[2].rsplit("\"$0\" && ").next()?.to_owned();
        Some((line.replace("export PATH=\"$PWD/node_modules/.bin:$PATH\" && ", ""), check.format))
    };
    for (scripts, expected) in [
        (r#"{"test": "eslint . && c8 --100 node --test test/"}"#, "node --test --test-reporter=tap test/"),
        (
            r#"{"test": "c8 npm run test:unit && tsd", "test:unit": "tape \"test/*.js\" | faucet"}"#,
            "tape \"test/*.js\"",
        ),
        (
            r#"{"test": "npm run -s lint && npm t2", "lint": "xo", "t2": "mocha -u tdd"}"#,
            "mocha --reporter tap -u tdd",
        ),
        (r#"{"test": "vitest --coverage --watch=false src"}"#, "vitest run --reporter=tap-flat src"),
    ] {
        assert_eq!(line(scripts), Some((expected.to_owned(), "tap")));
    }
    let loader =
        |version: &str| runners::vitest_options(&json!({ "devDependencies": { "vitest": version } })).len();
    assert_eq!(
        ["^4.1.0", "~3.2.4", "^3.1.9", "2", "latest"].map(loader),
        [2, 2, 0, 0, 0],
        "older ones refuse it"
    );
    assert_eq!(line(r#"{"test": "jest"}"#), Some(("jest --ci --watchman=false".to_owned(), "exit")));
    assert_eq!(line(r#"{"test": "echo \"Error: no test specified\" && exit 1"}"#), None);
}

#[test]
fn tests_whose_runner_is_not_installed_are_no_check_and_what_installs_it_is_said() {
    let package =
        r#"{"main": "index.js", "scripts": {"test": "tape test/*.js"}, "devDependencies": {"tape": "5"}}"#;
    let draft = first(&facts(&[
        ("package.json", package),
        ("index.js", ""),
        ("bench.js", "require('./index.js')\n"),
    ]));
    let names: Vec<&str> = draft.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), draft.install.len()),
        (["output"].as_slice(), 0),
        "it can be measured without"
    );
    assert_eq!(lines(&draft.tests_need), ["npm install --no-package-lock"]);
}

#[test]
fn a_bundle_is_measured_by_the_size_of_the_file_that_the_manifest_names_and_no_commit_holds() {
    let package = r#"{"main": "./dist/quick.cjs", "exports": {"types": "./index.d.ts", "import": "./dist/quick.mjs"},
        "scripts": {"build": "npm run lint && rollup -c && npm run size", "test": "mocha"}, "devDependencies": {"rollup": "4"}}"#;
    let files = [("package.json", package), ("src/index.js", "")];
    let mut project = facts(&files);
    project.ignored.insert("node_modules".to_owned());
    let draft = first(&project);
    assert_eq!(
        (draft.bench.as_str(), draft.figure.clone()),
        ("bundle-size", Figure::Meter("artifact_bytes"))
    );
    let build = draft.build.unwrap();
    assert_eq!(build.artifact.unwrap(), "{target}/tree/dist/quick.cjs");
    assert!(build.command[2].ends_with(" && rollup -c"), "neither lint nor size: {:?}", build.command);
    assert!(draft.checks[0].command[2].contains("{ rollup -c; } >&2 && mocha"), "{:?}", draft.checks);
    // What is committed is no build's.
    let committed = [&files[..], &[("dist/quick.cjs", ""), ("dist/quick.mjs", "")]].concat();
    assert!(candidates(&facts(&committed)).iter().all(|draft| draft.bench != "bundle-size"));
    // A benchmark that loads it has it built first.
    let bench = ("bench.js", "const quick = require('./dist/quick.cjs')\n");
    let draft = first(&facts(&[&files[..], &[bench]].concat()));
    assert_eq!(draft.bench, "bench");
    assert!(draft.build.unwrap().command[2].ends_with(" && rollup -c"));
}

#[test]
fn of_a_script_that_asks_the_clock_when_to_end_no_time_is_taken() {
    let bench = ("bench.js", "require('./index.js')\nlet n = 0\nwhile (Date.now() - t < 1000) n++\n");
    let draft = first(&facts(&[("package.json", r#"{"main": "index.js"}"#), ("index.js", ""), bench]));
    assert!(draft.needs.iter().any(|need| need.contains("runs for a fixed time")), "{:?}", draft.needs);
    assert!(measure_sh(&draft).unwrap().contains("exit 1"));
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
    assert_eq!((draft.editable, draft.preset), (vec!["train.py".to_owned()], Some("training")));
    let draft = first(&facts(&[("query.sql", "select 1;"), ("data.sqlite", "x")]));
    assert_eq!(draft.editable, ["query.sql"]);
    // Tables before what fills them, whatever they are called; what makes them is no query.
    let scripts = [
        ("a.sql", "INSERT INTO t VALUES (1);"),
        ("b.sql", "CREATE TABLE t (n);"),
        ("top.sql", "SELECT max(n) FROM t;"),
    ];
    let project = facts(&scripts);
    assert_eq!(names(&project), ["top"]);
    let script = measure_sh(&first(&project)).unwrap();
    assert!(
        script.contains(":memory: \".read '$2/b.sql'\" \".read '$2/a.sql'\" '.stats vmstep'"),
        "{script}"
    );
}

#[test]
fn a_training_script_is_told_what_it_computes_on_and_opened_what_it_prepared() {
    let prints = "print(f'val_bpb: {loss}')\nprint(f'peak_vram_mb: {m}')\n";
    let train = |device: &str| format!("{device}\n{prints}");
    let prepare = ("prepare.py", "DIR = os.path.join(os.path.expanduser('~'), '.cache', 'autoresearch')\n");
    let of = |device: &str, nvidia: bool| {
        let text = train(device);
        first(&Facts { nvidia, ..facts(&[("train.py", &*text), prepare]) })
    };
    let here = of("torch.device('cuda')", true);
    let text = piton_toml(&here, &facts(&[]));
    for line in [
        "devices = [\"nvidia\"]",
        "read = [\"~/.cache/autoresearch\",",
        "memory = \"peak_vram_mb\"",
        "budget = \"wall\"",
        "metric = \"total_seconds\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(here.needs.is_empty() && piton_system::config::Config::parse_new(&text).is_ok(), "{text}");
    assert!(of("torch.device('cuda')", false).needs[0].contains("no card of NVIDIA's is here"));
    assert!(of("import mlx.core as mx", true).needs[0].contains("on a Mac"));
    let cpu = of("device = 'cuda' if there else 'cpu'", false);
    assert!(cpu.needs.is_empty() && cpu.budget == Some("cpu") && cpu.kind.contains("CUDA, the CPU"));
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
