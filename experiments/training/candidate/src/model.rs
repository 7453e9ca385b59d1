//! The model: bytes in, a score for each byte of the alphabet out, and the way back by hand.

use crate::attention::{self, ROW};
use crate::math::{Random, add, add_product, normed, normed_back, product, softmax, turned};
use crate::settings::{BETAS, DEPTH, PAST, WEIGHT_DECAY, WIDER, WIDTH};
use piton_worker::train::ALPHABET;

/// Numbers inside of a layer's second half.
const INNER: usize = WIDER * WIDTH;

/// Weights, their gradient, and what the optimiser remembers of it.
pub struct Weights {
    /// The numbers.
    pub w: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Weights {
    fn new(count: usize, deviation: f32, random: &mut Random) -> Self {
        let w = (0..count).map(|_| random.weight(deviation)).collect();
        Self { w, gradient: vec![0.0; count], mean: vec![0.0; count], square: vec![0.0; count] }
    }
}

/// A layer: attention, then two products with a function between them; each is added to what came in.
pub struct Layer {
    /// To queries, keys and values.
    pub qkv: Weights,
    /// From attention's means.
    pub out: Weights,
    /// Into the second half, and out of it.
    pub up: Weights,
    /// See `up`.
    pub down: Weights,
}

/// The model.
pub struct Model {
    /// What each byte stands for, by how far back it came.
    pub bytes: Weights,
    /// The layers.
    pub layers: Vec<Layer>,
    /// To the scores.
    pub head: Weights,
    steps: i32,
}

/// What a layer's way back needs of its way forth.
struct Trace {
    before: (Vec<f32>, Vec<f32>),
    qkv: Vec<f32>,
    kept: Vec<Vec<f32>>,
    means: Vec<f32>,
    between: (Vec<f32>, Vec<f32>),
    inner: Vec<f32>,
}

/// The function between a layer's two products: the square of what is above zero (D. So et al., "Primer", NeurIPS 2021).
pub fn squared(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| x.max(0.0) * x.max(0.0)).collect()
}

impl Model {
    /// A model that has learnt nothing.
    pub fn new(random: &mut Random) -> Self {
        let usual = 1.0 / (WIDTH as f32).sqrt();
        let layers = (0..DEPTH).map(|_| Layer {
            qkv: Weights::new(WIDTH * ROW, usual, random),
            out: Weights::new(WIDTH * WIDTH, 0.0, random),
            up: Weights::new(WIDTH * INNER, usual, random),
            down: Weights::new(INNER * WIDTH, 0.0, random),
        });
        Self {
            layers: layers.collect(),
            bytes: Weights::new(PAST * ALPHABET * WIDTH, 0.5, random),
            head: Weights::new(WIDTH * ALPHABET, 0.02, random),
            steps: 0,
        }
    }

    /// What the layers begin with, from each position's last [`PAST`] bytes, the latest first.
    pub fn begin(&self, past: &[[u8; PAST]]) -> Vec<f32> {
        let mut x = vec![0.0; past.len() * WIDTH];
        for (x, past) in x.chunks_exact_mut(WIDTH).zip(past) {
            for (back, byte) in past.iter().enumerate() {
                add(x, &self.bytes.w[(back * ALPHABET + usize::from(*byte)) * WIDTH..][..WIDTH], 1.0);
            }
        }
        x
    }

