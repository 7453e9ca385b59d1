//! Random numbers for simulated trials: the same on every machine, whatever the threads.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers of one block of trials.
pub struct Random {
    words: ChaCha8Rng,
    spare: Option<f64>,
}

impl Random {
    /// Those of block `block` of the cell `name`. Cells are told apart by name, so that a new one changes no
    /// other.
    pub fn of_block(seed: u64, name: &str, block: u64) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut random = Self::of_seed(seed ^ hash);
        random.words.set_stream(block);
        random
    }

    /// Those of a seed of its own.
    pub fn of_seed(seed: u64) -> Self {
        Self { words: ChaCha8Rng::seed_from_u64(seed), spare: None }
    }

    /// Any 64 bits.
    pub fn word(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// Uniform between `low` and `high`, the ends left out.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.word() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Standard normal, by G. E. P. Box and M. E. Muller (Annals of Mathematical Statistics 29, 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let length = (-2.0 * self.between(0.0, 1.0).ln()).sqrt();
        let (sine, cosine) = self.between(0.0, TAU).sin_cos();
        self.spare = Some(length * sine);
        length * cosine
    }
}
