//! `piton show`: everything about one trial, part by part.

use piton_base::metric::{Gain, Metric, Values};
use piton_rule::gate::{self, Gate};
use piton_rule::keep::Case;
use piton_run::{power, stopping};
use piton_trial::record::{Outcome, Record};
use piton_trial::text::{
    clean, expected, failed_test, gain, like, number, plural, seconds, size, slow_start, value, verdict,
    width,
};

/// Everything about one trial, for `piton show`, except its diff: with what it was judged by.
pub fn show(record: &Record, metric: &Metric, gates: &[Gate], case: &Case) -> String {
    let title = clean(&record.claimed.description, width::TITLE);
    let mut text = format!("trial {} of run {}: {title}\n\n", record.trial, record.run);
    facts(&mut text, record, metric, case);
    changed(&mut text, record);
    checked(&mut text, record);
    gated(&mut text, record, gates);
    measured(&mut text, record, metric);
    asked(&mut text, record, metric, case);
    medians(&mut text, record, metric);
    text
}

/// What it was, who proposed it, and what it was measured with: a line each.
fn facts(text: &mut String, record: &Record, metric: &Metric, case: &Case) {
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<12} {value}\n"));
    line("verdict", &verdict(record, metric, case.settings.alpha));
    slow_start(record, metric).iter().for_each(|warning| line("warning", warning));
    record.claimed.claim.hypothesis.iter().for_each(|text| line("hypothesis", &clean(text, 400)));
    record.claimed.claim.family.iter().for_each(|name| line("family", &clean(name, 40)));
    record.claimed.claim.expected_pct.iter().for_each(|pct| line("expected", &expected(*pct, metric)));
    record.claimed.begun_as.iter().for_each(|trial| line("began as", &format!("trial {trial}, a near miss")));
    record.claimed.like.iter().for_each(|earlier| line("like", &like(earlier, metric)));
    line("started", &record.started);
    line("commit", record.commit.as_deref().unwrap_or("-"));
    line("incumbent", record.parent.as_deref().unwrap_or("-"));
    line("artifact", record.provenance.artifact.as_deref().unwrap_or("-"));
    line("harness", record.provenance.harness.as_deref().unwrap_or("-"));
    line("seal", &record.provenance.seal);
    line("rule", &record.provenance.rule);
    line("machine", &record.provenance.machine);
    if let Some(agent) = &record.claimed.agent {
        let model = agent.model.as_ref().map_or_else(String::new, |model| format!(" ({})", clean(model, 80)));
        let (name, cost) = (clean(&agent.name, 80), stopping::cost(&agent.cost));
        line("agent", &format!("{name}{model}, {cost}; the last ended: {}", clean(&agent.end, 40)));
    }
    line("confinement", &record.provenance.confinement.to_string());
    line("piton", &record.provenance.piton);
    if let Some(seed) = record.provenance.seed {
        line("seed", &seed.to_string());
    }
    if let Some(tau) = record.measured.tau {
        let resolves = record
            .measured
            .resolves
            .map_or_else(String::new, |gain| format!("; this machine resolves {}", size(gain, 2, metric)));
        line("noise", &format!("tau = {}, frozen when the trial began{resolves}", size(tau, 2, metric)));
    }
    let s = record.measured.seconds;
    line(
        "time",
        &format!(
            "{}{} build, {} measure, {} in all",
            if s.agent > 0.0 { format!("{} for the proposal; ", seconds(s.agent)) } else { String::new() },
            seconds(s.build),
            seconds(s.measure),
            seconds(s.total)
        ),
    );
}

/// What the edit changed.
fn changed(text: &mut String, record: &Record) {
    if let Some(changes) = &record.measured.changes {
        text.push_str("\nwhat changed from the incumbent\n");
        changes.lines().iter().for_each(|l| text.push_str(&format!("  {}\n", clean(l, 400))));
    }
    if let Some(changes) =
        record.measured.since_baseline.as_ref().filter(|c| Some(*c) != record.measured.changes.as_ref())
    {
        text.push_str("\nwhat changed from the baseline\n");
        changes.lines().iter().for_each(|l| text.push_str(&format!("  {}\n", clean(l, 400))));
    }
}

/// The checks that ran, and the tests that failed.
fn checked(text: &mut String, record: &Record) {
    if !record.measured.checks.is_empty() {
        text.push_str("\nchecks of correctness, before anything was measured\n");
        for check in &record.measured.checks {
            let word = if check.passed { "pass" } else { "FAIL" };
            text.push_str(&format!("  {word}  {}\n", piton_trial::text::check(check)));
        }
    }
    if let Outcome::CheckFailed { tests, .. } = &record.outcome
        && !tests.is_empty()
    {
        text.push_str("\ntests that failed\n");
        tests.iter().for_each(|test| text.push_str(&format!("  {}\n", failed_test(test))));
    }
}

