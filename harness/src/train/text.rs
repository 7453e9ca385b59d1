//! The texts of a lesson: from the suite's templates, in words and an alphabet that nobody has seen before.
//!
//! What a worker could bring along is worth nothing by this. Each sample has texts of its own; each word of the suite becomes one that is
//! invented for the sample, each sign one to three bytes; and the bytes of the alphabet change places. Two samples of one seed have the same texts: both sides of a pair.

use crate::outcome::{Failure, Kind};
use crate::prompts::Source;
use piton_base::rng::Random;
use piton_worker::train::ALPHABET;
use std::collections::{BTreeMap, BTreeSet};

/// Documents that are drawn at a time.
const BLOCK: usize = 64;
/// Fewest and most letters of an invented word.
const LETTERS: (usize, usize) = (2, 7);
/// Most bytes of an invented sign: what stands for a space, a digit, a colon.
const SIGN: usize = 3;

/// What a sample's texts are.
#[derive(Debug, PartialEq, Eq)]
pub struct Texts {
    /// To learn from.
    pub training: Vec<u8>,
    /// To be scored on, each a text of its own.
    pub streams: Vec<Vec<u8>>,
}

/// How much text is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes to learn from.
    pub training: usize,
    /// Texts to be scored on.
    pub streams: usize,
    /// Bytes of each of them.
    pub length: usize,
}

/// Draws the texts of a seed.
///
/// # Errors
/// `bad_suite` where the suite makes no training text.
pub fn draw(source: &Source, seed: u64, sizes: Sizes) -> Result<Texts, Failure> {
    let mut disguise = Disguise::new(seed);
    let mut text = |what: &str, part: u64, bytes: usize| {
        let mut random = Random::of_block(seed, what, part);
        let mut text = vec![];
        while text.len() < bytes {
            let drawn = source.documents(random.word(), BLOCK)?;
            if drawn.iter().all(String::is_empty) {
                return Err(Failure::new(Kind::BadSuite, "its training text is empty"));
            }
            drawn.iter().for_each(|document| disguise.add(document, &mut text));
        }
        text.truncate(bytes);
        Ok(text)
    };
    let training = text("text to learn from", 0, sizes.training)?;
    let streams = (0..sizes.streams).map(|stream| text("text to be scored on", stream as u64, sizes.length));
    Ok(Texts { streams: streams.collect::<Result<_, _>>()?, training })
}

/// What a sample's texts are disguised by.
struct Disguise {
    random: Random,
    /// How likely each letter is in invented words, added up.
    letters: [f64; 26],
    words: BTreeMap<String, Vec<u8>>,
    taken: BTreeSet<Vec<u8>>,
    /// What stands for each byte that is no letter of a word.
    signs: Vec<Vec<u8>>,
    /// Where each byte of the alphabet goes.
    places: Vec<u8>,
}

impl Disguise {
    fn new(seed: u64) -> Self {
        let mut random = Random::of_block(seed, "what a sample's texts are disguised by", 0);
        let mut places: Vec<u8> = (0..ALPHABET as u8).collect();
        for last in (1..ALPHABET).rev() {
            places.swap(last, below(&mut random, last + 1));
        }
        let mut sum = 0.0;
        let letters = std::array::from_fn(|_| {
            sum += -random.between(0.0, 1.0).ln();
            sum
        });
        // Of one byte to three: which byte is the most frequent says nothing of what it stands for then.
        let unused: Vec<u8> = (0..ALPHABET as u8).filter(|byte| !byte.is_ascii_alphabetic()).collect();
        let sign = |_| {
            let count = 1 + below(&mut random, SIGN);
            (0..count).map(|_| unused[below(&mut random, unused.len())]).collect()
        };
        let signs = (0..ALPHABET).map(sign).collect();
        Self { random, letters, words: BTreeMap::new(), taken: BTreeSet::new(), signs, places }
    }

    /// Adds a document to a text.
    fn add(&mut self, document: &str, text: &mut Vec<u8>) {
        let bytes: Vec<u8> =
            document.bytes().map(|byte| if usize::from(byte) < ALPHABET { byte } else { b'?' }).collect();
        for run in bytes.chunk_by(|a, b| a.is_ascii_alphabetic() && b.is_ascii_alphabetic()) {
            // A letter by itself is a thing to be sorted, and a sign as any other.
            let stands =
                if run.len() > 1 { self.invented(run) } else { self.signs[usize::from(run[0])].clone() };
            text.extend(stands.iter().map(|byte| self.places[usize::from(*byte)]));
        }
    }

    /// The word that stands for this one.
    fn invented(&mut self, word: &[u8]) -> Vec<u8> {
        let lower = String::from_utf8_lossy(word).to_lowercase();
        if !self.words.contains_key(&lower) {
            let invented = loop {
                let count = LETTERS.0 + below(&mut self.random, LETTERS.1 - LETTERS.0 + 1);
                let invented: Vec<u8> = (0..count).map(|_| self.letter()).collect();
                if self.taken.insert(invented.clone()) {
                    break invented;
                }
            };
            self.words.insert(lower.clone(), invented);
        }
        let mut invented = self.words[&lower].clone();
        if word[0].is_ascii_uppercase() {
            invented[0].make_ascii_uppercase();
        }
        invented
    }

    fn letter(&mut self) -> u8 {
        let at = self.random.between(0.0, self.letters[25]);
        b'a' + self.letters.iter().position(|sum| at < *sum).unwrap_or(25) as u8
    }
}

fn below(random: &mut Random, n: usize) -> usize {
    ((u128::from(random.word()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { training: 6000, streams: 3, length: 500 };

    fn source() -> Source {
        Source::open(concat!(env!("CARGO_MANIFEST_DIR"), "/suites/training.toml")).unwrap()
    }

    #[test]
    fn a_seed_draws_the_same_texts_and_another_one_texts_in_other_words() {
        let (one, again, other) = [7, 7, 8].map(|seed| draw(&source(), seed, SIZES).unwrap()).into();
        assert_eq!(one, again);
        assert_eq!((one.training.len(), one.streams.len(), one.streams[2].len()), (6000, 3, 500));
        let pieces = |text: &Texts| text.training.windows(8).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
        assert!(pieces(&one).is_disjoint(&pieces(&other)), "nothing of one text stands in the other");
    }

    #[test]
    fn what_is_scored_is_of_the_same_words_and_stands_nowhere_in_what_is_learnt_from() {
        let texts = draw(&source(), 3, Sizes { training: 60_000, ..SIZES }).unwrap();
        let pieces = |text: &[u8], n: usize| text.windows(n).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
        for stream in &texts.streams {
            let (short, long) = (pieces(stream, 4), pieces(stream, 80));
            let known = short.intersection(&pieces(&texts.training, 4)).count();
            assert!(2 * known > short.len(), "{known} of {}", short.len());
            assert!(long.is_disjoint(&pieces(&texts.training, 80)));
        }
        assert_ne!(texts.streams[0], texts.streams[1]);
    }
}
