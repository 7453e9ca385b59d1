//! YAML, one document, as a tree of values and where they stand.

use std::cell::Cell;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::json::number;
use super::{Entry, Map, Node, NodeValue, Refusal, Room, Scalar, nested};
use crate::spelled::yaml_is_text;

/// Reads a text that holds one document; an empty one is a table without entries.
///
/// # Errors
/// No YAML, more than one document, or a key that is no text.
pub(crate) fn parse(text: &str) -> Result<Node, Refusal> {
    let mut reader =
        Reader { lines: lines(text), parser: Parser::new_from_str(text), text, last: Cell::new((0, 0, 0)) };
    let root = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, _) => return Ok(reader.empty()),
            (event, span) => break reader.node(event, span, false, 0)?,
        }
    };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), span) => {
                let at = reader.span(&span).start;
                return Err(Refusal::at(text, at, "a second document begins here"));
            }
            _ => {}
        }
    }
    let blank = matches!(root.value, NodeValue::Scalar(Scalar::Null)) && root.span.is_empty();
    Ok(if blank && root.held.is_none() { reader.empty() } else { root })
}

/// Where each line begins. A line ends as YAML says: at CR LF, LF or CR.
fn lines(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    [0].into_iter().chain(ends.map(|(at, _)| at + 1)).collect()
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<usize>,
    parser: Parser<'a, StrInput<'a>>,
    /// The place that was sought last: line, column and byte. The next is mostly behind it, and a line may be long.
    last: Cell<(usize, usize, usize)>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Refusal> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                Err(Refusal { line: Some(error.marker().line()), why: error.info().to_owned() })
            }
        }
    }

    /// The byte of a place. Places are taken by line and column, in characters.
    fn byte(&self, at: &Marker) -> usize {
        let start = self.lines.get(at.line().saturating_sub(1)).copied().unwrap_or(self.text.len());
        let (column, from) = match self.last.get() {
            (line, column, byte) if line == at.line() && column <= at.col() => (column, byte),
            _ => (0, start),
        };
        let rest = &self.text[from..];
        let byte = from + rest.char_indices().nth(at.col() - column).map_or(rest.len(), |(byte, _)| byte);
        self.last.set((at.line(), at.col(), byte));
        byte
    }

    fn span(&self, span: &Span) -> Range<usize> {
        let (start, end) = (self.byte(&span.start), self.byte(&span.end));
        start..end.max(start)
    }

    fn empty(&self) -> Node {
        let at = self.text.len();
        let room = Room::Line { at, indent: String::new() };
        Node::new(at..at, NodeValue::Map(Map { entries: vec![], room }))
    }

    fn node(&mut self, event: Event<'a>, span: Span, flow: bool, depth: usize) -> Result<Node, Refusal> {
        nested(depth)?;
        let place = self.span(&span);
        let carries = |anchor: usize, tagged: bool| match (anchor, tagged) {
            (0, false) => None,
            (0, true) => Some("it carries a tag"),
            _ => Some("it carries an anchor, which other places refer to"),
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = tag.is_some();
                let mut scalar = match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Scalar::Text(text.clone().into_owned()),
                };
                if anchor != 0 || tagged {
                    scalar = Scalar::Other(format!("{anchor} {tag:?} {scalar:?}"));
                }
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let held = carries(anchor, tagged).or(block.then_some("it is written as a block of lines"));
                let place = self.scalar(place, style);
                Ok(Node { span: place, value: NodeValue::Scalar(scalar), held })
            }
            Event::Alias(of) => {
                let scalar = Scalar::Other(format!("alias {of}"));
                Ok(Node {
                    span: place,
                    value: NodeValue::Scalar(scalar),
                    held: Some("it is an alias of another place"),
                })
            }
            Event::SequenceStart(anchor, tag) => {
                self.list(place, carries(anchor, tag.is_some()), flow, depth)
            }
            Event::MappingStart(anchor, tag) => self.map(place, carries(anchor, tag.is_some()), flow, depth),
            _ => Err(Refusal::at(self.text, place.start, "a value is missing")),
        }
    }

    fn list(
        &mut self,
        place: Range<usize>,
        held: Option<&'static str>,
        flow: bool,
        depth: usize,
    ) -> Result<Node, Refusal> {
        let flow = flow || self.text[place.start..].starts_with('[');
        let mut items = vec![];
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, span, flow, depth + 1)?),
            }
        }
        Ok(Node { span: place.start..place.start, value: NodeValue::List(items), held })
    }

    fn map(
        &mut self,
        place: Range<usize>,
        held: Option<&'static str>,
        flow: bool,
        depth: usize,
    ) -> Result<Node, Refusal> {
        let braces = self.text[place.start..].starts_with('{');
        let mut entries: Vec<Entry> = vec![];
        let end = loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break self.span(&span).end;
            }
            let key_span = self.span(&span);
            let Event::Scalar(key, style, ..) = &event else {
                return Err(Refusal::at(self.text, key_span.start, "this key is no text"));
            };
            let key_span = self.scalar(key_span, *style);
            let key = key.clone().into_owned();
            let (event, span) = self.next()?;
            let mut node = self.node(event, span, flow || braces, depth + 1)?;
            if matches!(node.value, NodeValue::Scalar(Scalar::Null)) && node.span.is_empty() {
                self.place_of_nothing(&key_span, &mut node);
            }
            entries.push(Entry { key, key_span, node });
        };
        let room = match entries.last() {
            _ if braces && self.text[..end].ends_with('}') => {
                Room::Braces { open: place.start + 1, close: end - 1 }
            }
            Some(last) if !flow && !braces => {
                let at = last.node.end().max(last.key_span.end);
                let begun = at == 0 || self.text[..at].ends_with('\n');
                let rest = &self.text[at..];
                let at = if begun { at } else { at + rest.find('\n').map_or(rest.len(), |found| found + 1) };
                Room::Line { at, indent: " ".repeat(self.column(entries[0].key_span.start)) }
            }
            _ => Room::None("it stands within brackets"),
        };
        Ok(Node { span: place.start..place.start, value: NodeValue::Map(Map { entries, room }), held })
    }

    /// The bytes of a scalar alone. The parser counts what follows quotes in the same line to them, comments too.
    fn scalar(&self, place: Range<usize>, style: ScalarStyle) -> Range<usize> {
        let (text, start) = (&self.text[place.start..], place.start);
        let end = match style {
            ScalarStyle::SingleQuoted => closing(text, '\'', |rest| rest.starts_with("''")),
            ScalarStyle::DoubleQuoted => closing(text, '"', |rest| rest.starts_with('\\')),
            _ => None,
        };
        let plain = || self.text[place.clone()].trim_end().len();
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded => place,
            _ => start..start + end.unwrap_or_else(plain),
        }
    }

    /// A key without a value has it right after its colon.
    fn place_of_nothing(&self, key: &Range<usize>, node: &mut Node) {
        let rest = &self.text[key.end..];
        match rest.trim_start_matches([' ', '\t']).starts_with(':') {
            true => {
                let colon = key.end + rest.find(':').unwrap_or(0) + 1;
                node.span = colon..colon;
            }
            false => node.held = Some("it has no value and no colon behind its key"),
        }
    }

    fn column(&self, at: usize) -> usize {
        let start = self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        self.text[start..at].chars().count()
    }
}

/// How long a quoted scalar is that a text begins with; two characters that are `escaped` do not end it.
fn closing(text: &str, quote: char, escaped: fn(&str) -> bool) -> Option<usize> {
    let mut at = text.starts_with(quote).then_some(1)?;
    loop {
        let rest = &text[at..];
        let next = rest.chars().next()?;
        at += match escaped(rest) {
            true => next.len_utf8() + rest.chars().nth(1)?.len_utf8(),
            false if next == quote => return Some(at + 1),
            false => next.len_utf8(),
        };
    }
}

/// What a scalar without quotes is: what all versions of YAML take it for, else something that no recipe sets.
fn plain(text: &str) -> Scalar {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let zeros = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Switch(true),
        "false" | "False" | "FALSE" => Scalar::Switch(false),
        _ if yaml_is_text(text) => Scalar::Text(text.to_owned()),
        _ if unsigned.starts_with(|c: char| c.is_ascii_digit()) && !zeros => number(text),
        _ => Scalar::Other(text.to_owned()),
    }
}
