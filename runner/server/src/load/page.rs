//! Figures of loads as one HTML page that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::Figures;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd}\
td:first-child,th:first-child{text-align:left}.bad{color:#b00020}.dim{color:#777}svg{max-width:100%;height:auto}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}td,th{border-color:#333}.bad{color:#ff8a80}}";

/// The page of the loads of one server.
pub fn page(server: &str, model: Option<&str>, at: &str, all: &[Figures]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Load of " (server) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Load of " (server) }
                p.dim { @if let Some(model) = model { "Model " (model) ". " } "Measured " (at) ". Times are milliseconds since a request was written." }
                (figures(all))
                (errors(all))
                h2 { "Tokens per second against the first token" }
                (picture(all))
                p.dim { "Each point is a load: to the right its 95th percentile of the time to the first token, upwards its tokens per second." }
            }
        }
    }
    .into_string()
}

fn cell(value: Option<f64>) -> Markup {
    html! { td { @match value { Some(value) => (format!("{value:.1}")), None => span.dim { "–" } } } }
}

fn figures(all: &[Figures]) -> Markup {
    let spreads = |f: &Figures| [f.ttft_ms, f.itl_ms, f.tpot_ms, f.e2e_ms];
    let names = ["TTFT", "ITL", "TPOT", "whole"];
    html! {
        table {
            tr {
                th { "load" } th { "done" } th { "requests/s" } th { "tokens/s" } th { "goodput/s" }
                @for name in names { th { (name) " p50" } th { "p95" } th { "p99" } }
            }
            @for load in all {
                tr {
                    td { (load.arrival.words()) }
                    td class=(if load.done < load.requests { "bad" } else { "" }) { (load.done) "/" (load.requests) }
                    (cell(Some(load.requests_per_s))) (cell(load.tokens_per_s)) (cell(load.goodput_per_s))
                    @for spread in spreads(load) {
                        (cell(spread.map(|p| p.p50))) (cell(spread.map(|p| p.p95))) (cell(spread.map(|p| p.p99)))
                    }
                }
            }
        }
    }
}

fn errors(all: &[Figures]) -> Markup {
    html! {
        @if all.iter().any(|load| !load.errors.is_empty()) {
            h2 { "Errors" }
            table {
                tr { th { "load" } th { "ended as" } th { "requests" } th { "what was said first" } }
                @for load in all {
                    @for (name, failure) in &load.errors {
                        tr { td { (load.arrival.words()) } td.bad { (name) } td { (failure.n) } td { (failure.text) } }
                    }
                }
            }
        }
    }
}

/// A point for each load that has both figures.
fn picture(all: &[Figures]) -> Markup {
    let points: Vec<(f64, f64, String)> = all
        .iter()
        .filter_map(|load| Some((load.ttft_ms?.p95, load.tokens_per_s?, load.arrival.words())))
        .collect();
    let most = |of: fn(&(f64, f64, String)) -> f64| points.iter().map(of).fold(1e-9, f64::max);
    let (right, top) = (most(|p| p.0), most(|p| p.1));
    let x = |ms: f64| 60.0 + 540.0 * ms / right;
    let y = |rate: f64| 280.0 - 250.0 * rate / top;
    html! {
        svg viewBox="0 0 760 320" width="760" role="img" aria-label="tokens per second against the time to the first token" {
            path d="M60 20V280H610" fill="none" stroke="currentColor" {}
            text x="610" y="300" text-anchor="end" font-size="12" fill="currentColor" { (format!("{right:.0} ms")) }
            text x="55" y="30" text-anchor="end" font-size="12" fill="currentColor" { (format!("{top:.0}")) }
            @for (ms, rate, name) in &points {
                circle cx=(format!("{:.1}", x(*ms))) cy=(format!("{:.1}", y(*rate))) r="4" fill="#1a73e8" {}
                text x=(format!("{:.1}", x(*ms) + 8.0)) y=(format!("{:.1}", y(*rate) + 4.0)) font-size="12" fill="currentColor" { (name) }
            }
        }
    }
}
