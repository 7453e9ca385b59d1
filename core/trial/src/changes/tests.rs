use super::*;

fn sources(text: &str) -> EditSide {
    Sources::from([("src/main.rs".to_owned(), text.to_owned())]).into()
}

fn trade_off(constant: Option<&str>, to: Option<&[&str]>, added: Option<&str>, says: &str) -> TradeOff {
    TradeOff {
        constant: constant.map(str::to_owned),
        to: to.map(|values| values.iter().map(|v| (*v).to_owned()).collect()),
        added: added.map(str::to_owned),
        says: says.to_owned(),
    }
}

#[test]
fn a_changed_constant_is_named_with_both_values_and_its_price() {
    let known =
        [trade_off(Some("TEMPERATURE"), Some(&["0.0"]), None, "argmax decoding: faster, no diversity")];
    let changes = compare(
        &sources("pub const TEMPERATURE: f32 = 0.7;\nfn a() {}"),
        &sources("pub const TEMPERATURE: f32 = 0.0;\nfn a() {}"),
        (1, 1),
        &known,
    );
    assert_eq!(
        changes.lines(),
        ["TEMPERATURE 0.7 -> 0.0", "lines: +1 -1", "may cost: argmax decoding: faster, no diversity"]
    );
}

#[test]
fn new_functions_unsafe_and_threads_are_told() {
    let changes = compare(
        &sources("fn a() {}"),
        &sources("pub(crate) unsafe fn b() {}\nfn c() { std::thread::scope(|s| ()) }"),
        (2, 1),
        &[trade_off(None, None, Some(r"thread::"), "threads: noisier")],
    );
    assert_eq!(changes.functions_added, ["b", "c"]);
    assert_eq!(changes.functions_removed, ["a"]);
    assert_eq!((changes.unsafe_more, changes.threads_more), (1, 1));
    assert_eq!(changes.trade_offs, ["threads: noisier"]);
}

#[test]
fn a_dependency_that_appears_is_told() {
    let manifest = |text: &str| EditSide::from(Sources::from([("Cargo.toml".to_owned(), text.to_owned())]));
    let changes = compare(
        &manifest("[dependencies]\nhalf = \"2\""),
        &manifest("[dependencies]\nrayon = \"1\""),
        (1, 1),
        &[],
    );
    assert_eq!(
        (changes.dependencies_added, changes.dependencies_removed),
        (vec!["rayon".into()], vec!["half".into()])
    );
}

#[test]
fn a_proposal_without_words_is_described_by_what_it_changed() {
    let changes = compare(&sources("const A: u8 = 1;"), &sources("const A: u8 = 2;"), (1, 1), &[]);
    assert_eq!(changes.headline(), "A 1 -> 2");
}

#[test]
fn less_code_is_simpler_unless_it_is_bought_with_what_is_not_counted() {
    let two = "fn a() -> u32 { 1 }\nfn b() -> u32 { a() + 2 }\n";
    let simpler = |after: &EditSide| {
        let changes = compare(&sources(two), after, (0, 1), &[]);
        assert!(changes.simpler != changes.not_simpler.is_some(), "{changes:?}");
        changes.not_simpler
    };
    let one = sources("fn a() -> u32 { 1 }\n");
    assert_eq!(simpler(&one), None);
    let with = |path: &str, text: &str| {
        let mut after = one.clone();
        after.sources.insert(path.to_owned(), text.to_owned());
        simpler(&after).unwrap()
    };
    assert!(with("src/b.inc", "x").contains("src/b.inc is in no language"));
    assert!(with("src/b.rs", "fn x() {} \"").contains("does not scan"));
    assert!(with("Cargo.toml", "[dependencies]\na = \"1\"").contains("dependencies"));
    assert!(with("src/b.rs", "// fn b() -> u32 { a() + 2 }").contains("by the byte"));
    let mut binary = one.clone();
    binary.binaries.insert("src/x.bin".to_owned(), Binary { id: "1".to_owned(), bytes: 7 });
    assert_eq!(simpler(&binary).unwrap(), "src/x.bin is no text");
    assert!(simpler(&sources("fn a() -> u32 { unsafe { 1 } }\n")).unwrap().contains("unsafe"));
}

#[test]
fn binaries_leftovers_and_tests_that_went_are_named() {
    let tests = "#[test]\n#[should_panic]\nfn it_holds() {}\n#[tokio::test]\nasync fn it_waits() {}\n";
    let mut before = sources(&format!("fn a() {{}}\n{tests}"));
    before.sources.insert("src/m.py".to_owned(), "def test_it():\n    pass\n".to_owned());
    before.sources.insert("src/m.ts".to_owned(), "it('adds', () => {})\n".to_owned());
    let mut after = sources("fn a() {}\n#[test]\n#[ignore]\nfn it_waits() {}\n");
    let binary = |bytes: u64| Binary { id: bytes.to_string(), bytes };
    before.binaries.insert("src/a.bin".to_owned(), binary(1));
    after.binaries.insert("src/a.bin".to_owned(), binary(2));
    after.binaries.insert("src/__pycache__/m.pyc".to_owned(), binary(30));
    let changes = compare(&before, &after, (0, 0), &[]);
    assert_eq!(changes.tests_removed, ["adds", "it_holds", "test_it"]);
    assert_eq!(changes.leftovers, ["src/__pycache__/ (1 file)"]);
    assert_eq!(
        changes.binaries,
        ["src/__pycache__/m.pyc added, 30 bytes", "src/a.bin changed, 2 bytes, was 1"]
    );
    let lines = changes.lines().join("\n");
    for words in
        ["tests removed: adds", "binary files: ", "src/__pycache__/ (1 file)", "tests skipped or ignored: +1"]
    {
        assert!(lines.contains(words), "{words}: {lines}");
    }
}
