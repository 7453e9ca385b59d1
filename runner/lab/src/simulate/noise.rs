//! The machines that the rule is tried on: what a run measures beside the effect of the code.
//!
//! All values are natural logarithms of the metric, higher being better; only differences matter.

use std::f64::consts::PI;

use super::prompts::{Effect, PromptMachine, PromptPairs};
use piton_core::base::rng::Random;
use piton_core::base::stats;
use piton_core::rule::estimator::{Estimator, Part};
use piton_core::rule::keep::First;

/// How a machine errs. The first is the noise model of the rule; the others are there because its promise is
/// not bound to one model, and the design only names them: their sizes are chosen here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NoiseModel {
    /// AR(1) drift (.98, sd 3 %) + random walk (.2 % a run) + this sd * N(0,1) + 20 to 50 % slower in 5 % of
    /// runs.
    Machine(f64),
    /// 2 % * N(0,1).
    Gaussian,
    /// 2 % * Cauchy: no mean, no variance.
    Cauchy,
    /// 2 % * N(0,1), rounded to full percents: one gain in seven is exactly 0.
    Quantised,
    /// 1 % * N(0,1), and three runs in ten are 6 % slower.
    Bimodal,
    /// The sd grows from 1 % to 11 % over 200 runs, and begins again.
    Growing,
    /// Every run has an sd of its own, from .5 % to 8 %, uniform in its logarithm.
    Heteroscedastic,
    /// Each run stands 2 % * N(0,1) from the run before.
    RandomWalk,
    /// What pairs were apart from the median of their trial in the night of 2026-11-21: [`NIGHT`].
    Night,
    /// .8 % * N(0,1) + .1 % faster with every run + 20 to 50 % slower in 5 % of runs.
    /// With a fixed order this reproduces the share of false keeps that the rule was designed by.
    Warming,
    /// Pairs that are made of many prompts.
    Prompts(PromptPairs),
}

/// What a pair measured.
#[derive(Debug, Clone)]
pub(crate) enum MeasuredPair {
    /// w, the log ratio of the second run to the first.
    Runs(f64),
    /// The times of its prompts.
    Prompts(Vec<Part>),
}

/// Every fortieth of the 307 log gains of the night in `docs/nights/2026-11-21`, each less the median of its trial and times sqrt(n / (n - 1)): of the
/// 24 trials of four pairs and more whose picture in `report.html` shows every pair whole. tau of these is 13 %, and 9 in 100 are beyond two tau.
const NIGHT: [f64; 41] = [
    -0.58, -0.305, -0.249, -0.211, -0.178, -0.151, -0.134, -0.125, -0.102, -0.09, -0.083, -0.067, -0.057,
    -0.045, -0.04, -0.031, -0.026, -0.019, -0.013, -0.004, 0.0, 0.004, 0.009, 0.016, 0.022, 0.028, 0.035,
    0.055, 0.064, 0.079, 0.094, 0.108, 0.119, 0.131, 0.151, 0.163, 0.175, 0.217, 0.242, 0.302, 0.419,
];

/// A machine that measures.
pub(crate) struct Machine {
    noise: NoiseModel,
    /// Its random numbers, also for what is not noise.
    pub random: Random,
    drift: f64,
    walk: f64,
    runs: u32,
    prompts: Option<PromptMachine>,
    /// What makes one number of a pair's prompts.
    pub estimator: Estimator,
}

const PHI: f64 = 0.98;
const DRIFT: f64 = 0.03;
const STEP: f64 = 0.002;

impl Machine {
    /// A machine at a random point of its drift.
    pub fn new(noise: NoiseModel, mut random: Random) -> Self {
        let drift = DRIFT * random.normal();
        let (prompts, estimator) = match noise {
            NoiseModel::Prompts(pairs) => (
                Some(PromptMachine::new(pairs.hour.sizes(), &mut random)),
                pairs.estimator.unwrap_or_default(),
            ),
            _ => (None, Estimator::default()),
        };
        Self { noise, random, drift, walk: 0.0, runs: 0, prompts, estimator }
    }

