//! What a sample's texts, and what its worker is told, are drawn from.
//!
//! A sample's seed has 31 bits, and whoever reads this repository can draw texts as the harness does. A worker that knew the seed, or could
//! try them all against the text that it is given, would know what it will be scored on. So both are drawn from what a long chain of hashes makes of the
//! seed: trying one seed takes as long as the chain, and what the worker is told leads back to nothing.

use sha2::{Digest, Sha256};

/// Links of the chain. At a tenth of a microsecond for each, the fastest that was seen, one seed takes 26 ms: within a budget of five minutes a worker tries
/// 11,500 of 2,147,483,648.
const LINKS: u32 = 1 << 18;

/// What is drawn from the seed of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// What the texts are drawn from; nobody is told.
    pub texts: u64,
    /// The worker's own.
    pub worker: u64,
}

impl Seeds {
    /// Those of a sample, the same on every machine.
    pub fn of(sample: u64) -> Self {
        let mut link = Sha256::digest(sample.to_le_bytes());
        for _ in 0..LINKS {
            link = Sha256::digest(link);
        }
        let word = |what: &str| {
            let hash = Sha256::new().chain_update(link).chain_update(what).finalize();
            u64::from_le_bytes(hash[..8].try_into().expect("eight bytes"))
        };
        Self { texts: word("texts"), worker: word("worker") }
    }
}

#[cfg(test)]
mod tests {
    use super::Seeds;

    #[test]
    fn a_sample_has_the_same_seeds_everywhere_and_they_are_not_its_own() {
        let seeds = Seeds::of(5);
        assert_eq!(seeds, Seeds::of(5));
        let other = Seeds::of(6);
        let all = [5, 6, seeds.texts, seeds.worker, other.texts, other.worker];
        assert!((0..all.len()).all(|at| !all[..at].contains(&all[at])), "{all:?}");
    }
}
