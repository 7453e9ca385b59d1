//! Whether a recipe answers as recipe 0 did: faster by answering something else is no gain.

use serde::{Deserialize, Serialize};

use crate::recipe::TrialRecipe;

/// The answers of a recipe to the prompts of the warm-up, which are the same for every recipe of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Whose they are.
    pub recipe: TrialRecipe,
    /// One for each prompt.
    pub answers: Vec<String>,
}

/// The seed of the prompts that every warm-up asks.
pub const SEED: u64 = 0x70_69_74_6f_6e;

/// The share of `answers` that is `reference`, from 0 to 1: of each answer how much of the longer text stands in both from the beginning, and
/// the mean of that over the answers. Greedy answers that part never meet again, so what stands after the first difference counts for nothing.
///
/// `None` where there is nothing to compare.
pub fn agreement(reference: &[String], answers: &[String]) -> Option<f64> {
    let n = reference.len().min(answers.len());
    let shares = reference.iter().zip(answers).map(|(one, other)| {
        let longer = one.chars().count().max(other.chars().count());
        let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        if longer == 0 { 1.0 } else { same as f64 / longer as f64 }
    });
    (n > 0).then(|| shares.sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(one: &[&str], other: &[&str]) -> Option<f64> {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        agreement(&texts(one), &texts(other))
    }

    #[test]
    fn what_stands_after_the_first_difference_counts_for_nothing() {
        assert_eq!(of(&["abcd", "xy"], &["abcd", "xy"]), Some(1.0));
        assert_eq!(of(&["abcd"], &["abxd"]), Some(0.5));
        assert_eq!(of(&["abcd"], &["ab"]), Some(0.5), "an answer that ends early is another one");
        assert_eq!(of(&["ab", ""], &["cd", ""]), Some(0.5));
        assert_eq!(of(&[], &["a"]), None);
    }
}
