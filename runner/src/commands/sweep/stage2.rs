//! Stage 2: the knobs of the model that was chosen, by the rule's pairs or by medians.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::plan::Plan;
use crate::commands::args::SweepArgs;
use crate::commands::{climb, world};
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run::resume;
use piton_climb::verify::verify;
use piton_core::base::error::{Error, Result};
use piton_core::base::level::Level;
use piton_core::base::stats::median;
use piton_core::run::recipes::{self, Knobs, Order};
use piton_core::run::stopping::{Budget, ClimbOptions, Hooks, Stop};
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::scope;
use piton_server::agreement::Answers;
use piton_server::median::Cell;
use piton_server::recipe::TrialRecipe;
use piton_server::report::{ExitReason, TriedRow, Verified};
use piton_server::sample::{Experiment, Measured, Sampled};
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::config::sweep::RECIPE;
use piton_system::git::{Id, Repo};
use piton_system::host;
use piton_system::process::{Runner, STOPPED};
use piton_system::terminal::{Progress, Tone};

/// What stage 2 came to.
pub(super) struct Tried {
    /// Why the sweep ended.
    pub exit: ExitReason,
    /// The best recipe.
    pub best: TrialRecipe,
    /// Its tokens per second, its time to the first token at the 95th percentile, and of how many samples.
    pub figures: (Option<f64>, Option<f64>, usize),
    /// What was tried.
    pub rows: Vec<TriedRow>,
    /// The winner against the start.
    pub verified: Option<Verified>,
    /// Whether recipes were left.
    pub partial: bool,
}

/// A climb from recipe 0, whose keeps are verified in fresh pairs at the end.
///
/// # Errors
/// As of a climb.
pub(super) fn by_pairs(
    (dir, least): (&Path, Level),
    args: &SweepArgs,
    plan: &Plan,
    commit: Id,
    left: Option<Duration>,
) -> Result<Tried> {
    let budget = Budget { trials: args.trials, wall: left, ..Budget::default() };
    let options = ClimbOptions {
        agent: args.agent.clone(),
        model: args.model.clone(),
        words: vec![],
        turns: None,
        same_session: false,
        budget,
        timeout: Duration::from_secs(1800),
        stall: Duration::from_secs(600),
        more: vec![],
        hooks: Hooks::default(),
        profile: false,
    };
    let (run, stop) = climb::from_commit(options, Some(plan.run.clone()), commit, dir, least)?;
    let world = world(dir, least)?;
    let session = resume(&world, lock_and_recover(&world, "piton sweep", false)?, &run)?;
    let kept = session.book.incumbent().trial > 0;
    let stopped = matches!(stop, Stop::Interrupted | Stop::Asked);
    let verified = if kept && !stopped { Some(verify(&session, false)?) } else { None };
    let records = session.book.records()?;
    let incumbent = session.book.incumbent().clone();
    let (repo, config) = (&world.repo, &session.book.config);
    let recipe = |record: &Record| recipe_of(repo, config, record);
    let rows = records.iter().filter(|record| record.trial > 0 && is_proposal(record)).map(|record| {
        let parent = records
            .iter()
            .find(|other| other.commit == record.parent && (other.trial == 0 || other.outcome.kept()));
        row(record, recipe(record), parent.and_then(recipe))
    });
    let of = |name: &str| -> Vec<f64> {
        let samples = verified.iter().flat_map(|verified| verified.pairs.iter().map(|pair| &pair.challenger));
        samples.filter_map(|values| values.get(name)).copied().collect()
    };
    let figures = match verified.as_ref() {
        Some(verified) => (median(&of("tokens_per_s")), median(&of("ttft_p95_ms")), verified.pairs.len()),
        None => {
            (incumbent.value("tokens_per_s"), incumbent.value("ttft_p95_ms"), incumbent.measured.pairs.len())
        }
    };
    let best = recipe(&incumbent).ok_or_else(|| {
        Error::new("the sweep's recipe was not read from the commit that was kept")
            .hint(format!("git show piton/{run}:{RECIPE}"))
    })?;
    let exit = match stop {
        Stop::Interrupted | Stop::Asked => ExitReason::Interrupted,
        Stop::Time => ExitReason::BudgetExhaustedWithPartialRecommendation,
        Stop::Broken => ExitReason::InternalError,
        _ => ExitReason::Ok,
    };
    Ok(Tried {
        exit,
        best,
        figures,
        rows: rows.collect(),
        verified: verified.map(|verified| Verified {
            gain_pct: verified.gain.percent(),
            low_pct: verified.low.percent(),
            high_pct: verified.high.percent(),
            pairs: verified.pairs.len(),
        }),
        partial: stop != Stop::Exhausted,
    })
}

/// Whether a trial was of a recipe that somebody proposed: not the incumbent against itself, nor an earlier keep once more.
fn is_proposal(record: &Record) -> bool {
    !matches!(
        record.outcome,
        Outcome::Blind { .. } | Outcome::Recheck { .. } | Outcome::Bundle { .. } | Outcome::Regate { .. }
    )
}

fn recipe_of(repo: &Repo, config: &Config, record: &Record) -> Option<TrialRecipe> {
    let commit = repo.commit_id(record.commit.as_deref()?).ok()?;
    let text = String::from_utf8(repo.file(commit, &scope::join(&config.within, RECIPE))?).ok()?;
    TrialRecipe::parse(&text, config).ok()
}

