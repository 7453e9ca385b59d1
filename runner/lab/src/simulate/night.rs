//! A night of 200 proposals: false keeps, runs, and what the last figure is worth.

use super::cell_runner::{CellRunner, Mean};
use super::noise::{Machine, NoiseModel};
use super::session::SimulatedRun;
use super::{Bar, Figure, SIGMA, SimulationReport};
use piton_core::base::metric::Gain;
use piton_core::base::rng::Random;
use piton_core::base::stats;
use piton_core::rule::keep::Question;
use piton_core::rule::settings::Settings;

/// One night for so many of the trials asked for: 1,000 nights at full size.
const TRIALS_PER_NIGHT: u32 = 20;
const PROPOSALS: u32 = 200;
/// Fresh pairs of HEAD against the baseline.
const FINAL_PAIRS: u32 = 20;

/// A night, in the order of its figures: keeps of what does nothing or harm, runs, gain claimed, true gain,
/// the claim less the truth (percent), and whether the published interval holds the truth.
type NightFigures = [f64; 6];

/// The means of a night's figures.
type NightMeans = [Mean; 6];

/// Nights of coin pairs on such a machine.
pub(super) fn of_pairs(cell_runner: &CellRunner, name: &str, noise: NoiseModel) -> NightMeans {
    let count = cell_runner.options.trials.div_ceil(TRIALS_PER_NIGHT);
    cell_runner.means(name, (count, 1), |random, _, tell| tell(coin_pairs(random, noise)))
}

/// Bar 9, and the same night where every run that came out higher is kept. The design sets no bar for the interval
/// of the last figure, but calls it a 95 % one.
pub fn nights(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let count = cell_runner.options.trials.div_ceil(TRIALS_PER_NIGHT);
    let [falsely, runs, _, _, bias, held] =
        of_pairs(cell_runner, "night of coin pairs", NoiseModel::Machine(SIGMA));
    let [single, _, claimed, truth, ..]: NightMeans =
        cell_runner.means("night of single runs", (count, 1), |random, _, tell| tell(single_runs(random)));
    let bias = Mean { value: bias.value.abs(), ..bias };
    report.bars.extend([
        Bar::at_most(9, "a night: false keeps".to_owned(), falsely, 2.0).against(1.1),
        Bar::at_most(9, "a night: runs".to_owned(), runs, 2700.0).against(2454.0),
        Bar::at_most(9, "a night: bias of the final figure, points".to_owned(), bias, 0.5).against(0.1),
        Bar::at_least(9, "a night: interval of the final figure holds the truth".to_owned(), held, 0.95),
    ]);
    report.figures.extend([
        Figure::new("a night of single runs: false keeps", single, 9.0),
        Figure::new("a night of single runs: gain claimed, %", claimed, 50.0),
        Figure::new("a night of single runs: true gain, %", truth, 36.0),
    ]);
}

/// Log effect of the next proposal: 45 % null, 45 % U(-20, -1) %, 8 % U(1, 3) %, 2 % U(5, 15) %.
fn proposal(random: &mut Random) -> f64 {
    let (low, high) = match random.between(0.0, 1.0) {
        ..0.45 => (0.0, 0.0),
        0.45..0.90 => (-20.0, -1.0),
        0.90..0.98 => (1.0, 3.0),
        _ => (5.0, 15.0),
    };
    (random.between(low, high) / 100.0).ln_1p()
}

/// tau and b are learnt over the night, from 8 pairs of the baseline on; all runs count.
fn coin_pairs(random: Random, noise: NoiseModel) -> NightFigures {
    let settings = Settings::default();
    let mut session = SimulatedRun::new(Machine::new(noise, random));
    session.calibrate(&settings);
    let (mut head, mut falsely, mut pairs) = (0.0, 0.0, settings.calibration_pairs() + FINAL_PAIRS);
    for _ in 0..PROPOSALS {
        let effect = proposal(session.random());
        let tried = session.trial(&settings, &Question::better(&settings, session.tau()), effect);
        pairs += tried.pairs;
        if tried.kept {
            head += effect;
            falsely += f64::from(u8::from(effect <= 0.0));
        }
    }
    let gains = session.pairs(FINAL_PAIRS, head);
    let claimed = Gain(stats::median(&gains).expect("20 gains")).percent();
    let (low, high) = stats::sign_interval(&gains, 0.025).expect("20 gains");
    let held = f64::from(u8::from((low..=high).contains(&head)));
    [falsely, f64::from(2 * pairs), claimed, Gain(head).percent(), claimed - Gain(head).percent(), held]
}

/// One run a proposal, kept when it is above the figure of the last keep, which it then replaces.
fn single_runs(random: Random) -> NightFigures {
    let mut machine = Machine::new(NoiseModel::Machine(SIGMA), random);
    let first = machine.run();
    let (mut head, mut best, mut falsely) = (0.0, first, 0.0);
    for _ in 0..PROPOSALS {
        let effect = proposal(&mut machine.random);
        let value = head + effect + machine.run();
        if value > best {
            best = value;
            head += effect;
            falsely += f64::from(u8::from(effect <= 0.0));
        }
    }
    let (claimed, truth) = (Gain(best - first).percent(), Gain(head).percent());
    [falsely, f64::from(PROPOSALS + 1), claimed, truth, claimed - truth, 0.0]
}
