//! Whether a challenger replaces the incumbent.
//!
//! The rule is kept apart from the code that gathers its evidence for two reasons. It is the one part of the
//! loop that an agent gains by bending, so it must be short enough to audit in a sitting. And it can be
//! replayed over an old ledger, without owning the machine that measured it.
//!
//! Evidence comes in *pairs*: incumbent and challenger measured back to back on the same prompts, their order
//! decided by a fair coin of their own that is drawn when the pair starts. The gain of a pair, d, is the log ratio of the
//! two values, or their difference where a ratio says nothing, positive when the challenger is better, less what being second is
//! worth on this machine. Where
//! the change does nothing, the coin makes d symmetric about zero whatever the machine does meanwhile; a test by
//! betting ([`Question`]) then keeps it with probability at most alpha, and stops as soon as the answer is clear.
//! [`decide`] is asked after every pair; whoever drives it knows nothing of how it decides.

mod again;
mod betting_test;
pub mod orders;
mod tau;
mod track;

use piton_base::metric::Gain;
use serde::{Deserialize, Serialize};

use crate::settings::{Guard, SecondaryMetric, Settings};

pub use crate::coin::{Draw, First, draw};
pub use again::{RecordedGain, Worth, again, guard_in_doubt};
pub use betting_test::{Evidence, Question, TestResult};
pub use orders::Ordered;
pub use tau::History;
pub use track::Track;

/// What the first question is about.
const BETTER: &str = "better";
/// What so few pairs say against a change is no fact about it.
const FEW: u32 = 3;
/// alpha of the as-good question and of guards.
pub const SECOND_ALPHA: f64 = 0.05;

/// What the pairs say so far; the ends are absent while there is no interval. Those of a trial that was given up early are by tau alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Pairs measured.
    pub pairs: u32,
    /// Median gain.
    pub gain: Gain,
    /// Lower end: the true gain lies below it with probability at most alpha.
    pub low: Option<Gain>,
    /// Upper end, likewise.
    pub high: Option<Gain>,
}

/// Why a challenger is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// It is better in the primary metric.
    Better,
    /// It is as good, and its code is simpler.
    Simpler,
    /// It is as good, and better in this metric.
    BetterIn(String),
    /// Two pairs agree; it will be put to the test with others.
    Provisional,
}

/// What the rule says after a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Another pair is wanted.
    Continue,
    /// The challenger replaces the incumbent.
    Keep(KeepReason),
    /// The whole interval, or every pair while there is none, lies below zero.
    Worse,
    /// The pairs do not show that it is better.
    NotShownBetter,
    /// The same by three pairs or fewer: a gain has become unlikely, and what the change is worth is not known.
    GivenUp,
    /// The pairs show a gain where the incumbent ran after the challenger, and not where it ran after itself: it is not the code's.
    OneOrder,
    /// This metric was proven to be worse than its limit.
    Guarded(String),
}

/// Everything that a trial is judged by: what `piton show N --pairs` prints and `piton replay` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The settings.
    #[serde(default)]
    pub settings: Settings,
    /// The primary metric.
    pub primary: Track,
    /// Secondary metrics.
    #[serde(default, rename = "seconds")]
    pub secondary: Vec<(SecondaryMetric, Track)>,
    /// Guards.
    #[serde(default)]
    pub guards: Vec<(Guard, Track)>,
    /// Whether the challenger's code is simpler than the incumbent's.
    #[serde(default)]
    pub simpler: bool,
    /// Margins that the run has spent, in the unit of the primary gains.
    #[serde(default)]
    pub margin_spent: f64,
}

impl Case {
    /// A case of the primary metric alone.
    pub fn of(settings: Settings, primary: Track) -> Self {
        Self { settings, primary, secondary: vec![], guards: vec![], simpler: false, margin_spent: 0.0 }
    }

    /// What is impossible about it, if anything.
    pub fn problem(&self) -> Option<String> {
        let others = self.secondary.iter().map(|s| &s.1).chain(self.guards.iter().map(|g| &g.1));
        let sound = |t: &Track| {
            t.tau.is_finite() && t.tau >= 0.0 && t.level.is_finite() && t.d.iter().all(|d| d.is_finite())
        };
        let unsound = [&self.primary].into_iter().chain(others).any(|track| !sound(track));
        let guards = || self.guards.iter().find_map(|(guard, _)| guard.problem());
        self.settings
            .problem()
            .or_else(guards)
            .or_else(|| unsound.then(|| "a tau is below 0, or a number is not finite".to_owned()))
    }
}

