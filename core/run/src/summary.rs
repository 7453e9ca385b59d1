//! Where a run stands, and what a climb came to.

use piton_base::commit::CommitId;
use std::collections::BTreeMap;

use piton_base::level::Level;
use serde::{Deserialize, Serialize};

use crate::lessons::Expected;
use crate::pair_history::MetricHistory;
use crate::rechecks;
use crate::stopping::{self, Ascent};
use piton_base::metric::{Gain, Metric, Scale};
use piton_base::stats;
use piton_rule::keep::Verdict;
use piton_trial::record::{Cost, Outcome, Pair, Record, counted};
use piton_trial::text::width;

use piton_trial::text::{
    clean, ends, exactly, expected, from_to, gain, noun, number, plural, seconds, size, value,
};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The run.
    pub run: String,
    /// The commit it starts from.
    pub base: CommitId,
    /// The incumbent's commit.
    pub incumbent: Option<CommitId>,
    /// Trials recorded, the baseline not among them.
    pub trials: usize,
    /// Trials by reason.
    pub reasons: BTreeMap<String, usize>,
    /// The primary metric, with the scale by which this run compares its values.
    pub metric: Metric,
    /// The primary metric of the baseline.
    pub baseline_value: Option<f64>,
    /// The primary metric of the incumbent, as measured in the trial that kept it.
    pub incumbent_value: Option<f64>,
    /// Gain of the one over the other.
    pub gain: Option<Gain>,
    /// The same as a change of the value in percent, positive when better; absent where differences are compared.
    pub gain_pct: Option<f64>,
    /// What the value changed by, in percent or in the metric's unit: negative where it fell.
    pub change: Option<f64>,
    /// Blind trials of the incumbent against itself, and how many of them the rule would have kept.
    pub blind: (usize, usize),
    /// tau of the primary metric as it stands.
    pub tau: Option<Gain>,
    /// The same in percent; absent where differences are compared.
    pub tau_pct: Option<f64>,
    /// The last verification: gain and both ends.
    pub verified: Option<(Gain, Gain, Gain)>,
    /// The same in percent, positive when better; absent where differences are compared.
    pub verified_pct: Option<(f64, f64, f64)>,
    /// How well expected gains agree with measured ones.
    pub expected: Option<Expected>,
    /// Notes that were left.
    pub notes: usize,
    /// Tests of what was kept that are outstanding, a line each.
    pub again: Vec<String>,
    /// Trials that are held for a person, and that nobody has accepted: what each gained, and what to do.
    pub held: Vec<String>,
    /// The last trial: number and verdict.
    pub last: Option<(u32, String)>,
    /// What the agents of its trials have cost, where any tells.
    pub cost: Cost,
    /// The last climb.
    pub climb: Option<Climb>,
    /// What the walls reached in the last trial: how well the score is protected from the candidate.
    pub confinement: Option<Level>,
}

/// The last climb of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Climb {
    /// Whether its process is at work.
    pub runs: bool,
    /// What is known of it.
    #[serde(flatten)]
    pub ascent: Ascent,
    /// The same for people: name and value.
    #[serde(skip)]
    pub lines: Vec<(&'static str, String)>,
}

/// Where a run stands, from its records.
pub fn status(
    run: &str,
    base: &CommitId,
    records: &[Record],
    metric: &Metric,
    verification: Option<&Verification>,
) -> Standing {
    let mut trials = records.iter().filter(|r| r.trial > 0);
    let mut reasons = BTreeMap::new();
    let reason = |r: &Record| clean(&r.outcome.reason(), 60);
    trials.clone().for_each(|r| *reasons.entry(reason(r)).or_default() += 1);
    let (first, best) = (records.first(), rechecks::incumbent(records));
    let value = |record: Option<&Record>| record.and_then(|r| r.value(&metric.name));
    let blind = records.iter().filter_map(|r| match &r.outcome {
        Outcome::Blind { verdict, .. } => Some(matches!(verdict, Verdict::Keep(_))),
        _ => None,
    });
    let mut cost = Cost::default();
    records.iter().filter_map(|r| r.claimed.agent.as_ref()).for_each(|agent| cost.add(&agent.cost));
    let tau = (!records.is_empty()).then(|| {
        MetricHistory::begin(metric.judged_by(), metric.judged_direction(), metric.scale(), records).tau
    });
    // Not from the values, which were measured hours apart.
    let gain = first.map(|_| rechecks::kept_gain(records));
    Standing {
        run: run.to_owned(),
        base: base.clone(),
        incumbent: best.and_then(|r| r.commit.clone()),
        trials: trials.clone().count(),
        reasons,
        metric: metric.clone(),
        baseline_value: value(first),
        incumbent_value: value(best),
        gain,
        gain_pct: gain.and_then(|gain| metric.gain_pct(gain)),
        change: gain.map(|gain| metric.change(gain)),
        blind: (blind.clone().count(), blind.filter(|kept| *kept).count()),
        tau,
        tau_pct: tau.filter(|_| metric.scale() == Scale::Ratio).map(Gain::percent),
        verified: verification.map(|verification| (verification.gain, verification.low, verification.high)),
        verified_pct: verification.and_then(|verification| {
            Some((
                metric.gain_pct(verification.gain)?,
                metric.gain_pct(verification.low)?,
                metric.gain_pct(verification.high)?,
            ))
        }),
        expected: Expected::of(records, metric),
        notes: 0,
        again: vec![],
        held: held_words(records, metric),
        last: trials.next_back().map(|r| (r.trial, reason(r))),
        cost,
        climb: None,
        confinement: records.last().map(|r| r.provenance.confinement),
    }
}

