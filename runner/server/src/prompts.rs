//! Where prompts come from: the built-in suite, a file of the user's, or words of a given number.
//!
//! No prompt of a run is given twice while fresh ones are left: a server that has seen a prompt answers it from its cache, and what is measured
//! then is the cache.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use piton_core::base::error::{Context, Error, Result};
use piton_core::base::rng::Random;
use piton_suite::Suite;

const CLIMB: &str = include_str!("../suites/climb.toml");

/// Words that synthetic prompts are drawn from: short and common, so that most tokenizers take each for one token.
const WORDS: &str = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not \
what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would \
make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down \
day did get come made may part";

/// Where prompts come from.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptSource {
    /// The suite that piton climbs its own model with.
    Suite,
    /// A file with a JSON object or a text on each line.
    Lines(Vec<String>),
    /// So many words, drawn anew for each prompt.
    Synthetic(u32),
}

impl PromptSource {
    /// `suite`, `synthetic:N`, or a path to a JSONL file, from `dir`.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that holds no prompt.
    pub fn open(text: &str, dir: &Path) -> Result<Self> {
        let bad = |cause: String| {
            Error::usage("nothing was asked: the prompts were not read")
                .cause(cause)
                .note("no request was sent")
                .hint("prompts are `suite`, `synthetic:N` (N words), or a file with {\"prompt\": \"...\"} on each line")
        };
        if matches!(text, "suite" | "suite:climb") {
            return Ok(Self::Suite);
        }
        if let Some(words) = text.strip_prefix("synthetic:") {
            let words = words.parse().ok().filter(|n| (1..=1_000_000).contains(n));
            return words
                .map(Self::Synthetic)
                .ok_or_else(|| bad(format!("`{text}` names no number of words")));
        }
        let path: PathBuf = dir.join(text);
        let lines = fs::read_to_string(&path).map_err(|error| bad(format!("{}: {error}", path.display())))?;
        let lines: Vec<&str> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
        let read = lines.iter().enumerate().map(|(n, line)| {
            prompt_of(line).ok_or_else(|| bad(format!("{}, line {}: no prompt there", path.display(), n + 1)))
        });
        let prompts: Vec<String> = read.collect::<Result<_>>()?;
        if prompts.is_empty() {
            Err(bad(format!("{} is empty", path.display())))
        } else {
            Ok(Self::Lines(prompts))
        }
    }

    /// `n` prompts of a seed. Other seeds give other prompts, where there are enough.
    ///
    /// # Errors
    /// When the built-in suite cannot be drawn from.
    pub fn draw(&self, seed: u64, n: usize) -> Result<Vec<String>> {
        let mut random = Random::of_seed(seed);
        Ok(match self {
            Self::Suite => {
                let suite =
                    Suite::parse(CLIMB).context("no prompts were drawn: the built-in suite is not read")?;
                let mut prompts = vec![];
                while prompts.len() < n {
                    let mut more: Vec<String> =
                        suite.draw(random.word()).into_iter().map(|prompt| prompt.text).collect();
                    shuffle(&mut more, &mut random);
                    prompts.append(&mut more);
                }
                prompts.truncate(n);
                prompts
            }
            Self::Lines(lines) => {
                let mut order: Vec<usize> = (0..lines.len()).collect();
                shuffle(&mut order, &mut random);
                order.iter().cycle().take(n).map(|at| lines[*at].clone()).collect()
            }
            Self::Synthetic(words) => (0..n).map(|_| synthetic(*words, &mut random)).collect(),
        })
    }

    /// How many different prompts there are; `None` where as many as one likes.
    pub fn most(&self) -> Option<usize> {
        if let Self::Lines(lines) = self { Some(lines.len()) } else { None }
    }
}

/// The prompt of a line: a JSON text, an object's `prompt`, `text` or last message of a user, or the line itself.
fn prompt_of(line: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(_) => return (!line.trim_start().starts_with(['{', '['])).then(|| line.to_owned()),
    };
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(text) = text(&value) {
        return Some(text);
    }
    let named = ["prompt", "text"].iter().find_map(|key| text(value.get(key)?));
    let messages = value.get("messages").and_then(Value::as_array);
    let of_user = |message: &Value| {
        (message.get("role")?.as_str()? == "user").then(|| text(message.get("content")?)).flatten()
    };
    named.or_else(|| messages?.iter().rev().find_map(of_user))
}

fn synthetic(words: u32, random: &mut Random) -> String {
    let all: Vec<&str> = WORDS.split_whitespace().collect();
    let drawn: Vec<&str> = (0..words).map(|_| all[(random.word() % all.len() as u64) as usize]).collect();
    drawn.join(" ")
}

/// R. A. Fisher and F. Yates's, as D. Knuth has it (The Art of Computer Programming, volume 2, algorithm P).
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for at in (1..items.len()).rev() {
        items.swap(at, (random.word() % (at as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_draws_the_same_prompts_and_another_one_others() {
        for source in [PromptSource::Suite, PromptSource::Synthetic(20)] {
            let (one, other) = (source.draw(1, 30).unwrap(), source.draw(2, 30).unwrap());
            assert_eq!(one, source.draw(1, 30).unwrap());
            let both: BTreeSet<&String> = one.iter().chain(&other).collect();
            assert_eq!(both.len(), 60, "{source:?}");
        }
    }

    #[test]
    fn no_line_is_asked_twice_before_every_line_was_asked() {
        let source = PromptSource::Lines((0..10).map(|n| n.to_string()).collect());
        let drawn = source.draw(7, 10).unwrap();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 10);
    }

    #[test]
    fn a_line_may_be_a_text_a_prompt_or_messages() {
        for line in [
            "hello",
            "\"hello\"",
            r#"{"prompt":"hello"}"#,
            r#"{"messages":[{"role":"user","content":"hello"}]}"#,
        ] {
            assert_eq!(prompt_of(line).as_deref(), Some("hello"), "{line}");
        }
        assert_eq!(prompt_of("{\"prompt\": 3}"), None);
        assert_eq!(prompt_of("{broken"), None);
    }
}
