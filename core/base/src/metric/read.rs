//! Reads values from what a command printed.
//!
//! Reading is strict on purpose. A metric that is absent, not finite or printed twice is an error, because a
//! loop that guesses a number will in time climb the guess. Nothing here grows with what was printed.

mod error;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use error::ReadError;

use super::Values;
use super::format::{Format, ReadOptions, Shape, of_a_name};
use super::mean::Mean;
use super::readers::{self, BenchmarkValue, LineReader, ReportFile, is_beside};
use super::sight::Sights;
use super::text::{oddity, picked, seen};
use super::tree::Tree;

/// Longest line that can hold a value, in bytes.
pub const LONGEST_LINE: usize = 512 << 10;
/// Values that are kept beside those that are needed: the first so many.
const OTHERS: usize = 100;
/// The same of benchmarks, and most that a mean is taken of.
const MOST_BENCHMARKS: usize = 1000;
/// Longest word that is taken for a kind of outcome, in characters.
const WORD: usize = 40;
/// Most of a line that an error quotes, in characters.
const QUOTED: usize = 160;
/// Lines from which an object may begin that ends with the output.
const BEGINNINGS: usize = 32;
/// Names of other numbers that an error lists.
const LISTED: usize = 6;
/// Names of benchmarks that an error lists.
const SHOWN: usize = 10;

/// Reads every metric in `output`; `needed` must be among them.
///
/// # Errors
/// See [`ReadError`]. With [`Format::Json`], an object whose `outcome` is not `measured` is [`ReadError::Refused`].
pub fn read(output: &str, how: &ReadOptions, needed: &[&str]) -> Result<Values, ReadError> {
    let mut reader = Reader::new(how, needed);
    match reader.wants() {
        Wants::Lines => output.split('\n').for_each(|line| reader.line(line.as_bytes(), Some(line))),
        Wants::Parts => reader.part(output.as_bytes(), 0),
        Wants::End => {}
    }
    reader.end(output);
    reader.finish()
}

/// Reads every metric of both sides in a JSON object that holds one for each, `first` and `second`.
///
/// # Errors
/// The same, and whose fault it is where the object names a `side`.
pub fn read_pair(
    output: &str,
    how: &ReadOptions,
    needed: &[&str],
) -> Result<[Values; 2], (Option<PairSide>, ReadError)> {
    let (object, text) = object(output, false).map_err(|error| (None, error))?;
    let how = ReadOptions { alone: true, ..how.clone() };
    let of = |side: PairSide| {
        let by = |error| (Some(side), error);
        let Some(part) = object.get(side.word()) else {
            // It says what went wrong instead.
            let mut reader = Reader::new(&how, needed);
            let error = reader.take_object(&object, &text).and_then(|()| reader.finish().map(drop));
            let missing = ReadError::Missing {
                name: side.word().to_owned(),
                instead: "the object has no such part".to_owned(),
            };
            return Err((PairSide::named(object.text("side")), error.err().unwrap_or(missing)));
        };
        let mut reader = Reader::new(&how, needed);
        reader.take_object(part, "").map_err(by)?;
        reader.finish().map_err(by)
    };
    match object.twice() {
        Some(name) => Err((None, ReadError::Twice { name: name.to_owned(), values: None })),
        None => Ok([of(PairSide::First)?, of(PairSide::Second)?]),
    }
}

/// One of the two that a command measured in turns: it does not know which of them is the incumbent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSide {
    /// `first`.
    First,
    /// `second`.
    Second,
}

impl PairSide {
    /// The word in the JSON object, and of the option.
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// Its place in a pair of things.
    pub fn index(self) -> usize {
        usize::from(self == Self::Second)
    }

    fn named(word: &str) -> Option<Self> {
        [Self::First, Self::Second].into_iter().find(|side| side.word() == word)
    }
}

/// The format that would read what `format` did not: of an output or of its end.
pub fn other_format(output: &str, format: Format, needed: &[&str]) -> Option<Format> {
    Format::ALL
        .into_iter()
        .filter(|other| *other != format)
        .find(|other| !needed.is_empty() && read(output, &(*other).into(), needed).is_ok())
}

/// What of an output a reader must see before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Every line.
    Lines,
    /// All of it, in parts of any length.
    Parts,
    /// Nothing.
    End,
}