    /// Learns from pieces of text: `past` as in [`Model::begin`], `next` the byte that came after each. Returns the mean loss in nats, and
    /// leaves the gradient for [`Model::step`].
    pub fn learn(&mut self, past: &[[u8; PAST]], next: &[u8]) -> f32 {
        let rows = past.len();
        let (mut x, mut traces) = (self.begin(past), vec![]);
        for layer in &self.layers {
            let before = normed(&x, WIDTH);
            let qkv = product(&before.0, &layer.qkv.w, (rows, WIDTH, ROW));
            let (means, kept) = attention::forward(&qkv);
            add_product(&means, &layer.out.w, &mut x, (rows, WIDTH, WIDTH));
            let between = normed(&x, WIDTH);
            let inner = product(&between.0, &layer.up.w, (rows, WIDTH, INNER));
            add_product(&squared(&inner), &layer.down.w, &mut x, (rows, INNER, WIDTH));
            traces.push(Trace { before, qkv, kept, means, between, inner });
        }
        let last = normed(&x, WIDTH);
        let mut scores = product(&last.0, &self.head.w, (rows, WIDTH, ALPHABET));
        let mut loss = 0.0;
        for (scores, next) in scores.chunks_exact_mut(ALPHABET).zip(next) {
            let score = scores[usize::from(*next)];
            loss += softmax(scores) - score;
            scores[usize::from(*next)] -= 1.0;
            scores.iter_mut().for_each(|d| *d /= rows as f32);
        }
        let mut dx = vec![0.0; rows * WIDTH];
        let d = back(&last.0, &scores, &mut self.head, (rows, WIDTH, ALPHABET));
        normed_back(&last, &d, &mut dx, WIDTH);
        for (layer, trace) in self.layers.iter_mut().zip(&traces).rev() {
            let mut d = back(&squared(&trace.inner), &dx, &mut layer.down, (rows, INNER, WIDTH));
            d.iter_mut().zip(&trace.inner).for_each(|(d, x)| *d *= 2.0 * x.max(0.0));
            let d = back(&trace.between.0, &d, &mut layer.up, (rows, WIDTH, INNER));
            normed_back(&trace.between, &d, &mut dx, WIDTH);
            let d = back(&trace.means, &dx, &mut layer.out, (rows, WIDTH, WIDTH));
            let d = attention::back(&trace.qkv, &trace.kept, &d);
            let d = back(&trace.before.0, &d, &mut layer.qkv, (rows, WIDTH, ROW));
            normed_back(&trace.before, &d, &mut dx, WIDTH);
        }
        for (dx, past) in dx.chunks_exact(WIDTH).zip(past) {
            for (back, byte) in past.iter().enumerate() {
                let place = (back * ALPHABET + usize::from(*byte)) * WIDTH;
                add(&mut self.bytes.gradient[place..][..WIDTH], dx, 1.0);
            }
        }
        loss / rows as f32
    }

    /// One step down the gradient. Returns the sum of its squares.
    #[cfg(test)]
    pub fn slide(&mut self, rate: f32) -> f32 {
        let layers = self.layers.iter_mut().flat_map(|l| [&mut l.qkv, &mut l.out, &mut l.up, &mut l.down]);
        let mut squares = 0.0;
        for Weights { w, gradient, .. } in layers.chain([&mut self.bytes, &mut self.head]) {
            crate::math::add(w, gradient, -rate);
            squares += gradient.iter().map(|g| g * g).sum::<f32>();
            gradient.fill(0.0);
        }
        squares
    }

    /// One step of the optimiser, Adam with decoupled decay (I. Loshchilov and F. Hutter, ICLR 2019); the gradient is nothing afterwards.
    pub fn step(&mut self, rate: f32) {
        self.steps += 1;
        let [b1, b2] = BETAS;
        let [c1, c2] = BETAS.map(|b| 1.0 - b.powi(self.steps));
        let layers = self.layers.iter_mut().flat_map(|l| [&mut l.qkv, &mut l.out, &mut l.up, &mut l.down]);
        for Weights { w, gradient, mean, square } in layers.chain([&mut self.bytes, &mut self.head]) {
            for (((w, g), m), s) in w.iter_mut().zip(gradient).zip(mean).zip(square) {
                *m = b1 * *m + (1.0 - b1) * *g;
                *s = b2 * *s + (1.0 - b2) * *g * *g;
                *w -= rate * (*m / c1 / ((*s / c2).sqrt() + 1e-8) + WEIGHT_DECAY * *w);
                *g = 0.0;
            }
        }
    }
}

/// The way back through a product of `x` with weights: adds to their gradient, and returns that of `x`.
fn back(x: &[f32], dy: &[f32], weights: &mut Weights, (m, k, n): (usize, usize, usize)) -> Vec<f32> {
    add_product(&turned(x, m, k), dy, &mut weights.gradient, (k, m, n));
    product(dy, &turned(&weights.w, k, n), (m, n, k))
}
