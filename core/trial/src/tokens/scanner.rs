//! One pass over a text. Every byte of it becomes a token, a line of text, or layout; nothing is skipped for free.

use super::{Language, Scan};

/// Deepest nesting of code in strings in code.
const DEPTH: u32 = 40;

/// A pass over a text.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) of: Language,
    pub(super) scan: Scan<'a>,
    /// Whether an operand ended here: what tells a division from a regular expression.
    pub(super) operand: bool,
    /// Whether a statement may begin here, in Python.
    pub(super) fresh: bool,
    /// Open brackets, in Python.
    brackets: u64,
    /// Here-documents that begin with the next line: the word that ends each, and whether tabs before it are overlooked.
    pub(super) awaited: Vec<(Vec<u8>, bool)>,
    /// Open double parentheses, in the shell.
    pub(super) sums: u32,
    depth: u32,
}

/// Counts a text.
pub(super) fn scan(of: Language, text: &[u8]) -> Option<Scan<'_>> {
    let mut scanner = Scanner {
        text,
        at: 0,
        of,
        scan: Scan::default(),
        operand: false,
        fresh: true,
        brackets: 0,
        awaited: vec![],
        sums: 0,
        depth: 0,
    };
    scanner.code(None)?;
    scanner.awaited.is_empty().then_some(scanner.scan)
}

impl<'a> Scanner<'a> {
    pub(super) fn ahead(&self, by: usize) -> u8 {
        self.text.get(self.at + by).copied().unwrap_or(0)
    }

    pub(super) fn sees(&self, what: &[u8]) -> bool {
        self.text[self.at.min(self.text.len())..].starts_with(what)
    }

    fn before(&self) -> u8 {
        self.at.checked_sub(1).map_or(b'\n', |at| self.text[at])
    }

