//! What other tools keep, on the same noise, run by run.
//!
//! The incumbent has made 25 runs when the challenger comes. A rule that does not measure it again uses old
//! ones: the first of them are the baseline, and the last keep is ten runs ago. The machine has moved since.
//! No figure of the incumbent was selected for being high here; over a night of keeps it is.

use super::cell_runner::{CellRunner, Mean};
use super::noise::{Machine, NoiseModel};
use super::session::SimulatedRun;
use super::{PeerRow, SIGMA, SimulationReport};
use piton_core::base::rng::Random;
use piton_core::base::stats;
use piton_core::rule::keep::Question;
use piton_core::rule::settings::Settings;

const PAST: usize = 25;
const LAST_KEEP: usize = PAST - 10;
const EFFECTS_PCT: [f64; 3] = [0.0, 3.0, -1.0];
/// Quantiles at 1 - .02 of the normal distribution, and of Student's t with 9 degrees of freedom.
const NORMAL: f64 = 2.0537;
const STUDENT: f64 = 2.3984;

/// A challenger of this effect, before its incumbent's past.
struct SimulatedChallenger {
    machine: Machine,
    past: [f64; PAST],
    effect: f64,
}

/// Whether it is kept, and after how many runs.
type Rule = fn(SimulatedChallenger) -> (bool, u32);

const RULES: [(&str, Rule); 9] = [
    ("piton: coin pairs, standard", |stage| stage.coin_pairs()),
    ("one run above the last keep's", |mut stage| (stage.above(0.0), 1)),
    ("median of 5 above the baseline's", |mut stage| (stage.median_of_5(), 5)),
    ("one run, 2 % counts as a tie", |mut stage| (stage.above(2.0), 1)),
    ("one run, 10 % counts as a tie", |mut stage| (stage.above(10.0), 1)),
    ("one run 2 MAD above the baseline's", |mut stage| (stage.above_mad(), 1)),
    ("one run 1 % above, and one to confirm", SimulatedChallenger::confirmed),
    ("paired t, 10 pairs, one-sided .02", |mut stage| (stage.paired_t(), 20)),
    ("Mann-Whitney, 10 after 10, one-sided .02", |mut stage| (stage.mann_whitney(), 20)),
];

/// One row for every rule, at sigma 2 %.
pub fn rows(cell_runner: &CellRunner, report: &mut SimulationReport) {
    report.peers.extend(RULES.map(|(name, rule)| row(cell_runner, name, rule)));
}

/// All rules run under one name: the same seeds, so the same noise.
fn row(cell_runner: &CellRunner, name: &str, rule: Rule) -> PeerRow {
    let means: [Mean; 4] =
        cell_runner.means("peers", (cell_runner.options.trials, 100), |mut random, trials, tell| {
            for _ in 0..trials {
                let seed = random.word();
                let [none, gain, loss] =
                    EFFECTS_PCT.map(|effect| rule(SimulatedChallenger::new(seed, effect)));
                let share = |kept: bool| f64::from(u8::from(kept));
                tell([share(none.0), share(gain.0), share(loss.0), f64::from(none.1)]);
            }
        });
    let [none, gain, loss, runs] = means.map(|mean| mean.value);
    PeerRow { rule: name.to_owned(), kept_no_effect: none, kept_gain: gain, kept_loss: loss, runs }
}

impl SimulatedChallenger {
    fn new(seed: u64, effect_pct: f64) -> Self {
        let mut machine = Machine::new(NoiseModel::Machine(SIGMA), Random::of_seed(seed));
        let past = std::array::from_fn(|_| machine.run());
        Self { machine, past, effect: (effect_pct / 100.0).ln_1p() }
    }

    fn challenger(&mut self) -> f64 {
        self.effect + self.machine.run()
    }

    /// tau from the last sixteen past runs, taken as 8 pairs; they are paid once a night and not counted.
    fn coin_pairs(self) -> (bool, u32) {
        let settings = Settings::default();
        let mut session = SimulatedRun::new(self.machine);
        let gains: Vec<f64> = self.past[PAST - 16..].chunks(2).map(|pair| pair[1] - pair[0]).collect();
        session.learn(&gains);
        let tried = session.trial(&settings, &Question::better(&settings, session.tau()), self.effect);
        (tried.kept, 2 * tried.pairs)
    }

    fn above(&mut self, by_pct: f64) -> bool {
        self.challenger() > self.past[LAST_KEEP] + (by_pct / 100.0).ln_1p()
    }

    fn median_of_5(&mut self) -> bool {
        let now: [f64; 5] = std::array::from_fn(|_| self.challenger());
        stats::median(&now) > stats::median(&self.past[..5])
    }

    /// The median absolute deviation of all runs so far as it is, not scaled to a standard deviation.
    fn above_mad(&mut self) -> bool {
        let mad = stats::deviation(&self.past).unwrap_or(0.0) / 1.4826;
        self.challenger() - self.past[0] >= 2.0 * mad
    }

    fn confirmed(mut self) -> (bool, u32) {
        if !self.above(1.0) {
            return (false, 1);
        }
        (self.above(1.0), 2)
    }

    /// The incumbent always first.
    fn paired_t(&mut self) -> bool {
        let gains: Vec<f64> = (0..10).map(|_| -self.machine.run() + self.challenger()).collect();
        let mean = gains.iter().sum::<f64>() / 10.0;
        let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / 9.0;
        mean / (variance / 10.0).sqrt() >= STUDENT
    }

    /// U by counting, against its normal approximation: mean 50, variance 10 * 10 * 21 / 12.
    fn mann_whitney(&mut self) -> bool {
        let incumbent: [f64; 10] = std::array::from_fn(|_| self.machine.run());
        let challenger: [f64; 10] = std::array::from_fn(|_| self.challenger());
        let above = challenger.map(|new| incumbent.iter().filter(|old| new > **old).count());
        (above.iter().sum::<usize>() as f64 - 50.0) / 175f64.sqrt() >= NORMAL
    }
}
