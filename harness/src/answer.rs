//! What the bytes of a worker say: an answer being collected, or a violation.
//!
//! Apart from the process that sends them, so that every violation can be tried without one: feeding bytes is
//! a function of the bytes and of the time at which they came. Nothing here grows with what a worker sends:
//! an answer holds at most the tokens that were asked for.

use crate::frames::{Partial, too_many};
use crate::outcome::{Failure, Kind};
use piton_worker::{END, Frame, TOKEN};
use std::time::Duration;

/// What the frames of one answer must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Nonce of the request.
    pub nonce: u64,
    /// How many tokens were asked for. At least 1.
    pub max_new: usize,
    /// Number of tokens in the vocabulary.
    pub vocab: u32,
    /// Tokens that end a text, and so an answer.
    pub end: &'a [u32],
}

/// An answer, complete or not.
#[derive(Debug)]
pub struct Answer<'a> {
    expected: Expected<'a>,
    partial: Partial,
    tokens: Vec<u32>,
    first: Option<Duration>,
    last: Duration,
    ended: bool,
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// The tokens: as many as were asked for, or fewer with an end-of-text last.
    pub tokens: Vec<u32>,
    /// From the write of the prompt to the arrival of the first token.
    pub first: Duration,
    /// From the write of the prompt to the arrival of the last token.
    pub last: Duration,
    /// Time of all threads on a processor from the write of the prompt until the worker waits for the next one. Whoever collects bytes does not know.
    pub on_processor: Duration,
}

impl<'a> Answer<'a> {
    /// An answer of which nothing has come yet.
    pub fn new(expected: Expected<'a>) -> Self {
        let tokens = Vec::with_capacity(expected.max_new);
        Self {
            expected,
            partial: Partial::default(),
            tokens,
            first: None,
            last: Duration::ZERO,
            ended: false,
        }
    }

