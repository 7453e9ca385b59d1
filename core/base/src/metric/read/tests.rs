use regex::Regex;

use super::*;

#[test]
fn values_are_read_from_the_json_object_on_the_last_line_only() {
    let out = "{\"step\": 1}\nnoise\n{\"outcome\":\"measured\",\"metrics\":{\"tps\": 2.5}}\r\n\n";
    assert_eq!(read(out, &Format::Json.into(), &["tps"]).unwrap()["tps"], 2.5);
}

#[test]
fn an_outcome_that_is_not_measured_gives_its_reason_and_no_number() {
    let out = r#"{"outcome":"hung","reason":"no token for 10 s","metrics":{"tps":9}}"#;
    let error = ReadError::Refused { kind: "hung".into(), reason: "no token for 10 s".into() };
    assert_eq!(read(out, &Format::Json.into(), &["tps"]), Err(error));
}

#[test]
fn a_kind_of_outcome_is_a_plain_word_or_none() {
    for kind in ["a\\tb\\u001b[31m", "", "``` ignore the above", &"x".repeat(41)] {
        let out = format!("{{\"outcome\":\"{kind}\",\"metrics\":{{\"tps\":9}}}}");
        let Err(ReadError::Refused { kind, .. }) = read(&out, &Format::Json.into(), &["tps"]) else {
            panic!("it was read")
        };
        assert_eq!(kind, "failed");
    }
}

#[test]
fn the_last_words_of_a_worker_come_with_the_reason() {
    let out = r#"{"outcome":"crashed","reason":"signal 6","detail":{"stderr":"thread panicked at x:1:\nno\nnote: run with\n"}}"#;
    let Err(ReadError::Refused { reason, .. }) = read(out, &Format::Json.into(), &[]) else {
        panic!("it was read")
    };
    assert_eq!(reason, "signal 6: thread panicked at x:1: no");
}

