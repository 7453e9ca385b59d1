//! A trial in the course of its pairs: when there are enough, and what a side that fails makes of it.

use super::{blamed, failed, unreadable};
use crate::pair_runner::{PairResult, PairRunner};
use crate::status_file::StatusFile;
use piton_core::base::conditions::{Apart, Voided, Widened, unfair};
use piton_core::base::error::Result;
use piton_core::base::metric::{Gain, Values};
use piton_core::report::live_state::TestProgress;
use piton_core::rule::gate::{self, Gate, GateResult, Samples};
use piton_core::rule::keep::{self, Asked, Estimate, First, RecordedGain, Verdict, Worth};
use piton_core::run::few_runs;
use piton_core::run::pair_history::MetricHistories;
use piton_core::trial::record::{Outcome, Pair, Stage};
use piton_core::trial::text;
use piton_system::config::Config;

/// What decides how many pairs there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum By {
    /// The rule.
    Rule,
    /// Two pairs are enough, for now.
    TwoPairs,
    /// What was recorded of a keep.
    RecordedGain(RecordedGain),
}

/// A trial in the course of its pairs.
pub(super) struct Paired<'a> {
    pub config: &'a Config,
    pub by: By,
    pub histories: MetricHistories,
    pub samples: Samples,
    /// The side that failed a gate or gave no values, and how.
    pub ill: Option<(First, String)>,
    pub pairs: Vec<Pair>,
    /// The pairs that count although the machine is busy.
    pub widened: Option<Widened>,
    pub asked: Vec<Asked>,
    /// The last lines of what a challenger's sample printed that failed.
    pub tail: String,
}

