//! One metric of a trial, and the scales that its pairs are judged by.

use serde::{Deserialize, Serialize};

use super::betting_test::{Evidence, Question, TestResult};
use super::orders::{self, Ordered};
use crate::settings::Settings;
use piton_base::conditions::Widened;
use piton_base::metric::{Gain, Scale};
use piton_base::stats;

/// Pairs that must agree where a metric does not vary.
const AGREEING: usize = 2;
/// Pairs that it takes to give up where one says it.
const SECOND: u32 = 2;
/// Parts of a pair that have a middle which no single one decides.
const ENOUGH_PARTS: usize = 5;

/// One metric of a trial: its scale, and the gain d of every pair.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// tau of the metric, frozen within the trial, in the unit of d; 0 for a metric that gave one value on every seed.
    pub tau: f64,
    /// d of every pair so far, in order: plain numbers of gains.
    pub d: Vec<f64>,
    /// The pairs by what ran before; not all of them in cases from before the rule asked for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Ordered>,
    /// What d is.
    #[serde(default, skip_serializing_if = "ratio")]
    pub scale: Scale,
    /// Size of the baseline's value, for shares of it where differences are compared.
    #[serde(default, skip_serializing_if = "nothing")]
    pub level: f64,
    /// The two sides of the baseline agreed on every seed, and its values differ from seed to seed. tau is then what two values of different
    /// seeds differ by, and no pair of a trial is judged by more than the pairs before it differed by.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seeded: bool,
    /// Gains of the parts of the first pair, such as its benchmarks; none where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<f64>,
    /// The pairs that count although the machine was busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widened: Option<Widened>,
}

fn ratio(scale: &Scale) -> bool {
    *scale == Scale::Ratio
}

fn nothing(level: &f64) -> bool {
    *level == 0.0
}

impl Track {
    /// A metric whose ratios are compared.
    pub fn of(tau: f64, d: Vec<f64>) -> Self {
        Self { tau, d, ..Self::default() }
    }

    /// A gain that is not above this is none.
    pub fn least(&self, settings: &Settings) -> f64 {
        settings.least(self.scale, self.level)
    }

    /// Whether the metric does not vary: neither in the baseline nor in this trial. Such a metric needs no test.
    pub fn exact(&self, settings: &Settings) -> bool {
        let least = self.least(settings);
        let agree = |d: &[f64]| d.iter().all(|gain| (gain - d[0]).abs() <= least);
        self.tau == 0.0 && agree(&self.d)
    }

    /// The scale of each pair: tau, but where tau says little of a trial the smaller of it and the median size of the gains before the
    /// pair. Where tau is 0 there is no scale, and no bet, before a pair differed.
    ///
    /// Only earlier pairs say what the scale of a pair is, so the coin of the pair keeps its step fair.
    fn scales(&self) -> Vec<f64> {
        if self.tau > 0.0 && !self.seeded {
            return (0..self.d.len()).map(|pair| self.tau * self.times(pair)).collect();
        }
        let most = if self.tau > 0.0 { self.tau } else { f64::INFINITY };
        let mut before: Vec<f64> = vec![];
        let mut scales = vec![];
        for gain in &self.d {
            scales.push(stats::median(&before).map_or(most, |middle| middle.min(most)));
            if *gain != 0.0 {
                before.push(gain.abs());
            }
        }
        scales
    }

    /// By what tau is multiplied for a pair.
    fn times(&self, pair: usize) -> f64 {
        self.widened.filter(|widened| pair >= widened.from as usize).map_or(1.0, |widened| widened.times)
    }

    /// tau, or the size of the first gain that was not 0 where tau is 0 and the trial varies.
    pub fn tau(&self) -> f64 {
        let first = || self.d.iter().find(|gain| **gain != 0.0).map_or(0.0, |gain| gain.abs());
        if self.tau > 0.0 { self.tau } else { first() }
    }

    /// "Is it better?", as a test by betting puts it to this metric.
    ///
    /// Of a metric that is deterministic for a seed every edit that touches the arithmetic draws new values, so most proposals of a night are
    /// changes that do nothing; and every one that is kept is luck for good, since it comes out the same each time. It is asked at half of alpha.
    pub fn better(&self, settings: &Settings) -> Question {
        let question = Question::better_on(settings, self.scale, self.tau());
        let alpha = if self.seeded || self.tau == 0.0 { settings.alpha / 2.0 } else { settings.alpha };
        Question { alpha, ..question }
    }

    /// Puts a question of tests by betting to the gains.
    pub(super) fn ask(&self, question: &Question) -> (TestResult, Evidence) {
        question.ask_by(&self.d, &self.scales(), 1)
    }

