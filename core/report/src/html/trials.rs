//! The table of trials. Each row unfolds; how much there is to unfold has a limit.

use maud::{Markup, html};

use super::{View, facts, glyph};
use crate::plot::{self, Ink, TrialKind, Wrap};
use piton_base::metric::{Gain, Metric};
use piton_rule::keep::Estimate;
use piton_run::stopping;
use piton_trial::record::{Outcome, Record};
use piton_trial::text::width;
use piton_trial::text::{self, clean, ends, expected, gain, number, printable, seconds, value, verdict};

/// The page is not longer than this, in bytes, unless its rows alone are.
const PAGE_BYTES: usize = 2_850_000;
/// Room for diffs, in bytes, while there are rows without the rest.
pub const DIFF_BYTES: usize = 700_000;
/// Longest diff that is shown whole, in bytes.
const DIFF_MOST: usize = 12_000;

/// The trials in the order in which they get room: those that were kept, then the latest.
pub fn order(records: &[Record]) -> Vec<&Record> {
    let kept = |record: &&Record| record.outcome.kept();
    let (mut first, mut rest): (Vec<&Record>, Vec<&Record>) = records.iter().partition(kept);
    first.reverse();
    rest.reverse();
    first.append(&mut rest);
    first
}

/// The table, where `spent` bytes of the page are taken.
pub(super) fn section(view: &View, spent: usize) -> Markup {
    let shared = TrialRows { view };
    let mut rows: Vec<(Markup, Markup, Markup)> = view
        .records
        .iter()
        .map(|record| (shared.summary(record), Markup::default(), Markup::default()))
        .collect();
    let place: std::collections::BTreeMap<u32, usize> =
        view.records.iter().enumerate().map(|(i, record)| (record.trial, i)).collect();
    // What surrounds a row takes about so much.
    let mut used = spent + rows.iter().map(|row| row.0.0.len() + 170).sum::<usize>();
    let reserve = view.diffs.values().map(|text| text.len().min(DIFF_MOST)).sum::<usize>().min(DIFF_BYTES);
    let (mut folded, mut without) = (0, 0);
    for record in order(view.records) {
        let details = shared.details(record);
        if used + details.0.len() + reserve <= PAGE_BYTES {
            used += details.0.len();
            rows[place[&record.trial]].1 = details;
        } else {
            folded += 1;
            rows[place[&record.trial]].1 = left_out(view.run, record.trial);
        }
    }
    for record in order(view.records).into_iter().filter(|record| has_diff(record)) {
        let diff = view.diffs.get(&record.trial).map(|text| diff_of(text, view.run, record.trial));
        match diff {
            Some(diff) if used + diff.0.len() <= PAGE_BYTES => {
                used += diff.0.len();
                rows[place[&record.trial]].2 = diff;
            }
            _ => without += 1,
        }
    }
    html! {
        section id="trials" {
            h2 { "All trials" }
            @if folded + without > 0 {
                p { "To keep this page small it holds no details of " (folded) " and no diff of " (without) " trials: "
                    code { "piton show N --run " (clean(view.run, 60)) } " shows all of a trial." }
            }
            div id="tools" hidden {
                label { "find " input id="find" type="search" placeholder="words, reason or number"; }
                label { "show " select id="kind" { (kinds(view)) } }
                span { "sort by " button type="button" data-sort="n" aria-pressed="true" { "trial" }
                    button type="button" data-sort="g" aria-pressed="false" { "gain" }
                    button type="button" data-sort="s" aria-pressed="false" { "time" } }
                output id="count" {}
            }
            div class="row head" aria-hidden="true" { span { "trial" } span { "outcome" } span class="r" { (text::noun(view.metric)) } span class="r" { "interval" } span { "reason" } span class="r" { "time" } span { "what" } }
            div id="list" {
                @for (record, parts) in view.records.iter().zip(rows) { (whole(record, parts)) }
            }
        }
    }
}

/// One row, whole, as it would stand in the table.
pub(super) fn row(view: &View, record: &Record) -> Markup {
    let shared = TrialRows { view };
    let diff = view.diffs.get(&record.trial).filter(|_| has_diff(record));
    let diff = diff.map_or_else(Markup::default, |text| diff_of(text, view.run, record.trial));
    whole(record, (shared.summary(record), shared.details(record), diff))
}

