//! How noisy a measurement is on this machine: the commit at HEAD against itself, outside any run.

use std::fs;

use crate::build::Built;
use crate::calibration::Course;
use crate::clock::Stopwatch;
use crate::config::{self, Config};
use crate::duel::{Duel, Round};
use crate::error::{Context, Result};
use crate::git::Id;
use crate::host;
use crate::recover::Entered;
use crate::report::Noise;
use crate::world::World;

/// The committed experiment at HEAD with its harness built, and no run.
pub struct Bare {
    /// The commit.
    pub head: Id,
    /// Its experiment.
    pub config: Config,
    /// Its sealed tree and harness.
    pub harness: Built,
    /// The repository is ours until this is dropped.
    pub entered: Entered,
}

impl World {
    /// Builds the harness of the commit at HEAD, for a command that begins no run.
    ///
    /// # Errors
    /// No experiment in this commit, another piton at work, a harness that does not build.
    pub fn bare(&self, who: &str) -> Result<Bare> {
        let head = self.repo.head()?.commit;
        let config = Config::fresh(&config::text(self.repo.file(head, config::FILE))?)?;
        let state = self.repo.state_dir();
        let entered = self.enter(who, false)?;
        fs::create_dir_all(state.join("logs")).context("nothing was measured")?;
        if config.harness.is_some() {
            self.progress.long("building the harness from the committed tree; minutes the first time");
        }
        let harness = self.workshop().harness(head, config.harness.as_ref())?;
        Ok(Bare { head, config, harness, entered })
    }
}

/// Measures `pairs` pairs of the commit at HEAD against itself, in coin order, on fresh prompts.
///
/// # Errors
/// When it does not build, or a sample fails.
pub fn run(world: &World, pairs: u32) -> Result<Noise> {
    let what = "the noise was not measured";
    let Bare { head, config, harness, entered: _entered } = world.bare("piton noise")?;
    world.progress.doing("building the candidate");
    let built = world.workshop().challenger(head, None, config.build.as_ref(), true)?.built(what, "HEAD")?;
    world.progress.doing("building the candidate a second time");
    let again = world.workshop().again(head, config.build.as_ref())?.built(what, "HEAD")?;
    let seed = host::fresh_seed()?;
    let mut duel = Duel::new(world, &config, &harness, (&built, &again), seed);
    let mut noise = Noise {
        metric: config.metric.name.clone(),
        seed,
        values: vec![],
        gains: vec![],
        seconds: vec![],
        conditions: vec![],
        void_pairs: 0,
    };
    if let Some(other) = duel.warm_up(&mut |_| true)? {
        return Err(other.error(what, config.measure.timeout_s));
    }
    let mut course = Course::begin(&config.metric.name, config.metric.direction, &[]);
    for pair in 0..pairs {
        let watch = Stopwatch::start();
        let voided = duel.void_pairs.len();
        let pair = match duel.round(&format!("pair {} of {pairs}", pair + 1), &mut |_| true)? {
            Round::Pair(pair) => pair,
            other => return Err(other.error(what, config.measure.timeout_s)),
        };
        if duel.void_pairs.len() == voided {
            noise.seconds.push(watch.seconds() / 2.0);
        }
        noise.gains.extend(course.pair(pair.first, &pair.incumbent, &pair.challenger).map(|(gain, _)| gain));
        noise
            .values
            .extend([&pair.incumbent, &pair.challenger].iter().filter_map(|v| v.get(&config.metric.name)));
        noise.conditions.push(pair.conditions);
    }
    noise.void_pairs = duel.void_pairs.len();
    world.progress.idle();
    Ok(noise)
}
