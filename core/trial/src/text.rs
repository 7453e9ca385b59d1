//! Numbers and foreign text in the form in which people read them.

pub mod toml_value;
pub mod value;
mod verdict;

use crate::check::{CheckResult, FailedTest};
use piton_base::metric::{Direction, Gain, Metric, Scale};
use piton_rule::keep::Estimate;

pub use verdict::{failing, like, slow_start, verdict};

/// How much of a description is shown where, in characters. What is cut ends in a sign for it; the record has the whole.
pub mod width {
    /// Beside a point of a picture.
    pub const LABEL: usize = 40;
    /// At the end of a line that has figures before it.
    pub const BESIDE: usize = 60;
    /// In a row of the log, and of what was kept in a brief.
    pub const LOG: usize = 80;
    /// In a list of trials that did not hold.
    pub const LIST: usize = 90;
    /// In a line of its own of a list, as a hit of a search or a near miss.
    pub const LINE: usize = 100;
    /// In a row of the page, which unfolds where there is more.
    pub const PAGE: usize = 120;
    /// Where a line may break: in the lineage, and for those who look on.
    pub const WRAPPED: usize = 160;
    /// Above all that is said of a trial, and as the subject of its commit.
    pub const TITLE: usize = 200;
    /// In a cell of `results.tsv`.
    pub const TABLE: usize = 400;
}

/// What a gain changes the value by: `+3.1 %` for one of .0305 where higher is better, `-3.0 %` where lower is, `-3 failures` where
/// differences are compared. Texts print the change of the value, which is what people see in it, and never how much better that is.
pub fn gain(by: Gain, metric: &Metric) -> String {
    let change = metric.change(by);
    match metric.scale() {
        Scale::Difference => in_units(change, metric),
        Scale::Ratio if by.abs() >= Gain::BEYOND => beyond(change),
        Scale::Ratio if change.abs() < 0.05 => "0.0 %".to_owned(),
        Scale::Ratio => format!("{change:+.1} %"),
    }
}

/// What [`gain`] prints: a gain where higher is better; where lower is, a minus is one, so that it is called a change.
pub fn noun(metric: &Metric) -> &'static str {
    match metric.direction {
        Direction::Higher => "gain",
        Direction::Lower => "change",
    }
}

/// A change that a ratio has no number for: to a value that is not above zero, or from one.
fn beyond(change: f64) -> String {
    if change < 0.0 { "-100.0 %".to_owned() } else { "up from zero".to_owned() }
}

/// The same with as many digits as a small change needs.
pub fn exactly(by: Gain, metric: &Metric) -> String {
    let change = metric.change(by);
    match metric.scale() {
        Scale::Ratio if change != 0.0 && change.abs() < 0.05 => format!("{} %", signed(change)),
        _ => gain(by, metric),
    }
}

fn in_units(change: f64, metric: &Metric) -> String {
    format!("{} {}", signed(change), clean(metric.units(), 30))
}

fn signed(x: f64) -> String {
    let text = number(x);
    if x > 0.0 { format!("+{text}") } else { text }
}

/// The size of a scale or of a gain without its sign, e.g. `3.30 %` or `0.4 failures`; `decimals` are those of percent.
pub fn size(of: Gain, decimals: usize, metric: &Metric) -> String {
    match metric.scale() {
        Scale::Ratio => format!("{:.decimals$} %", of.percent()),
        Scale::Difference => format!("{} {}", number(of.0), clean(metric.units(), 30)),
    }
}

/// One end of an interval, without its unit.
fn end(change: f64, metric: &Metric) -> String {
    match metric.scale() {
        Scale::Ratio => format!("{change:+.1}"),
        Scale::Difference => signed(change),
    }
}

/// Both ends of an interval as changes of the value, the lower one first: `-0.6 .. +2.1`; where there is one, `≥ +2.1` or `≤ -2.1`.
pub fn ends(low: Option<Gain>, high: Option<Gain>, metric: &Metric) -> String {
    match metric.ends(low, high) {
        (Some(low), Some(high)) => format!("{} .. {}", end(low, metric), end(high, metric)),
        (Some(low), None) => format!("≥ {}", end(low, metric)),
        (None, Some(high)) => format!("≤ {}", end(high, metric)),
        (None, None) => String::new(),
    }
}

