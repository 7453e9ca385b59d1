//! What people and programs read: tables, commit messages, briefs and the rows of `results.tsv`, as strings.

mod log;
mod show;

use piton_base::commit::CommitId;
use serde::Serialize;

use piton_base::conditions::Conditions;
use piton_base::metric::{Gain, Metric, Scale, Values};
use piton_base::stats;
use piton_rule::gate::GateResult;
use piton_rule::keep::Case;
use piton_trial::record::Record;
use piton_trial::text::width;
use piton_trial::text::{clean, gain, number, plural, seconds, size, verdict};

pub use log::{Filter, LogLine, log_header, log_line};
pub use show::show;

/// What the commit at HEAD measured against itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseReport {
    /// The primary metric.
    pub metric: String,
    /// Seed of coins and prompts.
    pub seed: u64,
    /// Its value in every sample, in order.
    pub values: Vec<f64>,
    /// How they are compared.
    pub scale: Scale,
    /// Gain of every pair; its true value is 0.
    pub gains: Vec<Gain>,
    /// Wall clock of a sample, half a pair's, in seconds.
    pub seconds: Vec<f64>,
    /// What the machine was doing, pair by pair.
    pub conditions: Vec<Conditions>,
    /// Pairs that did not count.
    pub void_pairs: usize,
    /// The noise of the same pairs by each clock that read them.
    pub clocks: Vec<ClockNoise>,
}

/// What a pair's gain varies by, where nothing differs, by one clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockNoise {
    /// A metric: the primary one, what it is judged by, or one of piton's own meters.
    pub name: String,
    /// 1.4826 times the median size of the log ratio, a share.
    pub spread: f64,
}

impl ClockNoise {
    /// From both sides' values of each pair; absent where one of them is not above zero.
    pub fn of(name: &str, pairs: &[[f64; 2]]) -> Option<Self> {
        let sizes = pairs.iter().map(|[one, two]| {
            let ratio = (two / one).ln();
            ratio.is_finite().then_some(ratio.abs())
        });
        let sizes = sizes.collect::<Option<Vec<f64>>>()?;
        Some(Self { name: name.to_owned(), spread: 1.4826 * stats::median(&sizes)? })
    }
}

/// So many times less noise are worth another clock.
const WORTH: f64 = 1.5;

/// What to judge by, where another clock than `by` varies clearly less.
pub fn clock_advice(clocks: &[ClockNoise], by: &str) -> Option<String> {
    let now = clocks.iter().find(|clock| clock.name == by)?;
    let best = clocks.iter().min_by(|one, other| one.spread.total_cmp(&other.spread))?;
    if best.name == by || best.spread * WORTH > now.spread {
        return None;
    }
    let times = now.spread / best.spread;
    let times = if times.is_finite() {
        format!("{times:.1} times less than")
    } else {
        "not at all, unlike".to_owned()
    };
    Some(format!(
        "{} varies {times} {by}: where a sample does the same work however fast the program is, `evidence = \"{}\"` in [metric] judges pairs by it, and {by} stays a guard",
        best.name, best.name
    ))
}

/// The same in words: spreads are 1.4826 times the median absolute deviation.
pub fn noise_words(noise: &NoiseReport) -> String {
    let pct = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{:.2} %", x * 100.0));
    // Spreads of logarithms as shares, as ever; of differences in their unit.
    let spread = |x: Option<f64>| match noise.scale {
        Scale::Ratio => pct(x),
        Scale::Difference => x.map_or_else(|| "-".to_owned(), number),
    };
    let middle = |values: &[f64]| stats::median(values).map_or_else(|| "-".to_owned(), number);
    let rms = (noise.gains.iter().map(|g| g.0 * g.0).sum::<f64>() / noise.gains.len().max(1) as f64).sqrt();
    let clocks: Vec<String> =
        noise.clocks.iter().map(|clock| format!("{} {}", clock.name, pct(Some(clock.spread)))).collect();
    let clocks = if clocks.len() < 2 {
        String::new()
    } else {
        format!("spread by each clock: {}\n", clocks.join(", "))
    };
    let advice = clock_advice(&noise.clocks, &noise.metric).map_or_else(String::new, |advice| advice + "\n");
    format!(
        "{} {}: median {}, spread from sample to sample {}\ngain of {} of the same build against itself: median {}, spread {}, root mean square {}\none sample takes {} s\n{clocks}{advice}",
        plural(noise.values.len(), "sample"),
        noise.metric,
        middle(&noise.values),
        match noise.scale {
            Scale::Ratio => pct(stats::spread(&noise.values)),
            Scale::Difference => spread(stats::deviation(&noise.values)),
        },
        plural(noise.gains.len(), "pair"),
        Gain::median(&noise.gains).map_or_else(
            || "-".to_owned(),
            |g| match noise.scale {
                Scale::Ratio => format!("{:+.2} %", g.percent()),
                Scale::Difference => number(g.0),
            }
        ),
        spread(stats::deviation(&Gain::numbers(&noise.gains))),
        spread(Some(rms)),
        middle(&noise.seconds)
    )
}

