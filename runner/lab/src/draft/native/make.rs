//! Makefiles: their benchmarks, and the programs that they make.

use super::super::{BuildDraft, CheckDraft, Draft, Facts, hyperfine, words};
use super::{by_size_and_time, sources};

/// A Makefile with the variables that it sets by plain words filled in.
fn expanded(text: &str) -> String {
    let mut text = text.replace("\\\n", " ");
    let set = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim_end_matches([':', '?', '+', ' ', '\t']);
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then(|| (name.to_owned(), value.split('#').next().unwrap_or_default().trim().to_owned()))
    };
    let variables: Vec<(String, String)> =
        text.lines().filter(|line| !line.starts_with('\t')).filter_map(set).collect();
    // One may be set by another.
    for _ in 0..3 {
        for (name, value) in variables.iter().filter(|(_, value)| value.len() < 2000) {
            text = text.replace(&format!("$({name})"), value).replace(&format!("${{{name}}}"), value);
        }
        if text.len() > 4 << 20 {
            break;
        }
    }
    text
}

/// The rules of a Makefile: a target, and what it needs.
fn rules(text: &str) -> Vec<(String, Vec<String>)> {
    let rule = |line: &str| {
        if line.starts_with(['\t', ' ', '#', '.']) {
            return None;
        }
        let (target, needs) = line.split_once(':')?;
        let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c));
        if needs.starts_with(['=', ':']) || target.contains('=') {
            return None;
        }
        let needs = needs.split('#').next().unwrap_or_default().split('|').next().unwrap_or_default();
        let needs =
            needs.split_whitespace().filter(|word| plain(word)).map(str::to_owned).collect::<Vec<_>>();
        Some(
            target
                .split_whitespace()
                .filter(|word| plain(word))
                .map(move |word| (word.to_owned(), needs.clone()))
                .collect::<Vec<_>>(),
        )
    };
    text.lines().filter_map(rule).flatten().collect()
}

/// Drafts for benchmarks and programs of a Makefile.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let Some(text) = ["GNUmakefile", "makefile", "Makefile"]
        .iter()
        .map(|name| facts.text(name))
        .find(|text| !text.is_empty())
    else {
        return vec![];
    };
    let text = &*expanded(text);
    let rules = rules(text);
    let needs = |target: &str| -> Option<Vec<String>> {
        let mut found = rules.iter().filter(|(name, _)| name == target).peekable();
        found.peek()?;
        Some(found.flat_map(|(_, needs)| needs.clone()).collect())
    };
    let editable = sources(facts);
    if editable.is_empty() {
        return vec![];
    }
    let check = ["check", "test", "tests"].into_iter().find(|target| needs(target).is_some());
    let checks: Vec<CheckDraft> = check
        .map(|target| CheckDraft {
            name: "tests".to_owned(),
            // Its rule may count on what the first one makes.
            command: words(&[
                "sh",
                "-c",
                &format!("make -C \"$0\" && make --no-print-directory -C \"$0\" {target}"),
                "{tree}",
            ]),
            format: "exit",
            ..CheckDraft::default()
        })
        .into_iter()
        .collect();
    let mut all = vec![];
    for target in ["bench", "benchmark", "benchmarks", "perf", "speed"] {
        let Some(first) = needs(target) else { continue };
        let mut draft = Draft::new(target, format!("`make {target}`"), editable.clone());
        // What it needs is built before its time is taken.
        let mut command = words(&["make", "-C", "{tree}"]);
        match first.as_slice() {
            [] => {}
            first => command.extend(first.iter().cloned()),
        }
        draft.build = Some(BuildDraft { command, ..BuildDraft::default() });
        draft.measure = words(&["make", "--no-print-directory", "-C", "{tree}", target]);
        if hyperfine::is_called(&recipe(text, target)) {
            hyperfine::reported(&mut draft, facts, &format!("make --no-print-directory {target}"));
        }
        draft.checks.clone_from(&checks);
        draft.compare_words();
        all.push(draft);
    }
    let build = BuildDraft { command: words(&["make", "-C", "{tree}"]), ..BuildDraft::default() };
    for mut draft in hyperfine::drafts(facts, &editable, &build) {
        draft.checks.clone_from(&checks);
        all.push(draft);
    }
    // Without a benchmark: the program that is made, by its size, and by its time once somebody says on what.
    for program in programs(text, &rules) {
        let mut timed =
            Draft::new(program.clone(), format!("the program {program} of a Makefile"), editable.clone());
        // The tree itself is only read where a file is taken; a copy of before would be newer than what is edited.
        let copy = "rm -rf \"$1/tree\" && cp -R \"$0\" \"$1/tree\" && make -C \"$1/tree\"";
        timed.build = Some(BuildDraft {
            command: words(&["sh", "-c", copy, "{tree}", "{target}"]),
            artifact: Some(format!("{{target}}/tree/{program}")),
            ..BuildDraft::default()
        });
        timed.checks.clone_from(&checks);
        all.extend(by_size_and_time(timed, &program));
    }
    if let (true, Some(target)) = (all.is_empty(), check) {
        let mut draft = Draft::new(target, format!("`make {target}`: no benchmark was found"), editable);
        let mut command = words(&["make", "-C", "{tree}"]);
        command.extend(needs(target).unwrap_or_default());
        draft.build = Some(BuildDraft { command, ..BuildDraft::default() });
        draft.measure = words(&["make", "--no-print-directory", "-C", "{tree}", target]);
        all.push(draft);
    }
    all
}

/// Programs that a Makefile makes: what `all` needs, or the first target, that a recipe links.
fn programs(text: &str, rules: &[(String, Vec<String>)]) -> Vec<String> {
    let phony: Vec<&str> = rules
        .iter()
        .filter(|(target, _)| target == ".PHONY")
        .flat_map(|(_, needs)| needs.iter().map(String::as_str))
        .collect();
    let first = rules.iter().find(|(target, _)| !target.starts_with('.'));
    let wanted: Vec<String> = match rules.iter().find(|(target, _)| target == "all").or(first) {
        Some((target, needs)) if target == "all" => needs.clone(),
        Some((target, _)) => vec![target.clone()],
        None => vec![],
    };
    let is_rule = |name: &String| rules.iter().any(|(target, _)| target == name);
    let program = |name: &String| {
        let file = name.rsplit('/').next().unwrap_or(name);
        is_rule(name) && !phony.contains(&name.as_str()) && !file.contains('.') && linked(text, name)
    };
    wanted.into_iter().filter(program).collect()
}

/// Whether the recipe of this target names it behind `-o`.
fn linked(text: &str, target: &str) -> bool {
    let recipe = recipe(text, target);
    recipe.contains(&format!("-o {target}")) || recipe.contains("-o $@")
}

/// The lines of a target's recipe; empty where it has none.
fn recipe(text: &str, target: &str) -> String {
    let start = format!("{target}:");
    let behind = text.lines().skip_while(|line| !line.starts_with(&start)).skip(1);
    let lines = behind.take_while(|line| line.starts_with('\t') || line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
