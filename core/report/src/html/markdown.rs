//! The report in a few lines of Markdown, for a pull request.

use super::View;
use crate::plot;
use piton_run::stopping;
use piton_trial::text::{clean, ends, gain, noun, seconds, value};

/// Keeps that are listed.
const KEEPS: usize = 30;

/// Longest foreign text, in characters.
const WORDS: usize = 120;

/// `text` as code, at most `most` characters of it: nothing in it is Markdown, a mention or HTML.
pub fn code(text: &str, most: usize) -> String {
    let text = clean(text, most).replace('`', "'");
    // Without anything between them, two of them would begin a code that ends elsewhere.
    if text.trim().is_empty() { "-".to_owned() } else { format!("`{text}`") }
}

/// The same in a table.
pub fn cell(text: &str, most: usize) -> String {
    code(text, most).replace('|', "\\|")
}

/// The report as Markdown.
pub fn markdown(view: &View) -> String {
    let facts = view.facts();
    let mut text = format!("## {} from run {}\n\n", code(&view.metric.name, WORDS), code(view.run, WORDS));
    if let Some(evidence) = &view.metric.evidence {
        text.push_str(&format!("Pairs are judged by {}.\n\n", code(evidence, WORDS)));
    }
    match &facts.verified {
        Some(v) => text.push_str(&format!(
            "**{}** (95 % interval {}), HEAD against the baseline in {} fresh pairs{}\n",
            gain(v.gain, view.metric),
            ends(Some(v.low), Some(v.high), view.metric),
            v.pairs,
            if v.of_incumbent { "." } else { ", measured before the last keeps." }
        )),
        None => text.push_str(
            "**Not verified**: `piton verify` measures HEAD against the baseline in fresh pairs.\n",
        ),
    }
    text.push_str(&format!(
        "The keeps as each was measured come to {}, which is inflated: each was kept for having come out well.\n\n",
        gain(facts.sum_of_keeps, view.metric)
    ));
    if let (Some(from), Some(to)) = (facts.baseline_value, facts.incumbent_value) {
        let [from, to, unit] = value::both(from, to, view.metric);
        text.push_str(&format!("{from} → {to}{unit}\n\n"));
    }
    let spent = facts.seconds;
    let counts: Vec<String> =
        plot::counts(view.records).into_iter().map(|(kind, n)| format!("{n} {}", kind.word())).collect();
    text.push_str(&format!(
        "{} trials: {}. Agent {}, build {}, measure {}, waiting {}.{}\n\n",
        facts.trials,
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") },
        seconds(spent.agent),
        seconds(spent.build),
        seconds(spent.measure),
        seconds(spent.waiting),
        if facts.cost.calls > 0 {
            format!(" The agent: {}.", stopping::cost(&facts.cost))
        } else {
            String::new()
        }
    ));
    let keeps: Vec<_> = view.records.iter().filter(|record| record.outcome.kept()).collect();
    if !keeps.is_empty() {
        text.push_str(&format!(
            "| trial | {} | interval | what |\n|---:|---:|---:|---|\n",
            noun(view.metric)
        ));
        for record in keeps.iter().take(KEEPS) {
            let estimate = record.outcome.estimate();
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                record.trial,
                estimate.map_or_else(|| "-".to_owned(), |e| gain(e.gain, view.metric)),
                estimate.map_or_else(String::new, |e| super::trials::interval(e, view.metric)),
                cell(&record.claimed.description, WORDS)
            ));
        }
        if keeps.len() > KEEPS {
            text.push_str(&format!("\nand {} more: `piton log --kept`\n", keeps.len() - KEEPS));
        }
        text.push('\n');
    }
    let from = &facts.provenance;
    let all =
        |values: &[String]| values.iter().map(|value| code(value, WORDS)).collect::<Vec<_>>().join(", ");
    text.push_str(&format!(
        "Measured on {}; confinement {}; rule {}; harness {}; piton {}.\nBaseline {}, incumbent {}. `piton audit` checks ledger and commits.\n",
        all(&from.machines),
        all(&from.confinement),
        all(&from.rules),
        if from.harnesses.is_empty() { "of the project".to_owned() } else { all(&from.harnesses) },
        all(&from.versions),
        code(view.base, WORDS),
        code(facts.incumbent.as_deref().unwrap_or("-"), WORDS)
    ));
    text
}
