//! The arithmetic that has no state.

/// Sums that a product of two vectors is added up in, so that an addition need not wait for the one before it:
/// the product at `i` goes to sum `i % SUMS`.
const SUMS: usize = 4;

/// Sum of products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dots(a, [b])[0]
}

/// Sum of products of one vector with each of several.
pub fn dots<const N: usize>(a: &[f32], others: [&[f32]; N]) -> [f32; N] {
    let mut sums = [[0.0; SUMS]; N];
    let (chunks, rest) = a.as_chunks::<SUMS>();
    let others = others.map(|b| b.as_chunks::<SUMS>());
    let aligned = others.map(|(b, _)| &b[..chunks.len()]);
    for (i, a) in chunks.iter().enumerate() {
        for (sums, b) in sums.iter_mut().zip(aligned) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(&b[i]) {
                *sum += a * b;
            }
        }
    }
    for (sums, (_, b)) in sums.iter_mut().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(rest).zip(b) {
            *sum += a * b;
        }
    }
    sums.map(|sums| sums.iter().sum())
}

/// Root-mean-square norm of each row of `x`, times `weight`.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    for row in x.chunks(weight.len()) {
        let mean_square = dot(row, row) / row.len() as f32;
        let scale = 1.0 / (mean_square + eps).sqrt();
        out.extend(row.iter().zip(weight).map(|(v, w)| v * scale * w));
    }
    out
}

/// Turns scores into shares that add up to 1.
pub fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().fold(f32::NEG_INFINITY, |m, &s| m.max(s));
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

/// `x` times its logistic function.
pub fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

/// Adds `b` to `a`, one by one.
pub fn add(a: &mut [f32], b: &[f32]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x += y;
    }
}

/// Rotates the pairs (i, i + half) of a head's query or key by the `(cos, sin)` of each.
pub fn rotate(head: &mut [f32], turns: &[(f32, f32)]) {
    let (left, right) = head.split_at_mut(turns.len());
    for ((a, b), (cos, sin)) in left.iter_mut().zip(right).zip(turns) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

/// Index of the largest value, the lowest one where several are as large.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// Draws an index by the softmax of `logits / temperature`, among the likeliest that together hold `top_p`.
/// `random` is the state of a xorshift generator, not 0.
pub fn sample(logits: &[f32], temperature: f32, top_p: f32, random: &mut u64) -> usize {
    let mut shares: Vec<f32> = logits.iter().map(|v| v / temperature).collect();
    softmax(&mut shares);
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
    let (mut mass, mut kept) = (0.0, 0);
    while kept < order.len() && mass < top_p {
        mass += shares[order[kept]];
        kept += 1;
    }
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let mut left = mass * (*random >> 40) as f32 / (1u64 << 24) as f32;
    for &i in &order[..kept] {
        left -= shares[i];
        if left < 0.0 {
            return i;
        }
    }
    order[kept - 1]
}
