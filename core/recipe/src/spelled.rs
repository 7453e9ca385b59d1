//! How a value is written in each format, so that every reader of that format reads the same.

use crate::KnobValue;

/// A finite number with a point or an exponent, as JSON, TOML and both versions of YAML read it.
pub(crate) fn real(value: f64) -> String {
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    // YAML 1.1 takes `1e16` for a text: it wants a point and a sign.
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

/// In TOML. `old` is what stood there: its kind of quotes is kept.
pub(crate) fn toml(value: &KnobValue, old: &str) -> String {
    match value {
        KnobValue::Text(text) => match old.starts_with('\'') && plain_line(text) && !text.contains('\'') {
            true => format!("'{text}'"),
            false => toml_text(text),
        },
        other => other.to_string(),
    }
}

fn toml_text(text: &str) -> String {
    let mut spelled = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => spelled.extend(['\\', c]),
            '\n' => spelled.push_str("\\n"),
            '\t' => spelled.push_str("\\t"),
            c if u32::from(c) < 0x20 || u32::from(c) == 0x7f => {
                spelled.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => spelled.push(c),
        }
    }
    spelled + "\""
}

/// A key of TOML.
pub(crate) fn toml_key(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { key.to_owned() } else { toml_text(key) }
}

/// In JSON.
pub(crate) fn json(value: &KnobValue) -> String {
    match value {
        KnobValue::Text(text) => json_text(text),
        other => other.to_string(),
    }
}

/// A text of JSON, which is one of YAML too.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// In YAML. `old` is what stood there: its kind of quotes is kept.
pub(crate) fn yaml(value: &KnobValue, old: &str) -> String {
    let KnobValue::Text(text) = value else { return value.to_string() };
    match old.chars().next() {
        Some('\'') if plain_line(text) => format!("'{}'", text.replace('\'', "''")),
        Some('"') => yaml_quoted(text),
        _ if yaml_plain(text) => text.clone(),
        _ => yaml_quoted(text),
    }
}

fn yaml_quoted(text: &str) -> String {
    // What YAML does not take as it stands, JSON's texts may hold.
    let odd = |c: char| {
        u32::from(c) >= 0x7f && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
    };
    let mut spelled = String::new();
    for c in json_text(text).chars() {
        match odd(c) {
            true => spelled.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => spelled.push(c),
        }
    }
    spelled
}

/// Whether a text may stand in YAML without quotes, in a block as within braces.
fn yaml_plain(text: &str) -> bool {
    yaml_is_text(text) && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./+-@".contains(c))
}

/// Whether no version of YAML takes a plain scalar for anything but a text.
pub(crate) fn yaml_is_text(text: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    // From 1 to 9 on, a number has no letter but its exponent's, and a time those of ISO 8601: `7B` is a text, `1e5` is not.
    let sized = |c: char| c.is_alphabetic() && !"eEtTzZ".contains(c);
    match text.chars().next() {
        Some('1'..='9') => text.contains(sized),
        Some(c) => {
            (c.is_alphabetic() || matches!(c, '/' | '_'))
                && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        }
        None => false,
    }
}

/// In a file of variables; absent where its readers do not agree on how it would have to be written.
pub(crate) fn env(value: &KnobValue, old: &str) -> Option<String> {
    let text = value.to_string();
    let safe = |c: char| c.is_alphanumeric() || "_./:@%+,=-".contains(c);
    let quotable = |c: char| !c.is_control() && !"\"'\\$`".contains(c);
    match old.chars().next() {
        Some(quote @ ('\'' | '"')) if text.chars().all(quotable) => Some(format!("{quote}{text}{quote}")),
        _ if !text.is_empty() && text.chars().all(safe) => Some(text),
        _ if text.chars().all(quotable) => Some(format!("\"{text}\"")),
        _ => None,
    }
}

fn plain_line(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
}