/// The trials that are held for a person and were not accepted and kept since.
pub fn held(records: &[Record]) -> Vec<u32> {
    waiting(records).map(|(trial, _)| trial).collect()
}

fn waiting(records: &[Record]) -> impl Iterator<Item = (u32, Gain)> {
    let accepted: Vec<u32> =
        records.iter().filter(|r| r.outcome.kept()).filter_map(|r| r.claimed.accepted).collect();
    records.iter().filter_map(move |r| match &r.outcome {
        Outcome::Held { estimate, .. } if !accepted.contains(&r.trial) => Some((r.trial, estimate.gain)),
        _ => None,
    })
}

/// A line for each of them.
fn held_words(records: &[Record], metric: &Metric) -> Vec<String> {
    let line = |(trial, by)| {
        format!(
            "trial {trial} ({}), which piton does not believe without you: piton show {trial}, then piton accept {trial}",
            gain(by, metric)
        )
    };
    waiting(records).map(line).collect()
}

/// The same for people.
pub fn status_words(standing: &Standing, metric: &Metric) -> String {
    let value = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| value::value(x, metric));
    let reasons: Vec<String> =
        standing.reasons.iter().map(|(reason, n)| format!("{n} {}", clean(reason, 60))).collect();
    let mut text = format!("run {}, branch piton/{}\n", standing.run, standing.run);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<12} {value}\n"));
    line(
        "trials",
        if reasons.is_empty() {
            "none yet".to_owned()
        } else {
            format!("{}: {}", standing.trials, reasons.join(", "))
        },
    );
    line("baseline", format!("{} {}", metric.name, value(standing.baseline_value)));
    line("incumbent", format!("{} {}", metric.name, value(standing.incumbent_value)));
    line(
        noun(metric),
        standing.gain.map_or_else(
            || "-".to_owned(),
            |by| format!("{}, by the pairs of what was kept", gain(by, metric)),
        ),
    );
    line(
        "verified",
        standing.verified.map_or_else(
            || "not yet: piton verify measures HEAD against the baseline anew".to_owned(),
            |(middle, low, high)| {
                let (middle, ends) = (gain(middle, metric), ends(Some(low), Some(high), metric));
                format!("{middle} ({ends}), HEAD against the baseline")
            },
        ),
    );
    if let Some(tau) = standing.tau {
        line("noise", format!("a pair's gain is uncertain by tau = {}", size(tau, 2, metric)));
    }
    if standing.blind.0 > 0 {
        line(
            "blind",
            format!(
                "{} of the incumbent against itself, {} kept falsely",
                plural(standing.blind.0, "trial"),
                standing.blind.1
            ),
        );
    }
    if let Some(Expected { trials, expected_pct, measured_pct, reached }) = &standing.expected {
        line(
            "expected",
            format!(
                "{} in the mean of {}, measured {}; {reached} of them came to what was expected",
                expected(*expected_pct, metric),
                plural(*trials, "trial"),
                expected(*measured_pct, metric)
            ),
        );
    }
    if standing.notes > 0 {
        line("notes", format!("{}: piton notes", standing.notes));
    }
    for again in &standing.again {
        line("to test again", again.clone());
    }
    for held in &standing.held {
        line("held", held.clone());
    }
    if let Some((trial, reason)) = &standing.last {
        line("last", format!("trial {trial}: {}", clean(reason, 60)));
    }
    if standing.cost.calls > 0 {
        line("cost", format!("{}, of all trials", stopping::cost(&standing.cost)));
    }
    for (name, value) in standing.climb.iter().flat_map(|climb| &climb.lines) {
        line(name, value.clone());
    }
    if let Some(level) = standing.confinement {
        line("confinement", format!("{level}, in the last trial: piton doctor tries the walls"));
    }
    text
}

