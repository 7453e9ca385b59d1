//! How noisy a measurement is on this machine: the commit at HEAD against itself, outside any run.

use std::fs;

use crate::build::{BuildEnd, Built};
use crate::config::{self, Config};
use crate::error::{Context, Error, Result, exit};
use crate::git::Id;
use crate::host;
use crate::judge::World;
use crate::ledger::Lock;
use crate::measure::Sampled;
use crate::report::Noise;
use crate::rule::{self, First};

/// The committed experiment at HEAD with its harness built, and no run.
pub struct Bare {
    /// The commit.
    pub head: Id,
    /// Its experiment.
    pub config: Config,
    /// Its sealed tree and harness.
    pub harness: Built,
    /// Held until dropped.
    pub lock: Lock,
}

impl World {
    /// Builds the harness of the commit at HEAD, for a command that begins no run.
    ///
    /// # Errors
    /// No experiment in this commit, another piton at work, a harness that does not build.
    pub fn bare(&self, who: &str) -> Result<Bare> {
        let head = self.repo.head()?.commit;
        let text = self.repo.file(head, config::FILE).and_then(|text| String::from_utf8(text).ok());
        let text =
            text.ok_or_else(|| Error::usage(format!("there is no {} in this commit", config::FILE)))?;
        let config = Config::parse(&text)?;
        let state = self.repo.state_dir();
        let lock = Lock::take(&state, who)?;
        fs::create_dir_all(state.join("logs")).context("nothing was measured")?;
        if config.harness.is_some() {
            self.progress.long("building the harness from the committed tree; minutes the first time");
        }
        let harness = self.workshop().harness(head, config.harness.as_ref())?;
        Ok(Bare { head, config, harness, lock })
    }
}

/// Measures `pairs` pairs of the commit at HEAD against itself, in coin order, on fresh prompts.
///
/// # Errors
/// When it does not build, or a sample fails.
pub fn run(world: &World, pairs: u32) -> Result<Noise> {
    let what = "the noise was not measured";
    let Bare { head, config, harness, .. } = world.bare("piton noise")?;
    world.progress.doing("building the candidate");
    let built = match world.workshop().challenger(head, None, config.build.as_ref(), true)? {
        BuildEnd::Built(built) => built,
        other => return Err(Error::new(what).status(exit::BASELINE).cause(format!("{other:?}"))),
    };
    let bench = world.bench(&config, &harness);
    let seed = host::fresh_seed()?;
    let mut noise =
        Noise { metric: config.metric.name.clone(), seed, values: vec![], gains: vec![], seconds: vec![] };
    for pair in 0..pairs {
        let draw = rule::draw(seed, pair);
        let mut both = vec![];
        for side in ["first", "second"] {
            world.progress.doing(&format!("pair {} of {pairs}: {side}", pair + 1));
            let watch = crate::clock::Stopwatch::start();
            match bench.sample(&built, draw.prompts)? {
                Sampled::Measured(values) => {
                    both.push(values.get(&config.metric.name).copied().unwrap_or(f64::NAN))
                }
                other => return Err(Error::new(what).cause(format!("{other:?}"))),
            }
            noise.seconds.push(watch.seconds());
        }
        let (from, to) = if draw.first == First::Incumbent { (both[0], both[1]) } else { (both[1], both[0]) };
        noise.gains.extend(config.metric.direction.log_gain(from, to));
        noise.values.extend(both);
    }
    world.progress.idle();
    Ok(noise)
}
