//! The model as it is scored: several texts at once, one byte further at a time, with what came before kept.

use crate::attention::{self, HEADS, ROW};
use crate::math::{add_product, normed, product};
use crate::model::{Model, squared};
use crate::settings::{DEPTH, HEAD, PAST, REACH, WIDER, WIDTH};
use piton_worker::train::ALPHABET;

/// What is kept of the texts so far.
pub struct Streams {
    /// Of each stream its last bytes, the latest first.
    past: Vec<[u8; PAST]>,
    /// Of each layer and stream the queries, keys and values of the last [`REACH`] bytes, in a ring.
    kept: Vec<Vec<f32>>,
    /// Bytes that came so far.
    at: usize,
}

impl Streams {
    /// Nothing came yet.
    pub fn new(count: usize) -> Self {
        Self { past: vec![[0; PAST]; count], kept: vec![vec![0.0; count * REACH * ROW]; DEPTH], at: 0 }
    }

    /// As much came as attention reaches back: what it takes from here on, it takes for every byte.
    pub fn full(count: usize) -> Self {
        Self { at: REACH, ..Self::new(count) }
    }

    /// Takes the byte that came in each stream. Returns the scores of the next one.
    pub fn next(&mut self, model: &Model, came: &[u8]) -> Vec<f32> {
        let streams = came.len();
        for (past, byte) in self.past.iter_mut().zip(came) {
            past.rotate_right(1);
            past[0] = *byte;
        }
        let first = (self.at + 1).saturating_sub(REACH);
        let ring: Vec<usize> = (first..=self.at).map(|at| at % REACH).collect();
        let mut x = model.begin(&self.past);
        let mut weights = Vec::with_capacity(REACH);
        for (layer, kept) in model.layers.iter().zip(&mut self.kept) {
            let qkv = product(&normed(&x, WIDTH).0, &layer.qkv.w, (streams, WIDTH, ROW));
            let mut means = vec![0.0; streams * WIDTH];
            for (stream, kept) in kept.chunks_exact_mut(REACH * ROW).enumerate() {
                kept[self.at % REACH * ROW..][..ROW].copy_from_slice(&qkv[stream * ROW..][..ROW]);
                for head in 0..HEADS {
                    let means = &mut means[stream * WIDTH + head * HEAD..][..HEAD];
                    attention::last(kept, &ring, head, means, &mut weights);
                }
            }
            add_product(&means, &layer.out.w, &mut x, (streams, WIDTH, WIDTH));
            let inner = product(&normed(&x, WIDTH).0, &layer.up.w, (streams, WIDTH, WIDER * WIDTH));
            add_product(&squared(&inner), &layer.down.w, &mut x, (streams, WIDER * WIDTH, WIDTH));
        }
        self.at += 1;
        product(&normed(&x, WIDTH).0, &model.head.w, (streams, WIDTH, ALPHABET))
    }
}
