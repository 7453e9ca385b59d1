//! The report: what a run came to, as one page, as Markdown and as JSON.
//!
//! Three forms of the same facts, so that what is sent to a colleague cannot differ from what was read in the morning. The page needs
//! no network and no scripts; where scripts run, its table can be sorted and filtered. What anybody wrote is escaped, and how much of
//! it there is has a limit: what was left out is named, with the command that shows it.

mod facts;
mod lineage;
mod live;
mod markdown;
mod pictures;
mod trials;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::plot::{self, Glyph, Ink, Staircase, TrialKind};
use piton_base::metric::{Direction, Gain, Metric};
use piton_rule::settings::{Guard, SecondaryMetric};
use piton_run::rechecks;
use piton_run::summary::Verification;
use piton_trial::record::Record;
use piton_trial::text::width;
use piton_trial::text::{clean, ends, gain, noun, plural, printable, value};

pub use facts::{PageProvenance, RunFacts, TimeSpent, TrialFacts, Verified};
pub use live::{Served, answer, live, news, row, strip};
pub use markdown::{cell, code, markdown};
use pictures::{others, pictures};
pub use trials::{DIFF_BYTES, order};

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// The run.
    pub run: &'a str,
    /// The commit that it starts from.
    pub base: &'a str,
    /// When it began.
    pub began: &'a str,
    /// What is climbed.
    pub metric: &'a Metric,
    /// Other metrics in which a change may be better.
    pub secondary: &'a [SecondaryMetric],
    /// Metrics that a keep may not make worse.
    pub guards: &'a [Guard],
    /// The error of the lower bounds.
    pub alpha: f64,
    /// All trials, the baseline first.
    pub records: &'a [Record],
    /// The verified figure.
    pub verification: Option<&'a Verification>,
    /// Diffs by trial, as far as they are to be shown.
    pub diffs: &'a BTreeMap<u32, String>,
}

impl View<'_> {
    /// The staircase.
    pub fn staircase(&self) -> Staircase {
        Staircase::of(self.run, self.records, self.metric, self.verification)
    }

    /// The facts.
    pub fn facts(&self) -> RunFacts {
        RunFacts::of(self)
    }

    /// The other metrics that are worth a picture, with the better direction of each.
    fn others(&self) -> Vec<(String, Direction)> {
        let secondary = self.secondary.iter().map(|second| (second.metric.clone(), second.direction));
        let guards = self.guards.iter().map(|guard| (guard.metric.clone(), guard.direction));
        let memory = self.metric.memory.iter().map(|memory| (memory.clone(), Direction::Lower));
        let mut others: Vec<(String, Direction)> = vec![];
        for other in secondary.chain(guards).chain(memory) {
            if other.0 != self.metric.name && others.iter().all(|known| known.0 != other.0) {
                others.push(other);
            }
        }
        others.truncate(4);
        others
    }
}

/// Keeps that have a row of their own in the short table.
const KEEPS: usize = 25;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The page.
pub fn page(view: &View) -> String {
    let facts = view.facts();
    let top = html! {
        (headline(view, &facts))
        (pictures(view, &facts))
        (kept(view))
    };
    let rest = html! {
        (others(view))
        (lineage::section(view.records))
        (provenance(view, &facts))
    };
    let title = title(view);
    let spent = whole(&title, &html! { (top) (rest) }).len();
    whole(&title, &html! { (top) (trials::section(view, spent)) (rest) })
}

fn title(view: &View) -> String {
    format!("{}: {}", clean(view.run, 60), clean(&view.metric.name, 60))
}

