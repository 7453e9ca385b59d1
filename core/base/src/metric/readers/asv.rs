//! asv: a file of results, one for each commit and environment, below `results_dir`.

use super::{BenchmarkValue, beside};
use crate::metric::tree::Tree;

/// What stands where a benchmark was left out.
const LEFT_OUT: &str = "NaN";

/// The document with `NaN`, which is not JSON, as a text.
pub(super) fn as_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut quoted, mut rest) = (false, text);
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' if quoted => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '"' => {
                quoted = !quoted;
                1
            }
            'N' if !quoted && rest.starts_with(LEFT_OUT) => {
                plain.push_str(&format!("\"{LEFT_OUT}\""));
                rest = &rest[LEFT_OUT.len()..];
                continue;
            }
            c => c.len_utf8(),
        };
        let (before, after) = rest.split_at(taken);
        plain.push_str(before);
        rest = after;
    }
    plain
}

/// The figure of each benchmark, seconds, by its name and in brackets its parameters. One that asv left out is not there. Memory and what
/// a benchmark counts stand beside the times.
pub(super) fn results(tree: &Tree) -> Result<Vec<BenchmarkValue>, String> {
    let Some(all) = tree.get("results").and_then(Tree::members) else {
        return Err("it has no object `results`".to_owned());
    };
    let mut found = vec![];
    for (name, entry) in all {
        // Before asv 0.5 an entry was an object.
        let part = |at: usize, word: &str| match entry {
            Tree::List(list) => list.get(at),
            entry => entry.get(word),
        };
        let values = match part(0, "result") {
            Some(Tree::List(values)) => values.as_slice(),
            _ => {
                found.push(BenchmarkValue::failed(named(name, ""), "it failed"));
                continue;
            }
        };
        let sets = match part(1, "params") {
            Some(Tree::List(lists)) => product(lists),
            _ => vec![],
        };
        for (at, value) in values.iter().enumerate() {
            let set = sets.get(at).map(String::as_str).unwrap_or_default();
            match value {
                Tree::Number(number) => found.push(BenchmarkValue::of(named(name, set), *number)),
                Tree::Text(text) if text == LEFT_OUT => {}
                _ => found.push(BenchmarkValue::failed(named(name, set), "it failed")),
            }
        }
    }
    Ok(found)
}

/// `module.Class.time_sort(10, 'up')`; what is no time has the word for what it is in brackets.
fn named(name: &str, parameters: &str) -> String {
    let full = if parameters.is_empty() { name.to_owned() } else { format!("{name}({parameters})") };
    let own = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let other = [("peakmem", "bytes"), ("mem", "bytes"), ("track", "track")];
    other
        .iter()
        .find(|(start, _)| own.starts_with(start))
        .map_or(full.clone(), |(_, word)| beside(&full, word))
}

/// Each way to take one parameter of each list, in asv's order.
fn product(lists: &[Tree]) -> Vec<String> {
    let mut sets = vec![String::new()];
    for list in lists {
        let Tree::List(values) = list else { return vec![] };
        let text = |value: &Tree| match value {
            Tree::Text(text) => text.clone(),
            other => other.to_string(),
        };
        sets = sets
            .iter()
            .flat_map(|set| {
                values.iter().map(move |value| match set.as_str() {
                    "" => text(value),
                    set => format!("{set}, {}", text(value)),
                })
            })
            .collect();
    }
    sets
}
