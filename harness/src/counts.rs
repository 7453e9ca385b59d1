//! What one sample counted, in a form in which samples can be added.
//!
//! Means cannot be pooled and counts can. A trial takes several samples, and an error that shows once in
//! a thousand tokens is seen only in their sum: so gates are applied to sums, never to means of means.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest regret, in nats, at which a token still agrees with the reference.
///
/// True ties (a name as good as another) are flipped by harmless rounding at regrets of up to .07; what is
/// wrong starts at .6. See METHODOLOGY.md.
pub const AGREES_WITHIN: f64 = 0.1;

/// Passed and failed checks, and what the exact version passed on the same prompts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Checks made.
    pub total: u64,
    /// Passed by the candidate.
    pub passed: u64,
    /// Passed by the exact version.
    pub exact: u64,
}

impl Checks {
    fn add(&mut self, other: &Checks) {
        self.total += other.total;
        self.passed += other.passed;
        self.exact += other.exact;
    }

    /// Share that the candidate passed; 1 where nothing was checked.
    pub fn share(&self) -> f64 {
        ratio(self.passed as f64, self.total as f64, 1.0)
    }

    /// Share that the exact version passed; 1 where nothing was checked.
    pub fn exact_share(&self) -> f64 {
        ratio(self.exact as f64, self.total as f64, 1.0)
    }

    /// What the candidate passed as a part of what the exact version passed; 1 where there was nothing to lose.
    pub fn versus_exact(&self) -> f64 {
        ratio(self.passed as f64, self.exact as f64, 1.0)
    }
}

/// How good the tokens were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Generated tokens that were scored.
    pub positions: u64,
    /// Positions with a regret of at most [`AGREES_WITHIN`].
    pub agreeing: u64,
    /// Positions at which the token is the reference's argmax.
    pub same_argmax: u64,
    /// Sum of regrets, nats.
    pub regret_sum: f64,
    /// Largest mean regret of one prompt, nats.
    pub worst_prompt_regret: f64,
    /// Sum of negative log-likelihoods of the tokens under the reference, nats.
    pub nll_sum: f64,
    /// Tokens of the exact version's answers to the same prompts.
    pub exact_positions: u64,
    /// Sum of their negative log-likelihoods, nats.
    pub exact_nll_sum: f64,
    /// Checks by `context/family`, e.g. `long/recall`.
    pub checks: BTreeMap<String, Checks>,
}

impl Quality {
    /// Adds what another sample, or another prompt, counted.
    pub fn pool(&mut self, other: &Quality) {
        self.positions += other.positions;
        self.agreeing += other.agreeing;
        self.same_argmax += other.same_argmax;
        self.regret_sum += other.regret_sum;
        self.worst_prompt_regret = self.worst_prompt_regret.max(other.worst_prompt_regret);
        self.nll_sum += other.nll_sum;
        self.exact_positions += other.exact_positions;
        self.exact_nll_sum += other.exact_nll_sum;
        for (key, checks) in &other.checks {
            self.checks.entry(key.clone()).or_default().add(checks);
        }
    }

    /// Share of positions that agree.
    pub fn agreement(&self) -> f64 {
        ratio(self.agreeing as f64, self.positions as f64, f64::NAN)
    }

    /// Mean regret, nats.
    pub fn regret(&self) -> f64 {
        ratio(self.regret_sum, self.positions as f64, f64::NAN)
    }

    /// Perplexity of the candidate's tokens under the reference, per token.
    pub fn perplexity(&self) -> f64 {
        ratio(self.nll_sum, self.positions as f64, f64::NAN).exp()
    }

    /// Perplexity of the exact version's tokens under the reference, per token.
    pub fn perplexity_exact(&self) -> f64 {
        ratio(self.exact_nll_sum, self.exact_positions as f64, f64::NAN).exp()
    }

    /// Perplexity as a multiple of the exact version's.
    pub fn perplexity_vs_exact(&self) -> f64 {
        self.perplexity() / self.perplexity_exact()
    }

    /// [`Checks::versus_exact`] of each family over the long context, by the family's name.
    pub fn long_vs_exact(&self) -> impl Iterator<Item = (&str, f64)> {
        self.checks
            .iter()
            .filter_map(|(key, checks)| Some((key.strip_prefix("long/")?, checks.versus_exact())))
    }

    /// All checks together.
    pub fn all_checks(&self) -> Checks {
        self.checks_where(|_, _| true)
    }

    /// The checks whose context and family satisfy `chosen`.
    pub fn checks_where(&self, chosen: impl Fn(&str, &str) -> bool) -> Checks {
        let mut sum = Checks::default();
        for (key, checks) in &self.checks {
            let (context, family) = key.split_once('/').unwrap_or((key, ""));
            if chosen(context, family) {
                sum.add(checks);
            }
        }
        sum
    }
}

