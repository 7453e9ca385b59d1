//! Which recipe of a model server is tried next: by one knob from the incumbent, from the whole grid, or at random.
//!
//! The order is drawn from the run's seed: settings that are tried in the order in which they were written would meet whatever the machine does
//! at that hour, and the author's guess would decide which are tried at all within a budget.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use piton_base::rng::Random;

/// The value of each knob.
pub type Knobs = BTreeMap<String, String>;

/// How recipes are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One knob at a time from the incumbent; after a keep again from there, since effects depend on each other.
    #[default]
    OneAtATime,
    /// Every combination.
    Grid,
    /// Combinations at random, none twice.
    Random,
}

/// Most combinations that are looked through.
const MOST: u64 = 1 << 20;

/// The knobs of the next recipe; `None` when all were tried. `axes` are the values of each knob.
pub fn next(
    axes: &[(String, Vec<String>)],
    incumbent: &Knobs,
    tried: &BTreeSet<Knobs>,
    order: Order,
    seed: u64,
) -> Option<Knobs> {
    let mut random = Random::of_block(seed, "recipes", 0);
    match order {
        Order::OneAtATime => {
            let mut steps: Vec<(&String, &String)> = axes
                .iter()
                .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
                .collect();
            for at in (1..steps.len()).rev() {
                steps.swap(at, (random.word() % (at as u64 + 1)) as usize);
            }
            steps.into_iter().find_map(|(name, value)| {
                let mut knobs = incumbent.clone();
                knobs.insert(name.clone(), value.clone());
                (knobs != *incumbent && !tried.contains(&knobs)).then_some(knobs)
            })
        }
        Order::Grid | Order::Random => {
            let all =
                axes.iter().try_fold(1u64, |n, (_, values)| n.checked_mul(values.len() as u64))?.min(MOST);
            // A walk whose step has no common divisor with the number of combinations meets each of them once.
            let start = random.word() % all.max(1);
            let step = (0..).map(|_| random.word() % all.max(1)).find(|step| gcd(*step, all) == 1)?;
            (0..all)
                .map(|n| combination(axes, incumbent, (start + n * step % all) % all))
                .find(|knobs| knobs != incumbent && !tried.contains(knobs))
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The combination of this number.
fn combination(axes: &[(String, Vec<String>)], incumbent: &Knobs, mut n: u64) -> Knobs {
    let mut knobs = incumbent.clone();
    for (name, values) in axes {
        let length = values.len() as u64;
        knobs.insert(name.clone(), values[(n % length) as usize].clone());
        n /= length;
    }
    knobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<(String, Vec<String>)> {
        let axis =
            |name: &str, values: &[&str]| (name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect());
        vec![axis("a", &["0", "1", "2"]), axis("b", &["0", "1"]), axis("c", &["0", "1"])]
    }

    fn start() -> Knobs {
        axes().into_iter().map(|(name, values)| (name, values[0].clone())).collect()
    }

    fn all(order: Order, seed: u64) -> Vec<Knobs> {
        let mut tried: BTreeSet<Knobs> = [start()].into();
        let mut seen = vec![];
        while let Some(knobs) = next(&axes(), &start(), &tried, order, seed) {
            assert!(tried.insert(knobs.clone()), "{knobs:?} twice");
            seen.push(knobs);
        }
        seen
    }

    #[test]
    fn one_at_a_time_tries_each_value_of_each_knob_once_and_the_seed_says_in_which_order() {
        let seen = all(Order::OneAtATime, 1);
        assert_eq!(seen.len(), 4);
        let differ = |knobs: &Knobs| knobs.iter().filter(|(name, value)| start()[*name] != **value).count();
        assert!(seen.iter().all(|knobs| differ(knobs) == 1));
        assert!((2..20).any(|seed| all(Order::OneAtATime, seed) != seen));
    }

    #[test]
    fn after_a_keep_every_knob_is_tried_again_from_there() {
        let mut kept = start();
        kept.insert("a".into(), "2".into());
        let tried: BTreeSet<Knobs> = all(Order::OneAtATime, 1).into_iter().chain([start()]).collect();
        assert_eq!(next(&axes(), &start(), &tried, Order::OneAtATime, 1), None);
        let again = next(&axes(), &kept, &tried, Order::OneAtATime, 1).unwrap();
        assert!(again["a"] == "2" || again["a"] == "1", "{again:?}");
        assert!(!tried.contains(&again));
    }

    #[test]
    fn the_grid_is_walked_whole_and_nothing_twice() {
        for order in [Order::Grid, Order::Random] {
            for seed in 0..20 {
                assert_eq!(all(order, seed).len(), 3 * 2 * 2 - 1, "{order:?} {seed}");
            }
        }
    }
}
