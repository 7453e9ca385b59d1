//! Measures the baseline against itself: the first value of the metric, and how noisy it is here.

use crate::build::Built;
use crate::context::World;
use crate::pair_runner::{PairResult, PairRunner};
use crate::sample::Sampled;
use crate::single_runs::{RunResult, SingleRunner};
use piton_core::base::conditions::{Pauses, Widened};
use piton_core::base::error::Result;
use piton_core::base::metric::Values;
use piton_core::rule::gate;
use piton_core::rule::gate::Samples;
use piton_core::rule::keep;
use piton_core::rule::keep::First;
use piton_core::rule::settings::Preset;
use piton_core::run::few_runs::BASELINE_RUNS;
use piton_core::run::forecast::Wanted;
use piton_core::run::pair_history;
use piton_core::run::pair_history::exact_so_far;
use piton_core::trial::record::{RawPair, Record, medians};
use piton_core::trial::text::number;
use piton_system::config::Config;

/// Fills the baseline's record from two builds of it: pairs, or single runs where the rule takes those. Returns why it cannot
/// be measured, where it cannot.
///
/// # Errors
/// When the measuring command cannot be started at all.
pub fn calibrate(
    world: &World,
    config: &Config,
    harness: &Built,
    builds: (&Built, &Built),
    seed: u64,
    record: &mut Record,
) -> Result<Option<String>> {
    let (mut sides, mut pairs) = (Samples::default(), vec![]);
    let why = if config.rule.preset == Preset::Replicates {
        single_runs(world, config, harness, builds.0, seed, record)?
    } else {
        null_pairs(
            config,
            PairRunner::new(world, config, harness, builds, seed),
            &mut sides,
            &mut pairs,
            record,
        )?
    };
    if why.is_some() {
        return Ok(why);
    }
    let both = pairs.iter().flat_map(|raw: &RawPair| [&raw.incumbent, &raw.challenger]);
    let samples: Vec<Values> = both.chain(&record.measured.runs).cloned().collect();
    record.measured.metrics = medians(&samples);
    record.measured.gates = gate::read_all(&config.gates, &samples);
    let settled = match config.with_benchmarks_of(&samples) {
        Ok(settled) => settled,
        Err(why) => return Ok(Some(why)),
    };
    let config = &settled;
    match pair_history::scales(&config.metric, &config.secondary, &config.guards, &config.rule, &samples) {
        Ok(scales) => record.measured.scales = scales,
        Err(why) => return Ok(Some(why)),
    }
    record.measured.scales.extend(config.benchmark_scales());
    if let Some(why) = judge(&config.clone().with_scales_of(Some(record)), pairs, record) {
        return Ok(Some(why));
    }
    let pooled = record.measured.gates.iter().find(|reading| !reading.pass).cloned();
    let of = |side| sides.failing(&config.gates, side);
    let failed = pooled.or_else(|| of(First::Challenger)).or_else(|| of(First::Incumbent));
    Ok(failed.map(|failed| {
        let value = number(failed.value);
        format!("it fails a gate itself: {} {value} is not {}", failed.metric, failed.bound)
    }))
}

/// How many samples a baseline takes: of each side one that is not timed, then the pairs; with a build, one between the two builds.
pub fn samples(config: &Config) -> u32 {
    let first = u32::from(config.build.is_some());
    first
        + if config.rule.preset == Preset::Replicates {
            BASELINE_RUNS
        } else {
            2 * (u32::from(config.rule.preset.warms_up()) + config.rule.calibration_pairs())
        }
}

fn null_pairs(
    config: &Config,
    mut runner: PairRunner,
    sides: &mut Samples,
    pairs: &mut Vec<RawPair>,
    record: &mut Record,
) -> Result<Option<String>> {
    // Read when all of them are there, which says more: a baseline that fails is refused.
    let mut look = |side, values: &Values| {
        sides.look(&config.gates, side, values);
        true
    };
    let mut ended = runner.warm_up(&mut look)?;
    runner.pauses = Pauses::of_baseline(&config.machine);
    let wanted = config.rule.calibration_pairs();
    let mut widened = None;
    runner.wanted = Some(Wanted::Pairs(wanted as usize));
    while ended.is_none() && pairs.len() < wanted as usize {
        runner.exact = exact_so_far(&runner.warm, pairs, &config.judging());
        let doing = format!("the baseline against itself, pair {} of {wanted}", pairs.len() + 1);
        match runner.next_pair(&doing, &mut look)? {
            PairResult::Pair(raw) => {
                if runner.counts_all {
                    // Its own pairs say what tau is on this machine.
                    let from = pairs.len() as u32;
                    widened.get_or_insert(Widened { from, times: 1.0, lost_s: runner.pauses.lost_s() });
                }
                pairs.push(raw);
            }
            other => ended = Some(other),
        }
    }
    record.measured.void_pairs = runner.void_pairs;
    record.measured.widened = widened;
    Ok(ended.map(|result| result.words(config.measure.timeout_s)))
}

fn single_runs(
    world: &World,
    config: &Config,
    harness: &Built,
    baseline: &Built,
    seed: u64,
    record: &mut Record,
) -> Result<Option<String>> {
    let mut single_runner = SingleRunner::new(world, config, harness);
    single_runner.pauses = Pauses::of_baseline(&config.machine);
    for run in 0..BASELINE_RUNS {
        let doing = format!("the baseline, run {} of {BASELINE_RUNS}", run + 1);
        let prompts = keep::draw(seed, run).prompts;
        match single_runner.sample(baseline, prompts, &doing)? {
            RunResult::Counts(Sampled::Measured(values)) => {
                record.measured.runs.push(values);
                record.measured.run_seeds.push(prompts);
            }
            RunResult::Counts(other) => return Ok(Some(other.words(config.measure.timeout_s))),
            RunResult::Void(reason) => {
                return Ok(Some(format!(
                    "the machine is too busy: {reason}. Begin when it is calm, or say in [machine] steal_pct and pressure_pct what is calm here"
                )));
            }
        }
    }
    record.measured.void_pairs = single_runner.void_runs;
    Ok(None)
}

/// Judges the baseline's pairs, now that it is known how values are compared. Returns why they come to nothing, where they do.
fn judge(config: &Config, pairs: Vec<RawPair>, record: &mut Record) -> Option<String> {
    let mut histories = config.histories(&[], false);
    for raw in pairs {
        match histories.judge(raw) {
            Some(pair) => record.measured.pairs.push(pair),
            None => return Some(format!("{} is missing, or no number", config.metric.judged_by())),
        }
    }
    if !record.measured.pairs.is_empty() {
        record.measured.tau = Some(config.histories(std::slice::from_ref(record), false).primary.tau);
    }
    None
}
