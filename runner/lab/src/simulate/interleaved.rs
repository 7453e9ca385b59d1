//! The bars again, on machines that answer prompts: what a pair varies by in each design, beside what was measured, and that the rule's promise
//! holds for all of them.

use super::bars::{PRESETS, STANDARD, Setup, as_good_at, ever_reached};
use super::cell_runner::{CellRunner, Mean};
use super::hours::Hour;
use super::noise::{Machine, MeasuredPair, NoiseModel};
use super::prompts::{Clock, Design, PromptPairs};
use super::session::true_tau;
use super::{Bar, Figure, SimulationReport, night};
use piton_core::base::rng::Random;
use piton_core::base::stats;
use piton_core::rule::estimator::Estimator;
use piton_core::rule::keep::First;
use piton_core::rule::settings::Preset;

const HOURS: [(&str, Hour); 3] =
    [("load 1 to 2", Hour::Quiet), ("load 5", Hour::Busy), ("load 9", Hour::Crowded)];
const DESIGNS: [(&str, Design); 2] =
    [("sequential", Design::Sequential), ("interleaved", Design::Interleaved)];

/// Interleaved pairs by the clock on the wall, and the trimmed mean.
pub(super) const NEW: PromptPairs = PromptPairs {
    hour: Hour::Quiet,
    design: Design::Interleaved,
    clock: Clock::Wall,
    estimator: Some(Estimator::Trimmed),
};
/// The same by what the built-in harness says of a pair: what total time and trimmed mean agree on.
pub(super) const AGREED: PromptPairs = PromptPairs { estimator: Some(Estimator::Agreed), ..NEW };
/// The same, with the estimator that their own calibration chooses.
pub(super) const CHOSEN: PromptPairs = PromptPairs { estimator: None, ..NEW };
/// What it was before: one sample after the other, and the total time.
pub(super) const OLD: PromptPairs =
    PromptPairs { design: Design::Sequential, estimator: Some(Estimator::Total), ..NEW };

/// What one pair varied by in the hours that the machines are made after, in percent: 1.4826 times the median absolute value of 24 pairs, and of
/// two runs the mean.
fn measured(hour: Hour, design: Design, clock: Clock) -> Option<f64> {
    match (hour, design, clock) {
        (Hour::Quiet, Design::Sequential, Clock::Wall) => Some(2.2),
        (Hour::Quiet, Design::Interleaved, Clock::Wall) => Some(1.0),
        (Hour::Quiet, Design::Sequential, Clock::ProcessorWhole) => Some(1.1),
        (Hour::Quiet, Design::Interleaved, Clock::Processor) => Some(3.2),
        (Hour::Busy, Design::Sequential, Clock::Wall) => Some(12.7),
        (Hour::Busy, Design::Interleaved, Clock::Wall) => Some(7.2),
        (Hour::Crowded, Design::Sequential, Clock::Wall) => Some(15.5),
        (Hour::Crowded, Design::Interleaved, Clock::Wall) => Some(8.7),
        (Hour::Crowded, Design::Sequential, Clock::ProcessorWhole) => Some(1.5),
        (Hour::Crowded, Design::Interleaved, Clock::Processor) => Some(2.2),
        _ => None,
    }
}

/// The spread of pairs in percent, each on a machine of its own, by both estimators.
fn spreads(pairs: PromptPairs, count: u32) -> [f64; 2] {
    let noise = NoiseModel::Prompts(pairs);
    let mut gains = [vec![], vec![]];
    for block in 0..count {
        let mut machine = Machine::new(noise, Random::of_block(0, "spread", u64::from(block)));
        let MeasuredPair::Prompts(parts) = machine.pair(First::Incumbent, 0.0.into(), 0.0) else { continue };
        for (estimator, gains) in std::iter::zip([Estimator::Total, Estimator::Trimmed], &mut gains) {
            gains.extend(estimator.log_ratio(&parts).map(f64::abs));
        }
    }
    gains.map(|gains| 148.26 * stats::median(&gains).unwrap_or(0.0))
}

