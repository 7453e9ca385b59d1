//! The rule on the real thing: changes whose effect is known, judged again and again, outside any run.

use std::path::Path;

use crate::discriminate::{self, Variant};
use crate::noise::Bare;
use piton_climb::build::Built;
use piton_climb::context::World;
use piton_climb::pair_runner::{PairResult, PairRunner};
use piton_core::base::error::{Error, Result};
use piton_core::base::metric::{Gain, Metric, Scale};
use piton_core::report::tables::Rehearsal;
use piton_core::rule::keep::{self, Case, Verdict};
use piton_core::run::pair_history::MetricHistory;
use piton_system::clock::Stopwatch;
use piton_system::host;

const WHAT: &str = "the rule was not rehearsed";

/// Judges every variant in `file` against the commit at HEAD `trials` times, with tau learnt as in a run. Gates are not asked.
/// `reversed` makes HEAD the challenger of each variant: what was planted is taken out again. Returns alpha too.
///
/// # Errors
/// A file that cannot be used, a side that does not build or cannot be measured, Ctrl-C.
pub fn run(
    world: &World,
    file: &Path,
    only: Option<&str>,
    trials: u32,
    reversed: bool,
    told: &mut dyn FnMut(&Rehearsal),
) -> Result<(Vec<Rehearsal>, Metric, f64)> {
    let variants = discriminate::variants(file, WHAT)?;
    let Bare { head, config, harness, locked_repo: _entered } = Bare::begin(world, "piton lab rehearse")?;
    world.progress.doing("building the candidate");
    let incumbent = world.build_store().challenger(head, &[], &config, true)?.built(WHAT, "HEAD")?;
    let again = world.build_store().again(head, &[&incumbent], &config)?.built(WHAT, "HEAD")?;
    let (metric, limit_s) = (&config.metric, config.measure.timeout_s);
    let mut rows = vec![];
    let mut runner = PairRunner::new(world, &config, &harness, (&incumbent, &again), host::fresh_seed()?);
    let mut calibration = vec![];
    for pair in 1..=config.rule.calibration_pairs() {
        let doing = format!("calibration, pair {pair} of {}", config.rule.calibration_pairs());
        match runner.next_pair(&doing, &mut |_, _| true)? {
            PairResult::Pair(raw) => calibration.push(raw),
            other => return Err(other.error(WHAT, limit_s)),
        }
    }
    let both = calibration.iter().flat_map(|raw| [&raw.incumbent, &raw.challenger]);
    let values: Vec<f64> = both.filter_map(|values| values.get(metric.judged_by()).copied()).collect();
    let scale = metric.scale.unwrap_or_else(|| Scale::of(metric.judged_by(), &metric.unit, &values));
    let mut history = MetricHistory::begin(metric.judged_by(), metric.judged_direction(), scale, &[]);
    calibration.into_iter().for_each(|raw| {
        history.judge(raw);
    });
    history.end(true);
    for variant in variants.iter().filter(|v| only.is_none_or(|only| v.name().contains(only))) {
        let build = |variant: &Variant, keep: &[&Built]| -> Result<Built> {
            match variant.commit(world, &config, head)? {
                Some(commit) => world
                    .build_store()
                    .challenger(commit, &[&[&incumbent, &again], keep].concat(), &config, false)?
                    .built(WHAT, variant.name()),
                None if variant.rebuilt() => Ok(again.clone()),
                None => Ok(incumbent.clone()),
            }
        };
        let held = match variant.against() {
            None => incumbent.clone(),
            Some(name) => build(
                variants.iter().find(|v| v.name() == name).ok_or_else(|| {
                    Error::usage(WHAT)
                        .cause(format!("{} is held against `{name}`, which is no variant", variant.name()))
                })?,
                &[],
            )?,
        };
        let built = build(variant, &[&held])?;
        let watch = Stopwatch::start();
        let (mut kept, mut pairs, mut gains, mut all, mut void_pairs) = (0, vec![], vec![], vec![], 0);
        let mut cases = vec![];
        for trial in 1..=trials {
            let sides = if reversed { (&built, &held) } else { (&held, &built) };
            let mut runner = PairRunner::new(world, &config, &harness, sides, host::fresh_seed()?);
            if let Some(result) = runner.warm_up(&mut |_, _| true)? {
                return Err(result.error(WHAT, config.measure.timeout_s));
            }
            loop {
                let doing = format!(
                    "{}, trial {trial} of {trials}, pair {}",
                    variant.name(),
                    history.gains.len() + 1
                );
                next(&mut runner, &mut history, limit_s, &doing)?;
                let case = Case::of(config.rule.clone(), history.track());
                let (verdict, estimate, asked) = keep::decide(&case);
                runner.spaced = config.rule.both_orders && keep::waits_for_order(&asked);
                if verdict != Verdict::Continue {
                    kept += u32::from(matches!(verdict, Verdict::Keep(_)));
                    pairs.push(estimate.pairs);
                    gains.push(estimate.gain);
                    cases.push(case);
                    break;
                }
            }
            void_pairs += runner.void_pairs.len();
            all.extend_from_slice(&history.gains);
            history.end(false);
        }
        let row = Rehearsal {
            name: variant.name().to_owned(),
            trials,
            kept,
            pairs,
            cases,
            gain: Gain::median(&gains).unwrap_or(Gain::ZERO),
            effect: Gain::median(&all)
                .zip(Gain::sign_interval(&all, 0.025))
                .map(|(gain, (low, high))| (gain, low, high)),
            tau: history.tau,
            void_pairs,
            seconds: watch.seconds(),
        };
        told(&row);
        rows.push(row);
    }
    world.progress.idle();
    Ok((rows, Metric { scale: Some(scale), ..metric.clone() }, config.rule.alpha))
}

/// One more pair.
fn next(runner: &mut PairRunner, history: &mut MetricHistory, limit_s: u64, doing: &str) -> Result<()> {
    match runner.next_pair(doing, &mut |_, _| true)? {
        PairResult::Pair(raw) => match history.judge(raw) {
            Some(_) => Ok(()),
            None => {
                Err(Error::new(WHAT).cause("a value is missing, or no number").note("nothing was recorded"))
            }
        },
        other => Err(other.error(WHAT, limit_s)),
    }
}
