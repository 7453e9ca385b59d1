//! What a candidate that is trained must offer, and the bytes that it exchanges with the harness.
//!
//! A learner gets a text, a seed and a budget of processor time, and learns. Then it is scored on several texts at once that it has never
//! seen: for each it says how likely every byte of the alphabet is to come next, and only then is given the byte that came. One budget
//! covers both, from the start of the process; when it is spent the process is ended.
//!
//! | direction | bytes, integers little-endian |
//! |---|---|
//! | harness, once | [`LESSON`] `u32`, alphabet `u32`, streams `u32`, length `u32`, budget in microseconds `u64`, seed `u64`, n `u32`, n bytes of text, a first byte for each stream |
//! | worker, once, when it has learnt | [`TRAINED`] `u32`, steps `u32`, bytes learnt from `u64` |
//! | worker, `length` times | for each stream, a raw score for each byte of the alphabet: `f32` |
//! | harness, after each of those | the byte that came, for each stream |

use std::io::{self, Read};
use std::time::Duration;

/// First word of a lesson.
pub const LESSON: u32 = u32::from_le_bytes(*b"PTNl");
/// First word of the frame that says "I have learnt".
pub const TRAINED: u32 = u32::from_le_bytes(*b"PTNd");
/// Length of that frame, in bytes.
pub const TRAINED_LEN: usize = 16;
/// Bytes of texts are below this.
pub const ALPHABET: usize = 128;
/// Longest text that a learner accepts, in bytes.
const MOST_TEXT: u32 = 1 << 28;
/// Most streams.
const MOST_STREAMS: u32 = 1 << 12;

/// What is to be learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// What everything that a learner draws is drawn from.
    pub seed: u64,
    /// Processor time of the whole process, in which it learns and is scored.
    pub budget: Duration,
    /// How many bytes of each stream are scored.
    pub length: usize,
    /// The text to learn from; its bytes are below [`ALPHABET`].
    pub text: Vec<u8>,
    /// The first byte of each stream, which is not scored.
    pub first: Vec<u8>,
}

/// What a learner says that it did. Nobody holds it to that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trained {
    /// Steps of the optimiser.
    pub steps: u32,
    /// Bytes that it learnt from, each as often as it was seen.
    pub tokens: u64,
}

impl Lesson {
    /// The lesson as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40 + self.text.len() + self.first.len());
        for word in [LESSON, ALPHABET as u32, self.first.len() as u32, self.length as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend((self.budget.as_micros() as u64).to_le_bytes());
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend((self.text.len() as u32).to_le_bytes());
        bytes.extend(&self.text);
        bytes.extend(&self.first);
        bytes
    }

    /// Reads a lesson.
    ///
    /// # Errors
    /// A read error, or bytes that are no lesson.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 36];
        from.read_exact(&mut head)?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let (streams, text) = (word(8), word(32));
        if word(0) != LESSON || word(4) != ALPHABET as u32 || streams > MOST_STREAMS || text > MOST_TEXT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a lesson"));
        }
        let mut lesson = Self {
            seed: long(24),
            budget: Duration::from_micros(long(16)),
            length: word(12) as usize,
            text: vec![0; text as usize],
            first: vec![0; streams as usize],
        };
        from.read_exact(&mut lesson.text)?;
        from.read_exact(&mut lesson.first)?;
        let texts = lesson.text.iter().chain(&lesson.first);
        if texts.copied().any(|byte| usize::from(byte) >= ALPHABET) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a byte beyond the alphabet"));
        }
        Ok(lesson)
    }
}

impl Trained {
    /// The frame as bytes.
    pub fn encode(self) -> [u8; TRAINED_LEN] {
        let mut bytes = [0; TRAINED_LEN];
        bytes[..4].copy_from_slice(&TRAINED.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.steps.to_le_bytes());
        bytes[8..].copy_from_slice(&self.tokens.to_le_bytes());
        bytes
    }

    /// The frame that these bytes hold; `None` where they hold another.
    pub fn decode(bytes: &[u8; TRAINED_LEN]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let tokens = u64::from_le_bytes(bytes[8..].try_into().expect("eight bytes"));
        (word(0) == TRAINED).then(|| Self { steps: word(4), tokens })
    }
}

#[cfg(feature = "learner")]
mod learner;
#[cfg(feature = "learner")]
pub use learner::{Learner, serve, spent};

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> Lesson {
        let budget = Duration::from_micros(2_500_001);
        Lesson { seed: u64::MAX - 1, budget, length: 9, text: b"abc".to_vec(), first: vec![7, 8] }
    }

    #[test]
    fn a_lesson_survives_the_pipe() {
        assert_eq!(Lesson::read(&mut &lesson().encode()[..]).unwrap(), lesson());
    }

    #[test]
    fn bytes_that_are_no_lesson_are_refused_before_anything_is_allocated() {
        let mut huge = lesson().encode();
        huge[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Lesson::read(&mut &huge[..]).is_err());
        let beyond = Lesson { text: vec![128], ..lesson() };
        assert!(Lesson::read(&mut &beyond.encode()[..]).is_err());
    }

    #[test]
    fn what_was_learnt_survives_the_pipe_and_nothing_else_is_taken_for_it() {
        let trained = Trained { steps: 3, tokens: 1 << 40 };
        assert_eq!(Trained::decode(&trained.encode()), Some(trained));
        assert_eq!(Trained::decode(&[0; TRAINED_LEN]), None);
    }
}