/// Bar 9.
pub(super) fn nights(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let quiet = NoiseModel::Prompts(NEW);
    let [falsely, runs, _, _, bias, held] = night::of_pairs(cell_runner, "night of interleaved pairs", quiet);
    let bias = Mean { value: bias.value.abs(), ..bias };
    report.bars.extend([
        Bar::at_most(9, "interleaved, load 1 to 2, a night: false keeps".to_owned(), falsely, 2.0),
        Bar::at_most(9, "interleaved, load 1 to 2, a night: runs".to_owned(), runs, 2700.0),
        Bar::at_most(
            9,
            "interleaved, load 1 to 2, a night: bias of the final figure, points".to_owned(),
            bias,
            0.5,
        ),
        Bar::at_least(
            9,
            "interleaved, load 1 to 2, a night: interval of the final figure holds the truth".to_owned(),
            held,
            0.95,
        ),
    ]);
}

/// Bars 6 to 8, and 10.
pub(super) fn what_does_something(cell_runner: &CellRunner, report: &mut SimulationReport) {
    for (hour_name, hour) in HOURS {
        power(cell_runner, report, hour_name, hour);
    }
    for (hour_name, hour) in HOURS {
        let noise = NoiseModel::Prompts(PromptPairs { hour, ..NEW });
        let at = |share: f64| {
            let name = format!("as good, interleaved, {hour_name}, {share} margins worse");
            as_good_at(cell_runner, &name, noise, share)
        };
        let of = |what: &str| format!("interleaved, {hour_name}, as good at {what}: kept");
        report.bars.push(Bar::at_most(10, of("-m"), at(1.0), 0.05));
        report.bars.push(Bar::at_least(10, of("0"), at(0.0), 0.65));
    }
}

/// What is printed of an estimator.
fn said(estimator: Option<Estimator>) -> &'static str {
    match estimator {
        Some(Estimator::Total) => "total time",
        Some(Estimator::Trimmed) => "trimmed mean",
        Some(Estimator::Agreed) => "what both agree on",
        None => "what calibration chooses",
    }
}

/// What one pair varies by.
fn varying(cell_runner: &CellRunner, report: &mut SimulationReport) {
    let count = cell_runner.options.trials.min(4000);
    for (hour_name, hour) in HOURS {
        for (design_name, design) in DESIGNS {
            for (clock_name, clock) in [
                ("wall", Clock::Wall),
                ("processor time by the prompt", Clock::Processor),
                ("processor time by the sample", Clock::ProcessorWhole),
            ] {
                let [total, trimmed] = spreads(PromptPairs { hour, design, clock, estimator: None }, count);
                let error = |value: f64| value / f64::from(count).sqrt();
                let name = format!("{hour_name}, {design_name}, {clock_name}");
                report.figures.push(Figure {
                    published: measured(hour, design, clock),
                    ..Figure::of(
                        &format!("{name}: a pair varies by, %, total time"),
                        Mean { value: total, error: error(total) },
                    )
                });
                if clock == Clock::Wall {
                    let mean = Mean { value: trimmed, error: error(trimmed) };
                    report
                        .figures
                        .push(Figure::of(&format!("{name}: a pair varies by, %, trimmed mean"), mean));
                }
            }
        }
    }
}

