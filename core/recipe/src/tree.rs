//! A document as a tree of values, each with the bytes where it stands: what recipes are read from and what edits are made by.

pub(crate) mod env;
pub(crate) mod json;
pub(crate) mod toml;
pub(crate) mod yaml;

use std::fmt;
use std::ops::Range;

/// Deepest nesting that is read.
const DEEPEST: usize = 64;

/// Why a text is not read, or not edited, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line of the text, from 1; absent where it is about the whole.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
}

impl Refusal {
    /// About the place of a byte of `text`.
    pub(crate) fn at(text: &str, byte: usize, why: impl Into<String>) -> Self {
        Self { line: Some(line_of(text, byte)), why: why.into() }
    }

    /// About the whole text.
    pub(crate) fn whole(why: impl Into<String>) -> Self {
        Self { line: None, why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

/// Number of the line that a byte stands in, from 1.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its bytes. Of a map or a list they are where it begins.
    pub span: Range<usize>,
    pub value: NodeValue,
    /// Why its bytes cannot be replaced without loss; absent where they can.
    pub held: Option<&'static str>,
}

/// What stands at a node.
#[derive(Debug, Clone)]
pub(crate) enum NodeValue {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Map),
}

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Text(String),
    Integer(i64),
    Real(f64),
    Switch(bool),
    /// What no recipe sets: a date, a number without end, what readers do not agree on.
    Other(String),
}

/// Names with values, in the order of the text.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub entries: Vec<Entry>,
    pub room: Room,
}

/// A name and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub node: Node,
}

/// Where a map takes another entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Room {
    /// As a line of its own, which begins at `at`, behind `indent`.
    Line { at: usize, indent: String },
    /// Within braces: `open` is the byte after the first, `close` that of the last.
    Braces { open: usize, close: usize },
    /// Nowhere, for this reason.
    None(&'static str),
}

impl Node {
    pub(crate) fn new(span: Range<usize>, value: NodeValue) -> Self {
        Self { span, value, held: None }
    }

    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.value {
            NodeValue::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The last byte that it or anything in it takes.
    pub(crate) fn end(&self) -> usize {
        let within = match &self.value {
            NodeValue::Scalar(_) => None,
            NodeValue::List(items) => items.iter().map(Node::end).max(),
            NodeValue::Map(map) => {
                map.entries.iter().map(|entry| entry.node.end().max(entry.key_span.end)).max()
            }
        };
        within.unwrap_or(0).max(self.span.end)
    }

    /// Every path in it with what stands there, but for those below one of `but`: what must be the same after an edit.
    pub(crate) fn outline(&self, but: &[Vec<String>]) -> Vec<(Vec<String>, String)> {
        let mut found = vec![];
        self.walk(&mut vec![], but, &mut found);
        found
    }

    fn walk(&self, path: &mut Vec<String>, but: &[Vec<String>], found: &mut Vec<(Vec<String>, String)>) {
        if but.iter().any(|owned| path.starts_with(owned)) {
            return;
        }
        let mut step = |name: String, node: &Node, found: &mut Vec<(Vec<String>, String)>| {
            path.push(name);
            node.walk(path, but, found);
            path.pop();
        };
        match &self.value {
            NodeValue::Scalar(scalar) => found.push((path.clone(), format!("{scalar:?}"))),
            NodeValue::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    step(number.to_string(), item, found);
                }
                found.push((path.clone(), "a list".to_owned()));
            }
            NodeValue::Map(map) => {
                for entry in &map.entries {
                    step(entry.key.clone(), &entry.node, found);
                }
                found.push((path.clone(), "a table".to_owned()));
            }
        }
    }
}

/// Refuses what is nested so deeply that it is meant to exhaust a reader.
pub(crate) fn nested(depth: usize) -> Result<(), Refusal> {
    match depth > DEEPEST {
        true => Err(Refusal::whole(format!("it is nested more than {DEEPEST} levels deep"))),
        false => Ok(()),
    }
}
