//! One trial at a time, through the real binary, in a toy repository.

use std::process::Command;

use piton_tests::{Kind, Scratch, kind};

/// `(exit status, reason, the answer)` of a trial of what stands in the worktree.
fn trial(toy: &Scratch) -> (i32, String, String) {
    let said = toy.piton(&["trial", "-m", "an idea"]);
    let reason = toy.table().last().map_or_else(String::new, |row| row[7].clone());
    (said.status, reason, said.out)
}

#[test]
fn a_better_challenger_becomes_the_branch_and_its_commit_carries_the_evidence() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (0, "better"), "{answer}");
    // The toy's noise comes from the seed, the same on both sides. Equal sides are no proof that luck is: the test is made, and a gain that is far
    // above what seeds do takes the fewest pairs, and one after which the incumbent ran after itself.
    for word in ["kept: +9.", " pairs, "] {
        assert!(answer.contains(word), "{word} in {answer}");
    }
    let message = toy.git(&["log", "-1", "--format=%B", "piton/r"]);
    for trailer in
        ["Trial: 1", "Incumbent: ", "Harness: ", "Rule: coin pairs, standard, alpha 0.02", "Seed: "]
    {
        assert!(message.contains(trailer), "{trailer} in {message}");
    }
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), toy.git(&["rev-parse", "refs/piton/r/trials/1"]));
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "the checkout is the new incumbent, clean");
    assert_eq!(toy.git(&["show", "HEAD:src/speed.rs"]), "const SPEED: u32 = 110;");
}

#[test]
fn a_worse_challenger_is_reset_and_its_commit_is_kept_below_refs_piton() {
    let toy = Scratch::toy();
    toy.baseline();
    let before = toy.git(&["rev-parse", "piton/r"]);
    toy.speed("90");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (10, "worse"), "{answer}");
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), before);
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 100;\n");
    assert_eq!(toy.git(&["show", "refs/piton/r/trials/1:src/speed.rs"]), "const SPEED: u32 = 90;");
}

#[test]
fn a_gate_that_fails_ends_the_trial_and_is_named() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("7");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (10, "gate:quality"));
    assert!(answer.contains("quality 0.5 is not >= 0.9"), "{answer}");
}

#[test]
fn what_changes_nothing_is_no_trial_and_uses_up_no_number() {
    let toy = Scratch::toy();
    toy.baseline();
    let said = toy.piton(&["trial", "-m", "nothing", "--json"]);
    assert_eq!((said.status, &said.json()["outcome"]["kind"]), (12, &serde_json::json!("no_edit")));
    assert_eq!(toy.table().len(), 1, "the baseline alone");
    toy.speed("110");
    trial(&toy);
    assert_eq!(toy.table()[1][5], "1");
}

#[test]
fn an_edit_outside_the_scope_is_refused_by_path_and_nothing_is_reset() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    toy.write("measure.sh", "echo '{\"speed\": 1e9, \"quality\": 1}'");
    toy.write("new.txt", "mine");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (12, "out_of_scope"));
    assert!(answer.contains("measure.sh, new.txt"), "{answer}");
    assert_eq!(toy.read("new.txt"), "mine");
    assert!(toy.read("measure.sh").contains("1e9"));
}

#[test]
fn a_file_that_the_index_was_told_to_overlook_is_still_seen() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["update-index", "--skip-worktree", "measure.sh"]);
    toy.write("measure.sh", "echo '{\"speed\": 1e9, \"quality\": 1}'");
    assert_eq!(trial(&toy).1, "out_of_scope");
}

#[test]
fn an_ignored_file_in_scope_is_not_built() {
    let toy = Scratch::toy();
    toy.write(".gitignore", "*.gen\n");
    toy.write("build.sh", "cat \"$1\"/src/*.gen > \"$2/speed\" 2>/dev/null || echo 100 > \"$2/speed\"");
    toy.commit("a build that would take a generated file");
    toy.baseline();
    toy.write("src/payload.gen", "999");
    toy.speed("101");
    let (_, reason, answer) = trial(&toy);
    let same = if kind() == Kind::Artifact { "duplicate" } else { "not_shown_better" };
    assert_eq!(reason, same, "the same program as the baseline: {answer}");
    assert_eq!(toy.read("src/payload.gen"), "999", "nothing of the user's is thrown away");
}

#[test]
fn a_symbolic_link_in_scope_is_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    std::os::unix::fs::symlink("/etc/passwd", toy.path().join("src/link")).unwrap();
    let (_, reason, answer) = trial(&toy);
    assert_eq!(reason, "out_of_scope");
    assert!(answer.contains("src/link: a symbolic link"), "{answer}");
}

#[test]
fn a_giant_file_in_scope_is_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.write("src/giant", &"x".repeat(10_001));
    let (_, reason, answer) = trial(&toy);
    assert_eq!(reason, "out_of_scope");
    assert!(answer.contains("src/giant"), "{answer}");
}

