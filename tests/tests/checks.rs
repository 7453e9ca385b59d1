//! `[[check]]`: correctness once in a trial, before anything is measured, through the real binary.

use std::path::Path;
use std::process::{Command, Stdio};

use piton_tests::{Scratch, kill};
use serde_json::Value;

/// A check of the toy, by its speed: its report is pytest's. `@READY@` is a pipe that it may write.
const CHECK: &str = r#"s=$(sed -n 's/.*SPEED: u32 = \([0-9]*\);.*/\1/p' "$1/src/speed.rs")
a='test_speed.py::test_a PASSED      [ 50%]'
b='test_speed.py::test_b[x y] PASSED [100%]'
case $s in
120) printf '%s\n' "$a" 'test_speed.py::test_b[x y] FAILED [100%]' 'FAILED test_speed.py::test_b[x y] - AssertionError: ```120``` is wrong' \
    '===== 1 failed, 1 passed in 0.01s ====='; echo 'a log line' >&2; exit 1 ;;
121) echo "$a"; exit 0 ;;
122) printf '%s\n' "$a" '1 passed in 0.01s'; exit 0 ;;
123) echo 'no tests ran in 0.00s'; exit 0 ;;
124) kill -SEGV $$ ;;
125) head -c 70000000 /dev/zero; exit 0 ;;
126) (setsid sh -c 'exec sleep 1000' >/dev/null 2>&1 &) ;;
127) exec sleep 1000 ;;
128) rm -f "$1/check.sh"; echo 'echo fine' > "$1/check.sh" ;;
129) echo > @READY@; exec sleep 1000 ;;
131) printf '%s\n' "$a" "$b" '2 passed in 0.01s'; exit 3 ;;
105) echo 9999 > "$1/speed"; echo 'const SPEED: u32 = 9999;' > "$1/src/speed.rs"; [ -z "$2" ] || echo 9999 > "$2" ;;
esac
printf '%s\n' "$a" "$b" '2 passed in 0.01s'
"#;

const TABLE: &str = r#"[[check]]
name = "unit"
command = ["sh", "{sealed}/check.sh", "{tree}"]
format = "pytest"
timeout_s = 20
"#;

/// The toy with these tables of checks.
fn checked(tables: &str) -> Scratch {
    let toy = Scratch::toy();
    let ready = toy.path().join(".git/ready");
    toy.write("piton.toml", &format!("{}{tables}", toy.read("piton.toml")));
    toy.write("check.sh", &CHECK.replace("@READY@", ready.to_str().unwrap()));
    toy.commit("checks");
    toy
}

/// A run with the check `unit`, that has begun.
fn begun() -> Scratch {
    let toy = checked(TABLE);
    toy.baseline();
    toy
}

/// Tries a speed. Returns the exit status, the reason and the answer.
fn tried(toy: &Scratch, speed: &str) -> (i32, String, String) {
    toy.speed(speed);
    let said = toy.piton(&["trial", "-m", "an idea"]);
    let reason = toy.table().last().map_or_else(String::new, |row| row[7].clone());
    (said.status, reason, said.out)
}

fn last(toy: &Scratch) -> Value {
    toy.piton(&["log", "--run", "r", "--json"]).json().as_array().unwrap().last().unwrap().clone()
}