    /// Code up to the bracket `until` that closes what was opened before, or to the end.
    pub(super) fn code(&mut self, until: Option<u8>) -> Option<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let opens = match until {
            Some(b'}') => b'{',
            _ => b'(',
        };
        let mut open = 0u64;
        while self.at < self.text.len() {
            let byte = self.ahead(0);
            if let Some(closes) = until {
                if byte == closes && open == 0 {
                    self.depth -= 1;
                    return Some(());
                }
                // An opening bracket within a longer sign is seen by the step, and is still one.
                open = open + u64::from(byte == opens) - u64::from(byte == closes);
            }
            self.step()?;
        }
        self.depth -= 1;
        until.is_none().then_some(())
    }

    /// One token, comment or piece of layout.
    fn step(&mut self) -> Option<()> {
        let byte = self.ahead(0);
        match byte {
            b'\n' => {
                self.layout(1, 1);
                if self.of == Language::Shell {
                    return self.here_documents();
                }
                self.fresh |= self.brackets == 0;
                Some(())
            }
            b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c' => {
                self.layout(1, 1);
                Some(())
            }
            // A line that goes on.
            b'\\' if self.ahead(1) == b'\n' || self.sees(b"\\\r\n") => {
                let bytes = if self.ahead(1) == b'\n' { 2 } else { 3 };
                self.layout(bytes, bytes as u64);
                Some(())
            }
            _ if self.comment()? => Some(()),
            _ if self.of == Language::Shell => self.shell(),
            _ if self.literal()? => Some(()),
            _ if self.is_word(byte) => {
                self.word();
                Some(())
            }
            b'(' | b'[' | b'{' => {
                self.brackets += 1;
                self.operand = false;
                self.layout(1, 4);
                Some(())
            }
            b')' | b']' | b'}' => {
                self.brackets = self.brackets.saturating_sub(1);
                // After a block, a regular expression is likelier than a division.
                self.operand = byte != b'}';
                self.layout(1, 4);
                Some(())
            }
            b',' | b';' => {
                self.fresh = byte == b';' && self.brackets == 0;
                self.operand = false;
                self.layout(1, 4);
                Some(())
            }
            _ => self.operator(),
        }
    }

    /// `bytes` of layout, which count for `quarters` of a token.
    pub(super) fn layout(&mut self, bytes: usize, quarters: u64) {
        self.at += bytes;
        self.scan.layout += quarters;
    }

    fn operator(&mut self) -> Option<()> {
        let signs: [&[u8]; 4] = [b"===", b"!==", b"==", b"!="];
        let bytes = signs.iter().find(|sign| self.sees(sign)).map_or(1, |sign| sign.len());
        self.fresh = self.ahead(0) == b':' && self.brackets == 0;
        // What stands after `x++` is taken for an operand's end, as after `x`.
        self.operand &= self.sees(b"++") || self.sees(b"--") || matches!(self.before(), b'+' | b'-');
        self.scan.tokens += 1;
        self.at += bytes;
        // A directive whose words are none of the language's.
        let directive = self.of == Language::C && self.text[self.at - bytes] == b'#';
        if directive && ["error", "warning"].iter().any(|word| self.sees(word.as_bytes())) {
            let end = self.line_end();
            self.lines(self.at, end);
        }
        Some(())
    }

    fn comment(&mut self) -> Option<bool> {
        let hash = matches!(self.of, Language::Python | Language::Toml)
            || (self.of == Language::Shell && self.begins_word());
        let slashes = !matches!(self.of, Language::Python | Language::Toml | Language::Shell);
        let begin = self.at;
        if (hash && self.ahead(0) == b'#')
            || (slashes && self.sees(b"//"))
            || (self.of == Language::Script && begin == 0 && self.sees(b"#!"))
        {
            let mut end = self.line_end();
            // In C a line that ends in a backslash goes on, a comment too.
            while self.of == Language::C && self.text[begin..end].trim_ascii_end().ends_with(b"\\") {
                if end >= self.text.len() {
                    break;
                }
                self.at = end + 1;
                end = self.line_end();
            }
            self.lines(begin, end);
            return Some(true);
        }
        // Old browsers' comments: code to some readers, none to others.
        if self.of == Language::Script && (self.sees(b"<!--") || (self.sees(b"-->") && self.at_line_start()))
        {
            return None;
        }
        if !(slashes && self.sees(b"/*")) {
            return Some(false);
        }
        self.at += 2;
        let mut open = 1;
        while open > 0 {
            match (self.ahead(0), self.ahead(1)) {
                _ if self.at >= self.text.len() => return None,
                (b'*', b'/') => {
                    open -= 1;
                    self.at += 2;
                }
                (b'/', b'*') if self.of == Language::Rust => {
                    open += 1;
                    self.at += 2;
                }
                _ => self.at += 1,
            }
        }
        self.lines(begin, self.at);
        Some(true)
    }

    fn at_line_start(&self) -> bool {
        let line = self.text[..self.at].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        line.trim_ascii().is_empty()
    }

    /// Whether a word of the shell begins here.
    fn begins_word(&self) -> bool {
        matches!(self.before(), b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`')
    }

    /// Where the present line ends: at its line break, or at the end of the text.
    pub(super) fn line_end(&self) -> usize {
        let rest = &self.text[self.at.min(self.text.len())..];
        self.at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
    }

    /// Takes the lines of a string or a comment, and goes on at `end`.
    pub(super) fn lines(&mut self, begin: usize, end: usize) {
        let end = end.min(self.text.len());
        for line in self.text[begin.min(end)..end].split(|byte| *byte == b'\n') {
            *self.scan.lines.entry(line.trim_ascii()).or_default() += 1;
        }
        self.at = end;
    }

    /// Takes a literal that ends at `end`: one token and its lines.
    pub(super) fn token(&mut self, begin: usize, end: usize) {
        self.scan.tokens += 1;
        self.lines(begin, end);
        (self.operand, self.fresh) = (true, false);
    }

    pub(super) fn is_word(&self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || byte == b'_'
            || byte >= 0x80
            || (byte == b'$' && matches!(self.of, Language::Script | Language::Java))
            || (byte == b'#' && self.of == Language::Script && self.ahead(1).is_ascii_alphabetic())
    }

    /// A name or a number.
    fn word(&mut self) {
        let begin = self.at;
        let number = self.ahead(0).is_ascii_digit();
        if number {
            self.number()
        } else {
            self.name()
        }
        let word = &self.text[begin..self.at];
        self.scan.tokens += 1;
        self.scan.names.insert(word);
        const BEFORE_A_PATTERN: [&[u8]; 14] = [
            b"return",
            b"typeof",
            b"case",
            b"in",
            b"of",
            b"delete",
            b"void",
            b"throw",
            b"new",
            b"do",
            b"else",
            b"yield",
            b"await",
            b"instanceof",
        ];
        (self.operand, self.fresh) = (!BEFORE_A_PATTERN.contains(&word), false);
    }

    fn name(&mut self) {
        if self.of == Language::Rust && self.sees(b"r#") {
            self.at += 2;
        }
        self.at += 1;
        loop {
            // In C a name may go on in the next line.
            match (self.of, self.ahead(0), self.ahead(1)) {
                (Language::C, b'\\', b'\n') if self.ahead(2).is_ascii_alphanumeric() => self.at += 2,
                (_, byte, _) if self.is_word(byte) && byte != b'#' => self.at += 1,
                _ => break,
            }
        }
        self.at = self.at.min(self.text.len());
    }

    fn number(&mut self) {
        // The field of a tuple has no fraction.
        let field = self.of == Language::Rust && self.before() == b'.';
        let radix = self.ahead(0) == b'0' && matches!(self.ahead(1) | 0x20, b'x' | b'o' | b'b');
        let hexadecimal = radix && self.ahead(1) | 0x20 == b'x';
        let exponent = if hexadecimal { b'p' } else { b'e' };
        self.at += if radix { 2 } else { 1 };
        let mut fraction = field || (radix && !hexadecimal);
        loop {
            let (byte, next) = (self.ahead(0), self.ahead(1));
            let signed = matches!(byte, b'+' | b'-') && next.is_ascii_digit();
            let exponent = signed && self.before() | 0x20 == exponent && (hexadecimal || !radix);
            let separator = byte == b'\'' && self.of == Language::C && next.is_ascii_alphanumeric();
            if exponent || separator {
                self.at += 2;
            } else if byte == b'.'
                && !fraction
                && next != b'.'
                && (!self.is_word(next) || next.is_ascii_digit())
            {
                fraction = true;
                self.at += 1;
            } else if self.of == Language::Python && !python_digit(byte, hexadecimal) {
                break;
            } else if self.is_word(byte) && byte != b'#' {
                self.at += 1;
            } else {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
    }
}

/// Whether a number of Python's goes on with `byte`: a keyword may stand right behind it.
fn python_digit(byte: u8, hexadecimal: bool) -> bool {
    match hexadecimal {
        true => byte.is_ascii_hexdigit() || byte == b'_',
        false => byte.is_ascii_digit() || matches!(byte, b'_' | b'e' | b'E' | b'j' | b'J'),
    }
}
