//! What an hour of measuring decides of the proposals of a night: 70 % do nothing, 15 % are losses of 1 to 10 %, 15 % gains of 1 to 10 %.

use super::bars::{SESSION, STANDARD, Setup};
use super::cell_runner::{CellRunner, Mean};
use super::hours::Hour;
use super::interleaved::{AGREED, CHOSEN, NEW, OLD};
use super::noise::NoiseModel;
use super::prompts::{Clock, PromptPairs};
use super::{MixedRow, SimulationReport};
use piton_core::base::rng::Random;
use piton_core::rule::estimator::Estimator;
use piton_core::rule::keep::Question;
use piton_core::rule::settings::Settings;

/// Log effect of the next proposal.
fn proposal(random: &mut Random) -> f64 {
    let (low, high) = match random.between(0.0, 1.0) {
        ..0.70 => (0.0, 0.0),
        0.70..0.85 => (-10.0, -1.0),
        _ => (1.0, 10.0),
    };
    (random.between(low, high) / 100.0).ln_1p()
}

/// One row for each hour and design.
pub(super) fn rows(cell_runner: &CellRunner, report: &mut SimulationReport) {
    for (hour_name, hour) in [("load 1 to 2", Hour::Quiet), ("load 5", Hour::Busy), ("load 9", Hour::Crowded)]
    {
        for (design, pairs) in [
            ("one sample after the other, total time", OLD),
            (
                "one sample after the other, processor time",
                PromptPairs { clock: Clock::ProcessorWhole, ..OLD },
            ),
            ("interleaved, total time", PromptPairs { estimator: Some(Estimator::Total), ..NEW }),
            ("interleaved, trimmed mean", NEW),
            ("interleaved, what both agree on", AGREED),
            ("interleaved, what calibration chooses", CHOSEN),
        ] {
            let settings = Settings::default();
            report.mixed.push(row(
                cell_runner,
                (hour_name, design),
                PromptPairs { hour, ..pairs },
                &settings,
            ));
        }
        let settings = Settings { delta_min_pct: 1.0, ..Settings::default() };
        let pairs = PromptPairs { hour, ..NEW };
        let design = "interleaved, trimmed mean, delta_min_pct = 1";
        report.mixed.push(row(cell_runner, (hour_name, design), pairs, &settings));
    }
}

fn row(
    cell_runner: &CellRunner,
    (hour, design): (&str, &str),
    pairs: PromptPairs,
    settings: &Settings,
) -> MixedRow {
    let name = format!("mixed {pairs:?} {}", settings.delta_min_pct);
    let means: [Mean; 6] =
        cell_runner.means(&name, (cell_runner.options.trials, SESSION), |random, trials, tell| {
            let mut session =
                Setup { noise: NoiseModel::Prompts(pairs), ..STANDARD }.session(random, settings);
            for _ in 0..trials {
                let (effect, began) = (proposal(session.random()), session.seconds());
                let question = Question::better(settings, session.tau());
                let tried = session.trial(settings, &question, effect);
                let so = |so: bool| f64::from(u8::from(so));
                tell([
                    session.seconds() - began,
                    f64::from(tried.pairs),
                    so(tried.kept && effect > 0.0),
                    so(effect > 0.0),
                    so(tried.kept && effect == 0.0),
                    so(tried.kept && effect < 0.0),
                ]);
            }
        });
    let [seconds, pairs, found, gains, nothing, losses] = means.map(|mean| mean.value);
    let hourly = 3600.0 / seconds;
    MixedRow {
        hour: hour.to_owned(),
        design: design.to_owned(),
        decisions: hourly,
        pairs,
        gains_kept: found / gains,
        gains: hourly * found,
        false_keeps: hourly * (nothing + losses),
    }
}
