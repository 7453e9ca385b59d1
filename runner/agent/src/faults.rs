//! What went wrong, by the text in which an agent reports it: nobody logged in, a limit and when it ends, or anything else. And whether
//! its last words ask something of a person.

use std::sync::LazyLock;

use regex::Regex;

use super::events::AgentEnd;
use piton_core::trial::text::clean;

/// Milliseconds where a time is too far away for seconds.
pub(super) fn seconds_of(time: u64) -> u64 {
    if time > 100_000_000_000 { time / 1000 } else { time }
}

static UNAUTHORISED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b40[123]\b|unauthori[sz]ed|authentication|invalid.{0,12}api.?key|api.?key.{0,40}(missing|not set|not found|not valid|required|invalid|environment)|(set|missing|no|provide).{0,40}api.?key|not logged in|/login|auth login|log in again|credit balance|insufficient_quota|payment required",
    )
    .expect("a fixed expression")
});
static LIMITED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b429\b|rate.?limit|too many requests|limit (was |is )?(reached|exceeded)|hit your.{0,20} limit|quota|resource.?exhausted",
    )
    .expect("a fixed expression")
});
/// A limit that no waiting lifts.
static TOO_LONG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)context.{0,12} (limit|length|window|size)").expect("a fixed expression")
});
static IN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?:try again|retry|retry.?after|retry.?delay|resets?|available)\W{0,3}(?:again )?(?:in|after)?[\s":=]*((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)?[\s,]*(?:and )?)+)"#,
    )
    .expect("a fixed expression")
});
static PIECE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(\d+(?:\.\d+)?)\s*(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)?",
    )
    .expect("a fixed expression")
});
static AT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:resets?_?[aA]t"?\s*[:=]\s*|reached\|)(\d{10,13})\b"#).expect("a fixed expression")
});
static ASKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(should i|shall i|would you like|do you want|let me know|please (confirm|clarify|advise|tell)|which (one|option|of))\b")
        .expect("a fixed expression")
});

/// What an error is, by its text; `resets` is when a limit ends, where an event told. Only ever asked of what an agent reports as an
/// error: in what it writes about its work such words mean nothing.
pub fn fault(why: &str, resets: Option<u64>, now: u64) -> AgentEnd {
    let words = clean(why, 400);
    if resets.is_some() {
        return AgentEnd::Limited { why: words, until: resets };
    }
    if TOO_LONG.is_match(why) {
        return AgentEnd::Failed(words);
    }
    if LIMITED.is_match(why) && !why.contains("insufficient_quota") {
        return AgentEnd::Limited { why: words, until: until(why, now) };
    }
    if UNAUTHORISED.is_match(why) {
        return AgentEnd::Unauthorised(words);
    }
    AgentEnd::Failed(if words.is_empty() { "it does not say why".to_owned() } else { words })
}

/// When a limit ends, in seconds since 1970, by the text that tells of it. A time of day is not read: it is in a zone that the text does
/// not name.
pub fn until(text: &str, now: u64) -> Option<u64> {
    if let Some(found) = AT.captures(text) {
        return found[1].parse().ok().map(seconds_of);
    }
    // What is further away than a month is no reset.
    let month = 31.0 * 86_400.0;
    IN.captures_iter(text).find_map(|found| {
        let (mut seconds, mut told) = (0.0, found[0].to_ascii_lowercase().starts_with("retry"));
        for piece in PIECE.captures_iter(&found[1]) {
            let n: f64 = piece[1].parse().ok()?;
            told |= piece.get(2).is_some();
            let unit = piece.get(2).map_or("s", |unit| unit.as_str()).to_ascii_lowercase();
            seconds += n * match unit.as_str() {
                unit if unit.starts_with("mil") || unit == "ms" => 0.001,
                unit if unit.starts_with('d') => 86_400.0,
                unit if unit.starts_with('h') => 3600.0,
                unit if unit.starts_with('m') => 60.0,
                _ => 1.0,
            };
        }
        (told && seconds <= month).then(|| now + seconds.ceil() as u64)
    })
}

/// Whether these last words ask something of a person.
pub(crate) fn asks_user(said: &str) -> bool {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.trim_end().ends_with('?') || ASKS.is_match(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_reset_is_read_in_every_form_that_names_no_time_of_day() {
        for (text, seconds) in [
            ("Please try again in 6m0s", Some(360)),
            ("try again in 250ms", Some(1)),
            ("Please try again in 1.2s.", Some(2)),
            ("retry after 30 seconds", Some(30)),
            ("Retry-After: 120", Some(120)),
            ("\"retryDelay\": \"37s\"", Some(37)),
            ("try again in 3 days 2 hours and 1 minute", Some(3 * 86_400 + 7260)),
            ("resetsAt\":1800000060", Some(60)),
            ("resets_at: 1800000060000", Some(60)),
            ("try again at 3:10 AM", None),
            ("resets 3am", None),
            ("try again in 9999 days", None),
            ("try again later", None),
        ] {
            assert_eq!(until(text, NOW).map(|at| at - NOW), seconds, "{text}");
        }
    }

    #[test]
    fn an_account_that_nobody_pays_for_is_no_limit_that_ends() {
        let last = |why: &str| fault(why, None, NOW);
        assert!(matches!(last("429 insufficient_quota"), AgentEnd::Unauthorised(_)));
        assert!(matches!(last("Your credit balance is too low"), AgentEnd::Unauthorised(_)));
        assert!(matches!(last("maximum context length exceeded"), AgentEnd::Failed(_)));
        assert!(matches!(
            last("rate limit exceeded: 30000 input tokens per minute"),
            AgentEnd::Limited { .. }
        ));
        assert!(matches!(last("connection reset by peer"), AgentEnd::Failed(_)));
        assert_eq!(last(""), AgentEnd::Failed("it does not say why".to_owned()));
    }

    #[test]
    fn a_question_is_told_from_a_report() {
        assert!(asks_user("I found two ways.\nShould I take the first one?\n"));
        assert!(asks_user("Let me know how to proceed."));
        assert!(!asks_user("Why was it slow? Cache misses.\nI widened the tiles."));
        assert!(!asks_user(""));
    }
}
