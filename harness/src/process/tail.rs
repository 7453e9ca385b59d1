//! The last words of a worker, as data.
//!
//! They reach a person's terminal and an agent's prompt, and the candidate chose them: so they are bounded
//! while they come, and stripped of everything that a terminal would obey.

/// Most bytes that are kept while the worker runs.
const KEPT: usize = 64 * 1024;
/// Most bytes that are shown.
const SHOWN: usize = 4 * 1024;

/// The end of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        if self.bytes.len() > 2 * KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
        }
    }

    /// The last lines as plain text; `None` where nothing came.
    pub(super) fn text(&self) -> Option<String> {
        let plain = plain(&String::from_utf8_lossy(&self.bytes[self.bytes.len().saturating_sub(KEPT)..]));
        let mut start = plain.len().saturating_sub(SHOWN);
        while !plain.is_char_boundary(start) {
            start += 1;
        }
        let text = plain[start..].trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Without escape sequences, control, format and bidirectional characters.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\t' => plain.push(c),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips the rest of a sequence after ESC: `[ ... letter`, `] ... BEL`, or one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars>) {
    match chars.next_if(|c| *c != '\n') {
        Some('[') => {
            while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
            chars.next_if(|c| ('@'..='~').contains(c));
        }
        Some(']' | 'P' | '_' | '^') => {
            while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
            // Ends with BEL, or with ESC and a backslash.
            if chars.next_if_eq(&'\u{1b}').is_some() {
                chars.next_if_eq(&'\\');
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut tail = Tail::default();
        tail.push(text.as_bytes());
        tail.text().unwrap_or_default()
    }

    #[test]
    fn what_a_terminal_would_obey_is_stripped() {
        assert_eq!(
            shown("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}and\r\u{8} \u{202e}plain"),
            "red and plain"
        );
        assert_eq!(shown("\u{1b}]0;title\u{1b}\\plain \u{1b}cplain"), "plain plain");
        assert_eq!(shown("\u{1b}[31\nnext line"), "next line");
    }

    #[test]
    fn a_flood_is_bounded_and_its_end_is_kept() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.push(&[b'x'; 4096]);
        }
        tail.push(b"\nthe end");
        assert!(tail.bytes.len() <= 2 * KEPT);
        let text = tail.text().unwrap();
        assert!(text.ends_with("the end") && text.len() <= SHOWN);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_matter() {
        let mut tail = Tail::default();
        tail.push(&[0xff, b'a', 0xe2, 0x82]);
        assert_eq!(tail.text().unwrap(), "\u{fffd}a\u{fffd}");
        assert_eq!(Tail::default().text(), None);
    }
}
