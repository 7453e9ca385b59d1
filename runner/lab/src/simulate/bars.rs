//! The bars of METHODOLOGY.md, section 2, each as cells of trials. Bar 1, the golden cases, is a test of the rule
//! itself.

use super::cell_runner::{CellRunner, Mean};
use super::noise::{Machine, NoiseModel};
use super::session::{SimulatedRun, true_tau};
use super::{Bar, Figure, SIGMA, SimulationReport};
use piton_core::base::metric::{Direction, Scale, Values};
use piton_core::base::rng::Random;
use piton_core::rule::keep::{self, Case, First, Question, TestResult, Verdict};
use piton_core::rule::settings::{Preset, Settings};
use piton_core::run::few_runs::{BASELINE_RUNS, Judgement, KnownIncumbent};
use piton_core::run::pair_history::MetricHistory;

/// Trials that one machine sees, one after the other, as a run of the product does.
pub(super) const SESSION: u32 = 100;
const SIGMAS: [f64; 4] = [0.005, 0.02, 0.05, 0.10];
pub(super) const PRESETS: [Preset; 5] =
    [Preset::Thorough, Preset::Standard, Preset::Frugal, Preset::Provisional, Preset::Training];

/// What the trials of a cell have in common. tau is learnt as the product learns it, from 8 pairs and then
/// from the trials, except where `known_tau` is given.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub noise: NoiseModel,
    pub preset: Preset,
    pub alpha: f64,
    pub effect_pct: f64,
    pub known_tau: Option<f64>,
    pub second: f64,
    pub fixed_order: bool,
}

pub(super) const STANDARD: Setup = Setup {
    noise: NoiseModel::Machine(SIGMA),
    preset: Preset::Standard,
    alpha: 0.02,
    effect_pct: 0.0,
    known_tau: None,
    second: 0.0,
    fixed_order: false,
};

impl Setup {
    pub fn session(&self, random: Random, settings: &Settings) -> SimulatedRun {
        let mut session = SimulatedRun::new(Machine::new(self.noise, random));
        session.known_tau = self.known_tau;
        session.second = self.second;
        session.fixed_order = self.fixed_order;
        session.calibrate(settings);
        session
    }

    pub fn settings(&self) -> Settings {
        Settings { preset: self.preset, alpha: self.alpha, ..Settings::default() }
    }

    /// The share kept and the pairs of a trial.
    pub fn trials(&self, cell_runner: &CellRunner) -> [Mean; 2] {
        let (settings, effect) = (self.settings(), (self.effect_pct / 100.0).ln_1p());
        cell_runner.means(
            &format!("{self:?}"),
            (cell_runner.options.trials, SESSION),
            |random, trials, tell| {
                let mut session = self.session(random, &settings);
                for _ in 0..trials {
                    let question = Question::better(&settings, session.tau());
                    let tried = session.trial(&settings, &question, effect);
                    tell([f64::from(u8::from(tried.kept)), f64::from(tried.pairs)]);
                }
            },
        )
    }
}

/// Bar 2: no effect, alpha .02, every preset at every sigma, and standard on every other noise. The bracket
/// of the design, .0005 to .0138, is the range over all of them.
pub(crate) fn no_effect(cell_runner: &CellRunner, report: &mut SimulationReport) {
    for preset in PRESETS {
        for sigma in SIGMAS {
            let kept = Setup { preset, noise: NoiseModel::Machine(sigma), ..STANDARD }.trials(cell_runner)[0];
            let preset = format!("{preset:?}").to_lowercase();
            report.bars.push(Bar::at_most(
                2,
                format!("no effect, {preset}, sigma {} %: kept", sigma * 100.0),
                kept,
                0.02,
            ));
        }
    }
    for (name, noise) in [
        ("Gaussian", NoiseModel::Gaussian),
        ("Cauchy", NoiseModel::Cauchy),
        ("quantised", NoiseModel::Quantised),
        ("bimodal", NoiseModel::Bimodal),
        ("growing variance", NoiseModel::Growing),
        ("heteroscedastic", NoiseModel::Heteroscedastic),
        ("random walk", NoiseModel::RandomWalk),
    ] {
        let kept = Setup { noise, ..STANDARD }.trials(cell_runner)[0];
        report.bars.push(Bar::at_most(2, format!("no effect, {name} noise: kept"), kept, 0.02));
    }
}

