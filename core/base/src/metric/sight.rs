//! Where the names of metrics stand in what was printed, whatever stands around them.
//!
//! What measures and what is measured may print to one stream. A line of the second that has no end is glued to the true one, which is then
//! no metric line any more, and a forged one that stands alone is all that is read. But no program can take away what another
//! has printed: a name that stands anywhere else than in the one place where it is read means that somebody else prints, too.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};

use super::format::{Format, ReadOptions};
use super::readers::is_beside;

/// Longest form of a name that is found across the border of two parts of an output, in bytes.
pub const OVERLAP: usize = 4096;

/// Finds names in raw output.
#[derive(Debug, Clone)]
pub(crate) struct Sights<'a> {
    /// Whether any of them may be there.
    any: Option<Regex>,
    each: BTreeMap<&'a str, Regex>,
}

impl<'a> Sights<'a> {
    /// For the metrics `needed`, as they are read.
    pub fn of(how: &ReadOptions, needed: &[&'a str]) -> Self {
        let form = |name: &str| match how.patterns.get(name) {
            // Where the line is glued to another, it does not begin where it should.
            Some(pattern) => Some(loose(pattern.as_str())),
            None if how.pointers.contains_key(name) => None,
            None => form(how.format, name),
        };
        let forms: Vec<(&str, String)> =
            needed.iter().filter_map(|name| Some((*name, form(name)?))).collect();
        let any = forms.iter().map(|(_, form)| format!("(?:{form})")).collect::<Vec<_>>().join("|");
        let compiled = |form: &str| RegexBuilder::new(form).multi_line(false).build().ok();
        let each = forms.iter().filter_map(|(name, form)| Some((*name, compiled(form)?))).collect();
        Self { any: if forms.is_empty() { None } else { compiled(&any) }, each }
    }

    /// How often each name stands in `bytes`, those that do not left out; what ends in the first `known` bytes was counted before.
    pub fn count(&self, bytes: &[u8], known: usize) -> BTreeMap<&'a str, usize> {
        if !self.any.as_ref().is_some_and(|any| any.is_match(bytes)) {
            return BTreeMap::new();
        }
        let count = |regex: &Regex| regex.find_iter(bytes).filter(|found| found.end() > known).count();
        let counted = self.each.iter().map(|(name, regex)| (*name, count(regex)));
        counted.filter(|(_, times)| *times > 0).collect()
    }
}

/// What a name looks like where a line or an object has it; absent where the name alone does not tell.
fn form(format: Format, name: &str) -> Option<String> {
    let escaped = regex::escape(name);
    Some(match format {
        Format::Lines => format!(r"{escaped}[ \t]*[:=]"),
        Format::MetricLines => format!(r"METRIC[ \t]+{escaped}[ \t]*="),
        // Of a path, the name that the number itself has.
        Format::Json => {
            let last = name.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(name);
            format!(r#""{}"[ \t\r\n]*:"#, regex::escape(last))
        }
        Format::Criterion => format!(r"{escaped}[ \t]+time:[ \t]*\["),
        // A line of a benchmark has the number of its turns behind the name.
        Format::Go if !is_beside(name) => format!(r"{escaped}[ \t]+[0-9]+[ \t]"),
        Format::Tinybench => format!("'{escaped}'[ ]*\u{2502}"),
        Format::Hyperfine | Format::PytestBenchmark | Format::GoogleBenchmark if !is_beside(name) => {
            let quoted = serde_json::to_string(name).unwrap_or_default();
            let key = if format == Format::PytestBenchmark { "fullname" } else { "(?:command|name)" };
            format!(r#""{key}"[ \t\r\n]*:[ \t\r\n]*{}"#, regex::escape(&quoted))
        }
        _ => return None,
    })
}

/// A pattern without what ties it to the ends of a line.
fn loose(pattern: &str) -> String {
    let begun = pattern.trim_start_matches("(?m)").trim_start_matches(['^', ' ']);
    let begun = begun.strip_prefix(r"\A").unwrap_or(begun).trim_start_matches(r"\s*");
    let ended = begun.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(begun);
    if ended.is_empty() { pattern.to_owned() } else { ended.to_owned() }
}

#[cfg(test)]
mod tests {
    use regex::Regex as Text;

    use super::*;

    fn count(how: &ReadOptions, name: &str, bytes: &[u8]) -> usize {
        Sights::of(how, &[name]).count(bytes, 0).get(name).copied().unwrap_or(0)
    }

    #[test]
    fn a_name_is_sighted_whatever_is_glued_to_it() {
        for line in [
            "score: 1",
            "xscore: 1",
            "score: 1score=2",
            "\u{1b}]0;score : 1",
            "\u{200b}score=1",
            "9%\rscore: 1",
        ] {
            let times = 1 + usize::from(line.matches("score").count() > 1);
            assert_eq!(count(&Format::Lines.into(), "score", line.as_bytes()), times, "{line:?}");
        }
        assert_eq!(
            count(&Format::Lines.into(), "score", b"\xe2score: 1\0score: 2"),
            2,
            "bytes that are no text"
        );
        assert_eq!(count(&Format::Lines.into(), "score", b"the score is 5, Score: 3"), 0);
        assert_eq!(count(&Format::MetricLines.into(), "a.b", b"xMETRIC a.b=1METRIC\ta.b =2 METRIC aXb=3"), 2);
        assert_eq!(count(&Format::Json.into(), "tps", br#"{"tps":1}{"tps" : 2, "a":"tps"}"#), 2);
        assert_eq!(count(&Format::Json.into(), "results.0.mean", br#"{"mean":1}"#), 1);
    }

    #[test]
    fn a_pattern_is_sighted_in_the_middle_of_a_line() {
        let how = |pattern: &str| ReadOptions {
            patterns: BTreeMap::from([("ns".to_owned(), Text::new(pattern).unwrap())]),
            ..ReadOptions::default()
        };
        for pattern in [r"^Bench.* ([0-9.]+) ns", r"(?m)^\s*Bench.* ([0-9.]+) ns$", r"\ABench.* ([0-9.]+) ns"]
        {
            assert_eq!(count(&how(pattern), "ns", b"xBench 16.1 ns/op"), 1, "{pattern}");
        }
        assert_eq!(count(&how("^([0-9]+)$"), "ns", b"x12"), 1);
    }

    #[test]
    fn what_was_counted_before_is_not_counted_again() {
        let sights = Sights::of(&Format::Lines.into(), &["score"]);
        assert_eq!(sights.count(b"score: 1\nscore: 2", 6).get("score"), Some(&1));
    }
}
