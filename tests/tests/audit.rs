//! What was done to ledger, refs, commits or table behind piton's back is named.

use piton_core::trial::hash_chain;
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
    let mut before = hash_chain::BEGINNING.to_owned();
    for number in 1..=4 {
        let row = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (kind, run, trial, body): (String, String, Option<u32>, String) = db
            .query_row("SELECT kind, run, trial, body FROM entries WHERE entry = ?1", [number], row)
            .unwrap();
        before = hash_chain::link(&before, &kind, &run, trial, &body);
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

/// The files of the ledger, as bytes.
fn kept(toy: &Scratch) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let read = |name| std::fs::read(toy.path().join(".git/piton").join(name)).ok();
    ["ledger.db", "ledger.db-wal", "ledger.db-shm"].map(|name| (name, read(name))).into()
}

fn put(toy: &Scratch, files: &[(&'static str, Option<Vec<u8>>)]) {
    for (name, content) in files {
        let path = toy.path().join(".git/piton").join(name);
        let _ = std::fs::remove_file(&path);
        if let Some(content) = content {
            std::fs::write(path, content).unwrap();
        }
    }
}

/// Every command that would begin a ledger, or go on with it, refuses, says why, and changes nothing.
fn nothing_begins(toy: &Scratch, why: &str) {
    for args in [
        &["climb", "--run", "r", "--trials", "1"][..],
        &["climb", "--trials", "1"],
        &["baseline"],
        &["baseline", "--run", "s"],
        &["trial", "-m", "x"],
        &["recover"],
        &["verify", "--run", "r"],
        &["noise", "--pairs", "2"],
    ] {
        let before = toy.standing();
        let said = toy.piton(args);
        assert_eq!(said.status, 3, "{args:?}: {said:?}");
        assert!(said.err.contains(why) || args[0] == "verify" || args[0] == "trial", "{args:?}: {said:?}");
        let changed: Vec<_> = toy.changed(&before, 3);
        let changed: Vec<_> = changed.iter().filter(|path| !path.contains("/errand")).collect();
        assert!(changed.is_empty(), "{args:?} changed {changed:?}: {said:?}");
    }
}

#[test]
fn a_ledger_that_is_gone_is_missed_by_refs_branch_commits_and_table_and_none_begins_in_its_place() {
    let gone: [&dyn Fn(&Scratch); 4] = [
        &|toy| put(toy, &[("ledger.db", None), ("ledger.db-wal", None), ("ledger.db-shm", None)]),
        &|toy| put(toy, &[("ledger.db", None)]),
        &|toy| put(toy, &[("ledger.db", Some(vec![])), ("ledger.db-wal", None), ("ledger.db-shm", None)]),
        // Of a ledger that is young everything stands in what was written ahead.
        &|toy| put(toy, &[("ledger.db-wal", None), ("ledger.db-shm", None)]),
    ];
    for remove in gone {
        let toy = climbed();
        remove(&toy);
        let found = faults(&toy);
        for words in [
            "ledger.db is not there, or holds no entry",
            "the branch piton/r at ",
            "refs/piton/r/trials/1 at ",
            "refs/piton/r/trials/2 at ",
            "says that it is trial 1 of run r, and names a head that the chain never had",
            "says that it is trial 2 of run r, and names a head that the chain never had",
            "results.tsv is of no run that the ledger knows",
        ] {
            assert!(found.iter().any(|fault| fault.contains(words)), "{words} in {found:#?}");
        }
        nothing_begins(&toy, "the ledger is gone, and its trials are not");
        toy.git(&["pack-refs", "--all"]);
        toy.git(&["tag", "mine", "refs/piton/r/trials/1"]);
        assert_eq!(faults(&toy).len(), found.len(), "packed or tagged, they are the same");
        // Each by itself is missed too.
        for name in ["refs/heads/piton/r", "refs/piton/r/trials/1", "refs/piton/r/trials/2"] {
            toy.git(&["update-ref", "-d", name]);
        }
        std::fs::remove_file(toy.path().join("results.tsv")).unwrap();
        named(&toy, &["ledger.db is not there", "says that it is trial 1 of run r"]);
        toy.git(&["tag", "--delete", "mine"]);
        assert_eq!(toy.piton(&["audit"]).status, 3, "nothing is left");
        toy.baseline();
    }
}

#[test]
fn a_ledger_older_than_its_trials_is_told_from_them_and_nothing_goes_on_with_it() {
    let toy = climbed();
    let before = kept(&toy);
    assert_eq!(
        toy.piton(&["climb", "--run", "r", "--trials", "1"]).status,
        0,
        "one that is discarded, or kept"
    );
    put(&toy, &before);
    let found = faults(&toy);
    assert!(found.iter().any(|fault| fault.contains("refs/piton/r/trials/3 is not known")), "{found:#?}");
    assert!(
        found.iter().any(|fault| fault.contains("results.tsv is not what the ledger says")),
        "{found:#?}"
    );
    nothing_begins(&toy, "the ledger is older than what git has");
    let toy = climbed();
    let (young, db) = (kept(&toy), ledger(&toy));
    drop(db);
    for speed in ["150", "200", "260"] {
        let agent = format!("echo 'const SPEED: u32 = {speed};' > src/speed.rs");
        assert_eq!(toy.piton(&["climb", "--run", "r", "--agent", &agent, "--trials", "1"]).status, 0);
    }
    assert_eq!(toy.piton(&["climb", "--run", "s", "--trials", "1"]).status, 0);
    let late = kept(&toy);
    put(&toy, &young);
    let found = faults(&toy);
    for words in [
        "refs/piton/r/trials/3 is not known",
        "the branch piton/r is at ",
        "the branch piton/s at ",
        "refs/piton/s/trials/1 at ",
        "of run s, and names a head that the chain never had",
        "of run r, and names a head that the chain never had",
    ] {
        assert!(found.iter().any(|fault| fault.contains(words)), "{words} in {found:#?}");
    }
    nothing_begins(&toy, "the ledger is older than what git has");
    put(&toy, &late);
    named(&toy, &[]);
}

#[test]
fn another_repositorys_ledger_is_told_by_its_commits() {
    let (toy, other) = (climbed(), Scratch::toy());
    other.write("more", "another history");
    other.commit("another history");
    for run in ["r", "x"] {
        assert_eq!(other.piton(&["climb", "--run", run, "--trials", "1"]).status, 0);
        let own = kept(&toy);
        put(&toy, &kept(&other));
        assert!(faults(&toy).len() > 4);
        nothing_begins(&toy, "the ledger is another repository's");
        put(&toy, &own);
    }
    named(&toy, &[]);
}

#[test]
fn a_ledger_that_was_cut_short_or_of_which_a_run_was_taken_out_is_missed() {
    let toy = climbed();
    ledger(&toy).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = kept(&toy);
    let bytes = whole[0].1.clone().unwrap();
    for length in [100, 4096, bytes.len() / 2, bytes.len() - 4096] {
        put(
            &toy,
            &[
                ("ledger.db", Some(bytes[..length].to_vec())),
                ("ledger.db-wal", None),
                ("ledger.db-shm", None),
            ],
        );
        let audit = toy.piton(&["audit"]);
        assert!(audit.status == 1 && !audit.out.contains("everything agrees"), "{length}: {audit:?}");
        let table = toy.read("results.tsv");
        assert_ne!(toy.piton(&["climb", "--run", "r", "--trials", "1"]).status, 0, "{length}");
        assert_eq!(toy.read("results.tsv"), table, "{length}");
    }
    put(&toy, &whole);
    assert_eq!(toy.piton(&["climb", "--run", "s", "--trials", "1"]).status, 0);
    ledger(&toy)
        .execute_batch("DELETE FROM entries WHERE run = 's'; DELETE FROM trials WHERE run = 's'")
        .unwrap();
    let found = faults(&toy);
    for words in [
        "the branch piton/s at ",
        "refs/piton/s/trials/1 at ",
        "results.tsv is of no run",
        "of run s, and names a head",
    ] {
        assert!(found.iter().any(|fault| fault.contains(words)), "{words} in {found:#?}");
    }
    nothing_begins(&toy, "the ledger is older than what git has");
}

#[test]
fn a_ref_a_branch_and_a_table_that_piton_did_not_make_are_named() {
    let toy = climbed();
    for name in [
        "refs/piton/x/trials/1",
        "refs/piton/r/more",
        "refs/piton/lone",
        "refs/heads/piton/mine",
        "refs/piton/r/trials/9",
    ] {
        toy.git(&["update-ref", name, "main"]);
    }
    toy.git(&["symbolic-ref", "refs/piton/r/symbolic", "refs/heads/main"]);
    named(
        &toy,
        &[
            "refs/piton/x/trials/1 at ",
            "refs/piton/r/more is not known",
            "refs/piton/lone at ",
            "the branch piton/mine at ",
            "refs/piton/r/trials/9 is not known",
            "refs/piton/r/symbolic is not known",
        ],
    );
}