/// Bar 3: E watched over 512 pairs with nothing that discards, at the true tau. One sequence serves both
/// alphas.
pub fn ever(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let reached = ever_reached(cell_runner, "ever", STANDARD.noise, cell_runner.options.trials);
    for ((alpha, published), reached) in std::iter::zip([(0.05, 0.043), (0.02, 0.019)], reached) {
        let name = format!("E ever reaches 1/{alpha} over 512 pairs");
        report.bars.push(Bar::at_most(3, name, reached, alpha).against(published));
    }
}

/// The shares of sequences in which E ever reaches 1/.05 and 1/.02.
pub(super) fn ever_reached(
    cell_runner: &CellRunner,
    name: &str,
    noise: NoiseModel,
    trials: u32,
) -> [Mean; 2] {
    let tau = true_tau(noise);
    cell_runner.means(name, (trials, 1), |random, _, tell| {
        let mut session = SimulatedRun::new(Machine::new(noise, random));
        session.known_tau = Some(tau);
        let gains = session.pairs(512, 0.0);
        tell([0.05, 0.02].map(|alpha| {
            let settings = Settings { alpha, n_max: Some(512), ..Settings::default() };
            let question = Question { beta: 0.0, ..Question::better(&settings, tau) };
            f64::from(u8::from(question.ask(&gains).0 == TestResult::Yes))
        }));
    })
}

/// Bar 4: tau is a fixed multiple of the true one. The bracket is the largest share of any multiple.
pub(crate) fn wrong_tau(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let tau = true_tau(STANDARD.noise);
    for times in [0.33, 0.5, 2.0, 3.0] {
        let kept = Setup { known_tau: Some(times * tau), ..STANDARD }.trials(cell_runner)[0];
        let name = format!("no effect, tau wrong by x{times}: kept");
        report.bars.push(Bar::at_most(4, name, kept, 0.02).against(0.014));
    }
}

/// Bar 5: whoever is second of a pair is 1 % faster, every run is faster than the one before, and one in
/// twenty is slow.
pub(crate) fn second_faster(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let setup = Setup { noise: NoiseModel::Warming, second: 0.01, alpha: 0.05, ..STANDARD };
    let kept = setup.trials(cell_runner)[0];
    let fixed = Setup { fixed_order: true, ..setup }.trials(cell_runner)[0];
    let name = "no effect, second 1 % faster, warming, outliers: kept";
    report.bars.push(Bar::at_most(5, name.to_owned(), kept, 0.05).against(0.034));
    report.figures.push(Figure::new("bar 5 with the incumbent always first", fixed, 0.81));
}

/// Bars 6 to 8, at sigma 2 %.
pub(crate) fn power_and_pairs(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let of = |preset: Preset, effect_pct: f64| Setup { preset, effect_pct, ..STANDARD }.trials(cell_runner);
    for (preset, name, least, power, most, pairs) in [
        (Preset::Standard, "standard", 0.79, 0.81, 15.0, 13.7),
        (Preset::Thorough, "thorough", 0.95, 0.965, 20.0, 19.2),
    ] {
        let [kept, taken] = of(preset, 3.0);
        report.bars.push(Bar::at_least(6, format!("+3 %, {name}: kept"), kept, least).against(power));
        report.bars.push(Bar::at_most(6, format!("+3 %, {name}: pairs"), taken, most).against(pairs));
    }
    for (effect, most, pairs) in [(-10.0, 1.5, 1.25), (-1.0, 5.5, 4.95)] {
        let taken = of(Preset::Standard, effect)[1];
        report.bars.push(Bar::at_most(7, format!("{effect} %, standard: pairs"), taken, most).against(pairs));
    }
    for (preset, name, most, pairs) in [
        (Preset::Standard, "standard", 9.0, 8.3),
        (Preset::Frugal, "frugal", 3.5, 3.0),
        (Preset::Thorough, "thorough", 20.0, 19.3),
    ] {
        let taken = of(preset, 0.0)[1];
        report.bars.push(Bar::at_most(8, format!("no effect, {name}: pairs"), taken, most).against(pairs));
    }
}

