//! Busy machines, and trials that said too little of their edit. Any waiting for a core spoils a pair here, and the measuring command makes
//! its own processes wait.

use piton_tests::Scratch;
use serde_json::Value;

const TOY: &str = r#"name = "busy"
[metric]
name = "speed"
direction = "higher"
[scope]
editable = ["src"]
[measure]
command = ["sh", "{sealed}/measure.sh", "{tree}"]
format = "metric_lines"
timeout_s = 60
[rule]
calibration_pairs = 4
recheck = "off"
blind_every = 0
"#;

/// Four processes for every core, so that some wait; the value differs from sample to sample by up to 1 %.
const WAITS: &str = r#"for i in $(seq $((4 * $(nproc)))); do (n=0; while [ $n -lt 2000 ]; do n=$((n + 1)); done) & done; wait
"#;
const NOISY: &str = r#"s=$(cat "$1/src/speed"); n=$(od -An -N2 -tu2 /dev/urandom)
echo "METRIC speed=$((s * (10000 + n % 100)))"
"#;

fn toy(table: &str, measure: &str) -> Scratch {
    let toy = Scratch::empty();
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    toy.write("piton.toml", &TOY.replace("[rule]", &format!("{table}\n[rule]")));
    toy.write("measure.sh", measure);
    toy.write("src/speed", "100\n");
    toy.commit("toy");
    toy
}

const CALM: &str = "[machine]\nsteal_pct = 100\npressure_pct = 100";
const BUSY: &str = "[machine]\nsteal_pct = 100\npressure_pct = 0\npause_s = 0";

fn records(toy: &Scratch) -> Vec<Value> {
    toy.piton(&["log", "--json"]).json().as_array().unwrap().clone()
}

