//! A climb that somebody started: with what, how far it is, and why it ended. Kept beside the ledger, so that `piton status` can tell and
//! `piton resume` can go on.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Budget, Spent, Stop, time};
use piton_trial::record::Cost;
use piton_trial::text::{clean, number, plural, seconds};

/// What a climb was told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClimbOptions {
    /// `tuner`, the name of an adapter, a file with one, or a command line.
    pub agent: String,
    /// The model, where one was chosen.
    pub model: Option<String>,
    /// Further words for the agent.
    pub words: Vec<String>,
    /// Most turns of a call.
    pub turns: Option<u32>,
    /// Whether each call goes on with the session of the one before.
    pub same_session: bool,
    /// What it may spend.
    pub budget: Budget,
    /// Longest call.
    #[serde(rename = "timeout_s", with = "time")]
    pub timeout: Duration,
    /// Longest time without a word or an edit.
    #[serde(rename = "stall_s", with = "time")]
    pub stall: Duration,
    /// What the agent may write besides.
    pub more: Vec<PathBuf>,
    /// Command lines of the user's, by the event that they are told of.
    pub hooks: Hooks,
    /// Whether the agent is told where the incumbent's time goes.
    #[serde(default)]
    pub profile: bool,
}

/// Commands of the user's that are told of events; words, or one line for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// After each keep.
    pub on_keep: Vec<String>,
    /// After each trial.
    pub on_trial: Vec<String>,
    /// When the climb ends.
    pub on_stop: Vec<String>,
}

/// What a climb waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// In words: `claude's limit`.
    pub what: String,
    /// Until when, UTC.
    pub until: String,
}

/// A climb that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ascent {
    /// Its run.
    pub run: String,
    /// Its process.
    pub process: u32,
    /// When it began, UTC, RFC 3339.
    pub began: String,
    /// What it was told.
    #[serde(rename = "order")]
    pub options: ClimbOptions,
    /// What it has spent, what it went on with among it.
    pub spent: Spent,
    /// Cost of calls since the last trial: the next trial's record takes it in.
    pub pending: Cost,
    /// What it waits for at present.
    pub waiting: Option<Waiting>,
    /// How the agent's last call ended, where that was not in order.
    pub trouble: Option<String>,
    /// Why it ended; absent while it goes on, and where it was killed.
    pub stopped: Option<Stop>,
}

impl Ascent {
    /// What is told of it in `status`: name and value of each line. `runs` says whether its process is at work.
    pub fn lines(&self, runs: bool) -> Vec<(&'static str, String)> {
        let told = match (&self.stopped, &self.waiting) {
            (Some(stop), _) => format!("ended: {}", stop.words()),
            (None, _) if !runs => {
                "ended without a word, by a kill or a power cut; `piton resume` goes on with it".to_owned()
            }
            (None, Some(waiting)) => {
                format!("waiting for {} until {}", clean(&waiting.what, 120), clean(&waiting.until, 40))
            }
            (None, None) => format!("at work, process {}", self.process),
        };
        let mut lines = vec![("climb", told)];
        lines.push(("agent", clean(&self.options.agent, 120)));
        lines.push(("spent", spent(&self.spent)));
        let limits = limits(&self.options.budget);
        if !limits.is_empty() {
            lines.push(("limits", limits.join(", ")));
        }
        if let Some(trouble) = &self.trouble {
            lines.push(("trouble", format!("the agent {}", clean(trouble, 300))));
        }
        lines
    }
}

/// What a climb has spent, in words.
pub fn spent(spent: &Spent) -> String {
    let mut words = vec![plural(spent.trials as usize, "trial"), seconds(spent.wall.as_secs_f64())];
    if spent.cost.calls > 0 {
        words.push(cost(&spent.cost));
    }
    if spent.failed > 0 {
        words.push(format!("{} of the calls failed", spent.failed));
    }
    words.join(", ")
}

/// A cost in words: `3 calls, $0.42, 120k tokens`.
pub fn cost(cost: &Cost) -> String {
    let mut words = vec![plural(cost.calls as usize, "call")];
    words.extend(cost.usd.map(|usd| format!("${usd:.2}")));
    if cost.tokens_in.is_some() || cost.tokens_out.is_some() {
        words.push(format!("{} tokens", count(cost.tokens())));
    }
    words.join(", ")
}

/// A count as `950`, `12k`, `3.4M`.
fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{}k", n / 1000),
        _ => format!("{}M", number((n as f64 / 1e5).round() / 10.0)),
    }
}

