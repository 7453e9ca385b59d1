//! A grid of prompt lengths and concurrencies: as text, and as a page with a heat map.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use crate::load::figures::Figures;
use crate::recipe::TrialRecipe;

/// What was found at one prompt length and concurrency.
#[derive(Debug, Serialize)]
pub struct GridCell {
    /// Words of each prompt.
    pub words: u32,
    /// Requests open at once.
    pub concurrency: u32,
    /// Why there are no figures: a reason of the list with its note; absent where there are.
    pub reason: Option<String>,
    /// It was not tried, since a smaller one was too much already.
    pub skipped: bool,
    /// What was measured.
    pub figures: Option<Figures>,
}

/// The grid as text: tokens per second and the 95th percentile of the time to the first token, or the reason.
pub fn table(lengths: &[u32], levels: &[u32], cells: &[GridCell]) -> String {
    let mut text = format!("tokens/s, p95 TTFT ms\n{:>12}", "words");
    for level in levels {
        text.push_str(&format!("{:>22}", format!("concurrency {level}")));
    }
    for length in lengths {
        text.push_str(&format!("\n{length:>12}"));
        for cell in cells.iter().filter(|cell| cell.words == *length) {
            let words = match (&cell.figures, &cell.reason) {
                (Some(figures), _) => format!(
                    "{} {}",
                    figures.tokens_per_s.map_or_else(|| "-".to_owned(), |tps| format!("{tps:.1}")),
                    figures.ttft_ms.map_or_else(|| "-".to_owned(), |ttft| format!("{:.0}", ttft.p95))
                ),
                (None, reason) => {
                    reason.as_deref().unwrap_or("-").split(':').next().unwrap_or("-").to_owned()
                }
            };
            text.push_str(&format!("{words:>22}"));
        }
    }
    let why =
        cells.iter().filter(|cell| !cell.skipped).filter_map(|cell| Some((cell, cell.reason.as_ref()?)));
    for (cell, reason) in why {
        text.push_str(&format!("\n{} words at concurrency {}: {reason}", cell.words, cell.concurrency));
    }
    text
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:separate;border-spacing:3px}td,th{padding:.5rem .8rem;text-align:center}td.bad{background:#f6c7c7;color:#600}td.dim{background:#eee;color:#777}small{display:block}";

/// One page with the heat map: the greener, the more tokens per second; red is what cannot be served, with its reason.
pub fn page(recipe: &TrialRecipe, lengths: &[u32], levels: &[u32], cells: &[GridCell]) -> String {
    let most = cells.iter().filter_map(|cell| cell.figures.as_ref()?.tokens_per_s).fold(1e-9, f64::max);
    let shown = |cell: &GridCell| -> Markup {
        let Some(figures) = &cell.figures else {
            let class = if cell.skipped { "dim" } else { "bad" };
            return html! { td class=(class) { (cell.reason.as_deref().unwrap_or_default()) } };
        };
        let rate = figures.tokens_per_s.unwrap_or(0.0);
        let light = 92.0 - 42.0 * rate / most;
        html! {
            td style=(format!("background:hsl(130,45%,{light:.0}%);color:#111")) {
                (format!("{rate:.1}")) " tokens/s"
                small { (figures.ttft_ms.map_or_else(String::new, |ttft| format!("TTFT {:.0} / {:.0} / {:.0} ms", ttft.p50, ttft.p95, ttft.p99))) }
                small { (figures.itl_ms.map_or_else(String::new, |itl| format!("ITL {:.1} / {:.1} / {:.1} ms", itl.p50, itl.p95, itl.p99))) }
            }
        }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Grid of " (recipe.model) } style { (PreEscaped(STYLE)) } }
            body {
                h1 { "Grid of " (recipe.model) }
                p { "Words of a prompt downwards, requests open at once to the right. Times are the 50th, 95th and 99th percentile." }
                table {
                    tr { th {} @for level in levels { th { (level) } } }
                    @for length in lengths {
                        tr {
                            th { (length) }
                            @for cell in cells.iter().filter(|cell| cell.words == *length) { (shown(cell)) }
                        }
                    }
                }
                pre { (recipe.text()) }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_cell_that_failed_shows_its_reason_in_text_and_page() {
        let cell = |concurrency, reason: &str, skipped| GridCell {
            words: 10,
            concurrency,
            reason: Some(reason.into()),
            skipped,
            figures: None,
        };
        let cells = [cell(1, "memory: failed to allocate", false), cell(2, "not tried", true)];
        let text = table(&[10], &[1, 2], &cells);
        assert!(text.contains("10 words at concurrency 1: memory: failed to allocate"), "{text}");
        assert!(!text.contains("concurrency 2: not tried"), "{text}");
        let recipe = TrialRecipe { model: "m<x>".into(), knobs: BTreeMap::new() };
        let page = page(&recipe, &[10], &[1, 2], &cells);
        assert!(
            page.contains("failed to allocate") && page.contains("m&lt;x&gt;") && !page.contains("<x>"),
            "{page}"
        );
    }
}