/// Takes an output line by line.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    how: &'a ReadOptions,
    needed: &'a [&'a str],
    values: Values,
    /// How many of them are not needed.
    others: usize,
    /// The last line that has a needed name and no plain number, by that name.
    near: BTreeMap<&'a str, String>,
    /// Names in the object at the end.
    there: Vec<String>,
    /// Finds names that stand elsewhere.
    sights: Sights<'a>,
    /// How often each was sighted in parts.
    sighted: BTreeMap<&'a str, usize>,
    /// Lines that hold a needed name which was not read there.
    stray: BTreeMap<&'a str, String>,
    /// Reads the lines of a benchmark tool.
    benchmarks: Option<LineReader>,
    error: Option<ReadError>,
}

impl<'a> Reader<'a> {
    /// A reader that has seen nothing.
    pub fn new(how: &'a ReadOptions, needed: &'a [&'a str]) -> Self {
        let (values, near) = (Values::new(), BTreeMap::new());
        let (sights, sighted, stray) = (Sights::of(how, needed), BTreeMap::new(), BTreeMap::new());
        let benchmarks = LineReader::of(how.format);
        Self {
            how,
            needed,
            values,
            others: 0,
            near,
            there: vec![],
            sights,
            sighted,
            stray,
            benchmarks,
            error: None,
        }
    }

    /// What it must see before the end of the output.
    pub fn wants(&self) -> Wants {
        let lines = matches!(self.how.format.built(), Shape::Lines | Shape::Either);
        match (lines || !self.how.patterns.is_empty(), self.how.alone) {
            (true, _) => Wants::Lines,
            (false, false) => Wants::Parts,
            (false, true) => Wants::End,
        }
    }

    /// Takes the next part of an output whose lines it does not want; what ends in its first `known` bytes was in the last one.
    pub fn part(&mut self, bytes: &[u8], known: usize) {
        for (name, times) in self.sights.count(bytes, known) {
            *self.sighted.entry(name).or_default() += times;
        }
    }

    /// Takes the next line: as it was printed, and what of it may be a metric line. One that is too long for that comes in parts.
    pub fn line(&mut self, raw: &[u8], text: Option<&str>) {
        let read = text.map(|line| self.text(line)).unwrap_or_default();
        if self.how.alone {
            return;
        }
        for (name, times) in self.sights.count(raw, 0) {
            let document = matches!(self.how.format.built(), Shape::Object | Shape::Document);
            if document && !self.how.patterns.contains_key(name) {
                *self.sighted.entry(name).or_default() += times;
                continue;
            }
            // The name of another metric may end with this one.
            let within = read.iter().filter(|other| **other != name && other.ends_with(name)).count();
            let here = read.contains(&name);
            if times > usize::from(here) + within {
                self.stray.insert(name, quoted("", &String::from_utf8_lossy(raw)));
            } else if here && self.how.last {
                // What stood there before the last line is not what is read.
                self.stray.remove(name);
            }
        }
    }

    /// Takes what a line shows. Returns the needed names that it is a line of.
    fn text(&mut self, line: &str) -> Vec<&'a str> {
        let line = &*seen(line);
        let needed = self.needed;
        let known = |name: &str| needed.iter().find(|other| **other == name).copied();
        let mut read = vec![];
        for (name, pattern) in &self.how.patterns {
            let Some(found) = pattern.captures(line).and_then(|found| found.get(1)) else { continue };
            read.extend(known(name));
            self.take(name, picked(found.as_str()), || quoted(found.as_str(), line));
        }
        let found = self.benchmarks.as_mut().map(|lines| lines.line(line));
        for BenchmarkValue { name, value } in found.into_iter().flatten() {
            read.extend(known(&name));
            self.take_benchmark(&name, value);
        }
        let Some((name, text)) = name_and_value(line, self.how.format) else {
            self.overlook(line);
            return read;
        };
        if !self.how.patterns.contains_key(name) {
            read.extend(known(name));
            self.take(name, text.parse().ok(), || quoted(text, line));
        }
        read
    }

    /// Remembers a line that is no metric line, where it has the name of a metric: an error quotes it.
    fn overlook(&mut self, line: &str) {
        if !matches!(self.how.format, Format::Lines | Format::MetricLines) {
            return;
        }
        for name in self.needed.iter().filter(|name| !self.values.contains_key(**name)) {
            if let Some(rest) = behind(line, name) {
                self.near.insert(name, quoted(rest.trim_start_matches([' ', '\t', ':', '=', '|']), line));
            }
        }
    }

