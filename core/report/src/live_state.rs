//! What goes on at this moment, for those who look on: the page that is served, and the terminal.
//!
//! Whoever measures tells it; whoever looks on draws it. Nothing here is evidence and nothing of it is kept: what a trial came to is in
//! its record. So the two have one small value between them, and no more.

use serde::{Deserialize, Serialize};

use crate::plot::TrialKind;
use piton_base::metric::{Gain, Metric};
use piton_rule::keep::Asked;
use piton_run::stopping::{self, Ascent};
use piton_trial::record::Record;
use piton_trial::text::width;
use piton_trial::text::{clean, number, plural, seconds};

/// Gains of pairs that are told at most: the last ones.
const PAIRS: usize = 64;
/// Longest text that is told, in characters.
const TEXT: usize = 300;

/// What a piton does now, in its own words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Now {
    /// Its process.
    pub process: u32,
    /// The boot of the machine that it is in.
    pub boot: String,
    /// The run.
    pub run: String,
    /// What it does, in a few words: `building the challenger`, `pair 4`.
    pub stage: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// The trial under way.
    pub trial: Option<LiveTrial>,
    /// When the climb's time is over, likewise.
    pub deadline: Option<u64>,
}

/// A trial that is under way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LiveTrial {
    /// Its number.
    pub number: u32,
    /// What is tried.
    pub what: String,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// Pairs measured.
    pub pairs: usize,
    /// d of the last of them, in order.
    pub gains: Vec<Gain>,
    /// What they say so far; absent where the rule asks no question of them.
    pub evidence: Option<TestProgress>,
}

/// How far the test by betting is from either of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestProgress {
    /// log E, natural.
    pub log_e: f64,
    /// Where that keeps: ln(1/alpha).
    pub keeps_at: f64,
    /// F.
    pub futility: f64,
    /// Where that gives up: ln(beta).
    pub gives_up_at: f64,
    /// Most pairs.
    pub most: u32,
}

impl TestProgress {
    /// Of the question whether the challenger is better.
    pub fn of(asked: &Asked) -> Self {
        let (question, sums) = (&asked.question, &asked.evidence);
        Self {
            log_e: sums.log_e,
            keeps_at: (1.0 / question.alpha).ln(),
            futility: sums.futility,
            gives_up_at: question.beta.ln(),
            most: question.n_max,
        }
    }

    /// The share of the way to a keep, and of that to giving up, each from 0 to 1.
    pub fn shares(&self) -> (f64, f64) {
        let share =
            |is: f64, end: f64| Some(is / end).filter(|x| x.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0);
        (share(self.log_e, self.keeps_at), share(self.futility, self.gives_up_at))
    }

    /// Both in words: `evidence 6.1 of the 50 that keep`, `3 % of the way to giving up`.
    pub fn words(&self) -> (String, String) {
        let shown = |log: f64| number((log.exp() * 10.0).round() / 10.0);
        (
            format!("evidence {} of the {} that keep", shown(self.log_e), shown(self.keeps_at)),
            format!("{:.0} % of the way to giving up", self.shares().1 * 100.0),
        )
    }
}

impl Now {
    /// A trial begins.
    pub fn begin(&mut self, record: &Record, at: u64) {
        let what = clean(&record.claimed.description, TEXT);
        self.trial = Some(LiveTrial { number: record.trial, what, began: at, ..LiveTrial::default() });
    }

    /// What is done from now on. False where that is what is done already.
    pub fn go_on(&mut self, stage: &str, at: u64) -> bool {
        let stage = clean(stage, TEXT);
        let other = stage != self.stage;
        if other {
            (self.stage, self.since) = (stage, at);
        }
        other
    }

    /// The trial's pairs so far.
    pub fn measured(&mut self, gains: &[Gain], evidence: Option<TestProgress>) {
        if let Some(trial) = &mut self.trial {
            let finite = gains.iter().copied().filter(|gain| gain.is_finite());
            let from = gains.len().saturating_sub(PAIRS);
            (trial.pairs, trial.gains, trial.evidence) = (gains.len(), finite.skip(from).collect(), evidence);
        }
    }
}

/// All that is told of the present.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Live {
    /// What a piton at work says.
    pub now: Option<Now>,
    /// The last climb of the run.
    pub climb: Option<Ascent>,
    /// Notes that the next trial takes in.
    pub notes: u32,
    /// Provisional keeps that wait for their test.
    pub bundle: usize,
    /// The last trial that is recorded.
    pub last: Option<u32>,
    /// Whether the climb was asked to end after the trial in progress.
    pub asked: bool,
    /// Why nothing is to be seen, or not all of it.
    pub trouble: Option<String>,
}

impl Live {
    /// The trial under way: not one whose verdict is known.
    pub fn trial(&self) -> Option<&LiveTrial> {
        let trial = self.now.as_ref()?.trial.as_ref()?;
        (self.last.is_none_or(|last| last < trial.number)).then_some(trial)
    }

    /// Whether the run's last climb is at work.
    pub fn climbs(&self) -> bool {
        self.now.as_ref().zip(self.climb.as_ref()).is_some_and(|(now, climb)| now.process == climb.process)
    }

