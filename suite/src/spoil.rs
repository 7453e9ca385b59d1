//! What makes an answer one that no rule gives: a beginning that stands in the prompt already, and words that do not belong.
//!
//! A template can be read backwards, and who does so answers without a model. So most prompts of the built-in suite ask
//! for something that their template does not determine: how a story goes on, or what follows a word that should not
//! be there. What the model then says is a fact about its weights.

use serde::Deserialize;

use crate::draw::Rng;
use crate::file::Count;

/// The first words of the answer stand in the prompt, some of them replaced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {
    /// How many words, the first (`A:`) not counted. At least one word of the answer is left to say.
    pub words: Count,
    /// How many of them are replaced by others.
    #[serde(default = "none")]
    pub wrong: Count,
    /// What by: words of this list.
    #[serde(default)]
    pub from: String,
}

/// Words of the prompt are replaced by others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broken {
    /// How many.
    pub words: Count,
    /// What by: words of this list.
    pub from: String,
}

fn none() -> Count {
    Count::Just(0)
}

/// Cuts an answer where its given beginning ends; what is left begins with the space before a word.
pub(crate) fn begin(answer: &str, begun: &Begun, list: &[String], rng: &mut Rng) -> (String, String) {
    let spaces: Vec<usize> = answer.match_indices(' ').map(|(at, _)| at).collect();
    let words = rng.count(begun.words).min(spaces.len().saturating_sub(1));
    let cut = spaces.get(words).copied().unwrap_or(0);
    let wrong = rng.count(begun.wrong);
    (replace(&answer[..cut], wrong, list, rng).0, answer[cut..].to_string())
}

/// The text with `count` of its words, the first excepted, replaced by others of `list`; and what was replaced.
pub(crate) fn replace(text: &str, count: usize, list: &[String], rng: &mut Rng) -> (String, Vec<String>) {
    let mut gone = Vec::new();
    let mut words: Vec<String> = text.split(' ').map(String::from).collect();
    let mut places: Vec<usize> = (1..words.len()).filter(|&at| !core(&words[at]).is_empty()).collect();
    rng.shuffle(&mut places, count);
    for at in places.into_iter().take(count) {
        let old = core(&words[at]).to_string();
        let others: Vec<&String> = list.iter().filter(|word| **word != old).collect();
        if !others.is_empty() {
            words[at] = words[at].replacen(&old, rng.choose(&others).as_str(), 1);
            gone.push(old);
        }
    }
    (words.join(" "), gone)
}

/// The answer up to where it first says a word that was replaced: so far it is still determined.
pub(crate) fn until<'a>(answer: &'a str, gone: &[String]) -> &'a str {
    let first = answer
        .match_indices(' ')
        .map(|(at, _)| at)
        .find(|at| gone.iter().any(|word| core(&answer[at + 1..]) == word));
    &answer[..first.unwrap_or(answer.len())]
}

/// The letters that a word begins with: what is no word has none.
fn core(word: &str) -> &str {
    let end = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
    &word[..end]
}
