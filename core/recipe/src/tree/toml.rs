//! TOML as a tree of values and where they stand.

use toml_edit::{Document, InlineTable, Item, Key, Table, Value};

use super::{Entry, Map, Node, NodeValue, Refusal, Room, Scalar, nested};

/// Reads a document.
///
/// # Errors
/// No TOML.
pub(crate) fn parse(text: &str) -> Result<Node, Refusal> {
    let document = Document::parse(text).map_err(|error| {
        let why = error.message().replace('\n', ", ");
        error.span().map_or_else(|| Refusal::whole(why.clone()), |span| Refusal::at(text, span.start, &why))
    })?;
    table(text, document.as_table(), true, 0)
}

fn table(text: &str, from: &Table, root: bool, depth: usize) -> Result<Node, Refusal> {
    nested(depth)?;
    let header = from.span().filter(|_| !root && !from.is_dotted() && !from.is_implicit());
    let mut entries = vec![];
    // Where the last entry ends that belongs to this header: another header's entries come later.
    let mut end = None;
    for (name, item) in from.iter() {
        let node = match item {
            Item::None => continue,
            Item::Value(value) => value_node(text, value, depth + 1)?,
            Item::Table(below) => table(text, below, false, depth + 1)?,
            Item::ArrayOfTables(array) => {
                let tables = array.iter().map(|below| table(text, below, false, depth + 1));
                let start = array.span().map_or(0, |span| span.start);
                Node::new(start..start, NodeValue::List(tables.collect::<Result<_, _>>()?))
            }
        };
        let own = item.is_value() || item.as_table().is_some_and(Table::is_dotted);
        if own {
            end = end.max(Some(node.end()));
        }
        let key_span = span_of(from.key(name))?;
        entries.push(Entry { key: name.to_owned(), key_span, node });
    }
    let start = header.as_ref().map_or(0, |span| span.start);
    let room = match end.or(header.map(|span| span.end)) {
        _ if !root && from.is_dotted() => Room::None("its keys are written with dots"),
        _ if !root && from.is_implicit() => Room::None("it has no header of its own"),
        Some(end) => Room::Line { at: after_line(text, end), indent: String::new() },
        None => Room::Line { at: 0, indent: String::new() },
    };
    Ok(Node::new(start..start, NodeValue::Map(Map { entries, room })))
}

/// The byte after the line that `at` stands in.
fn after_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found + 1)
}

fn value_node(text: &str, value: &Value, depth: usize) -> Result<Node, Refusal> {
    nested(depth)?;
    let span = value.span().ok_or_else(|| Refusal::whole("a value has no place"))?;
    let held = match value {
        Value::InlineTable(table) => return inline(text, table, span, depth),
        Value::Array(items) => {
            let items = items.iter().map(|item| value_node(text, item, depth + 1));
            return Ok(Node::new(span, NodeValue::List(items.collect::<Result<_, _>>()?)));
        }
        Value::String(held) => Scalar::Text(held.value().clone()),
        Value::Integer(held) => Scalar::Integer(*held.value()),
        Value::Float(held) if held.value().is_finite() => Scalar::Real(*held.value()),
        Value::Boolean(held) => Scalar::Switch(*held.value()),
        Value::Float(_) | Value::Datetime(_) => Scalar::Other(text[span.clone()].to_owned()),
    };
    Ok(Node::new(span, NodeValue::Scalar(held)))
}

fn inline(
    text: &str,
    table: &InlineTable,
    span: std::ops::Range<usize>,
    depth: usize,
) -> Result<Node, Refusal> {
    let mut entries = vec![];
    for (name, value) in table.iter() {
        let node = match value {
            // Within braces a dotted key is a table without braces of its own.
            Value::InlineTable(below) if below.is_dotted() => {
                let start = span_of(table.key(name))?.start;
                inline(text, below, start..start, depth + 1)?
            }
            value => value_node(text, value, depth + 1)?,
        };
        entries.push(Entry { key: name.to_owned(), key_span: span_of(table.key(name))?, node });
    }
    let room = match span.is_empty() {
        true => Room::None("its keys are written with dots"),
        false => Room::Braces { open: span.start + 1, close: span.end - 1 },
    };
    Ok(Node::new(span, NodeValue::Map(Map { entries, room })))
}

fn span_of(key: Option<&Key>) -> Result<std::ops::Range<usize>, Refusal> {
    key.and_then(Key::span).ok_or_else(|| Refusal::whole("a key has no place"))
}
