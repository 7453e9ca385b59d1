//! Numbers, verdicts and foreign text in the form in which people read them.

use crate::likeness::Like;
use crate::metric::percent;
use crate::rule::{Estimate, Path, Verdict};
use crate::trial::{Outcome, Record};

/// A warning, where the challenger's first run was slow.
pub fn slow_start(record: &Record) -> Option<String> {
    let slow = gain(record.slow_start?);
    Some(format!("the first run, which is not timed, came out {slow} against the others: something was cold"))
}

/// The verdict of a trial in one sentence, with the numbers that carry it.
///
/// `alpha` is the error of the lower bound, as a probability.
pub fn verdict(record: &Record, alpha: f64) -> String {
    let tail = |estimate: &Estimate| {
        let noun = if record.runs.is_empty() { "pair" } else { "run" };
        format!("{}, {}", plural(estimate.pairs as usize, noun), seconds(record.seconds.total))
    };
    match &record.outcome {
        Outcome::Baseline => match record.runs.len() {
            0 => format!("baseline: {} of two builds", plural(record.pairs.len(), "pair")),
            runs => format!("baseline: {}", plural(runs, "run")),
        },
        Outcome::Judged { verdict: Verdict::Keep(path), estimate } => format!(
            "kept{}: {}{}, {}",
            match path {
                Path::Better => String::new(),
                Path::Simpler => ", as good and simpler".to_owned(),
                Path::BetterIn(metric) => format!(", as good and better in {metric}"),
                Path::Provisional => " for now".to_owned(),
            },
            gain(estimate.gain),
            estimate.low.map_or_else(String::new, |low| format!(
                " ({} % lower bound {})",
                number((1.0 - alpha) * 100.0),
                gain(low)
            )),
            tail(estimate)
        ),
        Outcome::Judged { verdict, estimate } => format!(
            "discarded: {}; {}{}, {}{}",
            match verdict {
                Verdict::Worse => "worse".to_owned(),
                Verdict::Guarded(metric) => format!("{metric} is proven worse than its limit"),
                _ => "not shown better".to_owned(),
            },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate),
            resolution(record)
        ),
        Outcome::Held { estimate, most_pct, .. } => format!(
            "held for a person, not kept: {} in one trial, more than the {} % that are believed of a figure which the candidate's own \
             process may have printed ([rule] implausible_pct), {}; \
             read it: piton show {3}, then: piton accept {3}",
            gain(estimate.gain),
            number(*most_pct),
            tail(estimate),
            record.trial
        ),
        Outcome::Bundle { holds, trials, estimate } => format!(
            "{} {} together: {}; {}{}, {}",
            if trials.len() == 1 { "trial" } else { "trials" },
            trials.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
            if *holds { "they hold" } else { "not shown better, and taken back" },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::Blind { verdict, estimate } => format!(
            "the incumbent against itself: {}; {}{}, {}",
            if matches!(verdict, Verdict::Keep(_)) {
                "would have been kept, falsely"
            } else {
                "not kept, rightly"
            },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::GateFailed { estimate, .. } => {
            let failed: Vec<String> = record
                .gates
                .iter()
                .filter(|reading| !reading.pass)
                .map(|reading| {
                    format!("{} {} is not {}", reading.metric, number(reading.value), reading.bound)
                })
                .collect();
            let apart =
                estimate.as_ref().map_or_else(String::new, |e| format!("; {}, {}", gain(e.gain), tail(e)));
            format!("discarded: a gate failed: {}{apart}", failed.join("; "))
        }
        Outcome::Tampered { what } => {
            format!("discarded: the agent moved what is not its own: {}", what.join("; "))
        }
        Outcome::OutOfScope { paths } => {
            format!("not judged: outside the scope: {}", clean(&listed(paths, 5), 400))
        }
        Outcome::Duplicate { of } => format!("not judged: the same as trial {of}"),
        Outcome::Alike { of } => match &record.like {
            Some(earlier) => format!("not judged: {}", like(earlier)),
            None => format!("not judged: like trial {of}"),
        },
        Outcome::NoEdit => match record.begun_as {
            Some(trial) => format!("not judged: no edit beyond trial {trial}, which it began as"),
            None => "not judged: no edit; the worktree is the incumbent".to_owned(),
        },
        Outcome::BuildFailed { error } => format!("crashed: does not build: {}", clean(error, 400)),
        Outcome::RunFailed { how, reason } if how == "crashed" || how == "failed" => {
            format!("crashed: {}", clean(reason, 400))
        }
        Outcome::RunFailed { how, reason } => format!("crashed ({}): {}", clean(how, 40), clean(reason, 400)),
        Outcome::TimedOut { stage, limit_s } => {
            format!("crashed: {} took longer than {limit_s} s", stage.words())
        }
        Outcome::OutOfMemory { reason } => format!("crashed: out of memory: {}", clean(reason, 400)),
        Outcome::Void { reason } => format!("void: {}; nothing is said about the change", clean(reason, 400)),
        Outcome::Interrupted { stage } => {
            format!("interrupted during {}; nothing is said about the change", stage.words())
        }
    }
}

/// `like trial 47, discarded: -2.1 % (93 % the same edit)`.
pub fn like(earlier: &Like) -> String {
    let Like { trial, share, kept, reason, gain: measured } = earlier;
    let came = match (kept, measured) {
        (true, measured) => measured.map_or_else(|| "kept".to_owned(), |g| format!("kept: {}", gain(g))),
        (false, Some(g)) if *reason == "worse" || *reason == "not_shown_better" => {
            format!("discarded: {}", gain(*g))
        }
        (false, measured) => {
            let apart = measured.map_or_else(String::new, |g| format!(", {}", gain(g)));
            format!("discarded: {}{apart}", clean(reason, 60))
        }
    };
    format!("like trial {trial}, {came} ({:.0} % the same edit)", share * 100.0)
}

/// What a discard may have missed.
fn resolution(record: &Record) -> String {
    record.resolves.map_or_else(String::new, |gain| format!("; this machine resolves {:.1} %", percent(gain)))
}

/// `+3.1 %` for a log gain of 0.0305.
pub fn gain(log_gain: f64) -> String {
    let value = percent(log_gain);
    if value.abs() < 0.05 { "0.0 %".to_owned() } else { format!("{value:+.1} %") }
}

/// ` (-0.6 .. +2.1)`, in percent; nothing while there is no interval.
pub fn interval(estimate: &Estimate) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!(" ({:+.1} .. {:+.1})", percent(low), percent(high)),
        _ => String::new(),
    }
}

