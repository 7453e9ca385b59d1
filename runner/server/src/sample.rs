//! A sample of a recipe: its server started, warmed up, asked fresh prompts, stopped; and of two recipes in turns.

mod side;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use piton_core::base::error::{Context, Result};
use piton_core::base::rng::Random;
use piton_system::config::Config;
use piton_system::config::sweep::{ApiCall, Feasible, Load, SidesRun};

use crate::agreement::{self, Answers};
use crate::infeasible::Infeasible;
use crate::prompts::PromptSource;
use crate::recipe::TrialRecipe;
use crate::request::{Api, Ask};
use side::Side;

/// What a sample needs besides its recipe.
pub struct Experiment<'a> {
    /// The experiment.
    pub config: &'a Config,
    /// Its directory: files of prompts lie there.
    pub dir: &'a Path,
    /// Where servers' own directories and logs go.
    pub work: PathBuf,
    /// What recipe 0 answers, where that is known.
    pub reference: Option<Answers>,
    /// Whether the user wants no more.
    pub stop: &'a dyn Fn() -> bool,
}

/// What was measured of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The figures, by name.
    pub metrics: BTreeMap<String, f64>,
    /// What it answered to the prompts of the warm-up.
    pub answers: Vec<String>,
    /// The server's version, as it calls itself; absent where it does not.
    pub version: Option<String>,
}

/// How a sample ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Sampled<T> {
    /// It has figures.
    Measured(T),
    /// The recipe cannot be served. Of two, the one of this place is meant.
    Infeasible(usize, Infeasible),
    /// It says nothing, of whatever recipe: why.
    Void(String),
    /// The user stopped it.
    Interrupted,
}

impl Experiment<'_> {
    fn load(&self) -> Load {
        self.config.load.clone().unwrap_or_default()
    }

    fn feasible(&self) -> Feasible {
        self.config.feasible.clone().unwrap_or_default()
    }

    /// What every request has.
    pub fn ask(&self) -> Ask {
        let load = self.load();
        let api = match load.api {
            ApiCall::Chat => Api::Chat,
            ApiCall::Completions => Api::Completions,
        };
        let extra = serde_json::to_value(&load.extra).ok().and_then(|value| value.as_object().cloned());
        Ask { api, model: None, max_tokens: load.max_tokens, extra: extra.unwrap_or_default() }
    }

    fn prompts(&self, seed: u64, n: u32) -> Result<Vec<String>> {
        PromptSource::open(&self.load().prompts, self.dir)?.draw(seed, n as usize)
    }

    /// The prompts of a seed, as many as a sample has.
    fn fresh(&self, seed: u64) -> Result<Vec<String>> {
        self.prompts(seed, self.load().requests)
    }

    fn warm_up(&self) -> Result<Vec<String>> {
        self.prompts(agreement::SEED, self.load().warm_up)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.feasible().request_timeout_s)
    }

    /// A directory of a server's own, made anew.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let own = self.work.join(name);
        piton_system::sandbox::private(&own).context("no server was started")?;
        Ok(own)
    }

    /// Measures one recipe on the prompts of `seed`.
    ///
    /// # Errors
    /// When nothing can be started at all, or there are no prompts.
    pub fn sample(&self, recipe: &TrialRecipe, seed: u64) -> Result<Sampled<Measured>> {
        let mut side = match Side::open(self, 0, recipe)? {
            Ok(side) => side,
            Err(ended) => return Ok(ended.into()),
        };
        for block in self.fresh(seed)?.chunks(self.load().concurrency as usize) {
            if let Err(ended) = side.ask(self, block, seed)? {
                let _ = side.close(self);
                return Ok(ended.into());
            }
        }
        Ok(match side.close(self) {
            Ok(measured) => Sampled::Measured(measured),
            Err(ended) => ended.into(),
        })
    }

    /// Measures two recipes on the prompts of `seed`: in turns, both servers there at once, where the memory is enough for both; else one after the
    /// other, the first one first. Which of them is asked a prompt first is drawn from the seed.
    ///
    /// # Errors
    /// The same.
    pub fn pair(&self, recipes: [&TrialRecipe; 2], seed: u64) -> Result<Sampled<[Measured; 2]>> {
        let first = match Side::open(self, 0, recipes[0])? {
            Ok(side) => side,
            Err(ended) => return Ok(ended.into()),
        };
        if self.resident(&first) {
            self.in_turns(first, recipes[1], seed)
        } else {
            self.restarted(first, recipes[1], seed)
        }
    }

    /// Whether a second one like it finds room beside it.
    fn resident(&self, side: &Side) -> bool {
        match self.config.sweep.clone().unwrap_or_default().sides {
            SidesRun::Resident => true,
            SidesRun::Restart => false,
            // Some of what is available now is what others will want.
            SidesRun::Auto => side
                .peak_memory()
                .zip(available())
                .is_some_and(|(peak, available)| peak + peak / 4 < available),
        }
    }

    fn in_turns(&self, first: Side, second: &TrialRecipe, seed: u64) -> Result<Sampled<[Measured; 2]>> {
        let second = match Side::open(self, 1, second) {
            Ok(Ok(side)) => side,
            Ok(Err(ended)) => {
                first.close(self).ok();
                return Ok(ended.into());
            }
            Err(error) => {
                first.close(self).ok();
                return Err(error);
            }
        };
        let mut sides = [first, second];
        let mut coins = Random::of_block(seed, "turns", 0);
        let mut ended = None;
        'asking: for block in self.fresh(seed)?.chunks(self.load().concurrency as usize) {
            let begins = (coins.word() & 1) as usize;
            for at in [begins, 1 - begins] {
                if let Err(how) = sides[at].ask(self, block, seed)? {
                    ended = Some(how);
                    break 'asking;
                }
            }
        }
        let [first, second] = sides.map(|side| side.close(self));
        Ok(match (ended, first, second) {
            (Some(ended), _, _) | (None, Err(ended), _) | (None, _, Err(ended)) => ended.into(),
            (None, Ok(first), Ok(second)) => Sampled::Measured([first, second]),
        })
    }

    fn restarted(&self, mut first: Side, second: &TrialRecipe, seed: u64) -> Result<Sampled<[Measured; 2]>> {
        let prompts = self.fresh(seed)?;
        let all = |side: &mut Side| -> Result<std::result::Result<(), side::Ended>> {
            for block in prompts.chunks(self.load().concurrency as usize) {
                if let Err(ended) = side.ask(self, block, seed)? {
                    return Ok(Err(ended));
                }
            }
            Ok(Ok(()))
        };
        let asked = all(&mut first)?;
        let first = match (first.close(self), asked) {
            (_, Err(ended)) | (Err(ended), _) => return Ok(ended.into()),
            (Ok(measured), Ok(())) => measured,
        };
        let mut second = match Side::open(self, 1, second)? {
            Ok(side) => side,
            Err(ended) => return Ok(ended.into()),
        };
        let asked = all(&mut second)?;
        Ok(match (second.close(self), asked) {
            (_, Err(ended)) | (Err(ended), _) => ended.into(),
            (Ok(second), Ok(())) => Sampled::Measured([first, second]),
        })
    }
}

/// Memory that programs may still be given, in bytes.
fn available() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?)
}