/// What `piton verify` measured: HEAD against the baseline, anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// The run.
    pub run: String,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// The baseline's commit.
    pub baseline: CommitId,
    /// The commit that was measured against it.
    pub head: CommitId,
    /// Seed of coins and prompts.
    pub seed: u64,
    /// Median gain.
    pub gain: Gain,
    /// Lower end of its 95 % interval: an order statistic.
    pub low: Gain,
    /// Upper end.
    pub high: Gain,
    /// The sum of the gains printed with the keeps: inflated, because each was kept for having come out well.
    pub naive: Gain,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// The gain on what is held out, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Every keep once more, where that was asked for.
    pub each: Vec<Again>,
    /// Wall clock.
    pub seconds: f64,
}

/// A gain on what no trial ever measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Median gain.
    pub gain: Gain,
    /// Lower end of its 95 % interval: an order statistic.
    pub low: Gain,
    /// Upper end.
    pub high: Gain,
    /// How many pairs said so.
    pub pairs: u32,
}

impl HeldOut {
    /// Whether a gain of `verified` carries over to it: it is one here, too, and not shown to be less than half as large.
    pub fn carries(&self, verified: Gain) -> bool {
        self.low > Gain::ZERO && self.high.0 >= verified.0 / 2.0
    }

    fn words(&self, verified: Gain, metric: &Metric) -> String {
        let unit = if metric.scale() == Scale::Ratio { " %" } else { "" };
        let verdict = match (self.carries(verified), self.high < Gain::ZERO) {
            (true, _) => "the gain carries over",
            (false, true) => "DID NOT CARRY OVER: it is worse there",
            (false, false) => "DID NOT CARRY OVER: not shown there, or less than half of it",
        };
        format!(
            "held out: {} in {} (95 % interval {}{unit}); {verdict}",
            gain(self.gain, metric),
            plural(self.pairs as usize, "pair"),
            ends(Some(self.low), Some(self.high), metric),
        )
    }
}

/// A keep measured once more. Each gain comes with its pairs and whether the rule keeps it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// The trial that kept it.
    pub trial: u32,
    /// What it was.
    pub description: String,
    /// Its gain as recorded.
    pub recorded: Gain,
    /// Against its own incumbent.
    pub own: (Gain, u32, bool),
    /// The same on what is held out, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// HEAD against HEAD without it; absent where later keeps build on it.
    pub without: Option<(Gain, u32, bool)>,
}

/// A verification for people.
pub fn verification_words(verification: &Verification, metric: &Metric) -> String {
    let gain = |by: Gain| gain(by, metric);
    let points = |points: f64| match metric.scale() {
        Scale::Ratio => format!("{points:.1} points"),
        Scale::Difference => format!("{} {}", number(points), clean(metric.units(), 30)),
    };
    // In the direction that is better: what fell by less than the keeps said was luck too.
    let better = |by: Gain| metric.direction.sign() * metric.change(by);
    let luck = match better(verification.naive) - better(verification.gain) {
        more @ 0.0.. => format!("+{} of it were luck", points(more)),
        more => format!("measured anew it is {} more", points(-more)),
    };
    let unit = if metric.scale() == Scale::Ratio { " %" } else { "" };
    let mut text = format!(
        "run {}: {} against the baseline {} in {} on fresh prompts\n  the night's {:<7}{} (95 % interval {}{unit})\n  sum of the keeps   {}; {luck}\n",
        verification.run,
        &verification.head[..7.min(verification.head.len())],
        &verification.baseline[..7.min(verification.baseline.len())],
        plural(verification.pairs.len(), "pair"),
        noun(metric),
        gain(verification.gain),
        ends(Some(verification.low), Some(verification.high), metric),
        gain(verification.naive),
    );
    if let Some(held_out) = &verification.held_out {
        text.push_str(&format!("  {}\n", held_out.words(verification.gain, metric)));
    }
    if !verification.each.is_empty() {
        text.push_str("\nevery keep once more: as recorded, against its own incumbent, and what HEAD loses without it\n");
    }
    let cell = |again: &(Gain, u32, bool)| {
        format!("{:>9} in {:>2} {}", gain(again.0), again.1, if again.2 { "holds " } else { "UNSURE" })
    };
    for again in &verification.each {
        text.push_str(&format!(
            "  {:>3}  {:>9}  {}  {}  {}{}\n",
            again.trial,
            gain(again.recorded),
            cell(&again.own),
            again.without.as_ref().map_or_else(|| "built upon, cannot be taken out".to_owned(), cell),
            clean(&again.description, width::BESIDE),
            if again.pays() { "" } else { "   <- no longer pays" }
        ));
        if let Some(held_out) = &again.held_out {
            text.push_str(&format!("       {}\n", held_out.words(again.own.0, metric)));
        }
    }
    if verification.each.iter().any(|again| !again.own.2 || again.without.is_some_and(|without| !without.2)) {
        text.push_str("UNSURE: not shown again in so many pairs, which is less than shown to be gone\n");
    }
    text.push_str(&format!("measured in {}\n", seconds(verification.seconds)));
    text
}

