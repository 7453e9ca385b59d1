//! The message of a commit that is taken home.

use super::Idea;
use piton_base::commit::CommitId;
use piton_base::metric::{Gain, Metric};
use piton_rule::keep::{Estimate, TestResult};
use piton_run::summary::{Again, Verification};
use piton_trial::record::{Outcome, Record};
use piton_trial::text::{self, clean, flow, gain, number, plural, verdict};

/// Longest first line, in characters: longer ones are cut by what shows logs.
const SUBJECT: usize = 72;
/// Longest foreign text in a message, in characters.
const WORDS: usize = 400;

/// What stands behind the ideas of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunEvidence<'a> {
    /// What is climbed.
    pub metric: &'a Metric,
    /// The error of the bounds.
    pub alpha: f64,
    /// The verification of the present head.
    pub verification: Option<&'a Verification>,
}

/// The first line: what was tried, cut between words.
pub fn subject(record: &Record) -> String {
    let text = clean(&flow(&record.claimed.description), WORDS);
    if text.chars().count() <= SUBJECT {
        return if text.is_empty() { format!("trial {}", record.trial) } else { text };
    }
    let room: String = text.chars().take(SUBJECT - 1).collect();
    let end = room.rfind(' ').filter(|at| *at > SUBJECT / 2).unwrap_or(room.len());
    format!("{}…", room[..end].trim_end())
}

/// The whole message. Its last paragraph are trailers, so that `git log` alone can be audited.
pub fn message(idea: &Idea, evidence: RunEvidence) -> String {
    let record = idea.record;
    let mut text = format!("{}\n\n{}\n", subject(record), verdict(record, evidence.metric, evidence.alpha));
    if idea.provisional() {
        text.push_str(&match idea.bundle {
            Some(bundle) => format!(
                "then, in trial {}: {}\n",
                bundle.trial,
                verdict(bundle, evidence.metric, evidence.alpha)
            ),
            None => "not put to the full test since: two pairs are all that is known of it\n".to_owned(),
        });
    }
    let mut points = vec![];
    if record.claimed.description.chars().count() > SUBJECT {
        points.push(format!("in full: {}", clean(&flow(&record.claimed.description), WORDS)));
    }
    points.extend(
        record
            .claimed
            .claim
            .hypothesis
            .iter()
            .map(|why| format!("proposed because: {}", clean(&flow(why), WORDS))),
    );
    points.extend(
        record.measured.changes.iter().flat_map(|changes| changes.lines()).map(|line| clean(&line, 200)),
    );
    if !points.is_empty() {
        text.push('\n');
        points.iter().for_each(|point| text.push_str(&format!("- {point}\n")));
    }
    text.push('\n');
    for (name, value) in trailers(idea, evidence) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

fn trailers(idea: &Idea, evidence: RunEvidence) -> Vec<(&'static str, String)> {
    let record = idea.record;
    let mut all = vec![("Run", record.run.clone()), ("Trial", record.trial.to_string())];
    let mut add = |name, value: Option<String>| {
        all.extend(value.filter(|value| !value.trim().is_empty()).map(|value| (name, value)));
    };
    add("Kept-as", record.commit.as_ref().map(CommitId::to_string));
    add("Incumbent", record.parent.as_ref().map(CommitId::to_string));
    let alpha = match idea.provisional() {
        true => "kept for now".to_owned(),
        false => alpha_of(record, evidence.alpha),
    };
    add(
        "Gain",
        record.outcome.estimate().map(|estimate| measured(record, evidence.metric, estimate, &alpha)),
    );
    add("Bundle", idea.bundle.and_then(|bundle| bundle_of(bundle, evidence)));
    add("Again", idea.again.map(|found| again(found, evidence.metric)));
    add("Verified", evidence.verification.map(|verification| verified(verification, evidence.metric)));
    add("Rule", Some(record.provenance.rule.clone()));
    let gates =
        record.measured.gates.iter().map(|gate| {
            format!("{} {} {}", clean(&gate.metric, 60), number(gate.value), clean(&gate.bound, 40))
        });
    add("Gates", Some(gates.collect::<Vec<_>>().join("; ")));
    add("Harness", record.provenance.harness.clone());
    add("Seal", Some(record.provenance.seal.clone()));
    add("Seed", record.provenance.seed.map(|seed| seed.to_string()));
    add(
        "Agent",
        record.claimed.agent.as_ref().map(|agent| {
            let model = agent.model.as_ref().map(|model| format!(" ({})", clean(model, 80)));
            format!("{}{}", clean(&agent.name, 80), model.unwrap_or_default())
        }),
    );
    all
}

/// The error of the question that was answered yes: being as good has another than being better.
fn alpha_of(record: &Record, alpha: f64) -> String {
    let asked = record.measured.asked.iter().rev().find(|asked| asked.answer == TestResult::Yes);
    format!("alpha {}", asked.map_or(alpha, |asked| asked.question.alpha))
}

/// `+3.1 % (+2.1 .. +4.1), 11 pairs, alpha 0.02`.
fn measured(record: &Record, metric: &Metric, estimate: &Estimate, alpha: &str) -> String {
    let noun = if record.measured.runs.is_empty() { "pair" } else { "run" };
    let ends = match (estimate.low, estimate.high) {
        (None, None) => String::new(),
        (low, high) => format!(" ({})", text::ends(low, high, metric)),
    };
    format!("{}{ends}, {}, {alpha}", gain(estimate.gain, metric), plural(estimate.pairs as usize, noun))
}

fn bundle_of(bundle: &Record, evidence: RunEvidence) -> Option<String> {
    let Outcome::Bundle { trials, estimate, .. } = &bundle.outcome else { return None };
    let trials: Vec<String> = trials.iter().map(u32::to_string).collect();
    let measured = measured(bundle, evidence.metric, estimate, &alpha_of(bundle, evidence.alpha));
    Some(format!("trial {}, {} together: {measured}", bundle.trial, trials.join(", ")))
}

/// What `piton verify --each` found of a keep.
pub fn again(again: &Again, metric: &Metric) -> String {
    let side = |(measured, pairs, holds): (Gain, u32, bool)| {
        let holds = if holds { "holds" } else { "not shown" };
        format!("{} in {}, {holds}", gain(measured, metric), plural(pairs as usize, "pair"))
    };
    let without = match again.without {
        Some(without) => format!("HEAD against HEAD without it {}", side(without)),
        None => "HEAD without it cannot be built".to_owned(),
    };
    format!("against its incumbent {}; {without}", side(again.own))
}

fn verified(verification: &Verification, metric: &Metric) -> String {
    format!(
        "the whole run {} (95 % interval {}), {}",
        gain(verification.gain, metric),
        text::ends(Some(verification.low), Some(verification.high), metric),
        plural(verification.pairs.len(), "fresh pair")
    )
}