    /// A pair of a change of this effect; who comes second is better by `second`.
    pub fn pair(&mut self, first: First, effect: Effect, second: f64) -> MeasuredPair {
        if let (NoiseModel::Prompts(pairs), Some(machine)) = (self.noise, &mut self.prompts) {
            return MeasuredPair::Prompts(machine.pair(pairs, (first, effect, second), &mut self.random));
        }
        let effect = effect.total();
        let (before, after) = if first == First::Incumbent { (0.0, effect) } else { (effect, 0.0) };
        let earlier = before + self.run();
        MeasuredPair::Runs(after + self.run() + second - earlier)
    }

    /// w of a pair.
    pub fn w(&self, pair: &MeasuredPair) -> f64 {
        w_by(self.estimator, pair)
    }

    /// Takes the estimator by which these pairs of a program with itself differ least, where none is given.
    pub fn choose(&mut self, pairs: &[MeasuredPair]) {
        if !matches!(self.noise, NoiseModel::Prompts(PromptPairs { estimator: None, .. })) {
            return;
        }
        let spread = |estimator| {
            let sizes: Vec<f64> = pairs.iter().map(|pair| w_by(estimator, pair).abs()).collect();
            stats::median(&sizes).unwrap_or(f64::INFINITY)
        };
        let (total, trimmed) = (spread(Estimator::Total), spread(Estimator::Trimmed));
        self.estimator = if total <= trimmed { Estimator::Total } else { Estimator::Trimmed };
    }

    /// Seconds that the prompts so far have taken.
    pub fn seconds(&self) -> f64 {
        self.prompts.as_ref().map_or(0.0, PromptMachine::seconds)
    }

    /// What the next run measures beside the effect.
    pub fn run(&mut self) -> f64 {
        self.runs += 1;
        let normal = self.random.normal();
        match self.noise {
            NoiseModel::Machine(sigma) => {
                self.drift = PHI * self.drift + DRIFT * (1.0 - PHI * PHI).sqrt() * self.random.normal();
                self.walk += STEP * self.random.normal();
                self.drift + self.walk + sigma * normal + self.slowdown()
            }
            NoiseModel::Gaussian => 0.02 * normal,
            NoiseModel::Cauchy => 0.02 * (PI * self.random.between(-0.5, 0.5)).tan(),
            NoiseModel::Quantised => (2.0 * normal).round() / 100.0,
            NoiseModel::Bimodal if self.random.between(0.0, 1.0) < 0.3 => 0.01 * normal - 0.06,
            NoiseModel::Bimodal => 0.01 * normal,
            NoiseModel::Growing => 0.01 * (1.0 + f64::from(self.runs % 200) / 20.0) * normal,
            NoiseModel::Heteroscedastic => 0.005 * self.random.between(0.0, 16f64.ln()).exp() * normal,
            NoiseModel::RandomWalk => {
                self.walk += 0.02 * normal;
                self.walk
            }
            // The gains of that night are of pairs: of the two runs of one, the second has all of it.
            NoiseModel::Night if self.runs % 2 == 1 => 0.0,
            NoiseModel::Night => self.of_the_night(),
            NoiseModel::Warming => 0.008 * normal + 0.001 * f64::from(self.runs) + self.slowdown(),
            NoiseModel::Prompts(_) => unreachable!("prompts come in pairs"),
        }
    }

    fn of_the_night(&mut self) -> f64 {
        let last = NIGHT.len() - 1;
        let at = self.random.between(0.0, last as f64);
        let below = (at as usize).min(last - 1);
        NIGHT[below] + (at - below as f64) * (NIGHT[below + 1] - NIGHT[below])
    }

    /// Always takes two words, so that the runs of two rules on one seed meet the same noise.
    fn slowdown(&mut self) -> f64 {
        let (rare, share) = (self.random.between(0.0, 1.0) < 0.05, self.random.between(0.2, 0.5));
        if rare { (-share).ln_1p() } else { 0.0 }
    }
}

fn w_by(estimator: Estimator, pair: &MeasuredPair) -> f64 {
    match pair {
        MeasuredPair::Runs(w) => *w,
        MeasuredPair::Prompts(parts) => estimator.log_ratio(parts).expect("all took time"),
    }
}
