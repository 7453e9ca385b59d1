//! Reports as runners wrote them, and what is made of them.

use super::*;
use crate::crash::Crash;

fn names(report: &TestReport) -> Vec<(&str, &str)> {
    let end = |test: &NamedTest| match test.end {
        TestEnd::Passed => "passed",
        TestEnd::Failed(_) => "failed",
        TestEnd::Skipped => "skipped",
    };
    report.tests.iter().map(|test| (&*test.name, end(test))).collect()
}

fn whys(report: &TestReport) -> Vec<String> {
    report.failures().into_iter().map(|test| test.why).collect()
}

fn counts(report: &TestReport) -> [usize; 3] {
    [report.passed, report.failed, report.skipped]
}

#[test]
fn cargos_report_names_every_test_without_the_lines_that_move() {
    let report = TestFormat::CargoTest.read(include_str!("fixtures/cargo-test.txt")).unwrap();
    assert_eq!(counts(&report), [4, 2, 1]);
    assert_eq!(
        names(&report),
        [
            ("tests::counts_a_book", "skipped"),
            ("tests::counts_words", "passed"),
            ("tests::fails_by_error", "failed"),
            ("tests::panics", "passed"),
            ("tests::counts_nothing", "failed"),
            ("from_outside", "passed"),
            ("src/lib.rs - count", "passed"),
        ]
    );
    let whys = whys(&report);
    assert!(whys[0].contains("it did not work"), "{whys:?}");
    assert!(whys[1].contains("src/lib.rs:11:35") && whys[1].contains("left == right"), "{whys:?}");
    assert!(TestFormat::CargoTest.read("").unwrap_err().contains("test result"));
}

#[test]
fn gos_three_forms_name_tests_or_packages() {
    let all = [
        ("example.org/words.TestCount", "passed"),
        ("example.org/words.TestEmpty", "failed"),
        ("example.org/words.TestEmpty/of_", "failed"),
        ("example.org/words.TestEmpty/of_a", "passed"),
        ("example.org/words.TestSkipped", "skipped"),
    ];
    let verbose = TestFormat::Go.read(include_str!("fixtures/go-v.txt")).unwrap();
    assert_eq!(names(&verbose), all);
    assert_eq!(whys(&verbose)[1], "words_test.go:6: got 1, want 0");
    let events = TestFormat::Go.read(include_str!("fixtures/go.jsonl")).unwrap();
    let mut sorted = names(&events);
    sorted.sort_unstable();
    assert_eq!(sorted, all);
    assert!(whys(&events).contains(&"words_test.go:6: got 1, want 0".to_owned()));
    let plain = TestFormat::Go.read(include_str!("fixtures/go.txt")).unwrap();
    assert_eq!(counts(&plain), [0, 2, 0]);
    let packages =
        TestFormat::Go.read("ok  \tx/a\t0.1s\n?   \tx/b\t[no test files]\nok  \tx/c\t(cached)\n").unwrap();
    assert_eq!(names(&packages), [("x/a", "passed"), ("x/c", "passed")]);
    let none = TestFormat::Go.read("ok  \tx/a\t0.1s [no tests to run]\n").unwrap();
    assert_eq!(none.ran(), 0);
    let broken = r#"{"Action":"output","Package":"x/a","Output":"FAIL\tx/a [build failed]\n"}
{"Action":"fail","Package":"x/a","Elapsed":0}"#;
    assert_eq!(names(&TestFormat::Go.read(broken).unwrap()), [("x/a", "failed")]);
}

#[test]
fn pytests_report_names_tests_where_it_was_asked_to_and_counts_them_always() {
    let all = [
        ("test_words.py::TestGroup::test_in_group", "failed"),
        ("test_words.py::test_expected", "passed"),
        ("test_words.py::test_some[]", "failed"),
        ("test_words.py::test_some[a b c]", "passed"),
        ("test_words.py::test_two", "passed"),
    ];
    for text in [include_str!("fixtures/pytest-v.txt"), include_str!("fixtures/pytest-rA.txt")] {
        let report = TestFormat::Pytest.read(text).unwrap();
        let mut ran = names(&report);
        ran.retain(|(_, end)| *end != "skipped");
        assert_eq!(ran, all);
        assert_eq!(counts(&report), [3, 2, 1]);
        assert_eq!(whys(&report), ["ValueError: bad <value> & \"more\"", "AssertionError: assert 1 == 0"]);
        assert!(report.names().is_some());
    }
    let quiet = TestFormat::Pytest.read(include_str!("fixtures/pytest-q.txt")).unwrap();
    assert_eq!((counts(&quiet), quiet.names()), ([3, 2, 1], None));
    assert_eq!(TestFormat::Pytest.read("6 deselected in 0.00s\n").unwrap().ran(), 0);
    assert_eq!(TestFormat::Pytest.read("no tests ran in 0.00s\n").unwrap().ran(), 0);
    assert!(TestFormat::Pytest.read("test_words.py::test_two PASSED\n").unwrap_err().contains("how many"));
    let spread = "[gw1] [ 50%] PASSED a.py::test_x \n[gw0] [100%] PASSED a.py::test_y[1 2] \n===== 2 passed in 0.5s =====\n";
    assert_eq!(
        TestFormat::Pytest.read(spread).unwrap().names().unwrap(),
        ["a.py::test_x", "a.py::test_y[1 2]"]
    );
}

