//! What a program said, without its numbers: what a benchmark prints says other times each time, and the same words.

use std::sync::LazyLock;

use regex::Regex;

/// A number with its sign, its unit of time or of bytes and what stands around it: a program may print 980 µs once, and 1.02 ms then.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let units = "ns|nanoseconds?|us|µs|μs|microseconds?|ms|milliseconds?|s|secs?|seconds?|min|minutes?|m|h|hours?|[KMGT]i?B|kB|bytes?|B";
    Regex::new(&format!(r"[-+]?\d[\d_.,:]*(?:[eE][-+]?\d+)?(?:\s*(?:{units})\b)?")).expect("a pattern")
});

/// What stands in a text but for its numbers, with their units, and its white space: line by line, empty lines left out.
pub fn words(text: &str) -> String {
    let said = NUMBER.replace_all(text, "#");
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    said.lines().map(line).filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn other_times_in_other_units_are_the_same_words() {
        let one = "parse:   980.5 µs (1_000 runs)\nall   -1.5e-3s\n";
        let other = "parse: 1.02 ms (900 runs)\n\nall 12s";
        assert_eq!(words(one), words(other));
        assert_eq!(words(one), "parse: # (# runs)\nall #\n");
    }

    #[test]
    fn a_line_less_another_word_or_another_order_is_another_text() {
        let whole = "a: 1 ms\nb: 2 ms\n";
        for other in ["a: 1 ms\n", "b: 2 ms\na: 1 ms\n", "a: 1 ms\nc: 2 ms\n", "a: ms\nb: 2 ms\n", ""] {
            assert_ne!(words(whole), words(other), "{other}");
        }
    }
}
