//! What an unattended climb does next: a function of what is spent and of what the last proposals came to.

mod ascent;
mod call;
mod time;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use piton_base::metric::Direction;
use piton_trial::record::{Cost, Outcome, Record, Status};

pub use ascent::{Ascent, ClimbOptions, Hooks, Waiting, cost, left, limits, spent};
pub use call::{Call, Pause, note, pause};

/// What a climb may spend, and what it is to reach. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Trials in this climb.
    pub trials: Option<u32>,
    /// Wall clock of this climb, the baseline included.
    #[serde(rename = "wall_s", with = "time::option")]
    pub wall: Option<Duration>,
    /// US dollars, as the agent tells them.
    pub usd: Option<f64>,
    /// Tokens, read and written, as the agent tells them.
    pub tokens: Option<u64>,
    /// Changes kept.
    pub keeps: Option<u32>,
    /// A value of the primary metric.
    pub target: Option<Target>,
    /// Trials in a row without a keep.
    pub plateau: Option<u32>,
}

/// A value that the incumbent is to reach, as measured in the trial that kept it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The value.
    pub value: f64,
    /// Which way is better.
    pub direction: Direction,
}

impl Target {
    /// Whether `value` is as good.
    pub fn reached(self, value: f64) -> bool {
        self.direction.sign() * (value - self.value) >= 0.0
    }
}

/// What was spent so far, and how the last calls and trials ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Trials recorded by this climb.
    pub trials: u32,
    /// Time since it started.
    #[serde(rename = "wall_s", with = "time")]
    pub wall: Duration,
    /// What its calls of the agent have cost, those that became no trial among them.
    pub cost: Cost,
    /// Calls that failed, and became no trial.
    pub failed: u32,
    /// Changes kept.
    pub keeps: u32,
    /// Trials since the last keep.
    pub since_keep: u32,
    /// The primary metric of the incumbent.
    pub best: Option<f64>,
    /// Proposals in a row that came to nothing that could be judged: no edit, or a command that failed.
    pub idle: u32,
    /// Calls in a row that failed.
    pub failing: u32,
    /// Calls in a row that found a limit and no word of when it ends.
    pub limited: u32,
    /// Calls in a row for which nobody was logged in.
    pub unauthorised: u32,
    /// Trials in a row that crashed.
    pub crashing: u32,
    /// Proposals of an agent in a row that had been judged before.
    #[serde(default)]
    pub repeating: u32,
    /// Whether the agent's limit lasts longer than the time that is left.
    pub barred: bool,
    /// Whether the user asked to stop at once.
    pub interrupted: bool,
    /// Whether the user asked to stop after the trial in progress.
    pub asked: bool,
    /// Whether the proposer has nothing left.
    pub exhausted: bool,
}

/// Why a climb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The number of trials is reached.
    Trials,
    /// The time is over.
    Time,
    /// The money is spent.
    Money,
    /// The tokens are spent.
    Tokens,
    /// The number of keeps is reached.
    Keeps,
    /// The metric has reached its target.
    Target,
    /// Too many trials in a row without a keep.
    Plateau,
    /// The user pressed Ctrl-C, or asked for it by `piton stop --now`.
    Interrupted,
    /// The user asked for it by `piton stop`.
    Asked,
    /// The tuner has tried every declared value.
    Exhausted,
    /// The agent came back without an edit too often in a row.
    Idle,
    /// The agent failed too often in a row.
    Failing,
    /// Nobody is logged in.
    Unauthorised,
    /// The agent's limit lasts longer than the time that is left.
    Limited,
    /// Too many trials in a row crashed.
    Crashing,
    /// Too many proposals of an agent in a row had been judged before.
    Repeating,
    /// piton itself failed.
    Broken,
}

impl Stop {
    /// For the summary.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Trials => "the number of trials is reached",
            Self::Time => "the time is over",
            Self::Money => "the money is spent",
            Self::Tokens => "the tokens are spent",
            Self::Keeps => "the number of keeps is reached",
            Self::Target => "the target is reached",
            Self::Plateau => "no keep in so many trials in a row",
            Self::Interrupted => "stopped by the user",
            Self::Asked => "stopped by the user, after the trial in progress",
            Self::Exhausted => "every declared value of every knob was tried",
            Self::Idle => "the agent came back without an edit five times in a row",
            Self::Failing => "the agent failed twenty times in a row",
            Self::Unauthorised => {
                "the agent is not logged in, or nobody pays for it; trying again does not help"
            }
            Self::Limited => "the agent's limit lasts longer than the time that was left",
            Self::Crashing => "eight trials in a row crashed",
            Self::Repeating => "the agent proposed what had been judged before ten times in a row",
            Self::Broken => "piton itself failed, and said why",
        }
    }
}

