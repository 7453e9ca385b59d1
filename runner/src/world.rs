//! What every command needs that builds and measures.

use crate::build::{Built, Workshop};
use crate::config::Config;
use crate::confine::Walls;
use crate::git::Repo;
use crate::measure::Bench;
use crate::place::Place;
use crate::proc::Runner;
use crate::pulse::Pulse;
use crate::say::Progress;

/// The repository, the processes and the terminal.
pub struct World {
    /// The repository, from where the user stands.
    pub repo: Repo,
    /// Starts processes.
    pub runner: Runner,
    /// Tells what is going on.
    pub progress: Progress,
    /// Tells it to those who look on, too.
    pub pulse: Pulse,
    /// What programs are started behind.
    pub walls: Walls,
    /// Where trees lie, outside of every repository.
    pub place: Place,
}

impl World {
    /// Says what is done now: to a person at the terminal, and to those who look on.
    pub fn doing(&self, text: &str) {
        self.progress.doing(text);
        self.pulse.stage(text);
    }

    /// The same of long work.
    pub fn long(&self, text: &str) {
        self.progress.long(text);
        self.pulse.stage(text);
    }

    /// Where things are built.
    pub fn workshop(&self) -> Workshop<'_> {
        Workshop {
            dir: self.repo.state_dir(),
            place: &self.place,
            repo: &self.repo,
            runner: &self.runner,
            progress: &self.progress,
            walls: &self.walls,
        }
    }

    /// What measures, by the words of `config`.
    pub fn bench<'a>(&'a self, config: &'a Config, harness: &'a Built) -> Bench<'a> {
        Bench {
            runner: &self.runner,
            measure: &config.measure,
            needed: config.needed(),
            harness,
            walls: &self.walls,
            place: &self.place,
            logs: self.repo.state_dir().join("logs"),
        }
    }
}
