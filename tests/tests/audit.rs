//! What was done to ledger, refs, commits or table behind piton's back is named.

use piton::chain;
use piton_tests::Scratch;
use rusqlite::Connection;

/// A baseline, a trial that was discarded, one that was kept.
fn climbed() -> Scratch {
    let toy = Scratch::toy();
    toy.piton(&["climb", "--run", "r", "--trials", "2"]);
    let audit = toy.piton(&["audit"]);
    assert_eq!((audit.status, audit.out.contains("everything agrees")), (0, true), "{audit:?}");
    toy
}

/// What the audit finds, all of it.
fn faults(toy: &Scratch) -> Vec<String> {
    let audit = toy.piton(&["audit", "--json"]);
    let found = audit.json()["faults"].as_array().unwrap().clone();
    assert_eq!(audit.status, i32::from(!found.is_empty()), "{audit:?}");
    found.iter().map(|fault| fault.as_str().unwrap().to_owned()).collect()
}

fn named(toy: &Scratch, expected: &[&str]) {
    let found = faults(toy);
    for words in expected {
        assert!(found.iter().any(|fault| fault.contains(words)), "{words} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

fn ledger(toy: &Scratch) -> Connection {
    Connection::open(toy.path().join(".git/piton/ledger.db")).unwrap()
}

#[test]
fn a_row_that_was_edited() {
    let toy = climbed();
    ledger(&toy)
        .execute("UPDATE entries SET body = replace(body, '100 -> 90', '100 -> 91') WHERE trial = 1", [])
        .unwrap();
    named(&toy, &["entry 3 of the ledger (trial 1 of run r) is not what was recorded", "results.tsv"]);
    let text = toy.piton(&["audit"]);
    assert!(text.out.contains("2 things do not agree:"), "{}", text.out);
}

#[test]
fn a_row_that_was_deleted() {
    let toy = climbed();
    ledger(&toy).execute("DELETE FROM entries WHERE trial = 1", []).unwrap();
    let expected = [
        "entry 3 of the ledger is missing",
        "trial 1 of run r is missing from the ledger",
        "trial 1 of run r was decided, and its entry is missing",
        "of trial 2 of run r says Ledger: ",
        "refs/piton/r/trials/1 is not known to the ledger",
        "results.tsv",
    ];
    named(&toy, &expected);
}

#[test]
fn a_past_that_was_rewritten_with_the_whole_chain_contradicts_the_commits() {
    let toy = climbed();
    let db = ledger(&toy);
    db.execute("UPDATE entries SET body = replace(body, '\"description\":\"baseline\"', '\"description\":\"Baseline\"') WHERE trial = 0", []).unwrap();
    let mut before = chain::BEGINNING.to_owned();
    for number in 1..=4 {
        let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (kind, run, trial, body): (String, String, Option<u32>, String) = db
            .query_row("SELECT kind, run, trial, body FROM entries WHERE entry = ?1", [number], row)
            .unwrap();
        before = chain::link(&before, &kind, &run, trial, &body);
        db.execute("UPDATE entries SET hash = ?2 WHERE entry = ?1", (number, &before)).unwrap();
    }
    named(&toy, &["of trial 1 of run r says Ledger: ", "of trial 2 of run r says Ledger: ", "results.tsv"]);
}

#[test]
fn what_stands_beside_an_entry_and_was_edited() {
    let toy = climbed();
    ledger(&toy).execute("UPDATE trials SET settles = 0 WHERE trial = 1", []).unwrap();
    named(&toy, &["the row of trial 1 of run r was edited"]);
}

#[test]
fn a_ref_that_was_moved_and_one_that_is_missing() {
    let toy = climbed();
    toy.git(&["update-ref", "refs/piton/r/trials/1", "main"]);
    toy.git(&["update-ref", "-d", "refs/piton/r/trials/2"]);
    named(&toy, &["refs/piton/r/trials/1 is at ", "refs/piton/r/trials/2 is missing"]);
    toy.piton(&["recover"]);
    named(&toy, &[]);
}

#[test]
fn a_branch_that_was_moved_or_amended() {
    let toy = climbed();
    toy.git(&["update-ref", "refs/heads/piton/r", "main"]);
    named(&toy, &["the branch piton/r is at "]);
    let toy = climbed();
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.git(&["commit", "--quiet", "--amend", "--message", "much faster"]);
    named(&toy, &["the branch piton/r is at "]);
}

#[test]
fn a_commit_that_was_amended_with_its_ref_and_its_row() {
    let toy = climbed();
    let old = toy.git(&["rev-parse", "piton/r"]);
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.git(&["commit", "--quiet", "--amend", "--message", "much faster"]);
    let new = toy.git(&["rev-parse", "HEAD"]);
    toy.git(&["update-ref", "refs/piton/r/trials/2", &new]);
    let db = ledger(&toy);
    db.execute("UPDATE entries SET body = replace(body, ?1, ?2)", [&old, &new]).unwrap();
    db.execute("DELETE FROM tallies", []).unwrap();
    let found = faults(&toy);
    assert!(
        found.iter().any(|f| f.contains("entry 4 of the ledger (trial 2 of run r) is not what was recorded")),
        "{found:#?}"
    );
    for trailer in ["Run", "Trial", "Incumbent", "Harness", "Seal", "Rule", "Seed", "Ledger"] {
        assert!(
            found.iter().any(|f| f.contains(&format!("says {trailer}: nothing"))),
            "{trailer} in {found:#?}"
        );
    }
}

#[test]
fn a_table_that_was_edited_or_is_gone() {
    let toy = climbed();
    toy.write("results.tsv", &toy.read("results.tsv").replace("worse", "better"));
    named(&toy, &["results.tsv is not what the ledger says from line 3 on"]);
    std::fs::remove_file(toy.path().join("results.tsv")).unwrap();
    named(&toy, &["results.tsv is missing"]);
}

#[test]
fn an_artifact_that_was_altered_and_one_that_is_gone() {
    if piton_tests::kind() != piton_tests::Kind::Artifact {
        return;
    }
    let toy = climbed();
    let artifacts = toy.path().join(".git/piton/artifacts");
    let mut dirs: Vec<_> =
        std::fs::read_dir(&artifacts).unwrap().flatten().map(|entry| entry.path()).collect();
    dirs.sort();
    std::fs::remove_file(dirs[0].join("speed")).unwrap();
    std::fs::write(dirs[0].join("speed"), "999").unwrap();
    std::fs::remove_dir_all(&dirs[1]).unwrap();
    named(&toy, &["is not what its name says"]);
    assert!(toy.piton(&["audit"]).out.contains("1 artifact not there any more"));
}

#[test]
fn one_run_is_audited_by_its_name_and_a_run_that_is_none_is_refused() {
    let toy = climbed();
    assert_eq!(toy.piton(&["audit", "--run", "r", "--json"]).json()["runs"], serde_json::json!(["r"]));
    assert_eq!(toy.piton(&["audit", "--run", "x"]).status, 3);
    assert_eq!(Scratch::toy().piton(&["audit"]).status, 3);
}
