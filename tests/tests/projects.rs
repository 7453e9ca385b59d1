//! `piton init` in published projects, which `.ci/projects` fetches: one that is not there is skipped, and said to be.
//!
//! What is asserted is what was found, that the try measures, and verdicts that no timing decides.

use piton_tests::projects::{begun, busy, installed, piton, project};
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