/// How fast the tokens came, and what the worker's memory was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Worker processes that were measured.
    pub samples: u64,
    /// Prompts answered.
    pub prompts: u64,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// Seconds from the write of a prompt to the arrival of its first token, summed.
    pub first_token_s: f64,
    /// Seconds from the write of a prompt to the arrival of its last token, summed.
    pub last_token_s: f64,
    /// Peak resident memory of each worker, in bytes, summed over the workers.
    pub peak_memory_bytes: u64,
    /// Seconds that each worker had on a processor until it had loaded the model, summed over the workers.
    #[serde(default)]
    pub load_cpu_s: f64,
    /// The same between its answers and after the last one.
    #[serde(default)]
    pub idle_cpu_s: f64,
    /// The same from its first prompt to its end: with its answers, between and after them, summed over the workers. 0 where it may use several cores.
    #[serde(default)]
    pub asked_cpu_s: f64,
    /// The same by what both workers of a pair say together; of a worker alone the same.
    #[serde(default)]
    pub paired_cpu_s: f64,
}

impl Timing {
    /// Adds one answered prompt.
    pub fn add_prompt(&mut self, prompt_tokens: usize, generated: usize, first_s: f64, last_s: f64) {
        self.prompts += 1;
        self.prompt_tokens += prompt_tokens as u64;
        self.generated_tokens += generated as u64;
        self.first_token_s += first_s;
        self.last_token_s += last_s;
    }

    /// Adds what another sample counted.
    pub fn pool(&mut self, other: &Timing) {
        self.samples += other.samples;
        self.prompts += other.prompts;
        self.prompt_tokens += other.prompt_tokens;
        self.generated_tokens += other.generated_tokens;
        self.first_token_s += other.first_token_s;
        self.last_token_s += other.last_token_s;
        self.peak_memory_bytes += other.peak_memory_bytes;
        self.load_cpu_s += other.load_cpu_s;
        self.idle_cpu_s += other.idle_cpu_s;
        self.asked_cpu_s += other.asked_cpu_s;
        self.paired_cpu_s += other.paired_cpu_s;
    }

    /// Generated tokens a second, from the write of the prompt to the last token. Holding tokens back gains nothing.
    pub fn generation_tps(&self) -> f64 {
        self.generated_tokens as f64 / self.last_token_s
    }

    /// Generated tokens for each second that the workers had on a processor from their first prompt to their end.
    pub fn generation_tps_cpu(&self) -> f64 {
        self.generated_tokens as f64 / self.asked_cpu_s
    }

    /// The same by [`Timing::paired_cpu_s`].
    pub fn paired_tps_cpu(&self) -> f64 {
        self.generated_tokens as f64 / self.paired_cpu_s
    }

    /// Prompt tokens a second, from the write of the prompt to the first generated token.
    pub fn prompt_tps(&self) -> f64 {
        self.prompt_tokens as f64 / self.first_token_s
    }

    /// Mean time to the first token, milliseconds.
    pub fn ttft_ms(&self) -> f64 {
        1e3 * self.first_token_s / self.prompts as f64
    }

    /// Mean over the workers of their time on a processor until the model was loaded, milliseconds.
    pub fn load_cpu_ms(&self) -> f64 {
        1e3 * self.load_cpu_s / self.samples as f64
    }

    /// Mean over the workers of their time on a processor outside of answers, milliseconds.
    pub fn idle_cpu_ms(&self) -> f64 {
        1e3 * self.idle_cpu_s / self.samples as f64
    }

    /// Mean over the workers of their peak resident memory, in units of 10^9 bytes.
    pub fn peak_memory_gb(&self) -> f64 {
        self.peak_memory_bytes as f64 / self.samples as f64 / 1e9
    }
}

fn ratio(part: f64, whole: f64, when_nothing: f64) -> f64 {
    if whole == 0.0 { when_nothing } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(positions: u64, agreeing: u64, worst: f64, passed: u64) -> Quality {
        Quality {
            positions,
            agreeing,
            worst_prompt_regret: worst,
            checks: BTreeMap::from([("long/recall".to_owned(), Checks { total: 4, passed, exact: 4 })]),
            ..Quality::default()
        }
    }

    #[test]
    fn pooling_adds_counts_so_that_a_large_sample_weighs_more_than_a_small_one() {
        let mut pooled = quality(900, 900, 0.001, 4);
        pooled.pool(&quality(100, 90, 0.03, 2));
        assert_eq!(pooled.agreement(), 0.99);
        assert_eq!(pooled.worst_prompt_regret, 0.03);
        assert_eq!(pooled.checks["long/recall"], Checks { total: 8, passed: 6, exact: 8 });
    }

    #[test]
    fn holding_tokens_back_does_not_raise_the_generation_speed() {
        let (mut streams, mut holds) = (Timing::default(), Timing::default());
        streams.add_prompt(10, 64, 0.1, 2.0);
        holds.add_prompt(10, 64, 2.0, 2.0);
        assert_eq!(streams.generation_tps(), holds.generation_tps());
        assert!(holds.prompt_tps() < streams.prompt_tps(), "and it costs the prompt speed");
    }

    #[test]
    fn nothing_scored_is_not_a_number_rather_than_a_perfect_score() {
        let nothing = Quality::default();
        assert!(nothing.agreement().is_nan() && nothing.regret().is_nan() && nothing.perplexity().is_nan());
    }
}
