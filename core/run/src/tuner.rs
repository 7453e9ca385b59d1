//! The built-in proposer: it tries the declared values of the declared constants, one at a time.
//!
//! It needs no network and no model, and it is honest work: its proposals are edits like any agent's and pass
//! through the same trial. What it lacks is ideas.

use std::collections::BTreeSet;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// A named setting in the source: `[[knob]]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knob {
    /// Name of the constant.
    pub name: String,
    /// The file that declares it, relative to the root of the repository; empty for one of a model server's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The flag of the model server that sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    /// Where the server says what became of it: a JSON pointer into what it answers at `/props`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<String>,
    /// Values to try, as they stand in the source, in the order in which they are tried.
    pub values: Vec<String>,
}

/// One proposal of the tuner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunerProposal {
    /// The file to edit.
    pub file: String,
    /// Its new content.
    pub content: String,
    /// What is tried, e.g. `PREFILL_BATCH 1 -> 32`.
    pub description: String,
    /// The setting that is tried.
    pub setting: (String, String),
}

/// The next setting that was not tried yet, or `None` when all were.
///
/// `source` gives the content of a file; `tried` holds the settings tried so far in this run. Rounds go through
/// the knobs in order and take the next value of each, so that the first trials of a run show every knob once.
///
/// # Errors
/// When a knob's file or constant is not there: somebody removed it, and the tuner must say so rather than skip it.
pub fn next(
    knobs: &[Knob],
    tried: &BTreeSet<(String, String)>,
    source: impl Fn(&str) -> Option<String>,
) -> Result<Option<TunerProposal>, String> {
    let rounds = knobs.iter().map(|knob| knob.values.len()).max().unwrap_or(0);
    for round in 0..rounds {
        for knob in knobs {
            let Some(value) = knob.values.get(round) else { continue };
            let setting = (knob.name.clone(), value.clone());
            if tried.contains(&setting) {
                continue;
            }
            let text = source(&knob.file).ok_or_else(|| format!("{} is not there", knob.file))?;
            let current = value_of(&text, &knob.name)
                .ok_or_else(|| format!("{} declares no constant `{}`", knob.file, knob.name))?;
            if &current == value {
                continue;
            }
            return Ok(Some(TunerProposal {
                file: knob.file.clone(),
                content: set(&text, &knob.name, value),
                description: format!("{} {current} -> {value}", knob.name),
                setting,
            }));
        }
    }
    Ok(None)
}

fn declaration(name: &str) -> Regex {
    Regex::new(&format!(
        r"(?m)^(\s*(?:pub(?:\([a-z]+\))?\s+)?const\s+{}\s*:[^=;]+=\s*)([^;]+?)(\s*;)",
        regex::escape(name)
    ))
    .expect("an escaped name")
}

/// The value of the constant `name` in `source`, as it stands there.
pub(crate) fn value_of(source: &str, name: &str) -> Option<String> {
    Some(declaration(name).captures(source)?[2].to_owned())
}

/// `source` with the constant `name` set to `value`.
pub fn set(source: &str, name: &str, value: &str) -> String {
    declaration(name)
        .replace(source, |found: &regex::Captures| format!("{}{value}{}", &found[1], &found[3]))
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "/// Tokens.\npub const BATCH: usize = 1;\npub const EXACT: bool = true; // yes\n";

    fn knobs() -> Vec<Knob> {
        let knob = |name: &str, values: &[&str]| Knob {
            name: name.into(),
            file: "s.rs".into(),
            flag: None,
            read_back: None,
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        };
        vec![knob("BATCH", &["1", "8", "32"]), knob("EXACT", &["false"])]
    }

    fn all(mut tried: BTreeSet<(String, String)>) -> Vec<String> {
        let mut descriptions = vec![];
        while let Some(p) = next(&knobs(), &tried, |_| Some(SOURCE.to_owned())).unwrap() {
            tried.insert(p.setting);
            descriptions.push(p.description);
        }
        descriptions
    }

    #[test]
    fn every_knob_is_shown_before_the_second_value_of_any_and_the_present_value_is_skipped() {
        assert_eq!(all(BTreeSet::new()), ["EXACT true -> false", "BATCH 1 -> 8", "BATCH 1 -> 32"]);
    }

    #[test]
    fn only_the_value_of_the_constant_changes() {
        assert_eq!(
            set(SOURCE, "BATCH", "32"),
            "/// Tokens.\npub const BATCH: usize = 32;\npub const EXACT: bool = true; // yes\n"
        );
    }

    #[test]
    fn a_knob_whose_constant_is_gone_is_named_not_skipped() {
        let error = next(&knobs(), &BTreeSet::new(), |_| Some(String::new())).unwrap_err();
        assert_eq!(error, "s.rs declares no constant `BATCH`");
    }

    #[test]
    fn a_value_with_a_dollar_sign_is_taken_literally() {
        assert_eq!(value_of(&set(SOURCE, "BATCH", "$1"), "BATCH").unwrap(), "$1");
    }
}
