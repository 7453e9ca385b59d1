//! What one pair says, from the times of its prompts: one number out of many, some of which something else on the machine has spoilt.
//!
//! Whatever is asked here turns its sign where the two sides are exchanged. So where a change does nothing, and a fair coin says which side is
//! which, of the pair or of each prompt, the number is symmetric about zero, and the rule's promise holds for it. What is measured stays the
//! time of the whole suite: without noise every estimator gives the logarithm of the ratio of the total times, but for what prompts of one
//! family differ by.

use serde::{Deserialize, Serialize};

/// One prompt of a pair, or whatever else a sample consists of and both sides did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Prompts that a change helps or hurts alike, three of them at least: for a language model those of one length of context.
    pub family: String,
    /// What the first side took, in seconds.
    pub first_s: f64,
    /// What the second side took, in seconds.
    pub second_s: f64,
}

/// How the times of a pair become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// The ratio of the total times.
    Total,
    /// In each family the mean of the prompts' log ratios without the lowest and the highest fifth, at least one of each where there are three;
    /// families count by their share of the time. What hits single prompts is left out, and no family is. It finds more in every hour that was
    /// simulated, and no choice by a run's own calibration beats it: METHODOLOGY.md, section 2.
    Trimmed,
    /// The smaller of the two, and nothing where they do not agree on who is faster: a side that does in a few prompts what all others profit
    /// from has a trimmed mean that leaves its cost out.
    #[default]
    Agreed,
}

/// So much of a family is left out at each end.
const TRIM: f64 = 0.2;
/// Prompts from which on anything is.
const FEWEST: usize = 3;

impl Estimator {
    /// How many times as fast as the first side the second is, as a natural logarithm: the w of a pair. `None` where nothing was measured, or a
    /// time is not above zero.
    pub fn log_ratio(self, parts: &[Part]) -> Option<f64> {
        let measured = |seconds: f64| seconds.is_finite() && seconds > 0.0;
        let sound = parts.iter().all(|part| measured(part.first_s) && measured(part.second_s));
        if parts.is_empty() || !sound {
            return None;
        }
        let (first, second) = match self {
            Self::Total => total(parts),
            Self::Trimmed => families(parts).iter().map(|family| trimmed(family)).fold((0.0, 0.0), add),
            Self::Agreed => {
                let (total, trimmed) = (Self::Total.log_ratio(parts)?, Self::Trimmed.log_ratio(parts)?);
                let agree = total.signum() == trimmed.signum();
                return Some(if agree { total.signum() * total.abs().min(trimmed.abs()) } else { 0.0 });
            }
        };
        Some((first / second).ln()).filter(|ratio| ratio.is_finite())
    }
}

fn add(sum: (f64, f64), more: (f64, f64)) -> (f64, f64) {
    (sum.0 + more.0, sum.1 + more.1)
}

/// The times of both sides.
fn total<'a>(parts: impl IntoIterator<Item = &'a Part>) -> (f64, f64) {
    parts.into_iter().map(|part| (part.first_s, part.second_s)).fold((0.0, 0.0), add)
}

/// The parts of each family.
fn families(parts: &[Part]) -> Vec<Vec<&Part>> {
    let mut families: Vec<Vec<&Part>> = vec![];
    for part in parts {
        match families.iter_mut().find(|family| family[0].family == part.family) {
            Some(family) => family.push(part),
            None => families.push(vec![part]),
        }
    }
    families
}