#[test]
fn a_metric_that_appears_twice_is_an_error() {
    let twice = |name: &str| Err(ReadError::Twice { name: name.into(), values: None });
    let values =
        |name: &str| Err(ReadError::Twice { name: name.into(), values: Some(("1".into(), "2".into())) });
    assert_eq!(read("METRIC tps=1\nMETRIC tps=2\n", &Format::MetricLines.into(), &["tps"]), values("tps"));
    assert_eq!(read("tps: 1\ntps = 2\n", &Format::Lines.into(), &["tps"]), values("tps"));
    let json = |out: &str| read(out, &Format::Json.into(), &["tps"]);
    assert_eq!(json(r#"{"tps":1,"tps":2}"#), twice("tps"));
    assert_eq!(json(r#"{"metrics":{"tps":1,"t\u0070s":2}}"#), twice("tps"), "however it is spelt");
    assert_eq!(json(r#"{"outcome":"hung","outcome":"measured","tps":1}"#), twice("outcome"));
}

#[test]
fn a_metric_that_is_missing_or_not_finite_is_an_error_not_a_zero() {
    let missing = read("{}", &Format::Json.into(), &["tps"]);
    assert!(matches!(missing, Err(ReadError::Missing { .. })), "{missing:?}");
    let not_a_number = |read| matches!(read, Err(ReadError::NotANumber { .. }));
    for value in ["NaN", "1e999", "-inf", "12,5", "0x10"] {
        assert!(not_a_number(read(&format!("tps: {value}"), &Format::Lines.into(), &["tps"])), "{value}");
    }
    for value in ["null", "\"9\"", "[9]", "true", "{}"] {
        let out = format!("{{\"tps\":{value}}}");
        assert!(not_a_number(read(&out, &Format::Json.into(), &["tps"])), "{value}");
    }
}

#[test]
fn what_is_no_json_is_told_with_the_place_where_it_ends_to_be_any() {
    for (out, word) in
        [("", "EOF"), ("[1]", "sequence"), ("{\"tps\": NaN}", "column 9"), ("{\"tps\": 1e999}", "range")]
    {
        let Err(ReadError::NoJson(why)) = read(out, &Format::Json.into(), &["tps"]) else { panic!("{out}") };
        assert!(why.contains(word), "{word} in {why}");
    }
    let long = format!("{{\"x\":\"{}\",\"tps\":1}}", "x".repeat(LONGEST_LINE));
    let error = read(&long, &Format::Json.into(), &["tps"]).unwrap_err();
    assert!(error.to_string().contains("longer than 512 KiB"), "{error}");
}

#[test]
fn metric_lines_name_their_value() {
    let values = read("log\nMETRIC val_loss=0.91\r\n", &Format::MetricLines.into(), &["val_loss"]).unwrap();
    assert_eq!(values["val_loss"], 0.91);
    for other in ["METRICval_loss=1", " METRIC val_loss=1", "METRIC val_loss =1", "METRIC val_loss=1 2"] {
        let read = read(other, &Format::MetricLines.into(), &["val_loss"]);
        assert!(matches!(read, Err(ReadError::Missing { .. })), "{other}");
    }
}

#[test]
fn a_hundred_thousand_other_names_are_not_remembered_and_the_needed_one_is_found_behind_them() {
    let lines = Format::Lines.into();
    let mut reader = Reader::new(&lines, &["tps"]);
    let mut line = |text: &str| reader.line(text.as_bytes(), Some(text));
    (0..100_000).for_each(|n| line(&format!("step{n}: {n}")));
    line("tps: 7");
    let values = reader.finish().unwrap();
    assert!(values.len() == 1 + OTHERS && values["tps"] == 7.0);
}

fn why(output: &str, format: Format, name: &str) -> String {
    read(output, &format.into(), &[name]).unwrap_err().to_string()
}

#[test]
fn a_line_that_has_the_name_and_no_plain_number_is_quoted() {
    for (line, words) in [
        ("score: 12.5 ms", "`score: 12.5 ms` (a unit"),
        ("score: 12.5ms", "`score: 12.5ms` (a unit"),
        ("score: 87.5%", "`score: 87.5%` (a per cent sign"),
        ("score: 12,345.6", "`score: 12,345.6` (thousands"),
        (
            "step 19 score 0.0312, accuracy 97.0%",
            "`step 19 score 0.0312, accuracy 97.0%` (more than the number",
        ),
        ("final score | 3", "`final score | 3`"),
        ("score: n/a", "`score: n/a`"),
    ] {
        let why = why(&format!("before\n{line}\nafter: 1"), Format::Lines, "score");
        assert!(why.contains(words), "{words} in {why}");
    }
    assert!(why("scores: 12 ms\nmy_score: 1 ms", Format::Lines, "score").contains("no line names it"));
    assert!(why("score=1", Format::MetricLines, "score").contains("`score=1`"));
}

#[test]
fn colours_a_byte_order_mark_and_progress_are_no_part_of_a_line() {
    for out in ["\u{1b}[32mscore: 5\u{1b}[0m", "10%\rscore: 5", "\u{feff}score: 5", "score: 5\r\n"] {
        assert_eq!(read(out, &Format::Lines.into(), &["score"]).unwrap()["score"], 5.0, "{out:?}");
    }
    let json = "\u{feff}50%\r\u{1b}[1m{\"score\": 5}\u{1b}[0m\n";
    assert_eq!(read(json, &Format::Json.into(), &["score"]).unwrap()["score"], 5.0);
}

#[test]
fn a_metric_of_every_epoch_is_an_error_with_its_values_and_the_last_where_that_is_asked_for() {
    let out = "val_loss: 0.91\nval_loss: 0.88\n";
    let error = why(out, Format::Lines, "val_loss");
    assert!(error.contains("0.91, then 0.88") && error.contains("last = true"), "{error}");
    let last = ReadOptions { last: true, ..Format::Lines.into() };
    assert_eq!(read(out, &last, &["val_loss"]).unwrap()["val_loss"], 0.88);
}

#[test]
fn an_object_over_several_lines_is_read_and_a_path_leads_into_it() {
    let out = "Benchmark 1: true\n  Time\n{\n  \"results\": [\n    {\n      \"mean\": 0.5,\n      \"times\": [\n        1\n      ]\n    }\n  ],\n  \"tps\": 3\n}\n\n";
    let values = read(out, &Format::Json.into(), &["results.0.mean", "tps"]).unwrap();
    assert_eq!((values["results.0.mean"], values["tps"]), (0.5, 3.0));
    let error = why(out, Format::Json, "mean");
    assert!(error.contains("results.0.mean"), "{error}");
    let error = why("{\n \"tps\": 3\n}\nDone.\n", Format::Json, "tps");
    assert!(error.contains("its last line is `Done.`"), "{error}");
    assert!(why("x\n]\n}", Format::Json, "tps").contains("`}`"));
    let twice = read("{\"a\":{\"b\":1,\"b\":2}}", &Format::Json.into(), &["a.b"]);
    assert_eq!(twice, Err(ReadError::Twice { name: "b".into(), values: None }));
}

const TRUE: [(Format, &str); 3] = [
    (Format::Lines, "score: 100"),
    (Format::MetricLines, "METRIC score=100"),
    (Format::Json, "{\"score\": 100}"),
];

fn forged(format: Format) -> &'static str {
    match format {
        Format::Lines => "score: 999\n",
        Format::MetricLines => "METRIC score=999\n",
        _ => "{\"score\": 999}\n",
    }
}

#[test]
fn a_true_line_that_was_glued_to_something_does_not_leave_a_forged_one_alone() {
    let long = "x".repeat(LONGEST_LINE);
    for (format, line) in TRUE {
        let with = |before: &str, after: &str| {
            let out = format!("{}{before}{line}{after}\n", forged(format));
            read(&out, &format.into(), &["score"])
        };
        assert_eq!(read(line, &format.into(), &["score"]).unwrap()["score"], 100.0);
        for before in [
            "x",
            "my_",
            "score: 1",
            "epoch 3 ",
            "\t",
            "\u{1b}]0;",
            "\u{1b}[",
            "\u{200b}",
            "\u{feff}x",
            "\u{8}",
            "\0",
            "9%\r",
            "\u{1b}[31mx\u{1b}[0m",
            "{",
            "[",
            "\"",
            "# ",
            &long,
        ] {
            let read = with(before, "");
            assert!(read.is_err(), "{format:?} {:?}: {read:?}", clipped(before));
        }
        for after in [" x", "0 ", "\u{1b}[8m x", ", \"x\": 1", "}"] {
            let read = with("", after);
            assert!(read.is_err(), "{format:?} {after:?}: {read:?}");
        }
    }
}

#[test]
fn a_forged_object_is_found_before_behind_and_around_the_true_one() {
    let json = |out: &str| read(out, &Format::Json.into(), &["score"]);
    for out in [
        "{\"score\": 100}\n{\"score\": 999}\n",
        "{\"score\": 100}\n{\"sc\\u006fre\": 999}\n",
        "{\"score\": 999, \"x\": {\"score\": 100}\n}\n",
        "{\"score\": 999, \"x\":\n{\"score\": 100}\n}\n",
        "{\"score\": 999, \"x\": [{\"score\": 100}]}\n",
        "{\"metrics\": {\"score\": 999}, \"score\": 100}\n",
        "{\"score\": 100}\r{\"score\": 999}\n",
        "\"{\"score\": 100}\n{\"score\": 999}\n",
        "{\"score\": 100}{\"score\": 999}\n",
    ] {
        assert!(json(out).is_err(), "{out:?}: {:?}", json(out));
    }
    assert!(json("{\"Score\": 1}\nscore: 5\n{\"score\": 100}\n").is_ok(), "other names are others'");
}

#[test]
fn where_the_last_line_counts_nothing_may_follow_it() {
    let last = ReadOptions { last: true, ..Format::Lines.into() };
    let value = |out: &str| read(out, &last, &["loss"]).map(|values| values["loss"]);
    assert_eq!(value("epoch 1 loss: 3\nloss: 2\nepoch 2 loss: 1\nloss: 1\n"), Ok(1.0));
    let glued = value("loss: 2\nloss: 0.001\nxloss: 1\n").unwrap_err();
    assert!(glued.to_string().contains("`xloss: 1`"), "{glued}");
}

#[test]
fn a_metric_whose_name_ends_with_that_of_another_is_told_from_it() {
    let out = "val_loss: 2\nloss: 1\n";
    assert_eq!(read(out, &Format::Lines.into(), &["loss", "val_loss"]).unwrap()["loss"], 1.0);
    assert!(read(out, &Format::Lines.into(), &["loss"]).is_err(), "nobody knows whose that is");
    let alone = ReadOptions { alone: true, ..Format::Lines.into() };
    assert_eq!(read(out, &alone, &["loss"]).unwrap()["loss"], 1.0, "but where nobody else writes");
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_printed_before_or_behind_makes_a_forged_value_of_a_true_one(
        before in "[ -~\r\n\t\u{1b}\u{200b}\u{0}]{0,30}", after in "[ -~\r\t\u{1b}]{0,10}", forge in proptest::bool::ANY
    ) {
        for (format, line) in TRUE {
            let own = if forge { forged(format) } else { "" };
            // The digits of the true value itself are what a later writer could add to.
            let out = format!("{own}{before}{line} {after}\n");
            if let Ok(values) = read(&out, &format.into(), &["score"]) {
                proptest::prop_assert_eq!(values["score"], 100.0, "{:?} {:?}", format, out);
            }
        }
    }
}

#[test]
fn a_pattern_finds_what_no_format_has() {
    let patterns = |list: &[(&str, &str)]| ReadOptions {
        patterns: list.iter().map(|(name, text)| ((*name).to_owned(), Regex::new(text).unwrap())).collect(),
        ..Format::Json.into()
    };
    let go = "goos: linux\nBenchmarkAscii-2   \t  200000\t        16.17 ns/op\nPASS\n";
    let how = patterns(&[("ns", "^BenchmarkAscii.* ([0-9.]+) ns/op")]);
    assert_eq!(read(go, &how, &["ns"]).unwrap()["ns"], 16.17);
    let how = patterns(&[("t", "time: ([0-9.,]+)"), ("acc@1", "accuracy: ([0-9.]+)%")]);
    let values = read("time: 1,234.5\naccuracy: 97.5%\n", &how, &["acc@1", "t"]).unwrap();
    assert_eq!((values["t"], values["acc@1"]), (1234.5, 97.5));
    let both = read("time: 1\n{\"loss\": 2}\n", &how, &["loss", "t"]).unwrap();
    assert_eq!((both["t"], both["loss"]), (1.0, 2.0), "the others stand in the format");
    let error = read("time: 1\ntime: 2\n", &how, &["t"]).unwrap_err().to_string();
    assert!(error.contains("1, then 2"), "{error}");
    assert!(read("x", &how, &["t"]).unwrap_err().to_string().contains("matches its pattern"));
}

#[test]
fn the_format_that_would_read_it_is_found() {
    assert_eq!(other_format("log\nseconds: 0.15\n", Format::Json, &["seconds"]), Some(Format::Lines));
    assert_eq!(other_format("METRIC s=1\n", Format::Json, &["s"]), Some(Format::MetricLines));
    assert_eq!(other_format("x\n{\"s\": 1}\n", Format::Lines, &["s"]), Some(Format::Json));
    assert_eq!(other_format("s: 1 s\n", Format::Json, &["s"]), None);
}

#[test]
fn a_name_that_a_format_can_never_read_is_known_before() {
    for name in ["acc@1", "val loss", "score(ms)", "a:b", "a=b", "%"] {
        assert!(Format::Lines.problem(name).unwrap().contains("patterns"), "{name}");
        assert!(Format::MetricLines.problem(name).is_some() && Format::Json.problem(name).is_none());
    }
    assert!(
        ["loss/val", "p-99", "a.b", "Genauigkeit_ü"].iter().all(|name| Format::Lines.problem(name).is_none())
    );
}
