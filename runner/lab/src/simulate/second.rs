//! Bar 15: no trial is given up for one pair, unless the parts of that pair agree. What it saves, and what it costs.

use super::cell_runner::{CellRunner, Mean};
use super::noise::{Machine, NoiseModel};
use super::session::SimulatedRun;
use super::{Bar, Figure, SIGMA, SimulationReport};
use piton_core::rule::keep::{self, Case, Track, Verdict};
use piton_core::rule::settings::{Preset, Settings};

/// Trials that one machine sees, one after the other.
const SESSION: u32 = 100;
/// Parts of a sample, where it tells of any: prompts or benchmarks.
const PARTS: usize = 30;
/// What one part varies by beside its sample.
const PART: f64 = 0.05;
/// Parts that a disturbance of a moment hits.
const HIT: usize = 3;

/// What a sample tells of its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Parts {
    /// Nothing.
    None,
    /// What disturbs a sample disturbs all of it.
    Whole,
    /// What disturbs a sample hits three of its thirty parts.
    Burst,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    noise: NoiseModel,
    preset: Preset,
    percent: f64,
    parts: Parts,
    second: bool,
}

impl Cell {
    /// The share kept, pairs, and the share that one pair ended. The product's own rule is asked.
    fn trials(self, cell_runner: &CellRunner) -> [Mean; 3] {
        let Self { noise, preset, percent, parts, second } = self;
        let settings = Settings { preset, second_pair: second, ..Settings::default() };
        let effect = (percent / 100.0).ln_1p();
        // With the second pair and without, trials meet the same noise.
        let name = format!("second {noise:?} {preset:?} {percent} {parts:?}");
        cell_runner.means(&name, (cell_runner.options.trials, SESSION), |random, trials, tell| {
            let mut session = SimulatedRun::new(Machine::new(noise, random));
            session.calibrate(&settings);
            for _ in 0..trials {
                let (seed, tau) = (session.random().word(), session.tau());
                let mut track = Track::of(tau, vec![]);
                let verdict = loop {
                    let pair = track.d.len() as u32;
                    track.d.push(session.pair(seed, pair, effect.into(), tau));
                    if pair == 0 && parts != Parts::None {
                        track.parts = parts_of(&mut session, parts, effect, track.d[0]);
                    }
                    match keep::decide(&Case::of(settings.clone(), track.clone())).0 {
                        Verdict::Continue => {}
                        verdict => break verdict,
                    }
                };
                session.learn_trial(&track.d);
                let one = |so: bool| f64::from(u8::from(so));
                let kept = matches!(verdict, Verdict::Keep(_));
                tell([one(kept), track.d.len() as f64, one(track.d.len() == 1)]);
            }
        })
    }
}

/// The gains of the parts of a pair of this gain, whose mean is that gain.
fn parts_of(session: &mut SimulatedRun, parts: Parts, effect: f64, gain: f64) -> Vec<f64> {
    let hit = |part: usize| part < HIT;
    let of = |part: usize| match parts {
        Parts::Burst if hit(part) => effect + (gain - effect) * PARTS as f64 / HIT as f64,
        Parts::Burst => effect,
        _ => gain,
    };
    (0..PARTS).map(|part| of(part) + PART * session.random().normal()).collect()
}

/// Bar 15.
pub fn second_pair(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let cell =
        |noise, percent, parts, second| Cell { noise, preset: Preset::Standard, percent, parts, second };
    let (machine, night) = (NoiseModel::Machine(SIGMA), NoiseModel::Night);
    let kept = |what: Cell| what.trials(cell_runner)[0];
    for (name, noise) in [
        ("sigma 2 %", machine),
        ("the noise of a night", night),
        ("Cauchy", NoiseModel::Cauchy),
        ("bimodal", NoiseModel::Bimodal),
    ] {
        let none = kept(cell(noise, 0.0, Parts::None, true));
        report.bars.push(Bar::at_most(
            15,
            format!("no effect, two pairs to give up, {name}: kept"),
            none,
            0.02,
        ));
    }
    let [gain, pairs, _] = cell(machine, 3.0, Parts::None, true).trials(cell_runner);
    report.bars.push(Bar::at_least(15, "+3 %, two pairs to give up: kept".to_owned(), gain, 0.79));
    report.bars.push(Bar::at_most(15, "+3 %, two pairs to give up: pairs".to_owned(), pairs, 15.0));
    let [_, pairs, _] = cell(machine, -10.0, Parts::Whole, true).trials(cell_runner);
    report.bars.push(Bar::at_most(15, "-10 %, its 30 parts agree: pairs".to_owned(), pairs, 1.5));
    for (noise, of, percent) in [
        (night, "the noise of a night", 0.0),
        (night, "the noise of a night", 10.0),
        (night, "the noise of a night", 14.7),
        (night, "the noise of a night", 22.3),
        (night, "the noise of a night", -10.0),
        (night, "the noise of a night", -30.0),
        (machine, "sigma 2 %", 0.0),
        (machine, "sigma 2 %", -1.0),
        (machine, "sigma 2 %", -10.0),
        (NoiseModel::Cauchy, "Cauchy", 20.0),
    ] {
        for (second, asked) in [(false, "one pair may end it"), (true, "two pairs to give up")] {
            let [kept, pairs, one] = cell(noise, percent, Parts::None, second).trials(cell_runner);
            let name = format!("{percent:+} %, {of}, {asked}");
            report.figures.push(Figure::of(&format!("{name}: kept"), kept));
            report.figures.push(Figure::of(&format!("{name}: pairs"), pairs));
            report.figures.push(Figure::of(&format!("{name}: ended by one pair"), one));
        }
    }
    let [kept, pairs, one] = cell(night, 14.7, Parts::Burst, true).trials(cell_runner);
    let name = "+14.7 %, the noise of a night in three of 30 parts, two pairs to give up";
    report.figures.push(Figure::of(&format!("{name}: kept"), kept));
    report.figures.push(Figure::of(&format!("{name}: pairs"), pairs));
    report.figures.push(Figure::of(&format!("{name}: ended by one pair"), one));
    for second in [false, true] {
        let frugal = Cell { preset: Preset::Frugal, ..cell(machine, 0.0, Parts::None, second) };
        let asked = if second { "two pairs to give up" } else { "one pair may end it" };
        report
            .figures
            .push(Figure::of(&format!("no effect, frugal, {asked}: pairs"), frugal.trials(cell_runner)[1]));
    }
}
