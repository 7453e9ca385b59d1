//! Prompts, the answers they determine, and the checks on an answer, all drawn from a data file.
//!
//! The crate stands between two users that must agree. The harness asks a worker for answers and checks
//! them; the training script makes the text that the shipped model learns from. Both draw from the same
//! templates, so that a prompt which the model was never taught to answer cannot slip into the suite.
//! It knows no tokens, no model and no clock.

mod check;
mod draw;
mod error;
mod file;
mod spoil;
mod template;

pub use check::Check;
pub use error::Error;

use std::path::Path;

/// Whether a prompt fills a small part of the context of the shipped model or nearly all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// A few dozen tokens.
    Short,
    /// Hundreds of tokens: the answer needs facts from the very beginning.
    Long,
}

impl Context {
    /// `short` or `long`, as in the data file.
    pub fn name(self) -> &'static str {
        match self {
            Context::Short => "short",
            Context::Long => "long",
        }
    }
}

/// One request to a model, and what is known of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Name of the task, unique in the suite.
    pub task: String,
    /// What the task exercises, e.g. `recall`. Several tasks may share it.
    pub family: String,
    /// Short or long.
    pub context: Context,
    /// What the model is given. Ends with a line break or before a space, so that its tokens do not depend on the answer.
    pub text: String,
    /// The answer as far as the prompt determines it, where it does: to its last character, or to where only the model
    /// knows what follows.
    pub expected: Option<String>,
    /// A text with as many tokens as are asked for. `None` only where `max_new` says how many.
    pub length: Option<String>,
    /// How many tokens to ask for.
    pub max_new: Option<u32>,
    /// What the answer is checked for. Empty for open prose, which is scored by its likelihood alone.
    pub checks: Vec<Check>,
}

/// One document of training text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name of the task it was drawn from.
    pub task: String,
    /// Pieces of text in order, each with the weight of its tokens in the loss.
    pub segments: Vec<(String, f64)>,
}

/// A parsed suite: templates, the words that fill them, and the checks.
#[derive(Debug, Clone)]
pub struct Suite {
    file: file::File,
}

impl Suite {
    /// Parses a suite that includes no other file.
    ///
    /// # Errors
    /// When the text is no TOML, holds a key that is not known, or a template names something that is not there.
    pub fn parse(text: &str) -> Result<Suite, Error> {
        let file = file::parse(text, None)?;
        Ok(Suite { file })
    }

    /// Reads and parses a suite; what it includes is looked for beside it.
    ///
    /// # Errors
    /// As [`Suite::parse`], and when a file cannot be read.
    pub fn load(path: &Path) -> Result<Suite, Error> {
        let file = file::load(path)?;
        Ok(Suite { file })
    }

    /// Name of the suite.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The prompts of one sample, in the order of the file.
    ///
    /// The same seed draws the same prompts on every machine: see the crate's `draw` module for how.
    pub fn draw(&self, seed: u64) -> Vec<Prompt> {
        draw::sample(&self.file, seed)
    }

    /// `count` documents of training text, tasks mixed by their `share` in `stage` (from 0).
    ///
    /// # Errors
    /// When no task has a share in that stage.
    pub fn documents(&self, seed: u64, stage: usize, count: usize) -> Result<Vec<Document>, Error> {
        draw::documents(&self.file, seed, stage, count)
    }
}