/// Bar 10: the margin is the default one of the tau that the trial begins with, so m/tau is .6 or more; the
/// budget of margins, which a single question is not about, is lifted.
pub fn as_good(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let at = |share: f64, sigma: f64| {
        let name = format!("as good, {share} margins worse, sigma {sigma}");
        as_good_at(cell_runner, &name, NoiseModel::Machine(sigma), share)
    };
    for sigma in SIGMAS {
        let percent = sigma * 100.0;
        let name = format!("as good at -m, sigma {percent} %: kept");
        report.bars.push(Bar::at_most(10, name, at(1.0, sigma), 0.05).against(0.032));
        let name = format!("as good at 0, sigma {percent} %: kept");
        report.bars.push(Bar::at_least(10, name, at(0.0, sigma), 0.65).against(0.70));
    }
}

/// The share kept as being as good, where it is so many margins worse.
pub(super) fn as_good_at(cell_runner: &CellRunner, name: &str, noise: NoiseModel, share: f64) -> Mean {
    let settings = Settings { as_good: true, margin_budget_pct: 99.0, ..Settings::default() };
    let [kept] = cell_runner.means(name, (cell_runner.options.trials, SESSION), |random, trials, tell| {
        let mut session = Setup { noise, ..STANDARD }.session(random, &settings);
        for _ in 0..trials {
            let question = Question::as_good(&settings, session.tau(), 0.0).expect("m/tau is at least .6");
            let tried = session.trial(&settings, &question, -share * question.margin);
            tell([f64::from(u8::from(tried.kept))]);
        }
    });
    kept
}

/// Bar 11: a stationary metric with normal noise; the five runs of the baseline give both its mean and its
/// sigma. What the stated error is worth in one run depends on the sigma that its baseline happened to give.
pub fn replicates(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let at = |effect: f64, alpha: f64, sigma: Option<f64>| -> [Mean; 2] {
        cell_runner.means(
            &format!("replicates {effect} {alpha} {sigma:?}"),
            (cell_runner.options.trials, SESSION),
            |mut random, trials, tell| {
                for _ in 0..trials {
                    let mut known = known(&mut random);
                    known.sigma = sigma.unwrap_or(known.sigma);
                    let mut runs = vec![];
                    let judgement = loop {
                        runs.push(effect + random.normal());
                        let judgement = known.judge(&runs, alpha);
                        if judgement != Judgement::Again {
                            break judgement;
                        }
                    };
                    tell([f64::from(u8::from(judgement == Judgement::Keep)), runs.len() as f64]);
                }
            },
        )
    };
    let ([none, runs], [three, _]) = (at(0.0, 0.05, None), at(3.0, 0.05, None));
    report.bars.extend([
        Bar::at_most(11, "replicates, no effect: kept".to_owned(), none, 0.05).against(0.037),
        Bar::at_most(11, "replicates, no effect: runs".to_owned(), runs, 1.35).against(1.26),
        Bar::at_least(11, "replicates, +3 sigma: kept".to_owned(), three, 0.85).against(0.90),
        Bar::at_most(11, "replicates, no effect, alpha .02: kept".to_owned(), at(0.0, 0.02, None)[0], 0.02),
    ]);
    let half: [Mean; 1] =
        cell_runner.means("half", (cell_runner.options.trials, SESSION), |mut random, trials, tell| {
            (0..trials).for_each(|_| tell([f64::from(u8::from(known(&mut random).sigma <= 0.5))]));
        });
    for alpha in [0.05, 0.02] {
        let name = format!("replicates, no effect, alpha {alpha}, sigma came out at half the truth: kept");
        report.figures.push(Figure::of(&name, at(0.0, alpha, Some(0.5))[0]));
    }
    report.figures.push(Figure::of("baselines whose sigma comes out at half the truth or less", half[0]));
}

