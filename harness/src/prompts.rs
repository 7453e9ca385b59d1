//! The prompts that a seed draws, as text and as tokens.

use crate::model::Config;
use crate::outcome::{Failure, Kind};
use piton_suite::{Prompt, Suite};
use sha2::{Digest, Sha256};
use std::path::Path;
use tokenizers::Tokenizer;

/// The suites that are built in, by name.
const BUILT_IN: [(&str, &str); 2] =
    [("climb", include_str!("../suites/climb.toml")), ("instruct", include_str!("../suites/instruct.toml"))];

/// A suite, and which one it is.
pub struct Source {
    suite: Suite,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// A prompt with its tokens.
pub struct Task {
    /// What was drawn.
    pub prompt: Prompt,
    /// Its token ids. Never empty.
    pub tokens: Vec<u32>,
    /// How many tokens to ask for. At least 1.
    pub max_new: usize,
}

impl Source {
    /// A built-in suite by its name, or else one from a file.
    ///
    /// # Errors
    /// `bad_suite` where there is none, or it cannot be parsed.
    pub fn open(name: &str) -> Result<Self, Failure> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            let suite = Suite::parse(text).map_err(|e| Failure::new(Kind::BadSuite, e.to_string()))?;
            return Ok(Self { suite, sha256: hash(text) });
        }
        let hint = "--suite is `climb`, `instruct` or a path to a .toml file";
        let path = Path::new(name);
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::new(Kind::BadSuite, format!("{name}: {e}")).hint(hint))?;
        let suite = Suite::load(path).map_err(|e| Failure::new(Kind::BadSuite, e.to_string()).hint(hint))?;
        Ok(Self { suite, sha256: hash(&text) })
    }

    /// The suite's own name.
    pub fn name(&self) -> &str {
        self.suite.name()
    }

    /// So many documents of its training text.
    ///
    /// # Errors
    /// `bad_suite` where it has none.
    pub fn documents(&self, seed: u64, count: usize) -> Result<Vec<String>, Failure> {
        let drawn = self.suite.documents(seed, 0, count);
        let drawn = drawn.map_err(|e| Failure::new(Kind::BadSuite, e.to_string()))?;
        Ok(drawn
            .into_iter()
            .map(|document| document.segments.into_iter().map(|(text, _)| text).collect())
            .collect())
    }

    /// The prompts of a sample: those of the suite, drawn `scale` times. The same seed draws the same prompts, and those of a smaller scale first.
    pub fn draw(&self, seed: u64, scale: u32) -> Vec<Prompt> {
        (0..scale).flat_map(|round| self.suite.draw(round_seed(seed, round))).collect()
    }
}

/// What a round's prompts are drawn from: the seed itself first, then words of a hash, so that rounds of neighbouring seeds share nothing.
fn round_seed(seed: u64, round: u32) -> u64 {
    if round == 0 {
        return seed;
    }
    let hash = Sha256::digest(format!("piton: round {round} of the prompts of seed {seed}"));
    u64::from_le_bytes(hash[..8].try_into().expect("eight bytes"))
}

/// Reads the tokenizer of a checkpoint.
///
/// # Errors
/// `bad_model` where it cannot be read, or knows tokens that the model does not.
pub fn tokenizer(dir: &Path, config: &Config) -> Result<Tokenizer, Failure> {
    let path = dir.join("tokenizer.json");
    let bad = |cause: String| Failure::new(Kind::BadModel, format!("{}: {cause}", path.display()));
    let tokenizer = Tokenizer::from_file(&path).map_err(|e| bad(e.to_string()))?;
    let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0) as usize;
    if largest >= config.vocab {
        return Err(bad(format!(
            "it knows token {largest}, and the model's vocabulary has {}",
            config.vocab
        )));
    }
    Ok(tokenizer)
}

/// Turns prompts into requests.
///
/// # Errors
/// `bad_suite` where a prompt has no tokens, asks for none, or does not fit the model's positions.
pub fn tokenise(prompts: Vec<Prompt>, tokenizer: &Tokenizer, config: &Config) -> Result<Vec<Task>, Failure> {
    if prompts.is_empty() {
        return Err(Failure::new(Kind::BadSuite, "the suite draws no prompt"));
    }
    prompts.into_iter().map(|prompt| task(prompt, tokenizer, config)).collect()
}

fn task(prompt: Prompt, tokenizer: &Tokenizer, config: &Config) -> Result<Task, Failure> {
    let bad = |cause: String| Failure::new(Kind::BadSuite, format!("task {}: {cause}", prompt.task));
    let encode = |text: &str, special: bool| -> Result<Vec<u32>, Failure> {
        let encoding = tokenizer.encode_fast(text, special).map_err(|e| bad(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    };
    let tokens = encode(&prompt.text, true)?;
    let max_new = match (prompt.max_new, &prompt.length) {
        (Some(max_new), _) => max_new as usize,
        (None, Some(length)) => encode(length, false)?.len(),
        (None, None) => {
            return Err(bad("neither max_new nor an expected answer says how many tokens to ask for".into()));
        }
    };
    if tokens.is_empty() || max_new == 0 {
        return Err(bad("it has no tokens, or asks for none".into()));
    }
    let (needed, positions) = (tokens.len() + max_new, config.max_positions);
    if needed > positions {
        return Err(bad(format!("it needs {needed} positions, and the model has {positions}")));
    }
    Ok(Task { prompt, tokens, max_new })
}

/// Which of the prompt's checks `answer` passes.
pub fn passed(prompt: &Prompt, answer: &str) -> u64 {
    prompt.checks.iter().filter(|check| check.passes(answer)).count() as u64
}

fn hash(text: &str) -> String {
    crate::model::hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_scale_draws_the_same_prompts_and_others_after_them() {
        let source = Source::open("climb").unwrap();
        let texts = |scale| source.draw(7, scale).into_iter().map(|prompt| prompt.text).collect::<Vec<_>>();
        let (one, three) = (texts(1), texts(3));
        assert_eq!((three.len(), &three[..one.len()]), (3 * one.len(), &one[..]));
        let different: std::collections::BTreeSet<_> = three.iter().collect();
        assert!(different.len() > 2 * one.len() + one.len() / 2, "{} of {}", different.len(), three.len());
    }
}
