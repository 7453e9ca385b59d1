//! JUnit's XML, as test runners of most languages write it.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{NamedTest, TestEnd, TestReport};

/// Most of a failure's text that is looked at, in bytes.
const TEXT: usize = 8192;

/// Reads one file, or several of them one after another.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let (mut tests, mut suites): (Vec<NamedTest>, usize) = (vec![], 0);
    let mut failing: Option<String> = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| format!("it is no XML at byte {}: {e}", reader.error_position()))?;
        match event {
            Event::Start(tag) => {
                open(&tag, &mut tests, &mut suites)?;
                failing = failure(&tag).then(String::new);
            }
            Event::Empty(tag) => open(&tag, &mut tests, &mut suites)?,
            Event::Text(said) => add(&mut failing, &said),
            Event::CData(said) => add(&mut failing, &said),
            Event::GeneralRef(name) => {
                add(&mut failing, resolve_predefined_entity(&name).unwrap_or_default())
            }
            Event::End(_) => {
                if let (Some(text), Some(NamedTest { end: TestEnd::Failed(why), .. })) =
                    (failing.take(), tests.last_mut())
                    && why.is_empty()
                {
                    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").clone_into(why);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match suites {
        0 => Err("it has no <testsuite> of JUnit's XML".to_owned()),
        _ => Ok(TestReport::of(tests)),
    }
}

fn add(failing: &mut Option<String>, said: &str) {
    failing.iter_mut().filter(|text| text.len() < TEXT).for_each(|text| text.push_str(said));
}

fn failure(tag: &BytesStart) -> bool {
    matches!(tag.local_name().as_ref(), "failure" | "error")
}

fn open(tag: &BytesStart, tests: &mut Vec<NamedTest>, suites: &mut usize) -> Result<(), String> {
    let attribute = |name: &str| {
        let found = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == name);
        found.and_then(|found| Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned()))
    };
    match tag.local_name().as_ref() {
        "testsuite" | "testsuites" => *suites += 1,
        "testcase" => {
            let name = attribute("name").ok_or("it has a <testcase> without a name")?;
            let name = match attribute("classname").filter(|class| !class.is_empty()) {
                Some(class) => format!("{class}.{name}"),
                None => name,
            };
            tests.push(NamedTest { name, end: TestEnd::Passed });
        }
        "failure" | "error" => {
            if let Some(test) = tests.last_mut() {
                let why = attribute("message").unwrap_or_default();
                test.end = TestEnd::Failed(why.lines().next().unwrap_or_default().to_owned());
            }
        }
        "skipped" => {
            if let Some(test) = tests.last_mut() {
                test.end = TestEnd::Skipped;
            }
        }
        _ => {}
    }
    Ok(())
}
