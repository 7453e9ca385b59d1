//! What a load comes to: rates, percentiles, errors.

use std::collections::BTreeMap;

use serde::Serialize;

use super::slo::Slo;
use super::{Arrival, Loaded};
use crate::answer::Answer;

/// Percentiles of one quantity, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 95 of 100 are.
    pub p95: f64,
    /// 99 of 100 are. Of fewer than a hundred values it is close to the largest.
    pub p99: f64,
    /// The mean.
    pub mean: f64,
    /// How many values there are.
    pub n: usize,
}

impl Percentiles {
    /// Those of `values`, with a straight line between two of them (definition 7 of R. J. Hyndman and Y. Fan, The American Statistician 50,
    /// 1996). `None` without a value.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |p: f64| {
            let place = p * last as f64;
            let low = place.floor() as usize;
            values[low] + (values[(low + 1).min(last)] - values[low]) * place.fract()
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean, n: values.len() })
    }
}

/// One kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// How many requests ended so.
    pub n: usize,
    /// What the server or the system said of the first of them.
    pub text: String,
}

/// What a load comes to. A figure that nothing was measured for is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How requests came.
    pub arrival: Arrival,
    /// Requests begun.
    pub requests: usize,
    /// Those with a whole answer.
    pub done: usize,
    /// The others, by how they ended.
    pub errors: BTreeMap<String, Failure>,
    /// Seconds from the first request to the last one's end.
    pub wall_s: f64,
    /// Whole answers per second.
    pub requests_per_s: f64,
    /// Tokens of whole answers per second, by the server's usage; absent where it does not say them.
    pub tokens_per_s: Option<f64>,
    /// The same with the prompts' tokens.
    pub all_tokens_per_s: Option<f64>,
    /// Tokens of whole answers.
    pub tokens: Option<u64>,
    /// Tokens of their prompts.
    pub prompt_tokens: Option<u64>,
    /// Prompt tokens that a cache answered for: more than 0 makes every figure here one of the cache. Absent where the server does not say.
    pub cached_tokens: Option<u64>,
    /// Requests per second that kept the objective; absent without one.
    pub goodput_per_s: Option<f64>,
    /// Milliseconds to the first text.
    pub ttft_ms: Option<Percentiles>,
    /// Milliseconds between one text and the next (ITL), over all answers.
    pub itl_ms: Option<Percentiles>,
    /// Milliseconds per token after the first (TPOT).
    pub tpot_ms: Option<Percentiles>,
    /// Milliseconds to the last text.
    pub e2e_ms: Option<Percentiles>,
    /// Tokens per second of one answer, from the write to its last token.
    pub answer_tokens_per_s: Option<Percentiles>,
    /// Accepted of drafted tokens, where the server tells both; never worked out from speed.
    pub acceptance: Option<f64>,
    /// Milliseconds that requests of a rate began later than planned.
    pub late_ms: Option<Percentiles>,
}

/// A share of the prompts' tokens above which it is a cache that was measured: prompts of one kind begin alike.
pub const CACHED: f64 = 0.05;

impl Figures {
    /// Tokens of the prompts that a cache answered for, where they are so many that the figures are the cache's.
    pub fn of_a_cache(&self) -> Option<u64> {
        let prompts = self.prompt_tokens.unwrap_or(0) as f64;
        self.cached_tokens.filter(|cached| *cached as f64 > CACHED * prompts)
    }