    /// Takes the end of the output, once every line was seen: the document that stands there, where the format has one.
    pub fn end(&mut self, output: &str) {
        let by_pattern = |name: &&str| self.how.patterns.contains_key(*name);
        if !self.needed.is_empty() && self.needed.iter().all(by_pattern) && self.how.mean.is_none() {
            return;
        }
        let format = self.how.format;
        let done = match format.built() {
            Shape::Lines => Ok(()),
            Shape::Object => object(output, !self.how.pointers.is_empty())
                .and_then(|(object, text)| self.take_object(&object, &text)),
            // What was printed as lines is there.
            Shape::Either if !self.values.is_empty() || self.error.is_some() => Ok(()),
            Shape::Either | Shape::Document => self.take_document(output),
        };
        if let Err(error) = done {
            // That nothing was measured is said whatever the patterns found.
            self.error = Some(error);
        }
    }

    /// Takes the files of a directory that a tool left as its report.
    pub fn directory(&mut self, files: &[ReportFile]) {
        match readers::of_directory(self.how.format, files) {
            Ok(found) => found.into_iter().for_each(|found| self.take_benchmark(&found.name, found.value)),
            Err(why) => self.error = Some(ReadError::NotRead { format: self.how.format, why }),
        }
    }

    fn take_document(&mut self, output: &str) -> Result<(), ReadError> {
        let format = self.how.format;
        let not_read = |why: String| ReadError::NotRead { format, why };
        let found = if format == Format::Junit {
            readers::of_xml(output).map_err(not_read)?
        } else {
            // A report is one document from its beginning.
            let output = readers::as_json(format, output);
            let (tree, text) = match serde_json::from_str::<Tree>(output.trim()) {
                Ok(tree) => (tree, Cow::Borrowed(&*output)),
                Err(_) => {
                    object(&output, true).map(|(tree, text)| (tree, Cow::Owned(text))).map_err(|error| {
                        not_read(match error {
                            ReadError::NoJson(why) => format!("it does not end with a JSON document: {why}"),
                            other => other.to_string(),
                        })
                    })?
                }
            };
            if !self.how.alone {
                let inside = self.sights.count(text.as_bytes(), 0);
                for name in self.needed {
                    let within = inside.get(name).copied().unwrap_or(0);
                    if self.sighted.get(name).is_some_and(|all| *all > within) {
                        self.stray.insert(name, "another document before the last has it, too".to_owned());
                    }
                }
            }
            readers::of_json(format, &tree).map_err(not_read)?
        };
        found.into_iter().for_each(|found| self.take_benchmark(&found.name, found.value));
        Ok(())
    }

    /// Takes what a tool says of a benchmark.
    fn take_benchmark(&mut self, name: &str, value: Result<f64, String>) {
        if self.how.picked(name) {
            return;
        }
        let all = self.how.mean.as_ref().and_then(|mean| mean.all());
        let main = !is_beside(name);
        let known = |fixed: &[String]| fixed.is_empty() || fixed.iter().any(|own| own == name);
        if main && !all.is_none_or(known) {
            self.error.get_or_insert_with(|| ReadError::New { name: name.to_owned() });
        }
        let wanted = (all.is_some() && main) || self.needed.contains(&name);
        let (number, why) = match value {
            Ok(number) => (Some(number), number.to_string()),
            Err(why) => (None, why),
        };
        self.take_wanted(name, number, || clipped(&why), wanted);
    }

    fn take_object(&mut self, object: &Tree, text: &str) -> Result<(), ReadError> {
        let inner = object.get("metrics").filter(|metrics| metrics.members().is_some());
        let metrics = inner.unwrap_or(object);
        if let Some(name) = object.twice().or_else(|| metrics.twice()) {
            return Err(ReadError::Twice { name: name.to_owned(), values: None });
        }
        if object.get("outcome").is_some() && object.text("outcome") != "measured" {
            let reason = object.text("reason").to_owned() + &last_words(object);
            return Err(ReadError::Refused { kind: word(object.text("outcome")), reason });
        }
        for (name, value) in metrics.members().unwrap_or_default() {
            if !self.how.picked(name) {
                let number = if let Tree::Number(number) = value { Some(*number) } else { None };
                // A list or an object has a name that a path may lead through.
                if number.is_some() || !matches!(value, Tree::List(_) | Tree::Object(_)) {
                    self.take(name, number, || value.to_string());
                }
            }
        }
        let twice = |name: String| ReadError::Twice { name, values: None };
        for (name, pointer) in &self.how.pointers {
            match object.pointer(pointer).map_err(twice)? {
                Some(Tree::Number(number)) => self.take(name, Some(*number), String::new),
                Some(other) => self.take(name, None, || format!("`{pointer}` leads to {other}")),
                None => {}
            }
        }
        for name in self.needed {
            if self.values.contains_key(*name) || self.how.picked(name) {
                continue;
            }
            let found = metrics.at(name).map_err(twice)?.or(object.at(name).map_err(twice)?);
            match found {
                Some(Tree::Number(number)) => self.take(name, Some(*number), String::new),
                Some(other) => self.take(name, None, || other.to_string()),
                None => {}
            }
        }
        self.there = object.numbers(LISTED + 1);
        if !self.how.alone {
            self.strays(object, text);
        }
        Ok(())
    }

