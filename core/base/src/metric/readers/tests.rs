//! Each file below `core/base/tests/reports` is what its tool wrote, of the version in its name.

use super::*;
use crate::metric::{Mean, Of, ReadError, ReadOptions, Reader, Values, other_format, read};

macro_rules! report {
    ($name:literal) => {
        include_str!(concat!("../../../tests/reports/", $name))
    };
}

fn all(format: Format) -> ReadOptions {
    let mean = Some(Mean { name: "geomean".to_owned(), of: Of::All(vec![]) });
    ReadOptions { mean, ..format.into() }
}

/// Every value, in scientific notation with three digits.
fn values(format: Format, text: &str) -> Vec<String> {
    let all = read(text, &format.into(), &[]).unwrap();
    all.iter().map(|(name, value)| format!("{name} {value:.2e}")).collect()
}

#[test]
fn what_criterion_prints_is_read_and_the_middle_of_three_counts() {
    let found = values(Format::Criterion, report!("criterion-0.8.2.txt"));
    assert_eq!(found, ["fib 10 1.44e-7", "sum/bytes/100 2.67e-8", "sum/bytes/1000 1.73e-7"]);
    let long = "a_name_that_is_too_long_for_one_line\n                        time:   [1.0 \u{b5}s 2.0 \u{b5}s 3.0 \u{b5}s]\n                 change:\n                        time:   [-1.5% +0.3% +2.1%] (p = 0.40 > 0.05)\n                        No change in performance detected.\n";
    assert_eq!(values(Format::Criterion, long), ["a_name_that_is_too_long_for_one_line 2.00e-6"]);
}

