//! Which keep was built on which, where a run did not go straight on.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::expensive;
use crate::trial::Record;

/// The way of a run through its keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// From the baseline to the incumbent.
    pub line: Vec<u32>,
    /// Keeps that do not lie on it: each with the one that it was built on.
    pub aside: Vec<(u32, u32)>,
}

/// The lineage of a run; `None` where every keep stands on the one before.
pub fn lineage(records: &[Record]) -> Option<Lineage> {
    let parents = parents(records);
    let line = way(records, &parents);
    let aside: Vec<(u32, u32)> = parents
        .iter()
        .filter(|(trial, _)| !line.contains(trial))
        .map(|(trial, parent)| (*trial, *parent))
        .collect();
    (!aside.is_empty()).then_some(Lineage { line, aside })
}

/// The trials from the baseline to the incumbent, each built on the one before; empty where there is no baseline.
pub fn line(records: &[Record]) -> Vec<u32> {
    way(records, &parents(records))
}

/// The keep, or the baseline, that each keep was built on.
fn parents(records: &[Record]) -> BTreeMap<u32, u32> {
    let kept = |record: &&Record| record.trial == 0 || record.outcome.kept();
    let number: BTreeMap<&str, u32> =
        records.iter().filter(kept).filter_map(|r| Some((r.commit.as_deref()?, r.trial))).collect();
    records
        .iter()
        .filter(|record| record.outcome.kept())
        .filter_map(|r| Some((r.trial, *number.get(r.parent.as_deref()?)?)))
        .collect()
}

fn way(records: &[Record], parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut line: Vec<u32> = expensive::incumbent(records).iter().map(|record| record.trial).collect();
    // A parent is older than its child, so this ends.
    while let Some(parent) =
        line.last().and_then(|last| parents.get(last).filter(|parent| *parent < last).copied())
    {
        line.push(parent);
    }
    line.reverse();
    line
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
