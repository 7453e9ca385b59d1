//! C and C++: make, CMake and Meson.

use super::{BuildDraft, CheckDraft, Draft, Facts, Figure, Trust, words};

/// Drafts for what a build of C or C++ makes.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    [cmake(facts), meson(facts), make(facts)].concat()
}

const SOURCES: [&str; 9] = [".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".S", ".inc"];

/// What may be edited of a project: the directories of its sources, or where they lie at its root, the files themselves.
fn sources(facts: &Facts) -> Vec<String> {
    let source = |path: &str| SOURCES.iter().any(|end| path.ends_with(end));
    for dir in ["src", "lib", "source"] {
        if facts.below(dir).any(|path| source(path)) {
            return vec![dir.to_owned()];
        }
    }
    let named = |path: &str| {
        let path = path.to_ascii_lowercase();
        ["test", "bench", "example", "demo", "fuzz"].iter().any(|word| path.contains(word))
    };
    let root: Vec<String> = facts
        .files
        .keys()
        .filter(|path| !path.contains('/') && source(path) && !named(path))
        .cloned()
        .collect();
    if !root.is_empty() {
        return root;
    }
    let mut dirs: Vec<String> = facts
        .files
        .keys()
        .filter(|path| source(path) && !named(path))
        .filter_map(|path| Some(path.split_once('/')?.0.to_owned()))
        .collect();
    dirs.dedup();
    dirs
}

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

fn make(facts: &Facts) -> Vec<Draft> {
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
        let mut sized = Draft {
            bench: format!("{program}-size"),
            kind: format!("the size of {program}, which a Makefile makes"),
            ..timed.clone()
        };
        sized.figure = Figure::Meter("artifact_bytes");
        sized.measure = words(&["true"]);
        timed.measure = words(&["{artifact}"]);
        timed.needs.push(format!(
            "piton.toml, [measure] command: it runs {program} without arguments; add those of the work that you want to be faster, with its input below {{sealed}}"
        ));
        // A terminal program without arguments waits for a person: its size is what can be tried at once.
        all.extend([sized, timed]);
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
    let mut lines = text.lines();
    let start = format!("{target}:");
    if !lines.by_ref().any(|line| line.starts_with(&start)) {
        return false;
    }
    let recipe = lines.take_while(|line| line.starts_with('\t') || line.trim().is_empty());
    recipe.into_iter().any(|line| line.contains(&format!("-o {target}")) || line.contains("-o $@"))
}

/// The targets that a `CMakeLists.txt` names by this command, with their words.
fn cmake_targets(facts: &Facts) -> Vec<(String, String)> {
    let lists = facts.texts.iter().filter(|(path, _)| path.ends_with("CMakeLists.txt"));
    let mut all = vec![];
    for (path, text) in lists {
        let mut rest = text.as_str();
        while let Some(at) = rest.find("add_executable") {
            rest = &rest[at + "add_executable".len()..];
            let Some(args) = rest.trim_start().strip_prefix('(').and_then(|args| args.split(')').next())
            else {
                continue;
            };
            let name = args.split_whitespace().next().unwrap_or_default();
            if !name.is_empty() && !name.contains('$') {
                all.push((name.to_owned(), path.clone()));
            }
        }
    }
    all
}

fn is_bench(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["bench", "perf", "speed"].iter().any(|word| name.contains(word))
}

fn cmake(facts: &Facts) -> Vec<Draft> {
    if !facts.has("CMakeLists.txt") {
        return vec![];
    }
    let editable = sources(facts);
    let lists =
        || facts.texts.iter().filter(|(path, _)| path.ends_with("CMakeLists.txt")).map(|(_, text)| text);
    let google =
        lists().any(|text| text.contains("benchmark::benchmark") || text.contains("find_package(benchmark"));
    let draft = |(name, path): (String, String)| {
        let found =
            "exec cp \"$(find \"$1\" -name \"$2\" -type f -perm -u+x | head -n 1)\" \"$1/piton-artifact\"";
        let tests = lists().any(|text| text.contains("enable_testing") || text.contains("include(CTest)"));
        let options = "-DCMAKE_BUILD_TYPE=Release";
        let line = format!(
            "cmake -S \"$0\" -B \"$1\" {options} > \"$1/piton-configure.log\" &&\ncmake --build \"$1\" --target \"$2\" &&\n{found}"
        );
        let _ = tests;
        let reports = google && is_bench(&name);
        let kind = if reports {
            format!("the Google Benchmark {name}, built by CMake")
        } else {
            format!("the program {name}, built by CMake")
        };
        let mut draft = Draft::new(name.clone(), kind, editable.clone());
        // A benchmark beside what it measures is sealed.
        let dir = Facts::dir(&path);
        draft.locked = if is_bench(&name) && !dir.is_empty() { vec![format!("/{dir}/")] } else { vec![] };
        draft.build = Some(BuildDraft {
            command: words(&["sh", "-c", &line, "{tree}", "{target}", &name]),
            artifact: Some("{target}/piton-artifact".to_owned()),
            ..BuildDraft::default()
        });
        draft.measure = words(&["{artifact}"]);
        if reports {
            draft.figure = Figure::Report("google-benchmark", None);
            draft.measure.extend(words(&["--benchmark_format=json", "--benchmark_min_time=0.1"]));
            draft.trust = Trust::Inside;
        } else if !is_bench(&name) {
            draft.needs.push(format!(
                "piton.toml, [measure] command: it runs {name} without arguments; add those of the work that you want to be faster, with its input below {{sealed}}"
            ));
        }
        if !facts.programs.contains("cmake") {
            draft.needs.push("install cmake: it is not in PATH".to_owned());
        }
        draft
    };
    let (benches, rest): (Vec<_>, Vec<_>) =
        cmake_targets(facts).into_iter().partition(|(name, _)| is_bench(name));
    let rest = rest.into_iter().filter(|(name, path)| {
        let all = format!("{path}/{name}").to_ascii_lowercase();
        ["test", "fuzz", "afl", "example"].iter().all(|word| !all.contains(word))
    });
    if editable.is_empty() { vec![] } else { benches.into_iter().chain(rest).map(draft).collect() }
}

fn meson(facts: &Facts) -> Vec<Draft> {
    if !facts.has("meson.build") {
        return vec![];
    }
    let editable = sources(facts);
    let lists = facts.texts.iter().filter(|(path, _)| path.ends_with("meson.build"));
    let mut names = vec![];
    for (_, text) in lists {
        let mut rest = text.as_str();
        while let Some(at) = rest.find("executable(") {
            rest = &rest[at + "executable(".len()..];
            let name = rest.trim_start().strip_prefix('\'').and_then(|rest| rest.split('\'').next());
            names.extend(name.filter(|name| !name.contains('@')).map(str::to_owned));
        }
    }
    names.sort_by_key(|name| !is_bench(name));
    names.retain(|name| !name.contains("test"));
    let draft = |name: String| {
        let mut draft =
            Draft::new(name.clone(), format!("the program {name}, built by Meson"), editable.clone());
        let line = "meson setup \"$1/build\" \"$0\" --buildtype release --reconfigure > \"$1/piton-configure.log\" || meson setup \"$1/build\" \"$0\" --buildtype release > \"$1/piton-configure.log\"\n\
                    ninja -C \"$1/build\" &&\nexec cp \"$(find \"$1/build\" -name \"$2\" -type f -perm -u+x | head -n 1)\" \"$1/piton-artifact\"";
        draft.build = Some(BuildDraft {
            command: words(&["sh", "-c", line, "{tree}", "{target}", &name]),
            artifact: Some("{target}/piton-artifact".to_owned()),
            ..BuildDraft::default()
        });
        draft.measure = words(&["{artifact}"]);
        if !is_bench(&name) {
            draft.needs.push(format!(
                "piton.toml, [measure] command: it runs {name} without arguments; add those of the work that you want to be faster, with its input below {{sealed}}"
            ));
        }
        let missing = ["meson", "ninja"].into_iter().filter(|program| !facts.programs.contains(*program));
        draft.needs.extend(missing.map(|program| format!("install {program}: it is not in PATH")));
        draft
    };
    if editable.is_empty() { vec![] } else { names.into_iter().map(draft).collect() }
}