/// Seconds as `52 s` or `3 min 20 s`.
pub fn seconds(s: f64) -> String {
    match s.round() as u64 {
        0 => format!("{s:.1} s"),
        whole if whole < 120 => format!("{whole} s"),
        whole if whole < 7200 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1 pair`, `6 pairs`.
pub fn plural(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A number with about four significant digits and no needless zeros.
pub fn number(x: f64) -> String {
    let text = match x.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1000.0 => format!("{x:.0}"),
        size if size >= 100.0 => format!("{x:.1}"),
        size if size >= 0.01 => format!("{x:.4}"),
        _ => format!("{x:.2e}"),
    };
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn listed(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most { format!("{shown} and {} more", names.len() - most) } else { shown }
}

/// Whether a character is a control or a format character (Unicode 16, categories Cc, Cf, Zl and Zp), or one that shows as nothing: it
/// moves a cursor, turns text around or hides a message in it.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e01ef}')
}

/// `text` on one line, at most `most` characters of it, safe to print in a terminal and to open in a spreadsheet:
/// control, format and bidirectional characters are escaped, and a leading `= + - @` is quoted.
pub fn clean(text: &str, most: usize) -> String {
    let text = text.trim_end();
    let mut out = String::new();
    if text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        out.push('\'');
    }
    let mut chars = text.chars();
    for c in chars.by_ref().take(most) {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if hidden(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

/// `text` on one line, its words with a space between them.
pub fn flow(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` with its lines and tabs, safe to print in a terminal: every other hidden character is escaped.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if hidden(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_cannot_break_the_table_the_terminal_or_a_spreadsheet() {
        assert_eq!(clean("a\tb\nc\u{1b}[31m\u{202e}\0", 400), "a\\tb\\nc\\u{1b}[31m\\u{202e}\\u{0}");
        assert_eq!(clean("=cmd()", 400), "'=cmd()");
        assert_eq!(clean("  @cmd", 400), "'  @cmd");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc  \n", 3), "abc");
    }

    #[test]
    fn what_keeps_its_lines_cannot_move_the_cursor() {
        assert_eq!(printable("-a\tb\n+\u{1b}[2J\r\u{2066}"), "-a\tb\n+\\u{1b}[2J\\u{d}\\u{2066}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_hidden_passes_and_the_length_is_bounded(text in proptest::prelude::any::<String>(), most in 0usize..300) {
            let cleaned = clean(&text, most);
            proptest::prop_assert!(!cleaned.chars().any(hidden), "{cleaned:?}");
            proptest::prop_assert!(!cleaned.starts_with(['=', '+', '-', '@', '\t', '\r']));
            // The longest escape of a character has ten.
            proptest::prop_assert!(cleaned.chars().count() <= 10 * most + 2);
            proptest::prop_assert!(!printable(&text).chars().any(|c| hidden(c) && !matches!(c, '\n' | '\t')));
        }
    }

    #[test]
    fn a_word_of_a_foreign_harness_cannot_either() {
        let outcome = Outcome::RunFailed { how: "\u{1b}[2J\u{2066}".into(), reason: String::new() };
        assert_eq!(clean(&outcome.reason(), 60), "run:\\u{1b}[2J\\u{2066}");
    }

    #[test]
    fn gains_and_numbers_read_well() {
        assert_eq!(gain(0.0305), "+3.1 %");
        assert_eq!(gain(-0.0001), "0.0 %");
        assert_eq!(number(1234.56), "1235");
        assert_eq!(number(0.998), "0.998");
        assert_eq!(number(0.00012), "1.20e-4");
        assert_eq!(number(0.0), "0");
        assert_eq!(seconds(200.2), "3 min 20 s");
    }
}