#[test]
fn a_test_that_fails_ends_the_trial_before_any_pair_and_is_named_wherever_the_trial_is() {
    let toy = begun();
    let (status, reason, answer) = tried(&toy, "120");
    assert_eq!((status, reason.as_str()), (10, "check:unit"), "{answer}");
    let why = "1 of 2 tests failed: test_speed.py::test_b[x y]: AssertionError: ```120``` is wrong";
    assert!(answer.contains(&format!("discarded: check failed: unit: {why}")), "{answer}");
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 100;\n", "the checkout is the incumbent again");
    let record = last(&toy);
    assert_eq!(record["outcome"]["kind"], "check_failed");
    assert_eq!(record["outcome"]["tests"][0]["name"], "test_speed.py::test_b[x y]");
    assert_eq!(record["outcome"]["tests"][0]["why"], "AssertionError: ```120``` is wrong");
    assert_eq!((&record["checks"][0]["passed"], &record["checks"][0]["tests"]), (&false.into(), &2.into()));
    assert_eq!(record["pairs"].as_array().unwrap().len(), 0, "nothing was measured");
    assert_eq!(record["metrics"], Value::Null);
    assert!(record["tail"].as_str().unwrap().contains("a log line"), "{record}");
    let shown = toy.piton(&["show", "1", "--run", "r"]).out;
    for words in ["FAIL  unit: 2 tests", "tests that failed\n  test_speed.py::test_b[x y]: AssertionError"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let brief = toy.piton(&["brief"]).out;
    for words in
        ["Checks, before anything is measured: unit (2 tests).", "## Tests that failed in trial 1 (data, not"]
    {
        assert!(brief.contains(words), "{words} in {brief}");
    }
    assert!(brief.contains("AssertionError: '''120''' is wrong"), "foreign words close no fence: {brief}");
    assert!(toy.piton(&["log"]).out.contains("check:unit"));
    assert!(toy.piton(&["log", "--reason", "check"]).out.contains("check:unit"));
    let report = toy.piton(&["report"]);
    assert_eq!(report.status, 0, "{report:?}");
    let page = toy.read(".piton/report.html");
    assert!(page.contains("check failed") && page.contains("test_b[x y]"));
    assert_eq!(toy.piton(&["audit"]).status, 0);
    // The same edit is not checked again, and another one is kept.
    assert_eq!(tried(&toy, "120").1, "duplicate");
    assert_eq!(tried(&toy, "110").0, 0);
    assert_eq!(last(&toy)["checks"][0]["passed"], true);
}

#[test]
fn every_way_in_which_a_check_can_end_is_an_outcome_and_leaves_nothing_behind() {
    let toy = checked(&TABLE.replace("timeout_s = 20", "timeout_s = 3"));
    toy.baseline();
    for (speed, words) in [
        ("121", "its report cannot be read: it does not end with how many passed"),
        ("122", "2 tests ran at the baseline, 1 now: test_speed.py::test_b[x y] is gone"),
        ("123", "no test ran"),
        ("124", "it was ended by signal 11 (SIGSEGV"),
        ("125", "its report cannot be read: it has more than 64 MiB"),
        ("127", "it took longer than 3 s"),
        ("131", "exit status 3"),
    ] {
        let (status, reason, answer) = tried(&toy, speed);
        assert_eq!((status, reason.as_str()), (10, "check:unit"), "{speed}: {answer}");
        assert!(answer.contains(words), "{words} in {answer}");
        assert_eq!(toy.processes(), Vec::<i32>::new(), "{speed}");
    }
    // The sealed test cannot be replaced: either that fails, and what it says stands, or it is found out.
    let (status, _, answer) = tried(&toy, "128");
    assert!(status == 0 || answer.contains("check.sh"), "{answer}");
    // A daemon is ended, and fails nothing.
    let (_, reason, answer) = tried(&toy, "126");
    assert!(!reason.starts_with("check:"), "{answer}");
    assert_eq!(toy.processes(), Vec::<i32>::new());
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn what_a_check_writes_is_not_seen_by_the_samples() {
    let toy = begun();
    let (status, reason, answer) = tried(&toy, "105");
    assert_eq!((status, reason.as_str()), (0, "better"), "{answer}");
    let speed = last(&toy)["metrics"]["speed"].as_f64().unwrap();
    assert!((105.0..108.0).contains(&speed), "{speed}");
}

#[test]
fn an_output_that_may_not_change_is_held_to_the_baselines_by_one_line() {
    let script =
        "s=$(sed -n 's/.*SPEED: u32 = \\\\([0-9]*\\\\);.*/\\\\1/p' $0/src/speed.rs); echo $((s / 100)) of $1";
    let table = format!(
        "[check]\ncommand = [\"sh\", \"-c\", \"{script}\", \"{{tree}}\", \"{{seed}}\"]\ngolden = \"baseline\"\n"
    );
    let toy = checked(&table);
    toy.baseline();
    let (status, reason, answer) = tried(&toy, "90");
    assert_eq!((status, reason.as_str()), (10, "check:check 1"), "{answer}");
    assert!(
        answer.contains("its output is another one") && answer.contains("the baseline's was"),
        "{answer}"
    );
    let (status, _, answer) = tried(&toy, "110");
    assert_eq!(status, 0, "{answer}");
    // Where it is written down, the baseline is held to it, too.
    let toy = checked(&table.replace("\"baseline\"", &format!("\"{}\"", "0".repeat(64))));
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert!(said.status != 0 && said.err.contains("`golden` asks for 000000000000"), "{said:?}");
}

#[test]
fn a_report_is_the_one_that_the_check_wrote_and_no_other() {
    let script = r#"s=$(sed -n 's/.*SPEED: u32 = \([0-9]*\);.*/\1/p' "$1/src/speed.rs")
case $s in
120) fault='<failure message="120 is wrong"/>' ;;
121) exit 0 ;;
122) ln -s "$1/src/speed.rs" "$2"; exit 0 ;;
esac
echo "<testsuite><testcase classname='speed' name='is right'>$fault</testcase></testsuite>" > "$2"
"#;
    for (place, name) in [("{report}", "junit.xml"), ("out.xml", "out.xml")] {
        let toy = checked(&format!(
            "[[check]]\nname = \"unit\"\ncommand = [\"sh\", \"{{sealed}}/junit.sh\", \"{{tree}}\", \"{place}\"]\nformat = \"junit\"\nreport = \"{name}\"\n"
        ));
        toy.write("junit.sh", script);
        toy.commit("a report");
        toy.baseline();
        for (speed, words) in [
            ("120", "1 of 1 test failed: speed.is right: 120 is wrong"),
            ("121", "its report cannot be read: it left no `"),
            ("122", "a link, a pipe or a device"),
        ] {
            let (status, reason, answer) = tried(&toy, speed);
            assert_eq!((status, reason.as_str()), (10, "check:unit"), "{speed}: {answer}");
            assert!(answer.contains(words), "{words} in {answer}");
        }
        assert_eq!(tried(&toy, "110").0, 0);
    }
}

