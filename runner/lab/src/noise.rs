//! How noisy a measurement is on this machine: the commit at HEAD against itself, outside any run.

use std::fs;

use piton_climb::build::Built;
use piton_climb::context::{World, experiment};
use piton_climb::pair_runner::{PairResult, PairRunner};
use piton_climb::recover::{LockedRepo, lock_and_recover};
use piton_core::base::error::{Context, Result};
use piton_core::base::metric::{Metric, OwnMeter, Scale, Values};
use piton_core::report::tables::{ClockNoise, NoiseReport};
use piton_core::rule::gate::Samples;
use piton_core::rule::keep::First;
use piton_core::run::pair_history::MetricHistory;
use piton_core::trial::record::RawPair;
use piton_system::clock::Stopwatch;
use piton_system::config::Config;
use piton_system::git::Id;
use piton_system::host;
use piton_system::terminal::Tone;

/// The committed experiment at HEAD with its harness built, and no run.
pub(crate) struct Bare {
    /// The commit.
    pub head: Id,
    /// Its experiment.
    pub config: Config,
    /// Its sealed tree and harness.
    pub harness: Built,
    /// The repository is ours until this is dropped.
    pub locked_repo: LockedRepo,
}

impl Bare {
    /// Builds the harness of the commit at HEAD, for a command that begins no run.
    ///
    /// # Errors
    /// No experiment in this commit, another piton at work, a harness that does not build.
    pub fn begin(world: &World, who: &str) -> Result<Self> {
        let head = world.repo.head()?.commit;
        let (_, config) = experiment(&world.repo, head)?;
        let state = world.repo.state_dir();
        let locked_repo = lock_and_recover(world, who, false)?;
        fs::create_dir_all(state.join("logs")).context("nothing was measured")?;
        if config.harness.is_some() {
            world.progress.begin_long("building the harness from the committed tree; minutes the first time");
        }
        let harness = world.build_store().harness(head, &config)?;
        Ok(Self { head, config, harness, locked_repo })
    }
}

/// Measures `pairs` pairs of the commit at HEAD against itself, in coin order, on fresh prompts.
///
/// # Errors
/// When it does not build, or a sample fails.
pub fn run(world: &World, pairs: u32) -> Result<NoiseReport> {
    let what = "the noise was not measured";
    let Bare { head, config, harness, locked_repo: _entered } = Bare::begin(world, "piton lab noise")?;
    world.progress.doing("building the candidate");
    let built = world.build_store().challenger(head, &[], &config, true)?.built(what, "HEAD")?;
    world.progress.doing("building the candidate a second time");
    let again = world.build_store().again(head, &[&built], &config)?.built(what, "HEAD")?;
    let seed = host::fresh_seed()?;
    let mut samples = Samples::default();
    let mut look = |side, values: &Values| {
        samples.look(&config.gates, side, values);
        true
    };
    let mut runner = PairRunner::new(world, &config, &harness, (&built, &again), seed);
    runner.meter_all();
    let mut noise = NoiseReport {
        metric: config.metric.judged_by().to_owned(),
        seed,
        values: vec![],
        scale: Scale::Ratio,
        gains: vec![],
        seconds: vec![],
        conditions: vec![],
        void_pairs: 0,
        clocks: vec![],
    };
    if let Some(other) = runner.warm_up(&mut look)? {
        return Err(other.error(what, config.measure.timeout_s));
    }
    let mut measured = vec![];
    for pair in 0..pairs {
        let watch = Stopwatch::start();
        let voided = runner.void_pairs.len();
        let raw = match runner.next_pair(&format!("pair {} of {pairs}", pair + 1), &mut look)? {
            PairResult::Pair(raw) => raw,
            other => return Err(other.error(what, config.measure.timeout_s)),
        };
        if runner.void_pairs.len() == voided {
            noise.seconds.push(watch.seconds() / 2.0);
        }
        noise.values.extend(
            [&raw.incumbent, &raw.challenger].iter().filter_map(|v| v.get(config.metric.judged_by())),
        );
        noise.conditions.push(raw.conditions);
        measured.push(raw);
    }
    let metric = &config.metric;
    noise.clocks = clocks(metric, &measured);
    noise.scale = metric.scale.unwrap_or_else(|| Scale::of(metric.judged_by(), &metric.unit, &noise.values));
    let mut history = MetricHistory::begin(metric.judged_by(), metric.judged_direction(), noise.scale, &[]);
    noise.gains = measured.into_iter().filter_map(|raw| history.judge(raw)).map(|pair| pair.gain).collect();
    noise.void_pairs = runner.void_pairs.len();
    world.progress.idle();
    let sides = [First::Incumbent, First::Challenger];
    if let Some(failed) = sides.iter().find_map(|side| samples.failing(&config.gates, *side)) {
        let told = format!("no run would begin with this commit: it fails {}", failed.words());
        world.progress.line(Tone::Bad, &told);
    }
    Ok(noise)
}

/// The noise of these pairs by the metric that is shown, by what it is judged by, and by piton's own clocks.
fn clocks(metric: &Metric, pairs: &[RawPair]) -> Vec<ClockNoise> {
    let own = [OwnMeter::WallS, OwnMeter::CpuS].map(OwnMeter::word);
    let mut names = vec![metric.name.as_str(), metric.judged_by()];
    names.extend(own);
    names.dedup();
    let of = |name: &&str| {
        let values =
            pairs.iter().map(|pair| Some([*pair.incumbent.get(*name)?, *pair.challenger.get(*name)?]));
        ClockNoise::of(name, &values.collect::<Option<Vec<_>>>()?)
    };
    names.iter().filter_map(of).collect()
}