#[test]
fn a_challenger_that_does_not_build_gives_its_first_error_and_the_log_the_rest() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("BROKEN");
    let (status, reason, answer) = trial(&toy);
    let failed = if kind() == Kind::Tree { "run:failed" } else { "build_failed" };
    assert_eq!((status, reason.as_str()), (11, failed));
    assert!(answer.contains("error: this is broken"), "{answer}");
    assert!(toy.read("run.log").contains("this is broken"), "{}", toy.read("run.log"));
    let back = answer.split("the edit is kept: ").nth(1).expect("how to have it back").trim();
    assert_eq!(back, "git diff HEAD refs/piton/r/trials/1 -- src | git apply");
    let mut sh = Command::new("sh");
    assert!(sh.args(["-c", back]).current_dir(toy.path()).status().unwrap().success());
    assert!(toy.read("src/speed.rs").contains("BROKEN"));
}

#[test]
fn an_artifact_beyond_the_limit_is_not_kept() {
    if kind() != Kind::Artifact {
        return;
    }
    let toy = Scratch::toy();
    toy.write(
        "build.sh",
        "cp \"$1/src/speed.rs\" \"$2/speed\"; grep -q GIANT \"$2/speed\" && truncate -s 600M \"$2/speed\"; :",
    );
    toy.write("measure.sh", "echo \"{\\\"speed\\\":100.$((PITON_SEED % 10)),\\\"quality\\\":1}\"");
    toy.commit("a build that can be talked into anything");
    toy.baseline();
    toy.speed("GIANT");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (11, "build_failed"), "{answer}");
    assert!(answer.contains("it may have 536870912"), "{answer}");
}

#[test]
fn a_challenger_that_panics_is_a_crash_with_its_last_words_and_no_number() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("13");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (11, "run:failed"));
    assert!(answer.contains("exit status 101: thread main panicked at src/speed.rs:1"), "{answer}");
    let row = &toy.table()[1];
    assert_eq!((row[1].as_str(), row[3].as_str(), row[8].as_str()), ("", "crash", ""));
}

#[test]
fn a_challenger_that_hangs_is_ended_at_the_limit() {
    let toy = Scratch::toy_with(
        "command = [\"sh\", \"{sealed}/measure.sh\", \"{artifact}\"]\ntimeout_s = 20",
        "command = [\"sh\", \"{sealed}/measure.sh\", \"{artifact}\"]\ntimeout_s = 1",
    );
    toy.baseline();
    toy.speed("4");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (11, "timed_out"));
    assert!(answer.contains("the measurement took longer than 1 s"), "{answer}");
}

#[test]
fn a_metric_that_is_not_printed_is_a_crash_not_a_zero() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("5");
    let (_, reason, answer) = trial(&toy);
    assert_eq!(reason, "run:unreadable");
    assert!(answer.contains("no metric `quality`"), "{answer}");
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("90");
    trial(&toy);
    toy.speed("90");
    let (status, reason, answer) = trial(&toy);
    assert_eq!((status, reason.as_str()), (12, "duplicate"));
    assert!(answer.contains("the same as trial 1"), "{answer}");
}

#[test]
fn an_edit_that_builds_the_same_program_is_a_duplicate() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.write("src/speed.rs", "// a comment\nconst SPEED: u32 = 100;\n");
    // Without an artifact nobody can tell that the programs are the same: then they measure the same.
    let same = if kind() == Kind::Artifact { "duplicate" } else { "not_shown_better" };
    assert_eq!(trial(&toy).1, same);
}

#[test]
fn a_daemon_that_a_sample_leaves_behind_is_ended() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("666");
    trial(&toy);
    assert_eq!(toy.processes(), [0; 0]);
}

#[test]
fn a_trial_away_from_the_incumbent_is_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["commit", "--quiet", "--allow-empty", "--message", "an agent's own commit"]);
    let said = toy.piton(&["trial", "-m", "x"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("its branch has moved"), "{}", said.err);
    assert_eq!(toy.table().len(), 1);
}

#[test]
fn a_trial_without_words_is_described_by_what_it_changed() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("90");
    toy.piton(&["trial"]);
    assert_eq!(toy.table()[1][4], "SPEED 100 -> 90");
}

#[test]
fn a_description_cannot_break_the_table() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("90");
    toy.piton(&["trial", "-m", "=1+1\ttab\nline \u{1b}[31m \u{202e}"]);
    let rows = toy.table();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][4], "'=1+1\\ttab\\nline \\u{1b}[31m \\u{202e}");
}

#[test]
fn the_answer_for_programs_is_one_json_document() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    let record = toy.piton(&["trial", "-m", "x", "--json"]).json();
    assert_eq!(record["outcome"]["kind"], "judged");
    assert_eq!(record["outcome"]["verdict"]["keep"], "better");
    // A gain must be there whoever ran first: where the coin is slow to give both orders, more pairs are run than the bet takes.
    assert!(record["pairs"].as_array().unwrap().len() >= 8, "{record}");
    assert_eq!(record["changes"]["constants"][0]["to"], "110");
}
