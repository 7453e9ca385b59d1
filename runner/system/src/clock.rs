//! The only module that asks what time it is.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "owns the time")]

use std::time::{Duration, Instant, SystemTime};

/// Now, UTC, RFC 3339 to the second.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Seconds since a time that [`now`] gave; 0 for what is none, or is yet to come.
pub fn since(then: &str) -> f64 {
    let then = humantime::parse_rfc3339(then).ok();
    then.and_then(|then| SystemTime::now().duration_since(then).ok()).map_or(0.0, |gone| gone.as_secs_f64())
}

/// Today, UTC, as `2026-11-20`.
pub fn today() -> String {
    now().chars().take(10).collect()
}

/// Now, in seconds since 1970.
pub fn unix() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs())
}

/// A time in seconds since 1970, as people read it: `03:10 UTC`, with the day where it is not today.
pub fn words(unix: u64) -> String {
    let text =
        humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(unix)).to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.get(..5).unwrap_or_default();
    if day == today() { format!("{time} UTC") } else { format!("{day} {time} UTC") }
}

/// A moment that a person names, UTC, RFC 3339 to the second: how long ago it was, a date, or a time. `None` for anything else.
pub fn moment(text: &str) -> Option<String> {
    let text = text.trim();
    let moment = match humantime::parse_duration(text) {
        Ok(ago) => SystemTime::now().checked_sub(ago)?,
        Err(_) if text.len() == 10 => humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()?,
        Err(_) => humantime::parse_rfc3339_weak(text).ok()?,
    };
    // Before the year 0 nothing can be written, and nothing was.
    (moment >= SystemTime::UNIX_EPOCH).then(|| humantime::format_rfc3339_seconds(moment).to_string())
}

/// A stopwatch on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since its start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The same in seconds.
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// Does nothing for so long.
pub fn wait(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_named_by_a_date_a_time_or_how_long_ago_it_was() {
        assert_eq!(moment("2026-11-20").unwrap(), "2026-11-20T00:00:00Z");
        assert_eq!(moment("2026-11-20T22:00:05Z").unwrap(), "2026-11-20T22:00:05Z");
        assert_eq!(moment("2026-11-20 22:00:05").unwrap(), "2026-11-20T22:00:05Z");
        assert!(moment("8h").unwrap() < now() && moment("1s").unwrap() <= now());
        for bad in ["", "yesterday", "2026-13-01", "99999999999y", "1066-10-14"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
