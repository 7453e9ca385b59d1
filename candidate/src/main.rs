//! An inference engine that answers the harness: plain Rust, exact in f32, and slow in every way that a
//! first version is slow.

mod cache;
mod checkpoint;
mod config;
mod math;
mod model;
mod rows;
mod settings;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::path::Path;

use model::Model;
use piton_worker::Generator;
use settings::{TEMPERATURE, TOP_P};

/// The candidate: what the harness loads, and asks to continue prompts.
struct Engine {
    model: Model,
}

impl Generator for Engine {
    fn load(model_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let model = Model::load(model_dir)?;
        Ok(Self { model })
    }

    fn generate(&mut self, prompt: &[u32], max_new: usize, mut emit: impl FnMut(u32)) {
        if prompt.is_empty() {
            return;
        }
        let mut random = 0x9E37_79B9_7F4A_7C15;
        let mut cache = self.model.cache();
        let mut logits = self.model.prefill(prompt, &mut cache);
        for made in 1..=max_new {
            let token = choose(&logits, &mut random);
            emit(token);
            if self.model.config.eos_tokens.contains(&token) || made == max_new {
                return;
            }
            let hidden = self.model.hidden(&[token], &mut cache);
            logits = self.model.logits(&hidden);
        }
    }
}

fn choose(logits: &[f32], random: &mut u64) -> u32 {
    let index = match TEMPERATURE {
        0.0 => math::argmax(logits),
        temperature => math::sample(logits, temperature, TOP_P, random),
    };
    index as u32
}

fn main() {
    piton_worker::serve::<Engine>()
}