/// What a change does to the value of its own run, and to the one of the incumbent where that comes next: natural logarithms.
#[derive(Debug, Clone, Copy)]
struct Carrying {
    own: f64,
    next: f64,
}

/// Bar 13: a challenger that slows down whoever runs after it, trial after trial, and what asking for both orders costs those that do not. The
/// product's own course of a metric learns from the baseline, and the product's own rule is asked.
pub fn both_orders(cell_runner: &CellRunner, report: &mut SimulationReport) {
    // What asking for both orders costs by itself: bar 15 says what the second pair does.
    let settings = Settings { second_pair: false, ..Settings::default() };
    let at = |Carrying { own, next }: Carrying, settings: &Settings| -> [Mean; 2] {
        let name = format!("orders {own} {next} {}", settings.both_orders);
        cell_runner.means(&name, (cell_runner.options.trials, SESSION), |random, trials, tell| {
            let mut machine = Machine::new(STANDARD.noise, random);
            let value = |log: f64| Values::from([("m".to_owned(), log.exp())]);
            let mut history = MetricHistory::begin("m", Direction::Higher, Scale::Ratio, &[]);
            let mut last = First::Incumbent;
            let mut pair = |history: &mut MetricHistory, own: f64, next: f64, spaced: bool| {
                let first = if machine.random.word() & 1 == 0 { First::Incumbent } else { First::Challenger };
                let (earlier, later) = (machine.run(), machine.run());
                let before = if spaced { First::Incumbent } else { last };
                let hurt = |by: First| if by == First::Challenger { next } else { 0.0 };
                let (incumbent, challenger) = match first {
                    First::Incumbent => (earlier - hurt(before), later + own),
                    First::Challenger => (later - hurt(first), earlier + own),
                };
                last = if first == First::Incumbent { First::Challenger } else { First::Incumbent };
                history.pair_after(Some(before), first, &value(incumbent), &value(challenger));
            };
            (0..settings.calibration_pairs()).for_each(|_| pair(&mut history, 0.0, 0.0, false));
            history.end(true);
            for _ in 0..trials {
                let mut spaced = false;
                let (kept, pairs) = loop {
                    pair(&mut history, own, next, spaced);
                    let (verdict, _, asked) = keep::decide(&Case::of(settings.clone(), history.track()));
                    spaced = settings.both_orders && keep::waits_for_order(&asked);
                    match verdict {
                        Verdict::Continue => {}
                        verdict => break (matches!(verdict, Verdict::Keep(_)), history.gains.len()),
                    }
                };
                history.end(false);
                tell([f64::from(u8::from(kept)), pairs as f64]);
            }
        })
    };
    for percent in [10.0, 20.0, 50.0] {
        let next = -f64::ln_1p(-percent / 100.0);
        let kept = at(Carrying { own: 0.0, next }, &settings)[0];
        let name = format!("the incumbent {percent} % slower after the challenger: kept");
        report.bars.push(Bar::at_most(13, name, kept, 0.02));
    }
    let [none, _] = at(Carrying { own: 0.0, next: 0.0 }, &settings);
    report.bars.push(Bar::at_most(13, "no effect, both orders asked for: kept".to_owned(), none, 0.02));
    for (percent, least, most) in [(3.0, 0.70, 28.0), (10.0, 0.92, 10.0)] {
        let own = f64::ln_1p(percent / 100.0);
        let [kept, pairs] = at(Carrying { own, next: 0.0 }, &settings);
        let of = |what: &str| format!("+{percent} %, both orders asked for: {what}");
        report.bars.push(Bar::at_least(13, of("kept"), kept, least));
        report.bars.push(Bar::at_most(13, of("pairs"), pairs, most));
    }
    let plain = Settings { both_orders: false, ..settings };
    for (name, carrying) in [
        (
            "the incumbent 20 % slower after the challenger, both orders not asked for: kept",
            Carrying { own: 0.0, next: -0.8f64.ln() },
        ),
        ("+3 %, both orders not asked for: kept", Carrying { own: 1.03f64.ln(), next: 0.0 }),
    ] {
        report.figures.push(Figure::of(name, at(carrying, &plain)[0]));
    }
}