/// What the gates said of a variant whose quality is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Discrimination {
    /// The variant.
    pub name: String,
    /// What a sound gate says.
    pub should_pass: bool,
    /// How many samples alone would have been enough to catch it.
    pub samples_caught: usize,
    /// Samples taken.
    pub samples: usize,
    /// What the first sample that gave no values came to instead, such as `ended_early`: it catches the variant too.
    pub outcome: Option<String>,
    /// Medians over the samples.
    pub metrics: Values,
    /// The gates over all samples.
    pub gates: Vec<GateResult>,
    /// Speed as a multiple of the first variant's.
    pub speed: Option<f64>,
}

impl Discrimination {
    /// Whether every sample was measured and all gates hold over all of them.
    pub fn passes(&self) -> bool {
        self.outcome.is_none() && self.gates.iter().all(|gate| gate.pass)
    }

    /// Whether the gates said what they should.
    pub fn right(&self) -> bool {
        self.passes() == self.should_pass
    }
}

/// The table of `piton lab discriminate`, as Markdown: the pooled value of each gate, those that fail in bold.
pub fn discrimination_table(rows: &[Discrimination]) -> String {
    let Some(first) = rows.first() else { return "no variant has that name\n".to_owned() };
    let columns: Vec<String> = first.gates.iter().map(|g| format!("{} {}", g.metric, g.bound)).collect();
    let mut text =
        format!("| variant | should | did | {} | caught by one sample | speed |\n", columns.join(" | "));
    text.push_str(&format!("|{}\n", "---|".repeat(columns.len() + 5)));
    for row in rows {
        let reading = |column: &GateResult| match row.gates.iter().find(|g| g.metric == column.metric) {
            Some(g) if g.pass => number(g.value),
            Some(g) => format!("**{}**", number(g.value)),
            None => "-".to_owned(),
        };
        let cells: Vec<String> = first.gates.iter().map(reading).collect();
        let word = |pass: bool| if pass { "pass" } else { "fail" };
        text.push_str(&format!(
            "| {} | {} | {}{}{} | {} | {} of {} | {} |\n",
            row.name,
            word(row.should_pass),
            word(row.passes()),
            row.outcome.as_ref().map_or_else(String::new, |how| format!(": {how}")),
            if row.right() { "" } else { " (WRONG)" },
            cells.join(" | "),
            row.samples_caught,
            row.samples,
            row.speed.map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"))
        ));
    }
    let wrong = rows.iter().filter(|row| !row.right()).count();
    text.push_str(&format!("\n{} of {} variants judged as they should be\n", rows.len() - wrong, rows.len()));
    text
}

/// The table of `piton lab rehearse`, as Markdown.
pub fn rehearsal_table(rows: &[Rehearsal], metric: &Metric, alpha: f64) -> String {
    let fine = |by: Gain| fine(by, metric);
    let mut text = "| change | trials | kept | gain as printed | of all pairs (95 %) | pairs: mean, most | tau | time of a trial | void pairs |\n".to_owned();
    text.push_str(&format!("|{}\n", "---|".repeat(9)));
    for row in rows {
        let pairs = f64::from(row.pairs.iter().sum::<u32>()) / row.pairs.len().max(1) as f64;
        let effect = row.effect.map_or_else(
            || "-".to_owned(),
            |(median, low, high)| format!("{} ({} .. {})", fine(median), fine(low), fine(high)),
        );
        text.push_str(&format!(
            "| {} | {} | {} | {} | {effect} | {pairs:.1}, {} | {} | {} | {} |\n",
            row.name,
            row.trials,
            row.kept,
            gain(row.gain, metric),
            row.pairs.iter().max().unwrap_or(&0),
            size(row.tau, 2, metric),
            seconds(row.seconds / f64::from(row.trials.max(1))),
            row.void_pairs
        ));
    }
    text.push_str(&format!(
        "\na change that does nothing may be kept in {} % of trials\n",
        number(alpha * 100.0)
    ));
    text
}

/// A gain to a hundredth of a percent.
fn fine(by: Gain, metric: &Metric) -> String {
    metric.change_pct(by).map_or_else(|| gain(by, metric), |change| format!("{change:+.2} %"))
}

/// What the rule made of a change whose effect is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rehearsal {
    /// The variant.
    pub name: String,
    /// Trials.
    pub trials: u32,
    /// How many kept it.
    pub kept: u32,
    /// Pairs of each trial.
    pub pairs: Vec<u32>,
    /// What the rule was asked of each trial, for `piton replay`.
    pub cases: Vec<Case>,
    /// Median over the trials of the gain that each printed.
    pub gain: Gain,
    /// Median gain over the pairs of all trials with its 95 % interval: what the change is worth on this machine.
    pub effect: Option<(Gain, Gain, Gain)>,
    /// tau at the end.
    pub tau: Gain,
    /// Pairs that did not count.
    pub void_pairs: usize,
    /// Wall clock of all its trials.
    pub seconds: f64,
}

