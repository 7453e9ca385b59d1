//! `piton sweep`: the first model that can be served here, and its best settings.

mod ab;
mod exports;
mod grid;
pub(in crate::commands) mod here;
mod plan;
mod service;
mod stage2;

use std::path::Path;

use super::args::{SweepArgs, SweepCommand};
use exports::Exports;
use piton_core::base::error::{Error, Result};
use piton_core::base::level::Level;
use piton_server::agreement::Answers;
use piton_server::report::{ExitReason, SweepReport};
use piton_server::sample::Experiment;
use piton_server::stage1::{self, Cut, ModelRow, Stage1};
use piton_system::clock::Stopwatch;
use piton_system::host;
use piton_system::process::{Runner, STOPPED};
use piton_system::terminal::{self, Progress, Tone};
use plan::Plan;

pub(super) use service::restore;

/// Sweeps, and tells what came of it.
///
/// # Errors
/// What was asked for cannot be, a service that runs already, a failure of piton's own.
pub(super) fn run(dir: &Path, least: Level, args: &SweepArgs) -> Result<u8> {
    match &args.command {
        Some(SweepCommand::Ab(args)) => return ab::run(dir, args),
        Some(SweepCommand::Grid(args)) => return grid::run(dir, args),
        None => {}
    }
    let plan = Plan::of(dir, args)?;
    if args.dry_run {
        terminal::either(args.json, &plan.json(), || plan.words());
        return Ok(0);
    }
    let mut exports = Exports::begin(&plan, args)?;
    let drained = match service::clear(&plan, args.drain) {
        Ok(drained) => drained,
        Err(error) => {
            exports.end(ExitReason::ProviderConflict, Stage1::nothing(), None)?;
            return Err(error.status(ExitReason::ProviderConflict.status()));
        }
    };
    let swept = sweep(dir, least, args, &plan, &mut exports);
    // The service is back before anything is told: also of a sweep that failed.
    let restored = drained.map_or(Ok(()), service::Drained::restore);
    let report = match swept {
        Ok(report) => report,
        Err(error) => {
            // A climb that is stopped while its baseline is measured has not begun, and says so as an error.
            let stopped = error.cause.as_deref().is_some_and(|cause| cause.contains(STOPPED));
            let reason = if stopped { ExitReason::Interrupted } else { ExitReason::InternalError };
            exports.end(reason, Stage1::nothing(), None)?;
            return Err(if stopped { error.status(reason.status()) } else { error });
        }
    };
    terminal::either(args.json, &report, || report.words());
    if args.compare {
        terminal::tell(&exports.compared(&report));
    }
    if args.apply {
        exports.apply(&plan, &report)?;
    }
    restored?;
    Ok(report.exit_reason.status())
}

fn sweep(
    dir: &Path,
    least: Level,
    args: &SweepArgs,
    plan: &Plan,
    exports: &mut Exports,
) -> Result<SweepReport> {
    let watch = Stopwatch::start();
    let stage = first_stage(plan, &watch)?;
    let interrupted = |cut: &Option<Cut>| *cut == Some(Cut::Interrupted);
    match &stage.cut {
        Some(Cut::Void(why)) => {
            return Err(Error::new("the sweep was not carried out: its samples say nothing")
                .cause(why)
                .note("no server is left, and nothing was changed"));
        }
        Some(Cut::Time) => return exports.end(ExitReason::BudgetExhaustedNoModelSelected, stage, None),
        cut if interrupted(cut) => return exports.end(ExitReason::Interrupted, stage, None),
        _ => {}
    }
    let Some((recipe, measured)) = stage.chosen.clone() else {
        return exports.end(ExitReason::NoFeasible, stage, None);
    };
    exports.server_version(measured.version.clone());
    let answers = Answers { recipe: recipe.clone(), answers: measured.answers };
    let left = plan.limit.map(|limit| limit.saturating_sub(watch.elapsed()));
    let tried = if plan.is_median() {
        stage2::by_median(plan, &recipe, answers, left)?
    } else {
        let commit = plan.commit(&recipe, &answers, &stage.rows)?;
        stage2::by_pairs((dir, least), args, plan, commit, left)?
    };
    let reason = tried.exit;
    exports.end(reason, stage, Some(tried))
}

/// The models in order, until one can be served.
fn first_stage(plan: &Plan, watch: &Stopwatch) -> Result<Stage1> {
    let (runner, progress) = (Runner::install()?, Progress::new());
    let stop = || runner.interrupted();
    let experiment = Experiment {
        config: &plan.config,
        dir: &plan.dir,
        work: plan.work.clone(),
        reference: None,
        stop: &stop,
    };
    let over = || plan.limit.is_some_and(|limit| watch.elapsed() >= limit);
    let total = plan.models.len();
    let told = |row: &ModelRow| {
        let line = match (&row.reason, &row.note) {
            (Some(reason), note) => format!(
                "model {} of {total}, {}: cannot be served ({reason}) {}",
                row.rank,
                row.model,
                note.as_deref().unwrap_or_default()
            ),
            (None, _) => {
                let figure =
                    |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
                format!(
                    "model {} of {total}, {}: chosen; {} tokens/s, first token after {} ms",
                    row.rank,
                    row.model,
                    figure(row.tokens_per_s),
                    figure(row.ttft_ms)
                )
            }
        };
        progress.line(if row.reason.is_some() { Tone::Bad } else { Tone::Good }, &line);
    };
    progress.doing("stage 1: the first model that can be served");
    let stage = stage1::run(&experiment, &plan.models, host::fresh_seed()?, &over, &told)?;
    progress.idle();
    Ok(stage)
}