    /// The same where one pair that speaks against a change does not end its trial, as `settings` want it.
    pub(super) fn ask_twice(&self, settings: &Settings, question: &Question) -> (TestResult, Evidence) {
        let patient = if settings.second_pair && !self.parts_agree(question) { SECOND } else { 1 };
        question.ask_by(&self.d, &self.scales(), patient)
    }

    /// Whether the parts of the first pair say what it says: the one in their middle would have ended the trial, too. What disturbed the machine for
    /// a moment hits some of them, what a change does most.
    fn parts_agree(&self, question: &Question) -> bool {
        let middle = stats::median(&self.parts).filter(|_| self.parts.len() >= ENOUGH_PARTS);
        middle.is_some_and(|middle| question.ask_by(&[middle], &self.scales(), 1).0 == TestResult::No)
    }

    /// The bounds of the gain by that question.
    pub(super) fn bounds(&self, question: &Question) -> (Option<Gain>, Option<Gain>) {
        let scales = self.scales();
        let (low, high) =
            (question.lower_bound_by(&self.d, &scales), question.upper_bound_by(&self.d, &scales));
        (low.map(Gain), high.map(Gain))
    }

    /// The gains as losses.
    pub(super) fn turned(&self) -> Self {
        Self { d: self.d.iter().map(|gain| -gain).collect(), ..self.clone() }
    }

    /// "Is it better?", of a metric that does not vary: two pairs show the same gain.
    pub(super) fn plainly_better(&self, settings: &Settings) -> TestResult {
        let (bar, least) = (settings.delta(self.scale), self.least(settings));
        self.plainly(self.d.iter().all(|gain| *gain > least && *gain >= bar))
    }

    /// "Is it as good?", of a metric that does not vary: two pairs show no loss.
    pub(super) fn plainly_as_good(&self, settings: &Settings) -> TestResult {
        let least = self.least(settings);
        self.plainly(self.d.iter().all(|gain| *gain >= -least))
    }

    /// "Is it less than this?", of a metric that does not vary: two pairs show it.
    pub(super) fn plainly_below(&self, settings: &Settings, gain: f64) -> TestResult {
        let least = self.least(settings);
        self.plainly(self.d.iter().all(|d| *d < gain - least))
    }

    fn plainly(&self, shown: bool) -> TestResult {
        match self.d.len() {
            _ if !shown => TestResult::No,
            pairs if pairs < AGREEING => TestResult::Open,
            _ => TestResult::Yes,
        }
    }

    /// Whether what ran before is asked for, and known. Of a metric that does not vary it is not asked.
    pub(super) fn ordered(&self, settings: &Settings) -> bool {
        settings.both_orders && self.orders.len() == self.d.len() && !self.exact(settings)
    }

    /// Whether there is a gain greater than `-margin` whoever ran before, where all pairs together show one. Never open from so many pairs on.
    pub(super) fn in_both_orders(&self, settings: &Settings, margin: f64, n_max: u32) -> TestResult {
        if !self.ordered(settings) {
            return TestResult::Yes;
        }
        match orders::whoever_ran_before(&self.orders, self.one_scale(), margin) {
            TestResult::Open if self.d.len() >= n_max as usize => TestResult::No,
            answer => answer,
        }
    }

    /// The scale of all pairs: tau, but where that says little of a trial what its own gains vary by.
    fn one_scale(&self) -> f64 {
        let sizes: Vec<f64> = self.d.iter().map(|gain| gain.abs()).collect();
        let own = stats::deviation(&self.d).unwrap_or(0.0).max(stats::median(&sizes).unwrap_or(0.0) / 100.0);
        match (self.tau > 0.0, self.seeded) {
            // The widest of them: what few pairs of one order show must not count for more than it is worth.
            (true, false) => self.tau * self.times(self.d.len()),
            (true, true) if own > 0.0 => own.min(self.tau),
            (false, _) if own > 0.0 => own,
            _ => self.tau(),
        }
    }

    /// Whether there is nothing to be better by: a metric without noise of its own whose first pairs are no gains.
    pub(super) fn hopeless(&self, settings: &Settings) -> bool {
        let (least, bar) = (self.least(settings), settings.delta(self.scale));
        let first = &self.d[..AGREEING.min(self.d.len())];
        match self.seeded {
            // Both sides are the same, seed by seed, or better by less than is looked for.
            true => self.d.len() >= AGREEING && self.d.iter().all(|gain| gain.abs() <= least || *gain < bar),
            false => self.tau == 0.0 && first.iter().any(|gain| *gain <= least),
        }
    }

    /// Median of the gains.
    pub fn middle(&self) -> f64 {
        stats::median(&self.d).unwrap_or(0.0)
    }
}
