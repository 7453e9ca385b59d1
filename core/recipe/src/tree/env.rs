//! A file of variables (`NAME=value`, as shells, systemd, docker and dotenv read it) as a table of texts.

use std::ops::Range;

use super::{Entry, Map, Node, NodeValue, Refusal, Room, Scalar};

/// Reads a file of variables.
///
/// # Errors
/// A line that is no comment and no variable, and one that goes on in the next.
pub(crate) fn parse(text: &str) -> Result<Node, Refusal> {
    let (mut entries, mut start) = (vec![], 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        entries.extend(entry(content, start).map_err(|why| Refusal::at(text, start, why))?);
        start += line.len();
    }
    let room = Room::Line { at: text.len(), indent: String::new() };
    Ok(Node::new(0..0, NodeValue::Map(Map { entries, room })))
}

fn entry(line: &str, start: usize) -> Result<Option<Entry>, &'static str> {
    let trimmed = line.trim_start();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
        return Ok(None);
    }
    if line.ends_with('\\') {
        return Err("this line goes on in the next");
    }
    let named = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
    let Some((name, value)) = named.split_once('=') else { return Err("this line is no NAME=value") };
    if !is_name(name) {
        return Err("this line is no NAME=value");
    }
    let at = start + line.len() - named.len();
    let key_span = at..at + name.len();
    let end = value.trim_end().len();
    let value = &value[..end];
    let span = key_span.end + 1..key_span.end + 1 + end;
    Ok(Some(Entry { key: name.to_owned(), key_span, node: node(value, span)? }))
}

/// Whether this may be called a variable.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn node(value: &str, span: Range<usize>) -> Result<Node, &'static str> {
    let mut node = Node::new(span, NodeValue::Scalar(Scalar::Other(value.to_owned())));
    let quoted = value.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
    let text = match quoted {
        Some(quote) => {
            let inner = value[1..].strip_suffix(quote);
            let Some(inner) = inner else {
                return Err("its quotes do not end in this line, or something follows them");
            };
            inner
        }
        None => value,
    };
    let odd = |c: char| "\"'\\$`".contains(c) || quoted.is_none() && (c.is_whitespace() || c == '#');
    match text.chars().any(odd) {
        true => node.held = Some("not every reader of such files reads it the same"),
        false => node.value = NodeValue::Scalar(Scalar::Text(text.to_owned())),
    }
    Ok(node)
}
