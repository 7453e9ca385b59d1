//! The coin of a pair: which side runs first, and what else is drawn when it starts.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Which side of a pair ran first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum First {
    /// The incumbent ran first.
    Incumbent,
    /// The challenger ran first.
    Challenger,
}

impl First {
    /// o: +1 where the incumbent ran first, -1 otherwise.
    pub fn sign(self) -> f64 {
        if self == Self::Incumbent { 1.0 } else { -1.0 }
    }

    /// The other side.
    pub fn other(self) -> Self {
        if self == Self::Incumbent { Self::Challenger } else { Self::Incumbent }
    }
}

/// Bits of a seed of prompts: as many as every library takes, those that read it as a signed number of 32 bits among them.
const PROMPT_BITS: u32 = 31;

/// What is drawn when a pair starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The coin.
    pub first: First,
    /// Seed of the prompts, the same for both sides.
    pub prompts: u64,
    /// Bytes by which the environment of both sides is made longer: where a stack begins moves speed.
    pub padding: u32,
}

/// The draw of pair `pair` (from 0) of a trial whose seed is `seed`.
///
/// The seed comes from the operating system once both sides are built, and is recorded, so that neither side
/// can have known it and anyone can draw it again: ChaCha20 seeded by `seed`, one stream per pair; the lowest
/// bit of the first word is the coin, the uppermost 31 bits of the next word are the seed of the prompts, the lowest twelve
/// bits of the third the padding. Runs of an earlier piton had 63 bits of the second word, as their pairs say: the uppermost 31 of
/// those are the seed that is drawn today.
pub fn draw(seed: u64, pair: u32) -> Draw {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(pair));
    let first = if rng.next_u64() & 1 == 0 { First::Incumbent } else { First::Challenger };
    Draw { first, prompts: rng.next_u64() >> (64 - PROMPT_BITS), padding: (rng.next_u64() & 0xfff) as u32 }
}
