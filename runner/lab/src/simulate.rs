//! The bars of the keep rule, measured: simulated trials put through the product's own code.
//!
//! What the rule promises is a claim about noise, and a claim about noise is tested on noise. This module
//! makes the machines of METHODOLOGY.md, section 2, those that answer prompts among them, lets `Question`, `History` and `KnownIncumbent` decide as in a run, and
//! compares the shares with the bars there; beside it stand bets on prompts instead of pairs, and the rules of other tools. The figures depend on the seed and the number of trials alone, not on the threads.
//!
//! What the bars leave open: tau is learnt, as in a run, from 8 pairs and then from the trials of a
//! session of 100, except in the bars about E itself and about a wrong tau. The drift begins anywhere. A
//! night is 200 proposals, so there is one for every 20 of the trials asked for.

mod again;
mod bars;
mod by_prompt;
mod cell_runner;
mod hours;
mod interleaved;
mod mixed;
mod night;
mod noise;
mod peers;
mod prompts;
mod second;
mod session;
mod table;

use serde::Serialize;

use cell_runner::{CellRunner, Mean};
pub use table::table;

/// The sd of one run where a bar gives no other: 2 %.
const SIGMA: f64 = 0.02;

/// Adds the figures of one part.
type SimulationPart = fn(&CellRunner, &mut SimulationReport);

const PARTS: [(&str, SimulationPart); 18] = [
    ("bar 2: what does nothing, on all kinds of noise", bars::no_effect),
    ("bar 3: evidence over 512 pairs", bars::ever),
    ("bar 4: a wrong scale", bars::wrong_tau),
    ("bar 5: the second run is faster", bars::second_faster),
    ("bars 6 to 8: power and pairs", bars::power_and_pairs),
    ("bar 9: nights", night::nights),
    ("bar 10: as good", bars::as_good),
    ("bar 11: replicates", bars::replicates),
    ("bar 12: a metric that is deterministic for a seed", bars::seeded),
    ("bar 13: a gain in one order alone", bars::both_orders),
    ("bar 14: keeps that are measured again", again::rechecks),
    ("bar 15: no trial is given up for one pair", second::second_pair),
    ("interleaved pairs: what they vary by, and bars 2 to 5", interleaved::what_does_nothing),
    ("interleaved pairs: power and pairs, and bar 10", interleaved::what_does_something),
    ("interleaved pairs: nights", interleaved::nights),
    ("bets on prompts", by_prompt::rows),
    ("mixed proposals", mixed::rows),
    ("the rules of other tools", peers::rows),
];

/// How much is simulated.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// Trials of each cell; the bars are set for 20,000.
    pub trials: u32,
    /// Seed of everything.
    pub seed: u64,
    /// Threads to use. They change nothing but the time.
    pub threads: usize,
    /// Only the parts whose name contains this: all where it is empty.
    pub only: String,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SimulationReport {
    /// The bars, by number.
    pub bars: Vec<Bar>,
    /// What the bars are to be compared with.
    pub figures: Vec<Figure>,
    /// What is bet on, at equal time.
    pub tests: Vec<TestRow>,
    /// What an hour decides.
    pub mixed: Vec<MixedRow>,
    /// The rules of other tools, piton's first.
    pub peers: Vec<PeerRow>,
}

/// A test in an hour of a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// The load.
    pub hour: String,
    /// What is bet on.
    pub test: String,
    /// How changes fare.
    pub shares: Vec<Share>,
}

/// How a change fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// What the change does.
    pub change: String,
    /// Share of its trials that keep it.
    pub kept: f64,
    /// Mean pairs of a trial.
    pub pairs: f64,
    /// The same where a keep waits for the six pairs that a guard's proof needs; with the warm-up they are the seven samples of the slowest gate.
    pub gated: f64,
}

/// What an hour of measuring decides, of proposals of which most do nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MixedRow {
    /// The load.
    pub hour: String,
    /// How pairs are measured, and what makes one number of each.
    pub design: String,
    /// Trials that end in an hour in which nothing else is done than measuring.
    pub decisions: f64,
    /// Mean pairs of a trial.
    pub pairs: f64,
    /// Share of the gains that is kept.
    pub gains_kept: f64,
    /// Gains that are kept in an hour.
    pub gains: f64,
    /// Other changes that are kept in an hour.
    pub false_keeps: f64,
}