/// ` (-0.6 .. +2.1)`, in percent or in the metric's unit; nothing while there is no interval.
pub fn interval(estimate: &Estimate, metric: &Metric) -> String {
    match (estimate.low, estimate.high) {
        (Some(_), Some(_)) => format!(" ({})", ends(estimate.low, estimate.high, metric)),
        _ => String::new(),
    }
}

/// The change that a proposer expects: gains in percent, or in the metric's unit, positive when better.
pub fn expected(by: f64, metric: &Metric) -> String {
    let change = metric.direction.sign() * by;
    match metric.scale() {
        Scale::Ratio => format!("{change:+.1} %"),
        Scale::Difference => in_units(change, metric),
    }
}

/// What a run has come to, by the pairs of what it kept, with the value before and after: `bytes 36512 -> 16008 (-56.2 %)`.
/// Where pairs are judged by another metric, values of two hours say nothing of each other.
pub fn from_to(from: f64, to: f64, by: Gain, metric: &Metric) -> String {
    let (name, by) = (clean(&metric.name, 60), exactly(by, metric));
    if let Some(evidence) = &metric.evidence {
        return format!("{name} {by} by {}", clean(evidence, 60));
    }
    let [old, new, unit] = value::both(from, to, metric);
    format!("{name} {old} -> {new}{unit} ({by})")
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

/// What a check came to, in a line: `unit: 41 tests, 1.2 s`.
pub fn check(check: &CheckResult) -> String {
    let tests = check.tests.map_or_else(String::new, |n| format!("{}, ", plural(n, "test")));
    let output = check.output.as_ref().and_then(|hash| hash.get(..12));
    let output = output.map_or_else(String::new, |hash| format!(", output sha256 {hash}"));
    format!("{}: {tests}{}{output}", clean(&check.name, 60), seconds(check.seconds))
}

/// A test that failed, in a line.
pub fn failed_test(test: &FailedTest) -> String {
    let why = if test.why.is_empty() { String::new() } else { format!(": {}", clean(&test.why, 300)) };
    format!("{}{why}", clean(&test.name, 200))
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

/// Whether a character is a control or a format character (Unicode 16, categories Cc, Cf, Zl and Zp), or one that shows as nothing, now or
/// when Unicode gives it a meaning: it moves a cursor, turns text around or hides a message in it.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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

/// A JSON document that is safe to print in a terminal, and reads as it did: in its texts every hidden character stands as `\uXXXX`. What
/// serialises leaves those beyond ASCII, and DEL, as they are.
pub fn plain_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Between texts there are no others.
        if hidden(c) && c != '\n' {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;

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

    #[test]
    fn a_json_document_reads_as_it_did_and_shows_what_it_hides() {
        let text = "a\u{7f}\u{9b}31m\u{202e}\u{2028}\u{200b}\u{e0041}é\n";
        let json = serde_json::to_string(text).unwrap();
        let plain = plain_json(&json);
        assert_eq!(plain, "\"a\\u007f\\u009b31m\\u202e\\u2028\\u200b\\udb40\\udc41é\\n\"");
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
    }

    proptest::proptest! {
        #[test]
        fn nothing_hidden_passes_and_the_length_is_bounded(text in proptest::prelude::any::<String>(), most in 0usize..300) {
            let cleaned = clean(&text, most);
            proptest::prop_assert!(!cleaned.chars().any(hidden), "{cleaned:?}");
            proptest::prop_assert!(!cleaned.starts_with(['=', '+', '-', '@', '\t', '\r']));
            // The longest escape of a character has ten.
            proptest::prop_assert!(cleaned.chars().count() <= 10 * most + 2);
            for json in [serde_json::to_string(&text).unwrap(), serde_json::to_string_pretty(&[&text]).unwrap()] {
                let plain = plain_json(&json);
                proptest::prop_assert!(!plain.chars().any(|c| hidden(c) && c != '\n'), "{plain:?}");
                let same = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
                proptest::prop_assert_eq!(same(&plain), same(&json));
            }
            proptest::prop_assert!(!printable(&text).chars().any(|c| hidden(c) && !matches!(c, '\n' | '\t')));
        }
    }

    #[test]
    fn a_word_of_a_foreign_harness_cannot_either() {
        let outcome = Outcome::RunFailed { how: "\u{1b}[2J\u{2066}".into(), reason: String::new() };
        assert_eq!(clean(&outcome.reason(), 60), "run:\\u{1b}[2J\\u{2066}");
    }

    fn metric(direction: Direction, scale: Scale, unit: &str) -> Metric {
        Metric {
            name: "failures".into(),
            direction,
            unit: unit.into(),
            scale: Some(scale),
            memory: None,
            meter: None,
            memory_unit: None,
            evidence: None,
            ..Metric::of("", Direction::Higher)
        }
    }

    #[test]
    fn gains_and_numbers_read_well() {
        let gain = |by: f64| super::gain(Gain(by), &metric(Direction::Higher, Scale::Ratio, ""));
        assert_eq!(gain(0.0305), "+3.1 %");
        assert_eq!(gain(-0.0001), "0.0 %");
        assert_eq!(number(1234.56), "1235");
        assert_eq!(number(0.998), "0.998");
        assert_eq!(number(0.00012), "1.20e-4");
        assert_eq!(number(0.0), "0");
        assert_eq!(seconds(200.2), "3 min 20 s");
    }

    #[test]
    fn what_fell_is_told_as_fallen_where_lower_is_better() {
        let bytes = metric(Direction::Lower, Scale::Ratio, "");
        let by = bytes.gain(36512.0, 16008.0).unwrap();
        assert!(by > Gain::ZERO);
        assert_eq!(gain(by, &bytes), "-56.2 %");
        let told = from_to(36512.0, 16008.0, by, &bytes);
        assert_eq!(told, "failures 36512 -> 16008 (-56.2 %)");
        let judged = Metric { evidence: Some("cpu".to_owned()), ..bytes.clone() };
        let told = from_to(36512.0, 16008.0, by, &judged);
        assert_eq!(told, "failures -56.2 % by cpu", "no two values of two hours");
        assert_eq!(gain(bytes.gain(100.0, 103.0).unwrap(), &bytes), "+3.0 %");
        assert_eq!(gain(bytes.gain(5.0, 0.0).unwrap(), &bytes), "-100.0 %");
        let estimate = Estimate { pairs: 9, gain: by, low: Some(Gain(0.1)), high: Some(Gain(0.2)) };
        assert_eq!(interval(&estimate, &bytes), " (-18.1 .. -9.5)");
        assert_eq!(ends(Some(Gain(0.1)), None, &bytes), "≤ -9.5", "a gain of at least so much");
        assert_eq!(expected(3.0, &bytes), "-3.0 %");
    }

    #[test]
    fn differences_are_told_in_the_unit_or_under_the_name() {
        let failures = metric(Direction::Lower, Scale::Difference, "");
        assert_eq!(gain(Gain(3.0), &failures), "-3 failures");
        assert_eq!(gain(Gain(0.0), &failures), "0 failures");
        let fit = metric(Direction::Higher, Scale::Difference, "R2");
        assert_eq!(gain(Gain(0.02), &fit), "+0.02 R2");
        let told = from_to(-0.1, 0.02, Gain(0.12), &fit);
        assert_eq!(told, "failures -0.1 -> 0.02 R2 (+0.12 R2)");
        assert_eq!(size(Gain(0.5), 1, &fit), "0.5 R2");
        let estimate =
            Estimate { pairs: 9, gain: Gain(0.02), low: Some(Gain(-0.01)), high: Some(Gain(0.05)) };
        assert_eq!(interval(&estimate, &fit), " (-0.01 .. +0.05)");
    }
}
