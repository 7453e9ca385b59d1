//! Piton's own meters, by trials of the real binary: what an edit prints has no part in them.

use piton_tests::{Said, Scratch};

/// What is edited keeps a processor busy, in steps of a loop.
const STEPS: u32 = 60_000;

fn experiment(meter: &str, more: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    let config = format!(
        r#"name = "metered"
[metric]
meter = "{meter}"
[scope]
editable = ["src"]
[rule]
recheck = "off"
[measure]
command = ["sh", "{{tree}}/bench.sh", "{{tree}}"]
timeout_s = 20
{more}[machine]
steal_pct = 100
pressure_pct = 100
"#
    );
    scratch.write("piton.toml", &config);
    scratch.write("bench.sh", "sh \"$1/src/work.sh\"\n");
    scratch.write("src/work.sh", &work(STEPS));
    scratch.commit("an experiment that piton meters");
    let said = scratch.piton(&["baseline", "--run", "t"]);
    assert_eq!(said.status, 0, "{said:?}");
    scratch
}

fn work(steps: u32) -> String {
    format!("i=0\nwhile [ $i -lt {steps} ]; do i=$((i + 1)); done\n")
}

fn trial(scratch: &Scratch, code: &str, what: &str) -> Said {
    scratch.write("src/work.sh", code);
    scratch.piton(&["trial", "-m", what, "--json"])
}

#[test]
fn time_on_a_processor_keeps_a_real_gain_and_neither_a_lie_nor_a_loss() {
    let scratch = experiment("cpu_s", "");
    let loss = trial(&scratch, &work(STEPS * 3), "three times the work");
    assert_eq!(loss.status, 10, "{loss:?}");
    let lie = format!("echo '{{\"cpu_s\": 0.000001}}'\necho 'METRIC cpu_s=0.000001'\n{}", work(STEPS * 2));
    let lie = trial(&scratch, &lie, "twice the work, and a figure of its own");
    assert_eq!(lie.status, 10, "{lie:?}");
    let gain = trial(&scratch, &work(STEPS / 10), "a tenth of the work");
    assert_eq!(gain.status, 0, "{gain:?}");
    let measured = &gain.json()["metrics"];
    assert!(measured["cpu_s"].as_f64().is_some_and(|seconds| seconds > 0.0), "{gain:?}");
}

#[test]
fn work_that_is_left_behind_is_no_gain() {
    let scratch = experiment("wall_s", "");
    let code = format!(
        "( {} ) </dev/null >/dev/null 2>&1 &\n",
        work(STEPS * 200).replace('\n', "; ").replace("do;", "do")
    );
    let said = trial(&scratch, &code, "work in the background");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("left processes behind"), "{said:?}");
}

#[test]
fn who_ends_the_meter_has_no_figure() {
    let scratch = experiment("cpu_s", "");
    // The shell that runs the edit is a child of the command, which is the meter's.
    let code = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)\nsleep 1\n";
    let said = trial(&scratch, code, "the meter ended");
    assert_eq!(said.status, 11, "{said:?}");
}

#[test]
fn size_is_of_the_tree_where_there_is_no_artifact_and_a_guard_may_name_a_meter() {
    let guard = "repeat = 2\n[[guard]]\nmetric = \"cpu_s\"\ndirection = \"lower\"\nlimit_pct = 60\n";
    let scratch = experiment("artifact_bytes", guard);
    let before = scratch.piton(&["show", "0", "--json"]).json();
    let size = before["metrics"]["artifact_bytes"].as_f64().unwrap();
    assert!(size > 100.0, "{before}");
    let smaller = trial(&scratch, &format!("i=0;while [ $i -lt {STEPS} ];do i=$((i+1));done"), "shorter");
    assert_eq!(smaller.status, 0, "{smaller:?}");
    let slow = trial(
        &scratch,
        &format!("i=0;until [ $i = {} ];do i=$((i+1));done", STEPS * 9),
        "shorter and slower",
    );
    assert_ne!(slow.status, 0, "{slow:?}");
}

#[test]
fn doctor_compares_the_clocks_by_pairs_of_the_present_commit_with_itself() {
    let scratch = experiment("wall_s", "");
    let said = scratch.piton(&["doctor", "--pairs", "3"]);
    assert!(said.out.contains("spread by each clock: wall_s ") && said.out.contains(", cpu_s "), "{said:?}");
    let noise = &scratch.piton(&["doctor", "--pairs", "3", "--json"]).json()["noise"];
    let names: Vec<&str> = noise["clocks"]
        .as_array()
        .expect("clocks")
        .iter()
        .map(|clock| clock["name"].as_str().unwrap())
        .collect();
    assert_eq!((names, noise["gains"].as_array().unwrap().len()), (vec!["wall_s", "cpu_s"], 3));
}

#[test]
fn a_meter_of_pitons_own_is_the_evidence_for_a_time_on_the_wall() {
    let scratch = experiment("wall_s\"\nevidence = \"cpu_s", "");
    let gain = trial(&scratch, &work(STEPS / 10), "a tenth of the work");
    assert_eq!(gain.status, 0, "{gain:?}");
    let shown = scratch.piton(&["show", "1"]).out;
    assert!(shown.contains("by cpu_s") && shown.contains("pairs, cpu_s"), "{shown}");
    assert!(shown.contains("kept: -"), "the value fell: {shown}");
}