fn directory(format: Format, files: &[(&str, &str)], needed: &[&str]) -> Result<Values, ReadError> {
    let files: Vec<ReportFile> = files
        .iter()
        .map(|(path, text)| ReportFile { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    let how = format.into();
    let mut reader = Reader::new(&how, needed);
    reader.directory(&files);
    reader.finish()
}

#[test]
fn of_criterions_directory_the_median_of_the_last_run_is_read_by_the_full_name() {
    let estimates = report!("criterion-0.8.2/sum/bytes/100/new/estimates.json");
    let files = [
        ("sum/bytes/100/new/estimates.json", estimates),
        ("sum/bytes/100/new/benchmark.json", report!("criterion-0.8.2/sum/bytes/100/new/benchmark.json")),
        ("sum/bytes/100/base/estimates.json", "{}"),
        ("fib 10/new/estimates.json", report!("criterion-0.8.2/fib 10/new/estimates.json")),
        ("report/index.html", "<p>"),
    ];
    let values = directory(Format::Criterion, &files, &["sum/bytes/100"]).unwrap();
    assert_eq!(values.len(), 2);
    assert!((values["sum/bytes/100"] - 22.464427498357754e-9).abs() < 1e-18);
    let missing = directory(Format::Criterion, &files, &["sum"]).unwrap_err().to_string();
    assert!(missing.contains("what it has is `fib 10`, `sum/bytes/100`"), "{missing}");
    let none = directory(Format::Criterion, &files[4..], &[]).unwrap_err().to_string();
    assert!(none.contains("no `new/estimates.json`"), "{none}");
    let broken = directory(Format::Criterion, &[("a/new/estimates.json", "{\"median\":")], &[]);
    assert!(broken.unwrap_err().to_string().contains("a/new/estimates.json: EOF"));
    let file = directory(Format::Go, &files, &[]).unwrap_err().to_string();
    assert!(file.contains("it is a directory"), "{file}");
}

#[test]
fn of_divans_tree_the_median_is_read_and_a_name_is_the_way_to_its_branch() {
    let found = values(Format::Divan, report!("divan-0.1.21.txt"));
    let expected = [
        "d::fib::1 1.36e-9",
        "d::fib::10 1.42e-7",
        "d::nested::vec::1 1.88e-8",
        "d::nested::vec::2 2.92e-8",
        "d::sum 1.37e-7",
    ];
    assert_eq!(found, expected);
}

#[test]
fn of_go_a_time_counts_and_what_else_stands_in_the_line_has_its_unit_in_brackets() {
    let found = values(Format::Go, report!("go-1.19.8.txt"));
    let expected = [
        "BenchmarkSort/size-100-2 2.49e-6",
        "BenchmarkSort/size-100-2 [B/op] 9.20e2",
        "BenchmarkSort/size-100-2 [MB/s] 3.21e2",
        "BenchmarkSort/size-100-2 [allocs/op] 2.00e0",
        "BenchmarkSort/size-100-2 [elems] 1.00e2",
    ];
    assert_eq!(found[..5], expected);
    assert_eq!(found.len(), 11);
    let of_all = read(report!("go-1.19.8.txt"), &all(Format::Go), &[]).unwrap();
    let mean = (604.4e-9f64 * 414.3e-9 * 2490e-9).cbrt();
    assert!((of_all["geomean"] / mean - 1.0).abs() < 1e-9, "only the times: {}", of_all["geomean"]);
}

#[test]
fn each_command_of_hyperfine_has_its_median_by_its_name() {
    let found = values(Format::Hyperfine, report!("hyperfine-1.15.0.json"));
    assert_eq!(found[..2], ["a name 5.82e-4", "a name [system] 1.10e-4"]);
    let printed =
        String::from("Benchmark 1: a name\n  Time (mean): 0.6 ms\n") + report!("hyperfine-1.15.0.json");
    assert_eq!(values(Format::Hyperfine, &printed).len(), 6);
}

#[test]
fn of_pytest_benchmark_the_median_is_read_by_the_name_that_pytest_selects_it_by() {
    let found = values(Format::PytestBenchmark, report!("pytest-benchmark-5.3.1.json"));
    let expected = [
        "test_b.py::test_sorted[100] 4.97e-7",
        "test_b.py::test_sorted[10] 1.47e-7",
        "test_b.py::test_sum 1.04e-5",
    ];
    assert_eq!(found, expected);
}

#[test]
fn of_google_benchmark_the_time_by_the_clock_is_read_and_of_repetitions_the_median() {
    let found = values(Format::GoogleBenchmark, report!("google-benchmark-1.7.1.json"));
    let expected = [
        "BM_sum/512 5.43e-7",
        "BM_sum/512 [cpu_time] 1.52e-7",
        "BM_sum/512 [items_per_second] 3.38e9",
        "BM_sum/8 6.70e-9",
    ];
    assert_eq!(found[..4], expected);
    let failed = read(report!("google-benchmark-1.7.1.json"), &Format::GoogleBenchmark.into(), &["BM_bad"]);
    assert!(failed.unwrap_err().to_string().contains("it ended with \"no file\""));
    let of_all = read(report!("google-benchmark-1.7.1.json"), &all(Format::GoogleBenchmark), &[]);
    assert!(of_all.unwrap_err().to_string().contains("BM_bad"), "a mean leaves out none that failed");
    let found = values(Format::GoogleBenchmark, report!("google-benchmark-1.7.1-repetitions.json"));
    assert_eq!((found[0].as_str(), found.len()), ("BM_sum/512 4.96e-7", 6));
}

#[test]
fn two_google_benchmarks_registered_by_one_name_are_two_and_one_that_is_told_twice_is_an_error() {
    let row = |family: u32, time: u32| {
        format!(
            r#"{{"name":"BM_Set","family_index":{family},"per_family_instance_index":0,"run_name":"BM_Set","run_type":"iteration","real_time":{time}.0,"cpu_time":1.0,"time_unit":"ns"}}"#
        )
    };
    let report = |rows: &[String]| format!(r#"{{"context":{{}},"benchmarks":[{}]}}"#, rows.join(","));
    let found = values(Format::GoogleBenchmark, &report(&[row(0, 5), row(1, 7)]));
    let own: Vec<&String> = found.iter().filter(|told| !told.contains('[')).collect();
    assert_eq!(own, ["BM_Set 5.00e-9", "BM_Set#2 7.00e-9"]);
    let twice = read(&report(&[row(0, 5), row(0, 7)]), &Format::GoogleBenchmark.into(), &["BM_Set"]);
    assert!(twice.unwrap_err().to_string().contains("more than once"));
}

#[test]
fn of_tinybench_the_median_latency_is_read_from_its_table_its_rows_and_its_tasks() {
    for (text, medians) in [
        (report!("tinybench-6.2.5.txt"), "5.83e-6 1.48e-5"),
        (report!("tinybench-6.2.5-rows.json"), "4.11e-7 1.48e-5"),
        (report!("tinybench-6.2.5-tasks.json"), "6.03e-6 1.48e-5"),
    ] {
        let found = read(text, &Format::Tinybench.into(), &["sum", "sort copy"]).unwrap();
        let shown = format!("{:.2e} {:.2e}", found["sum"], found["sort copy"]);
        assert_eq!(shown, medians);
    }
    let second =
        r#"[{"Task Name":"a","ops/sec":"1,234","Average Time (ns)":810372.7,"Margin":"±1%","Samples":64}]"#;
    assert_eq!(values(Format::Tinybench, second), ["a 8.10e-4"]);
    let failed = r#"[{"name":"a","result":{"state":"errored"}},{"name":"b"}]"#;
    let why = |name| read(failed, &Format::Tinybench.into(), &[name]).unwrap_err().to_string();
    assert!(why("a").contains("result.latency.p50") && why("b").contains("no result"));
}

#[test]
fn of_mitata_the_median_is_read_from_its_json_and_the_mean_from_what_it_prints() {
    let found = values(Format::Mitata, report!("mitata-1.0.34.json"));
    assert_eq!(found, ["sort 10 1.97e-7", "sort 100 4.10e-6", "sum 4.65e-7"]);
    let found = values(Format::Mitata, report!("mitata-1.0.34.txt"));
    assert_eq!(found, ["sort 10 6.78e-7", "sort 100 4.49e-6", "sum 1.31e-6"]);
}

#[test]
fn benchmarks_of_one_name_in_several_groups_of_mitata_have_the_names_of_their_groups() {
    let expected = |one: &str, two: &str, own: &str| {
        [format!("ascending > sort {one}"), format!("descending > sort {two}"), format!("sum {own}")]
    };
    let found = values(Format::Mitata, report!("mitata-1.0.34-groups.json"));
    assert_eq!(found, expected("3.98e-6", "5.36e-6", "4.96e-8"));
    let found = values(Format::Mitata, report!("mitata-1.0.34-groups.txt"));
    assert_eq!(found, expected("4.74e-6", "4.69e-6", "1.51e-7"));
}

#[test]
fn of_asv_each_set_of_parameters_is_a_benchmark_and_what_is_no_time_stands_beside() {
    let found = values(Format::Asv, report!("asv-0.6.6.json"));
    let expected = [
        "sorting.Sorting.peakmem_copy(10, 'down') [bytes] 2.47e7",
        "sorting.Sorting.peakmem_copy(10, 'up') [bytes] 2.47e7",
        "sorting.Sorting.peakmem_copy(1000, 'up') [bytes] 2.47e7",
        "sorting.Sorting.time_sorted(10, 'down') 4.31e-7",
        "sorting.Sorting.time_sorted(10, 'up') 5.61e-7",
        "sorting.Sorting.time_sorted(1000, 'up') 4.61e-6",
        "sorting.time_sum 2.52e-5",
        "sorting.track_length [track] 3.00e0",
    ];
    assert_eq!(found, expected, "and one that was left out is not there");
    let failed = read(report!("asv-0.6.6.json"), &Format::Asv.into(), &["sorting.time_broken"]);
    assert!(failed.unwrap_err().to_string().contains("it failed"));
}

#[test]
fn of_vitest_the_median_is_read_by_the_name_of_its_group_and_its_own() {
    let found = values(Format::Vitest, report!("vitest-4.1.12.json"));
    assert_eq!(found[1], "x.bench.mjs > arrays > sum 4.71e-7");
}

#[test]
fn tests_of_junit_are_counted_one_by_one_and_those_that_passed_have_a_time() {
    let found = values(Format::Junit, report!("junit-pytest-9.2.0.xml"));
    let expected = [
        "errors 0.00e0",
        "failures 0.00e0",
        "passed 3.00e0",
        "skipped 0.00e0",
        "test_b::test_sorted[100] 5.90e-2",
        "test_b::test_sorted[10] 7.20e-2",
        "test_b::test_sum 8.00e-2",
        "tests 3.00e0",
    ];
    assert_eq!(found, expected);
    let own = r#"<testsuite tests="9" failures="0"><testcase name="a" time="1"><failure>no</failure></testcase><testcase name="b"><skipped/></testcase></testsuite>"#;
    let counts =
        directory(Format::Junit, &[("a.xml", own), ("b.xml", own), ("c.txt", "x")], &["failures"]).unwrap();
    assert_eq!((counts["failures"], counts["skipped"], counts["tests"]), (2.0, 2.0, 4.0));
    for (bad, word) in [
        ("<html/>", "<html>"),
        ("<testsuite>", "before its last element"),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>", "DTD"),
        ("", "no element"),
    ] {
        let why = read(bad, &Format::Junit.into(), &["tests"]).unwrap_err().to_string();
        assert!(why.contains(word), "{word}: {why}");
    }
}

#[test]
fn a_benchmark_that_is_missing_printed_twice_or_new_is_an_error_that_says_what_there_is() {
    let text = report!("go-1.19.8.txt");
    let missing = read(text, &Format::Go.into(), &["BenchmarkSum"]).unwrap_err().to_string();
    assert!(
        missing.contains(
            "what it has is `BenchmarkSort/size-100-2`, `BenchmarkSort/size-8-2`, `BenchmarkSum-2`"
        )
    );
    assert!(missing.contains(" and 1 more"), "{missing}");
    let twice = read(&text.repeat(2), &Format::Go.into(), &["BenchmarkSum-2"]);
    assert!(matches!(twice, Err(ReadError::Twice { .. })), "{twice:?}");
    let nothing = read("PASS\n", &Format::Go.into(), &["BenchmarkSum-2"]).unwrap_err().to_string();
    assert!(nothing.contains("no benchmark at all") && nothing.contains("ns/op"), "{nothing}");
    let of = Of::All(vec!["BenchmarkSum-2".to_owned()]);
    let fixed = ReadOptions { mean: Some(Mean { name: "m".to_owned(), of }), ..Format::Go.into() };
    let new = read(text, &fixed, &[]).unwrap_err();
    assert_eq!(new, ReadError::New { name: "BenchmarkSort/size-8-2".to_owned() });
    let lost =
        read("BenchmarkX-2 1 1 ns/op", &ReadOptions { mean: fixed.mean.clone(), ..Format::Go.into() }, &[]);
    assert!(lost.is_err(), "a benchmark that vanishes is never a smaller mean");
}

#[test]
fn a_true_line_that_is_glued_to_what_the_candidate_printed_leaves_no_forged_one_alone() {
    let forged = [
        (Format::Go, "BenchmarkA-2  100  1.0 ns/op\nx", "BenchmarkA-2  100  9.0 ns/op"),
        (Format::Criterion, "a  time:   [1 ns 1 ns 1 ns]\nx", "a  time:   [9 ns 9 ns 9 ns]"),
    ];
    for (format, before, line) in forged {
        let name = line.split_whitespace().next().unwrap();
        assert!(read(line, &format.into(), &[name]).is_ok());
        let glued = read(&format!("{before}{line}\n"), &format.into(), &[name]);
        assert!(glued.is_err(), "{format:?}: {glued:?}");
    }
    let table = report!("tinybench-6.2.5.txt");
    let glued = format!("{table}x{}", table.lines().nth(3).unwrap());
    assert!(read(&glued, &Format::Tinybench.into(), &["sum"]).is_err());
}

#[test]
fn what_is_no_report_is_quoted_and_the_format_that_would_read_it_is_found() {
    for format in [Format::Hyperfine, Format::PytestBenchmark, Format::GoogleBenchmark, Format::Vitest] {
        for (text, word) in
            [("", "EOF"), ("{}", "no list"), ("no such file\n", "no such file"), ("[1]", "no list")]
        {
            let why = read(text, &format.into(), &["a"]).unwrap_err().to_string();
            assert!(why.contains(word) && why.contains(format.word()), "{word}: {why}");
        }
    }
    let other = |text, name| other_format(text, Format::Lines, &[name]);
    assert_eq!(other(report!("go-1.19.8.txt"), "BenchmarkSum-2"), Some(Format::Go));
    assert_eq!(other(report!("hyperfine-1.15.0.json"), "a name"), Some(Format::Hyperfine));
    assert_eq!(other(report!("criterion-0.8.2.txt"), "fib 10"), Some(Format::Criterion));
}

#[test]
fn a_pointer_leads_to_a_number_of_a_json_document_whatever_the_names_on_the_way() {
    let how = |pointer: &str| ReadOptions {
        pointers: [("m".to_owned(), pointer.to_owned())].into(),
        ..Format::Json.into()
    };
    let text = report!("hyperfine-1.15.0.json");
    assert_eq!(read(text, &how("/results/0/median"), &["m"]).unwrap()["m"], 0.000581872);
    let why = |pointer: &str| read(text, &how(pointer), &["m"]).unwrap_err().to_string();
    assert!(
        why("/results/9/median")
            .contains("nothing at `/results/9/median`; it has numbers at /results/0/mean")
    );
    assert!(why("/results/0/command").contains("leads to the text \"a name\""));
    assert_eq!(read("[{\"a/b\":{\"~\":3}}]", &how("/0/a~1b/~0"), &["m"]).unwrap()["m"], 3.0);
    assert!(read("{\"a\":1,\"a\":2}", &how("/a"), &["m"]).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "[ -~\n│├╰─µ±\t]{0,200}", lines in "(│|├─ |   |fastest|time:|\\[|Benchmark|/iter|ns|[0-9.]+| ){0,30}") {
        for format in Format::ALL {
            let _ = read(&text, &all(format), &["a"]);
            let _ = read(&format!("d fastest\n{lines}\n{lines}"), &all(format), &["a"]);
        }
    }
}
