//! The clock.
//!
//! CLOCK_MONOTONIC_RAW, because nobody can slew it: `adjtimex` made CLOCK_MONOTONIC, which `Instant` reads, run
//! at nine tenths of its speed. CLOCK_MONOTONIC is read beside it only to notice that somebody tried.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    raw: Duration,
    monotonic: Duration,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { raw: now(), monotonic: read(ClockId::Monotonic) }
    }

    /// Time since, by CLOCK_MONOTONIC_RAW and by CLOCK_MONOTONIC.
    pub fn elapsed(&self) -> (Duration, Duration) {
        let end = Self::now();
        (end.raw.saturating_sub(self.raw), end.monotonic.saturating_sub(self.monotonic))
    }
}

/// CLOCK_MONOTONIC_RAW.
pub fn now() -> Duration {
    read(ClockId::MonotonicRaw)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_clock_never_runs_backwards() {
        let times: Vec<Duration> = (0..1000).map(|_| now()).collect();
        assert!(times.is_sorted());
    }
}
