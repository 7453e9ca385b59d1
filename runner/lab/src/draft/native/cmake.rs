//! CMake: benchmarks, those of Google Benchmark by its report, and programs.

use super::super::{BuildDraft, CheckDraft, Draft, Facts, Figure, Trust, words};
use super::{by_size_and_time, is_bench, lists, sources};

const LISTS: &str = "CMakeLists.txt";

/// Drafts for the executables of a `CMakeLists.txt`, benchmarks first.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let editable = sources(facts);
    if !facts.has(LISTS) || editable.is_empty() {
        return vec![];
    }
    let (benches, rest): (Vec<_>, Vec<_>) = targets(facts).into_iter().partition(|(name, _)| is_bench(name));
    let rest = rest.into_iter().filter(|(name, path)| {
        let all = format!("{path}/{name}").to_ascii_lowercase();
        ["test", "fuzz", "afl", "example"].iter().all(|word| !all.contains(word))
    });
    let benches = benches.into_iter().map(|(name, path)| bench(facts, &editable, &name, path));
    let programs = rest.flat_map(|(name, _)| {
        let kind = format!("the program {name}, built by CMake");
        by_size_and_time(built(facts, &editable, &name, kind, &[]), &name)
    });
    benches.chain(programs).collect()
}

/// The words of each call of `command` in a list, and behind them the list's rest.
fn calls<'a>(text: &'a str, command: &'a str) -> impl Iterator<Item = &'a str> {
    let starts: Vec<usize> = text.to_ascii_lowercase().match_indices(command).map(|(at, _)| at).collect();
    starts.into_iter().filter_map(move |at| {
        text.get(at + command.len()..)?.trim_start().strip_prefix('(')?.split(')').next()
    })
}

/// The executables, and the list that names each.
fn targets(facts: &Facts) -> Vec<(String, &str)> {
    let mut all = vec![];
    for (path, text) in lists(facts, LISTS) {
        let names = calls(text, "add_executable").filter_map(|args| args.split_whitespace().next());
        all.extend(names.filter(|name| !name.contains('$')).map(|name| (name.to_owned(), path.as_str())));
    }
    all
}

/// Options that say whether benchmarks are built: many projects leave them out where nothing is said.
fn options(facts: &Facts) -> Vec<String> {
    let mut all = vec![];
    for (_, text) in lists(facts, LISTS).filter(|(path, _)| !is_bench(path)) {
        let names = calls(text, "option").filter_map(|args| args.split_whitespace().next());
        let bench = |name: &&str| name.to_ascii_lowercase().contains("bench") && !name.contains(['$', '"']);
        all.extend(names.filter(bench).map(|name| format!("-D{name}=ON")));
    }
    all
}

/// Whether a benchmark of the project is one of Google Benchmark.
fn google(facts: &Facts) -> bool {
    let words = ["benchmark::benchmark", "find_package(benchmark", "benchmark_main"];
    lists(facts, LISTS).any(|(_, text)| words.iter().any(|word| text.contains(word)))
        || facts.texts.iter().any(|(path, text)| is_bench(path) && text.contains("benchmark/benchmark.h"))
}

fn bench(facts: &Facts, editable: &[String], name: &str, path: &str) -> Draft {
    let google = google(facts);
    let what = if google { "Google Benchmark" } else { "benchmark" };
    let kind = format!("the {what} {name}, built by CMake");
    let mut draft = built(facts, editable, name, kind, &options(facts));
    // A benchmark beside what it measures is sealed.
    let dir = Facts::dir(path);
    draft.locked = if dir.is_empty() { vec![] } else { vec![format!("/{dir}/")] };
    if google {
        draft.figure = Figure::Report("google-benchmark", None);
        draft.measure.extend(words(&["--benchmark_format=json", "--benchmark_min_time=0.05"]));
        draft.trust = Trust::Inside;
    }
    draft
}

/// What builds an executable and runs it, with the project's tests as its check.
fn built(facts: &Facts, editable: &[String], name: &str, kind: String, options: &[String]) -> Draft {
    let mut draft = Draft::new(name, kind, editable.to_vec());
    let options = options.iter().map(|option| format!(" {option}")).collect::<String>();
    let configure = |dir: &str, options: &str| {
        format!(
            "cmake -S \"$0\" -B \"$1{dir}\" -DCMAKE_BUILD_TYPE=Release{options} > \"$1/piton-configure.log\""
        )
    };
    let line = format!(
        "{} &&\ncmake --build \"$1\" --parallel \"$(nproc)\" --target \"$2\" &&\nexec cp \"$(find \"$1\" -name \"$2\" -type f -perm -u+x | head -n 1)\" \"$1/piton-artifact\"",
        configure("", &options)
    );
    draft.build = Some(BuildDraft {
        command: words(&["sh", "-c", &line, "{tree}", "{target}", name]),
        artifact: Some("{target}/piton-artifact".to_owned()),
        ..BuildDraft::default()
    });
    draft.measure = words(&["{artifact}"]);
    let tests = ["add_test(", "gtest_discover_tests(", "catch_discover_tests(", "doctest_discover_tests("];
    if lists(facts, LISTS).any(|(_, text)| tests.iter().any(|word| text.contains(word))) {
        // A directory that CMake configured is of one place: the check has its own.
        let line = format!(
            "{} &&\ncmake --build \"$1/check\" --parallel \"$(nproc)\" &&\nexec ctest --test-dir \"$1/check\" --output-on-failure --output-junit \"$2\"",
            configure("/check", "")
        );
        draft.checks = vec![CheckDraft {
            name: "tests".to_owned(),
            command: words(&["sh", "-c", &line, "{tree}", "{target}", "{report}"]),
            format: "junit",
            more: "report = \"ctest.xml\"\n".to_owned(),
            ..CheckDraft::default()
        }];
    }
    if !facts.programs.contains("cmake") {
        draft.needs.push("install cmake: it is not in PATH".to_owned());
    }
    draft
}
