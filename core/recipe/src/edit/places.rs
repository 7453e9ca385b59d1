//! Where another entry goes, and what goes with one that is left out.

use std::ops::Range;

use super::{FileFormat, Refusal, Splice};
use crate::tree::{Entry, Map, Room};

/// What adds an entry to a table, in a text whose lines end so.
pub(super) fn added(
    format: FileFormat,
    text: &str,
    map: &Map,
    (entry, newline): (&str, &str),
) -> Result<Vec<Splice>, Refusal> {
    match &map.room {
        Room::None(why) => Err(Refusal::whole(format!("`{entry}` cannot be added: {why}; add it by hand"))),
        Room::Line { at, indent } => {
            let before = if *at > 0 && !text[..*at].ends_with('\n') { newline } else { "" };
            Ok(vec![(*at..*at, format!("{before}{indent}{entry}{newline}"))])
        }
        Room::Braces { open, close } => {
            let Some(last) = map.entries.last() else { return Ok(vec![(*open..*open, entry.to_owned())]) };
            Ok(after_last(format, text, last, *open, *close, (entry, newline)))
        }
    }
}

fn after_last(
    format: FileFormat,
    text: &str,
    last: &Entry,
    open: usize,
    close: usize,
    (entry, newline): (&str, &str),
) -> Vec<Splice> {
    let end = last.node.end().max(last.key_span.end);
    let comma = comma_in(format, text, end..close);
    let start = line_start(text, last.key_span.start);
    let indent = &text[start..last.key_span.start];
    // Entries stand one a line: the new one gets a line, below the comments that follow the last.
    let alone = text[open..last.key_span.start].contains('\n') && indent.trim().is_empty();
    let after = comma.map_or(end, |comma| comma + 1);
    let rest = rest_of_line(text, after);
    match (alone && rest.end < close && is_remark(format, &text[rest.clone()]), comma) {
        (true, Some(_)) => vec![(rest.end..rest.end, format!("{newline}{indent}{entry},"))],
        (true, None) => {
            vec![(end..end, ",".to_owned()), (rest.end..rest.end, format!("{newline}{indent}{entry}"))]
        }
        (false, Some(_)) => vec![(after..after, format!(" {entry},"))],
        (false, None) => vec![(end..end, format!(", {entry}"))],
    }
}

/// What leaves an entry out: its line where it has one to itself, and of a comment behind it nothing.
pub(super) fn removed(
    format: FileFormat,
    text: &str,
    map: &Map,
    entry: &Entry,
) -> Result<Vec<Splice>, Refusal> {
    let (start, end) = (entry.key_span.start, entry.node.end().max(entry.key_span.end));
    let Room::Braces { close, .. } = map.room else {
        let begin = line_start(text, start);
        let lead = &text[begin..start];
        let alone = lead.trim().is_empty() || format == FileFormat::Env && lead.trim() == "export";
        if !alone {
            return Err(Refusal::at(text, start, format!("`{}` does not begin its line", entry.key)));
        }
        return Ok(vec![(cut(format, text, begin, start, end), String::new())]);
    };
    if let Some(comma) = comma_in(format, text, end..next_start(map, entry).unwrap_or(close)) {
        let begin = line_start(text, start);
        let mut cut = match text[begin..start].trim().is_empty() {
            true => cut(format, text, begin, start, comma + 1),
            false => start..comma + 1,
        };
        if !text[..cut.end].ends_with('\n') {
            cut.end += spaces(&text[cut.end..]);
        }
        return Ok(vec![(cut, String::new())]);
    }
    // The last one takes the comma before it along.
    let begin = line_start(text, start);
    let mut gone = match text[begin..start].trim().is_empty() {
        true => cut(format, text, begin, start, end),
        false => start..end,
    };
    let Some(previous) = before(map, entry) else { return Ok(vec![(gone, String::new())]) };
    let previous = previous.node.end().max(previous.key_span.end);
    let Some(comma) = comma_in(format, text, previous..start) else {
        return Err(Refusal::at(text, start, "a comma is not found before this entry"));
    };
    if text[comma + 1..start].trim_matches([' ', '\t']).is_empty() {
        gone.start = comma;
        return Ok(vec![(gone, String::new())]);
    }
    Ok(vec![(comma..comma + 1, String::new()), (gone, String::new())])
}

/// The bytes of an entry that begins its line: the line where nothing follows, else up to what follows.
fn cut(format: FileFormat, text: &str, begin: usize, start: usize, end: usize) -> Range<usize> {
    let rest = rest_of_line(text, end);
    if text[rest.clone()].trim().is_empty() {
        let newline = text[rest.end..].find('\n').map_or(text.len(), |found| rest.end + found + 1);
        return begin..newline;
    }
    match is_remark(format, &text[rest.clone()]) {
        true => start..end + spaces(&text[end..]),
        false => start..end,
    }
}

fn position(map: &Map, entry: &Entry) -> usize {
    map.entries.iter().position(|each| each.key_span == entry.key_span).unwrap_or(0)
}

fn next_start(map: &Map, entry: &Entry) -> Option<usize> {
    map.entries.get(position(map, entry) + 1).map(|next| next.key_span.start)
}

fn before<'a>(map: &'a Map, entry: &Entry) -> Option<&'a Entry> {
    position(map, entry).checked_sub(1).and_then(|at| map.entries.get(at))
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |found| found + 1)
}

/// The rest of the line, without what ends it.
fn rest_of_line(text: &str, at: usize) -> Range<usize> {
    let rest = text[at..].split('\n').next().unwrap_or_default();
    at..at + rest.trim_end_matches('\r').len()
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// Whether nothing but space and a comment that ends here stands in the rest of a line.
fn is_remark(format: FileFormat, rest: &str) -> bool {
    let rest = rest.trim();
    match format {
        _ if rest.is_empty() => true,
        FileFormat::Json => {
            let block = rest.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/"));
            rest.starts_with("//") || block.is_some_and(|inner| !inner.contains("*/"))
        }
        _ => rest.starts_with('#'),
    }
}

/// The comma among the space and comments between two entries.
fn comma_in(format: FileFormat, text: &str, range: Range<usize>) -> Option<usize> {
    let mut at = range.start;
    while at < range.end {
        let rest = &text[at..range.end];
        let skip = |until: Option<usize>, length: usize| until.map_or(rest.len(), |found| found + length);
        at += match rest.chars().next()? {
            ',' => return Some(at),
            '#' if format != FileFormat::Json => skip(rest.find('\n'), 1),
            '/' if rest.starts_with("//") => skip(rest.find('\n'), 1),
            '/' if rest.starts_with("/*") => skip(rest[2..].find("*/").map(|found| found + 2), 2),
            c => c.len_utf8(),
        };
    }
    None
}