fn whole(record: &Record, (summary, details, diff): (Markup, Markup, Markup)) -> Markup {
    let estimate = record.outcome.estimate();
    html! {
        details class="trial" id={ "t" (record.trial) } data-k=(Ink::of(TrialKind::of(&record.outcome)).style().0)
            data-g=[estimate.map(|e| format!("{:.5}", e.gain.0))] data-s=(format!("{:.0}", record.measured.seconds.total)) {
            (summary) (details) (diff)
        }
    }
}

/// What the table can be narrowed down to.
pub(super) fn kinds(view: &View) -> Markup {
    html! {
        option value="" { "all" }
        @for (kind, n) in plot::counts(view.records) { option value=(Ink::of(kind).style().0) { (kind.word()) " (" (n) ")" } }
    }
}

fn left_out(run: &str, trial: u32) -> Markup {
    html! { p { "Left out: " code { "piton show " (trial) " --run " (clean(run, 60)) } } }
}

fn has_diff(record: &Record) -> bool {
    record.trial > 0 && record.commit.is_some() && record.measured.changes.is_some()
}

/// Both ends of an interval, or the lower one.
pub(super) fn interval(estimate: &Estimate, metric: &Metric) -> String {
    ends(estimate.low, estimate.high, metric)
}

struct TrialRows<'a> {
    view: &'a View<'a>,
}

impl TrialRows<'_> {
    fn summary(&self, record: &Record) -> Markup {
        let estimate = record.outcome.estimate();
        let kind = TrialKind::of(&record.outcome);
        html! {
            summary class="row" {
                span { (record.trial) }
                span { (glyph(kind)) " " (kind.word()) }
                span class="r" { (estimate.map_or_else(|| "-".to_owned(), |e| gain(e.gain, self.view.metric))) }
                span class="r" { (estimate.map_or_else(String::new, |e| interval(e, self.view.metric))) }
                span { (clean(&record.outcome.reason(), 60)) }
                span class="r" { (seconds(record.measured.seconds.total)) }
                span { (clean(&record.claimed.description, width::PAGE)) }
            }
        }
    }

    fn details(&self, record: &Record) -> Markup {
        let estimate = record.outcome.estimate();
        let gains: Vec<Gain> =
            record.measured.pairs.iter().map(|pair| pair.gain).filter(|g| g.is_finite()).collect();
        let name = &self.view.metric.name;
        let log = match &record.outcome {
            Outcome::BuildFailed { error: text }
            | Outcome::RunFailed { reason: text, .. }
            | Outcome::OutOfMemory { reason: text }
            | Outcome::Void { reason: text } => Some(text),
            _ => None,
        };
        html! {
            // Where its log stands below, the first line is enough.
            p { (clean(&verdict(record, self.view.metric, self.view.alpha), 700).split("\\n").next().unwrap_or_default()) }
            @if record.claimed.description.chars().nth(width::PAGE).is_some() { p { (printable(&record.claimed.description)) } }
            (said(record, self.view.metric))
            p class="faint" {
                (record.started)
                @if let Some(commit) = &record.commit { ", commit " code { (&commit[..12.min(commit.len())]) } }
                @if let Some(parent) = &record.parent { " against " code { (&parent[..12.min(parent.len())]) } }
                "; build " (seconds(record.measured.seconds.build)) ", measure " (seconds(record.measured.seconds.measure))
                @if let Some(agent) = &record.claimed.agent {
                    "; " (clean(&facts::agent(agent), 80)) " took " (seconds(record.measured.seconds.agent)) ", " (stopping::cost(&agent.cost))
                    @if agent.end != "done" { ", the last ended: " (clean(&agent.end, 40)) }
                }
            }
            @if let Some(text) = log.filter(|text| text.len() > 80 || text.trim().contains('\n')) { pre { (printable(text)) } }
            @if let Some(changes) = &record.measured.changes {
                ul { @for line in changes.lines().iter().take(40) { li { (clean(line, 200)) } } }
            }
            @if !gains.is_empty() {
                div class="pairs" {
                    (maud::PreEscaped(plot::svg(&plot::pairs(&gains, estimate.map_or(Gain::ZERO, |e| e.gain), self.view.metric), Wrap::Small)))
                    span { (text::noun(self.view.metric)) " of each pair, "
                        (gain(gains.iter().copied().fold(Gain(f64::INFINITY), Gain::min), self.view.metric)) " to " (gain(gains.iter().copied().fold(Gain(f64::NEG_INFINITY), Gain::max), self.view.metric))
                        @if !record.measured.void_pairs.is_empty() { ", " (record.measured.void_pairs.len()) " more void" } }
                }
            }
            (checked(record))
            @if !record.measured.gates.is_empty() {
                ul class="gates" { @for gate in &record.measured.gates { li {
                    @if gate.pass { "pass " } @else { b class="f-crashed" { "FAIL " } }
                    (clean(&gate.metric, 60)) " " (number(gate.value)) " " (clean(&gate.bound, 40))
                } } }
            }
            @if let Some(metrics) = &record.measured.metrics {
                p class="faint" {
                    @for (i, (metric, value)) in metrics.iter().take(20).enumerate() {
                        @if i > 0 { ", " } @let told = value::beside(metric, *value, self.view.metric);
                        @if metric == name { b { (clean(metric, 60)) " " (told) } } @else { (clean(metric, 60)) " " (told) }
                    }
                }
            }
        }
    }
}

