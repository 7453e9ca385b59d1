//! `piton` alone, wherever a user may stand: it says what to type next, changes nothing, and exits with 0.

use piton_tests::{Said, Scratch};

/// What `piton` alone says, and that it changed nothing.
fn here(scratch: &Scratch) -> String {
    let before = scratch.standing();
    let said: Said = scratch.piton(&[]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(scratch.changed(&before, 3), Vec::<String>::new(), "{said:?}");
    said.out
}

fn contains(text: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in\n{text}"));
}

#[test]
fn before_a_run_it_says_what_is_missing() {
    let empty = Scratch::empty();
    let said = empty.piton(&[]);
    assert_eq!(said.status, 0, "{said:?}");
    contains(&said.out, &["there is no git repository here", "git init"]);
    empty.git(&["init", "--quiet"]);
    let said = empty.piton(&[]);
    contains(&said.out, &["it has no commit", "commit your files first"]);
    empty.write("a.txt", "a");
    empty.commit("a commit");
    contains(&here(&empty), &["has no piton.toml", "piton init"]);
    empty.write("piton.toml", "name = 'x'");
    contains(&here(&empty), &["not committed", "git add piton.toml && git commit"]);
    empty.commit("an experiment");
    contains(&here(&empty), &["missing field `metric`"]);
}

#[test]
fn from_the_first_run_to_the_end_of_a_climb_it_says_where_that_stands() {
    let toy = Scratch::toy();
    contains(&here(&toy), &["is ready; no run of it has begun", "piton climb", "piton doctor --try"]);
    toy.baseline();
    contains(&here(&toy), &["Run r: no trial yet", "nothing is at work", "piton trial -m"]);
    toy.speed("110");
    contains(&here(&toy), &["holds an edit that is not judged", "judge the edit in this checkout"]);
    assert_eq!(toy.piton(&["trial", "-m", "faster"]).status, 0);
    // The process that carried it out has gone after this.
    toy.piton(&["wait"]);
    contains(&here(&toy), &["Run r: 1 trial, speed 10", " -> 11", "piton verify", "piton finalize"]);
    toy.git(&["switch", "--quiet", "main"]);
    assert_eq!(toy.piton(&["climb", "--run", "r", "--trials", "1"]).status, 0);
    contains(&here(&toy), &["its climb ended: the number of trials is reached", "piton climb --run r"]);
    assert_eq!(toy.piton(&["verify"]).status, 0);
    assert!(!here(&toy).contains("piton verify"));
    // A directory without an experiment in a repository that has runs.
    std::fs::remove_file(toy.path().join(".git/piton/ledger.db")).unwrap();
    contains(&here(&toy), &["do not agree", "piton audit"]);
}

#[test]
fn what_a_kill_left_undone_is_told_with_the_command_that_finishes_it() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    let cut = toy.command(&["trial", "-m", "faster"]).env("PITON_FAILPOINT", "decided").output().unwrap();
    assert!(!cut.status.success(), "{cut:?}");
    // The process that was killed has gone after this.
    let lock = toy.read(".git/piton/lock");
    let stat = format!("/proc/{}/stat", lock.split(' ').nth(1).unwrap());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
        std::thread::yield_now();
    }
    contains(&here(&toy), &["left undone", "piton recover"]);
    assert_eq!(toy.piton(&["recover"]).status, 0);
    assert!(!here(&toy).contains("piton recover"));
}
