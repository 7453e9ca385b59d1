//! Figures of loads as a table for a terminal, and as CSV.

use std::fmt::Write;

use super::figures::{Figures, Percentiles};

fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value.abs() >= 1000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
        None => "-".to_owned(),
    }
}

fn three(of: Option<Percentiles>) -> String {
    of.map_or_else(|| "-".to_owned(), |p| [p.p50, p.p95, p.p99].map(|ms| number(Some(ms))).join(" / "))
}

/// A table with a line for each load, and below it what went wrong.
pub fn table(all: &[Figures]) -> String {
    let head = [
        "load",
        "done",
        "req/s",
        "tokens/s",
        "goodput/s",
        "TTFT ms p50/95/99",
        "ITL ms p50/95/99",
        "TPOT ms p50/95/99",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(all.iter().map(|figures| {
        [
            figures.arrival.words(),
            format!("{}/{}", figures.done, figures.requests),
            number(Some(figures.requests_per_s)),
            number(figures.tokens_per_s),
            number(figures.goodput_per_s),
            three(figures.ttft_ms),
            three(figures.itl_ms),
            three(figures.tpot_ms),
        ]
    }));
    // Nobody wants a column that says nothing.
    let shown: Vec<usize> =
        (0..head.len()).filter(|column| rows[1..].iter().any(|row| row[*column] != "-")).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            shown.iter().map(|&column| format!("{:>w$}", row[column], w = width(column))).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    for figures in all {
        for (name, failure) in &figures.errors {
            let words = if failure.text.is_empty() { String::new() } else { format!(": {}", failure.text) };
            let _ = writeln!(
                text,
                "{}: {} of {} ended as {name}{words}",
                figures.arrival.words(),
                failure.n,
                figures.requests
            );
        }
        if let Some(cached) = figures.of_a_cache() {
            let _ = writeln!(
                text,
                "{}: a cache answered for {cached} tokens of the prompts: these are its figures, too",
                figures.arrival.words()
            );
        }
        if let Some(share) = figures.acceptance {
            let _ = writeln!(
                text,
                "{}: {:.1} % of the drafted tokens were accepted",
                figures.arrival.words(),
                share * 100.0
            );
        }
        if let Some(late) = figures.late_ms.filter(|late| late.p99 > 50.0) {
            let _ = writeln!(
                text,
                "{}: requests began {:.0} ms late at the 99th percentile: this client is too slow for the rate",
                figures.arrival.words(),
                late.p99
            );
        }
    }
    text
}

/// The names of CSV's columns that are percentiles.
const SPREAD: [&str; 6] = ["ttft_ms", "itl_ms", "tpot_ms", "e2e_ms", "answer_tokens_per_s", "late_ms"];

/// CSV with a line for each load; a figure that was not measured is an empty cell.
pub fn csv(all: &[Figures]) -> String {
    let mut text = "arrival,value,requests,done,errors,wall_s,requests_per_s,tokens_per_s,all_tokens_per_s,goodput_per_s,cached_tokens,acceptance".to_owned();
    for name in SPREAD {
        let _ = write!(text, ",{name}_p50,{name}_p95,{name}_p99,{name}_mean");
    }
    text.push('\n');
    for figures in all {
        let (kind, value) = match figures.arrival {
            super::Arrival::Concurrency(n) => ("concurrency", f64::from(n)),
            super::Arrival::Rate(rate) => ("rate", rate),
        };
        let errors: usize = figures.errors.values().map(|failure| failure.n).sum();
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let mut cells = vec![kind.to_owned(), value.to_string()];
        cells.extend([figures.requests, figures.done, errors].map(|n| n.to_string()));
        cells.extend([figures.wall_s, figures.requests_per_s].map(|n| n.to_string()));
        cells.extend([figures.tokens_per_s, figures.all_tokens_per_s, figures.goodput_per_s].map(cell));
        cells.extend([figures.cached_tokens.map(|n| n as f64), figures.acceptance].map(cell));
        let spreads = [
            figures.ttft_ms,
            figures.itl_ms,
            figures.tpot_ms,
            figures.e2e_ms,
            figures.answer_tokens_per_s,
            figures.late_ms,
        ];
        for spread in spreads {
            let each = spread.map(|p| [p.p50, p.p95, p.p99, p.mean]);
            cells.extend((0..4).map(|n| cell(each.map(|each| each[n]))));
        }
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}
