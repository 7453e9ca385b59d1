//! What git makes of a file's content on its way into a commit: line endings and `$Id$`, by attributes and configuration.
//!
//! The rules are those of git's own `convert.c`. What only a program or a library of encodings could do (`filter`,
//! `working-tree-encoding`) is named, and never done.

use std::borrow::Cow;

/// What `.gitattributes` says of one attribute of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Attribute {
    /// Nothing.
    #[default]
    Unspecified,
    /// `text`.
    Set,
    /// `-text`.
    Unset,
    /// `text=auto`.
    Value(String),
}

impl Attribute {
    fn is(&self, value: &str) -> bool {
        matches!(self, Self::Value(is) if is == value)
    }
}

/// The attributes that change a file's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    /// `text`.
    pub text: Attribute,
    /// `crlf`, the old name of `text`.
    pub crlf: Attribute,
    /// `eol`.
    pub eol: Attribute,
    /// `ident`.
    pub ident: bool,
    /// A filter that this repository's configuration has a command for.
    pub filter: Option<String>,
    /// `working-tree-encoding`, where that is not UTF-8.
    pub encoding: Option<String>,
}

/// `core.autocrlf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AutoCrlf {
    /// No conversion where attributes ask for none.
    #[default]
    False,
    /// CRLF in the checkout.
    True,
    /// LF in commits; the checkout as they are.
    Input,
}

/// What a repository's configuration says of line endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EolSettings {
    /// `core.autocrlf`.
    pub auto: AutoCrlf,
    /// Whether `core.eol` is `crlf`.
    pub crlf: bool,
}

/// What becomes of line endings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endings {
    Kept,
    Text,
    Auto,
}

impl Attributes {
    /// What piton does not do to a file of these attributes, as `.gitattributes` has it; `None` where it does all that git would.
    pub fn foreign(&self) -> Option<String> {
        let filter = self.filter.as_ref().map(|name| format!("filter={name}"));
        filter.or_else(|| self.encoding.as_ref().map(|name| format!("working-tree-encoding={name}")))
    }

    /// By what a checkout has CRLF where a commit has LF; `None` where it has not.
    pub(crate) fn smudges(&self, settings: EolSettings) -> Option<&'static str> {
        match self.endings(settings.auto) {
            Endings::Kept => None,
            _ if self.eol.is("crlf") => Some("eol=crlf"),
            _ if self.eol.is("lf") || self.text.is("input") || self.crlf.is("input") => None,
            _ => match settings.auto {
                AutoCrlf::True => Some("core.autocrlf"),
                AutoCrlf::False if settings.crlf => Some("core.eol"),
                AutoCrlf::False | AutoCrlf::Input => None,
            },
        }
    }

    /// What a checkout holds of a file that a commit holds so: line endings alone.
    pub fn smudge<'a>(&self, content: &'a [u8], settings: EolSettings) -> Cow<'a, [u8]> {
        let stats = Stats::of(content);
        let guessed = self.endings(settings.auto) == Endings::Auto;
        let kept = guessed && (stats.crlf > 0 || stats.is_binary());
        if self.smudges(settings).is_none() || kept {
            return Cow::Borrowed(content);
        }
        let mut made = Vec::with_capacity(content.len());
        for byte in content {
            if *byte == b'\n' && made.last() != Some(&b'\r') {
                made.push(b'\r');
            }
            made.push(*byte);
        }
        Cow::Owned(made)
    }

    /// The same with `$Id$` as a checkout has it: with the name of the blob.
    pub fn named<'a>(&self, content: &'a [u8], id: &str) -> Cow<'a, [u8]> {
        let clean = if self.ident {
            without_ids(content).map_or(Cow::Borrowed(content), Cow::Owned)
        } else {
            return Cow::Borrowed(content);
        };
        let (mut made, mut rest) = (vec![], &*clean);
        while let Some(at) = rest.windows(4).position(|four| four == b"$Id$") {
            made.extend_from_slice(&rest[..at]);
            made.extend_from_slice(format!("$Id: {id} $").as_bytes());
            rest = &rest[at + 4..];
        }
        made.extend_from_slice(rest);
        Cow::Owned(made)
    }

    fn endings(&self, auto: AutoCrlf) -> Endings {
        let named = |attribute: &Attribute| match attribute {
            Attribute::Set => Some(Endings::Text),
            Attribute::Unset => Some(Endings::Kept),
            Attribute::Value(value) if value == "auto" => Some(Endings::Auto),
            Attribute::Value(value) if value == "input" => Some(Endings::Text),
            _ => None,
        };
        let said = named(&self.text).or_else(|| named(&self.crlf));
        let eol = self.eol.is("lf") || self.eol.is("crlf");
        match said {
            Some(said) => said,
            None if eol => Endings::Text,
            None if auto == AutoCrlf::False => Endings::Kept,
            None => Endings::Auto,
        }
    }

    /// What a commit holds of a file with this content; `before` is what the index holds of it. Filters and encodings are left out.
    pub fn clean<'a>(&self, content: &'a [u8], auto: AutoCrlf, before: Option<&[u8]>) -> Cow<'a, [u8]> {
        let mut made = Cow::Borrowed(content);
        let endings = self.endings(auto);
        let stats = Stats::of(content);
        let converts = match endings {
            Endings::Kept => false,
            Endings::Text => stats.crlf > 0,
            // One that has CRLF in the repository already is left as it is: git did not convert it either when it came in.
            Endings::Auto => {
                let had = before.map(Stats::of).is_some_and(|before| before.crlf > 0 && !before.is_binary());
                stats.crlf > 0 && !stats.is_binary() && !had
            }
        };
        if converts {
            made = Cow::Owned(without_crlf(content));
        }
        match self.ident.then(|| without_ids(&made)).flatten() {
            Some(clean) => Cow::Owned(clean),
            None => made,
        }
    }
}

