//! The report for people, as Markdown.

use comfy_table::{CellAlignment, Table, presets};

use super::SimulationReport;

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
    let hold = report.bars.iter().filter(|bar| bar.holds).count();
    format!(
        "{}\n\n{}\n\n{}\n\n{hold} of {} bars hold\n",
        markdown(["bar", "what", "measured", "error", "bound", "published", "holds"], bars, 1),
        markdown(["without a bar", "measured", "error", "published"], figures, 0),
        markdown(["rule", "keeps no effect", "keeps +3 %", "keeps -1 %", "runs"], peers, 0),
        report.bars.len(),
    )
}

/// All columns but `left` are numbers.
fn markdown<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    left: usize,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header).add_rows(rows);
    for column in (0..N).filter(|column| *column != left) {
        table.column_mut(column).expect("as many as the header").set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Four digits of a share, less of a count.
fn figure(value: f64) -> String {
    if value.abs() < 1.0 { format!("{value:.4}") } else { format!("{value:.2}") }
}
