//! A metric of several benchmarks, and reports in files, through the real binary.

use piton_tests::{Kind, Scratch, kind, refused};

/// Two benchmarks as `go test -bench` prints them, their times the two halves of the toy's number. 999 as the second one is a benchmark that
/// vanishes.
const MEASURE: &str = r#"s=$(cat "$1"); a=$((s / 1000)); b=$((s % 1000)); d=$((PITON_SEED % 10))
if [ -n "$REPORT" ]; then exec > "$REPORT"; fi
printf 'goos: linux\nBenchmarkA-2\t100\t%s.%s ns/op\t8 B/op\n' $a $d
[ $b = 999 ] || printf 'BenchmarkB-2\t100\t%s.%s ns/op\n' $b $d
echo PASS
"#;

/// The toy with `metric` below `[metric]` and `keys` below `[measure]`.
fn toy(metric: &str, keys: &str) -> Scratch {
    let toy = Scratch::toy_with(
        "name = \"speed\"\ndirection = \"higher\"\nunit = \"x/s\"",
        &format!("{metric}\n#metric"),
    );
    let text = toy.read("piton.toml");
    let text = text
        .replace("\n#metric", "")
        .replace("timeout_s = 20\n[machine]", &format!("timeout_s = 20\n{keys}\n[machine]"));
    let (text, _) = text.split_once("[[gate]]").expect("a gate");
    toy.write("piton.toml", text);
    toy.write("measure.sh", MEASURE);
    toy.speed("100200");
    toy.commit("two benchmarks");
    toy
}

#[test]
fn the_mean_of_benchmarks_is_climbed_and_one_is_not_sold_for_another() {
    let toy = toy("of = \"all\"", "format = \"go\"");
    let said = toy.baseline();
    assert!(said.err.contains("baseline geomean 14") && said.err.contains(" ns (8 pairs"), "{said:?}");
    let traded = toy.try_speed("50230");
    assert!(traded.contains("discarded: BenchmarkB-2 is proven worse than its limit (20"), "{traded}");
    let brief = toy.piton(&["brief"]).out;
    assert!(brief.contains("geometric mean of 2 benchmarks: `BenchmarkA-2`, `BenchmarkB-2`"), "{brief}");
    assert!(brief.contains("more than 5 %") && brief.contains("BenchmarkB-2 is proven worse"), "{brief}");
    let shown = toy.piton(&["show", "1"]).out;
    assert!(shown.contains("BenchmarkB-2 is proven worse than its limit"), "{shown}");
    let kept = toy.try_speed("80201");
    assert!(kept.contains("kept: "), "a loss within the limit is borne: {kept}");
    let same = toy.try_speed("80202");
    assert!(same.contains("discarded: "), "{same}");
    let gone = toy.try_speed("10999");
    assert!(gone.contains("crashed") && gone.contains("BenchmarkB-2"), "never a smaller mean: {gone}");
    assert_eq!(
        toy.table().iter().filter(|row| row.iter().any(|cell| cell == "keep")).count(),
        2,
        "{:?}",
        toy.table()
    );
}

#[test]
fn a_limit_of_ones_own_on_a_benchmark_goes_before_that_of_all() {
    let toy = toy(
        "of = [\"BenchmarkA-2\", \"BenchmarkB-2\"]\nof_limit_pct = 1.0",
        "format = \"go\"\n[[guard]]\nmetric = \"BenchmarkB-2\"\ndirection = \"lower\"\nlimit_pct = 40.0",
    );
    toy.baseline();
    assert!(toy.try_speed("50230").contains("kept: "));
    let lost = toy.try_speed("52100");
    assert!(lost.contains("BenchmarkA-2 is proven worse"), "{lost}");
}

#[test]
fn benchmarks_that_are_not_there_are_refused_with_those_that_are() {
    let toy = toy("of = [\"BenchmarkC\"]", "format = \"go\"");
    let words =
        ["no metric `BenchmarkC`", "what it has is `BenchmarkA-2`, `BenchmarkB-2`, `BenchmarkA-2 [B/op]`"];
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(words.iter().all(|word| said.err.contains(word)), "{said:?}");
}

