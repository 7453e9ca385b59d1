//! `rule = "median"`: the best median of a few replicates, as SPEC-013 has it. It has no error rate: of recipes that do the same, one is best.

use piton_core::base::stats::median;

/// What a recipe came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Median tokens per second of its replicates; absent where one of them failed.
    pub tokens_per_s: Option<f64>,
    /// Median of the replicates' 95th percentiles of the time to the first token, in milliseconds.
    pub ttft_p95_ms: Option<f64>,
}

impl Cell {
    /// That of replicates, each with tokens per second and time to the first token. One that failed is `None`, and then none counts.
    pub fn of(replicates: &[Option<(f64, f64)>]) -> Self {
        let all: Option<Vec<(f64, f64)>> = replicates.iter().copied().collect();
        let of = |which: fn(&(f64, f64)) -> f64| {
            all.as_ref().and_then(|all| median(&all.iter().map(which).collect::<Vec<_>>()))
        };
        Self { tokens_per_s: of(|one| one.0), ttft_p95_ms: of(|one| one.1) }
    }

    /// Whether it takes the place of `best`: by more than `tie` more tokens per second, or within that by a shorter time to the first token.
    ///
    /// Source: SPEC-013 v0.3, FR-B.2.
    pub fn is_new_best(&self, best: Option<&Self>, tie: f64) -> bool {
        let Some(new) = self.tokens_per_s else { return false };
        let Some(old) = best.and_then(|best| best.tokens_per_s) else { return true };
        if new > old * (1.0 + tie) {
            return true;
        }
        let ttft = self.ttft_p95_ms.zip(best.and_then(|best| best.ttft_p95_ms));
        (new - old).abs() / old <= tie && ttft.is_some_and(|(new, old)| new < old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_median_of_its_replicates_and_one_that_failed_makes_it_none() {
        let cell = Cell::of(&[Some((2.0, 10.0)), Some((2.1, 30.0)), Some((2.05, 20.0))]);
        assert_eq!((cell.tokens_per_s, cell.ttft_p95_ms), (Some(2.05), Some(20.0)));
        assert_eq!(Cell::of(&[Some((2.0, 10.0)), None, Some((2.1, 30.0))]).tokens_per_s, None);
    }

    #[test]
    fn within_the_tie_band_the_shorter_time_to_the_first_token_wins() {
        let cell = |tps, ttft| Cell { tokens_per_s: Some(tps), ttft_p95_ms: Some(ttft) };
        let (a, b) = (cell(10.0, 4000.0), cell(10.05, 3000.0));
        assert!(b.is_new_best(Some(&a), 0.02) && !a.is_new_best(Some(&b), 0.02));
        assert!(cell(10.3, 9000.0).is_new_best(Some(&a), 0.02), "beyond it, tokens per second decide");
        assert!(!cell(9.7, 1.0).is_new_best(Some(&a), 0.02));
        assert!(!Cell { tokens_per_s: None, ttft_p95_ms: Some(1.0) }.is_new_best(None, 0.02));
    }
}