    /// Remembers the names that stand outside of the object, or in it once more.
    fn strays(&mut self, object: &Tree, text: &str) {
        let inside = self.sights.count(text.as_bytes(), 0);
        for name in self.needed.iter().filter(|name| !self.how.picked(name)) {
            let within = inside.get(name).copied().unwrap_or(0);
            if object.count(name) > 1 {
                self.stray.insert(name, "its last object has it at two places".to_owned());
            } else if !self.how.last && self.sighted.get(name).is_some_and(|all| *all > within) {
                self.stray.insert(name, "another object before the last has it, too".to_owned());
            }
        }
    }

    fn take(&mut self, name: &str, found: Option<f64>, is: impl Fn() -> String) {
        self.take_wanted(name, found, is, self.needed.contains(&name));
    }

    fn take_wanted(&mut self, name: &str, found: Option<f64>, is: impl Fn() -> String, needed: bool) {
        let most = if self.how.format.of_benchmarks() { MOST_BENCHMARKS } else { OTHERS };
        let Some(found) = found.filter(|number| number.is_finite()) else {
            if needed {
                self.error.get_or_insert_with(|| ReadError::NotANumber { name: name.to_owned(), is: is() });
            }
            return;
        };
        if let Some(value) = self.values.get_mut(name) {
            let values = Some((value.to_string(), found.to_string()));
            *value = found;
            if needed && !self.how.last {
                self.error.get_or_insert_with(|| ReadError::Twice { name: name.to_owned(), values });
            }
        } else if needed || self.others < most {
            self.others += usize::from(!needed);
            self.values.insert(name.to_owned(), found);
        }
    }

    /// The values, once everything was seen.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn finish(self) -> Result<Values, ReadError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let fixed = self.how.mean.as_ref().and_then(Mean::all).unwrap_or_default();
        let mut needed = self.needed.iter().copied().chain(fixed.iter().map(String::as_str));
        let Some(name) = needed.find(|name| !self.values.contains_key(*name)) else {
            if let Some((name, line)) = self.stray.into_iter().next() {
                return Err(ReadError::Stray { name: name.to_owned(), line });
            }
            let mut values = self.values;
            if let Some(mean) = &self.how.mean {
                let benchmark = |name: &str| !is_beside(name) && !self.how.picked(name);
                let value = mean.of_values(self.how.format, &values, &benchmark)?;
                values.insert(mean.name.clone(), value);
            }
            return Ok(values);
        };
        let benchmarks = self.how.format.of_benchmarks() || self.how.format == Format::Junit;
        let instead = if self.how.patterns.contains_key(name) {
            "no line matches its pattern".to_owned()
        } else if let Some(pointer) = self.how.pointers.get(name) {
            format!("its document has nothing at `{pointer}`{}", numbers_of(&self.there))
        } else if benchmarks && self.values.is_empty() {
            format!(
                "it has no benchmark at all; format = \"{}\" reads {}",
                self.how.format.word(),
                self.how.format.shape(name)
            )
        } else if benchmarks {
            let mut all: Vec<&String> = self.values.keys().collect();
            // Benchmarks before what else is said of them.
            all.sort_by_key(|name| is_beside(name));
            let more =
                if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
            let names: Vec<String> =
                all.into_iter().take(SHOWN).map(|name| format!("`{}`", clipped(name))).collect();
            format!("what it has is {}{more}", names.join(", "))
        } else if let Some(near) = self.near.get(name) {
            format!("the last line that names it has no plain number in the place of one: {near}")
        } else if self.how.format != Format::Json {
            format!(
                "no line names it; format = \"{}\" reads {}",
                self.how.format.word(),
                self.how.format.shape(name)
            )
        } else if self.there.is_empty() {
            "its last object holds no number".to_owned()
        } else {
            let more = if self.there.len() > LISTED { ", ..." } else { "" };
            let names: Vec<String> = self.there.iter().take(LISTED).map(|name| clipped(name)).collect();
            format!("the numbers of its last object are {}{more}", names.join(", "))
        };
        Err(ReadError::Missing { name: name.to_owned(), instead })
    }
}