    /// Takes bytes that arrived `since_write` after the prompt was written.
    ///
    /// # Errors
    /// [`Kind::Garbage`] for what is no frame of this answer, [`Kind::TooMany`] for anything after its last token,
    /// [`Kind::EndedEarly`] for an end before the last token was due.
    pub fn feed(&mut self, mut bytes: &[u8], since_write: Duration) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if self.is_complete() {
                return Err(too_many(bytes));
            }
            match self.partial.take(&mut bytes, &[TOKEN, END])? {
                None => return Ok(()),
                Some(frame) => {
                    self.check(&frame)?;
                    if frame.kind == END {
                        self.end()?;
                        continue;
                    }
                    // More tokens than the text has would be cheap ones: they raise a rate.
                    if self.text_is_over() {
                        return Err(too_many(&frame.encode()));
                    }
                    self.tokens.push(frame.token);
                    self.first.get_or_insert(since_write);
                    self.last = since_write;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.ended = true;
        if self.text_is_over() {
            return Ok(());
        }
        let (had, asked) = (self.tokens.len(), self.expected.max_new);
        Err(Failure::new(Kind::EndedEarly, format!("the answer ended after {had} of {asked} tokens")))
    }

    /// Whether the last token that came ends the text.
    fn text_is_over(&self) -> bool {
        self.tokens.last().is_some_and(|token| self.expected.end.contains(token))
    }

    fn check(&self, frame: &Frame) -> Result<(), Failure> {
        let seq = self.tokens.len();
        let wrong = if frame.nonce != self.expected.nonce {
            "it carries another request's nonce".to_owned()
        } else if frame.seq as usize != seq {
            format!("it is numbered {}", frame.seq)
        } else if frame.token >= self.expected.vocab {
            format!("it holds token {}, and the vocabulary has {}", frame.token, self.expected.vocab)
        } else {
            return Ok(());
        };
        Err(Failure::new(Kind::Garbage, format!("frame {seq} of the answer is not valid: {wrong}")))
    }

    /// How many tokens have come.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no token has come.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whether nothing more is due.
    pub fn is_complete(&self) -> bool {
        self.ended || self.tokens.len() == self.expected.max_new
    }

    /// The answer, once complete.
    pub fn finish(self) -> Option<Timed> {
        let complete = self.is_complete();
        let first = self.first.filter(|_| complete)?;
        Some(Timed { tokens: self.tokens, first, last: self.last, on_processor: Duration::ZERO })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_worker::FRAME_LEN;
    use proptest::prelude::*;

    const EXPECTED: Expected = Expected { nonce: 7, max_new: 3, vocab: 100, end: &[2] };

    fn frame(seq: u32, nonce: u64, token: u32) -> [u8; FRAME_LEN] {
        Frame { kind: TOKEN, seq, nonce, token }.encode()
    }

    fn end(seq: u32) -> [u8; FRAME_LEN] {
        Frame { kind: END, seq, nonce: 7, token: 0 }.encode()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn kind(bytes: &[u8]) -> Kind {
        Answer::new(EXPECTED).feed(bytes, ms(1)).unwrap_err().outcome
    }

    #[test]
    fn an_answer_is_timed_by_its_first_and_its_last_token_however_the_bytes_are_cut() {
        let bytes = [frame(0, 7, 10), frame(1, 7, 11), frame(2, 7, 12)].concat();
        let mut answer = Answer::new(EXPECTED);
        for (i, byte) in bytes.iter().enumerate() {
            assert!(!answer.is_complete());
            answer.feed(&[*byte], ms(i as u64)).unwrap();
        }
        let timed = answer.finish().unwrap();
        assert_eq!(
            timed,
            Timed { tokens: vec![10, 11, 12], first: ms(19), last: ms(59), on_processor: ms(0) }
        );
    }

    #[test]
    fn an_end_of_text_ends_the_answer() {
        let mut answer = Answer::new(EXPECTED);
        answer.feed(&frame(0, 7, 2), ms(1)).unwrap();
        assert!(!answer.is_complete(), "the worker has yet to say that nothing follows");
        answer.feed(&end(1), ms(2)).unwrap();
        let timed = answer.finish().unwrap();
        assert_eq!((timed.tokens.as_slice(), timed.last), (&[2][..], ms(1)));
    }

    #[test]
    fn tokens_after_the_end_of_the_text_are_too_many() {
        assert_eq!(kind(&[frame(0, 7, 2), frame(1, 7, 10)].concat()), Kind::TooMany);
    }

    #[test]
    fn an_end_before_its_time_is_told_from_a_hang() {
        assert_eq!(kind(&end(0)), Kind::EndedEarly);
        assert_eq!(kind(&[frame(0, 7, 10).to_vec(), end(1).to_vec()].concat()), Kind::EndedEarly);
        assert_eq!(kind(&end(1)), Kind::Garbage, "an end that counts wrongly");
    }

    #[test]
    fn an_incomplete_answer_is_no_answer() {
        let mut answer = Answer::new(EXPECTED);
        answer.feed(&frame(0, 7, 10), ms(1)).unwrap();
        assert_eq!(answer.finish(), None);
    }

    #[test]
    fn frames_that_answer_another_question_are_garbage() {
        assert_eq!(kind(&frame(0, 8, 10)), Kind::Garbage, "another nonce");
        assert_eq!(kind(&frame(1, 7, 10)), Kind::Garbage, "a number left out");
        assert_eq!(kind(&[frame(0, 7, 10), frame(0, 7, 10)].concat()), Kind::Garbage, "a number twice");
        assert_eq!(kind(&frame(0, 7, 100)), Kind::Garbage, "outside the vocabulary");
    }

    #[test]
    fn text_on_standard_output_is_garbage_from_its_first_bytes_on() {
        let failure = Answer::new(EXPECTED).feed(b"tps: 9", ms(1)).unwrap_err();
        assert_eq!((failure.outcome, failure.reason.as_str()), (Kind::Garbage, "`tps: 9` is no frame"));
    }

    #[test]
    fn bytes_after_the_last_token_are_too_many() {
        let three = [frame(0, 7, 10), frame(1, 7, 11), frame(2, 7, 12)].concat();
        assert_eq!(kind(&[three, vec![0]].concat()), Kind::TooMany);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_hold_more_than_was_asked(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
            frames in prop::collection::vec((0u32..4, 6u64..8, 0u32..102), 0..6),
        ) {
            let framed = frames.into_iter().map(|(seq, nonce, token)| frame(seq, nonce, token).to_vec());
            let mut answer = Answer::new(EXPECTED);
            for chunk in framed.chain(chunks) {
                if answer.feed(&chunk, ms(1)).is_err() {
                    break;
                }
                prop_assert!(answer.len() <= EXPECTED.max_new);
            }
        }
    }
}