/// What pairs vary by, and bars 2 to 5.
pub(super) fn what_does_nothing(cell_runner: &CellRunner, report: &mut SimulationReport) {
    varying(cell_runner, report);
    let kept = |pairs: PromptPairs, setup: Setup| {
        Setup { noise: NoiseModel::Prompts(pairs), ..setup }.trials(cell_runner)[0]
    };
    for (hour_name, hour) in HOURS {
        for preset in PRESETS {
            let kept = kept(PromptPairs { hour, ..NEW }, Setup { preset, ..STANDARD });
            let preset = format!("{preset:?}").to_lowercase();
            let name = format!("interleaved, {hour_name}, no effect, {preset}: kept");
            report.bars.push(Bar::at_most(2, name, kept, 0.02));
        }
        for (design_name, design) in DESIGNS {
            for (clock, estimator) in [
                (Clock::Wall, None),
                (Clock::Wall, Some(Estimator::Total)),
                (Clock::Wall, Some(Estimator::Trimmed)),
                (Clock::Wall, Some(Estimator::Agreed)),
                (Clock::Processor, Some(Estimator::Agreed)),
                (Clock::Processor, Some(Estimator::Total)),
                (Clock::ProcessorWhole, Some(Estimator::Total)),
            ] {
                let pairs = PromptPairs { hour, design, clock, estimator };
                let clock = match clock {
                    Clock::Wall => "",
                    Clock::Processor => " of processor, by the prompt",
                    Clock::ProcessorWhole => " of processor, by the sample",
                };
                let estimator = said(estimator);
                let name = format!("{design_name}, {hour_name}, no effect, {estimator}{clock}: kept");
                report.bars.push(Bar::at_most(2, name, kept(pairs, STANDARD), 0.02));
            }
        }
    }
    let fewer = cell_runner.options.trials.div_ceil(10);
    let noise = NoiseModel::Prompts(NEW);
    let reached = ever_reached(cell_runner, "ever, interleaved", noise, fewer);
    for (alpha, reached) in std::iter::zip([0.05, 0.02], reached) {
        let name = format!("interleaved, load 1 to 2, E ever reaches 1/{alpha} over 512 pairs");
        report.bars.push(Bar::at_most(3, name, reached, alpha));
    }
    let tau = true_tau(noise);
    for times in [0.33, 0.5, 2.0, 3.0] {
        let setup = Setup { known_tau: Some(times * tau), noise, ..STANDARD };
        let name = format!("interleaved, load 1 to 2, no effect, tau wrong by x{times}: kept");
        report.bars.push(Bar::at_most(4, name, setup.trials(cell_runner)[0], 0.02));
    }
    let warming = PromptPairs { hour: Hour::Warming, ..NEW };
    let kept = kept(warming, Setup { second: 0.01, alpha: 0.05, ..STANDARD });
    let name = "interleaved, no effect, second of a prompt 1 % faster, warming: kept";
    report.bars.push(Bar::at_most(5, name.to_owned(), kept, 0.05));
}

/// Bars 6 and 7 where the design states them, at a pair that varies by a few percent; and how effects of as many scales fare in every hour: what a
/// percent is worth depends on the hour. Bar 8.
fn power(cell_runner: &CellRunner, report: &mut SimulationReport, hour_name: &str, hour: Hour) {
    let noise = NoiseModel::Prompts(PromptPairs { hour, ..NEW });
    let of =
        |preset: Preset, effect_pct: f64| Setup { preset, effect_pct, noise, ..STANDARD }.trials(cell_runner);
    let presets = [(Preset::Standard, "standard", 0.79, 15.0), (Preset::Thorough, "thorough", 0.95, 20.0)];
    if hour == Hour::Quiet {
        for (preset, name, least, most) in presets {
            let [kept, pairs] = of(preset, 3.0);
            let bar = |what: &str| format!("interleaved, {hour_name}, +3 %, {name}: {what}");
            report.bars.push(Bar::at_least(6, bar("kept"), kept, least));
            report.bars.push(Bar::at_most(6, bar("pairs"), pairs, most));
        }
        for (effect, most) in [(-10.0, 1.5), (-1.0, 5.5)] {
            let pairs = of(Preset::Standard, effect)[1];
            let bar = format!("interleaved, {hour_name}, {effect} %, standard: pairs");
            report.bars.push(Bar::at_most(7, bar, pairs, most));
        }
    }
    let tau = true_tau(noise);
    for scales in [0.9, -0.3, -3.2] {
        let [kept, pairs] = of(Preset::Standard, (scales * tau).exp_m1() * 100.0);
        let name = |what: &str| format!("interleaved, {hour_name}, {scales:+} tau, standard: {what}");
        report.figures.push(Figure::of(&name("kept"), kept));
        report.figures.push(Figure::of(&name("pairs"), pairs));
    }
    for (preset, name, most) in [
        (Preset::Standard, "standard", 9.0),
        (Preset::Frugal, "frugal", 3.5),
        (Preset::Thorough, "thorough", 20.0),
    ] {
        let pairs = of(preset, 0.0)[1];
        let bar = format!("interleaved, {hour_name}, no effect, {name}: pairs");
        report.bars.push(Bar::at_most(8, bar, pairs, most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_varies_by_two_thirds_to_half_again_of_what_was_measured_in_it() {
        let mut compared = 0;
        for (name, hour) in HOURS {
            for (_, design) in DESIGNS {
                for clock in [Clock::Wall, Clock::Processor, Clock::ProcessorWhole] {
                    let Some(measured) = measured(hour, design, clock) else { continue };
                    let [total, _] = spreads(PromptPairs { hour, design, clock, estimator: None }, 1000);
                    assert!(
                        (0.67..1.5).contains(&(total / measured)),
                        "{name} {design:?} {clock:?}: {total} for {measured}"
                    );
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 10);
    }
}