/// An answer and what it rests on, for the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// `better`, `as good`, `better in M` or `worse in M`.
    pub about: String,
    /// The question as it was put.
    pub question: Question,
    /// The answer.
    pub answer: TestResult,
    /// The sums at the pair that gave it.
    pub evidence: Evidence,
}

/// "Is it worse by more than the limit?", asked of a guard's metric.
fn worse(settings: &Settings, track: &Track, limit: f64) -> Question {
    let question = Question::better_on(settings, track.scale, track.tau);
    Question { margin: -limit, alpha: SECOND_ALPHA, ..question }
}

/// Judges all pairs so far. Pure: the same case gives the same answer for ever.
pub fn decide(case: &Case) -> (Verdict, Estimate, Vec<Asked>) {
    let (settings, primary) = (&case.settings, &case.primary);
    let (gains, middle) = (&primary.d, primary.middle());
    let mut estimate = Estimate { pairs: gains.len() as u32, gain: Gain(middle), low: None, high: None };
    let mut asked = vec![];
    let mut ask = |about: String, question: Question, track: &Track, twice: bool| {
        let (answer, evidence) =
            if twice { track.ask_twice(settings, &question) } else { track.ask(&question) };
        asked.push(Asked { about, question, answer, evidence });
        answer
    };
    let (exact, tau) = (primary.exact(settings), primary.tau());
    let better = if exact {
        primary.plainly_better(settings)
    } else {
        let question = primary.better(settings);
        (estimate.low, estimate.high) = primary.bounds(&question);
        match ask(BETTER.to_owned(), question, primary, true) {
            _ if primary.hopeless(settings) => TestResult::No,
            answer => answer,
        }
    };
    // Of what is no gain to speak of nothing is kept, however sure it is.
    let little =
        middle <= primary.least(settings) || (primary.seeded && middle < settings.delta(primary.scale));
    let better = if better == TestResult::Yes && little { TestResult::No } else { better };
    // While the pairs of one order are waited for, the others may take back what was shown.
    let slipped = !exact && estimate.low.is_some_and(|low| low < Gain::ZERO) && primary.ordered(settings);
    let in_both = match better {
        TestResult::Yes if slipped && estimate.pairs < settings.n_max() => TestResult::Open,
        TestResult::Yes => primary.in_both_orders(settings, 0.0, settings.n_max()),
        _ => TestResult::Yes,
    };
    let better = if better == TestResult::Yes && in_both == TestResult::Yes && slipped {
        TestResult::No
    } else {
        better
    };
    let (mut guarded, mut unproven) = (None, false);
    for (guard, track) in &case.guards {
        let limit = guard.limit_on(track.scale, track.level);
        if track.tau == 0.0 {
            // It does not vary: what it says is so.
            if -track.middle() > limit + track.least(settings) {
                guarded.get_or_insert_with(|| guard.metric.clone());
            }
            continue;
        }
        let question = worse(settings, track, limit);
        match ask(format!("worse in {}", guard.metric), question, &track.turned(), false) {
            TestResult::Yes => {
                guarded.get_or_insert_with(|| guard.metric.clone());
            }
            // Nothing is kept before a guard has had the pairs that a proof needs.
            TestResult::Open if estimate.pairs < question.fewest() => unproven = true,
            _ => {}
        }
    }
    let wanted = case.simpler || !case.secondary.is_empty();
    let question = Question::as_good_on(settings, primary.scale, tau, case.margin_spent);
    let as_good = match exact {
        true if settings.as_good && wanted => primary.plainly_as_good(settings),
        true => TestResult::No,
        false => question
            .filter(|_| wanted && primary.tau > 0.0)
            .map_or(TestResult::No, |question| ask("as good".to_owned(), question, primary, true)),
    };
    let (mut elsewhere, mut open) = (None, false);
    let mut as_good_in_both = match (as_good, question) {
        (TestResult::Yes, Some(question)) if !exact => {
            primary.in_both_orders(settings, question.margin, question.n_max)
        }
        (TestResult::Yes, _) => primary.in_both_orders(settings, 0.0, settings.n_max()),
        _ => TestResult::Yes,
    };
    if as_good != TestResult::No && !case.simpler {
        for (second, track) in &case.secondary {
            let answer = if track.d.is_empty() && !gains.is_empty() {
                TestResult::No
            } else if track.exact(settings) {
                track.plainly_better(settings)
            } else if track.tau == 0.0 {
                // A metric that never varied and does now: nothing is known of how it varies.
                TestResult::No
            } else {
                let question = Question::better_on(settings, track.scale, track.tau);
                ask(format!("better in {}", second.metric), question, track, true)
            };
            match answer {
                TestResult::Yes if elsewhere.is_none() => {
                    elsewhere = Some(second.metric.clone());
                    if as_good_in_both == TestResult::Yes {
                        as_good_in_both = track.in_both_orders(settings, 0.0, settings.n_max());
                    }
                }
                TestResult::Yes => {}
                TestResult::Open => open = true,
                TestResult::No => {}
            }
        }
    }
    let reason = if case.simpler { Some(KeepReason::Simpler) } else { elsewhere.map(KeepReason::BetterIn) };
    let ceiling = estimate.high.or_else(|| gains.iter().copied().reduce(f64::max).map(Gain));
    let verdict = match (guarded, better, as_good, reason) {
        (Some(metric), ..) => Verdict::Guarded(metric),
        (_, TestResult::Yes, ..) if unproven => Verdict::Continue,
        (_, TestResult::Yes, ..) => in_orders(in_both, KeepReason::Better),
        (_, _, TestResult::Yes, Some(_)) if unproven => Verdict::Continue,
        (_, _, TestResult::Yes, Some(reason)) => in_orders(as_good_in_both, reason),
        (_, TestResult::Open, ..) | (_, _, TestResult::Open, _) => Verdict::Continue,
        (_, _, TestResult::Yes, None) if open => Verdict::Continue,
        _ if !exact && !primary.seeded && primary.tau > 0.0 && estimate.pairs <= FEW => Verdict::GivenUp,
        _ if ceiling.is_some_and(|ceiling| ceiling < Gain::ZERO) => Verdict::Worse,
        _ => Verdict::NotShownBetter,
    };
    if verdict == Verdict::GivenUp {
        estimate.by_tau(primary);
    }
    (verdict, estimate, asked)
}

