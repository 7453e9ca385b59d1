//! What people wrote into the decision log: found again, whatever stands in it, or not touched at all.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// What the first line begins with.
const FIRST: &str = "<!-- piton:experiments ";
/// What every marker begins with.
const MARK: &str = "<!-- piton:";
const END: &str = "<!-- piton:end -->";
/// The block at the head of the file.
const HEAD: &str = "<!-- piton:yours -->";
const CLOSE: &str = " -->";

/// What people wrote, by the idea that it stands with; `""` is the head of the file. Each ends with a line break, or is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Human {
    blocks: BTreeMap<String, String>,
}

/// Why a file is not written over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It is not piton's.
    Foreign,
    /// A marker is missing or not in its place: the number of the line.
    Marker(usize),
    /// It was changed outside of the blocks that are people's.
    Edited,
}

impl Human {
    /// Finds what people wrote in a file.
    ///
    /// # Errors
    /// Where what is written anew could lose something.
    pub fn read(text: &str) -> Result<Self, Trouble> {
        let (mut human, mut generated) = (Self::default(), String::new());
        let mut open: Option<(String, String)> = None;
        let mut hash = None;
        for (at, line) in text.split_inclusive('\n').enumerate() {
            let mark = line.trim_end();
            if at == 0 {
                let found = mark.strip_prefix(FIRST).and_then(|rest| rest.strip_suffix(CLOSE));
                hash = Some(found.ok_or(Trouble::Foreign)?.to_owned());
                continue;
            }
            let begins = key(mark);
            open = match (open, begins) {
                (None, Some(key)) => Some((key, String::new())),
                (Some((key, text)), None) if mark == END => {
                    if human.blocks.insert(key, text).is_some() {
                        return Err(Trouble::Marker(at + 1));
                    }
                    None
                }
                // Whatever else looks like a marker is one that somebody has bent.
                (_, _) if mark.trim_start().starts_with(MARK) => return Err(Trouble::Marker(at + 1)),
                (Some((key, text)), _) => {
                    open = Some((key, text + line));
                    continue;
                }
                (None, None) => None,
            };
            generated.push_str(mark);
            generated.push('\n');
        }
        match (hash, open) {
            (None, _) => Err(Trouble::Foreign),
            (_, Some(_)) => Err(Trouble::Marker(text.lines().count())),
            (Some(hash), None) if hash != sha256(generated.lines()) => Err(Trouble::Edited),
            _ => Ok(human),
        }
    }

    /// What stands at an idea.
    pub fn at(&self, idea: &str) -> &str {
        self.blocks.get(idea).map_or("", String::as_str)
    }

    /// The ideas at which something stands, the head not among them.
    pub fn ideas(&self) -> impl Iterator<Item = &str> {
        let said = self.blocks.iter().filter(|(idea, text)| !idea.is_empty() && !text.trim().is_empty());
        said.map(|(idea, _)| idea.as_str())
    }
}

/// The marker at which the block of an idea begins.
pub(super) fn begin(idea: &str) -> String {
    if idea.is_empty() { HEAD.to_owned() } else { format!("<!-- piton:yours {idea}{CLOSE}") }
}

/// The idea whose block a line begins.
fn key(mark: &str) -> Option<String> {
    if mark == HEAD {
        return Some(String::new());
    }
    let idea = mark.strip_prefix("<!-- piton:yours ")?.strip_suffix(CLOSE)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!idea.is_empty() && idea.chars().all(plain)).then(|| idea.to_owned())
}

/// The file: its parts, with what people wrote in the blocks, and a first line that knows what was generated.
pub(super) fn file(generated: &[FilePart], human: &Human) -> String {
    let (mut bare, mut text) = (String::new(), String::new());
    for part in generated {
        match part {
            FilePart::Text(lines) => {
                bare.push_str(lines);
                text.push_str(lines);
            }
            FilePart::Block(idea) => {
                let begin = begin(idea);
                bare.push_str(&format!("{begin}\n{END}\n"));
                text.push_str(&format!("{begin}\n{}{END}\n", human.at(idea)));
            }
        }
    }
    format!("{FIRST}{}{CLOSE}\n{text}", sha256(bare.lines()))
}

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FilePart {
    /// Whole lines, of which none looks like a marker.
    Text(String),
    /// The block of an idea.
    Block(String),
}

/// Of lines without the white space at their ends, which editors change.
fn sha256<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(line.trim_end());
        hasher.update("\n");
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<FilePart> {
        let text = |text: &str| FilePart::Text(text.to_owned());
        vec![
            text("# E\n"),
            FilePart::Block(String::new()),
            text("## a\n"),
            FilePart::Block("a".into()),
            text("end\n"),
        ]
    }

    #[test]
    fn what_was_written_by_hand_is_found_again_and_the_file_is_the_same_when_written_again() {
        let file = file(&parts(), &Human::default())
            .replace("yours -->\n", "yours -->\nfor all\n\n```\ncode\n```\n")
            .replace("yours a -->\n", "yours a -->\n\r\n  never again\n");
        let human = Human::read(&file).unwrap();
        assert_eq!(human.at(""), "for all\n\n```\ncode\n```\n");
        assert_eq!(human.at("a"), "\r\n  never again\n");
        assert_eq!((human.at("b"), human.ideas().collect::<Vec<_>>()), ("", vec!["a"]));
        assert_eq!(super::file(&parts(), &human), file);
        assert!(Human::read(&file.replace('\n', "\r\n")).is_ok(), "as some editors save it");
    }

    #[test]
    fn a_file_of_somebody_elses_or_one_that_was_bent_is_told_apart() {
        let file = file(&parts(), &Human::default());
        for foreign in ["", "# E\n", "\n", &file.replace("piton:experiments", "piton:other")] {
            assert_eq!(Human::read(foreign), Err(Trouble::Foreign), "{foreign}");
        }
        assert_eq!(Human::read(&file.replace("## a", "## a!")), Err(Trouble::Edited));
        assert_eq!(Human::read(&format!("{file}my own words\n")), Err(Trouble::Edited));
        assert_eq!(Human::read(&file.replace("<!-- piton:yours a -->\n", "")), Err(Trouble::Marker(6)));
        assert_eq!(Human::read(&file.replace("yours a -->", "yours a->")), Err(Trouble::Marker(6)));
        assert_eq!(Human::read(&file.replacen("<!-- piton:end -->\n", "", 1)), Err(Trouble::Marker(5)));
        let last = file.rfind("<!-- piton:end").unwrap();
        assert_eq!(Human::read(&file[..last]), Err(Trouble::Marker(6)));
    }
}
