//! Measures one side by itself, for rules that take single runs: a run is void for what the machine did meanwhile, as a pair is.

use crate::build::Built;
use crate::context::World;
use crate::pair_runner::{CLOCK, wait_until_calm};
use crate::sample::{Sampled, Sampler};
use piton_core::base::conditions::Limits;
use piton_core::base::error::Result;
use piton_core::trial::record::VoidPair;
use piton_system::config::Config;
use piton_system::host::Meter;

/// What takes single runs.
pub(crate) struct SingleRunner<'a> {
    world: &'a World,
    sampler: Sampler<'a>,
    limits: &'a Limits,
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
        Self { world, sampler, limits: &config.machine, void_runs: vec![], taken: 0 }
    }

    /// A run of `side` on the prompts of this seed that counts.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&mut self, side: &Built, prompts: u64, doing: &str) -> Result<RunResult> {
        loop {
            self.world.doing(doing);
            let meter = Meter::start();
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
            let Some(reason) = clock.or(disturbed).or_else(|| self.limits.void(&conditions)) else {
                return Ok(RunResult::Counts(sampled));
            };
            let (draw, reason) = (self.taken - 1, reason);
            let void = VoidPair { draw, reason: reason.clone(), conditions, apart: None, values: None };
            self.void_runs.push(void);
            if self.void_runs.len() > self.limits.void_pairs as usize {
                return Ok(RunResult::Void(format!(
                    "{} runs were void, the last because {reason}",
                    self.void_runs.len()
                )));
            }
            if !wait_until_calm(self.world, self.limits, &reason) {
                return Ok(RunResult::Counts(Sampled::Interrupted));
            }
        }
    }
}
