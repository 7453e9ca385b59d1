//! A void trial's edit is taken up again, once, when the machine is calm.

use std::time::Duration;

use super::Climber;
use piton_core::base::error::Result;
use piton_core::run::taken_up;
use piton_core::trial::state::Owner;
use piton_system::clock;
use piton_system::host::Meter;
use piton_system::terminal::Tone;

/// How long the machine is watched.
const WATCH: Duration = Duration::from_secs(2);

impl Climber<'_, '_> {
    /// Measures the edit of the last void trial again, where the machine is calm now.
    pub(super) fn take_up(&mut self) -> Result<()> {
        let session = &self.session;
        let budget = &self.ascent.options.budget;
        let over = budget.wall.is_some_and(|most| self.ascent.spent.wall >= most) || budget.trials == Some(0);
        // In a person's own checkout a void edit stays where it is.
        if over || self.owner != Owner::Piton || session.world.runner.interrupted() || self.asked_to_stop() {
            return Ok(());
        }
        let last = session.book.ledger.last(&session.book.run.name, taken_up::LOOKED_BACK)?;
        let Some(trial) = taken_up::take_up(&last, &self.passed) else { return Ok(()) };
        let config = &session.book.config;
        let meter = Meter::start();
        clock::wait(WATCH);
        if config.machine.spoils(config.clock(), &meter.stop()).is_some() {
            return Ok(());
        }
        match self.session.retake_in(self.work, trial, self.owner)? {
            Some(record) => {
                self.ascent.spent.again(&record);
                self.session.run_due_rechecks(self.work, false, self.owner)
            }
            None => {
                self.passed.insert(trial);
                let told = format!("trial {trial} was void, and its edit does not fit the incumbent of now");
                self.session.world.progress.line(Tone::Dim, &told);
                Ok(())
            }
        }
    }
}
