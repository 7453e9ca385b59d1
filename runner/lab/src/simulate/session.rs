//! A run of the product on a simulated machine: the scale learnt, pairs in coin order, a question after each.

use super::noise::{Machine, MeasuredPair, NoiseModel};
use super::prompts::Effect;
use piton_core::base::rng::Random;
use piton_core::base::stats;
use piton_core::rule::keep::{self, Case, First, History, Question, TestResult, Track, Verdict};
use piton_core::rule::settings::Settings;

/// A machine and what the run has learnt about it.
pub(crate) struct SimulatedRun {
    machine: Machine,
    history: History,
    /// tau, where it is not learnt.
    pub known_tau: Option<f64>,
    /// What being second of a pair is worth on this machine.
    pub second: f64,
    /// The incumbent always goes first, and nothing is taken off for it: what the coin is there to prevent.
    pub fixed_order: bool,
}

/// How a trial ended.
pub(crate) struct SimulatedTrial {
    /// Whether the change was kept.
    pub kept: bool,
    /// Pairs that it took.
    pub pairs: u32,
}

impl SimulatedRun {
    /// A session that has learnt nothing yet.
    pub fn new(machine: Machine) -> Self {
        Self { machine, history: History::default(), known_tau: None, second: 0.0, fixed_order: false }
    }

    /// Measures the pairs of the baseline against itself that a run begins with; their order teaches b too.
    pub fn calibrate(&mut self, settings: &Settings) {
        let (seed, tau) = (self.machine.random.word(), self.tau());
        let pairs: Vec<_> =
            (0..settings.calibration_pairs()).map(|pair| self.measure(seed, pair, 0.0.into())).collect();
        self.machine.choose(&pairs.iter().map(|(_, pair)| pair.clone()).collect::<Vec<_>>());
        let gains: Vec<f64> = pairs.iter().map(|(first, pair)| self.gain(*first, pair, tau)).collect();
        self.history.null_pairs(&gains);
    }

    /// Takes gains of the baseline against itself that were measured elsewhere.
    pub(crate) fn learn(&mut self, gains: &[f64]) {
        self.history.null_pairs(gains);
    }

    /// tau as it stands.
    pub fn tau(&self) -> f64 {
        self.known_tau.unwrap_or_else(|| self.history.tau())
    }

    /// Random numbers for what is not noise.
    pub fn random(&mut self) -> &mut Random {
        &mut self.machine.random
    }

    /// The gains d of so many pairs of a change of this effect.
    pub fn pairs(&mut self, pairs: u32, effect: f64) -> Vec<f64> {
        let effect = effect.into();
        let (seed, tau) = (self.machine.random.word(), self.tau());
        (0..pairs).map(|pair| self.pair(seed, pair, effect, tau)).collect()
    }

    /// Measures pair after pair of a change of this effect until the question is answered.
    pub fn trial(
        &mut self,
        settings: &Settings,
        question: &Question,
        effect: impl Into<Effect>,
    ) -> SimulatedTrial {
        let (kept, gains) = self.measured(settings, question, effect);
        SimulatedTrial { kept, pairs: gains.len() as u32 }
    }

    /// Takes in the gains of a test that has ended.
    pub(crate) fn learn_trial(&mut self, gains: &[f64]) {
        self.history.trial(gains);
    }

    /// The same: whether it was kept, and its gains.
    pub fn measured(
        &mut self,
        settings: &Settings,
        question: &Question,
        effect: impl Into<Effect>,
    ) -> (bool, Vec<f64>) {
        let effect = effect.into();
        let seed = self.machine.random.word();
        let mut gains = Vec::with_capacity(question.n_max as usize);
        loop {
            gains.push(self.pair(seed, gains.len() as u32, effect, question.tau));
            let answer = answer(settings, question, &gains);
            if answer != TestResult::Open {
                self.history.trial(&gains);
                return (answer == TestResult::Yes, gains);
            }
        }
    }

    /// d of one pair, by the product's own coin.
    pub fn pair(&mut self, seed: u64, pair: u32, effect: Effect, tau: f64) -> f64 {
        let (first, pair) = self.measure(seed, pair, effect);
        self.gain(first, &pair, tau)
    }

    /// One pair, by the product's own coin.
    fn measure(&mut self, seed: u64, pair: u32, effect: Effect) -> (First, MeasuredPair) {
        let first = if self.fixed_order { First::Incumbent } else { keep::draw(seed, pair).first };
        (first, self.machine.pair(first, effect, self.second))
    }

    fn gain(&mut self, first: First, pair: &MeasuredPair, tau: f64) -> f64 {
        let (d, b) = self.history.pair(first.sign(), self.machine.w(pair), tau);
        if self.fixed_order { d + first.sign() * b } else { d }
    }

    /// Seconds that measuring has taken so far, where a machine says that.
    pub fn seconds(&self) -> f64 {
        self.machine.seconds()
    }
}

/// The product's answer. Where tau is 0, as few coarse values make it, there is no test and `decide` decides.
fn answer(settings: &Settings, question: &Question, gains: &[f64]) -> TestResult {
    if question.tau > 0.0 {
        return question.ask(gains).0;
    }
    let primary = Track::of(0.0, gains.to_vec());
    match keep::decide(&Case::of(settings.clone(), primary)).0 {
        Verdict::Continue => TestResult::Open,
        Verdict::Keep(_) => TestResult::Yes,
        _ => TestResult::No,
    }
}

/// The true scale of one pair, from 20,001 of them, or from fewer that take longer: what [`History`] would find if it had for ever.
pub(crate) fn true_tau(noise: NoiseModel) -> f64 {
    let mut machine = Machine::new(noise, Random::of_block(0, "true tau", 0));
    let mut size = || {
        let pair = machine.pair(First::Incumbent, 0.0.into(), 0.0);
        machine.w(&pair).abs()
    };
    let pairs = if matches!(noise, NoiseModel::Prompts(_)) { 4001 } else { 20_001 };
    let sizes: Vec<f64> = (0..pairs).map(|_| size()).collect();
    1.4826 * stats::median(&sizes).unwrap_or(0.0)
}
