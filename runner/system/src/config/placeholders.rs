//! What stands for something in the commands of an experiment.

use super::Config;

/// What stands for something in the commands of `[harness]` and `[build]`.
const BUILD_PLACES: [&str; 4] = ["tree", "root", "target", "home"];
/// The same in the command of `[measure]`.
const MEASURE_PLACES: [&str; 11] =
    ["tree", "root", "sealed", "artifact", "harness", "seed", "scale", "home", "out", "report", "piton"];
/// The same in the command that measures both sides.
const PAIR_PLACES: [&str; 9] =
    ["first", "second", "sealed", "harness", "seed", "scale", "home", "out", "piton"];
/// The same in the command of a `[[check]]`.
const CHECK_PLACES: [&str; 10] =
    ["tree", "root", "sealed", "artifact", "harness", "target", "seed", "home", "out", "report"];
/// What is a placeholder in some command, or taken for one.
const PLACES: [&str; 15] = [
    "tree", "root", "target", "sealed", "artifact", "harness", "seed", "scale", "home", "out", "report",
    "scratch", "first", "second", "piton",
];

impl Config {
    /// A placeholder that nothing fills in.
    pub(super) fn misplaced(&self) -> Option<String> {
        let builds = [("harness", &self.harness), ("build", &self.build)];
        let of_builds = builds.iter().filter_map(|(name, build)| Some((*name, build.as_ref()?))).flat_map(
            |(name, build)| {
                let artifact = build.artifact.iter().map(move |word| (format!("{name}.artifact"), word));
                let fetch = build.fetch.iter().map(move |word| (format!("{name}.fetch"), word));
                let command = build.command.iter().map(move |word| (format!("{name}.command"), word));
                command.chain(fetch).chain(artifact).map(|(key, word)| (key, word, &BUILD_PLACES[..]))
            },
        );
        let measure = &self.measure.command;
        let of_measure = measure.iter().map(|word| ("measure.command".to_owned(), word, &MEASURE_PLACES[..]));
        let pair = self.measure.pair.iter();
        let of_pair = pair.map(|word| ("measure.pair".to_owned(), word, &PAIR_PLACES[..]));
        let of_checks = self.checks.iter().flat_map(|check| {
            check
                .command
                .iter()
                .map(|word| (format!("check.command of `{}`", check.name), word, &CHECK_PLACES[..]))
        });
        of_builds.chain(of_measure).chain(of_pair).chain(of_checks).find_map(|(key, word, places)| {
            let strange = placeholders(word).into_iter().find(|name| !places.contains(&name.as_str()))?;
            let listed: Vec<String> = places.iter().map(|name| format!("{{{name}}}")).collect();
            let sealed =
                if strange == "sealed" { "; {tree} holds the locked files as they are sealed" } else { "" };
            Some(format!(
                "{key} has {{{strange}}}, which nothing fills in; there, {} stand for something{sealed}. \
                 Braces that are the command's own are written with a space: {{ {strange} }}",
                listed.join(", ")
            ))
        })
    }
}

/// Names between braces that look like placeholders: in a word that is no script, all; in one that is, those that piton knows. A
/// shell's own `${name}` is none.
fn placeholders(word: &str) -> Vec<String> {
    let script =
        word.contains(|c: char| c.is_whitespace() || matches!(c, ';' | '\'' | '"' | '$' | '|' | '('));
    let mut found = vec![];
    for (at, _) in word.match_indices('{') {
        let Some((name, _)) = word[at + 1..].split_once('}') else { break };
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        let known = PLACES.contains(&name.to_ascii_lowercase().as_str());
        if plain && !word[..at].ends_with('$') && (known || !script) {
            found.push(name.to_owned());
        }
    }
    found
}

/// The words of a command with `{name}` replaced by its value, longest reach first; unknown names stay.
pub fn fill(words: &[String], values: &[(&str, &str)]) -> Vec<String> {
    let one = |word: &String| {
        values.iter().fold(word.clone(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
    };
    words.iter().map(one).collect()
}