/// Message of a challenger's commit before it is judged. `head` is the hash of the ledger's last entry: it ties the commit to
/// everything that was recorded before it.
pub fn proposal_message(description: &str, run: &str, trial: u32, head: &str) -> String {
    format!("{}\n\nRun: {run}\nTrial: {trial}\nLedger: {head}\n", clean(description, width::TITLE))
}

/// Message of a kept commit: what, the evidence, and trailers that `git log` alone can be audited by.
pub fn keep_message(record: &Record, metric: &Metric, alpha: f64, head: &str) -> String {
    let mut text = format!(
        "{}\n\n{}\n",
        clean(&record.claimed.description, width::TITLE),
        verdict(record, metric, alpha)
    );
    if let Some(changes) = &record.measured.changes {
        text.push('\n');
        changes.lines().iter().for_each(|line| text.push_str(&format!("- {}\n", clean(line, 200))));
    }
    text.push('\n');
    for (name, value) in keep_trailers(record, head) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

/// The trailers of a kept commit.
pub fn keep_trailers(record: &Record, head: &str) -> [(&'static str, String); 8] {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        ("Run", record.run.clone()),
        ("Trial", record.trial.to_string()),
        ("Incumbent", or_dash(record.parent.as_deref())),
        ("Harness", or_dash(record.provenance.harness.as_deref())),
        ("Seal", record.provenance.seal.clone()),
        ("Rule", record.provenance.rule.clone()),
        ("Seed", or_dash(record.provenance.seed.map(|seed| seed.to_string()).as_deref())),
        ("Ledger", head.to_owned()),
    ]
}

/// The header of `results.tsv`: the five columns of karpathy/autoresearch, then ours, then the other metrics.
///
/// What the value changed by is in percent, or, where differences are compared, in the metric's unit: the names say which.
pub fn tsv_header(metric: &Metric, others: &[String]) -> Vec<String> {
    let changes = match metric.scale() {
        Scale::Ratio => ["change_pct", "low_pct", "high_pct"],
        Scale::Difference => ["change", "low", "high"],
    };
    ["commit", &metric.name, "memory_gb", "status", "description", "trial", "parent", "reason"]
        .into_iter()
        .chain(changes)
        .chain(["pairs", "seconds"])
        .chain(others.iter().map(String::as_str))
        .map(|name| clean(name, 80))
        .collect()
}

/// One row of `results.tsv`. A cell that was not measured is empty, never zero.
pub fn tsv_row(record: &Record, metric: &Metric, others: &[String]) -> Vec<String> {
    let short = |id: &Option<CommitId>| id.as_ref().map_or_else(String::new, |id| id.short().to_owned());
    let value = |name: &str| record.value(name).map_or_else(String::new, cell);
    let estimate = record.outcome.estimate();
    let (low, high) = estimate.map_or((None, None), |e| metric.ends(e.low, e.high));
    let change = |x: Option<f64>| match metric.scale() {
        Scale::Ratio => x.map_or_else(String::new, |x| format!("{x:.2}")),
        Scale::Difference => x.map_or_else(String::new, cell),
    };
    let mut row = vec![
        short(&record.commit),
        value(&metric.name),
        metric
            .memory
            .as_ref()
            .and_then(|name| record.value(name))
            .map_or_else(String::new, |value| cell(metric.gigabytes(value))),
        record.outcome.status().word().to_owned(),
        clean(&record.claimed.description, width::TABLE),
        record.trial.to_string(),
        short(&record.parent),
        clean(&record.outcome.reason(), 60),
        change(estimate.map(|e| metric.change(e.gain))),
        change(low),
        change(high),
        estimate.map_or_else(String::new, |e| e.pairs.to_string()),
        format!("{:.1}", record.measured.seconds.total),
    ];
    row.extend(others.iter().map(|name| value(name)));
    row
}

/// A value with six decimals; one that they cannot tell from zero, or that has more digits than a number holds, by its power of ten.
fn cell(value: f64) -> String {
    let plain = value == 0.0 || (1e-4..1e15).contains(&value.abs());
    if plain { format!("{value:.6}") } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_varies_clearly_less_is_advised_and_none_where_they_are_alike() {
        let of = |name: &str, apart: f64| ClockNoise::of(name, &[[1.0, 1.0 + apart]; 3]).unwrap();
        let advice = |cpu: f64| clock_advice(&[of("wall_s", 0.12), of("cpu_s", cpu)], "wall_s");
        assert!(advice(0.01).unwrap().starts_with("cpu_s varies 11.4 times less than wall_s: "));
        assert_eq!(advice(0.11), None);
        assert!(advice(0.0).unwrap().contains("not at all"));
        assert_eq!(clock_advice(&[of("cpu_s", 0.01)], "cpu_s"), None);
        assert_eq!(ClockNoise::of("score", &[[1.0, 0.0]]), None, "a ratio says nothing there");
    }
}
