//! Which keys of a configuration file a recipe owns, and what an edit of them is told.

use std::fmt::Write;

use piton_base::error::{Error, Result};

use crate::edit::{Edited, FileFormat, OwnedKey};
use crate::recipe::{KnobValue, Recipe};

/// The keys that a recipe sets, and to what. `keys` leads from the recipe's names (a knob, `model`, `model.path`) to keys of the file, as
/// paths with dots; where it is empty, each knob and `model` is called the same there.
///
/// # Errors
/// A name that the recipe does not have, a key that is none, and one that is meant twice or lies within another.
pub fn owned_keys(recipe: &Recipe, keys: &[(String, String)], format: FileFormat) -> Result<Vec<OwnedKey>> {
    let named: Vec<(String, Vec<String>)> = match keys {
        [] => ["model"]
            .into_iter()
            .chain(recipe.knobs.keys().map(String::as_str))
            .map(|name| (name.to_owned(), vec![name.to_owned()]))
            .collect(),
        keys => keys.iter().map(|(name, key)| Ok((name.clone(), path(key)?))).collect::<Result<_>>()?,
    };
    let mut owned: Vec<OwnedKey> = vec![];
    for (name, path) in named {
        let value = recipe.value_of(&name).ok_or_else(|| {
            let known = ["model", "model.path"].into_iter().chain(recipe.knobs.keys().map(String::as_str));
            let known: Vec<&str> = known.filter(|name| recipe.value_of(name).is_some()).collect();
            refused(format!("the recipe sets no `{name}`")).hint(format!("it sets {}", known.join(", ")))
        })?;
        if format == FileFormat::Env && path.len() > 1 {
            return Err(refused(format!(
                "a file of variables has no tables, as `{}` would need",
                path.join(".")
            )));
        }
        if let Some(other) =
            owned.iter().find(|other| path.starts_with(&other.path) || other.path.starts_with(&path))
        {
            return Err(refused(format!(
                "`{}` and `{}` are one place of the file",
                other.name(),
                path.join(".")
            )));
        }
        owned.push(OwnedKey { path, value });
    }
    Ok(owned)
}

fn path(key: &str) -> Result<Vec<String>> {
    let hint = "write e.g. kv=server.kv_bits, and kv='\"kv.bits\"' where the key has a dot in it";
    OwnedKey::path_of(key).ok_or_else(|| refused(format!("`{key}` is no key")).hint(hint))
}

fn refused(cause: String) -> Error {
    Error::usage("the recipe was not applied").cause(cause).note("nothing was changed")
}

/// What was applied, in one line: each owned key with its value.
pub fn applied_words(owned: &[OwnedKey]) -> String {
    owned.iter().map(|key| format!("{}={}", key.name(), key.value)).collect::<Vec<_>>().join(" ")
}

/// What an edit would change, one key a line.
pub fn change_words(edited: &Edited) -> String {
    let mut text = String::new();
    for change in &edited.changes {
        let place = change.line.map_or_else(|| "new".to_owned(), |line| format!("line {line}"));
        let from = change.from.as_deref().map(|from| format!("{from} -> ")).unwrap_or_default();
        let to = change.to.as_deref().unwrap_or("left out");
        let _ = writeln!(text, "{place}: {}: {from}{to}", change.key);
    }
    text
}