/// A bar in one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// Its number.
    pub number: u32,
    /// What is measured, where.
    pub name: String,
    /// The figure.
    pub measured: f64,
    /// What it may be.
    pub bound: f64,
    /// Whether the bound is the most; otherwise it is the least.
    pub at_most: bool,
    /// Standard error of the figure.
    pub error: f64,
    /// Whether the figure itself keeps to the bound.
    pub holds: bool,
    /// The figure that the rule was designed by; of several cells it is the worst.
    pub published: Option<f64>,
}

/// A figure without a bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What is measured, where.
    pub name: String,
    /// The figure.
    pub measured: f64,
    /// Its standard error.
    pub error: f64,
    /// The figure that the rule was designed by, where there is one.
    pub published: Option<f64>,
}

/// What a rule keeps at sigma 2 %, and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerRow {
    /// The rule.
    pub rule: String,
    /// Share kept of changes that do nothing.
    pub kept_no_effect: f64,
    /// Share kept of gains of 3 %.
    pub kept_gain: f64,
    /// Share kept of losses of 1 %.
    pub kept_loss: f64,
    /// Mean runs of a trial whose change does nothing.
    pub runs: f64,
}

impl Bar {
    fn at_most(number: u32, name: String, mean: Mean, bound: f64) -> Self {
        let Mean { value: measured, error } = mean;
        Self {
            number,
            name,
            measured,
            bound,
            at_most: true,
            error,
            holds: measured <= bound,
            published: None,
        }
    }

    fn at_least(number: u32, name: String, mean: Mean, bound: f64) -> Self {
        Self { at_most: false, holds: mean.value >= bound, ..Self::at_most(number, name, mean, bound) }
    }

    /// Beside the figure that the rule was designed by.
    fn against(self, figure: f64) -> Self {
        Self { published: Some(figure), ..self }
    }

    /// Whether the figure keeps to the bound but for so many standard errors: for short runs.
    #[cfg(test)]
    fn holds_within(&self, sigmas: f64) -> bool {
        let over = if self.at_most { self.measured - self.bound } else { self.bound - self.measured };
        over <= sigmas * self.error
    }
}

impl Figure {
    fn of(name: &str, mean: Mean) -> Self {
        Self { name: name.to_owned(), measured: mean.value, error: mean.error, published: None }
    }

    fn new(name: &str, mean: Mean, published: f64) -> Self {
        Self { name: name.to_owned(), measured: mean.value, error: mean.error, published: Some(published) }
    }
}

/// The names of the parts.
pub fn parts() -> impl Iterator<Item = &'static str> {
    PARTS.into_iter().map(|(name, _)| name)
}

/// Measures every bar but the first, and the other tools' rules. `progress` hears of each part as it begins.
pub fn run(options: &SimulateOptions, progress: &(dyn Fn(&str) + Sync)) -> SimulationReport {
    let (cell_runner, mut report) = (CellRunner { options }, SimulationReport::default());
    for (name, part) in PARTS.into_iter().filter(|(name, _)| name.contains(&options.only)) {
        progress(name);
        part(&cell_runner, &mut report);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(trials: u32, threads: usize) -> SimulateOptions {
        SimulateOptions { trials, seed: 1, threads, only: String::new() }
    }

    #[test]
    fn every_bar_holds_within_its_monte_carlo_error() {
        let report = run(&short(300, 2), &|_| {});
        let broken: Vec<&Bar> = report.bars.iter().filter(|bar| !bar.holds_within(4.0)).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!((2..=15).all(|number| report.bars.iter().any(|bar| bar.number == number)));
        let kept: Vec<f64> = report.peers.iter().map(|row| row.kept_no_effect).collect();
        assert!(kept[0] < 0.1 && (0.4..0.6).contains(&kept[1]), "one run keeps half, pairs do not: {kept:?}");
    }

    #[test]
    fn what_misses_its_bar_by_far_does_not_hold_within_its_error_either() {
        let mean = Mean { value: 0.5, error: 0.01 };
        let bar = Bar::at_most(2, String::new(), mean, 0.02);
        assert!(!bar.holds && !bar.holds_within(4.0));
        assert!(!Bar::at_least(6, String::new(), mean, 0.79).holds_within(4.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_table_on_any_number_of_threads() {
        let on = |threads: usize| table(&run(&short(30, threads), &|_| {}));
        assert_eq!(on(1), on(3));
        let words = |cell_runner: &CellRunner| -> [Mean; 1] {
            cell_runner.means("words", (40, 10), |mut random, trials, tell| {
                (0..trials).for_each(|_| tell([random.normal()]));
            })
        };
        let of = |threads: usize| words(&CellRunner { options: &short(40, threads) });
        assert_eq!(of(1), of(4));
    }
}
