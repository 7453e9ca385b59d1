//! The lines of `piton log`, one by one: a log of many thousand trials begins at once, so no line waits for another's width.

use serde::Deserialize;

use piton_base::metric::{Metric, Values};
use piton_trial::proposal::{self, Claim};
use piton_trial::record::{Outcome, Record, Seconds};
use piton_trial::text::width;
use piton_trial::text::{clean, gain, interval, noun, seconds, value};

/// What a line of the log needs of a record: the pairs are passed over.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LogLine {
    /// Number in the run.
    pub trial: u32,
    /// What was tried.
    pub description: String,
    /// What its proposer claims.
    #[serde(default)]
    pub claim: Claim,
    /// When it began.
    pub started: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The challenger's metrics.
    pub metrics: Option<Values>,
    /// Where the time went.
    pub seconds: Seconds,
}

impl LogLine {
    /// The line of a record.
    pub fn of(record: &Record) -> Self {
        Self {
            trial: record.trial,
            description: record.claimed.description.clone(),
            claim: record.claimed.claim.clone(),
            started: record.started.clone(),
            outcome: record.outcome.clone(),
            metrics: record.measured.metrics.clone(),
            seconds: record.measured.seconds,
        }
    }
}

/// Which trials are wanted. All of what is set must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Only those that the incumbent moved to.
    pub kept: bool,
    /// Only this coarse outcome, as in `results.tsv`.
    pub status: Option<String>,
    /// Only this reason; `gate` means every `gate:NAME`.
    pub reason: Option<String>,
    /// Only this family of ideas, as a proposer would write it.
    pub family: Option<String>,
    /// Only those that began then or later, UTC, RFC 3339 or the beginning of it.
    pub since: Option<String>,
}

impl Filter {
    /// Whether a trial is wanted.
    pub fn admits(&self, line: &LogLine) -> bool {
        let status = |status: &String| line.outcome.status().word() == status;
        let reason = |wanted: &String| {
            let reason = line.outcome.reason();
            reason == *wanted || reason.split_once(':').is_some_and(|(kind, _)| kind == wanted)
        };
        let family = |wanted: &String| line.claim.family == proposal::family(wanted);
        // Times of this form have the order of their texts.
        (!self.kept || line.outcome.kept())
            && self.status.as_ref().is_none_or(status)
            && self.reason.as_ref().is_none_or(reason)
            && self.family.as_ref().is_none_or(family)
            && self.since.as_ref().is_none_or(|since| line.started.as_str() >= since.as_str())
    }
}

/// Width of the column of the primary metric.
fn column(metric: &Metric) -> usize {
    clean(&metric.name, 40).chars().count().max(9)
}

/// The header of the log.
pub fn log_header(metric: &Metric) -> String {
    row(
        ["trial", "status", noun(metric), &clean(&metric.name, 40), "pairs", "time", "reason", "description"],
        metric,
    )
}

/// The line of a trial.
pub fn log_line(line: &LogLine, metric: &Metric) -> String {
    let estimate = line.outcome.estimate();
    // A family stands before what was tried: a column of its own would stand empty where nobody names any.
    let family =
        line.claim.family.as_ref().map_or_else(String::new, |family| format!("{}: ", clean(family, 40)));
    let value = line.metrics.as_ref().and_then(|metrics| metrics.get(&metric.name));
    row(
        [
            &line.trial.to_string(),
            line.outcome.status().word(),
            &estimate.map_or_else(|| "-".to_owned(), |e| gain(e.gain, metric)),
            &value.map_or_else(|| "-".to_owned(), |value| value::beside(&metric.name, *value, metric)),
            &estimate.map_or_else(|| "-".to_owned(), |e| e.pairs.to_string()),
            &seconds(line.seconds.total),
            &reason(line, metric),
            &format!("{family}{}", clean(&line.description, width::LOG)),
        ],
        metric,
    )
}

/// Why, in a word; of what few pairs ended the interval beside it, so that nobody takes the gain for a fact.
fn reason(line: &LogLine, metric: &Metric) -> String {
    let ends = line.outcome.estimate().filter(|_| line.outcome.given_up()).map(|e| interval(e, metric));
    format!("{}{}", clean(&line.outcome.reason(), 60), ends.unwrap_or_default())
}

fn row(cells: [&str; 8], metric: &Metric) -> String {
    let [trial, status, gain, value, pairs, time, reason, description] = cells;
    let width = column(metric);
    let text = format!(
        "{trial:>6}  {status:<8}  {gain:>8}  {value:>width$}  {pairs:>5}  {time:>11}  {reason:<24}  {description}"
    );
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_rule::keep::{Estimate, KeepReason, Verdict};

    fn of(outcome: Outcome, started: &str) -> LogLine {
        LogLine {
            trial: 3,
            description: "x".into(),
            claim: Claim::default(),
            started: started.into(),
            outcome,
            metrics: None,
            seconds: Seconds::default(),
        }
    }

    #[test]
    fn a_filter_admits_what_fulfils_all_of_it() {
        let estimate = Estimate { pairs: 6, gain: piton_base::metric::Gain(0.1), low: None, high: None };
        let gate = of(Outcome::GateFailed { gate: "quality".into(), estimate: None }, "2026-11-20T22:00:00Z");
        let kept = of(
            Outcome::Judged { verdict: Verdict::Keep(KeepReason::Better), estimate },
            "2026-11-21T02:00:00Z",
        );
        let admitted = |filter: Filter| (filter.admits(&gate), filter.admits(&kept));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(admitted(Filter::default()), (true, true));
        assert_eq!(admitted(Filter { kept: true, ..Filter::default() }), (false, true));
        assert_eq!(admitted(Filter { reason: text("gate"), ..Filter::default() }), (true, false));
        assert_eq!(admitted(Filter { reason: text("gate:quality"), ..Filter::default() }), (true, false));
        assert_eq!(admitted(Filter { reason: text("gate:qual"), ..Filter::default() }), (false, false));
        assert_eq!(admitted(Filter { status: text("keep"), ..Filter::default() }), (false, true));
        assert_eq!(admitted(Filter { since: text("2026-11-21"), ..Filter::default() }), (false, true));
        let tiles = LogLine { claim: Claim::new(None, Some("Loop tiling"), None), ..kept.clone() };
        let tiling = Filter { family: text("loop  Tiling"), ..Filter::default() };
        assert_eq!((tiling.admits(&tiles), tiling.admits(&kept)), (true, false));
        let both = Filter { kept: true, reason: text("gate"), ..Filter::default() };
        assert_eq!(admitted(both), (false, false));
    }
}
