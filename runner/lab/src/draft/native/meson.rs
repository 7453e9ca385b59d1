//! Meson: its benchmarks and programs.

use super::super::{BuildDraft, CheckDraft, Draft, Facts, words};
use super::{by_size_and_time, is_bench, lists, sources};

const LISTS: &str = "meson.build";

/// Drafts for the executables of a `meson.build`, benchmarks first.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let editable = sources(facts);
    if !facts.has(LISTS) || editable.is_empty() {
        return vec![];
    }
    let (benches, programs): (Vec<_>, Vec<_>) = executables(facts).into_iter().partition(|(_, bench)| *bench);
    let benches = benches.into_iter().map(|(name, _)| {
        let kind = format!("the benchmark {name}, built by Meson");
        built(facts, &editable, &name, kind)
    });
    let programs = programs.into_iter().filter(|(name, _)| !name.contains("test"));
    let programs = programs.flat_map(|(name, _)| {
        let kind = format!("the program {name}, built by Meson");
        by_size_and_time(built(facts, &editable, &name, kind), &name)
    });
    benches.chain(programs).collect()
}

/// The executables, and whether each is a benchmark: by its name, or because `benchmark()` runs it.
fn executables(facts: &Facts) -> Vec<(String, bool)> {
    let mut all = vec![];
    for (_, text) in lists(facts, LISTS) {
        let called = |start: &str| -> Vec<&str> {
            let starts = text.match_indices(start).map(|(at, _)| &text[at + start.len()..]);
            starts.map(|rest| rest.split("\n\n").next().unwrap_or(rest)).collect()
        };
        let benchmarks = called("benchmark(");
        for (at, start) in text.match_indices("executable(") {
            let rest = text[at + start.len()..].trim_start();
            let name = rest.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
            let Some(name) = name.filter(|name| !name.contains('@')) else { continue };
            let before = text[..at].trim_end();
            let variable = before.strip_suffix('=').map(|line| line.trim_end());
            let variable = variable.and_then(|line| line.rsplit(char::is_whitespace).next());
            let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            let runs =
                |call: &&str| variable.is_some_and(|variable| call.split(word).any(|one| one == variable));
            all.push((name.to_owned(), is_bench(name) || benchmarks.iter().any(runs)));
        }
    }
    all
}

/// What builds an executable and runs it, with the project's tests as its check.
fn built(facts: &Facts, editable: &[String], name: &str, kind: String) -> Draft {
    let mut draft = Draft::new(name, kind, editable.to_vec());
    let configure = |dir: &str| {
        format!("meson setup \"$1/{dir}\" \"$0\" --buildtype release > \"$1/piton-configure.log\"")
    };
    let line = format!(
        "{} &&\nninja -C \"$1/build\" &&\nexec cp \"$(find \"$1/build\" -name \"$2\" -type f -perm -u+x | head -n 1)\" \"$1/piton-artifact\"",
        configure("build")
    );
    draft.build = Some(BuildDraft {
        command: words(&["sh", "-c", &line, "{tree}", "{target}", name]),
        artifact: Some("{target}/piton-artifact".to_owned()),
        ..BuildDraft::default()
    });
    draft.measure = words(&["{artifact}"]);
    let test = |text: &String| {
        text.lines().any(|line| {
            line.trim_start().strip_prefix("test").is_some_and(|rest| rest.trim_start().starts_with('('))
        })
    };
    if lists(facts, LISTS).any(|(_, text)| test(text)) {
        // A directory that Meson configured is of one place: the check has its own.
        let line = format!(
            "{} &&\nninja -C \"$1/check\" || exit\nmeson test -C \"$1/check\" --no-rebuild --print-errorlogs\nended=$?\ncp \"$1/check/meson-logs/testlog.junit.xml\" \"$2\"\nexit $ended",
            configure("check")
        );
        draft.checks = vec![CheckDraft {
            name: "tests".to_owned(),
            command: words(&["sh", "-c", &line, "{tree}", "{target}", "{report}"]),
            format: "junit",
            more: "report = \"meson.xml\"\n".to_owned(),
            ..CheckDraft::default()
        }];
    }
    let missing = ["meson", "ninja"].into_iter().filter(|program| !facts.programs.contains(*program));
    draft.needs.extend(missing.map(|program| format!("install {program}: it is not in PATH")));
    draft
}