/// The limits of a budget in words.
pub fn limits(budget: &Budget) -> Vec<String> {
    let mut words = vec![];
    words.extend(budget.trials.map(|n| plural(n as usize, "trial")));
    words.extend(budget.wall.map(|wall| seconds(wall.as_secs_f64())));
    words.extend(budget.usd.map(|usd| format!("${usd:.2}")));
    words.extend(budget.tokens.map(|n| format!("{} tokens", count(n))));
    words.extend(budget.keeps.map(|n| plural(n as usize, "keep")));
    words.extend(budget.target.map(|target| format!("the target {}", number(target.value))));
    words.extend(budget.plateau.map(|n| format!("{} in a row without a keep", plural(n as usize, "trial"))));
    words
}

/// What is left of a budget.
pub fn left(budget: &Budget, spent: &Spent) -> Budget {
    Budget {
        trials: budget.trials.map(|most| most.saturating_sub(spent.trials)),
        wall: budget.wall.map(|most| most.saturating_sub(spent.wall)),
        usd: budget.usd.map(|most| (most - spent.cost.usd.unwrap_or(0.0)).max(0.0)),
        tokens: budget.tokens.map(|most| most.saturating_sub(spent.cost.tokens())),
        keeps: budget.keeps.map(|most| most.saturating_sub(spent.keeps)),
        target: budget.target,
        plateau: budget.plateau,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_was_given_without_what_was_spent_and_never_less_than_nothing() {
        let budget = Budget {
            trials: Some(10),
            wall: Some(Duration::from_secs(3600)),
            usd: Some(5.0),
            tokens: Some(1000),
            keeps: None,
            plateau: Some(4),
            ..Budget::default()
        };
        let cost = Cost { usd: Some(1.5), tokens_in: Some(900), tokens_out: Some(900), ..Cost::default() };
        let spent = Spent { trials: 4, wall: Duration::from_secs(600), cost, ..Spent::default() };
        let left = left(&budget, &spent);
        assert_eq!(
            limits(&left),
            ["6 trials", "50 min 0 s", "$3.50", "0 tokens", "4 trials in a row without a keep"]
        );
    }

    #[test]
    fn a_cost_is_told_as_far_as_it_is_known() {
        let told = |usd, tokens_in, tokens_out| cost(&Cost { calls: 2, usd, tokens_in, tokens_out });
        assert_eq!(told(None, None, None), "2 calls");
        assert_eq!(told(Some(0.421), Some(100_000), Some(20_500)), "2 calls, $0.42, 120k tokens");
        assert_eq!(told(None, Some(3_449_000), None), "2 calls, 3.4M tokens");
    }

    #[test]
    fn counts_grow_short() {
        let told = [0, 9_999, 10_000, 999_999, 1_000_000].map(count);
        assert_eq!(told, ["0", "9999", "10k", "999k", "1M"]);
    }

    #[test]
    fn what_was_spent_names_calls_and_failures_where_there_were_any() {
        let mut so_far = Spent { trials: 1, wall: Duration::from_secs(90), ..Spent::default() };
        assert_eq!(spent(&so_far), "1 trial, 90 s");
        so_far.cost.calls = 3;
        so_far.failed = 2;
        assert_eq!(spent(&so_far), "1 trial, 90 s, 3 calls, 2 of the calls failed");
    }

    #[test]
    fn a_climb_tells_whether_it_is_at_work_waits_or_has_ended_and_why() {
        let options = serde_json::json!({
            "agent": "claude", "model": null, "words": [], "turns": null, "same_session": false,
            "budget": Budget { trials: Some(9), ..Budget::default() },
            "timeout_s": 60.0, "stall_s": 60.0, "more": [], "hooks": {},
        });
        let mut ascent = Ascent {
            run: "r".to_owned(),
            process: 78,
            began: String::new(),
            options: serde_json::from_value(options).unwrap(),
            spent: Spent::default(),
            pending: Cost::default(),
            waiting: None,
            trouble: None,
            stopped: None,
        };
        let lines = ascent.lines(true);
        assert_eq!(
            lines.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["climb", "agent", "spent", "limits"]
        );
        assert_eq!((&*lines[0].1, &*lines[1].1, &*lines[3].1), ("at work, process 78", "claude", "9 trials"));
        ascent.options.budget = Budget::default();
        ascent.trouble = Some("failed: 500".to_owned());
        let lines = ascent.lines(true);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3], ("trouble", "the agent failed: 500".to_owned()));
        ascent.waiting = Some(Waiting { what: "claude's limit".to_owned(), until: "06:00".to_owned() });
        assert_eq!(ascent.lines(true)[0].1, "waiting for claude's limit until 06:00");
        assert!(ascent.lines(false)[0].1.starts_with("ended without a word"));
        ascent.stopped = Some(Stop::Keeps);
        for runs in [true, false] {
            assert_eq!(ascent.lines(runs)[0].1, "ended: the number of keeps is reached");
        }
    }
}