    /// What is going on, in a line.
    pub fn headline(&self) -> String {
        match (&self.now, &self.climb) {
            (Some(now), _) => match self.trial() {
                Some(trial) => format!("trial {}: {}", trial.number, now.stage),
                None => now.stage.clone(),
            },
            (None, Some(climb)) => {
                let lines = climb.lines(false);
                let told = lines.into_iter().find(|(name, _)| *name == "climb");
                told.map_or_else(String::new, |(_, words)| {
                    format!("nothing is at work; the last climb {words}")
                })
            }
            (None, None) => "nothing is at work".to_owned(),
        }
    }

    /// What stands beside it: name and value of each line. `at` is now, in seconds since 1970.
    pub fn lines(&self, at: u64) -> Vec<(&'static str, String)> {
        let mut lines = vec![];
        if let Some(climb) = self.climb.as_ref().filter(|_| self.climbs()) {
            if self.asked {
                lines.push((
                    "stop",
                    "the climb was asked to end, and ends after the trial in progress".to_owned(),
                ));
            }
            lines.push(("agent", clean(&climb.options.agent, 120)));
            lines.push(("spent", stopping::spent(&climb.spent)));
            let left = self.left(climb, at);
            lines.push((
                "left",
                if left.is_empty() { "no limit was set".to_owned() } else { left.join(", ") },
            ));
            if let Some(trouble) = &climb.trouble {
                lines.push(("trouble", format!("the agent {}", clean(trouble, 300))));
            }
        }
        let mut queue = vec![];
        if self.notes > 0 {
            queue.push(format!("{} for the next proposal", plural(self.notes as usize, "note")));
        }
        if self.bundle > 0 {
            queue.push(format!("{} to be tested together", plural(self.bundle, "provisional keep")));
        }
        if !queue.is_empty() {
            lines.push(("queue", queue.join(", ")));
        }
        if let Some(trouble) = &self.trouble {
            lines.push(("trouble", clean(trouble, 300)));
        }
        lines
    }

    /// What is left of the budget.
    fn left(&self, climb: &Ascent, at: u64) -> Vec<String> {
        let mut left = stopping::left(&climb.options.budget, &climb.spent);
        let deadline = self.now.as_ref().and_then(|now| now.deadline);
        let wall = left.wall.take().map(|wall| deadline.map_or(wall.as_secs(), |end| end.saturating_sub(at)));
        let mut words: Vec<String> = wall.map(|wall| seconds(wall as f64)).into_iter().collect();
        words.extend(stopping::limits(&left));
        words
    }
}

/// How a trial ended, in a line for the terminal: number, kind and the rest.
pub fn verdict(record: &Record, metric: &Metric) -> (u32, TrialKind, String) {
    let gain =
        record.outcome.estimate().map_or_else(|| "-".to_owned(), |e| piton_trial::text::gain(e.gain, metric));
    let reason = clean(&record.outcome.reason(), 40);
    let what = clean(&record.claimed.description, width::WRAPPED);
    (record.trial, TrialKind::of(&record.outcome), format!("{gain:>9}  {reason:<18} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(log_e: f64, futility: f64) -> TestProgress {
        TestProgress { log_e, keeps_at: 50f64.ln(), futility, gives_up_at: 0.2f64.ln(), most: 64 }
    }

    #[test]
    fn evidence_is_told_as_the_share_of_the_way_to_either_end() {
        let (keep, give_up) = evidence(25f64.ln(), 0.5).shares();
        assert!((0.82..0.83).contains(&keep) && give_up == 0.0, "{keep} {give_up}");
        assert_eq!(evidence(-3.0, -9.0).shares(), (0.0, 1.0));
        assert_eq!(evidence(f64::NAN, f64::NAN).shares(), (0.0, 0.0));
        let told = evidence(6.1f64.ln(), 0.2f64.ln() / 2.0).words();
        assert_eq!(told, ("evidence 6.1 of the 50 that keep".into(), "50 % of the way to giving up".into()));
    }

    #[test]
    fn a_trial_whose_verdict_is_known_is_not_under_way() {
        let trial = LiveTrial { number: 7, ..LiveTrial::default() };
        let now = Now { trial: Some(trial), stage: "pair 3".into(), ..Now::default() };
        let live = |last| Live { now: Some(now.clone()), last, ..Live::default() };
        assert_eq!(live(Some(6)).headline(), "trial 7: pair 3");
        assert_eq!((live(Some(7)).trial(), live(Some(7)).headline()), (None, "pair 3".into()));
    }

    #[test]
    fn what_is_told_is_short_however_long_the_trial() {
        let mut now = Now { trial: Some(LiveTrial::default()), ..Now::default() };
        now.measured(&[Gain(f64::NAN); 300], None);
        now.measured(&[Gain(0.1); 300], None);
        assert!(now.go_on(&"x".repeat(9000), 5) && !now.go_on(&"x".repeat(9000), 6));
        let trial = now.trial.as_ref().unwrap();
        assert_eq!((trial.pairs, trial.gains.len(), now.since), (300, PAIRS, 5));
        assert!(serde_json::to_string(&now).unwrap().len() < 2000);
    }
}
