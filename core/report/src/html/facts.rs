//! What a report says, as values.

use piton_base::commit::CommitId;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{View, in_percent, rounded};
use crate::plot::{self, TrialKind};
use piton_base::metric::{Gain, Metric};
use piton_run::rechecks;
use piton_trial::record::{Cost, Proposer, Record};
use piton_trial::text::clean;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunFacts {
    /// The experiment.
    pub experiment: String,
    /// The run.
    pub run: String,
    /// The commit that it starts from.
    pub base: String,
    /// When it began.
    pub began: String,
    /// When its last trial began.
    pub last_started: Option<String>,
    /// What was climbed.
    pub metric: Metric,
    /// Its value for the baseline.
    pub baseline_value: Option<f64>,
    /// The baseline's value with the gain of the incumbent: the verified one where there is one, else the sum of the keeps.
    pub incumbent_value: Option<f64>,
    /// The incumbent's commit.
    pub incumbent: Option<CommitId>,
    /// The verified figure.
    pub verified: Option<Verified>,
    /// The gains of the keeps on the branch together, as each was measured: inflated.
    pub sum_of_keeps: Gain,
    /// The same in percent, positive when better; absent where differences are compared.
    pub sum_of_keeps_pct: Option<f64>,
    /// Trials, the baseline not among them.
    pub trials: usize,
    /// How many ended how.
    pub counts: BTreeMap<&'static str, usize>,
    /// How many ended why.
    pub reasons: BTreeMap<String, usize>,
    /// Where the time went.
    pub seconds: TimeSpent,
    /// What the agents have cost, as far as they tell.
    pub cost: Cost,
    /// What measured it.
    pub provenance: PageProvenance,
    /// The trials.
    pub rows: Vec<TrialFacts>,
}

/// The last verification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Gain of HEAD over the baseline, positive when better.
    pub gain: Gain,
    /// Lower end of its 95 % interval.
    pub low: Gain,
    /// Upper end.
    pub high: Gain,
    /// The gain as a change of the value in percent, positive when better; absent where differences are compared, as both ends are.
    pub gain_pct: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low_pct: Option<f64>,
    /// Upper end.
    pub high_pct: Option<f64>,
    /// What the value changed by, in percent or in the metric's unit: negative where it fell.
    pub change: f64,
    /// Fresh pairs.
    pub pairs: usize,
    /// When.
    pub at: String,
    /// Whether it is of the incumbent, and not of one before it.
    pub of_incumbent: bool,
}

/// Where the time went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct TimeSpent {
    /// Proposals.
    pub agent: f64,
    /// Builds.
    pub build: f64,
    /// Measuring.
    pub measure: f64,
    /// What is left of the trials: waiting for a calm machine, git, the ledger.
    pub waiting: f64,
}

/// What measured a run: more than one value where it changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PageProvenance {
    /// Machines.
    pub machines: Vec<String>,
    /// Levels of confinement.
    pub confinement: Vec<String>,
    /// Rules.
    pub rules: Vec<String>,
    /// SHA-256 of harnesses.
    pub harnesses: Vec<String>,
    /// Git's ids of the locked files.
    pub seals: Vec<String>,
    /// Versions of piton.
    pub versions: Vec<String>,
    /// Agents, with their models.
    pub agents: Vec<String>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialFacts {
    /// Its number.
    pub trial: u32,
    /// How it ended, as in `results.tsv`.
    pub status: &'static str,
    /// The same more finely: kept, discarded, gate failed, crashed, void, not judged, check.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
    /// Gain over the incumbent that it was held against, in percent of the value, positive when better; absent where differences are
    /// compared, as both ends are.
    pub gain_pct: Option<f64>,
    /// Lower end of its interval.
    pub low_pct: Option<f64>,
    /// Upper end.
    pub high_pct: Option<f64>,
    /// What the value changed by, in percent or in the metric's unit: negative where it fell.
    pub change: Option<f64>,
    /// Pairs.
    pub pairs: Option<u32>,
    /// Value of the primary metric.
    pub value: Option<f64>,
    /// From the commit to the verdict.
    pub seconds: f64,
    /// Its commit.
    pub commit: Option<CommitId>,
    /// What was tried.
    pub description: String,
    /// The family of ideas that its proposer named.
    pub family: Option<String>,
    /// The gain that its proposer expected, in percent.
    pub expected_pct: Option<f64>,
    /// What its proposal cost, in US dollars, where the agent tells.
    pub usd: Option<f64>,
    /// Tokens that its agent read and wrote.
    pub tokens: Option<u64>,
}

