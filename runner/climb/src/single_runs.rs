//! Measures one side by itself, for rules that take single runs: a run is void for what the machine did meanwhile, as a pair is.

use crate::build::Built;
use crate::context::World;
use crate::pair_runner::{CLOCK, wait_until_calm};
use crate::sample::{Sampled, Sampler};
use piton_core::base::conditions::{Limits, Next, Pauses};
use piton_core::base::error::Result;
use piton_core::base::metric::Clock;
use piton_core::trial::record::VoidPair;
use piton_system::clock::Stopwatch;
use piton_system::config::Config;
use piton_system::host::Meter;

/// What takes single runs.
pub(crate) struct SingleRunner<'a> {
    world: &'a World,
    sampler: Sampler<'a>,
    limits: &'a Limits,
    clock: Clock,
    /// How long it waits for a calm machine.
    pub pauses: Pauses,
    /// Runs that did not count.
    pub void_runs: Vec<VoidPair>,
    /// Runs that were taken.
    taken: u32,
}

/// How a run ended.
pub enum RunResult {
    /// It counts, or was ended by the user.
    Counts(Sampled),
    /// The machine is too busy: too many runs were void, the last for this reason.
    Void(String),
}

impl<'a> SingleRunner<'a> {
    /// Of nothing yet.
    pub fn new(world: &'a World, config: &'a Config, harness: &'a Built) -> Self {
        let sampler = world.sampler(config, harness);
        let limits = &config.machine;
        let (clock, pauses) = (config.clock(), Pauses::of_trial(limits, 0));
        Self { world, sampler, limits, clock, pauses, void_runs: vec![], taken: 0 }
    }

    /// A run of `side` on the prompts of this seed that counts.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&mut self, side: &Built, prompts: u64, doing: &str) -> Result<RunResult> {
        loop {
            self.world.doing(doing);
            let (meter, watch) = (Meter::start(), Stopwatch::start());
            let padding = (prompts % 4096) as u32;
            let sampled = self.sampler.sample(side, prompts, padding)?;
            let conditions = meter.stop();
            let disturbed = self.sampler.agent_pause.disturbed();
            self.taken += 1;
            // Read before the values are looked at.
            let clock = match &sampled {
                Sampled::Failed { how, reason, .. } if how == CLOCK => Some(format!("{how}: {reason}")),
                Sampled::Interrupted => return Ok(RunResult::Counts(sampled)),
                _ => None,
            };
            let Some(reason) = clock.or(disturbed).or_else(|| self.limits.spoils(self.clock, &conditions))
            else {
                return Ok(RunResult::Counts(sampled));
            };
            let (draw, reason) = (self.taken - 1, reason);
            let void = VoidPair { draw, reason: reason.clone(), conditions, apart: None, values: None };
            self.void_runs.push(void);
            let Next::Pause { most_s } = self.pauses.spoiled(watch.seconds()) else {
                // A run of a busy machine is not held against those of a calm one: sigma says nothing of it.
                return Ok(RunResult::Void(format!(
                    "{} of its runs did not count, and {:.0} s of waiting and void runs brought no calm ([machine] pause_s = {}, void_pairs = {}); the last because {reason}",
                    self.void_runs.len(),
                    self.pauses.lost_s(),
                    self.limits.pause_s,
                    self.limits.void_pairs
                )));
            };
            let after =
                "then the run is measured again, and where waiting helps nothing it ends without a verdict";
            match wait_until_calm(self.world, (self.limits, self.clock), most_s, &reason, after) {
                Some((seconds, calm)) => self.pauses.paused(seconds, calm),
                None => return Ok(RunResult::Counts(Sampled::Interrupted)),
            }
        }
    }
}