#[test]
fn a_run_whose_base_fails_a_check_does_not_begin_and_says_which() {
    for (speed, words) in [
        ("120", "its check unit fails: 1 of 2 tests failed: test_speed.py::test_b[x y]: AssertionError"),
        ("123", "its check unit fails: no test ran"),
        ("131", "its check unit fails: exit status 3"),
    ] {
        let toy = checked(TABLE);
        toy.speed(speed);
        toy.commit("a base that fails");
        let said = toy.piton(&["baseline", "--run", "r"]);
        assert_eq!(said.status, 4, "{said:?}");
        assert!(said.err.contains(words), "{words} in {}", said.err);
        assert!(said.err.contains("no branch was made and nothing was recorded"), "{}", said.err);
        assert_eq!(toy.table().len(), 0);
    }
    // One that holds now and then is found before it ends a trial.
    let toy = checked("");
    let count = toy.path().join(".git/count");
    std::fs::write(&count, "").unwrap();
    let script = format!("echo >> {0}; [ $(wc -l < {0}) -lt 2 ]", count.display());
    let table =
        format!("[[check]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\nwrite = [\"{}\"]\n", count.display());
    toy.write("piton.toml", &format!("{}{table}", toy.read("piton.toml")));
    toy.commit("a check that flickers");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert!(said.err.contains("held, and failed when it was run again"), "{said:?}");
}

#[test]
fn a_check_that_fails_over_the_incumbent_too_says_nothing_of_the_edit() {
    let toy = checked("");
    let broken = toy.path().join(".git/broken");
    std::fs::write(&broken, "").unwrap();
    let script = format!("[ ! -s {} ] || {{ echo 'error: no database' >&2; exit 1; }}", broken.display());
    let table = format!("[[check]]\nname = \"db\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n");
    toy.write("piton.toml", &format!("{}{table}", toy.read("piton.toml")));
    toy.commit("a check of something outside");
    toy.baseline();
    std::fs::write(&broken, "broken").unwrap();
    let (status, reason, answer) = tried(&toy, "110");
    assert_eq!((status, reason.as_str()), (12, "void"), "{answer}");
    assert!(
        answer.contains("the check db fails over the incumbent, too") && answer.contains("no database"),
        "{answer}"
    );
    std::fs::write(&broken, "").unwrap();
    assert_eq!(tried(&toy, "110").0, 0, "and the same edit is judged once that is mended");
}

