//! Whether what was generated is good enough to be compared at all.
//!
//! Every threshold is here, and nothing else, so that the page which an agent would gain most by bending can
//! be read in a minute. They are applied to one sample's counts and, by `harness judge`, to the counts of all
//! samples of a trial. The evidence for each is in METHODOLOGY.md.

use crate::counts::Quality;
use serde::{Deserialize, Serialize};

/// Least share of positions with a regret of at most [`crate::counts::AGREES_WITHIN`].
pub const MIN_AGREEMENT: f64 = 0.994;
/// Largest mean regret, in nats. What should pass stays below 9.5e-4, what should not begins at 9.4e-3; a single sample of what
/// should pass reaches 3.1e-3.
pub const MAX_REGRET: f64 = 0.004;
/// Largest mean regret of a single prompt, in nats: garbage on a few prompts cannot hide in the mean. One flip of what should
/// pass is worth .06 in a short answer.
pub const MAX_PROMPT_REGRET: f64 = 0.2;
/// Least share of the checks passed, as a part of what the exact version passes on the same prompts.
pub const MIN_SANITY: f64 = 0.95;
/// The same for each family over the long context: a window of the past loses these first.
pub const MIN_LONG_SANITY: f64 = 0.9;
/// Largest perplexity, as a multiple of the exact version's. It only catches collapse.
pub const MAX_PERPLEXITY: f64 = 1.1;

/// Which side of the limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The value must not be below the limit.
    Min,
    /// The value must not be above the limit.
    Max,
}

/// One gate, applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What is gated: a metric's name, or `sanity_long_vs_exact/FAMILY`.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// The limit: a constant of this module.
    pub limit: f64,
    /// Which side of it is good.
    pub bound: Bound,
    /// Whether the gate holds. A value that is not a number fails.
    pub pass: bool,
}

impl Gate {
    fn new(name: impl Into<String>, value: f64, bound: Bound, limit: f64) -> Self {
        let pass = match bound {
            Bound::Min => value >= limit,
            Bound::Max => value <= limit,
        };
        Self { name: name.into(), value, limit, bound, pass }
    }

    /// The gate as a line of the report, e.g. `fail  regret 0.0131, at most 0.0017 (over by 0.0114)`.
    pub fn line(&self) -> String {
        let verdict = if self.pass { "pass" } else { "FAIL" };
        let (bound, side) = match self.bound {
            Bound::Min => ("at least", "short by"),
            Bound::Max => ("at most", "over by"),
        };
        let margin = if self.pass {
            String::new()
        } else {
            format!(" ({side} {:.4})", (self.value - self.limit).abs())
        };
        format!("{verdict}  {} {:.4}, {bound} {:.4}{margin}", self.name, self.value, self.limit)
    }
}

/// Applies every gate. What nothing was checked for has no gate.
pub fn judge(quality: &Quality) -> Vec<Gate> {
    let checks = quality.all_checks();
    let mut gates = vec![
        Gate::new("agreement", quality.agreement(), Bound::Min, MIN_AGREEMENT),
        Gate::new("regret", quality.regret(), Bound::Max, MAX_REGRET),
        Gate::new("worst_prompt_regret", quality.worst_prompt_regret, Bound::Max, MAX_PROMPT_REGRET),
        Gate::new("perplexity_vs_exact", quality.perplexity_vs_exact(), Bound::Max, MAX_PERPLEXITY),
    ];
    if checks.total > 0 {
        gates.push(Gate::new("sanity_vs_exact", checks.versus_exact(), Bound::Min, MIN_SANITY));
    }
    for (family, share) in quality.long_vs_exact() {
        gates.push(Gate::new(format!("sanity_long_vs_exact/{family}"), share, Bound::Min, MIN_LONG_SANITY));
    }
    gates
}

/// Whether all gates hold.
pub fn pass(gates: &[Gate]) -> bool {
    gates.iter().all(|gate| gate.pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Checks;

    /// A sample of 1,000 positions that the exact version could have made.
    fn exact() -> Quality {
        let all = |total| Checks { total, passed: total, exact: total };
        Quality {
            positions: 1000,
            agreeing: 1000,
            same_argmax: 1000,
            nll_sum: 300.0,
            exact_positions: 1000,
            exact_nll_sum: 300.0,
            checks: [("short/sum".to_owned(), all(30)), ("long/recall".to_owned(), all(10))].into(),
            ..Quality::default()
        }
    }

    fn failed(quality: &Quality) -> Vec<String> {
        judge(quality).into_iter().filter(|gate| !gate.pass).map(|gate| gate.name).collect()
    }

    #[test]
    fn the_exact_version_passes() {
        assert!(pass(&judge(&exact())));
    }

    #[test]
    fn what_should_pass_by_the_evidence_passes() {
        // int8 weights, then the worst single sample of an 8-bit cache: agreement, mean regret, perplexity.
        for (agreeing, regret, perplexity) in [(998, 0.94, 1.366f64), (995, 3.1, 1.345)] {
            let quality = Quality {
                agreeing,
                regret_sum: regret,
                worst_prompt_regret: 0.0585,
                nll_sum: 1000.0 * perplexity.ln(),
                exact_nll_sum: 1000.0 * 1.324f64.ln(),
                ..exact()
            };
            assert_eq!(failed(&quality), Vec::<String>::new());
        }
    }

    #[test]
    fn a_coarse_cache_that_perplexity_does_not_see_fails_by_its_regret() {
        let quality = Quality {
            agreeing: 985,
            regret_sum: 13.0,
            worst_prompt_regret: 1.2,
            nll_sum: 1000.0 * 1.369f64.ln(),
            exact_nll_sum: 1000.0 * 1.352f64.ln(),
            ..exact()
        };
        assert_eq!(failed(&quality), ["agreement", "regret", "worst_prompt_regret"]);
    }

    #[test]
    fn a_window_that_forgets_fails_by_the_long_context_even_if_the_mean_of_all_checks_holds() {
        let mut quality = exact();
        quality.checks.get_mut("long/recall").unwrap().passed = 8;
        assert_eq!(failed(&quality), ["sanity_long_vs_exact/recall"]);
    }

    #[test]
    fn a_check_that_the_exact_version_fails_too_is_not_held_against_the_candidate() {
        let mut quality = exact();
        *quality.checks.get_mut("long/recall").unwrap() = Checks { total: 10, passed: 4, exact: 4 };
        assert!(pass(&judge(&quality)));
    }

    #[test]
    fn a_sample_in_which_nothing_was_scored_does_not_pass() {
        assert!(!pass(&judge(&Quality::default())));
    }
}