/// What a text is made of, as git counts it.
#[derive(Debug, Default)]
struct Stats {
    nul: usize,
    lone_cr: usize,
    crlf: usize,
    printable: usize,
    other: usize,
}

impl Stats {
    fn of(content: &[u8]) -> Self {
        let mut stats = Self::default();
        let mut bytes = content.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\r' if bytes.peek() == Some(&b'\n') => {
                    bytes.next();
                    stats.crlf += 1;
                }
                b'\r' => stats.lone_cr += 1,
                b'\n' => {}
                127 => stats.other += 1,
                // Backspace, tab, escape and form feed are text.
                8 | 9 | 27 | 12 => stats.printable += 1,
                0 => {
                    stats.nul += 1;
                    stats.other += 1;
                }
                1..32 => stats.other += 1,
                _ => stats.printable += 1,
            }
        }
        // The end of a file of DOS.
        if content.last() == Some(&26) {
            stats.other -= 1;
        }
        stats
    }

    fn is_binary(&self) -> bool {
        self.lone_cr > 0 || self.nul > 0 || (self.printable >> 7) < self.other
    }
}

fn without_crlf(content: &[u8]) -> Vec<u8> {
    let next = content.iter().skip(1).map(Some).chain([None]);
    let kept = content.iter().zip(next).filter(|(byte, next)| **byte != b'\r' || *next != Some(&b'\n'));
    kept.map(|(byte, _)| *byte).collect()
}

/// `$Id: anything $` as `$Id$`; `None` where there is none.
fn without_ids(content: &[u8]) -> Option<Vec<u8>> {
    let (mut made, mut rest, mut changed) = (vec![], content, false);
    while let Some(at) = rest.windows(4).position(|four| four == b"$Id:") {
        let (before, from) = rest.split_at(at);
        let end = from[4..].iter().position(|byte| matches!(byte, b'$' | b'\n'));
        made.extend_from_slice(before);
        match end.filter(|end| from[4 + end] == b'$') {
            Some(end) => {
                made.extend_from_slice(b"$Id$");
                rest = &from[4 + end + 1..];
                changed = true;
            }
            None => {
                made.extend_from_slice(&from[..4]);
                rest = &from[4..];
            }
        }
    }
    made.extend_from_slice(rest);
    changed.then_some(made)
}

