//! The pictures of the page, each drawn twice: for a wide screen and paper, and anew for a narrow screen, where the letters of a wide one
//! would be too small to read.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::{RunFacts, View, glyph};
use crate::plot::{self, Ink, Medium, Picture, Scatter, Share, Spot, Staircase, TrialKind, Wrap};
use piton_run::stopping;
use piton_trial::text::{clean, plural, seconds};

/// Width of a picture for a narrow screen, in pixels.
const NARROW: f64 = 360.0;

/// A picture for either screen. Only one of the two is shown, or read aloud.
fn fitted(name: &str, wide: &Picture, narrow: &Picture) -> Markup {
    let narrow_name = format!("{name}-n");
    html! {
        div class="wide" { (PreEscaped(plot::svg(wide, Wrap::Inline(name)))) }
        div class="narrow" { (PreEscaped(plot::svg(narrow, Wrap::Inline(&narrow_name)))) }
    }
}

/// The staircase.
pub(super) fn stairs(stairs: &Staircase) -> Markup {
    let draw = |width, height| plot::staircase(stairs, Medium::pixels(width, height));
    fitted("stairs", &draw(1000.0, 440.0), &draw(NARROW, 400.0))
}

/// The staircase, and what it cost.
pub(super) fn pictures(view: &View, facts: &RunFacts) -> Markup {
    html! {
        section id="climb" {
            h2 { "The climb" }
            (stairs(&view.staircase()))
            p class="faint" { "Each trial stands at the incumbent's level plus what its own pairs measured; upright lines are intervals. Trials without a pair stand below." }
        }
        (cost(view, facts))
    }
}

/// Where the time went, and the money.
fn cost(view: &View, facts: &RunFacts) -> Markup {
    let spent = &facts.seconds;
    let shares = [
        Share { ink: Ink::Agent, name: "agent", seconds: spent.agent },
        Share { ink: Ink::Build, name: "build", seconds: spent.build },
        Share { ink: Ink::Measure, name: "measure", seconds: spent.measure },
        Share { ink: Ink::Waiting, name: "waiting", seconds: spent.waiting },
    ];
    let all: f64 = shares.iter().map(|share| share.seconds).sum();
    let mut money: BTreeMap<TrialKind, f64> = BTreeMap::new();
    for record in view.records {
        if let Some(usd) = record.claimed.agent.as_ref().and_then(|agent| agent.cost.usd) {
            *money.entry(TrialKind::of(&record.outcome)).or_default() += usd;
        }
    }
    let kept = facts.counts.get(TrialKind::Kept.word()).copied().unwrap_or(0);
    html! {
        @if all > 0.0 || facts.cost.calls > 0 {
            section id="cost" {
                h2 { "Time and cost" }
                @if all > 0.0 {
                    (fitted("time", &plot::strip(&shares, 1000.0), &plot::strip(&shares, NARROW)))
                    ul class="legend" {
                        @for share in shares.iter().filter(|share| share.seconds > 0.0) {
                            li { b class={ "f-" (share.ink.style().0) } aria-hidden="true" { "■" } " " (share.name) " " (seconds(share.seconds)) }
                        }
                        li { "together " (seconds(all)) ", " (seconds(all / facts.trials.max(1) as f64)) " a trial" }
                    }
                }
                @if facts.cost.calls > 0 {
                    p { "The agent's calls, as far as it tells: " (stopping::cost(&facts.cost))
                        @if let (Some(usd), true) = (facts.cost.usd, kept > 0) { ", " (dollars(usd / kept as f64)) " for each keep" } "." }
                }
                @if money.len() > 1 {
                    ul class="legend" {
                        @for (kind, usd) in &money { li { (glyph(*kind)) " " (kind.word()) " " (dollars(*usd)) } }
                    }
                }
            }
        }
    }
}

fn dollars(usd: f64) -> String {
    format!("${usd:.2}")
}

/// Second metrics against the primary one.
pub(super) fn others(view: &View) -> Markup {
    let name = &view.metric.name;
    let scatters = view.others().into_iter().filter_map(|(other, direction)| {
        let spot = |record: &piton_trial::record::Record| {
            let at = (record.value(&other)?, record.value(name)?);
            let finite = at.0.is_finite() && at.1.is_finite();
            finite.then(|| Spot { trial: record.trial, kind: TrialKind::of(&record.outcome), at })
        };
        let spots: Vec<Spot> = view.records.iter().filter_map(spot).collect();
        let x = (clean(&other, 60), direction);
        (spots.len() > 1).then(|| Scatter { x, y: (clean(name, 60), view.metric.direction), spots })
    });
    let scatters: Vec<Scatter> = scatters.collect();
    html! {
        @if !scatters.is_empty() {
            section id="others" {
                h2 { "Other metrics" }
                p class="faint" { "Values as measured in each trial, and not in pairs: the machine's moods are in them. The broken line joins the trials that nothing beats in both." }
                div class="two" {
                    @for (i, scatter) in scatters.iter().enumerate() {
                        @let draw = |width, height| plot::scatter(scatter, Medium::pixels(width, height));
                        @let front = scatter.front();
                        figure {
                            (fitted(&format!("other{i}"), &draw(500.0, 320.0), &draw(NARROW, 300.0)))
                            figcaption { "Best in both: "
                                @for (i, spot) in front.iter().take(FRONT).enumerate() {
                                    @if i > 0 { ", " } a href={ "#t" (spot.trial) } { (spot.trial) }
                                }
                                @if front.len() > FRONT { " and " (plural(front.len() - FRONT, "other")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Trials of a front that are named.
const FRONT: usize = 20;
