//! `piton init` in published projects, which `.ci/projects` fetches: one that is not there is skipped, and said to be.
//!
//! What is asserted is what was found, that the try measures, and verdicts that no timing decides.

use std::process::Command;

use piton_tests::projects::{begun, busy, installed, piton, project, with_vitest};
use piton_tests::{Said, Scratch};

/// A run on a machine that is busy with other tests.
fn run(scratch: &Scratch) {
    busy(scratch);
    let said = piton(scratch, &["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
}

/// An edit, and what `piton trial` said of it.
fn trial(scratch: &Scratch, path: &str, from: &str, to: &str) -> Said {
    let text = scratch.read(path);
    assert!(text.contains(from), "{from} in {path}");
    scratch.write(path, &text.replacen(from, to, 1));
    piton(scratch, &["trial", "-m", "planted", "--wait", "10m"])
}

#[test]
fn a_crate_with_criterion_is_measured_by_all_its_benchmarks() {
    let Some(itoa) = project("itoa", &[(".gitignore", "target\n")]) else { return };
    let report = begun(&itoa, &[]);
    assert_eq!((&report["bench"], &report["needs"]), (&"bench".into(), &serde_json::json!([])), "{report}");
    assert!(itoa.read("piton.toml").contains("editable = [\"src\"]"));
}

/// No crate that was looked at is published with a benchmark of divan.
const DIVAN: &str = "fn main() {\n    divan::main();\n}\n\n#[divan::bench(args = [0, 4_294_967_295, 18_446_744_073_709_551_615])]\nfn digits(bencher: divan::Bencher, number: u64) {\n    let mut buffer = itoa::Buffer::new();\n    bencher.bench_local(move || buffer.format(divan::black_box(number)).len());\n}\n";

#[test]
fn a_crate_with_divan_is_measured_by_what_that_prints() {
    let Some(itoa) = project("itoa", &[("benches/digits.rs", DIVAN), (".gitignore", "target\n")]) else {
        return;
    };
    let manifest = "\n[[bench]]\nname = \"digits\"\npath = \"benches/digits.rs\"\nharness = false\n\n[dev-dependencies.divan]\nversion = \"0.1.21\"\n";
    itoa.write("Cargo.toml", &(itoa.read("Cargo.toml") + manifest));
    std::fs::remove_file(itoa.path().join("Cargo.lock")).expect("it is published with one");
    itoa.commit("a benchmark of divan");
    let report = begun(&itoa, &["--bench", "digits"]);
    assert_eq!((&report["bench"], &report["needs"]), (&"digits".into(), &serde_json::json!([])));
    assert_eq!(report["wrote"], serde_json::json!(["piton.toml", "program.md", "Cargo.lock"]));
    let measured = report["tried"]["measured"].as_str().unwrap_or_default();
    assert!(measured.starts_with("geomean ") && measured.contains("checked tests"), "{report}");
}

#[test]
fn a_program_of_a_makefile_is_measured_by_its_size_and_an_edit_of_it_gets_a_verdict() {
    let Some(figlet) = project("figlet", &[]) else { return };
    let report = begun(&figlet, &["--bench", "figlet-size"]);
    assert_eq!(report["needs"], serde_json::json!([]));
    run(&figlet);
    let said = trial(&figlet, "figlet.c", "int main(", "int main(\n  no luck\n");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("figlet.c:"), "{said:?}");
    figlet.git(&["checkout", "--quiet", "--", "."]);
    let said = trial(&figlet, "figlet.c", "int main(", "/* nothing */ int main(");
    assert_ne!(said.status, 0, "a comment is no gain: {said:?}");
}

#[test]
fn a_script_of_a_python_package_is_measured_by_its_time() {
    // The repository has it, and the published archive does not.
    let Some(mistune) = project("mistune", &[("README.md", "# mistune\n")]) else { return };
    let report = begun(&mistune, &[]);
    assert_eq!(report["kind"], "the Python script benchmark/bench.py");
}

#[test]
fn a_go_module_is_measured_by_its_benchmarks_and_its_tests_hold_an_edit() {
    let Some(uniseg) = project("golang-github-rivo-uniseg", &[]) else { return };
    if !installed(&["go"]) {
        return;
    }
    begun(&uniseg, &[]);
    run(&uniseg);
    let said = trial(&uniseg, "step.go", "package uniseg", "package uniseg\n\nvar unused int = \"no luck\"");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("step.go:"), "{said:?}");
}