#[test]
fn on_a_machine_that_stays_busy_a_baseline_begins_and_a_trial_ends_with_a_verdict() {
    let toy = toy(BUSY, &format!("{WAITS}{NOISY}"));
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("[machine] pause_s") && said.err.contains("pressure_pct"), "{said:?}");
    assert!(said.err.contains("tau is that of a busy machine"), "{said:?}");
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.write("src/speed", "150\n");
    let said = toy.piton(&["trial", "-m", "half as fast again", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let record = said.json();
    assert_eq!(
        record["void_pairs"].as_array().unwrap().len(),
        1,
        "one is spoiled, and then waiting is over: {record}"
    );
    assert_eq!(
        (&record["widened"]["from"], &record["widened"]["times"]),
        (&Value::from(0), &Value::from(2.0))
    );
    // What is shown of it is judged as it was.
    let case = toy.piton(&["show", "1", "--pairs"]);
    toy.write("case.json", &case.out);
    assert_eq!(
        toy.piton(&["replay", "case.json"]).json()["verdict"],
        record["outcome"]["verdict"],
        "{case:?}"
    );
}

#[test]
fn a_pause_says_how_long_why_and_what_comes_after_it() {
    let toy = toy(&BUSY.replace("pause_s = 0", "pause_s = 1"), &format!("{WAITS}{NOISY}"));
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    let told = said.err.lines().find(|line| line.contains("paused for 1 s at most"));
    let told = told.unwrap_or_else(|| panic!("{said:?}"));
    for part in ["[machine] pause_s", "waited for a core", "pressure_pct", "then pairs are measured again"] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn what_is_read_by_the_time_on_processors_waits_for_no_machine() {
    let toy = toy(BUSY, WAITS);
    let meters = TOY.replace("name = \"speed\"\ndirection = \"higher\"", "meter = \"cpu_s\"");
    toy.write(
        "piton.toml",
        &meters.replace("[rule]", &format!("{BUSY}\n[rule]")).replace("format = \"metric_lines\"\n", ""),
    );
    toy.commit("by the time on processors");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    let baseline = &records(&toy)[0];
    assert_eq!(
        (baseline["void_pairs"].as_array().unwrap().len(), &baseline["widened"]),
        (0, &Value::Null),
        "{baseline}"
    );
}

#[test]
fn an_edit_that_two_pairs_ended_is_measured_again_and_one_that_four_ended_is_not() {
    let toy = toy(CALM, NOISY);
    assert_eq!(toy.piton(&["baseline", "--run", "r"]).status, 0);
    toy.git(&["switch", "--quiet", "piton/r"]);
    let worse = || {
        toy.write("src/speed", "80\n");
        toy.piton(&["trial", "-m", "slower"])
    };
    let said = worse();
    assert!(said.out.contains("given up early") && said.out.contains("by tau alone"), "{said:?}");
    assert!(said.out.contains("2 pairs"), "one pair ends nothing: {said:?}");
    assert_eq!((worse().status, worse().status), (10, 12));
    let reasons: Vec<String> = toy.table().into_iter().map(|row| row[7].clone()).collect();
    assert_eq!(reasons, ["baseline", "given_up", "given_up", "duplicate"]);
    assert_eq!(records(&toy)[2]["again"], serde_json::json!({ "trial": 1, "pairs": 2 }));
    let refused = toy.piton(&["again", "1"]);
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.err.contains("was measured again, as trial 2"), "{refused:?}");
    let audit = toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{audit:?}");
}

#[test]
fn a_trial_that_was_given_up_is_measured_again_where_a_person_asks_for_it() {
    let toy = toy(CALM, NOISY);
    assert_eq!(toy.piton(&["baseline", "--run", "r"]).status, 0);
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.write("src/speed", "80\n");
    toy.piton(&["trial", "-m", "slower"]);
    let said = toy.piton(&["again", "1", "--json"]);
    assert_eq!(said.status, 10, "{said:?}");
    let record = said.json();
    assert_eq!(
        (record["trial"].as_u64(), record["description"].as_str()),
        (Some(2), Some("slower (trial 1 again)"))
    );
    assert_eq!(toy.read("src/speed"), "100\n");
}

#[test]
fn a_climb_takes_the_edit_of_a_void_trial_up_again_once() {
    let toy = toy(CALM, "");
    let seen = toy.path().parent().unwrap().join("seen");
    std::fs::create_dir(&seen).unwrap();
    // The first sample of the edit finds a clock that moved.
    let moved = format!(
        "if grep -q 150 \"$1/src/speed\" && mkdir {}/once 2>/dev/null; then echo '{{\"outcome\":\"clock\",\"reason\":\"it moved\"}}'; exit 0; fi\n",
        seen.display()
    );
    toy.write("measure.sh", &format!("{moved}s=$(cat \"$1/src/speed\"); n=$(od -An -N2 -tu2 /dev/urandom)\necho \"{{\\\"outcome\\\":\\\"measured\\\",\\\"metrics\\\":{{\\\"speed\\\":$((s * (10000 + n % 100)))}}}}\"\n"));
    let text = TOY.replace("[rule]", &format!("write = [\"{}\"]\n{CALM}\n[rule]", seen.display()));
    toy.write("piton.toml", &text.replace("metric_lines", "json"));
    toy.commit("a clock that moves once");
    let said = toy.piton(&["climb", "--run", "r", "--agent", "echo 150 > src/speed", "--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    let rows: Vec<(String, String)> =
        toy.table().into_iter().map(|row| (row[3].clone(), row[7].clone())).collect();
    let row = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
    assert_eq!(rows, [row("keep", "baseline"), row("void", "void"), row("keep", "better")], "{said:?}");
    assert!(
        said.err.contains("`piton again 1` measures it once more") || said.out.contains("piton again 1"),
        "{said:?}"
    );
}

#[test]
fn a_proposal_without_an_edit_uses_up_no_number_and_no_trial() {
    let toy = toy(CALM, NOISY);
    let agent = "o=.piton/agent/once; if [ -f $o ]; then echo 150 > src/speed; else touch $o; fi";
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    let rows: Vec<(String, String)> =
        toy.table().into_iter().map(|row| (row[5].clone(), row[7].clone())).collect();
    assert_eq!(
        rows,
        [("0".to_owned(), "baseline".to_owned()), ("1".to_owned(), "better".to_owned())],
        "{said:?}"
    );
}
