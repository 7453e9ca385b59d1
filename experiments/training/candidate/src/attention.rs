//! Attention: each position takes a mean of the values before it, weighted by how well its query meets their keys. What lies further back
//! counts less, by a slope of each head's own (O. Press, N. A. Smith and M. Lewis, "Train Short, Test Long", ICLR 2022); that needs no positions.

use crate::math::{add, dot, softmax};
use crate::settings::{HEAD, REACH, WIDTH};

/// Heads of a layer.
pub const HEADS: usize = WIDTH / HEAD;
/// Numbers of a position's query, key and value together.
pub const ROW: usize = 3 * WIDTH;

/// How much the score falls with each byte of distance.
pub fn slope(head: usize) -> f32 {
    (-8.0 * (head + 1) as f32 / HEADS as f32).exp2()
}

fn scale() -> f32 {
    1.0 / (HEAD as f32).sqrt()
}

/// The query, key or value of a position: `part` is 0, 1 or 2.
fn part(qkv: &[f32], at: usize, part: usize, head: usize) -> &[f32] {
    &qkv[at * ROW + part * WIDTH + head * HEAD..][..HEAD]
}

/// The mean for the last of these positions, which are rows of queries, keys and values in the order of time, given by number.
pub fn last(qkv: &[f32], positions: &[usize], head: usize, out: &mut [f32], weights: &mut Vec<f32>) {
    let at = positions[positions.len() - 1];
    let query = part(qkv, at, 0, head);
    weights.clear();
    let score = |(age, other): (usize, &usize)| {
        scale() * dot(query, part(qkv, *other, 1, head)) - slope(head) * (positions.len() - 1 - age) as f32
    };
    weights.extend(positions.iter().enumerate().map(score));
    softmax(weights);
    for (weight, other) in weights.iter().zip(positions) {
        add(out, part(qkv, *other, 2, head), *weight);
    }
}

/// For every position of pieces of [`REACH`] bytes. Returns the means, and the weights for the way back.
pub fn forward(qkv: &[f32]) -> (Vec<f32>, Vec<Vec<f32>>) {
    let rows = qkv.len() / ROW;
    let mut out = vec![0.0; rows * WIDTH];
    let mut kept = Vec::with_capacity(rows * HEADS);
    let positions: Vec<usize> = (0..rows).collect();
    for at in 0..rows {
        let begins = at - at % REACH;
        for head in 0..HEADS {
            let mut weights = Vec::with_capacity(REACH);
            let out = &mut out[at * WIDTH + head * HEAD..][..HEAD];
            last(qkv, &positions[begins..=at], head, out, &mut weights);
            kept.push(weights);
        }
    }
    (out, kept)
}

/// The gradient of queries, keys and values, from that of the means.
pub fn back(qkv: &[f32], kept: &[Vec<f32>], d_out: &[f32]) -> Vec<f32> {
    let mut d = vec![0.0; qkv.len()];
    let place = |at: usize, part: usize, head: usize| at * ROW + part * WIDTH + head * HEAD;
    for at in 0..qkv.len() / ROW {
        let begins = at - at % REACH;
        for head in 0..HEADS {
            let (weights, d_out) = (&kept[at * HEADS + head], &d_out[at * WIDTH + head * HEAD..][..HEAD]);
            let of_value: Vec<f32> =
                (begins..=at).map(|other| dot(d_out, part(qkv, other, 2, head))).collect();
            let mean: f32 = weights.iter().zip(&of_value).map(|(w, d)| w * d).sum();
            for (other, (weight, of_value)) in (begins..=at).zip(weights.iter().zip(&of_value)) {
                let d_score = weight * (of_value - mean) * scale();
                add(&mut d[place(other, 2, head)..][..HEAD], d_out, *weight);
                add(&mut d[place(at, 0, head)..][..HEAD], part(qkv, other, 1, head), d_score);
                add(&mut d[place(other, 1, head)..][..HEAD], part(qkv, at, 0, head), d_score);
            }
        }
    }
    d
}