    /// Those of a load; with `slo`, its goodput.
    pub fn of(loaded: &Loaded, slo: Option<&Slo>) -> Self {
        let done: Vec<&Answer> =
            loaded.requests.iter().map(|asked| &asked.answer).filter(|answer| answer.is_done()).collect();
        let mut errors = BTreeMap::<String, Failure>::new();
        for end in loaded.requests.iter().map(|asked| &asked.answer.end).filter(|end| end.name() != "done") {
            let text = end.text().to_owned();
            errors.entry(end.name()).or_insert(Failure { n: 0, text }).n += 1;
        }
        let each =
            |of: fn(&Answer) -> Option<f64>| Percentiles::of(done.iter().copied().filter_map(of).collect());
        // A sum over those that tell would be one of another load.
        let sum = |of: fn(&Answer) -> Option<u64>| {
            done.iter().copied().map(of).sum::<Option<u64>>().filter(|_| !done.is_empty())
        };
        let per_s = |n: f64| n / loaded.wall_s;
        let tokens = sum(|answer| answer.tokens);
        let prompts = sum(|answer| answer.prompt_tokens);
        let drafts =
            done.iter().filter_map(|answer| answer.drafted()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let late = loaded.requests.iter().map(|asked| asked.late_ms).collect();
        let good = slo.map(|slo| done.iter().filter(|answer| slo.kept_by(answer)).count());
        Self {
            arrival: loaded.arrival,
            requests: loaded.requests.len(),
            done: done.len(),
            errors,
            wall_s: loaded.wall_s,
            requests_per_s: per_s(done.len() as f64),
            tokens_per_s: tokens.map(|n| per_s(n as f64)),
            all_tokens_per_s: tokens.zip(prompts).map(|(a, b)| per_s((a + b) as f64)),
            tokens,
            prompt_tokens: prompts,
            cached_tokens: sum(|answer| answer.cached_tokens),
            goodput_per_s: good.map(|n| per_s(n as f64)),
            ttft_ms: each(|answer| answer.ttft_ms),
            itl_ms: Percentiles::of(done.iter().flat_map(|answer| &answer.gaps_ms).copied().collect()),
            tpot_ms: each(Answer::tpot_ms),
            e2e_ms: each(|answer| answer.last_ms),
            answer_tokens_per_s: each(Answer::tokens_per_s),
            acceptance: (drafts.0 > 0).then(|| drafts.1 as f64 / drafts.0 as f64),
            late_ms: if matches!(loaded.arrival, Arrival::Rate(_)) { Percentiles::of(late) } else { None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::AnswerEnd;
    use crate::load::Asked;

    fn asked(end: AnswerEnd, tokens: Option<u64>) -> Asked {
        let mut answer = Answer::ended(end);
        (answer.tokens, answer.ttft_ms, answer.last_ms) = (tokens, Some(10.0), Some(100.0));
        Asked { begun_ms: 0.0, late_ms: 0.0, answer }
    }

    fn of(requests: Vec<Asked>) -> Figures {
        let loaded = Loaded { arrival: Arrival::Concurrency(2), wall_s: 2.0, requests };
        Figures::of(&loaded, Some(&Slo::parse("ttft=50").unwrap()))
    }

    #[test]
    fn percentiles_of_known_values_are_those_of_the_definition() {
        let all = Percentiles::of((0..=100).map(f64::from).collect()).unwrap();
        assert_eq!((all.p50, all.p95, all.p99, all.mean), (50.0, 95.0, 99.0, 50.0));
        assert_eq!(Percentiles::of(vec![3.0]).unwrap().p99, 3.0);
        assert_eq!(Percentiles::of(vec![]), None);
    }

    #[test]
    fn what_failed_is_counted_with_its_words_and_adds_nothing_to_a_rate() {
        let refused = || AnswerEnd::Http { status: 503, text: "busy".to_owned() };
        let figures = of(vec![
            asked(AnswerEnd::Done, Some(8)),
            asked(refused(), Some(8)),
            asked(refused(), None),
            asked(AnswerEnd::NoDone, Some(8)),
        ]);
        assert_eq!((figures.done, figures.tokens_per_s, figures.requests_per_s), (1, Some(4.0), 0.5));
        assert_eq!((figures.errors["http_503"].n, &*figures.errors["http_503"].text), (2, "busy"));
        assert_eq!((figures.errors["no_done"].n, figures.goodput_per_s), (1, Some(0.5)));
    }

    #[test]
    fn a_server_that_tells_no_usage_has_no_token_rate() {
        let figures = of(vec![asked(AnswerEnd::Done, Some(8)), asked(AnswerEnd::Done, None)]);
        assert_eq!((figures.tokens_per_s, figures.tokens), (None, None));
        assert_eq!(of(vec![asked(AnswerEnd::NoDone, None)]).tokens_per_s, None);
    }
}
