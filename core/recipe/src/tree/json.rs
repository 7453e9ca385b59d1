//! JSON, with or without comments, as a tree of values and where they stand.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Entry, Map, Node, NodeValue, Refusal, Room, Scalar, nested};

/// JSON as it is written with comments and trailing commas; what only JSON5 has is refused.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a document; an empty one is a table without entries that takes none.
///
/// # Errors
/// No JSON.
pub(crate) fn parse(text: &str) -> Result<Node, Refusal> {
    // The parser calls itself for each level.
    let open = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if open > 100_000 {
        return Err(Refusal::whole("it has more than 100,000 tables and lists"));
    }
    deep(text)?;
    let read = parse_to_ast(text, &CollectOptions::default(), &OPTIONS)
        .map_err(|error| Refusal::at(text, error.range().start, error.kind().to_string()))?;
    match read.value {
        Some(value) => node(value, 0),
        None => Err(Refusal::whole("it holds no value")),
    }
}

/// Refuses what is nested too deeply before a parser meets it.
fn deep(text: &str) -> Result<(), Refusal> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                // Brackets in comments count too; what has so many of them is not worth a guess.
                nested(depth / 4)?;
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn node(value: Value<'_>, depth: usize) -> Result<Node, Refusal> {
    nested(depth)?;
    let span = value.range().start..value.range().end;
    let value = match value {
        Value::Object(object) => {
            let mut entries = vec![];
            for entry in object.properties {
                let key_span = entry.name.range().start..entry.name.range().end;
                let node = node(entry.value, depth + 1)?;
                entries.push(Entry { key: entry.name.into_string(), key_span, node });
            }
            let room = Room::Braces { open: span.start + 1, close: span.end - 1 };
            NodeValue::Map(Map { entries, room })
        }
        Value::Array(list) => {
            let items = list.elements.into_iter().map(|item| node(item, depth + 1));
            NodeValue::List(items.collect::<Result<_, _>>()?)
        }
        Value::StringLit(held) => NodeValue::Scalar(Scalar::Text(held.value.into_owned())),
        Value::BooleanLit(held) => NodeValue::Scalar(Scalar::Switch(held.value)),
        Value::NullKeyword(_) => NodeValue::Scalar(Scalar::Null),
        Value::NumberLit(held) => NodeValue::Scalar(number(held.value)),
    };
    Ok(Node::new(span, value))
}

/// A number: whole where it is written so.
pub(super) fn number(text: &str) -> Scalar {
    let real = || text.parse().ok().filter(|real: &f64| real.is_finite()).map(Scalar::Real);
    let whole = || text.parse().ok().map(Scalar::Integer);
    let found = if text.contains(['.', 'e', 'E']) { real() } else { whole() };
    found.unwrap_or_else(|| Scalar::Other(text.to_owned()))
}
