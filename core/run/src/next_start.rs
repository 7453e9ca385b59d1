//! Where the next proposal starts and what it is asked for: a function of what the last trials came to.
//!
//! The climb goes uphill from the incumbent. After a plateau every second proposal starts from a near miss instead, the least used
//! of the best few, and the others are asked for something else than before. Whatever a proposal starts from, it is judged
//! against the incumbent, so the best is never lost.

use piton_base::metric::Gain;
use serde::{Deserialize, Serialize};

use piton_rule::keep::Verdict;
use piton_trial::record::{Outcome, Record};

/// Near misses that a proposal may start from; with the incumbent they are the frontier.
pub const STARTS: usize = 4;
/// Near misses that are remembered.
const REMEMBERED: usize = 12;
/// Proposals that start from a near miss before it is given up, and keeps after which it is too far from the incumbent.
const GIVEN_UP: u32 = 2;
/// Longest description of a near miss, in characters.
const WORDS: usize = 160;

/// How the search goes: `[search]` in `piton.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Trials without a keep after which proposals also start from near misses; 0 for never.
    #[serde(default = "default_plateau")]
    pub plateau: u32,
    /// What becomes of an edit that is like one judged before.
    #[serde(default)]
    pub like: OnSimilar,
}

impl Default for Search {
    fn default() -> Self {
        Self { plateau: default_plateau(), like: OnSimilar::default() }
    }
}

fn default_plateau() -> u32 {
    10
}

/// What becomes of an edit that is like one judged before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSimilar {
    /// It is measured, and the earlier one named.
    #[default]
    Warn,
    /// It is recorded and not measured, unless the earlier one was kept.
    Refuse,
    /// It is measured, and nobody looks.
    Allow,
}

/// What a proposal is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Directive {
    /// Something of another kind than what was tried.
    Explore,
    /// More of what has paid.
    Exploit,
    /// Less code, as good.
    Simplify,
    /// Two things that nearly paid, or one of them with one that did.
    Combine,
}

impl Directive {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Exploit => "exploit",
            Self::Simplify => "simplify",
            Self::Combine => "combine",
        }
    }
}

/// A trial that came out better than the incumbent and was not shown to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// Its number.
    pub trial: u32,
    /// Its gain and the ends of its interval.
    pub gain: Gain,
    /// Lower end.
    pub low: Option<Gain>,
    /// Upper end.
    pub high: Option<Gain>,
    /// What it was.
    pub description: String,
    starts: u32,
    keeps: u32,
}

/// What the next proposal is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextProposal {
    /// What it is asked for.
    pub directive: Directive,
    /// The near misses that it may start from, the first that fits the incumbent; none for the incumbent itself.
    pub starts: Vec<u32>,
}

/// The incumbent's surroundings, in the course of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Frontier {
    /// Proposals since the last keep.
    pub since_keep: u32,
    /// Keeps so far.
    pub keeps: u32,
    near: Vec<Near>,
}

impl Frontier {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, record: &Record) {
        match &record.outcome {
            Outcome::Baseline => *self = Self::default(),
            Outcome::Void { .. } | Outcome::Interrupted { .. } => {}
            outcome if outcome.check() => {}
            outcome if outcome.kept() => {
                self.since_keep = 0;
                self.keeps += 1;
                self.near.iter_mut().for_each(|near| near.keeps += 1);
                // What was made of a near miss holds its idea.
                self.near
                    .retain(|near| near.keeps <= GIVEN_UP && Some(near.trial) != record.claimed.begun_as);
            }
            outcome => {
                self.since_keep += 1;
                let begun = self.near.iter_mut().find(|near| Some(near.trial) == record.claimed.begun_as);
                begun.into_iter().for_each(|near| near.starts += 1);
                self.near.retain(|near| near.starts < GIVEN_UP);
                if let Outcome::Judged { verdict: Verdict::NotShownBetter | Verdict::GivenUp, estimate } =
                    outcome
                    && estimate.gain > Gain::ZERO
                {
                    self.insert(Near {
                        trial: record.trial,
                        gain: estimate.gain,
                        low: estimate.low,
                        high: estimate.high,
                        description: record.claimed.description.chars().take(WORDS).collect(),
                        starts: 0,
                        keeps: 0,
                    });
                }
            }
        }
    }

    fn insert(&mut self, near: Near) {
        let place = self.near.iter().position(|other| other.gain < near.gain).unwrap_or(self.near.len());
        self.near.insert(place, near);
        self.near.truncate(REMEMBERED);
    }

    /// The near misses of the frontier, best first.
    pub fn near(&self) -> &[Near] {
        &self.near[..self.near.len().min(STARTS)]
    }

    /// Whether no keep has come for `plateau` proposals; 0 is never.
    pub(crate) fn on_plateau(&self, plateau: u32) -> bool {
        plateau > 0 && self.since_keep >= plateau
    }

    /// What the next proposal is to be.
    pub fn step(&self, plateau: u32) -> NextProposal {
        self.step_after(plateau, 0)
    }

    /// The same after so many proposals more, which changed nothing and so became no trial.
    pub fn step_after(&self, plateau: u32, unedited: u32) -> NextProposal {
        let since_keep = self.since_keep + unedited;
        let near = self.near();
        let from_here = |directive| NextProposal { directive, starts: vec![] };
        if plateau == 0 || since_keep < plateau {
            let paid = self.keeps > 0 && since_keep < plateau.div_ceil(2).max(3);
            return from_here(if paid { Directive::Exploit } else { Directive::Explore });
        }
        let turn = since_keep - plateau;
        if turn.is_multiple_of(2) && !near.is_empty() {
            let mut starts: Vec<&Near> = near.iter().collect();
            // The least used first; among these the best, in whose order they stand.
            starts.sort_by_key(|near| near.starts);
            let starts = starts.into_iter().map(|near| near.trial).collect();
            return NextProposal { directive: Directive::Exploit, starts };
        }
        let round = if near.is_empty() { turn } else { turn / 2 };
        from_here(match round % 3 {
            1 if near.len() + usize::from(self.keeps > 0) >= 2 => Directive::Combine,
            2 => Directive::Simplify,
            _ => Directive::Explore,
        })
    }
}
