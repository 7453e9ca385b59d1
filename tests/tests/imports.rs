//! Old nights of other tools, and piton's own handed on: import, compare and export.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use piton_tests::night::{Plan, RUN, night};
use piton_tests::{Said, Scratch};

/// A file of another tool. That of labloop was written by labloop 1.0.5, the others after what their tools' sources write.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("imports").join(name)
}

const SAMPLES: [(&str, &str); 3] = [
    ("autoresearch", "autoresearch.tsv"),
    ("labloop", "labloop.jsonl"),
    ("pi-autoresearch", "pi-autoresearch.jsonl"),
];

fn import(toy: &Scratch, from: &str, file: &Path, name: &str) -> Said {
    toy.piton(&["import", file.to_str().unwrap(), "--from", from, "--name", name])
}

/// A toy with every sample imported under its tool's name.
fn imported() -> Scratch {
    let toy = Scratch::toy();
    for (from, file) in SAMPLES {
        let said = import(&toy, from, &sample(file), from);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.out.contains("they are claims: piton measured none of them"), "{}", said.out);
    }
    toy
}

#[test]
fn an_old_night_is_shown_as_what_it_is_claims() {
    let toy = imported();
    for (from, trials, kept) in [("autoresearch", 5, 3), ("labloop", 9, 3), ("pi-autoresearch", 5, 2)] {
        let log = toy.piton(&["log", "--run", from]).out;
        assert!(log.starts_with(&format!("imported from {from}: these are its claims.")), "{log}");
        assert_eq!(log.lines().count(), 3 + trials, "{log}");
        let keeps = log.lines().skip(3).filter(|line| line.contains(" keep") || line.contains(" kept"));
        assert_eq!(keeps.count(), kept, "{log}");
        let page = toy.piton(&["report", "--run", from, "-o", "-"]).out;
        assert!(page.contains("piton measured none of them") && page.contains("as claimed by"), "{page}");
        assert!(!page.contains("<b>ports"), "foreign text stays text");
        for form in ["--svg", "--md"] {
            let said = toy.piton(&["report", "--run", from, form, "-o", "-"]);
            assert!(said.status == 0 && said.out.contains("claim"), "{form}: {said:?}");
        }
        let said = toy.piton(&["report", "--run", from, "--card", "-o", ".git/card.png"]);
        assert_eq!(
            (said.status, &fs::read(toy.path().join(".git/card.png")).unwrap()[1..4]),
            (0, &b"PNG"[..])
        );
    }
    let log = toy.piton(&["log", "--run", "pi-autoresearch"]).out;
    assert!(
        log.contains("total_ms") && !log.contains("61.2"),
        "the experiment before it had another metric: {log}"
    );
    assert!(log.contains("-8.0 %") && log.contains("change"), "4230 ms to 3890 ms: {log}");
    let log = toy.piton(&["log", "--run", "labloop"]).out;
    assert!(log.contains("not_finite") && log.contains("+13.6 %"), "110 to 125, and more is better: {log}");

    // Nothing of it is in the ledger, and what climbs knows nothing of it.
    toy.baseline();
    assert_eq!(toy.piton(&["audit"]).status, 0);
    assert_eq!(toy.table().len(), 1);
    assert_eq!(toy.piton(&["log"]).out.lines().count(), 4, "the latest run is piton's");
}

#[test]
fn claims_are_never_compared_as_if_they_had_been_measured() {
    let toy = imported();
    toy.baseline();
    let said = toy.piton(&["compare", "r", "labloop"]);
    assert_eq!(said.status, 0, "{said:?}");
    for there in
        ["claimed by labloop", "measured by piton", "not to be compared", "labloop are claims of labloop"]
    {
        assert!(said.out.contains(there), "{there}: {}", said.out);
    }
    let json = toy.piton(&["compare", "autoresearch", "labloop", "--json"]).json();
    assert_eq!(json["not_comparable"].as_array().unwrap().len(), 2);
    assert_eq!(toy.piton(&["compare", "labloop", "nobody"]).status, 3);
}

#[test]
fn two_runs_of_piton_are_held_side_by_side_with_what_keeps_them_apart() {
    let toy = Scratch::toy();
    assert_eq!(toy.piton(&["baseline", "--run", "a"]).status, 0);
    toy.git(&["switch", "--quiet", "main"]);
    toy.write("piton.toml", &toy.read("piton.toml").replace("min = 0.9", "min = 0.8"));
    toy.commit("another gate");
    assert_eq!(toy.piton(&["baseline", "--run", "b"]).status, 0);
    let said = toy.piton(&["compare", "a", "b"]);
    assert!(
        said.out.contains("gate.0.min  0.9") && said.out.contains("they start from different commits"),
        "{said:?}"
    );
    let same = toy.piton(&["compare", "a", "a"]).out;
    assert!(!same.contains("settings that differ") && same.contains("not both were verified"), "{same}");
}