fn known(random: &mut Random) -> KnownIncumbent {
    let runs: Vec<f64> = (0..BASELINE_RUNS).map(|_| random.normal()).collect();
    let mean = runs.iter().sum::<f64>() / runs.len() as f64;
    let freedom = BASELINE_RUNS - 1;
    let squares: f64 = runs.iter().map(|run| (run - mean).powi(2)).sum();
    KnownIncumbent { mean, runs: BASELINE_RUNS, sigma: (squares / f64::from(freedom)).sqrt(), freedom }
}

/// What an edit does to a metric that is deterministic for a seed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum EditEffect {
    /// It draws new values, better by this in the mean.
    Reshuffles(f64),
    /// Every seed's value becomes better by this.
    Shifts(f64),
}

/// Bar 12: a metric that gives the same value whenever it gets the same seed, and differs from seed to seed by 2 %. The product's own course of a
/// metric learns from the baseline and is asked by the product's own rule.
pub fn seeded(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let at = |edit: EditEffect, settings: &Settings| -> [Mean; 2] {
        cell_runner.means(
            &format!("seeded {edit:?}"),
            (cell_runner.options.trials, SESSION),
            |mut random, trials, tell| {
                let value = |log: f64| Values::from([("m".to_owned(), (SIGMA * log).exp())]);
                let mut history = MetricHistory::begin("m", Direction::Higher, Scale::Ratio, &[]);
                let first = |random: &mut Random| {
                    if random.word() & 1 == 0 { First::Incumbent } else { First::Challenger }
                };
                let seeds: Vec<Values> =
                    (0..settings.calibration_pairs()).map(|_| value(random.normal())).collect();
                for same in &seeds {
                    history.pair(first(&mut random), same, same);
                }
                history.baseline(&seeds.iter().collect::<Vec<_>>());
                history.end(true);
                for _ in 0..trials {
                    let (kept, pairs) = loop {
                        let (own, other) = (random.normal(), random.normal());
                        let after = match edit {
                            EditEffect::Reshuffles(effect) => other + effect / SIGMA,
                            EditEffect::Shifts(effect) => own + effect / SIGMA,
                        };
                        history.pair(first(&mut random), &value(own), &value(after));
                        match keep::decide(&Case::of(settings.clone(), history.track())).0 {
                            Verdict::Continue => {}
                            verdict => break (matches!(verdict, Verdict::Keep(_)), history.gains.len()),
                        }
                    };
                    history.end(false);
                    tell([f64::from(u8::from(kept)), pairs as f64]);
                }
            },
        )
    };
    let settings = Settings::default();
    let [none, _] = at(EditEffect::Reshuffles(0.0), &settings);
    let name = "deterministic for a seed, an edit that reshuffles: kept";
    report.bars.push(Bar::at_most(12, name.to_owned(), none, 0.02));
    for (edit, name, least, most) in [
        (EditEffect::Reshuffles(1.2f64.ln()), "+20 % and reshuffled", 0.99, 12.0),
        (EditEffect::Reshuffles(1.05f64.ln()), "+5 % and reshuffled", 0.75, 16.0),
        (EditEffect::Shifts(1.001f64.ln()), "+0.1 % on every seed", 0.99, 12.0),
    ] {
        let [kept, pairs] = at(edit, &settings);
        let of = |what: &str| format!("deterministic for a seed, {name}: {what}");
        report.bars.push(Bar::at_least(12, of("kept"), kept, least));
        report.bars.push(Bar::at_most(12, of("pairs"), pairs, most));
    }
}
