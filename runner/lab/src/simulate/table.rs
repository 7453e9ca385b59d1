//! The report for people, as Markdown.

use comfy_table::{CellAlignment, Table, presets};

use super::SimulationReport;

const MIXED: [&str; 7] =
    ["load", "design", "decisions an hour", "pairs", "gains kept", "gains an hour", "false keeps an hour"];

/// The report as Markdown.
pub fn table(report: &SimulationReport) -> String {
    let bars = report.bars.iter().map(|bar| {
        let sign = if bar.at_most { "<=" } else { ">=" };
        let bound = format!("{sign} {}", bar.bound);
        let published = bar.published.map_or_else(String::new, |figure| figure.to_string());
        let holds = if bar.holds { "yes" } else { "NO" }.to_owned();
        [
            bar.number.to_string(),
            bar.name.clone(),
            figure(bar.measured),
            figure(bar.error),
            bound,
            published,
            holds,
        ]
    });
    let figures = report.figures.iter().map(|f| {
        [
            f.name.clone(),
            figure(f.measured),
            figure(f.error),
            f.published.map_or_else(String::new, |figure| figure.to_string()),
        ]
    });
    let peers = report.peers.iter().map(|row| {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let [none, gain, loss] = [row.kept_no_effect, row.kept_gain, row.kept_loss].map(percent);
        [row.rule.clone(), none, gain, loss, format!("{:.1}", row.runs)]
    });
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let tests = report.tests.iter().flat_map(|row| {
        row.shares.iter().map(move |share| {
            let [pairs, gated] = [share.pairs, share.gated].map(figure);
            [row.hour.clone(), row.test.clone(), share.change.clone(), percent(share.kept), pairs, gated]
        })
    });
    let mixed = report.mixed.iter().map(|row| {
        let [decisions, gains, falsely] =
            [row.decisions, row.gains, row.false_keeps].map(|n| format!("{n:.1}"));
        let (pairs, kept) = (figure(row.pairs), percent(row.gains_kept));
        [row.hour.clone(), row.design.clone(), decisions, pairs, kept, gains, falsely]
    });
    let hold = report.bars.iter().filter(|bar| bar.holds).count();
    let tables = [
        markdown(["bar", "what", "measured", "error", "bound", "published", "holds"], bars, &[1]),
        markdown(["without a bar", "measured", "error", "published"], figures, &[0]),
        markdown(["load", "test", "change", "kept", "pairs", "with gates"], tests, &[0, 1, 2]),
        markdown(MIXED, mixed, &[0, 1]),
        markdown(["rule", "keeps no effect", "keeps +3 %", "keeps -1 %", "runs"], peers, &[0]),
    ];
    let tables: String = tables.into_iter().flatten().map(|table| table + "\n\n").collect();
    format!("{tables}{hold} of {} bars hold\n", report.bars.len())
}

/// A table, where it has rows. All columns but those to the `left` are numbers.
fn markdown<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    left: &[usize],
) -> Option<String> {
    let mut rows = rows.peekable();
    rows.peek()?;
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header).add_rows(rows);
    for column in (0..N).filter(|column| !left.contains(column)) {
        table.column_mut(column).expect("as many as the header").set_cell_alignment(CellAlignment::Right);
    }
    Some(table.to_string())
}

/// Four digits of a share, less of a count.
fn figure(value: f64) -> String {
    if value.abs() < 1.0 { format!("{value:.4}") } else { format!("{value:.2}") }
}
