//! Frames out of a stream of bytes, and what bytes that are none of them mean.

use crate::outcome::{Failure, Kind};
use piton_worker::{FRAME_LEN, Frame, READY, TOKEN};

/// The worker's announcement that the model is loaded.
#[derive(Debug, Default)]
pub struct Greeting {
    partial: Partial,
    done: bool,
}

impl Greeting {
    /// Takes bytes that arrived before anything was asked; `true` once the announcement is complete.
    ///
    /// # Errors
    /// [`Kind::Garbage`] for what is no announcement, [`Kind::TooEarly`] for anything after it.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<bool, Failure> {
        if !self.done
            && let Some(frame) = self.partial.take(&mut bytes, &[READY])?
        {
            if (frame.seq, frame.nonce, frame.token) != (0, 0, 0) {
                return Err(Failure::new(Kind::Garbage, "the first frame is no plain announcement"));
            }
            self.done = true;
        }
        if self.done && !bytes.is_empty() { Err(too_early(bytes)) } else { Ok(self.done) }
    }
}

/// The failure of a worker that sent `bytes` while nothing was asked of it.
pub fn too_early(bytes: &[u8]) -> Failure {
    Failure::new(Kind::TooEarly, format!("{} came before a request was written", shown(bytes)))
}

/// The failure of a worker that sent `bytes` after its last token.
pub fn too_many(bytes: &[u8]) -> Failure {
    Failure::new(Kind::TooMany, format!("{} came after the last token", shown(bytes)))
}

/// The bytes of a frame that has not wholly come.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    bytes: [u8; FRAME_LEN],
    len: usize,
}

impl Partial {
    /// Moves bytes from the front of `bytes` until a frame of one of `kinds` is complete.
    pub(crate) fn take(&mut self, bytes: &mut &[u8], kinds: &[u32]) -> Result<Option<Frame>, Failure> {
        let n = bytes.len().min(FRAME_LEN - self.len);
        self.bytes[self.len..self.len + n].copy_from_slice(&bytes[..n]);
        self.len += n;
        *bytes = &bytes[n..];
        // The first word is judged as soon as it is there: a worker that prints a line must not look like one that hangs.
        let known = self.len.min(4);
        if !kinds.iter().any(|kind| self.bytes[..known] == kind.to_le_bytes()[..known]) {
            let sent = &self.bytes[..self.len];
            let early = kinds == [READY] && sent.starts_with(&TOKEN.to_le_bytes());
            return Err(if early {
                too_early(sent)
            } else {
                Failure::new(Kind::Garbage, format!("{} is no frame", shown(sent)))
                    .hint("standard output belongs to the frames; print to standard error instead")
            });
        }
        if self.len < FRAME_LEN {
            return Ok(None);
        }
        self.len = 0;
        Ok(Some(Frame::decode(&self.bytes)))
    }
}

/// The first bytes as text, with everything that is not plain ASCII escaped.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(24)];
    let more = if bytes.len() > head.len() { "..." } else { "" };
    format!("`{}{more}`", head.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_worker::Request;
    use proptest::prelude::*;

    fn ready(seq: u32) -> [u8; FRAME_LEN] {
        Frame { kind: READY, seq, nonce: 0, token: 0 }.encode()
    }

    fn kind(bytes: &[u8]) -> Kind {
        Greeting::default().feed(bytes).unwrap_err().outcome
    }

    #[test]
    fn tokens_instead_of_the_announcement_or_right_behind_it_are_too_early() {
        let token = Frame { kind: TOKEN, seq: 0, nonce: 7, token: 1 }.encode();
        assert_eq!(Greeting::default().feed(&ready(0)), Ok(true));
        assert_eq!(kind(&token), Kind::TooEarly);
        assert_eq!(kind(&[ready(0), token].concat()), Kind::TooEarly);
    }

    #[test]
    fn an_announcement_that_says_anything_else_is_garbage() {
        assert_eq!(kind(&ready(1)), Kind::Garbage);
        assert_eq!(kind(b"loading...\n"), Kind::Garbage);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut greeting = Greeting::default();
            for chunk in &chunks {
                let _ = greeting.feed(chunk);
            }
        }

        #[test]
        fn however_a_greeting_is_cut_it_is_understood(cuts in prop::collection::vec(1usize..FRAME_LEN, 0..9)) {
            let (mut greeting, frame) = (Greeting::default(), ready(0));
            let (mut rest, mut done) = (&frame[..], false);
            for cut in cuts.into_iter().chain([FRAME_LEN]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                done = greeting.feed(now).unwrap();
                rest = later;
            }
            prop_assert!(done && rest.is_empty());
        }

        #[test]
        fn a_request_survives_the_pipe_and_half_of_one_is_none(
            nonce in any::<u64>(), max_new in any::<u32>(), prompt in prop::collection::vec(any::<u32>(), 0..50),
            cut in any::<prop::sample::Index>(), wrong in any::<u8>(),
        ) {
            let request = Request { nonce, max_new, prompt };
            let mut bytes = request.encode();
            prop_assert_eq!(Request::read(&mut &bytes[..]).unwrap(), Some(request.clone()));
            let half = Request::read(&mut &bytes[..cut.index(bytes.len())]);
            prop_assert!(!matches!(half, Ok(Some(_))), "{:?}", half);
            // Any byte but those of the request's word may be anything: what comes back is one request at most.
            let place = cut.index(bytes.len());
            bytes[place] = wrong;
            if let Ok(Some(other)) = Request::read(&mut &bytes[..]) {
                prop_assert!(other.prompt.len() <= request.prompt.len());
            }
        }
    }
}