impl Estimate {
    /// Ends by tau alone, where too few pairs bound anything: twice the scale of their mean to both sides. They hold as often as pairs are no
    /// further from their middle than two tau, which no rule promises.
    pub fn by_tau(&mut self, track: &Track) {
        if self.low.is_none() && self.high.is_none() && self.pairs > 0 && track.tau > 0.0 {
            let reach = Gain(2.0 * track.tau / f64::from(self.pairs).sqrt());
            (self.low, self.high) = (Some(self.gain - reach), Some(self.gain + reach));
        }
    }
}

/// Whether only what ran before is waited for: all pairs together have shown that it is better.
pub fn waits_for_order(asked: &[Asked]) -> bool {
    asked.first().is_some_and(|first| first.about == BETTER && first.answer == TestResult::Yes)
}

/// A keep, where both orders show it.
fn in_orders(shown: TestResult, reason: KeepReason) -> Verdict {
    match shown {
        TestResult::Yes => Verdict::Keep(reason),
        TestResult::Open => Verdict::Continue,
        TestResult::No => Verdict::OneOrder,
    }
}

/// What is said of a trial before the rule can: of the pairs so far the guards that they all break, each taken as it is. For rules that keep
/// before a test has had its pairs.
pub fn plainly_guarded(case: &Case) -> Option<String> {
    let broken = |(guard, track): &&(Guard, Track)| {
        let limit = guard.limit_on(track.scale, track.level) + track.least(&case.settings);
        !track.d.is_empty() && track.d.iter().all(|gain| -gain > limit)
    };
    case.guards.iter().find(broken).map(|(guard, _)| guard.metric.clone())
}
