//! Bar 14: keeps that are measured again, those that are what they were and those that are not.

use super::cell_runner::{CellRunner, Mean};
use super::noise::{Machine, NoiseModel};
use super::session::SimulatedRun;
use super::{Bar, Figure, SIGMA, SimulationReport};
use piton_core::base::metric::Gain;
use piton_core::base::stats;
use piton_core::rule::keep::{self, Estimate, KeepReason, Question, RecordedGain, Track, Worth};
use piton_core::rule::settings::Settings;

/// Trials that one machine sees, one after the other.
const SESSION: u32 = 100;

/// Of the keeps among trials of a change of `gain` percent, that are worth `now` percent when they are measured again: the share taken back,
/// that proven to be less, and pairs. tau is learnt as in a run.
fn again(cell_runner: &CellRunner, noise: NoiseModel, gain: f64, now: f64) -> [Mean; 3] {
    let settings = Settings::default();
    let (gain, now) = ((gain / 100.0).ln_1p(), (now / 100.0).ln_1p());
    let name = format!("again {noise:?} {gain} {now}");
    cell_runner.means(&name, (cell_runner.options.trials, SESSION), |random, trials, tell| {
        let mut session = SimulatedRun::new(Machine::new(noise, random));
        session.calibrate(&settings);
        for _ in 0..trials {
            let question = Question::better(&settings, session.tau());
            let (kept, gains) = session.measured(&settings, &question, gain);
            if !kept {
                continue;
            }
            let low = question.lower_bound(&gains);
            let middle = stats::median(&gains).unwrap_or(0.0);
            let estimate =
                Estimate { pairs: gains.len() as u32, gain: Gain(middle), low: low.map(Gain), high: None };
            let (worth, pairs) =
                session.recheck(&settings, RecordedGain::of(&KeepReason::Better, &estimate, Gain::ZERO), now);
            let one = |so: bool| f64::from(u8::from(so));
            tell([one(worth == Worth::Gone), one(worth != Worth::Holds), f64::from(pairs)]);
        }
    })
}

impl SimulatedRun {
    /// Measures a keep again, by the product's own judgement: what it is worth, and the pairs that it took.
    fn recheck(&mut self, settings: &Settings, recorded: RecordedGain, effect: f64) -> (Worth, u32) {
        let (seed, tau) = (self.random().word(), self.tau());
        let mut gains = vec![];
        loop {
            gains.push(self.pair(seed, gains.len() as u32, effect.into(), tau));
            if let (Some(worth), _) = keep::again(settings, &Track::of(tau, gains.clone()), recorded) {
                self.learn_trial(&gains);
                return (worth, gains.len() as u32);
            }
        }
    }
}

/// An honest keep is taken back with probability alpha at most.
pub fn rechecks(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let machine = NoiseModel::Machine(SIGMA);
    for (name, noise, gain) in [
        ("a keep of +1 %", machine, 1.0),
        ("a keep of +3 %", machine, 3.0),
        ("a keep of +10 %", machine, 10.0),
        ("a keep of +10 %, bimodal noise", NoiseModel::Bimodal, 10.0),
        ("a keep of +10 %, random walk", NoiseModel::RandomWalk, 10.0),
    ] {
        let [back, less, pairs] = again(cell_runner, noise, gain, gain);
        report.bars.push(Bar::at_most(14, format!("{name} measured again: taken back"), back, 0.02));
        report.bars.push(Bar::at_most(14, format!("{name} measured again: called less"), less, 0.04));
        report.figures.push(Figure::of(&format!("{name} measured again: pairs"), pairs));
    }
    for (gain, now) in [(3.0, 0.0), (3.0, -3.0), (10.0, 0.0), (100.0, 0.0), (100.0, 50.0)] {
        let [back, less, pairs] = again(cell_runner, machine, gain, now);
        let name = format!("a keep of +{gain} % that is worth {now:+} % later");
        report.figures.push(Figure::of(&format!("{name}: taken back"), back));
        report.figures.push(Figure::of(&format!("{name}: called less"), less));
        report.figures.push(Figure::of(&format!("{name}: pairs"), pairs));
    }
}