/// Proposals in a row without an edit after which a climb ends.
pub const IDLE_LIMIT: u32 = 5;
/// Failed calls in a row after which a climb ends: with the pauses between them, most of a night.
pub(crate) const FAILING_LIMIT: u32 = 20;
/// Calls in a row that found nobody logged in, after which a climb ends.
pub(crate) const UNAUTHORISED_LIMIT: u32 = 2;
/// Trials in a row that crash, after which a climb ends.
pub const CRASHING_LIMIT: u32 = 8;
/// Proposals of an agent in a row that had been judged before, after which a climb ends.
pub const REPEATING_LIMIT: u32 = 10;

/// The word of a trial whose recipe a model server cannot serve.
pub const INFEASIBLE: &str = "infeasible";

/// Whether to go on, and if not, why.
pub fn stop(budget: &Budget, spent: &Spent) -> Option<Stop> {
    let at = |limit: Option<u32>, n: u32| limit.is_some_and(|most| n >= most);
    let reasons = [
        (spent.interrupted, Stop::Interrupted),
        (spent.asked, Stop::Asked),
        (at(budget.trials, spent.trials), Stop::Trials),
        (budget.wall.is_some_and(|most| spent.wall >= most), Stop::Time),
        (budget.usd.is_some_and(|most| spent.cost.usd.unwrap_or(0.0) >= most), Stop::Money),
        (budget.tokens.is_some_and(|most| spent.cost.tokens() >= most), Stop::Tokens),
        (at(budget.keeps, spent.keeps), Stop::Keeps),
        (budget.target.zip(spent.best).is_some_and(|(target, best)| target.reached(best)), Stop::Target),
        (at(budget.plateau, spent.since_keep), Stop::Plateau),
        (spent.exhausted, Stop::Exhausted),
        (spent.unauthorised >= UNAUTHORISED_LIMIT, Stop::Unauthorised),
        (spent.barred, Stop::Limited),
        (spent.crashing >= CRASHING_LIMIT, Stop::Crashing),
        (spent.repeating >= REPEATING_LIMIT, Stop::Repeating),
        (spent.idle >= IDLE_LIMIT, Stop::Idle),
        (spent.failing >= FAILING_LIMIT, Stop::Failing),
    ];
    reasons.into_iter().find_map(|(so, stop)| so.then_some(stop))
}

impl Spent {
    /// Takes in how a call ended, before its edit is looked at.
    pub fn call(&mut self, call: &Call, cost: &Cost) {
        self.cost.add(cost);
        let row = |n: &mut u32, again: bool| *n = if again { *n + 1 } else { 0 };
        row(&mut self.unauthorised, matches!(call, Call::Unauthorised(_)));
        row(&mut self.limited, matches!(call, Call::Limited { until: None, .. }));
        match call {
            Call::Failed(_) | Call::Stalled(_) | Call::TimedOut(_) => self.failing += 1,
            // A limit says nothing of whether the agent works.
            Call::Limited { .. } | Call::Unauthorised(_) | Call::Interrupted | Call::Exhausted => {}
            Call::Done | Call::Asked(_) | Call::Denied(_) | Call::Spent => self.failing = 0,
        }
    }

    /// Takes in a call that became no trial.
    pub fn fail(&mut self) {
        self.failed += 1;
    }

    /// Takes in a proposal that changes nothing: there is no trial of it.
    pub fn unedited(&mut self) {
        self.idle += 1;
    }

    /// Takes in a trial that measured an earlier one's edit again: the budget of trials is one of proposals.
    pub fn again(&mut self, record: &Record) {
        if record.outcome.kept() {
            self.keeps += 1;
            self.since_keep = 0;
        }
    }

