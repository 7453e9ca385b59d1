//! What is kept back from a climb is asked at its end, and says where a gain did not carry over.

use piton_tests::Scratch;

const HELD_OUT: &str =
    "[holdout]\ncommand = [\"sh\", \"{sealed}/held.sh\", \"{artifact}\", \"{seed}\"]\n[[gate]]";

/// A toy with a second measuring command: `held` makes a figure of the artifact's number `s` and of the seed.
fn toy(held: &str) -> Scratch {
    let scratch = Scratch::toy_with("[[gate]]", HELD_OUT);
    let script = format!("s=$(cat \"$1\"); echo \"{{\\\"speed\\\": $(({held})).$(($2 % 10))}}\"\n");
    scratch.write("held.sh", &script);
    scratch.commit("what is held out");
    assert_eq!(scratch.baseline().status, 0);
    scratch.speed("150");
    let said = scratch.piton(&["trial", "-m", "faster"]);
    assert_eq!(said.status, 0, "{said:?}");
    scratch
}

#[test]
fn a_gain_that_is_there_in_what_no_trial_saw_carries_over() {
    let scratch = toy("s * 7");
    let said = scratch.piton(&["verify", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let held_out = &said.json()["held_out"];
    assert!(held_out["low"].as_f64().unwrap() > 0.0 && held_out["pairs"] == 8, "{held_out}");
    let said = scratch.piton(&["verify", "--each"]);
    assert_eq!(said.out.matches("the gain carries over").count(), 2, "{said:?}");
}

#[test]
fn a_gain_that_is_not_there_did_not_carry_over_and_no_brief_says_so() {
    // What was tuned to the trials is worth nothing elsewhere.
    let scratch = toy("500 + 0 * s");
    let said = scratch.piton(&["verify"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("DID NOT CARRY OVER"), "{said:?}");
    let brief = scratch.piton(&["brief"]);
    assert!(!brief.out.contains("held out") && !brief.out.contains("CARRY"), "{brief:?}");
}