/// What both sides would have taken for a family, had each prompt had the ratio that the trimmed mean says. The size of a prompt is the
/// geometric mean of its two times, which says nothing of the side that took more.
fn trimmed(family: &[&Part]) -> (f64, f64) {
    let mut ratios: Vec<f64> = family.iter().map(|part| (part.first_s / part.second_s).ln()).collect();
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len();
    let out = if count < FEWEST { 0 } else { (TRIM * count as f64).ceil() as usize };
    let inner = &ratios[out..count - out];
    let half = inner.iter().sum::<f64>() / inner.len() as f64 / 2.0;
    let size: f64 = family.iter().map(|part| part.first_s.sqrt() * part.second_s.sqrt()).sum();
    (size * half.exp(), size * (-half).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Estimator; 3] = [Estimator::Total, Estimator::Trimmed, Estimator::Agreed];

    fn part(family: &str, first_s: f64, second_s: f64) -> Part {
        Part { family: family.to_owned(), first_s, second_s }
    }

    /// Three long prompts that take half of the time, and twenty short ones; the second side is faster by these log ratios.
    fn suite(long: f64, short: f64) -> Vec<Part> {
        let of = |family: &str, seconds: f64, gain: f64| part(family, seconds, seconds * (-gain).exp());
        let longs = (0..3).map(|_| of("long", 0.1, long));
        longs.chain((1..=20).map(|size| of("short", 0.00143 * f64::from(size), short))).collect()
    }

    fn all(parts: &[Part]) -> [f64; 3] {
        ALL.map(|estimator| estimator.log_ratio(parts).unwrap())
    }

    #[test]
    fn without_noise_all_give_the_total_whatever_family_a_change_helps() {
        for (long, short) in [(0.0, 0.0), (0.3, 0.3), (0.1, 0.0), (0.0, 0.1), (0.5, -0.2), (-0.4, 0.1)] {
            let [total, trimmed, agreed] = all(&suite(long, short));
            assert!(
                (total - trimmed).abs() < 1e-12 && (total - agreed).abs() < 1e-12,
                "{long} {short}: {total} {trimmed}"
            );
        }
    }

    #[test]
    fn a_burst_on_one_prompt_of_a_family_moves_the_total_and_hardly_the_trimmed_mean() {
        for hit in [0, 22] {
            let mut parts = suite(0.0, 0.0);
            parts[hit].first_s *= 3.0;
            let [total, trimmed, agreed] = all(&parts);
            assert!(
                total > 0.05 && trimmed.abs() < 1e-12 && agreed.abs() < 1e-12,
                "{hit}: {total} {trimmed}"
            );
        }
    }

    #[test]
    fn what_takes_half_of_the_time_counts_for_half_though_it_is_three_prompts_of_twenty_three() {
        let [_, trimmed, _] = all(&suite(0.1, 0.0));
        assert!((trimmed - 0.05).abs() < 0.002, "{trimmed}");
        let [_, losing, _] = all(&suite(-0.3, 0.1));
        assert!(losing < -0.08, "twenty faster prompts do not outweigh three slower ones: {losing}");
    }

    #[test]
    fn work_of_all_prompts_that_is_done_in_one_is_no_gain() {
        // Each prompt is a tenth faster, for what the first of them did beforehand.
        let mut parts = suite(0.1, 0.1);
        parts[3].second_s += parts.iter().map(|part| part.first_s - part.second_s).sum::<f64>();
        let [total, trimmed, agreed] = all(&parts);
        assert!(total.abs() < 1e-9 && trimmed > 0.09, "{total} {trimmed}");
        assert!(agreed.abs() < 1e-9, "{agreed}");
        parts[3].second_s += 0.01;
        assert_eq!(all(&parts)[2], 0.0, "and with a little more it is slower, whatever the others say");
    }

    #[test]
    fn nothing_is_said_of_no_prompts_and_of_times_that_are_none() {
        let bad = [0.0, -1.0, f64::NAN, f64::INFINITY].map(|seconds| vec![part("a", 1.0, seconds)]);
        for parts in bad.iter().chain([&vec![]]) {
            assert_eq!(ALL.map(|estimator| estimator.log_ratio(parts)), [None; 3]);
        }
    }

    fn parts() -> impl Strategy<Value = Vec<Part>> {
        let time = || 1e-4f64..10.0;
        let one = (prop::sample::select(vec!["a", "b", "c"]), time(), time());
        prop::collection::vec(one.prop_map(|(family, first, second)| part(family, first, second)), 1..40)
    }

    proptest! {
        #[test]
        fn exchanging_the_sides_turns_the_sign(parts in parts()) {
            let turned: Vec<Part> =
                parts.iter().map(|p| part(&p.family, p.second_s, p.first_s)).collect();
            for (ratio, turned) in all(&parts).into_iter().zip(all(&turned)) {
                prop_assert!((ratio + turned).abs() < 1e-9, "{ratio} {turned}");
            }
        }

        #[test]
        fn the_order_of_the_prompts_and_the_unit_of_time_do_not_matter(parts in parts(), unit in 0.01f64..100.0) {
            let other: Vec<Part> =
                parts.iter().rev().map(|p| part(&p.family, unit * p.first_s, unit * p.second_s)).collect();
            for (ratio, other) in all(&parts).into_iter().zip(all(&other)) {
                prop_assert!((ratio - other).abs() < 1e-9);
            }
        }

        #[test]
        fn a_side_that_is_faster_everywhere_by_a_factor_is_faster_by_that_factor(parts in parts(), gain in -3.0f64..3.0) {
            let faster: Vec<Part> =
                parts.iter().map(|p| part(&p.family, p.first_s, p.second_s * (-gain).exp())).collect();
            let moved = Estimator::Total.log_ratio(&faster).unwrap() - Estimator::Total.log_ratio(&parts).unwrap();
            prop_assert!((moved - gain).abs() < 1e-9);
            let same: Vec<Part> =
                parts.iter().map(|p| part(&p.family, p.first_s, p.first_s * (-gain).exp())).collect();
            prop_assert!(all(&same).iter().all(|ratio| (ratio - gain).abs() < 1e-9));
        }

        #[test]
        fn the_trimmed_mean_lies_between_the_least_and_the_greatest_ratio(parts in parts()) {
            let ratios = parts.iter().map(|p| (p.first_s / p.second_s).ln());
            let (low, high) = ratios.fold((f64::MAX, f64::MIN), |(low, high), r| (low.min(r), high.max(r)));
            let [total, trimmed, agreed] = all(&parts);
            prop_assert!(agreed.abs() <= total.abs().min(trimmed.abs()));
            prop_assert!((low - 1e-9..=high + 1e-9).contains(&trimmed) && (low - 1e-9..=high + 1e-9).contains(&total));
        }
    }
}