/// Each owned key: what the file says, what the recipe says, whether they differ.
pub fn comparison_words(owned: &[OwnedKey], edited: &Edited) -> String {
    let rows = owned.iter().map(|key| {
        let change = edited.changes.iter().find(|change| change.key == key.name());
        let recipe = key.value.to_string();
        match change {
            Some(change) => [
                key.name(),
                change.from.clone().unwrap_or_else(|| KnobValue::Unset.to_string()),
                recipe,
                "differs".into(),
            ],
            None => [key.name(), recipe.clone(), recipe, "same".into()],
        }
    });
    let head = ["key", "file", "recipe", ""].map(str::to_owned);
    aligned(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}

/// In what two recipes differ.
pub fn difference_words(one: &Recipe, other: &Recipe) -> String {
    let differences = one.differences(other);
    if differences.is_empty() {
        return "the recipes set the same".to_owned();
    }
    let side = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows = differences.into_iter().map(|found| [found.name, side(found.one), side(found.other)]);
    aligned(&[["", "one", "other"].map(str::to_owned)].into_iter().chain(rows).collect::<Vec<_>>())
}

/// A recipe, for a person.
pub fn recipe_words(recipe: &Recipe) -> String {
    let mut rows = vec![["model".to_owned(), recipe.model.name.clone()]];
    rows.extend(recipe.model.path.iter().map(|path| ["path".to_owned(), path.clone()]));
    rows.extend(recipe.knobs.iter().map(|(name, value)| [name.clone(), value.to_string()]));
    let arguments = recipe.arguments();
    if !arguments.is_empty() {
        rows.push(["arguments".to_owned(), arguments.join(" ")]);
    }
    if let Some(machine) = &recipe.machine {
        let text = format!("{}, {} GB, server {}", machine.chip, machine.ram_gb, machine.binary_version);
        rows.push(["machine".to_owned(), text]);
    }
    if let Some(inputs) = &recipe.inputs {
        let models = inputs.candidate_models.join(", ");
        rows.push([
            "asked for".to_owned(),
            format!("a context of {} tokens; {models}", inputs.target_context),
        ]);
    }
    rows.push(["hash".to_owned(), recipe.hash()]);
    aligned(&rows)
}

/// Rows with their columns below each other, two spaces between.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;
    use crate::edit::edit;

    fn recipe() -> Recipe {
        let mut recipe = Recipe::of(Model { name: "7B".into(), path: None });
        recipe.knobs.insert("kv_bits".into(), KnobValue::Integer(4));
        recipe.knobs.insert("ub".into(), KnobValue::Unset);
        recipe
    }

    fn keys(pairs: &[(&str, &str)]) -> Result<Vec<OwnedKey>> {
        let pairs: Vec<_> = pairs.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned())).collect();
        owned_keys(&recipe(), &pairs, FileFormat::Yaml)
    }

    #[test]
    fn a_recipe_owns_model_and_knobs_or_what_it_is_told() {
        assert_eq!(applied_words(&keys(&[]).unwrap()), "model=7B kv_bits=4 ub=unset");
        assert_eq!(applied_words(&keys(&[("kv_bits", "s.\"kv.bits\"")]).unwrap()), "s.\"kv.bits\"=4");
        for (pairs, word) in [
            (&[("kv", "kv")][..], "sets no `kv`"),
            (&[("kv_bits", "a b")][..], "is no key"),
            (&[("kv_bits", "a"), ("ub", "a.b")][..], "one place"),
            (&[("model.path", "m")][..], "sets no `model.path`"),
        ] {
            assert!(keys(pairs).unwrap_err().cause.unwrap().contains(word), "{pairs:?}");
        }
    }

    #[test]
    fn what_changes_and_what_differs_is_told_key_by_key() {
        let owned = keys(&[]).unwrap();
        let edited = edit(FileFormat::Yaml, "model: 3B\nub: 32\n", &owned).unwrap();
        assert_eq!(
            change_words(&edited),
            "line 1: model: 3B -> 7B\nnew: kv_bits: 4\nline 2: ub: 32 -> left out\n"
        );
        let edited = edit(FileFormat::Yaml, "model: 7B\nkv_bits: 8\n", &owned).unwrap();
        let table = "key      file   recipe\nmodel    7B     7B      same\nkv_bits  8      4       differs\nub       unset  unset   same";
        assert_eq!(comparison_words(&owned, &edited), table);
    }

    #[test]
    fn two_recipes_are_shown_where_they_differ() {
        let mut other = recipe();
        other.knobs.insert("kv_bits".into(), KnobValue::Integer(8));
        other.knobs.remove("ub");
        assert_eq!(
            difference_words(&recipe(), &other),
            "         one    other\nkv_bits  4      8\nub       unset  -"
        );
        assert_eq!(difference_words(&other, &other), "the recipes set the same");
    }
}