fn headline(view: &View, facts: &RunFacts) -> Markup {
    let values = facts.baseline_value.zip(facts.incumbent_value);
    let values = values.map(|(from, to)| value::both(from, to, view.metric));
    html! {
        header {
            h1 { (clean(view.experiment, 60)) " " span class="faint" { "run " (clean(view.run, 60)) } }
            nav aria-label="parts of this page" {
                a href="#climb" { "the climb" } " " a href="#kept" { "what was kept" } " " a href="#trials" { "all trials" } " " a href="#source" { "what measured it" }
            }
            div class="figures" {
                div {
                    @match &facts.verified {
                        Some(v) => {
                            strong class="figure" { (gain(v.gain, view.metric)) }
                            span { "verified: HEAD against the baseline in " (plural(v.pairs, "fresh pair"))
                                ", 95\u{a0}% interval " (whole_words(&ends(Some(v.low), Some(v.high), view.metric)))
                                @if !v.of_incumbent { ". " b { "It was measured before the last keeps" } ": piton verify measures anew" }
                            }
                        }
                        None => {
                            strong class="figure faint" { "not verified" }
                            span { code { "piton verify" } " measures HEAD against the baseline in fresh pairs" }
                        }
                    }
                }
                div {
                    strong class="figure faint" { (gain(facts.sum_of_keeps, view.metric)) }
                    span { "the sum of what the keeps measured: inflated, since each was kept for having come out well" }
                }
                @if let Some([from, to, unit]) = values {
                    div {
                        strong class="figure" { (from) " → " (to) }
                        span { (clean(&view.metric.name, 60)) @if !unit.is_empty() { "," (unit) } ", "
                            @if view.metric.direction == Direction::Higher { "higher" } @else { "lower" } " is better"
                            @if let Some(evidence) = &view.metric.evidence { "; pairs are judged by " (clean(evidence, 60)) } }
                    }
                }
                div {
                    strong class="figure" { (facts.trials) }
                    span { @if facts.trials == 1 { "trial" } @else { "trials" }
                        @for (i, (kind, n)) in plot::counts(view.records).into_iter().enumerate() {
                            @if i == 0 { ": " } @else { ", " }
                            span class="count" { (glyph(kind)) " " (n) " " (kind.word()) }
                        }
                    }
                }
            }
        }
    }
}

fn glyph(kind: TrialKind) -> Markup {
    html! { b class={ "f-" (Ink::of(kind).style().0) } aria-hidden="true" { (Glyph::of(kind).character()) } }
}

