//! Strings, characters and patterns, language by language.

use super::Language;
use super::scanner::Scanner;

/// Deepest nesting of Python's formatted strings.
const DEPTH: u32 = 20;

impl Scanner<'_> {
    /// Takes a literal, where one begins here. `None` where it has no end.
    pub(super) fn literal(&mut self) -> Option<bool> {
        match self.of {
            Language::Rust => self.of_rust(),
            Language::C => self.of_c(),
            Language::Python => self.of_python(),
            Language::Script => self.of_script(),
            Language::Go => self.of_go(),
            Language::Java => self.of_java(),
            Language::Toml => self.of_toml(),
            Language::Shell => Some(false),
        }
    }

    /// Where the string ends that begins with `quote` at `begin`; a backslash keeps the byte after it.
    fn end(&self, begin: usize, quote: &[u8], breaks: bool, escapes: bool) -> Option<usize> {
        let mut at = begin + quote.len();
        loop {
            let byte = *self.text.get(at)?;
            if self.text[at..].starts_with(quote) {
                return Some(at + quote.len());
            }
            match byte {
                b'\\' if escapes && self.text[at + 1..].starts_with(b"\r\n") => at += 3,
                b'\\' if escapes => at += 2,
                b'\n' if !breaks => return None,
                _ => at += 1,
            }
        }
    }

    fn quoted(&mut self, quote: &[u8], breaks: bool, escapes: bool) -> Option<bool> {
        let end = self.end(self.at, quote, breaks, escapes)?;
        self.token(self.at, end);
        Some(true)
    }

    /// The first of these that stands here.
    fn prefix(&self, prefixes: &[&'static [u8]]) -> usize {
        prefixes.iter().find(|prefix| self.sees(prefix)).map_or(0, |prefix| prefix.len())
    }

    fn of_rust(&mut self) -> Option<bool> {
        let begin = self.at;
        let prefix = self.prefix(&[b"br", b"cr", b"r", b"b", b"c"]);
        let raw = self.text[begin..begin + prefix].ends_with(b"r");
        let hashes = self.text[begin + prefix..].iter().take_while(|byte| **byte == b'#').count();
        if raw && self.ahead(prefix + hashes) == b'"' {
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let from = begin + prefix + hashes + 1;
            let end = from + find(&self.text[from..], &close)? + close.len();
            self.token(begin, end);
            return Some(true);
        }
        if raw || (hashes > 0 && prefix > 0) {
            return Some(false);
        }
        if self.ahead(prefix) == b'"' {
            let end = self.end(begin + prefix, b"\"", true, true)?;
            self.token(begin, end);
            return Some(true);
        }
        let prefix = if prefix == 1 && self.ahead(0) == b'b' { 1 } else { 0 };
        if self.ahead(prefix) != b'\'' {
            return Some(false);
        }
        let first = self.ahead(prefix + 1);
        let width = match first {
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            _ => 1,
        };
        if first == b'\\' {
            let end = self.end(begin + prefix, b"'", false, true)?;
            self.token(begin, end);
        } else if self.ahead(prefix + 1 + width) == b'\'' && first != b'\'' {
            self.token(begin, (begin + prefix + 2 + width).min(self.text.len()));
        } else if prefix == 0 && (first.is_ascii_alphabetic() || first == b'_' || first >= 0x80) {
            // A lifetime: a name.
            self.at += 1;
            self.at += self.text[self.at..].iter().take_while(|byte| self.is_word(**byte)).count();
            self.scan.tokens += 1;
            self.scan.names.insert(&self.text[begin..self.at]);
        } else {
            return None;
        }
        Some(true)
    }

    fn of_c(&mut self) -> Option<bool> {
        let begin = self.at;
        let prefix = self.prefix(&[b"u8R", b"uR", b"UR", b"LR", b"R"]);
        if prefix > 0 && self.ahead(prefix) == b'"' {
            let from = begin + prefix + 1;
            let delimiter = self.text[from..].iter().take(17).position(|byte| *byte == b'(')?;
            let close = [b")", &self.text[from..from + delimiter], b"\""].concat();
            let from = from + delimiter + 1;
            let end = from + find(&self.text[from..], &close)? + close.len();
            self.token(begin, end);
            return Some(true);
        }
        match self.ahead(0) {
            b'"' => self.quoted(b"\"", false, true),
            b'\'' => self.quoted(b"'", false, true),
            _ => Some(false),
        }
    }

    fn of_go(&mut self) -> Option<bool> {
        match self.ahead(0) {
            b'"' => self.quoted(b"\"", false, true),
            b'\'' => self.quoted(b"'", false, true),
            b'`' => self.quoted(b"`", true, false),
            _ => Some(false),
        }
    }

    fn of_java(&mut self) -> Option<bool> {
        match self.ahead(0) {
            b'"' if self.sees(b"\"\"\"") => self.quoted(b"\"\"\"", true, true),
            b'"' => self.quoted(b"\"", false, true),
            b'\'' => self.quoted(b"'", false, true),
            _ => Some(false),
        }
    }

    fn of_toml(&mut self) -> Option<bool> {
        match self.ahead(0) {
            b'"' if self.sees(b"\"\"\"") => self.quoted(b"\"\"\"", true, true),
            b'\'' if self.sees(b"'''") => self.quoted(b"'''", true, false),
            b'"' => self.quoted(b"\"", false, true),
            b'\'' => self.quoted(b"'", false, false),
            _ => Some(false),
        }
    }

    fn of_script(&mut self) -> Option<bool> {
        match self.ahead(0) {
            b'"' => self.quoted(b"\"", false, true),
            b'\'' => self.quoted(b"'", false, true),
            b'`' => self.template(),
            b'/' if !self.operand => {
                if let Some(end) = self.pattern() {
                    self.token(self.at, end);
                    return Some(true);
                }
                Some(false)
            }
            _ => Some(false),
        }
    }

    /// Where a regular expression ends that begins here, if one does.
    fn pattern(&self) -> Option<usize> {
        let (mut at, mut class) = (self.at + 1, false);
        loop {
            match *self.text.get(at)? {
                b'\n' => return None,
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    let flags = self.text[at + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic());
                    return Some(at + 1 + flags.count());
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A template: its text, and the code in `${}`.
    fn template(&mut self) -> Option<bool> {
        let mut begin = self.at;
        self.scan.tokens += 1;
        self.at += 1;
        loop {
            match self.text.get(self.at)? {
                b'`' => break,
                b'\\' => self.at += 2,
                b'$' if self.ahead(1) == b'{' => {
                    let end = self.at + 2;
                    self.lines(begin, end);
                    self.operand = false;
                    self.code(Some(b'}'))?;
                    begin = self.at;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.lines(begin, self.at + 1);
        self.operand = true;
        Some(true)
    }

    /// A string of Python's, and those that stand right behind it. A statement that is a string alone is a comment.
    fn of_python(&mut self) -> Option<bool> {
        let Some((end, plain)) = self.python_string(self.at, 0)? else {
            // A number may begin with its point.
            let point = self.ahead(0) == b'.' && self.ahead(1).is_ascii_digit();
            if point && !self.operand {
                let digits =
                    self.text[self.at + 1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                self.token(self.at, self.at + 1 + digits);
                return Some(true);
            }
            return Some(false);
        };
        let (begin, mut last, mut alone) = (self.at, end, self.fresh && plain);
        while alone {
            let rest = &self.text[last..];
            let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            match rest.get(blank) {
                None | Some(b'\n' | b';' | b'#') => break,
                _ => match self.python_string(last + blank, 0)? {
                    Some((end, true)) => last = end,
                    _ => alone = false,
                },
            }
        }
        if alone {
            self.lines(begin, last);
        } else {
            self.token(begin, end);
        }
        Some(true)
    }

    /// The string that begins at `at`: where it ends, and whether nothing in it is evaluated. The outer `None`: it has no end.
    #[allow(clippy::option_option, reason = "no string, and one without an end, are two things")]
    fn python_string(&self, at: usize, depth: u32) -> Option<Option<(usize, bool)>> {
        let rest = &self.text[at.min(self.text.len())..];
        let prefix = rest.iter().take(3).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let Some(quote @ (b'"' | b'\'')) = rest.get(prefix).copied() else { return Some(None) };
        let letters = rest[..prefix].to_ascii_lowercase();
        let known: [&[u8]; 12] =
            [b"", b"r", b"b", b"u", b"f", b"t", b"br", b"rb", b"fr", b"rf", b"tr", b"rt"];
        if !known.contains(&letters.as_slice()) {
            return Some(None);
        }
        let triple = [quote; 3];
        let quotes: &[u8] =
            if rest[prefix..].starts_with(&triple) { &triple } else { std::slice::from_ref(&triple[0]) };
        let begin = at + prefix;
        if letters.iter().any(|letter| matches!(letter, b'f' | b't')) {
            let raw = letters.contains(&b'r');
            return Some(Some((self.formatted(begin, quotes, raw, depth)?, false)));
        }
        Some(Some((self.end(begin, quotes, quotes.len() == 3, true)?, true)))
    }

    /// Where a formatted string ends: what stands in its braces is code, with strings of its own.
    fn formatted(&self, begin: usize, quotes: &[u8], raw: bool, depth: u32) -> Option<usize> {
        if depth > DEPTH {
            return None;
        }
        let breaks = quotes.len() == 3;
        let mut at = begin + quotes.len();
        // Brackets that are open in the code of each replacement, and whether its format is being read.
        let mut fields: Vec<(u32, bool)> = vec![];
        loop {
            let byte = *self.text.get(at)?;
            let code = matches!(fields.last(), Some((_, false)));
            if !code {
                if self.text[at..].starts_with(quotes) {
                    return fields.is_empty().then_some(at + quotes.len());
                }
                match byte {
                    b'\\' if !raw && self.text[at..].starts_with(b"\\N{") => {
                        at += self.text[at..].iter().position(|byte| *byte == b'}')?;
                    }
                    b'\\' if !matches!(self.text.get(at + 1), Some(b'{' | b'}')) => at += 1,
                    b'{' if fields.is_empty() && self.text.get(at + 1) == Some(&b'{') => at += 1,
                    b'{' if fields.len() > 8 => return None,
                    b'{' => fields.push((0, false)),
                    b'}' if !fields.is_empty() => drop(fields.pop()),
                    b'\n' if !breaks => return None,
                    _ => {}
                }
                at += 1;
                continue;
            }
            let (open, format) = fields.last_mut()?;
            match byte {
                b'(' | b'[' | b'{' => *open += 1,
                b')' | b']' => *open = open.saturating_sub(1),
                b'}' if *open > 0 => *open -= 1,
                b'}' => drop(fields.pop()),
                b':' if *open == 0 => *format = true,
                b'#' => return None,
                b'"' | b'\'' => {
                    // Before 3.12 the quote that began it ends it, whatever stands there: such text has no end here.
                    let letters = self.text[begin..at].iter().rev().take(2);
                    let prefix = letters.take_while(|byte| byte.is_ascii_alphabetic()).count();
                    let (end, _) = self.python_string(at - prefix, depth + 1)??;
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