/// A file of git LFS, as a commit holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Pointer {
    /// The SHA-256 as bytes.
    pub fn hash(&self) -> Vec<u8> {
        let digits = |at: usize| self.sha256.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        (0..self.sha256.len()).step_by(2).filter_map(digits).collect()
    }

    /// Reads a pointer; `None` where the blob is none.
    pub fn read(blob: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(blob.get(..blob.len().min(1024))?).ok()?;
        let mut lines = text.lines();
        lines.next().filter(|line| line.starts_with("version https://git-lfs.github.com/spec/"))?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let sha256 = field("oid sha256:").filter(|id| id.len() == 64)?.to_owned();
        Some(Self { sha256, bytes: field("size ")?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Attribute {
        Attribute::Value(text.to_owned())
    }

    fn cleaned(attributes: &Attributes, auto: AutoCrlf, content: &[u8], before: Option<&[u8]>) -> Vec<u8> {
        attributes.clean(content, auto, before).into_owned()
    }

    #[test]
    fn line_endings_go_where_attributes_or_the_configuration_say_so_and_nowhere_else() {
        let (crlf, lf) = (b"a\r\nb\r\n".as_slice(), b"a\nb\n".as_slice());
        let eol = |text: Attribute, eol: &str| Attributes { text, eol: value(eol), ..Attributes::default() };
        let text = |text: Attribute| Attributes { text, ..Attributes::default() };
        let none = Attributes::default();
        assert_eq!(cleaned(&eol(Attribute::Unspecified, "crlf"), AutoCrlf::False, crlf, None), lf);
        assert_eq!(cleaned(&eol(Attribute::Unset, "crlf"), AutoCrlf::True, crlf, None), crlf);
        assert_eq!(cleaned(&text(Attribute::Set), AutoCrlf::False, crlf, Some(crlf)), lf);
        assert_eq!(cleaned(&text(value("auto")), AutoCrlf::False, crlf, None), lf);
        assert_eq!(cleaned(&none, AutoCrlf::False, crlf, None), crlf);
        assert_eq!(cleaned(&none, AutoCrlf::True, crlf, None), lf);
        assert_eq!(cleaned(&none, AutoCrlf::Input, crlf, None), lf);
        // What came in with CRLF keeps it where git only guesses that it is text.
        assert_eq!(cleaned(&none, AutoCrlf::True, crlf, Some(crlf)), crlf);
    }

    #[test]
    fn what_looks_binary_is_left_alone_where_git_only_guesses() {
        for binary in [b"a\r\n\0".as_slice(), b"a\r\nb\rc", b"\x01\x02\x03\r\n"] {
            assert_eq!(cleaned(&Attributes::default(), AutoCrlf::True, binary, None), binary);
        }
        let text = Attributes { text: Attribute::Set, ..Attributes::default() };
        assert_eq!(cleaned(&text, AutoCrlf::False, b"a\r\nb\rc\0", None), b"a\nb\rc\0");
    }

    #[test]
    fn a_checkout_gets_the_line_endings_that_attributes_or_the_configuration_ask_for() {
        let laid = |attributes: Attributes, auto, crlf, content: &[u8]| {
            attributes.smudge(content, EolSettings { auto, crlf }).into_owned()
        };
        let eol = || Attributes { eol: value("crlf"), ..Attributes::default() };
        let text = || Attributes { text: Attribute::Set, ..Attributes::default() };
        let none = Attributes::default;
        assert_eq!(laid(eol(), AutoCrlf::False, false, b"a\nb\r\n"), b"a\r\nb\r\n");
        assert_eq!(laid(text(), AutoCrlf::False, true, b"a\n"), b"a\r\n");
        assert_eq!(laid(text(), AutoCrlf::False, false, b"a\n"), b"a\n");
        assert_eq!(laid(none(), AutoCrlf::True, false, b"a\n"), b"a\r\n");
        assert_eq!(laid(none(), AutoCrlf::Input, true, b"a\n"), b"a\n");
        // Mixed endings and what is binary stay as they are where git only guesses.
        assert_eq!(laid(none(), AutoCrlf::True, false, b"a\nb\r\n"), b"a\nb\r\n");
        assert_eq!(laid(none(), AutoCrlf::True, false, b"a\n\0"), b"a\n\0");
    }

    #[test]
    fn an_identifier_is_taken_out_wherever_it_stands_on_one_line() {
        let ident = Attributes { ident: true, ..Attributes::default() };
        let clean = |text: &str| cleaned(&ident, AutoCrlf::False, text.as_bytes(), None);
        assert_eq!(clean("a $Id: 12 $ b $Id: x$\n$Id$ $Idx: 1$"), b"a $Id$ b $Id$\n$Id$ $Idx: 1$");
        assert_eq!(clean("$Id: broken\n$"), b"$Id: broken\n$");
    }

    #[test]
    fn what_only_a_program_could_do_is_named() {
        let filter = Attributes { filter: Some("lfs".into()), ..Attributes::default() };
        let encoding = Attributes { encoding: Some("UTF-16".into()), ..Attributes::default() };
        assert_eq!(filter.foreign().unwrap(), "filter=lfs");
        assert_eq!(encoding.foreign().unwrap(), "working-tree-encoding=UTF-16");
        assert_eq!(Attributes { ident: true, ..Attributes::default() }.foreign(), None);
    }

    #[test]
    fn a_pointer_of_lfs_is_told_from_a_text_that_speaks_of_one() {
        let id = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{id}\nsize 12345\n");
        let pointer = Pointer::read(text.as_bytes()).unwrap();
        assert_eq!((pointer.sha256.as_str(), pointer.bytes), (id, 12345));
        assert_eq!(Pointer::read(format!("see {text}").as_bytes()), None);
        assert_eq!(Pointer::read(b"\xff\xfe"), None);
    }
}