/// Seconds that a pair took in the run, in the median of its trials.
pub fn pair_seconds(records: &[Record]) -> Option<f64> {
    let each = |r: &&Record| r.measured.pairs.len() > 2;
    let times: Vec<f64> = records
        .iter()
        .filter(each)
        .map(|r| r.measured.seconds.measure / (r.measured.pairs.len() + 1) as f64)
        .collect();
    stats::median(&times)
}

/// Seconds that a proposer's turn took, the median over the trials that waited for one.
pub fn turn_seconds(records: &[Record]) -> Option<f64> {
    let turns: Vec<f64> =
        records.iter().map(|r| r.measured.seconds.agent).filter(|turn| *turn > 1.0).collect();
    stats::median(&turns)
}

impl Again {
    /// Whether it is still worth having: shown again against its own incumbent, or missed when it is taken out.
    pub fn pays(&self) -> bool {
        match self.without {
            Some(without) => without.2,
            None => self.own.2,
        }
    }
}

/// What a climb came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary<'a> {
    /// The run.
    pub run: &'a str,
    /// All its records, the baseline among them.
    pub records: &'a [Record],
    /// Why it ended, in words.
    pub stopped: &'a str,
    /// Wall clock of this climb, in seconds.
    pub wall_s: f64,
    /// What it has spent, in words, where an agent was called.
    pub spent: Option<&'a str>,
    /// How the agent's last call ended, where that was not in order.
    pub trouble: Option<&'a str>,
    /// Path of `results.tsv`.
    pub results: &'a str,
}

/// The last lines of a climb.
pub fn summary(summary: &Summary, metric: &Metric) -> String {
    let trials: Vec<&Record> = summary.records.iter().filter(|r| r.trial > 0).collect();
    let value = |record: Option<&Record>| record.and_then(|r| r.value(&metric.name));
    let first = value(summary.records.iter().find(|r| r.trial == 0));
    let last = value(rechecks::incumbent(summary.records));
    let mut text = format!(
        "{} in {} ({}): {}\n",
        // What tests what was kept counts for no limit on trials.
        plural(trials.iter().filter(|record| !record.outcome.check()).count(), "trial"),
        seconds(summary.wall_s),
        summary.stopped,
        counted(summary.records)
    );
    if let Some(spent) = summary.spent {
        text.push_str(&format!("this climb: {spent}\n"));
    }
    if let Some(trouble) = summary.trouble {
        text.push_str(&format!("in the end the agent {}\n", clean(trouble, 300)));
    }
    if let (Some(first), Some(last)) = (first, last) {
        let by = rechecks::kept_gain(summary.records);
        text.push_str(&format!(
            "{}, by the pairs of what was kept; piton verify measures it anew\n",
            from_to(first, last, by, metric)
        ));
    }
    let line = rechecks::commits(summary.records);
    let kept: Vec<String> = trials
        .iter()
        .filter(|r| r.outcome.kept())
        .map(|r| {
            let by = r.outcome.estimate().map_or_else(String::new, |e| exactly(e.gain, metric));
            let left = if line.contains(&r.trial) { "" } else { "  (taken back)" };
            format!("  {:>3}  {by:>9}  {}{left}\n", r.trial, clean(&r.claimed.description, width::LIST))
        })
        .collect();
    if !kept.is_empty() {
        text.push_str(&format!("kept:\n{}", kept.concat()));
    }
    for held in held_words(summary.records, metric) {
        text.push_str(&format!("held for a person: {held}\n"));
    }
    let run = summary.run;
    text.push_str(&format!(
        "\nwhere to look\n  piton report --run {run}      the morning's page: staircase, every trial, what it cost\n  piton log --run {run}         every trial, one line each\n  piton show N --run {run}      one trial: verdict, gates, pairs, what changed, diff\n  git log piton/{run}           the kept commits, each with its evidence\n  git diff HEAD...piton/{run}   what the climb would bring home\n  {}   the table\n",
        summary.results
    ));
    text
}
