//! What an answer is worth, token by token, under the reference model.
//!
//! Scores come from the tokens alone. The answer is read in one pass with its own tokens before each position,
//! so a worker is judged on what it did and not on what it might have done; and the exact version's answer to
//! the same prompt is found, so that a candidate is never blamed for what the model itself cannot do.

use crate::counts::{AGREES_WITHIN, Quality};
use crate::model::{Past, Reference, Unreadable};
use crate::outcome::{Failure, Kind};
use ndarray::{ArrayView2, Axis, s};

/// Logits of at most this many positions exist at a time: a large vocabulary makes them large.
const ROWS: usize = 256;
/// Tokens that the search for the exact answer verifies in one pass.
const DRAFT: usize = 16;

/// One position, scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// The reference's most likely token; the first of equals.
    pub argmax: u32,
    /// Its negative log-likelihood, nats.
    pub argmax_nll: f64,
    /// Negative log-likelihood of the token that was chosen, nats.
    pub nll: f64,
}

impl Position {
    /// How much more likely the reference's choice was, nats. Never negative.
    pub fn regret(&self) -> f64 {
        (self.nll - self.argmax_nll).max(0.0)
    }
}

/// An answer, scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// One entry per generated token.
    pub positions: Vec<Position>,
    /// What the exact version answers to the same prompt.
    pub exact: Vec<u32>,
    /// Sum of the negative log-likelihoods of the exact version's tokens, nats.
    pub exact_nll: f64,
}

impl Scored {
    /// The counts of this answer; its checks are not among them.
    pub fn counts(&self) -> Quality {
        let regrets: Vec<f64> = self.positions.iter().map(Position::regret).collect();
        let regret_sum = regrets.iter().sum::<f64>();
        Quality {
            positions: self.positions.len() as u64,
            agreeing: regrets.iter().filter(|regret| **regret <= AGREES_WITHIN).count() as u64,
            same_argmax: regrets.iter().filter(|regret| **regret == 0.0).count() as u64,
            regret_sum,
            worst_prompt_regret: regret_sum / self.positions.len() as f64,
            nll_sum: self.positions.iter().map(|position| position.nll).sum(),
            exact_positions: self.exact.len() as u64,
            exact_nll_sum: self.exact_nll,
            checks: Default::default(),
        }
    }

    /// Whether the answer ended with fewer than `max_new` tokens where the reference would have gone on.
    pub fn ended_early(&self, max_new: usize) -> bool {
        self.positions.len() < max_new
            && self.positions.last().is_none_or(|last| last.regret() > AGREES_WITHIN)
    }
}

/// Scores the `answer` to a `prompt`, of which `max_new` tokens were asked.
///
/// # Errors
/// `bad_model` where the reference cannot compute it, or computes what is not finite.
pub fn score(
    reference: &Reference,
    prompt: &[u32],
    answer: &[u32],
    max_new: usize,
) -> Result<Scored, Failure> {
    let scored = try_score(reference, prompt, answer, max_new)
        .map_err(|e| Failure::new(Kind::BadModel, format!("the reference did not score an answer: {e}")))?;
    if scored.positions.iter().all(|p| p.nll.is_finite()) && scored.exact_nll.is_finite() {
        Ok(scored)
    } else {
        Err(Failure::new(
            Kind::BadModel,
            "the reference's likelihoods are not finite: the weights are damaged",
        ))
    }
}

fn try_score(
    reference: &Reference,
    prompt: &[u32],
    answer: &[u32],
    max_new: usize,
) -> Result<Scored, Unreadable> {
    let mut past = reference.start();
    let text = [prompt, &answer[..answer.len() - 1]].concat();
    let hidden = reference.read(&text, &mut past)?;
    let positions = positions(reference, hidden.slice(s![prompt.len() - 1.., ..]), answer);
    // Up to the first departure the worker's tokens are the exact version's.
    let same =
        positions.iter().zip(answer).take_while(|(position, token)| position.argmax == **token).count();
    let exact_nll = positions[..same].iter().map(|position| position.nll).sum();
    if same == answer.len() {
        return Ok(Scored { positions, exact: answer.to_vec(), exact_nll });
    }
    past.truncate(prompt.len() + same);
    let mut exact = answer[..same].to_vec();
    let next = (positions[same].argmax, positions[same].argmax_nll);
    let rest_nll = go_on(reference, past, next, answer, &mut exact, max_new)?;
    Ok(Scored { positions, exact, exact_nll: exact_nll + rest_nll })
}