#[test]
fn junits_report_is_read_with_its_entities_and_several_files_are_one() {
    let text = include_str!("fixtures/pytest.xml");
    let report = TestFormat::Junit.read(text).unwrap();
    assert_eq!(counts(&report), [2, 2, 2]);
    assert_eq!(report.tests[2].name, "test_words.test_some[a b c]");
    assert_eq!(whys(&report), ["AssertionError: assert 1 == 0", "ValueError: bad <value> & \"more\""]);
    let two = format!("{text}\n{text}");
    assert_eq!(TestFormat::Junit.read(&two).unwrap().tests.len(), 12);
    let inner = "<testsuite><testcase name='a'><failure><![CDATA[\n first\nsecond]]></failure></testcase></testsuite>";
    assert_eq!(whys(&TestFormat::Junit.read(inner).unwrap()), ["first"]);
    assert!(TestFormat::Junit.read("<html></html>").unwrap_err().contains("testsuite"));
    assert!(TestFormat::Junit.read("<testsuite><testcase").unwrap_err().contains("no XML"));
}

#[test]
fn what_a_test_took_is_no_part_of_its_name() {
    let report = TestFormat::Tap.read(include_str!("fixtures/vitest.tap")).unwrap();
    assert_eq!(
        names(&report),
        [
            ("skip.test.mjs > one", "passed"),
            ("skip.test.mjs > left out", "skipped"),
            ("skip.test.mjs > two", "passed"),
            ("skip.test.mjs > three", "failed"),
        ]
    );
    assert_eq!(whys(&report), ["expected 1 to be 2 // Object.is equality"]);
    let both = TestFormat::Tap.read("ok 1 - slow # time=2.5ms # SKIP\n").unwrap();
    assert_eq!(names(&both), [("slow", "skipped")]);
    let quoted = TestFormat::Tap.read("ok 1 - waits # time=2 of 3\n").unwrap();
    assert_eq!(names(&quoted), [("waits # time=2 of 3", "passed")], "other words are the name's own");
}

#[test]
fn taps_subtests_are_named_by_what_they_stand_below() {
    let report = TestFormat::Tap.read(include_str!("fixtures/node.tap")).unwrap();
    assert_eq!(
        names(&report),
        [
            ("counts two", "passed"),
            ("counts nothing", "failed"),
            ("later", "passed"),
            ("skipped", "skipped"),
            ("a group > has one", "passed"),
            (r"a group > has \# another", "failed"),
            ("a group", "failed"),
        ]
    );
    assert_eq!(whys(&report), ["Expected values to be strictly equal:", "broken", "1 subtest failed"]);
    assert_eq!(report.broken, None);
    let flat =
        TestFormat::Tap.read("# errors on a proto\nok 1 - a\nnot ok 2 - should throw\n1..2\n").unwrap();
    assert_eq!(whys(&flat), ["below \"errors on a proto\""]);
    let short = TestFormat::Tap.read("1..3\nok 1\nok 2 - b\n").unwrap();
    assert_eq!(short.broken.as_deref(), Some("its plan is 3, and 2 came"));
    assert!(TestFormat::Tap.read("Bail out! no database\n").unwrap().broken.unwrap().contains("no database"));
    assert!(TestFormat::Tap.read("all is well\n").is_err());
}

fn ran(names: &[&str]) -> TestReport {
    let test = |name: &&str| NamedTest { name: (*name).to_owned(), end: TestEnd::Passed };
    TestReport::of(names.iter().map(test).collect())
}

fn run(report: Option<TestReport>) -> CheckRun {
    CheckRun { end: CheckEnd::Exited(0), report: report.map(Ok), output: None, crash: Crash::default() }
}

fn before(report: &TestReport) -> CheckResult {
    CheckResult {
        name: "unit".into(),
        passed: true,
        seconds: 1.0,
        seed: 1,
        tests: Some(report.ran()),
        output: None,
        names: report.kept_names(),
    }
}

fn reason(report: TestReport, baseline: &CheckResult) -> Option<String> {
    let expected = Expected { baseline: Some(baseline), sha256: None };
    judge(&run(Some(report)), expected).map(|fault| fault.reason)
}

#[test]
fn a_test_that_was_there_at_the_baseline_has_to_be_there_and_more_may_be() {
    let baseline = before(&ran(&["a", "b", "b", "c"]));
    assert_eq!(reason(ran(&["c", "b", "a", "b"]), &baseline), None);
    assert_eq!(reason(ran(&["a", "b", "b", "c", "new"]), &baseline), None);
    let said = |names| reason(ran(names), &baseline).unwrap();
    assert_eq!(said(&["a", "b", "c"]), "4 tests ran at the baseline, 3 now: b is gone");
    assert_eq!(said(&["a", "b", "b", "d"]), "4 tests ran at the baseline, 4 now: c is gone");
    assert_eq!(
        said(&["x"]),
        "4 tests ran at the baseline, 1 now: a is gone, b is gone, b is gone, and 1 more"
    );
    assert_eq!(said(&[]), "no test ran");
    let mut skipping = ran(&["a", "b", "b"]);
    skipping.tests.push(NamedTest { name: "c".into(), end: TestEnd::Skipped });
    skipping.skipped = 1;
    assert_eq!(reason(skipping, &baseline).unwrap(), "4 tests ran at the baseline, 3 now: c is skipped");
}

