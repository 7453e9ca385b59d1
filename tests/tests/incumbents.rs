//! What was kept is not taken for granted: the incumbent is gated, and keeps are measured again.
//!
//! Time is a file here, which the agent moves on: a program does well while it is on trial, and otherwise once it is the incumbent. A clock
//! would do the same, and have the test depend on how fast the machine is.

use std::fs;

use piton_tests::Scratch;

fn reasons(toy: &Scratch) -> Vec<String> {
    toy.table().into_iter().map(|row| row[7].clone()).collect()
}

fn time_of(toy: &Scratch) -> String {
    toy.path().join(".git/time").display().to_string()
}

/// A toy whose programs change with time: `cases` are those of a shell's `case` over `SPEED-TIME`, and set `s` or `q`.
fn aging(rule: &str, cases: &str) -> Scratch {
    let toy = Scratch::toy();
    let time = time_of(&toy);
    fs::write(&time, "0").unwrap();
    let open = format!("timeout_s = 20\nwrite = [\"{time}\"]\n{rule}[machine]");
    toy.write("piton.toml", &toy.read("piton.toml").replace("timeout_s = 20\n[machine]", &open));
    let text = toy.read("measure.sh");
    let text = text.replace("q=1\n", &format!("q=1; T={time}; t=$(cat $T)\ncase $s-$t in\n{cases}\nesac\n"));
    assert!(text.contains("esac\ncase"), "{text}");
    toy.write("measure.sh", &text);
    toy.commit("programs that change with time");
    toy
}

/// An agent whose turns are these: first the time is set, where one is given, then the speed.
fn agent(toy: &Scratch, turns: &[(&str, &str)]) -> String {
    let mut script =
        "n=$(cat .piton/agent/n 2>/dev/null || echo 0); echo $((n + 1)) > .piton/agent/n; case $n in\n"
            .to_owned();
    for (turn, (time, speed)) in turns.iter().enumerate() {
        let set = if time.is_empty() { String::new() } else { format!("echo {time} > {}; ", time_of(toy)) };
        script += &format!("{turn}) {set}echo 'const SPEED: u32 = {speed};' > src/speed.rs ;;\n");
    }
    script + "esac"
}

fn climb(toy: &Scratch, turns: &[(&str, &str)]) -> piton_tests::Said {
    let (agent, time, trials) = (agent(toy, turns), time_of(toy), turns.len().to_string());
    toy.piton(&["climb", "--run", "r", "--agent", &agent, "--trials", &trials, "--allow-write", &time])
}

fn at_the_baseline(toy: &Scratch) -> bool {
    toy.git(&["rev-parse", "piton/r"]) == toy.git(&["rev-parse", "main"])
}

fn whole(toy: &Scratch, when: &str) {
    let audit = toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{when}: {audit:?}");
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "{when}");
    assert_eq!(toy.processes(), Vec::<i32>::new(), "{when}");
}

/// Nothing is said of when keeps are measured again.
const DEFAULT: &str = "[rule]\nblind_every = 20\n";
const OFF: &str = "[rule]\nrecheck = \"off\"\n";

#[test]
fn an_incumbent_that_answers_wrongly_later_is_taken_back_and_the_run_goes_on_from_the_last_good_commit() {
    let toy = aging(OFF, "120-1) q=0.5 ;;");
    let said = climb(&toy, &[("", "120"), ("1", "130"), ("", "110")]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(reasons(&toy), ["baseline", "better", "void", "gates_fail", "better"], "{}", said.err);
    assert!(
        said.err.contains("void: the incumbent fails the gate quality: 0.5 is not >= 0.9"),
        "{}",
        said.err
    );
    assert!(said.err.contains("trial 1 fails, alone too: the gate quality"), "{}", said.err);
    assert!(said.err.contains("taken back, to trial 0"), "{}", said.err);
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), "1");
    assert_eq!(toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 110;");
    let record = toy.piton(&["show", "2", "--json"]).json();
    assert_eq!(
        (&record["incumbent_gates"][0]["pass"], record["pairs"].as_array().unwrap().len()),
        (&false.into(), 0)
    );
    assert!(said.out.contains("taken back"), "{}", said.out);
    whole(&toy, "taken back");
}

#[test]
fn an_incumbent_that_dies_later_is_taken_back_too() {
    let toy = aging(OFF, "120-1) exit 101 ;;");
    let said = climb(&toy, &[("", "120"), ("1", "130")]);
    assert_eq!(reasons(&toy), ["baseline", "better", "void", "gates_fail"], "{said:?}");
    assert!(at_the_baseline(&toy));
    whole(&toy, "dead");
}