/// The gates, with the incumbent's values beside them.
fn gated(text: &mut String, record: &Record, gates: &[Gate]) {
    if !record.measured.gates.is_empty() {
        let incumbent: Vec<Values> =
            record.measured.pairs.iter().map(|pair| pair.incumbent.clone()).collect();
        let beside = gate::read_all(gates, &incumbent);
        text.push_str("\ngates, over all samples of the challenger; the incumbent's over the pairs\n");
        for g in &record.measured.gates {
            let word = if g.pass { "pass" } else { "FAIL" };
            let beside = beside.iter().find(|i| (&i.metric, &i.bound) == (&g.metric, &g.bound));
            let beside = beside.filter(|i| i.value.is_finite() && !incumbent.is_empty());
            let beside = beside.map_or_else(String::new, |i| format!("   incumbent {}", number(i.value)));
            let line = format!("  {word}  {:<24} {:>10}  {:<10}{beside}", g.metric, number(g.value), g.bound);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
}

/// Pairs and single runs.
fn measured(text: &mut String, record: &Record, metric: &Metric) {
    if !record.measured.pairs.is_empty() {
        // A unit that a time is told in stands beside each.
        let name = metric.judged_by();
        let first = record.measured.pairs[0].incumbent.get(name).copied().unwrap_or_default();
        let plain = metric.evidence.is_none() && value::scaled(first, value::unit(metric)).0 == 1.0;
        let unit = if plain { &metric.unit } else { "" };
        let unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
        let scale = record.measured.pairs[0].scale;
        let long = if scale == 1 { String::new() } else { format!(", each with {scale} times the work") };
        text.push_str(&format!("\npairs, {name}{unit}{long}\n"));
        for (i, pair) in record.measured.pairs.iter().enumerate() {
            let told = |x: &f64| value::beside(name, *x, metric);
            let side = |values: &Values| values.get(name).map_or("-".into(), told);
            text.push_str(&format!(
                "  {:>3}  incumbent {:>10}  challenger {:>10}  {:>8}  {:?} first\n",
                i + 1,
                side(&pair.incumbent),
                side(&pair.challenger),
                gain(pair.gain, metric),
                pair.first
            ));
        }
    }
    if !record.measured.void_pairs.is_empty() {
        text.push_str("\npairs that did not count\n");
        for void in &record.measured.void_pairs {
            text.push_str(&format!("  draw {:>3}  {}\n", void.draw, clean(&void.reason, 200)));
        }
    }
    if let Some(widened) = record.measured.widened {
        text.push_str(&format!(
            "\nthe pairs from {} on count although the machine was busy, by {} times tau: waiting for a calm one had cost {}\n",
            widened.from + 1,
            number(widened.times),
            seconds(widened.lost_s)
        ));
    }
    for (name, runs) in [
        ("runs of the challenger", &record.measured.runs),
        ("fresh runs of the incumbent", &record.measured.reference),
    ] {
        if !runs.is_empty() {
            let values: Vec<String> = runs
                .iter()
                .filter_map(|run| run.get(&metric.name))
                .map(|x| value::beside(&metric.name, *x, metric))
                .collect();
            text.push_str(&format!("\n{name}, {}\n  {}\n", metric.name, values.join("  ")));
        }
    }
}

/// What the rule was asked, and why not more.
fn asked(text: &mut String, record: &Record, metric: &Metric, case: &Case) {
    if !record.measured.asked.is_empty() {
        text.push_str("\nwhat the rule was asked\n");
        for asked in &record.measured.asked {
            let (question, evidence) = (&asked.question, &asked.evidence);
            text.push_str(&format!(
                "  {:<12} {:?} after {}: log E {:.2} of {:.2} for a yes, F {:.2} of {:.2} for giving up\n",
                clean(&asked.about, 40),
                asked.answer,
                plural(evidence.pairs as usize, "pair"),
                evidence.log_e,
                -question.alpha.ln(),
                evidence.futility,
                question.beta.ln()
            ));
        }
        // Who waits for a keep by being as good is told why that was not asked.
        if case.simpler || !case.secondary.is_empty() {
            let why = power::unasked(&case.settings, metric, Gain(case.primary.tau), Gain(case.margin_spent));
            why.iter().for_each(|why| text.push_str(&format!("  {:<12} not asked: {why}\n", "as good")));
        }
    }
}

/// The challenger's metrics.
fn medians(text: &mut String, record: &Record, metric: &Metric) {
    if let Some(metrics) = &record.measured.metrics {
        text.push_str("\nmetrics of the challenger, medians over its samples\n");
        metrics.iter().for_each(|(name, value)| {
            text.push_str(&format!("  {:<24} {:>10}\n", clean(name, 60), value::beside(name, *value, metric)))
        });
    }
}
