//! The page as it is served while a run goes on: the same, with a strip of what goes on now, and what changes of it apart.
//!
//! Without scripts it is the static page with the strip as it was when it was asked for; the buttons are forms. Scripts only put in
//! what the server sends: the strip, the top of the page, a row for each trial.

use maud::{Markup, PreEscaped, html};

use super::{SCRIPT, View, document, headline, kept, lineage, others, pictures, provenance, title, trials};
use crate::live_state::{Live, LiveTrial};
use crate::plot::{self, Wrap};
use piton_base::metric::{Gain, Metric};
use piton_trial::record::Record;
use piton_trial::text::{gain, printable, seconds};

const LIVE: &str = include_str!("live.js");

/// Who serves it.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// What the buttons send back, so that no other page can press them; absent where there are to be none.
    pub key: Option<&'a str>,
    /// What only this answer's script has.
    pub nonce: &'a str,
    /// Now, in seconds since 1970.
    pub at: u64,
    /// What is said where there is no run.
    pub nothing: &'a str,
}

/// The page.
pub fn live(view: Option<&View>, live: &Live, served: Served) -> String {
    let (run, last) = (view.map(|view| view.run), live.last);
    let strip = html! {
        section id="now" aria-label="now" data-run=[run] data-last=[last] {
            p class="title" { "Now" }
            div id="strip" { (PreEscaped(strip(live, view.map(|view| view.metric), served.at))) }
            output id="said" {}
            @match served.key {
                Some(key) => (buttons(run, key)),
                None => p class="faint" { "To stop the climb or to leave a note, open the address that piton serve printed." },
            }
            noscript { p class="faint" { "This page does not change by itself where scripts do not run: load it again." } }
        }
    };
    let Some(view) = view else {
        let body = html! { (strip) p { (served.nothing) } };
        return document("piton", &body, None, Some(served.nonce), LIVE);
    };
    let rest = html! { (others(view)) (lineage::section(view.records)) (provenance(view, &view.facts())) };
    let top = html! { (strip) div id="top" { (top(view)) } };
    let script = format!("{SCRIPT}{LIVE}");
    let spent = document(&title(view), &html! { (top) (rest) }, None, Some(served.nonce), &script).len();
    let body = html! { (top) (trials::section(view, spent)) (rest) };
    document(&title(view), &body, None, Some(served.nonce), &script)
}

/// What stands above the table.
fn top(view: &View) -> Markup {
    let facts = view.facts();
    html! { (headline(view, &facts)) (pictures(view, &facts)) (kept(view)) }
}

fn buttons(run: Option<&str>, key: &str) -> Markup {
    let hidden = html! {
        input type="hidden" name="key" value=(key);
        @if let Some(run) = run { input type="hidden" name="run" value=(run); }
    };
    html! {
        div class="buttons" {
            form method="post" action="/stop" { (hidden)
                button name="when" value="after" { "stop after this trial" }
                " " button name="when" value="now" { "stop now" }
            }
            @if run.is_some() {
                form method="post" action="/note" { (hidden)
                    label { "note " input name="text" required maxlength="4000" size="36" placeholder="an idea for the next proposal"; }
                    " " button { "leave" }
                }
            }
        }
    }
}

/// What goes on now.
pub fn strip(live: &Live, metric: Option<&Metric>, at: u64) -> String {
    let since = |then: u64| {
        let gone = at.saturating_sub(then);
        html! { span class="since" data-s=(gone) { (seconds(gone as f64)) } }
    };
    html! {
        p class="doing" {
            b { (live.headline()) }
            @if let Some(now) = &live.now { " " span class="faint" { "for " (since(now.since)) } }
        }
        @if let Some(trial) = live.trial() {
            p { (trial.what) " " span class="faint" { "(trial " (trial.number) ", " (since(trial.began)) " so far)" } }
            @if let Some(metric) = metric { (pairs(trial, metric)) }
        }
        dl {
            @for (name, value) in live.lines(at) { div { dt { (name) } dd { (value) } } }
        }
    }
    .into_string()
}

/// The pairs of a trial, and what they say so far.
fn pairs(trial: &LiveTrial, metric: &Metric) -> Markup {
    let middle = Gain::median(&trial.gains).unwrap_or(Gain::ZERO);
    html! {
        @if !trial.gains.is_empty() {
            div class="pairs" {
                (PreEscaped(plot::svg(&plot::pairs(&trial.gains, middle, metric), Wrap::Small)))
                span { (trial.pairs) @if trial.pairs == 1 { " pair" } @else { " pairs" }
                    @if let Some(evidence) = &trial.evidence { " of at most " (evidence.most) }
                    ", median " (gain(middle, metric)) }
            }
        }
        @if let Some(evidence) = &trial.evidence {
            @let (keep, give_up) = evidence.shares();
            @let (kept, given_up) = evidence.words();
            div class="bounds" {
                label { meter min="0" max="1" value=(format!("{keep:.3}")) { (format!("{:.0} %", keep * 100.0)) } " " (kept) }
                label { meter min="0" max="1" value=(format!("{give_up:.3}")) { (format!("{:.0} %", give_up * 100.0)) } " " (given_up) }
            }
        }
    }
}

/// What of the page is another after a trial, as parts of it: its top, and what the table can be narrowed down to.
pub fn news(view: &View) -> (String, String) {
    (top(view).into_string(), trials::kinds(view).into_string())
}

/// The row of a trial.
pub fn row(view: &View, record: &Record) -> String {
    trials::row(view, record).into_string()
}

/// What a button did, where scripts do not run.
pub fn answer(words: &str, nonce: &str) -> String {
    let body = html! { h1 { "piton" } pre { (printable(words)) } p { a href="/" { "back to the run" } } };
    document("piton", &body, None, Some(nonce), "")
}
