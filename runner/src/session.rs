//! What an unattended climb does next: a function of what is spent and of what the last proposals came to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::trial::Record;

/// What a climb may spend. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    /// Trials in this climb.
    pub trials: Option<u32>,
    /// Wall clock of this climb, the baseline included.
    pub wall: Option<Duration>,
}

/// What was spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Trials recorded by this climb.
    pub trials: u32,
    /// Time since it started.
    pub wall: Duration,
    /// Proposals in a row that came to nothing that could be judged: no edit, or the agent failed.
    pub idle: u32,
    /// Whether the user asked to stop.
    pub interrupted: bool,
    /// Whether the proposer has nothing left.
    pub exhausted: bool,
}

/// Why a climb ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The number of trials is reached.
    Trials,
    /// The time is over.
    Time,
    /// The user pressed Ctrl-C.
    Interrupted,
    /// The tuner has tried every declared value.
    Exhausted,
    /// The agent came back without an edit too often in a row.
    Idle,
}

impl Stop {
    /// For the summary.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Trials => "the number of trials is reached",
            Self::Time => "the time is over",
            Self::Interrupted => "stopped by the user",
            Self::Exhausted => "every declared value of every knob was tried",
            Self::Idle => "the agent came back without an edit five times in a row",
        }
    }
}

/// Proposals in a row without an edit after which a climb ends.
pub const IDLE_LIMIT: u32 = 5;

/// Whether to go on, and if not, why.
pub fn stop(budget: &Budget, spent: &Spent) -> Option<Stop> {
    if spent.interrupted {
        Some(Stop::Interrupted)
    } else if budget.trials.is_some_and(|most| spent.trials >= most) {
        Some(Stop::Trials)
    } else if budget.wall.is_some_and(|most| spent.wall >= most) {
        Some(Stop::Time)
    } else if spent.exhausted {
        Some(Stop::Exhausted)
    } else if spent.idle >= IDLE_LIMIT {
        Some(Stop::Idle)
    } else {
        None
    }
}

/// Trials of proposals that were measured since the incumbent was last held against itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unblinded(u32);

impl Unblinded {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        // One that came to nothing was an attempt too: else a machine on which none comes to anything would try nothing else.
        if record.trial == 0 || (record.commit.is_some() && record.commit == record.parent) {
            self.0 = 0;
        } else if !record.pairs.is_empty() {
            self.0 += 1;
        }
    }

    /// Whether the next trial is a blind one: after `every` so many; 0 for never.
    pub fn blind_is_due(self, every: u32) -> bool {
        every > 0 && self.0 >= every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_climb_without_limits_goes_on_until_somebody_stops_it() {
        let spent = Spent { trials: 10_000, wall: Duration::from_secs(1 << 30), ..Spent::default() };
        assert_eq!(stop(&Budget::default(), &spent), None);
        assert_eq!(stop(&Budget::default(), &Spent { interrupted: true, ..spent }), Some(Stop::Interrupted));
    }

    #[test]
    fn the_budget_of_trials_is_exact() {
        let budget = Budget { trials: Some(6), wall: None };
        assert_eq!(stop(&budget, &Spent { trials: 5, ..Spent::default() }), None);
        assert_eq!(stop(&budget, &Spent { trials: 6, ..Spent::default() }), Some(Stop::Trials));
    }

    #[test]
    fn no_time_at_all_means_no_trial() {
        let budget = Budget { trials: None, wall: Some(Duration::ZERO) };
        assert_eq!(stop(&budget, &Spent::default()), Some(Stop::Time));
    }

    #[test]
    fn an_agent_that_never_edits_does_not_run_all_night() {
        assert_eq!(
            stop(&Budget::default(), &Spent { idle: IDLE_LIMIT, ..Spent::default() }),
            Some(Stop::Idle)
        );
    }
}
