//! Which keep was built on which, where a run did not go straight on.

use maud::{Markup, html};

use piton_run::rechecks;
use piton_trial::record::Record;

/// The way of a run through its keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lineage {
    /// From the baseline to the incumbent.
    pub line: Vec<u32>,
    /// Keeps that do not lie on it: each with the one that it was built on.
    pub aside: Vec<(u32, u32)>,
}

/// The lineage of a run; `None` where every keep stands on the one before.
pub(crate) fn lineage(records: &[Record]) -> Option<Lineage> {
    let (parents, line) = (rechecks::parents(records), rechecks::commits(records));
    let aside: Vec<(u32, u32)> = parents
        .iter()
        .filter(|(trial, _)| !line.contains(trial))
        .map(|(trial, parent)| (*trial, *parent))
        .collect();
    (!aside.is_empty()).then_some(Lineage { line, aside })
}

/// The same in the page.
pub(super) fn section(records: &[Record]) -> Markup {
    let name = |trial: u32| {
        html! { @if trial == 0 { "baseline" } @else { a href={ "#t" (trial) } { "trial " (trial) } } }
    };
    html! {
        @if let Some(lineage) = lineage(records) {
            section {
                h2 { "Where the climb branched" }
                p { @for (i, trial) in lineage.line.iter().enumerate() { @if i > 0 { " → " } (name(*trial)) } ": the incumbent" }
                ul { @for (trial, parent) in &lineage.aside { li { (name(*parent)) " → " (name(*trial)) ": kept, and later left or taken back" } } }
            }
        }
    }
}
