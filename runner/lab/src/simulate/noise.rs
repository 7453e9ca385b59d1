//! The machines that the rule is tried on: what a run measures beside the effect of the code.
//!
//! All values are natural logarithms of the metric, higher being better; only differences matter.

use std::f64::consts::PI;

use piton_core::base::rng::Random;

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
    /// .8 % * N(0,1) + .1 % faster with every run + 20 to 50 % slower in 5 % of runs.
    /// With a fixed order this reproduces the share of false keeps that the rule was designed by.
    Warming,
}

/// A machine that measures.
pub(crate) struct Machine {
    noise: NoiseModel,
    /// Its random numbers, also for what is not noise.
    pub random: Random,
    drift: f64,
    walk: f64,
    runs: u32,
}

const PHI: f64 = 0.98;
const DRIFT: f64 = 0.03;
const STEP: f64 = 0.002;

impl Machine {
    /// A machine at a random point of its drift.
    pub fn new(noise: NoiseModel, mut random: Random) -> Self {
        let drift = DRIFT * random.normal();
        Self { noise, random, drift, walk: 0.0, runs: 0 }
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
            NoiseModel::Warming => 0.008 * normal + 0.001 * f64::from(self.runs) + self.slowdown(),
        }
    }

    /// Always takes two words, so that the runs of two rules on one seed meet the same noise.
    fn slowdown(&mut self) -> f64 {
        let (rare, share) = (self.random.between(0.0, 1.0) < 0.05, self.random.between(0.2, 0.5));
        if rare { (-share).ln_1p() } else { 0.0 }
    }
}