#[test]
fn a_package_with_tinybench_is_measured_by_what_that_prints() {
    let Some(json) = project("secure-json-parse", &[(".gitignore", "node_modules\n")]) else { return };
    let report = begun(&json, &["--bench", "valid"]);
    assert_eq!(report["kind"], "the benchmark benchmarks/valid.js, which uses tinybench");
    assert!(json.read("piton.toml").contains("from_checkout = [\"benchmarks/node_modules\"]"));
}

#[test]
fn of_a_benchmark_that_runs_for_a_fixed_time_and_has_no_reader_no_time_is_taken() {
    let Some(levenshtein) = project("fastest-levenshtein", &[]) else { return };
    let said = piton(&levenshtein, &["init", "--no-try"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("bench.js uses benchmark, which runs for a fixed time"), "{said:?}");
    assert!(
        !levenshtein.read("piton.toml").contains("{tree}/bench.js"),
        "{}",
        levenshtein.read("piton.toml")
    );
}

#[test]
fn a_package_with_pytest_benchmark_is_measured_by_it_and_checked_by_its_tests() {
    let Some(cerberus) = project("Cerberus", &[]) else { return };
    let report = begun(&cerberus, &[]);
    let kind = "the benchmarks of pytest-benchmark in cerberus/benchmarks/test_overall_performance_1.py";
    assert_eq!((&report["kind"], &report["needs"]), (&kind.into(), &serde_json::json!([])));
    let measured = report["tried"]["measured"].as_str().unwrap_or_default();
    assert!(measured.contains("checked tests: 241 tests"), "{measured}");
}

#[test]
fn a_suite_of_asv_is_measured_in_the_tree_and_checked_by_the_projects_tests() {
    let Some(xdsl) = project("xdsl", &[]) else { return };
    let report = begun(&xdsl, &["--bench", "lexer"]);
    assert_eq!(
        (&report["kind"], &report["needs"]),
        (&"the benchmarks of asv in benchmarks/lexer.py".into(), &serde_json::json!([]))
    );
    assert_eq!(report["wrote"], serde_json::json!(["piton.toml", "measure.sh", "program.md"]));
    let measured = report["tried"]["measured"].as_str().unwrap_or_default();
    assert!(measured.contains("checked tests: 78 tests"), "{measured}");
}

#[test]
fn of_a_project_of_uv_without_an_environment_the_command_that_makes_it_is_said_or_run() {
    let Some(snapshot) = project("inline-snapshot", &[]) else { return };
    let said = piton(&snapshot, &["init", "--json"]);
    let report = said.json();
    let need = report["needs"][0].as_str().unwrap_or_default();
    assert!(need.starts_with("uv sync --group benchmark: "), "{report}");
    assert_eq!((said.status, &report["tried"]), (0, &serde_json::Value::Null), "nothing can be tried before");
    assert!(!snapshot.path().join(".venv").exists(), "nothing is installed unasked");
    let before = snapshot.read("piton.toml");
    for name in ["piton.toml", "measure.sh", "program.md"] {
        std::fs::remove_file(snapshot.path().join(name)).expect("it was written");
    }
    let report = piton(&snapshot, &["init", "--json", "--install", "--no-try"]).json();
    assert_eq!(
        (&report["installed"], &report["needs"]),
        (&serde_json::json!(["uv sync --group benchmark"]), &serde_json::json!([])),
        "{report}"
    );
    assert_eq!(snapshot.read("piton.toml"), before, "it was written as it is once that is there");
    let python =
        Command::new(snapshot.path().join(".venv/bin/python")).args(["-c", "import asv_runner"]).status();
    assert!(python.expect("python starts").success());
}

#[test]
#[ignore = "mitata takes 16 s of a processor for a sample of these, and cannot be told to take less"]
fn benchmarks_of_mitata_in_groups_are_measured_by_what_that_prints() {
    let Some(redact) = project("redact", &[(".gitignore", "node_modules\n")]) else { return };
    let report = begun(&redact, &[]);
    assert_eq!(report["kind"], "the benchmark benchmarks/basic.js, which uses mitata");
    assert!(redact.read("piton.toml").contains("node --test --test-reporter=tap"), "{report}");
}

#[test]
fn a_package_with_mitata_is_set_up_with_its_own_modules_and_tests() {
    let Some(redact) = project("redact", &[(".gitignore", "node_modules\n")]) else { return };
    let said = piton(&redact, &["init", "--no-try"]);
    assert_eq!(said.status, 0, "{said:?}");
    let text = redact.read("piton.toml");
    for line in
        ["format = \"mitata\"", "from_checkout = [\"node_modules\"]", "node --test --test-reporter=tap"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn modules_that_pnpm_links_are_installed_when_asked_and_reach_a_tree_that_is_measured() {
    let Some(files) = with_vitest() else { return };
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let Some(levenshtein) = project("fastest-levenshtein", &files) else { return };
    let report = begun(&levenshtein, &["--install", "--bench", "distance"]);
    assert_eq!(
        (&report["installed"], &report["kind"]),
        (
            &serde_json::json!(["pnpm install --frozen-lockfile"]),
            &"the benchmark bench/distance.bench.mjs, which uses vitest".into()
        )
    );
    let linked =
        std::fs::symlink_metadata(levenshtein.path().join("node_modules/vitest")).expect("it is there");
    assert!(linked.is_symlink());
    let measured = report["tried"]["measured"].as_str().unwrap_or_default();
    assert!(measured.contains("checked tests: 4 tests"), "{measured}");
}

#[test]
fn a_bundle_is_measured_by_its_size_and_tests_that_load_it_have_it_built() {
    // What Debian leaves out of the published tree.
    let more = [("cjs/package.json", "{\"type\":\"commonjs\"}\n"), (".gitignore", "node_modules\n")];
    let Some(flatted) = project("node-flatted", &more) else { return };
    let report = begun(&flatted, &[]);
    assert_eq!(report["kind"], "the size of min.js, which the package's build makes");
    let measured = report["tried"]["measured"].as_str().unwrap_or_default();
    assert!(measured.starts_with("artifact_bytes 1474 bytes; checked tests"), "{measured}");
}

#[test]
fn tests_that_cannot_run_before_an_install_are_named_with_what_installs_them() {
    let Some(json) = project("secure-json-parse", &[(".gitignore", "node_modules\n")]) else { return };
    let said = piton(&json, &["init", "--no-try", "--bench", "valid"]);
    assert!(said.out.contains("npm install --no-package-lock installs it"), "{said:?}");
}

#[test]
fn a_program_of_a_cargo_package_is_measured_by_its_size_where_nobody_said_on_what_it_works() {
    let Some(tac) = project("tac", &[(".gitignore", "target\n")]) else { return };
    let report = begun(&tac, &[]);
    assert_eq!(
        (&report["bench"], &report["others"], &report["needs"]),
        (&"tac-size".into(), &serde_json::json!(["tac"]), &serde_json::json!([]))
    );
}

#[test]
fn a_program_built_by_meson_is_measured_and_its_tests_are_the_check() {
    let Some(serd) = project("serd", &[]) else { return };
    if !installed(&["meson", "ninja"]) {
        return;
    }
    let report = begun(&serd, &[]);
    assert_eq!((&report["bench"], &report["needs"]), (&"serdi-size".into(), &serde_json::json!([])));
    assert!(
        report["tried"]["measured"].as_str().is_some_and(|said| said.contains("checked tests: ")),
        "{report}"
    );
}

#[test]
fn a_google_benchmark_built_by_cmake_is_measured_and_the_projects_tests_are_the_check() {
    let Some(snappy) = project("snappy", &[]) else { return };
    if !installed(&["cmake", "c++"]) {
        return;
    }
    let report = begun(&snappy, &[]);
    assert_eq!((&report["bench"], &report["needs"]), (&"snappy_benchmark".into(), &serde_json::json!([])));
    assert!(
        report["tried"]["measured"].as_str().is_some_and(|said| said.contains("checked tests: 1 test")),
        "{report}"
    );
}

/// No project that was looked at is published with a script that calls hyperfine.
const CALLS_HYPERFINE: (&str, &str) = (
    "bench.sh",
    "#!/bin/sh\nset -e\nfonts=./fonts\nhyperfine --shell none --warmup 2 --runs 20 --export-json times.json \\\n  \"./figlet -d $fonts $(seq -s ' ' 400)\" \"./figlet -d $fonts hello\"\n",
);

#[test]
fn a_script_that_calls_hyperfine_is_measured_by_what_that_reports() {
    let Some(figlet) = project("figlet", &[CALLS_HYPERFINE]) else { return };
    if !installed(&["hyperfine"]) {
        return;
    }
    let report = begun(&figlet, &[]);
    assert_eq!((&report["bench"], &report["needs"]), (&"bench".into(), &serde_json::json!([])));
    assert!(
        report["tried"]["measured"].as_str().is_some_and(|said| said.starts_with("geomean ")),
        "{report}"
    );
    assert!(!figlet.path().join("times.json").exists());
}

/// Stands in for repositories of queries, of which no registry has one.
const QUERY: [(&str, &str); 3] = [
    ("schema.sql", "CREATE TABLE track (id INTEGER PRIMARY KEY, album INTEGER);\n"),
    (
        "seed.sql",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO track SELECT i, i % 100 FROM n;\n",
    ),
    (
        "queries/top.sql",
        "SELECT a.album, count(*) FROM track a JOIN track b ON a.album = b.album AND +b.id < 200 GROUP BY a.album;\n",
    ),
];

#[test]
fn a_query_beside_scripts_is_measured_by_its_steps_and_hides_none_of_them() {
    if !installed(&["sqlite3"]) {
        return;
    }
    let query = Scratch::empty();
    QUERY.iter().for_each(|(path, text)| query.write(path, text));
    query.git(&["init", "--quiet", "--initial-branch=main"]);
    query.git(&["config", "user.name", "t"]);
    query.git(&["config", "user.email", "t@example.org"]);
    query.commit("a query");
    begun(&query, &[]);
    run(&query);
    let sql = QUERY[2].1;
    let from = sql.trim_end();
    // The answer is the same, and a part of the work goes before it.
    let two = format!("SELECT 'VM-steps: 1' WHERE 0; CREATE TEMP TABLE t AS {from}\nSELECT * FROM t;");
    let said = trial(&query, "queries/top.sql", from, &two);
    assert_eq!(said.status, 10, "work in a statement of its own is work: {said:?}");
    let said = trial(&query, "queries/top.sql", from, &format!(".stats off\n{from}"));
    assert_ne!(said.status, 0, "the count cannot be turned off: {said:?}");
    query.git(&["checkout", "--quiet", "--", "."]);
    let said = trial(&query, "queries/top.sql", "count(*)", "count(*) + 1");
    assert!(said.out.contains("check failed: same answer"), "{said:?}");
    let said = trial(&query, "queries/top.sql", "+b.id", "b.id");
    assert_eq!(said.status, 0, "its key finds the rows: {said:?}");
}
