//! JUnit's XML: how many tests there were and how they ended, and the seconds of each that passed.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{BenchmarkValue, ReportFile};

/// One file.
pub(super) fn read(text: &str) -> Result<Vec<BenchmarkValue>, String> {
    let mut totals = Totals::default();
    let mut found = vec![];
    totals.take(text, &mut found)?;
    Ok(totals.and(found))
}

/// A file for each class of tests, as Maven and Gradle leave them.
pub(super) fn directory(files: &[ReportFile]) -> Result<Vec<BenchmarkValue>, String> {
    let mut totals = Totals::default();
    let mut found = vec![];
    let xml = files.iter().filter(|file| file.path.ends_with(".xml"));
    let mut none = true;
    for file in xml {
        none = false;
        totals.take(&file.text, &mut found).map_err(|why| format!("{}: {why}", file.path))?;
    }
    if none { Err("it has no .xml file".to_owned()) } else { Ok(totals.and(found)) }
}

/// Counts of tests, counted one by one: what a report says of itself may be another tool's count.
#[derive(Debug, Default)]
struct Totals {
    counts: BTreeMap<&'static str, f64>,
    /// Whether there was an element.
    begun: bool,
}

impl Totals {
    fn take(&mut self, text: &str, found: &mut Vec<BenchmarkValue>) -> Result<(), String> {
        let mut xml = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut open, mut case) = (0usize, None);
        loop {
            let event = xml.read_event().map_err(|e| format!("{e}, at byte {}", xml.error_position()))?;
            match &event {
                Event::Eof if open > 0 => return Err("it ends before its last element does".to_owned()),
                Event::Eof if case.is_none() && !self.begun => return Err("it has no element".to_owned()),
                Event::Eof => return Ok(()),
                // Entities of one's own can be larger than any file.
                Event::DocType(_) => return Err("it has a DTD, which JUnit's files have not".to_owned()),
                Event::Start(start) | Event::Empty(start) => {
                    let empty = matches!(event, Event::Empty(_));
                    let element = start.local_name();
                    if open == 0 {
                        self.begun = true;
                        if !matches!(element.as_ref(), "testsuites" | "testsuite") {
                            return Err(format!(
                                "its outermost element is <{}>, where <testsuites> or <testsuite> is wanted",
                                element.as_ref()
                            ));
                        }
                    }
                    match element.as_ref() {
                        "testcase" => {
                            let begun = Case::of(start)?;
                            if empty { self.count(begun, found) } else { case = Some(begun) }
                        }
                        "failure" => end(&mut case, "failures"),
                        "error" => end(&mut case, "errors"),
                        "skipped" => end(&mut case, "skipped"),
                        _ => {}
                    }
                    open += usize::from(!empty);
                }
                Event::End(ended) => {
                    open = open.saturating_sub(1);
                    if ended.local_name().as_ref() == "testcase"
                        && let Some(case) = case.take()
                    {
                        self.count(case, found);
                    }
                }
                _ => {}
            }
        }
    }

    fn count(&mut self, case: Case, found: &mut Vec<BenchmarkValue>) {
        *self.counts.entry(case.ended.unwrap_or("passed")).or_default() += 1.0;
        if let (None, Some(seconds)) = (case.ended, case.seconds) {
            found.push(BenchmarkValue::of(case.name, seconds));
        }
    }

    fn and(self, mut found: Vec<BenchmarkValue>) -> Vec<BenchmarkValue> {
        let words = ["passed", "failures", "errors", "skipped"];
        let counts = words.map(|word| (word, self.counts.get(word).copied().unwrap_or(0.0)));
        let tests = counts.iter().map(|count| count.1).sum();
        found.extend(counts.map(|(word, count)| BenchmarkValue::of(word, count)));
        found.push(BenchmarkValue::of("tests", tests));
        found
    }
}

/// A test on the way through its element.
#[derive(Debug)]
struct Case {
    /// `classname::name`, or the name alone.
    name: String,
    seconds: Option<f64>,
    /// How it ended where it did not pass; the first word counts.
    ended: Option<&'static str>,
}

impl Case {
    fn of(start: &BytesStart) -> Result<Self, String> {
        let attribute = |name: &str| -> Result<Option<String>, String> {
            let found = start.try_get_attribute(name).map_err(|e| e.to_string())?;
            found
                .map(|found| found.normalized_value(XmlVersion::Implicit1_0).map(|text| text.into_owned()))
                .transpose()
                .map_err(|e| e.to_string())
        };
        let name = attribute("name")?.unwrap_or_default();
        let name = match attribute("classname")?.as_deref().unwrap_or_default() {
            "" => name,
            class => format!("{class}::{name}"),
        };
        let seconds = attribute("time")?.and_then(|time| time.replace(',', "").parse().ok());
        Ok(Self { name, seconds, ended: None })
    }
}

fn end(case: &mut Option<Case>, word: &'static str) {
    if let Some(case) = case {
        case.ended.get_or_insert(word);
    }
}
