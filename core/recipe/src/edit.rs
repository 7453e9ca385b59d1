//! Values of a recipe put into a configuration file: the owned keys, and not a byte beside them.
//!
//! A parser says where values stand; the text is changed there and nowhere else, so that comments, order and form stay as somebody wrote
//! them. Then the result is read again: every value that is not owned must be what it was, and every owned one what was asked for, else
//! nothing is handed out.

mod places;

use std::ops::Range;
use std::path::Path;

use serde::Serialize;

use crate::KnobValue;
use crate::spelled;
pub use crate::tree::Refusal;
use crate::tree::{Entry, Map, Node, NodeValue, Scalar, env, json, line_of, toml, yaml};

/// Largest file that is edited, in bytes.
pub const MOST: usize = 4 << 20;

/// The formats of configuration files that are edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// YAML, one document.
    Yaml,
    /// TOML.
    Toml,
    /// JSON; comments and trailing commas are let stand.
    Json,
    /// Variables, one a line: `NAME=value`.
    Env,
}

impl FileFormat {
    /// The format that a file's name says; absent where it says none.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        match name.rsplit('.').next()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" | "jsonc" => Some(Self::Json),
            "env" => Some(Self::Env),
            _ if name.starts_with(".env") => Some(Self::Env),
            _ => None,
        }
    }

    fn parse(self, text: &str) -> Result<Node, Refusal> {
        match self {
            Self::Yaml => yaml::parse(text),
            Self::Toml => toml::parse(text),
            Self::Json => json::parse(text),
            Self::Env => env::parse(text),
        }
    }

    /// Whether this stands there already. Of variables all are texts.
    fn holds(self, there: &Scalar, value: &KnobValue) -> bool {
        match (there, value) {
            (Scalar::Null, KnobValue::Unset) => true,
            (_, KnobValue::Unset) => false,
            (Scalar::Text(there), value) if self == Self::Env => *there == value.to_string(),
            (Scalar::Text(there), KnobValue::Text(text)) => there == text,
            (Scalar::Integer(there), KnobValue::Integer(whole)) => there == whole,
            (Scalar::Real(there), KnobValue::Real(real)) => there == real,
            (Scalar::Switch(there), KnobValue::Switch(on)) => there == on,
            _ => false,
        }
    }

    fn spell(self, value: &KnobValue, old: &str) -> Option<String> {
        match self {
            Self::Yaml => Some(spelled::yaml(value, old)),
            Self::Toml => Some(spelled::toml(value, old)),
            Self::Json => Some(spelled::json(value)),
            Self::Env => spelled::env(value, old),
        }
    }

    fn spell_entry(self, key: &str, value: &str) -> Option<String> {
        match self {
            Self::Yaml => Some(format!("{}: {value}", spelled::yaml(&KnobValue::Text(key.to_owned()), ""))),
            Self::Toml => Some(format!("{} = {value}", spelled::toml_key(key))),
            Self::Json => Some(format!("{}: {value}", spelled::json_text(key))),
            Self::Env => env::is_name(key).then(|| format!("{key}={value}")),
        }
    }
}

/// A key of a configuration file that a recipe sets.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedKey {
    /// The tables that lead to it, and it.
    pub path: Vec<String>,
    /// What it is to hold. Unset: the key is left out.
    pub value: KnobValue,
}

impl OwnedKey {
    /// The path as it is shown.
    pub fn name(&self) -> String {
        self.path.iter().map(|step| spelled::toml_key(step)).collect::<Vec<_>>().join(".")
    }

    /// The steps of a path with dots, quoted where a step holds one: `server."kv.bits"`. Absent where it is none.
    pub fn path_of(text: &str) -> Option<Vec<String>> {
        let steps = toml_edit::Key::parse(text).ok()?;
        let steps: Vec<String> = steps.iter().map(|step| step.get().to_owned()).collect();
        (!steps.is_empty() && steps.iter().all(|step| !step.is_empty())).then_some(steps)
    }
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    /// The key.
    pub key: String,
    /// The line that it stood in, from 1; absent where it did not stand there.
    pub line: Option<usize>,
    /// What stood there, as it was written.
    pub from: Option<String>,
    /// What stands there now, as it is written; absent where the key is left out.
    pub to: Option<String>,
}

/// A file's new text, and what is new in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole text; the old one where nothing changed.
    pub text: String,
    /// What changed, in the order of the keys. Empty where each key held its value already.
    pub changes: Vec<KeyChange>,
}

/// Bytes of a text, and what takes their place.
type Splice = (Range<usize>, String);

/// Puts the values into the text.
///
/// # Errors
/// What cannot be edited without loss: a text that is no such format, a key that stands twice, holds more than one value or refers to other
/// places, a table that is not there, a result that says something else of what is not owned.
pub fn edit(format: FileFormat, text: &str, owned: &[OwnedKey]) -> Result<Edited, Refusal> {
    if text.len() > MOST {
        return Err(Refusal::whole(format!("it has more than {MOST} bytes")));
    }
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let before = format.parse(body)?;
    let newline = if body.contains("\r\n") { "\r\n" } else { "\n" };
    let (mut now, mut changes) = (body.to_owned(), vec![]);
    for key in owned {
        let tree = if changes.is_empty() { before.clone() } else { format.parse(&now)? };
        if let Some((change, splices)) = step(format, (&now, newline), &tree, key)? {
            now = spliced(&now, splices);
            changes.push(change);
        }
    }
    held(format, &before, &now, owned)?;
    // Lines are told of the text that the user has.
    for change in &mut changes {
        let key = owned.iter().find(|key| key.name() == change.key);
        let stood = key.and_then(|key| find(&before, &key.path));
        change.line = stood.map(|entry| line_of(body, entry.key_span.start));
    }
    Ok(Edited { text: format!("{mark}{now}"), changes })
}

fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    let mut text = text.to_owned();
    splices.sort_by_key(|(range, _)| range.start);
    for (range, new) in splices.into_iter().rev() {
        text.replace_range(range, &new);
    }
    text
}

fn find<'a>(root: &'a Node, path: &[String]) -> Option<&'a Entry> {
    let (last, above) = path.split_last()?;
    let map = above.iter().try_fold(root, |node, step| Some(&within(node.map()?, step)?.node))?.map()?;
    within(map, last)
}

fn within<'a>(map: &'a Map, key: &str) -> Option<&'a Entry> {
    map.entries.iter().find(|entry| entry.key == key)
}

/// Holds the result to what was asked for and to what it had to leave alone.
fn held(format: FileFormat, before: &Node, now: &str, owned: &[OwnedKey]) -> Result<(), Refusal> {
    let lost = |why: &str| Refusal::whole(format!("{why}; change it by hand"));
    let after = format.parse(now).map_err(|_| lost("with the new values it could not be read any more"))?;
    let but: Vec<Vec<String>> = owned.iter().map(|key| key.path.clone()).collect();
    if before.outline(&but) != after.outline(&but) {
        return Err(lost("the new values would change what other keys say"));
    }
    for key in owned {
        let there = find(&after, &key.path).map(|entry| &entry.node.value);
        let as_asked = match there {
            None => key.value == KnobValue::Unset,
            Some(NodeValue::Scalar(scalar)) => format.holds(scalar, &key.value),
            Some(_) => false,
        };
        if !as_asked {
            return Err(lost(&format!("`{}` would not be read as {}", key.name(), key.value)));
        }
    }
    Ok(())
}

/// What has to be done for one key; nothing where it holds its value.
fn step(
    format: FileFormat,
    (text, newline): (&str, &str),
    root: &Node,
    key: &OwnedKey,
) -> Result<Option<(KeyChange, Vec<Splice>)>, Refusal> {
    let name = key.name();
    let (last, above) = key.path.split_last().ok_or_else(|| Refusal::whole("a key has no name"))?;
    let mut node = root;
    for step in above {
        let entry = node.map().map(|map| once(text, map, step)).transpose()?.flatten();
        node = match entry {
            Some(entry) => &entry.node,
            None if key.value == KnobValue::Unset => return Ok(None),
            None => {
                return Err(Refusal::whole(format!(
                    "there is no table `{step}` for `{name}`; add it by hand"
                )));
            }
        };
    }
    let Some(map) = node.map() else {
        return Err(Refusal::at(text, node.span.start, format!("what should hold `{name}` is no table")));
    };
    let mut change = KeyChange { key: name.clone(), line: None, from: None, to: None };
    let Some(entry) = once(text, map, last)? else {
        if key.value == KnobValue::Unset {
            return Ok(None);
        }
        let value = format.spell(&key.value, "").ok_or_else(|| unwritable(&name))?;
        let spelled = format.spell_entry(last, &value).ok_or_else(|| unwritable(&name))?;
        change.to = Some(value);
        return Ok(Some((change, places::added(format, text, map, (&spelled, newline))?)));
    };
    let at = entry.key_span.start;
    let NodeValue::Scalar(there) = &entry.node.value else {
        return Err(Refusal::at(text, at, format!("`{name}` holds more than one value")));
    };
    if format.holds(there, &key.value) {
        return Ok(None);
    }
    if let Some(why) = entry.node.held {
        return Err(Refusal::at(text, at, format!("`{name}` is not changed: {why}")));
    }
    let old = &text[entry.node.span.clone()];
    change.from = Some(old.to_owned());
    if key.value == KnobValue::Unset {
        return Ok(Some((change, places::removed(format, text, map, entry)?)));
    }
    let new = format.spell(&key.value, old).ok_or_else(|| unwritable(&name))?;
    change.to = Some(new.clone());
    // A key of YAML without a value has none after its colon.
    let space = if format == FileFormat::Yaml && old.is_empty() { " " } else { "" };
    Ok(Some((change, vec![(entry.node.span.clone(), format!("{space}{new}"))])))
}

fn unwritable(name: &str) -> Refusal {
    Refusal::whole(format!("not every reader of this format would read the value of `{name}` the same"))
}

/// The entry of a name. One that stands twice is nobody's to choose from.
fn once<'a>(text: &str, map: &'a Map, key: &str) -> Result<Option<&'a Entry>, Refusal> {
    let mut found = map.entries.iter().filter(|entry| entry.key == key);
    match (found.next(), found.next()) {
        (_, Some(second)) => Err(Refusal::at(text, second.key_span.start, format!("`{key}` stands twice"))),
        (first, None) => Ok(first),
    }
}

#[cfg(test)]
mod tests;