impl Paired<'_> {
    pub fn run(&mut self, runner: &mut PairRunner, status_file: &StatusFile) -> Result<Outcome> {
        let (gates, tau) = (&self.config.gates, self.histories.primary.tau);
        let samples = &mut self.samples;
        let warm = (self.by != By::TwoPairs)
            .then(|| runner.warm_up(&mut |side, values| samples.look(gates, side, values)));
        if let Some(result) = warm.transpose()?.flatten() {
            return Ok(self.ended(result));
        }
        loop {
            let metric = &self.config.metric;
            let gains: Vec<String> =
                self.histories.primary.gains.iter().map(|gain| text::gain(*gain, metric)).collect();
            let doing = format!(
                "pair {} [{}] tau {}",
                self.pairs.len() + 1,
                gains.join(" "),
                text::size(tau, 2, metric)
            );
            let samples = &mut self.samples;
            let raw = match runner.next_pair(&doing, &mut |side, values| samples.look(gates, side, values))? {
                PairResult::Pair(raw) => raw,
                other => return Ok(self.ended(other)),
            };
            if runner.counts_all && self.widened.is_none() {
                let spoiled: Vec<Gain> = self.voided(runner).iter().filter_map(|pair| pair.gain).collect();
                let (from, times) = (self.pairs.len() as u32, Widened::times(tau, &spoiled));
                self.widened = Some(Widened { from, times, lost_s: runner.pauses.lost_s() });
                self.histories.widen(self.widened);
                runner.tell_widened(times);
            }
            let Some(pair) = self.histories.judge(raw) else {
                return Ok(unreadable(&format!(
                    "{} is missing, or no number",
                    self.config.metric.judged_by()
                )));
            };
            if let Some(guard) = self.histories.unread() {
                return Ok(unreadable(&format!("the guard's metric {guard} is missing, or no number")));
            }
            self.pairs.push(pair);
            let (verdict, estimate) = self.decide();
            let better = self.asked.first().filter(|_| self.by != By::TwoPairs);
            status_file.measured(&self.histories.primary.gains, better.map(TestProgress::of));
            if verdict == Verdict::Continue {
                runner.spaced = self.config.rule.both_orders && keep::waits_for_order(&self.asked);
                continue;
            }
            // Nothing is kept before every gate has been read, however few samples there are.
            let unread =
                gate::read_all(gates, &self.samples.challenger).into_iter().find(|reading| !reading.pass);
            return Ok(match unread {
                Some(failed) if matches!(verdict, Verdict::Keep(_)) => {
                    Outcome::GateFailed { gate: failed.metric, estimate: Some(estimate) }
                }
                None if matches!(verdict, Verdict::Keep(_)) => match self.unfair(runner) {
                    Some(reason) => Outcome::Void { reason },
                    None => Outcome::Judged { verdict, estimate },
                },
                _ => Outcome::Judged { verdict, estimate },
            });
        }
    }

    fn decide(&mut self) -> (Verdict, Estimate) {
        let case = self.histories.case(&self.config.rule);
        let (verdict, estimate, asked) = keep::decide(&case);
        self.asked = asked;
        match self.by {
            By::Rule => (verdict, estimate),
            By::TwoPairs => {
                let (verdict, mut estimate) = (few_runs::provisional(&case), estimate);
                if verdict == Verdict::GivenUp {
                    estimate.by_tau(&case.primary);
                }
                (verdict, estimate)
            }
            By::RecordedGain(recorded) => {
                if let Verdict::Guarded(_) = verdict {
                    return (verdict, estimate);
                }
                let (worth, asked) = keep::again(&case.settings, &case.primary, recorded);
                self.asked = asked.into_iter().collect();
                // What it is worth is said by who asked for it.
                let said = worth.filter(|worth| *worth == Worth::Gone || !keep::guard_in_doubt(&case));
                (said.map_or(Verdict::Continue, |_| Verdict::NotShownBetter), estimate)
            }
        }
    }

    /// Why the sides had not the same machine, where they had not.
    fn unfair(&self, runner: &PairRunner) -> Option<String> {
        if runner.exact {
            return None;
        }
        let apart: Vec<Apart> = self.pairs.iter().filter_map(|pair| pair.apart).collect();
        let plain: Vec<Gain> = self.pairs.iter().map(Pair::plain).collect();
        unfair(&apart, &plain, &self.voided(runner), &self.config.machine)
    }

    /// The pairs that did not count.
    fn voided(&self, runner: &PairRunner) -> Vec<Voided> {
        let metric = &self.config.metric;
        let value = |values: &Values| values.get(metric.judged_by()).copied();
        let voided = runner.void_pairs.iter().map(|pair| Voided {
            apart: pair.apart,
            gain: pair
                .values
                .as_ref()
                .and_then(|[one, other]| metric.judged_gain(value(one)?, value(other)?)),
        });
        voided.collect()
    }

    /// What a result that is no pair makes of the trial.
    fn ended(&mut self, result: PairResult) -> Outcome {
        match result {
            PairResult::Pair(_) => unreachable!("a pair does not end a trial"),
            PairResult::Interrupted => Outcome::Interrupted { stage: Stage::Measure },
            PairResult::Void(reason) => Outcome::Void { reason },
            PairResult::Enough(side) => {
                let failed = self.samples.failing(&self.config.gates, side);
                let why = failed.as_ref().map_or_else(String::new, GateResult::words);
                self.ill = Some((side, why.clone()));
                if side == First::Incumbent {
                    return Outcome::Void { reason: format!("the incumbent fails {why}") };
                }
                let gate = failed.map_or_else(String::new, |reading| reading.metric);
                let estimate = (!self.pairs.is_empty()).then(|| self.decide().1);
                Outcome::GateFailed { gate, estimate }
            }
            PairResult::Failed(First::Incumbent, how) => {
                let why = how.words(self.config.measure.timeout_s);
                self.ill = blamed(&how).then(|| (First::Incumbent, why.clone()));
                Outcome::Void { reason: format!("the incumbent was not measured: {why}") }
            }
            PairResult::Failed(First::Challenger, how) => {
                self.tail = how.tail().to_owned();
                let why = how.words(self.config.measure.timeout_s);
                self.ill = blamed(&how).then_some((First::Challenger, why));
                failed(how, self.config.measure.timeout_s)
            }
        }
    }
}

/// The gates for the record: those that were due, or all, where one that was not due yet stood before a keep.
pub(super) fn readings(gates: &[Gate], samples: &[Values], outcome: &Outcome) -> Vec<GateResult> {
    let due = if samples.is_empty() { vec![] } else { gate::read(gates, samples) };
    let asked_all = outcome.kept() || matches!(outcome, Outcome::GateFailed { .. });
    if asked_all && due.iter().all(|reading| reading.pass) { gate::read_all(gates, samples) } else { due }
}