/// The checks that ran, and the tests that failed.
fn checked(record: &Record) -> Markup {
    html! {
        @if !record.measured.checks.is_empty() {
            ul class="gates" { @for check in record.measured.checks.iter().take(40) { li {
                @if check.passed { "pass " } @else { b class="f-crashed" { "FAIL " } }
                (text::check(check))
            } } }
        }
        @if let Outcome::CheckFailed { tests, .. } = &record.outcome {
            @if !tests.is_empty() { ul { @for test in tests { li { (text::failed_test(test)) } } } }
        }
    }
}

/// What its proposer said of it, and where it comes from.
fn said(record: &Record, metric: &Metric) -> Markup {
    let claim = &record.claimed.claim;
    let measured = record.outcome.estimate().map(|estimate| gain(estimate.gain, metric));
    html! {
        @if claim.family.is_some() || claim.hypothesis.is_some() || claim.expected_pct.is_some() {
            p {
                @if let Some(family) = &claim.family { b { (clean(family, 40)) } ": " }
                @if let Some(why) = &claim.hypothesis { (clean(why, 400)) }
                @if let Some(pct) = claim.expected_pct { " (expects " (expected(pct, metric)) @if let Some(measured) = measured { ", measured " (measured) } ")" }
            }
        }
        @if let Some(trial) = record.claimed.begun_as { p { "It began as " a href={ "#t" (trial) } { "trial " (trial) } ", a near miss, laid over the incumbent." } }
        @if let Some(earlier) = &record.claimed.like { p { (clean(&text::like(earlier, metric), 200)) } }
    }
}

/// A diff: what was added and removed by colour and by its sign. Lines of one kind stand together.
fn diff_of(text: &str, run: &str, trial: u32) -> Markup {
    let text = printable(text);
    let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= DIFF_MOST).last().unwrap_or(0);
    let shown = if text.len() > DIFF_MOST {
        &text[..text[..cut].rfind('\n').map_or(cut, |at| at + 1)]
    } else {
        &text
    };
    let missing = text[shown.len()..].lines().count();
    let mut groups: Vec<(u8, String)> = vec![];
    for line in shown.lines() {
        let kind = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => b'd',
            Some(b'+') => b'+',
            Some(b'-') => b'-',
            Some(b'@' | b'd' | b'i' | b'n') => b'd',
            _ => b' ',
        };
        match groups.last_mut() {
            Some((last, group)) if *last == kind => {
                group.push('\n');
                group.push_str(line);
            }
            _ => groups.push((kind, line.to_owned())),
        }
    }
    html! {
        @if !text.is_empty() {
            pre class="diff" {
                @for (kind, group) in groups {
                    @match kind { b'+' => ins { (group) }, b'-' => del { (group) }, b'd' => b { (group) }, _ => span { (group) } }
                }
            }
            @if missing > 0 { p { (missing) " more lines: " code { "piton show " (trial) " --run " (clean(run, 60)) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_stays_text_and_a_long_one_is_cut_at_a_line_and_says_so() {
        let text = diff_of("+<script>alert(1)</script>\n-\u{202e}b\n a\n", "r", 3).into_string();
        assert_eq!(
            text,
            "<pre class=\"diff\"><ins>+&lt;script&gt;alert(1)&lt;/script&gt;</ins><del>-\\u{202e}b</del><span> a</span></pre>"
        );
        let long = diff_of(&"+é a line\n".repeat(3000), "r", 3).into_string();
        assert!(
            long.len() < 14_000 && long.contains("more lines: <code>piton show 3 --run r</code>"),
            "{long}"
        );
        assert!(diff_of(&"é".repeat(9000), "r", 3).into_string().len() < 14_000);
    }
}
