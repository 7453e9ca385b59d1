//! `piton.schema.json` is made from `docs/piton-toml.md`, which another test holds to the keys that are read:
//! `INSTA_UPDATE=always cargo test -p piton-system --lib schema` writes it anew. It lies in this crate, as a published crate needs.

use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../../../../docs/piton-toml.md");

/// Tables without which there is no experiment, unless it is one of a model server.
const NEEDED: [&str; 3] = ["metric", "scope", "measure"];

/// A row of the document.
struct Row<'a> {
    key: &'a str,
    kind: &'a str,
    default: &'a str,
    what: &'a str,
}

/// The schema that the document comes to. Each key has its words as the description.
pub(super) fn schema() -> Value {
    let (mut properties, mut required) = (Map::new(), vec![]);
    for section in DOCUMENT.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let rows: Vec<Row> = text.lines().filter_map(row).collect();
        let tables = tables(heading);
        if tables.is_empty() {
            let Value::Object(top) = table(&rows, heading) else { continue };
            properties.extend(top["properties"].as_object().cloned().unwrap_or_default());
            required.extend(top["required"].as_array().cloned().unwrap_or_default());
        }
        for (name, several) in tables {
            let one = table(&rows, heading);
            let schema = match (several, name) {
                (false, _) => one,
                // One of them may be a table by itself.
                (true, "check") => json!({ "anyOf": [one.clone(), { "type": "array", "items": one }] }),
                (true, _) => json!({ "type": "array", "items": one }),
            };
            properties.insert(name.to_owned(), schema);
        }
    }
    // What `[machine]` was called.
    if let Some(mut machine) = properties.get("machine").cloned() {
        machine["description"] = json!("The old name of [machine].");
        machine["deprecated"] = json!(true);
        properties.insert("noise".to_owned(), machine);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "piton.toml",
        "description": "An experiment of piton.",
        "type": "object",
        "properties": properties,
        "required": required,
        "anyOf": [{ "required": NEEDED }, { "required": ["server"] }],
        "additionalProperties": false,
    })
}

/// The tables that a heading names, and whether there may be several of each: none for that of the keys at the top.
fn tables(heading: &str) -> Vec<(&str, bool)> {
    let named = heading.split('`').skip(1).step_by(2);
    named
        .filter_map(|word| {
            let name = word.strip_prefix('[')?.strip_suffix(']')?;
            let several = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            Some(several.map_or((name, false), |name| (name, true)))
        })
        .collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
    let mut cells = cells.splitn(4, " | ");
    let key = cells.next()?.strip_suffix('`')?;
    let row = Row { key, kind: cells.next()?, default: cells.next()?, what: cells.next()? };
    // The table of placeholders has two columns, and no key.
    (!key.contains(['[', '{'])).then_some(row)
}

/// The schema of a table with these rows.
fn table(rows: &[Row], heading: &str) -> Value {
    let properties: Map<String, Value> = rows.iter().map(|row| (row.key.to_owned(), key(row))).collect();
    let with = |default: &str| rows.iter().filter(|row| row.default == default).map(|row| row.key).collect();
    let required: Vec<&str> = with("needed");
    let either: Vec<&str> = with("one of the two is needed");
    let about = heading.split_once(": ").map_or(heading, |(_, about)| about);
    let mut table = json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if !either.is_empty() {
        table["anyOf"] = either.iter().map(|key| json!({ "required": [key] })).collect();
    }
    table
}

/// The schema of a key.
fn key(row: &Row) -> Value {
    let mut schema = kind(row.kind).unwrap_or_else(|| json!({}));
    schema["description"] = json!(row.what);
    if let Ok(default) = serde_json::from_str::<Value>(row.default.trim_matches('`')) {
        schema["default"] = default;
    }
    schema
}

/// What the document's words for a type mean; nothing where they are not among these.
fn kind(words: &str) -> Option<Value> {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    Some(match words {
        "text" | "path" | "regular expression" | "JSON pointer" => json!({ "type": "string" }),
        "true or false" => json!({ "type": "boolean" }),
        "number" | "percent" | "milliseconds" | "metric's unit" => json!({ "type": "number" }),
        "probability" => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        "count" | "bytes" | "seconds" | "pairs" | "trials" | "samples" | "tokens" | "MB" | "port" => {
            json!({ "type": "integer", "minimum": 0 })
        }
        "list of counts" => json!({ "type": "array", "items": { "type": "integer", "minimum": 0 } }),
        "command" => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        "`\"all\"` or list of texts" => json!({ "anyOf": [{ "enum": ["all"] }, texts] }),
        "list of paths" | "list of patterns" | "list of words" | "list of texts" => texts,
        "table" => json!({ "type": "object" }),
        "table of texts" | "table of regular expressions" | "table of JSON pointers" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        _ => {
            let choices: Vec<&str> = words
                .split('`')
                .skip(1)
                .step_by(2)
                .filter_map(|w| w.strip_prefix('"')?.strip_suffix('"'))
                .collect();
            let between = words.split('`').step_by(2).all(|rest| ["", ", ", " or "].contains(&rest));
            (between && !choices.is_empty()).then(|| json!({ "enum": choices }))?
        }
    })
}

mod tests;