#[test]
fn tests_that_are_only_counted_are_held_to_their_number() {
    let counted = |passed| TestReport { passed, ..TestReport::default() };
    let baseline = before(&counted(12));
    assert_eq!((baseline.tests, baseline.names.len()), (Some(12), 0));
    assert_eq!(reason(counted(12), &baseline), None);
    assert_eq!(reason(counted(11), &baseline).unwrap(), "12 tests ran at the baseline, 11 now");
    let named = before(&ran(&["a", "b"]));
    assert!(reason(counted(2), &named).unwrap().contains("does not name all 2 now"));
}

#[test]
fn the_first_test_that_failed_is_in_the_reason_and_the_others_are_named_beside_it() {
    let mut report = ran(&["a"]);
    for name in 0..30 {
        let end = TestEnd::Failed(if name == 0 { "left is not right".into() } else { String::new() });
        report.tests.push(NamedTest { name: format!("t{name}"), end });
    }
    report.failed = 30;
    let fault = judge(&run(Some(report)), Expected::default()).unwrap();
    assert_eq!(fault.reason, "30 of 31 tests failed: t0: left is not right");
    assert_eq!(fault.tests.len(), 20);
}

#[test]
fn every_other_end_of_a_check_fails_it_and_says_how() {
    let crash = Crash { reason: "it is broken".into(), tail: String::new() };
    let of = |end| judge(&CheckRun { end, crash: crash.clone(), ..run(None) }, Expected::default());
    assert_eq!(of(CheckEnd::Exited(0)), None);
    for (end, words) in [
        (CheckEnd::Exited(3), "exit status 3: it is broken"),
        (CheckEnd::Signalled("signal 9".into()), "it was ended by signal 9: it is broken"),
        (CheckEnd::TimedOut(60), "it took longer than 60 s"),
        (CheckEnd::Tampered("a test was altered".into()), "a test was altered"),
    ] {
        assert_eq!(of(end).unwrap().reason, words);
    }
    let unread = CheckRun { report: Some(Err("it is empty".into())), ..run(None) };
    let said = judge(&unread, Expected::default()).unwrap().reason;
    assert_eq!(said, "its report cannot be read: it is empty");
    // Whoever exits with 1 and reports no failure has failed.
    let liar = CheckRun { end: CheckEnd::Exited(1), ..run(Some(ran(&["a"]))) };
    assert!(judge(&liar, Expected::default()).is_some());
}

#[test]
fn an_output_is_held_against_what_is_written_down_or_against_the_baselines() {
    let (one, other) = ("ab".repeat(32), "cd".repeat(32));
    let output = CheckOutput { sha256: one.clone(), bytes: 12 };
    let run = CheckRun { output: Some(Ok(output)), ..run(None) };
    let baseline = |output: &str| CheckResult { output: Some(output.to_owned()), ..before(&ran(&[])) };
    let by = |baseline: Option<&CheckResult>, sha256: Option<&str>| {
        judge(&run, Expected { baseline, sha256 }).map(|fault| fault.reason)
    };
    assert_eq!(by(None, None), None, "the baseline's own output is what the others are held against");
    assert_eq!(by(Some(&baseline(&one)), None), None);
    assert_eq!(by(None, Some(&one.to_uppercase())), None);
    let said = by(Some(&baseline(&other)), None).unwrap();
    assert_eq!(
        said,
        "its output is another one: 12 bytes, sha256 abababababab...; the baseline's was cdcdcdcdcdcd..."
    );
    assert!(by(Some(&baseline(&one)), Some(&other)).unwrap().contains("`golden` asks for"));
}

#[test]
fn a_names_list_that_is_too_long_is_kept_in_part_and_counted_whole() {
    let names: Vec<String> =
        (0..20_000).map(|n| format!("tests::a_module::of_some_depth::test_{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let baseline = before(&ran(&names));
    assert!(baseline.names.len() < 20_000 && baseline.tests == Some(20_000));
    assert!(baseline.names.iter().map(String::len).sum::<usize>() <= NAMES_BYTES);
    assert_eq!(reason(ran(&names), &baseline), None);
    assert_eq!(
        reason(ran(&names[..19_999]), &baseline).unwrap(),
        "20000 tests ran at the baseline, 19999 now"
    );
}

proptest::proptest! {
    #[test]
    fn no_report_makes_its_reader_fall_over(text in ".{0,400}", format in 1usize..6) {
        let format = [TestFormat::Exit, TestFormat::CargoTest, TestFormat::Junit, TestFormat::Pytest, TestFormat::Go, TestFormat::Tap][format];
        let _ = format.read(&text);
    }
}