/// Completes the exact answer greedily from `next` on, and gives the sum of the likelihoods of what it added.
///
/// Where two answers part at a tie they mostly run on alike, so the worker's tokens at the same places serve
/// as a draft: one pass verifies [`DRAFT`] of them, and the first that the reference would not have chosen is
/// replaced by its choice. The outcome is that of decoding one token at a time.
fn go_on(
    reference: &Reference,
    mut past: Past,
    mut next: (u32, f64),
    draft: &[u32],
    exact: &mut Vec<u32>,
    max_new: usize,
) -> Result<f64, Unreadable> {
    let (end, mut nll) = (&reference.config().end, 0.0);
    loop {
        exact.push(next.0);
        nll += next.1;
        if exact.len() == max_new || end.contains(&next.0) {
            return Ok(nll);
        }
        let known = past.len();
        let last = draft.len().min(exact.len() + DRAFT).min(max_new);
        let guess = draft.get(exact.len()..last).unwrap_or_default();
        let text = [&[next.0], guess].concat();
        let hidden = reference.read(&text, &mut past)?;
        // The last row has no guess to be held against; any token will do, only the argmax is used.
        let scored = positions(reference, hidden.view(), &[guess, &[0]].concat());
        let mut right = 0;
        while right < guess.len() && scored[right].argmax == guess[right] && !end.contains(&guess[right]) {
            exact.push(guess[right]);
            nll += scored[right].nll;
            right += 1;
        }
        past.truncate(known + 1 + right);
        next = (scored[right].argmax, scored[right].argmax_nll);
        if exact.len() == max_new {
            return Ok(nll);
        }
    }
}

/// Scores `chosen[i]` by the hidden state in row `i`.
fn positions(reference: &Reference, hidden: ArrayView2<'_, f32>, chosen: &[u32]) -> Vec<Position> {
    let mut positions = Vec::with_capacity(chosen.len());
    for (rows, chosen) in hidden.axis_chunks_iter(Axis(0), ROWS).zip(chosen.chunks(ROWS)) {
        let logits = reference.logits(rows);
        let rows = logits.rows().into_iter().zip(chosen);
        positions.extend(rows.map(|(row, token)| position(row.as_slice().expect("a row is whole"), *token)));
    }
    positions
}

fn position(logits: &[f32], chosen: u32) -> Position {
    let mut argmax = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[argmax] {
            argmax = i;
        }
    }
    // In f64, relative to the largest: sums over a large vocabulary lose digits in f32.
    let top = f64::from(logits[argmax]);
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - top).exp()).sum();
    let nll = |i: usize| sum.ln() - (f64::from(logits[i]) - top);
    Position { argmax: argmax as u32, argmax_nll: nll(argmax), nll: nll(chosen as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regret_is_the_difference_of_the_log_likelihoods() {
        let scored = position(&[0.0, 2f32.ln(), 0.0], 0);
        assert_eq!(scored.argmax, 1);
        assert!((scored.argmax_nll - 2f64.ln()).abs() < 1e-7, "one half of the mass");
        assert!((scored.nll - 4f64.ln()).abs() < 1e-7, "one quarter");
        assert!((scored.regret() - 2f64.ln()).abs() < 1e-7);
    }

    #[test]
    fn logits_that_are_not_finite_give_a_likelihood_that_is_not_finite() {
        assert!(!position(&[f32::NAN, 1.0], 1).nll.is_finite());
        assert!(!position(&[f32::INFINITY, 1.0], 1).nll.is_finite());
    }

    #[test]
    fn an_end_of_text_counts_only_where_the_reference_would_end_too() {
        let position = |regret: f64| Position { argmax: 1, argmax_nll: 0.5, nll: 0.5 + regret };
        let scored = |regret| Scored {
            positions: vec![position(0.0), position(regret)],
            exact: vec![],
            exact_nll: 0.0,
        };
        assert!(!scored(0.05).ended_early(9), "a tie");
        assert!(scored(3.0).ended_early(9));
        assert!(!scored(3.0).ended_early(2), "no tokens are missing: that is for the gates");
    }
}