#[test]
fn the_run_goes_back_past_every_keep_that_fails() {
    let toy = aging(OFF, "115-1 | 120-1) q=0.5 ;;");
    let said = climb(&toy, &[("", "110"), ("", "115"), ("", "120"), ("1", "130")]);
    let expected = ["baseline", "better", "better", "better", "void", "gates_fail"];
    assert_eq!(reasons(&toy), expected, "{said:?}");
    assert!(said.err.contains("trials 3, 2 fail, alone too"), "{}", said.err);
    assert_eq!(toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 110;");
    whole(&toy, "two of three");
}

#[test]
fn an_incumbent_that_fails_a_gate_once_stays() {
    let toy = aging(OFF, "120-1) q=0.5; echo 2 > $T ;;");
    let said = climb(&toy, &[("", "120"), ("1", "130"), ("", "140")]);
    // What was void for that is measured again: it was not the edit's doing.
    let expected = ["baseline", "better", "void", "gates_hold", "better", "better"];
    assert_eq!(reasons(&toy), expected, "{said:?}");
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), "3");
    whole(&toy, "stays");
}

#[test]
fn where_the_baseline_fails_too_nothing_is_taken_back_and_the_climb_ends() {
    let toy = aging(OFF, "*-1) q=0.5 ;;");
    // The challenger goes first, and would fail the same gate: 130 is spared.
    let text = toy.read("measure.sh").replace("*-1) q=0.5 ;;", "130-1) ;;\n*-1) q=0.5 ;;");
    toy.write("measure.sh", &text);
    toy.commit("one is spared");
    let said = climb(&toy, &[("", "120"), ("1", "130"), ("", "140")]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("its baseline fails, as every keep does"), "{}", said.err);
    assert_eq!(reasons(&toy), ["baseline", "better", "void", "void"]);
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), "1", "the branch is where it was");
    fs::write(time_of(&toy), "0").unwrap();
    let again = toy.piton(&["climb", "--run", "r", "--agent", "true", "--trials", "0"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert_eq!(
        reasons(&toy),
        ["baseline", "better", "void", "void", "gates_hold"],
        "what was outstanding is done"
    );
    whole(&toy, "all of them");
}

#[test]
fn nothing_is_verified_of_a_head_that_fails_its_gates() {
    let toy = aging(OFF, "120-1) q=0.5 ;;");
    climb(&toy, &[("", "120")]);
    assert_eq!(toy.piton(&["verify", "--each"]).status, 0);
    let before = toy.piton(&["status", "--json"]).json()["verified"].clone();
    fs::write(time_of(&toy), "1").unwrap();
    for args in [&["verify"][..], &["verify", "--each"]] {
        let said = toy.piton(args);
        assert_eq!((said.status, said.out.as_str()), (1, ""), "{said:?}");
        assert!(
            said.err.contains("HEAD (trial 1) fails the gate quality: 0.5 is not >= 0.9"),
            "{}",
            said.err
        );
    }
    assert_eq!(toy.piton(&["status", "--json"]).json()["verified"], before, "nothing was recorded");
}

#[test]
fn a_keep_that_slowed_down_and_what_was_kept_for_it_are_taken_back_and_named() {
    // 120 slows down at 1; 101 does nothing to speak of, and looks twice as fast beside it, until it slows down too.
    let toy = aging(DEFAULT, "120-[12]) s=50 ;;\n101-2) s=50 ;;");
    let said = climb(&toy, &[("", "120"), ("1", "101"), ("2", "7")]);
    assert_eq!(said.status, 0, "{said:?}");
    let expected =
        ["baseline", "better", "better", "recheck_gone", "bundle_holds", "gate:quality", "recheck_gone"];
    assert_eq!(reasons(&toy), expected, "{}", said.err);
    assert!(said.err.contains("trial 1 is worse than when it was kept: less than half"), "{}", said.err);
    assert!(said.err.contains("trial 2 is worse than when it was kept: less than half"), "{}", said.err);
    assert!(at_the_baseline(&toy), "and not at trial 1, which fell before");
    let taken = said.out.lines().filter(|line| line.ends_with("(taken back)")).count();
    assert_eq!(taken, 2, "{}", said.out);
    whole(&toy, "slow when old");
}

#[test]
fn what_stands_on_a_keep_that_fell_goes_with_it_where_it_is_no_gain_by_itself() {
    let toy = aging(DEFAULT, "120-1) s=50 ;;");
    let said = climb(&toy, &[("", "120"), ("1", "90")]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(
        reasons(&toy),
        ["baseline", "better", "better", "recheck_gone", "bundle_fails"],
        "{}",
        said.err
    );
    assert!(at_the_baseline(&toy));
    whole(&toy, "both");
}

#[test]
fn honest_keeps_are_measured_again_once_each_and_stay() {
    let toy = aging(DEFAULT, "");
    let said = climb(&toy, &[("", "110"), ("", "120"), ("", "130")]);
    assert_eq!(said.status, 0, "{said:?}");
    let expected =
        ["baseline", "better", "better", "recheck_holds", "better", "recheck_holds", "recheck_holds"];
    assert_eq!(reasons(&toy), expected, "{}", said.err);
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), "3");
    assert!(said.out.starts_with("3 trials in "), "{}", said.out);
    let again = toy.piton(&["climb", "--run", "r", "--agent", "true", "--trials", "0"]);
    assert_eq!((again.status, reasons(&toy).len()), (0, 7), "once each");
    whole(&toy, "honest");
}