/// `; the numbers there are a, b`: for a pointer that leads nowhere.
fn numbers_of(there: &[String]) -> String {
    let pointers: Vec<String> =
        there.iter().take(LISTED).map(|path| format!("/{}", clipped(path).replace('.', "/"))).collect();
    if pointers.is_empty() { String::new() } else { format!("; it has numbers at {}", pointers.join(", ")) }
}

/// A text, at most [`QUOTED`] characters of it. Whoever shows it cleans it.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A line for an error, and what is odd about what stands where the number should be.
fn quoted(value: &str, line: &str) -> String {
    let odd = oddity(value).map_or_else(String::new, |odd| {
        format!(" ({odd}; print the bare number, or pick it out with [measure.patterns])")
    });
    format!("`{}`{odd}", clipped(line.trim()))
}

/// What stands behind a name in a line, where it stands there as a word of its own.
fn behind<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.match_indices(name).find_map(|(at, _)| {
        let (before, rest) = (&line[..at], &line[at + name.len()..]);
        let part = |c: char| of_a_name(c) && !matches!(c, '.' | '-' | '/');
        (!before.ends_with(part) && !rest.starts_with(part)).then_some(rest)
    })
}

/// What a line says; `None` where it is no metric line.
fn name_and_value(line: &str, format: Format) -> Option<(&str, &str)> {
    let (name, value) = match format {
        Format::MetricLines => {
            let rest = line.strip_prefix("METRIC").filter(|rest| rest.starts_with(char::is_whitespace))?;
            let (name, value) = rest.split_once('=')?;
            (name.trim_start(), value.trim_end())
        }
        Format::Lines => {
            let (name, value) = line.split_once([':', '='])?;
            (name.trim(), value.trim())
        }
        _ => return None,
    };
    let plain = !name.is_empty() && name.chars().all(of_a_name);
    (plain && !value.is_empty() && !value.contains(char::is_whitespace)).then_some((name, value))
}

/// The JSON object with which `output` ends, its last line or several, and its text. Where `lists` is set, a list may stand there, too.
fn object(output: &str, lists: bool) -> Result<(Tree, String), ReadError> {
    let text = output.trim_end();
    let line = text.rsplit('\n').next().unwrap_or_default();
    if line.len() > LONGEST_LINE {
        return Err(ReadError::NoJson(format!("its last line is longer than {} KiB", LONGEST_LINE >> 10)));
    }
    let parse = |text: &str| match serde_json::from_str::<Tree>(text) {
        Ok(tree @ Tree::Object(_)) => Ok(tree),
        Ok(tree @ Tree::List(_)) if lists => Ok(tree),
        Ok(Tree::List(_)) => Err("it ends with a sequence, where an object is wanted".to_owned()),
        Ok(other) => Err(format!("it ends with {other}")),
        Err(error) => Err(error.to_string()),
    };
    let last = seen(line);
    let failed = match parse(last.trim()) {
        Ok(tree) => return Ok((tree, last.into_owned())),
        Err(error) => error,
    };
    let why = |error: String| {
        let quote = if last.trim().is_empty() {
            String::new()
        } else {
            format!("; its last line is `{}`", clipped(last.trim()))
        };
        ReadError::NoJson(error + &quote)
    };
    if !last.trim_end().ends_with(['}', ']']) || last.trim_start().starts_with('{') {
        return Err(why(failed));
    }
    // Printed over several lines, the outermost brace stands at the beginning of one.
    let lines: Vec<Cow<'_, str>> = text.lines().map(seen).collect();
    let begin = |line: &str| line.starts_with('{') || (lists && line.starts_with('['));
    let begins = lines.iter().enumerate().rev().filter(|(_, line)| begin(line)).take(BEGINNINGS);
    let mut error = failed;
    for (at, _) in begins {
        let text = lines[at..].join("\n");
        match parse(&text) {
            Ok(tree) => return Ok((tree, text)),
            Err(other) => error = other,
        }
    }
    Err(why(error))
}

/// A kind of outcome as one plain word: it becomes part of a reason in the table and in briefs.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let fits = !text.is_empty() && text.len() <= WORD && text.chars().all(plain);
    if fits { text.to_owned() } else { "failed".to_owned() }
}

/// What the worker said last, behind a colon, where the harness reports it. The candidate's own words: data.
fn last_words(object: &Tree) -> String {
    let said = object.get("detail").map_or("", |detail| detail.text("stderr"));
    let lines: Vec<&str> =
        said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("note: ")).collect();
    let last = lines[lines.len().saturating_sub(2)..].join(" ");
    if last.is_empty() { last } else { format!(": {last}") }
}

#[cfg(test)]
mod tests;
