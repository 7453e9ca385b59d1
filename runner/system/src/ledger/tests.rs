use super::*;

#[test]
fn a_run_that_began_before_anything_could_be_locked_has_nothing_locked() {
    let text = "name = 'x'\n[metric]\nname = 'm'\ndirection = 'higher'\n[scope]\neditable = ['pkg']\n[measure]\ncommand = ['true']\ntimeout_s = 1\n";
    let body = serde_json::json!({ "name": "r", "base": "b", "seal": "s", "harness": null, "config": text, "began": "" });
    let old: Run = serde_json::from_value(body).unwrap();
    assert!(old.experiment().unwrap().scope.contains("pkg/tests/test_a.py"));
    let new = Run { locks: true, ..old };
    assert!(!new.experiment().unwrap().scope.contains("pkg/tests/test_a.py"));
}

#[test]
fn a_ledger_of_another_version_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(Ledger::open_or_create(dir.path()).unwrap());
    for version in [1, 2, 4] {
        let db = Connection::open(dir.path().join("ledger.db")).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        let error = Ledger::open(dir.path()).unwrap_err();
        assert!(error.cause.unwrap().contains("not 3"));
    }
}

#[test]
fn every_entry_hangs_on_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open_or_create(dir.path()).unwrap();
    assert_eq!(ledger.head().unwrap(), (0, hash_chain::BEGINNING.to_owned()));
    for n in 0..3 {
        ledger.write(Sync::Now, "", |db| enter(db, "night", "r", None, &n).map(|_| ())).unwrap();
    }
    let mut check = hash_chain::Check::new();
    ledger
        .each_entry(&mut |entry| {
            check.take(&entry);
            Ok(())
        })
        .unwrap();
    assert_eq!(check.faults, Vec::<String>::new());
    assert_eq!(check.head(), (3, ledger.head().unwrap().1.as_str()));
}

#[test]
fn a_mark_that_is_lost_or_broken_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open_or_create(dir.path()).unwrap();
    assert_eq!(ledger.mark::<u32>("x").unwrap(), None);
    ledger.set_mark("x", &"no number").unwrap();
    assert_eq!(ledger.mark::<u32>("x").unwrap(), None);
    ledger.set_mark("x", &7).unwrap();
    assert_eq!(ledger.mark::<u32>("x").unwrap(), Some(7));
}