/// Words that stay on one line.
fn whole_words(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// What was kept, with what `verify --each` said of it. Of many, the greatest.
fn kept(view: &View) -> Markup {
    let all: Vec<&Record> = view.records.iter().filter(|record| record.outcome.kept()).collect();
    let size =
        |record: &&Record| record.outcome.estimate().map_or(f64::NEG_INFINITY, |estimate| estimate.gain.0);
    let mut keeps = all.clone();
    keeps.sort_by(|a, b| size(b).total_cmp(&size(a)));
    keeps.truncate(KEEPS);
    keeps.sort_by_key(|record| record.trial);
    let each = view.verification.map_or(&[][..], |verification| &verification.each);
    let again = |trial| each.iter().find(|again| again.trial == trial);
    let lost: Vec<u32> = each.iter().filter(|again| !again.pays()).map(|again| again.trial).collect();
    html! {
        section id="kept" {
            h2 { "What was kept" }
            @if all.is_empty() { p { "Nothing: no trial was shown to be better." } }
            @if !lost.is_empty() {
                p { (lost.len()) " of " (plural(each.len(), "keep")) " no longer " @if lost.len() == 1 { "pays" } @else { "pay" } ", measured once more: "
                    @for (i, trial) in lost.iter().enumerate() { @if i > 0 { ", " } a href={ "#t" (trial) } { (trial) } } }
            }
            @if keeps.len() < all.len() {
                p class="faint" { "The " (keeps.len()) " greatest of " (all.len()) "; all of them are " a href="#trials" { "below" } " and in " code { "piton log --kept" } "." }
            }
            @if !keeps.is_empty() {
                table class="keeps" {
                    thead { tr { th scope="col" { "trial" } th scope="col" class="r" { (noun(view.metric)) } th scope="col" class="r" { "interval" }
                        @if !each.is_empty() { th scope="col" class="r" { "once more" } } th scope="col" { "what" } } }
                    tbody {
                        @for record in keeps {
                            @let estimate = record.outcome.estimate();
                            tr {
                                td { a href={ "#t" (record.trial) } { (record.trial) } }
                                td class="r" { (estimate.map_or_else(|| "-".to_owned(), |e| gain(e.gain, view.metric))) }
                                td class="r" { (estimate.map_or_else(String::new, |e| trials::interval(e, view.metric))) }
                                @if !each.is_empty() {
                                    td class="r" { @if let Some(again) = again(record.trial) { (gain(again.own.0, view.metric)) @if !again.pays() { b { " no longer" } } } }
                                }
                                td { (clean(&record.claimed.description, width::WRAPPED)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn provenance(view: &View, facts: &RunFacts) -> Markup {
    let from = &facts.provenance;
    let row = |name: &str, values: &[String]| {
        html! {
            tr { th scope="row" { (name) } td {
                @for (i, value) in values.iter().enumerate() { @if i > 0 { br; } (clean(value, 200)) }
                @if values.len() > 1 { b { " (it changed during the run)" } }
            } }
        }
    };
    html! {
        section id="source" {
            h2 { "What measured it" }
            table class="facts" { tbody {
                (row("baseline", &[view.base.to_owned()]))
                (row("incumbent", &rechecks::incumbent(view.records).and_then(|r| r.commit.as_ref()).map(|id| id.to_string()).into_iter().collect::<Vec<_>>()))
                (row("began", &[view.began.to_owned()]))
                (row("last trial", &facts.last_started.iter().cloned().collect::<Vec<_>>()))
                (row("machine", &from.machines))
                (row("confinement", &from.confinement))
                (row("rule", &from.rules))
                (row("harness", &from.harnesses))
                (row("seal", &from.seals))
                (row("piton", &from.versions))
                @if !from.agents.is_empty() { (row("agent", &from.agents)) }
            } }
            p { "Check it: " code { "piton audit --run " (clean(view.run, 60)) } " holds ledger, commits and table against each other; "
                code { "git log piton/" (clean(view.run, 60)) } " shows each keep with its evidence; "
                code { "piton show N --pairs | piton replay -" } " judges a trial again." }
        }
    }
}

/// The page of a run that piton did not measure: its staircase and its log, as claimed.
pub fn claims(stairs: &Staircase, warning: &str, log: &str) -> String {
    let body = html! {
        h1 { (stairs.run) }
        p { b { (warning) "." } }
        section id="climb" { h2 { "The climb, as claimed" } (pictures::stairs(stairs)) }
        section { h2 { "All trials" } pre tabindex="0" { (printable(log)) } }
    };
    whole(&stairs.run, &body)
}

/// A whole document, that fetches nothing.
fn whole(title: &str, body: &Markup) -> String {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    document(title, body, Some(policy), None, SCRIPT)
}

fn document(title: &str, body: &Markup, policy: Option<&str>, nonce: Option<&str>, script: &str) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing is fetched, whatever stands in a description.
                @if let Some(policy) = policy { meta http-equiv="Content-Security-Policy" content=(policy); }
                @if policy.is_none() { link rel="icon" href="data:,"; }
                title { (title) }
                style { (PreEscaped(plot::stylesheet())) (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                footer { "piton " (env!("CARGO_PKG_VERSION")) }
                script nonce=[nonce] { (PreEscaped(script)) }
            }
        }
    }
    .into_string()
}

/// A gain as a change of the value in percent, positive when better, for programs; `None` where differences are compared.
fn in_percent(metric: &Metric, gain: Gain) -> Option<f64> {
    metric.gain_pct(gain).map(rounded).filter(|pct| pct.is_finite())
}

/// Without the digits that nobody measured.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1e12 { (value * 1e4).round() / 1e4 } else { value }
}