    /// Takes in a trial of a proposal.
    pub fn trial(&mut self, record: &Record) {
        self.trials += 1;
        let kept = record.outcome.kept();
        self.keeps += u32::from(kept);
        self.since_keep = if kept { 0 } else { self.since_keep + 1 };
        let nothing = matches!(record.outcome, Outcome::NoEdit | Outcome::Tampered { .. });
        self.idle = if nothing { self.idle + 1 } else { 0 };
        let again = matches!(record.outcome, Outcome::Duplicate { .. } | Outcome::Alike { .. });
        // The tuner comes to its end by itself.
        self.repeating = if again && record.claimed.agent.is_some() { self.repeating + 1 } else { 0 };
        match (&record.outcome, record.outcome.status()) {
            // A recipe that cannot be served is an answer, and says nothing of the next.
            (Outcome::RunFailed { how, .. }, _) if how == INFEASIBLE => {}
            (_, Status::Crash) => self.crashing += 1,
            // What said nothing about the challenger ends no row.
            (outcome, _) if !outcome.settles() => {}
            _ => self.crashing = 0,
        }
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
        } else if !record.measured.pairs.is_empty() {
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
        assert_eq!(stop(&Budget::default(), &Spent { asked: true, ..spent }), Some(Stop::Asked));
    }

    #[test]
    fn the_budget_of_trials_is_exact() {
        let budget = Budget { trials: Some(6), ..Budget::default() };
        assert_eq!(stop(&budget, &Spent { trials: 5, ..Spent::default() }), None);
        assert_eq!(stop(&budget, &Spent { trials: 6, ..Spent::default() }), Some(Stop::Trials));
    }

    #[test]
    fn no_time_at_all_means_no_trial() {
        let budget = Budget { wall: Some(Duration::ZERO), ..Budget::default() };
        assert_eq!(stop(&budget, &Spent::default()), Some(Stop::Time));
    }

    #[test]
    fn money_and_tokens_end_a_climb_when_the_agent_has_told_that_much() {
        let budget = Budget { usd: Some(1.0), tokens: Some(1000), ..Budget::default() };
        let told =
            |usd, tokens_in| Spent { cost: Cost { usd, tokens_in, ..Cost::default() }, ..Spent::default() };
        assert_eq!(stop(&budget, &told(None, None)), None, "an agent that tells nothing spends nothing");
        assert_eq!(stop(&budget, &told(Some(0.999), Some(999))), None);
        assert_eq!(stop(&budget, &told(Some(1.0), None)), Some(Stop::Money));
        assert_eq!(stop(&budget, &told(None, Some(1000))), Some(Stop::Tokens));
    }

    #[test]
    fn a_target_is_reached_from_the_side_that_is_worse() {
        for (direction, before, after) in [(Direction::Higher, 99.9, 100.0), (Direction::Lower, 100.1, 100.0)]
        {
            let budget = Budget { target: Some(Target { value: 100.0, direction }), ..Budget::default() };
            let at = |best| stop(&budget, &Spent { best, ..Spent::default() });
            assert_eq!((at(None), at(Some(before)), at(Some(after))), (None, None, Some(Stop::Target)));
        }
    }

    #[test]
    fn keeps_and_a_plateau_are_counted_in_trials() {
        let budget = Budget { keeps: Some(2), plateau: Some(3), ..Budget::default() };
        let at = |keeps, since_keep| stop(&budget, &Spent { keeps, since_keep, ..Spent::default() });
        assert_eq!((at(1, 2), at(2, 0), at(0, 3)), (None, Some(Stop::Keeps), Some(Stop::Plateau)));
    }

    #[test]
    fn an_agent_that_never_edits_does_not_run_all_night() {
        assert_eq!(
            stop(&Budget::default(), &Spent { idle: IDLE_LIMIT, ..Spent::default() }),
            Some(Stop::Idle)
        );
    }

    #[test]
    fn nobody_logged_in_is_tried_twice_and_a_limit_in_between_begins_the_count_anew() {
        let mut spent = Spent::default();
        let shut = Call::Unauthorised("401".to_owned());
        spent.call(&shut, &Cost::default());
        assert_eq!(stop(&Budget::default(), &spent), None);
        spent.call(&Call::Limited { why: String::new(), until: None }, &Cost::default());
        spent.call(&shut, &Cost::default());
        assert_eq!(stop(&Budget::default(), &spent), None);
        spent.call(&shut, &Cost::default());
        assert_eq!(stop(&Budget::default(), &spent), Some(Stop::Unauthorised));
    }

    #[test]
    fn calls_that_fail_end_a_climb_only_in_a_long_row() {
        let mut spent = Spent::default();
        for _ in 1..FAILING_LIMIT {
            spent.call(&Call::Failed(String::new()), &Cost::default());
        }
        assert_eq!(stop(&Budget::default(), &spent), None);
        let mut mended = spent;
        mended.call(&Call::Done, &Cost::default());
        assert_eq!(mended.failing, 0);
        spent.call(&Call::Stalled(600), &Cost::default());
        assert_eq!(stop(&Budget::default(), &spent), Some(Stop::Failing));
    }
}
