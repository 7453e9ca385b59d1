//! What a worker's scores are worth.

use piton_worker::train::ALPHABET;

/// What a byte costs that was not scored, in bits: as much as it is long.
pub const UNSCORED: f64 = 8.0;
/// Scores are taken as no further from zero than this. They are cut before they are made into probabilities, so that these add up to 1 all the same.
const FURTHEST: f64 = 60.0;

/// Bits that the byte `came` costs by raw `scores`: minus the binary logarithm of its share in their softmax. Scores of which one is not
/// finite are none.
pub fn bits(scores: &[u8], came: u8) -> f64 {
    let (scores, _) = scores.as_chunks::<4>();
    let scores: Vec<f64> = scores.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
    let came = usize::from(came);
    if scores.len() != ALPHABET || came >= ALPHABET || !scores.iter().all(|score| score.is_finite()) {
        return UNSCORED;
    }
    let cut = |score: &f64| score.clamp(-FURTHEST, FURTHEST);
    let sum: f64 = scores.iter().map(|score| cut(score).exp()).sum();
    (sum.ln() - cut(&scores[came])) / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(score: impl Fn(usize) -> f32) -> Vec<u8> {
        (0..ALPHABET).flat_map(|i| score(i).to_le_bytes()).collect()
    }

    #[test]
    fn equal_scores_cost_as_much_as_the_alphabet_is_wide() {
        for level in [0.0, 1.0, -40.0, f32::MAX] {
            assert!((bits(&row(|_| level), 3) - 7.0).abs() < 1e-9, "{level}");
        }
    }

    #[test]
    fn no_scores_make_all_bytes_cheap_at_once() {
        // Shares add up to 1, whatever is sent: the sum of 2^-bits over the alphabet is 1.
        for row in [row(|i| i as f32), row(|_| 1e30), row(|i| if i == 9 { 1e30 } else { -1e30 })] {
            let sum: f64 = (0..ALPHABET as u8).map(|byte| (-bits(&row, byte)).exp2()).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn scores_that_are_no_numbers_are_no_scores() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(bits(&row(|i| if i == 5 { bad } else { 0.0 }), 9).to_bits(), UNSCORED.to_bits());
        }
    }
}