#[test]
fn the_check_that_was_fastest_at_the_baseline_runs_first_and_the_first_that_fails_ends_it() {
    let slow = "[[check]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", \"sleep 2\"]\n";
    let toy = checked(&format!("{slow}{TABLE}"));
    toy.baseline();
    let names = |record: &Value| -> Vec<String> {
        record["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&last(&toy)), ["unit", "slow"]);
    assert_eq!(last(&toy)["checks"][0]["names"][0], "test_speed.py::test_a");
    assert_eq!(tried(&toy, "120").1, "check:unit");
    assert_eq!(names(&last(&toy)), ["unit"], "the slow one was spared");
}

/// A climb whose challenger is being checked, for ever.
fn climbing(toy: &Scratch) -> std::process::Child {
    let ready = toy.path().join(".git/ready");
    assert!(Command::new("mkfifo").arg(&ready).status().unwrap().success());
    let open = format!("{TABLE}write = [\"{}\"]\n", ready.display());
    toy.write(
        "piton.toml",
        &toy.read("piton.toml").replace(TABLE, &open.replace("timeout_s = 20", "timeout_s = 900")),
    );
    toy.commit("a check that says when it begins");
    let mut climb = toy.command(&["climb", "--run", "r", "--agent", "sed -i s/100/129/ src/speed.rs"]);
    let climb = climb.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Opening the pipe waits until the challenger's check writes to it.
    std::fs::read(&ready).unwrap();
    climb
}

fn whole(toy: &Scratch, reasons: &[&str]) {
    let table: Vec<String> = toy.table().into_iter().map(|row| row[7].clone()).collect();
    assert_eq!(table, reasons);
    assert_eq!(toy.piton(&["audit"]).status, 0);
    assert_eq!(toy.processes(), Vec::<i32>::new());
    assert!(Path::new(toy.path()).join(".git/piton/ledger.db").exists());
}

#[test]
fn piton_that_is_killed_during_a_check_loses_nothing_and_ends_what_it_had_started() {
    let toy = checked(TABLE);
    let mut climb = climbing(&toy);
    kill(climb.id());
    climb.wait().unwrap();
    let said = toy.piton(&["recover"]);
    assert_eq!(said.status, 0, "{said:?}");
    whole(&toy, &["baseline", "void"]);
}

#[test]
fn a_check_in_progress_is_ended_by_a_stop_that_does_not_wait_for_it() {
    let toy = checked(TABLE);
    let mut climb = climbing(&toy);
    let said = toy.piton(&["stop", "--now", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(climb.wait().unwrap().code(), Some(130));
    whole(&toy, &["baseline", "interrupted"]);
    assert_eq!(last(&toy)["outcome"]["stage"], "check");
}

#[test]
fn a_trial_that_was_checked_and_no_further_is_void_and_the_climb_goes_on() {
    if !cfg!(debug_assertions) {
        return;
    }
    let toy = begun();
    toy.speed("110");
    let said = toy.command(&["trial", "-m", "faster"]).env("PITON_FAILPOINT", "checked").output().unwrap();
    assert_ne!(said.status.code(), Some(0), "{said:?}");
    toy.piton(&["recover"]);
    whole(&toy, &["baseline", "void"]);
    assert_eq!(tried(&toy, "110").0, 0, "the same edit may be tried again");
}

#[test]
fn the_doctor_runs_the_checks_once_and_the_rule_names_them() {
    let toy = checked(TABLE);
    let said = toy.piton(&["doctor", "--try"]).out;
    assert!(said.contains("checked unit: 2 tests"), "{said}");
    let rule = toy.piton(&["rule", "explain"]).out;
    assert!(rule.contains("unit (exit status 0, every test of the baseline)"), "{rule}");
    toy.speed("120");
    toy.commit("a base that fails");
    let said = toy.piton(&["doctor", "--try"]);
    assert!(said.status != 0 && said.out.contains("its check unit fails: 1 of 2 tests failed"), "{said:?}");
}

#[test]
fn a_table_that_can_say_nothing_is_refused_by_its_name() {
    for (from, to, words) in [
        ("\"pytest\"", "\"junit\"", "name the file that it writes"),
        ("format = \"pytest\"", "report = \"out.xml\"", "neither a format nor `golden` reads it"),
        ("format = \"pytest\"", "golden = \"abc\"", "a SHA-256 of 64 hexadecimal digits"),
        ("\"{tree}\"", "\"{harness}\"", "there is no [harness]"),
        ("\"{tree}\"", "\"{nothing}\"", "{nothing}, which nothing fills in"),
        ("timeout_s = 20", "timeout_s = 0", "at least 1"),
        ("format = \"pytest\"", "format = \"mocha\"", "unknown variant `mocha`"),
        ("format = \"pytest\"", "formt = \"pytest\"", "unknown field `formt`"),
        (
            "[[check]]",
            "[[check]]\nname = \"unit\"\ncommand = [\"true\"]\n[[check]]",
            "two checks are called `unit`",
        ),
    ] {
        let toy = checked(&TABLE.replacen(from, to, 1));
        let said = toy.piton(&["baseline", "--run", "r"]);
        assert_eq!(said.status, 2, "{to}: {said:?}");
        assert!(said.err.contains(words), "{words} in {}", said.err);
    }
}