impl RunFacts {
    pub(super) fn of(view: &View) -> Self {
        let stairs = view.staircase();
        let incumbent = rechecks::incumbent(view.records).and_then(|record| record.commit.clone());
        let verified = view.verification.map(|verification| Verified {
            gain: verification.gain,
            low: verification.low,
            high: verification.high,
            gain_pct: in_percent(view.metric, verification.gain),
            low_pct: in_percent(view.metric, verification.low),
            high_pct: in_percent(view.metric, verification.high),
            change: rounded(view.metric.change(verification.gain)),
            pairs: verification.pairs.len(),
            at: verification.at.clone(),
            of_incumbent: Some(&verification.head) == incumbent.as_ref(),
        });
        let level = view.verification.map_or(stairs.end(), |verification| verification.gain);
        let mut cost = Cost::default();
        view.records
            .iter()
            .filter_map(|record| record.claimed.agent.as_ref())
            .for_each(|agent| cost.add(&agent.cost));
        let mut reasons = BTreeMap::new();
        for record in view.records.iter().filter(|record| record.trial > 0) {
            *reasons.entry(clean(&record.outcome.reason(), 60)).or_default() += 1;
        }
        Self {
            experiment: view.experiment.to_owned(),
            run: view.run.to_owned(),
            base: view.base.to_owned(),
            began: view.began.to_owned(),
            last_started: view.records.last().map(|record| record.started.clone()),
            metric: view.metric.clone(),
            baseline_value: stairs.start,
            incumbent_value: stairs.start.map(|_| stairs.value(level.0)),
            incumbent,
            verified,
            sum_of_keeps: stairs.end(),
            sum_of_keeps_pct: in_percent(view.metric, stairs.end()),
            trials: view.records.iter().filter(|record| record.trial > 0).count(),
            counts: plot::counts(view.records).into_iter().map(|(kind, n)| (kind.word(), n)).collect(),
            reasons,
            seconds: spent(view.records),
            cost,
            provenance: provenance(view.records),
            rows: view.records.iter().map(|record| row(record, view.metric)).collect(),
        }
    }
}

fn spent(records: &[Record]) -> TimeSpent {
    records.iter().filter(|record| record.trial > 0).fold(TimeSpent::default(), |sum, record| {
        let s = record.measured.seconds;
        TimeSpent {
            agent: sum.agent + s.agent,
            build: sum.build + s.build,
            measure: sum.measure + s.measure,
            waiting: sum.waiting + (s.total - s.build - s.measure).max(0.0),
        }
    })
}

fn provenance(records: &[Record]) -> PageProvenance {
    let distinct = |of: &dyn Fn(&Record) -> Option<String>| {
        let mut values: Vec<String> = vec![];
        for value in records.iter().filter_map(of) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    };
    PageProvenance {
        machines: distinct(&|r| Some(r.provenance.machine.clone())),
        confinement: distinct(&|r| Some(r.provenance.confinement.to_string())),
        rules: distinct(&|r| Some(r.provenance.rule.clone())),
        harnesses: distinct(&|r| r.provenance.harness.clone()),
        seals: distinct(&|r| Some(r.provenance.seal.clone())),
        versions: distinct(&|r| Some(r.provenance.piton.clone())),
        agents: distinct(&|r| r.claimed.agent.as_ref().map(agent)),
    }
}

fn row(record: &Record, metric: &Metric) -> TrialFacts {
    let estimate = record.outcome.estimate();
    let pct = |x: Option<Gain>| x.and_then(|x| in_percent(metric, x));
    let change = estimate.map(|e| rounded(metric.change(e.gain))).filter(|change| change.is_finite());
    TrialFacts {
        trial: record.trial,
        status: record.outcome.status().word(),
        kind: TrialKind::of(&record.outcome).word(),
        reason: record.outcome.reason(),
        gain_pct: pct(estimate.map(|e| e.gain)),
        low_pct: pct(estimate.and_then(|e| e.low)),
        high_pct: pct(estimate.and_then(|e| e.high)),
        change,
        pairs: estimate.map(|e| e.pairs),
        value: record.value(&metric.name),
        seconds: record.measured.seconds.total,
        commit: record.commit.clone(),
        description: record.claimed.description.clone(),
        family: record.claimed.claim.family.clone(),
        expected_pct: record.claimed.claim.expected_pct,
        usd: record.claimed.agent.as_ref().and_then(|agent| agent.cost.usd),
        tokens: record.claimed.agent.as_ref().map(|agent| agent.cost.tokens()).filter(|tokens| *tokens > 0),
    }
}

/// An agent with its model, where it tells one.
pub(super) fn agent(agent: &Proposer) -> String {
    let model = agent.model.as_ref().map_or_else(String::new, |model| format!(" ({model})"));
    format!("{}{model}", agent.name)
}
