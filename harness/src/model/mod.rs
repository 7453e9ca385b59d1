//! The harness's own model: what the scores are made with.
//!
//! An implementation of its own, independent of the candidate's, for Llama- and Qwen2-shaped checkpoints in the Hugging Face
//! layout. A score needs the logits of all positions from one pass; the tests hold it against what candle-transformers computes.

mod checkpoint;
mod config;
mod reference;

pub(crate) use checkpoint::hex;
pub use checkpoint::{Checkpoint, Weights};
pub use config::{Config, Rope};
pub use reference::{Past, Reference, Unreadable};

use crate::outcome::{Failure, Kind};
use std::fmt::Display;
use std::path::Path;

fn bad_model(path: &Path, cause: impl Display) -> Failure {
    Failure::new(Kind::BadModel, format!("{}: {cause}", path.display()))
        .hint("give --model a directory with config.json, tokenizer.json and model.safetensors of a Llama or Qwen2 model")
}
