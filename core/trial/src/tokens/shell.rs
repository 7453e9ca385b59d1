//! The shell: words, quotes, here-documents.

use super::scanner::Scanner;

impl Scanner<'_> {
    pub(super) fn shell(&mut self) -> Option<()> {
        let begin = self.at;
        match self.ahead(0) {
            b'\'' => {
                let end = begin + 1 + self.text[begin + 1..].iter().position(|byte| *byte == b'\'')? + 1;
                self.token(begin, end);
            }
            b'$' if self.ahead(1) == b'\'' => {
                self.at += 2;
                loop {
                    match self.text.get(self.at)? {
                        b'\'' => break,
                        b'\\' => self.at += 2,
                        _ => self.at += 1,
                    }
                }
                self.token(begin, self.at + 1);
            }
            b'"' => self.double_quoted()?,
            b'<' if self.sees(b"<<") && !self.sees(b"<<<") && self.sums == 0 => self.here()?,
            b'<' if self.sees(b"<<<") => {
                self.at += 3;
                self.scan.tokens += 1;
            }
            b'(' if self.sees(b"((") => {
                self.sums += 1;
                self.layout(1, 4);
            }
            b')' if self.sees(b"))") => {
                self.sums = self.sums.saturating_sub(1);
                self.layout(1, 4);
            }
            b'(' | b')' | b'{' | b'}' | b'[' | b']' | b';' | b',' => self.layout(1, 4),
            b'\\' => {
                self.scan.tokens += 1;
                self.at = (self.at + 2).min(self.text.len());
            }
            byte if plain(byte) => {
                while plain(self.ahead(0)) && self.at < self.text.len() {
                    self.at += 1;
                }
                let word = &self.text[begin..self.at];
                self.scan.tokens += 1;
                self.scan.names.insert(word);
            }
            _ => {
                self.scan.tokens += 1;
                self.at += 1;
            }
        }
        Some(())
    }

    /// Text between double quotes, and the code in `$()`.
    fn double_quoted(&mut self) -> Option<()> {
        let mut begin = self.at;
        self.scan.tokens += 1;
        self.at += 1;
        loop {
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                b'$' if self.ahead(1) == b'(' => {
                    self.lines(begin, self.at + 2);
                    let sums = self.sums;
                    self.sums = u32::from(self.ahead(0) == b'(');
                    self.code(Some(b')'))?;
                    self.sums = sums;
                    begin = self.at;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.lines(begin, self.at + 1);
        Some(())
    }

    /// The beginning of a here-document; its text begins with the next line.
    fn here(&mut self) -> Option<()> {
        self.at += 2;
        let tabs = self.ahead(0) == b'-';
        self.at += usize::from(tabs);
        while matches!(self.ahead(0), b' ' | b'\t') {
            self.layout(1, 1);
        }
        let begin = self.at;
        let mut word = vec![];
        let mut quote = None;
        while let Some(byte) = self.text.get(self.at).copied() {
            match (quote, byte) {
                (Some(open), byte) if byte == open => quote = None,
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, b'\\') => {
                    self.at += 1;
                    word.extend(self.text.get(self.at));
                }
                (_, b'\n') => break,
                (None, b' ' | b'\t' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')') => break,
                (_, byte) => word.push(byte),
            }
            self.at += 1;
        }
        if word.is_empty() || quote.is_some() {
            return None;
        }
        self.token(begin, self.at);
        self.awaited.push((word, tabs));
        Some(())
    }

    /// The here-documents that begin here, after the line that asked for them.
    pub(super) fn here_documents(&mut self) -> Option<()> {
        for (word, tabs) in std::mem::take(&mut self.awaited) {
            let begin = self.at;
            loop {
                if self.at >= self.text.len() {
                    return None;
                }
                let (from, end) = (self.at, self.line_end());
                let line = self.text[from..end].strip_suffix(b"\r").unwrap_or(&self.text[from..end]);
                let skip = if tabs { line.iter().take_while(|byte| **byte == b'\t').count() } else { 0 };
                self.at = (end + 1).min(self.text.len());
                if line[skip..] == word {
                    break;
                }
            }
            self.lines(begin, self.at);
        }
        Some(())
    }
}

/// Whether a byte of a word stands for itself.
fn plain(byte: u8) -> bool {
    !matches!(
        byte,
        0 | b' '
            | b'\t'
            | b'\r'
            | b'\n'
            | b'\x0b'
            | b'\x0c'
            | b'|'
            | b'&'
            | b';'
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b','
            | b'"'
            | b'\''
            | b'$'
            | b'`'
            | b'\\'
            | b'='
    )
}