#[test]
fn keeps_are_measured_again_at_the_end_alone_or_never_where_that_is_said_and_status_tells_what_is_outstanding()
 {
    for (said, expected) in [("end", vec!["recheck_holds"; 2]), ("off", vec![])] {
        let toy = aging(&format!("[rule]\nrecheck = \"{said}\"\n"), "");
        climb(&toy, &[("", "110"), ("", "120")]);
        assert_eq!(reasons(&toy)[..3], ["baseline", "better", "better"], "{said}");
        assert_eq!(reasons(&toy)[3..], expected, "{said}");
    }
    let toy = aging(DEFAULT, "");
    toy.baseline();
    toy.speed("120");
    assert_eq!(toy.piton(&["trial", "-m", "by hand"]).status, 0);
    let status = toy.piton(&["status"]).out;
    assert!(status.contains("to test again"), "{status}");
    assert!(toy.piton(&["verify"]).err.contains("trial 1"), "and so does who verifies");
    toy.speed("130");
    assert_eq!(toy.piton(&["trial", "-m", "more"]).status, 0);
    assert_eq!(reasons(&toy), ["baseline", "better", "better", "recheck_holds"]);
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 130;\n");
}

#[test]
fn by_hand_the_checkout_goes_back_with_the_branch() {
    let toy = aging(DEFAULT, "120-1) q=0.5 ;;");
    toy.baseline();
    toy.speed("120");
    assert_eq!(toy.piton(&["trial", "-m", "good"]).status, 0);
    fs::write(time_of(&toy), "1").unwrap();
    toy.speed("130");
    let said = toy.piton(&["trial", "-m", "more"]);
    assert_eq!(reasons(&toy), ["baseline", "better", "void", "gates_fail"], "{said:?}");
    assert!(said.out.contains("then, trial 3: trial 1 fails, alone too"), "{}", said.out);
    assert!(at_the_baseline(&toy));
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 130;\n", "an edit that was not judged stays");
    assert_eq!(toy.piton(&["audit"]).status, 0);
    let again = toy.piton(&["trial", "-m", "more"]);
    assert_eq!(again.status, 0, "and is judged against the last good commit: {again:?}");
}

#[test]
fn a_check_that_piton_was_ended_in_is_done_again_and_what_it_found_is_carried_out() {
    if !cfg!(debug_assertions) {
        return;
    }
    let points = [
        "proposed@3",
        "referenced@3",
        "measured@3",
        "decided@3",
        "moved@4",
        "reset@4",
        "printed@4",
        "applied@4",
    ];
    // Alone, and against what it was kept over.
    type Turns<'a> = &'a [(&'a str, &'a str)];
    let kinds: [(&str, &str, Turns, &str); 2] = [
        (OFF, "120-1) q=0.5 ;;", &[("", "120"), ("1", "130")], "gates_fail"),
        (DEFAULT, "120-1) s=50 ;;", &[("", "120"), ("1", "7")], "recheck_gone"),
    ];
    for (rule, cases, turns, found) in kinds {
        for point in points {
            let toy = aging(rule, cases);
            let (agent, time) = (agent(&toy, turns), time_of(&toy));
            let args = ["climb", "--run", "r", "--agent", &agent, "--trials", "2", "--allow-write", &time];
            let said = toy.command(&args).env("PITON_FAILPOINT", point).output().unwrap();
            assert!(said.status.code().is_none(), "{found}, {point} was not reached: {said:?}");
            let said = toy.piton(&["climb", "--run", "r", "--agent", "true", "--trials", "0"]);
            assert_eq!(said.status, 0, "{found}, {point}: {said:?}");
            let reasons: Vec<String> = reasons(&toy).into_iter().filter(|reason| reason != "void").collect();
            assert_eq!(reasons.last().map(String::as_str), Some(found), "{point}: {reasons:?}");
            assert_eq!(reasons.iter().filter(|reason| *reason == found).count(), 1, "{point}");
            assert!(at_the_baseline(&toy), "{found}, {point}");
            whole(&toy, point);
        }
    }
}