#[test]
fn a_report_is_what_the_sample_wrote_where_it_was_told_to() {
    let toy = toy(
        "name = \"BenchmarkA-2\"",
        "format = \"go\"\nreport = \"out/bench.txt\"\nenv = { REPORT = \"{report}\" }",
    );
    let said = toy.baseline();
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("baseline BenchmarkA-2 10") && told.contains(" ns ("), "{told}");
    assert!(toy.try_speed("50200").contains("kept: "));
}

#[test]
fn a_report_that_the_build_left_is_not_read() {
    // The side has an artifact: its tree is not written, and the place of the report is the sample's own.
    if kind() == Kind::Artifact {
        let toy = toy("name = \"BenchmarkA-2\"", "format = \"go\"\nreport = \"bench.txt\"");
        refused(&toy, &["baseline", "--run", "r"], 2, &["cannot write in its tree", "{report}"]);
        return;
    }
    let toy = toy("name = \"BenchmarkA-2\"", "format = \"go\"\nreport = \"bench.txt\"");
    let left = "printf 'BenchmarkA-2 100 1 ns/op\\n' > \"$1/bench.txt\"\n";
    let build = toy.read("build.sh");
    if kind() == Kind::BuiltTree {
        toy.write("build.sh", &(left.replace("$1", "$2") + &build));
        toy.commit("a build that leaves a report");
        let said = toy.piton(&["baseline", "--run", "r"]);
        assert!(
            said.status == 4 && said.err.contains("left no report `bench.txt`: nothing is there"),
            "{said:?}"
        );
    }
    // One that the commit holds is nobody's sample.
    toy.write("build.sh", &build);
    toy.write("bench.txt", "BenchmarkA-2 100 1 ns/op\n");
    toy.commit("a report in git");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert!(said.status == 4 && said.err.contains("the report `bench.txt` is in the commit"), "{said:?}");
}

#[test]
fn a_link_in_the_place_of_a_report_is_none() {
    let toy = toy(
        "name = \"BenchmarkA-2\"",
        "format = \"go\"\nreport = \"bench.txt\"\nenv = { REPORT = \"{report}\" }",
    );
    toy.write(
        "measure.sh",
        "echo 'BenchmarkA-2 1 1 ns/op' > \"$TMPDIR/x\"; ln -s \"$TMPDIR/x\" \"$REPORT\"\n",
    );
    toy.commit("a link");
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert!(said.status == 4 && said.err.contains("a link, a pipe or a device stands there"), "{said:?}");
}

#[test]
fn what_can_never_be_read_is_refused_before_anything_is_built() {
    for (metric, keys, words) in [
        ("of = \"every\"", "format = \"go\"", "it is \"all\", or a list"),
        ("of = \"all\"\ndirection = \"lower\"", "format = \"lines\"", "does not say what is a benchmark"),
        ("of = [\"a\"]", "format = \"lines\"", "metric.direction is missing"),
        ("of = [\"a\", \"a\"]", "format = \"go\"", "names `a` twice"),
        ("name = \"a\"\nof = [\"a\"]", "format = \"go\"", "one of the benchmarks"),
        ("name = \"a\"\nof_limit_pct = 3.0", "format = \"go\"", "there is no metric.of"),
        ("name = \"a\"\ndirection = \"lower\"", "format = \"regex\"", "reads what [measure.patterns] finds"),
        ("name = \"a\"\ndirection = \"lower\"", "[measure.pointers]\na = \"b\"", "begins with a slash"),
        ("name = \"a\"\ndirection = \"lower\"", "report = \"../x\"", "without `..`"),
        ("name = \"a\"\ndirection = \"lower\"", "env = { R = \"{report}\" }", "has {report}, and no report"),
    ] {
        refused(&toy(metric, keys), &["baseline", "--run", "r"], 2, &[words]);
    }
}
