//! What a person would see of a line: without colours, without what a carriage return overwrote.

use std::borrow::Cow;

/// A line as a terminal shows it in the end: no byte order mark, no escape sequences, and of a progress bar its last state.
pub fn seen(line: &str) -> Cow<'_, str> {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    if line.contains(['\u{1b}', '\u{9b}', '\u{8}']) {
        Cow::Owned(without_escapes(line))
    } else {
        Cow::Borrowed(line)
    }
}

/// Without control sequences (ECMA-48): `ESC [ ... letter`, `ESC ] ... BEL`, and the short ones.
fn without_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let introducer = match c {
            '\u{8}' => {
                out.pop();
                continue;
            }
            '\u{9b}' => Some('['),
            '\u{1b}' => chars.next(),
            c => {
                out.push(c);
                continue;
            }
        };
        match introducer {
            // Parameters and intermediates, then one final byte.
            Some('[') => {
                let _ = chars.find(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            // A title or a link: to BEL or to ESC \.
            Some(']' | 'P' | '_' | '^' | 'X') => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            // A choice of character set has one more.
            Some('(' | ')' | '*' | '+' | '#' | ' ' | '%') => {
                let _ = chars.next();
            }
            _ => {}
        }
    }
    out
}

/// What stands in the way of reading `text` as a number, as words for an error; absent where it is none of what people write.
pub(crate) fn oddity(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let unsigned = text.trim_start_matches(['+', '-', '$', '~', '<', '>', '(', '[']);
    if !digits(unsigned.trim_start_matches('.')) {
        return None;
    }
    let end = unsigned
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '\'')))
        .unwrap_or(unsigned.len());
    let end = unsigned[..end].trim_end_matches([',', '.']).len();
    let (number, rest) = unsigned.split_at(end);
    let rest = rest.trim_start();
    Some(if number.contains([',', '_', '\'']) {
        "thousands separators, or a comma for the point"
    } else if rest.starts_with('%') {
        "a per cent sign"
    } else if rest.starts_with(char::is_alphabetic) {
        "a unit, or other words, behind the number"
    } else {
        "more than the number"
    })
}

/// A number as people write it, which a pattern of the experiment's own has picked out: `1234.5`, and `1,234.5` in groups of three.
pub(crate) fn picked(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.parse().ok();
    let number = plain.or_else(|| {
        let whole = text.split('.').next()?.trim_start_matches(['+', '-']);
        let groups: Vec<&str> = whole.split(',').collect();
        let grouped = groups.len() > 1
            && (1..=3).contains(&groups[0].len())
            && groups[1..].iter().all(|group| group.len() == 3)
            && groups.iter().all(|group| group.chars().all(|c| c.is_ascii_digit()));
        let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
        (grouped && !fraction.contains(',')).then(|| text.replace(',', "").parse().ok())?
    })?;
    Some(number).filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_a_terminal_shows_of_it() {
        for (line, is) in [
            ("\u{1b}[32mscore: 5\u{1b}[0m", "score: 5"),
            ("\u{1b}[1;38;5;9mscore\u{1b}[m: 5", "score: 5"),
            ("\u{1b}]0;title\u{7}score: 5", "score: 5"),
            ("\u{1b}]8;;http://x\u{1b}\\score: 5\u{1b}]8;;\u{1b}\\", "score: 5"),
            ("\u{1b}(Bscore: 5\u{9b}0m", "score: 5"),
            ("\u{feff}score: 5\r", "score: 5"),
            ("10 %\r20 %\rscore: 5\r", "score: 5"),
            ("12\u{8}3", "13"),
            ("score: 5", "score: 5"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(seen(line), is, "{line:?}");
        }
    }

    #[test]
    fn what_people_write_beside_a_number_is_named() {
        for (text, word) in [
            ("12.5 ms", Some("a unit, or other words, behind the number")),
            ("12.5ms", Some("a unit, or other words, behind the number")),
            ("87.5%", Some("a per cent sign")),
            ("87.5 %", Some("a per cent sign")),
            ("12,345.6", Some("thousands separators, or a comma for the point")),
            ("12,5", Some("thousands separators, or a comma for the point")),
            ("1_000", Some("thousands separators, or a comma for the point")),
            ("0.03, accuracy 97 %", Some("more than the number")),
            ("(12)", Some("more than the number")),
            ("NaN", None),
            ("none", None),
        ] {
            assert_eq!(oddity(text), word, "{text}");
        }
    }

    #[test]
    fn a_number_that_a_pattern_picked_may_have_its_thousands_apart() {
        assert_eq!(picked("1,234.5"), Some(1234.5));
        assert_eq!(picked("-12,345,678"), Some(-12_345_678.0));
        assert_eq!(picked(" 16.17 "), Some(16.17));
        for no in ["12,5", "1,23,456", "1,2345", "0x10", "inf", "", "1.5,000"] {
            assert_eq!(picked(no), None, "{no}");
        }
    }
}