fn row(record: &Record, recipe: Option<TrialRecipe>, parent: Option<TrialRecipe>) -> TriedRow {
    let changed = recipe.as_ref().zip(parent.as_ref()).map(|(new, old)| new.changes(old));
    let (fits, reason, note) = match &record.outcome {
        Outcome::RunFailed { reason, .. } => {
            let (word, note) = reason.split_once(": ").unwrap_or((reason, ""));
            (false, word.to_owned(), note.to_owned())
        }
        outcome => (record.measured.metrics.is_some(), outcome.reason(), String::new()),
    };
    let estimate = record.outcome.estimate().filter(|estimate| estimate.pairs > 0);
    TriedRow {
        trial: record.trial,
        at: record.started.clone(),
        knobs: recipe.map(|recipe| recipe.knobs).unwrap_or_default(),
        changed: changed.unwrap_or_else(|| record.claimed.description.clone()),
        fits,
        kept: record.outcome.kept(),
        reason,
        note,
        gain_pct: estimate
            .map(|e| [Some(e.gain), e.low, e.high].map(|gain| gain.map_or(f64::NAN, |gain| gain.percent()))),
        samples: record.measured.pairs.len(),
        tokens_per_s: record.value("tokens_per_s"),
        ttft_p95_ms: record.value("ttft_p95_ms"),
    }
}

/// The best median of a few replicates of every recipe, by the letter of SPEC-013.
///
/// # Errors
/// When nothing can be started at all.
pub(super) fn by_median(
    plan: &Plan,
    first: &TrialRecipe,
    answers: Answers,
    left: Option<Duration>,
) -> Result<Tried> {
    let (runner, progress, watch) = (Runner::install()?, Progress::new(), Stopwatch::start());
    let stop = || runner.interrupted();
    let (config, settings) = (&plan.config, plan.sweep());
    let wanted = config.feasible.clone().unwrap_or_default().agreement;
    let experiment =
        Experiment { config, dir: &plan.dir, work: plan.work.clone(), reference: Some(answers), stop: &stop };
    let axes: Vec<_> = config.knobs.iter().map(|knob| (knob.name.clone(), knob.values.clone())).collect();
    let seed = host::fresh_seed()?;
    let (mut tried, mut rows): (BTreeSet<Knobs>, Vec<TriedRow>) = (BTreeSet::new(), vec![]);
    let mut best: Option<(TrialRecipe, Cell)> = None;
    let mut next = Some(first.knobs.clone());
    let mut exit = ExitReason::Ok;
    while let Some(knobs) = next {
        if left.is_some_and(|left| watch.elapsed() >= left) {
            exit = ExitReason::BudgetExhaustedWithPartialRecommendation;
            break;
        }
        let recipe = TrialRecipe { model: first.model.clone(), knobs };
        progress.doing(&format!("recipe {}: {}", rows.len(), recipe.changes(first)));
        let mut replicates: Vec<Option<(f64, f64)>> = vec![];
        let mut why = None;
        for n in 0..settings.replicates {
            let sampled = experiment.sample(&recipe, seed.wrapping_add(u64::from(n)))?;
            let one = match sampled {
                Sampled::Measured(measured) => replicate(&measured, wanted, &mut why),
                Sampled::Infeasible(_, infeasible) => {
                    why = Some((infeasible.reason.to_string(), infeasible.note));
                    None
                }
                Sampled::Void(note) => {
                    why = Some(("void".to_owned(), note));
                    None
                }
                Sampled::Interrupted => {
                    exit = ExitReason::Interrupted;
                    break;
                }
            };
            replicates.push(one);
        }
        if exit == ExitReason::Interrupted {
            break;
        }
        let cell = Cell::of(&replicates);
        let kept = cell.is_new_best(best.as_ref().map(|(_, cell)| cell), settings.tie_pct / 100.0);
        let (reason, note) =
            why.unwrap_or_else(|| (if kept { "better" } else { "held" }.to_owned(), String::new()));
        let told = format!(
            "recipe {}: {}; {}",
            rows.len(),
            if rows.is_empty() { "start".to_owned() } else { recipe.changes(first) },
            if kept { "best so far" } else { &reason }
        );
        progress.line(if kept { Tone::Good } else { Tone::Plain }, &told);
        rows.push(TriedRow {
            trial: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            at: clock::now(),
            knobs: recipe.knobs.clone(),
            changed: recipe.changes(first),
            fits: cell.tokens_per_s.is_some(),
            kept,
            reason,
            note,
            gain_pct: None,
            samples: replicates.iter().flatten().count(),
            tokens_per_s: cell.tokens_per_s,
            ttft_p95_ms: cell.ttft_p95_ms,
        });
        tried.insert(recipe.knobs.clone());
        if kept {
            best = Some((recipe, cell));
        }
        next = recipes::next(&axes, &first.knobs, &tried, Order::Grid, seed);
    }
    progress.idle();
    let nothing = || Error::new("no recipe was measured").cause(STOPPED).status(130);
    let partial = exit != ExitReason::Ok;
    let (best, cell) = match best {
        Some(best) => best,
        None if partial => (first.clone(), Cell { tokens_per_s: None, ttft_p95_ms: None }),
        None => return Err(nothing()),
    };
    let figures = (cell.tokens_per_s, cell.ttft_p95_ms, settings.replicates as usize);
    Ok(Tried { exit, best, figures, rows, verified: None, partial })
}

/// A replicate's figures; `None` and why where its answers are others than recipe 0's.
fn replicate(
    measured: &Measured,
    wanted: Option<f64>,
    why: &mut Option<(String, String)>,
) -> Option<(f64, f64)> {
    let of = |name: &str| measured.metrics.get(name).copied();
    if let Some((share, wanted)) = of("agreement").zip(wanted).filter(|(share, wanted)| share < wanted) {
        *why = Some((
            "quality".to_owned(),
            format!("{share:.3} of recipe 0's answers, and feasible.agreement is {wanted}"),
        ));
        return None;
    }
    of("tokens_per_s").zip(of("ttft_p95_ms"))
}