#[test]
fn a_file_that_is_cut_short_or_full_of_nonsense_is_read_as_far_as_it_goes_or_refused_and_never_more() {
    let toy = Scratch::toy();
    let file = toy.path().join("old");
    for (from, name) in SAMPLES {
        let whole = fs::read(sample(name)).unwrap();
        for (i, cut) in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 3].into_iter().enumerate() {
            fs::write(&file, &whole[..cut]).unwrap();
            let said = import(&toy, from, &file, &format!("{from}-{i}"));
            assert!(matches!(said.status, 0 | 2), "{from} after {cut} bytes: {said:?}");
            assert_eq!(said.status == 0, toy.piton(&["log", "--run", &format!("{from}-{i}")]).status == 0);
        }
    }
    let hostile = b"commit\tbpb\tmemory_gb\tstatus\tdescription\n\x1b[2J\t1e400\t0\tkeep\t\xff\xfe<script>alert(1)</script>\x1b]0;x\x07\n=cmd()\t-3\t0\tkeep\t\xe2\x80\xaeback\nx\t0\t0\t`rm`\t| a | `b` @c\n";
    fs::write(&file, hostile).unwrap();
    assert_eq!(import(&toy, "autoresearch", &file, "hostile").status, 0);
    for arguments in
        [vec!["log"], vec!["report", "--md"], vec!["report", "-o", "-"], vec!["report", "--svg", "-o", "-"]]
    {
        let said = toy.piton(&[&arguments[..], &["--run", "hostile"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        assert!(
            !said.out.contains(['\x1b', '\x07', '\u{202e}'])
                && (!said.out.contains("<script>a") || !said.out.contains("<svg")),
            "{}",
            said.out
        );
    }
}

#[test]
fn what_cannot_be_imported_is_refused_with_a_reason_and_changes_nothing() {
    let toy = imported();
    let refusal = |arguments: &[&str]| {
        let said = toy.piton(&[&["import"], arguments].concat());
        assert!(said.status != 0 && said.err.contains("was not imported"), "{said:?}");
        said.err
    };
    let path = |name: &str| sample(name).display().to_string();
    assert!(refusal(&["nowhere.tsv", "--from", "labloop"]).contains("nowhere.tsv"));
    assert!(refusal(&[&path("labloop.jsonl"), "--from", "autoresearch"]).contains("its first line is not"));
    assert!(refusal(&[&path("autoresearch.tsv"), "--from", "labloop"]).contains("no trial of labloop"));
    assert!(refusal(&[&path("labloop.jsonl"), "--from", "labloop", "--name", "labloop"]).contains("already"));
    assert!(refusal(&[&path("labloop.jsonl"), "--from", "labloop", "--name", "../x"]).contains("is no name"));
    assert!(refusal(&["src", "--from", "labloop"]).contains("src"));
    // A run of piton's that is begun under the same name later comes first.
    assert_eq!(toy.piton(&["baseline", "--run", "labloop"]).status, 0);
    assert!(!toy.piton(&["log", "--run", "labloop"]).out.contains("claims"));
}

#[test]
fn what_is_exported_holds_every_trial_whole_and_a_reader_that_goes_is_no_error() {
    let toy = night(Plan { trials: 60, keeps: 6, verified: false });
    let said = toy.piton(&["export", "-o", "run.csv"]);
    assert_eq!((said.status, said.out.trim()), (0, "run.csv"), "{said:?}");
    let csv = toy.read("run.csv");
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..5], ["commit", "avg_generation_tps", "memory_gb", "status", "description"]);
    assert!(header.contains(&"ttft_ms") && header.contains(&"change_pct"), "{header:?}");
    assert_eq!(csv.lines().count(), 62, "what anybody wrote stays on its line");
    assert_eq!(csv.lines().nth(1).unwrap().split(',').next().unwrap().len(), 40, "ids are whole");
    let lines = toy.piton(&["export", "--format", "jsonl"]).out;
    let records: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(serde_json::Value::from(records), toy.piton(&["log", "--json"]).json());
    let said = toy.piton(&["export", "-o", "no/such/run.csv"]);
    assert!(said.status == 1 && said.err.contains("no/such/run.csv was not written"), "{said:?}");
    for format in ["csv", "jsonl"] {
        let mut export = toy
            .command(&["export", "--run", RUN, "--format", format])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(export.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        assert_eq!(export.wait().unwrap().code(), Some(0));
    }
}
