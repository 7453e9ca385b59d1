//! What a candidate must offer, and the frames that its process exchanges with the harness.
//!
//! The candidate and the harness never share an address space: the candidate implements [`Generator`],
//! calls [`serve`] in `main`, and from there on it is a *worker* that answers requests on its standard
//! input with frames on its standard output. This crate is locked: both sides are built from the same
//! sealed source, and it knows nothing of prompts as text, of clocks or of scores.
//!
//! All integers are little-endian.
//!
//! | direction | bytes |
//! |---|---|
//! | worker, once, when loaded | [`READY`] `u32`, seq `0u32`, nonce `0u64`, token `0u32` |
//! | harness | [`REQUEST`] `u32`, max_new `u32`, nonce `u64`, n `u32`, n token ids `u32` |
//! | worker, per token | [`TOKEN`] `u32`, seq `u32` from 0, the request's nonce `u64`, token id `u32` |
//! | worker, after fewer tokens than asked | [`END`] `u32`, seq as for the next token, nonce, token `0u32` |

pub mod train;

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// First word of the frame that says "the model is loaded".
pub const READY: u32 = u32::from_le_bytes(*b"PTNr");
/// First word of a request.
pub const REQUEST: u32 = u32::from_le_bytes(*b"PTNq");
/// First word of a token frame.
pub const TOKEN: u32 = u32::from_le_bytes(*b"PTNt");
/// First word of the frame that says "no more tokens", sent only after fewer than were asked for: without it,
/// an answer that ends early looks like one that hangs.
pub const END: u32 = u32::from_le_bytes(*b"PTNe");
/// Length of a frame from the worker, in bytes.
pub const FRAME_LEN: usize = 20;
/// Longest prompt that a worker accepts, in tokens: bounds what a broken request can make it allocate.
pub const MAX_PROMPT: u32 = 1 << 20;

/// An inference engine: the one thing that a candidate must be.
pub trait Generator: Sized {
    /// Loads a model from a directory in the Hugging Face layout (`config.json`, `*.safetensors`).
    ///
    /// # Errors
    /// Whatever keeps the model from being loaded; the worker prints it and exits with status 3.
    fn load(model_dir: &Path) -> Result<Self, Box<dyn Error>>;

    /// Continues `prompt` greedily, calling `emit` with each token id as soon as it is known.
    ///
    /// Emits exactly `max_new` tokens, or fewer when the last one emitted is an end-of-text token.
    /// Requests are independent: nothing of an earlier prompt may show in a later answer.
    fn generate(&mut self, prompt: &[u32], max_new: usize, emit: impl FnMut(u32));
}

/// A request from the harness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Drawn by the harness for this request; every frame of the answer repeats it.
    pub nonce: u64,
    /// How many tokens to make.
    pub max_new: u32,
    /// Token ids of the prompt.
    pub prompt: Vec<u32>,
}

/// A frame from the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// [`READY`], [`TOKEN`] or [`END`]; anything else is garbage.
    pub kind: u32,
    /// Position in the answer, from 0.
    pub seq: u32,
    /// The request's nonce.
    pub nonce: u64,
    /// The token id.
    pub token: u32,
}

impl Request {
    /// The request as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20 + 4 * self.prompt.len());
        bytes.extend(REQUEST.to_le_bytes());
        bytes.extend(self.max_new.to_le_bytes());
        bytes.extend(self.nonce.to_le_bytes());
        bytes.extend((self.prompt.len() as u32).to_le_bytes());
        for id in &self.prompt {
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    /// Reads one request; `None` when the harness has closed the pipe.
    ///
    /// # Errors
    /// A read error, or bytes that are no request.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0u8; FRAME_LEN];
        match from.read_exact(&mut head) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let n = word(&head, 16);
        if word(&head, 0) != REQUEST || n > MAX_PROMPT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a request"));
        }
        let mut ids = vec![0u8; 4 * n as usize];
        from.read_exact(&mut ids)?;
        Ok(Some(Self {
            nonce: long(&head, 8),
            max_new: word(&head, 4),
            prompt: (0..n as usize).map(|i| word(&ids, 4 * i)).collect(),
        }))
    }
}

impl Frame {
    /// The frame as bytes.
    pub fn encode(self) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        bytes[0..4].copy_from_slice(&self.kind.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.nonce.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.token.to_le_bytes());
        bytes
    }

    /// The frame that these bytes hold, whatever it says: judging it is the harness's business.
    pub fn decode(bytes: &[u8; FRAME_LEN]) -> Self {
        Self { kind: word(bytes, 0), seq: word(bytes, 4), nonce: long(bytes, 8), token: word(bytes, 16) }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The body of a worker's `main`: loads the model named by the first argument, says so, and answers
/// requests until the harness closes the pipe. Never returns.
pub fn serve<G: Generator>() -> ! {
    let status = match run::<G>() {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("worker: {e}");
            3
        }
    };
    std::process::exit(status)
}

fn run<G: Generator>() -> Result<(), Box<dyn Error>> {
    let model_dir: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("usage: candidate MODEL_DIR, with frames on stdin and stdout")?
        .into();
    let mut generator = G::load(&model_dir)?;
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let mut send = |frame: Frame| -> io::Result<()> {
        stdout.write_all(&frame.encode())?;
        stdout.flush()
    };
    send(Frame { kind: READY, seq: 0, nonce: 0, token: 0 })?;
    while let Some(request) = Request::read(&mut stdin)? {
        let (mut seq, mut broken) = (0, Ok(()));
        generator.generate(&request.prompt, request.max_new as usize, |token| {
            if broken.is_ok() {
                broken = send(Frame { kind: TOKEN, seq, nonce: request.nonce, token });
                seq += 1;
            }
        });
        broken?;
        if seq < request.max_new {
            send(Frame { kind: END, seq, nonce: request.nonce, token: 0 })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_pipe() {
        let request = Request { nonce: u64::MAX - 3, max_new: 7, prompt: vec![0, 5, u32::MAX] };
        let bytes = request.encode();
        let mut pipe = &bytes[..];
        assert_eq!(Request::read(&mut pipe).unwrap(), Some(request));
        assert_eq!(Request::read(&mut pipe).unwrap(), None, "a closed pipe is an end, not an error");
    }

    #[test]
    fn a_frame_survives_the_pipe() {
        let frame = Frame { kind: TOKEN, seq: 9, nonce: 1 << 60, token: 900 };
        assert_eq!(Frame::decode(&frame.encode()), frame);
    }

    #[test]
    fn a_request_that_claims_a_giant_prompt_is_refused_before_it_is_allocated() {
        let mut bytes = Request { nonce: 1, max_new: 1, prompt: vec![] }.encode();
        bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Request::read(&mut &bytes[..]).is_err());
    }
}
