//! Figures that cannot be true.
//!
//! Last of the defences: whatever the trick was, a speed that the machine's arithmetic forbids, a value that
//! is not finite, or clocks that disagree, must not become a score.

use crate::outcome::{Failure, Kind};
use std::time::Duration;

/// Bytes of weights that one core could read in a second, at the very most: two loads of 64 bytes in each
/// cycle at 3.1 GHz, which is the first-level cache of a current server core. The levels that hold real
/// weights give 10 to 70 GB/s.
///
/// It is a generous bound on purpose. Narrower weights than the file's, or several tokens verified for one
/// reading, are honest ways past "every token reads every byte", and each gives a factor of a few.
pub const WEIGHT_BYTES_PER_CORE_S: f64 = 400e9;
/// Relative drift between the two clocks from which on a sample is void, in parts per million.
pub const MAX_DRIFT_PPM: f64 = 200.0;
/// Drift below this is the time that reading the two clocks takes, whatever its share of a short sample.
pub const MAX_DRIFT: Duration = Duration::from_micros(50);

/// Longest that a worker may compute until it has loaded the model, whatever the model: its start, and what any engine sets up.
pub const LOAD: Duration = Duration::from_millis(500);
/// And for each byte of weights besides: reading, checking, rounding and packing them takes a hundredth of this.
pub const LOAD_BYTES_PER_S: f64 = 20e6;
/// Longest that a worker may compute outside of its answers: what it does to end.
pub const IDLE: Duration = Duration::from_millis(50);
/// And the share of its answers' time besides: freeing what an answer took.
pub const IDLE_SHARE: f64 = 0.05;

/// Refuses an answer that came faster than its weights can be read.
///
/// # Errors
/// [`Kind::Implausible`] where `tokens * weight_bytes` in `seconds` exceeds what `cores` could read.
pub fn check_speed(tokens: usize, seconds: f64, weight_bytes: u64, cores: usize) -> Result<(), Failure> {
    let rate = tokens as f64 * weight_bytes as f64 / seconds;
    let bound = WEIGHT_BYTES_PER_CORE_S * cores as f64;
    if seconds.is_finite() && seconds > 0.0 && rate <= bound {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Implausible,
        format!(
            "{tokens} tokens in {:.1} us would read the weights at {:.0} GB/s; {cores} cores cannot exceed {:.0} GB/s",
            seconds * 1e6,
            rate / 1e9,
            bound / 1e9
        ),
    ))
}

/// Refuses a worker that computed too long where the metric's clock does not run: answers worked out beforehand cost nothing there.
///
/// Times are those on a processor, of all threads, so that a busy machine makes no difference.
///
/// # Errors
/// [`Kind::Unclocked`], with the time and the bound.
pub fn check_unclocked(
    load: Duration,
    idle: Duration,
    clocked: Duration,
    weight_bytes: u64,
) -> Result<(), Failure> {
    let most_load = LOAD + Duration::from_secs_f64(weight_bytes as f64 / LOAD_BYTES_PER_S);
    let most_idle = IDLE + clocked.mul_f64(IDLE_SHARE);
    let (what, took, most) = if load > most_load {
        ("while it loaded the model", load, most_load)
    } else if idle > most_idle {
        ("between its answers and after the last", idle, most_idle)
    } else {
        return Ok(());
    };
    let ms = |time: Duration| 1e3 * time.as_secs_f64();
    let reason =
        format!("it computed for {:.1} ms {what}, of all its threads; at most {:.1} ms", ms(took), ms(most));
    Err(Failure::new(Kind::Unclocked, reason))
}

/// Refuses values that are not finite.
///
/// # Errors
/// [`Kind::Implausible`], naming the first such metric.
pub fn check_finite(values: &[(&'static str, f64)]) -> Result<(), Failure> {
    match values.iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((name, value)) => Err(Failure::new(Kind::Implausible, format!("{name} is {value}"))),
    }
}

/// Refuses a span over which CLOCK_MONOTONIC did not keep step with CLOCK_MONOTONIC_RAW.
///
/// # Errors
/// [`Kind::Clock`] where they differ by more than [`MAX_DRIFT_PPM`] and by more than [`MAX_DRIFT`].
pub fn check_drift(raw: Duration, monotonic: Duration) -> Result<(), Failure> {
    let drift = raw.abs_diff(monotonic);
    let ppm = 1e6 * drift.as_secs_f64() / raw.as_secs_f64();
    if drift <= MAX_DRIFT || ppm <= MAX_DRIFT_PPM {
        return Ok(());
    }
    let reason = format!(
        "CLOCK_MONOTONIC gained {drift:?} on CLOCK_MONOTONIC_RAW in {raw:?} ({ppm:.0} ppm; at most {MAX_DRIFT_PPM:.0})"
    );
    Err(Failure::new(Kind::Clock, reason)
        .hint("wait until the machine's time service has settled, then try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_honest_worker_that_was_seen_is_plausible_and_a_table_of_answers_is_not() {
        let bytes = 4_200_000;
        assert!(check_speed(8300, 1.0, bytes, 2).is_ok(), "int8 on two cores");
        assert_eq!(check_speed(64, 100e-6, bytes, 1).unwrap_err().outcome, Kind::Implausible);
        assert!(check_speed(1, 0.0, bytes, 1).is_err(), "no time at all");
        assert!(check_speed(1, f64::NAN, bytes, 1).is_err());
    }

    #[test]
    fn a_slewed_clock_voids_the_sample_and_the_cost_of_reading_it_does_not() {
        let second = Duration::from_secs(1);
        assert!(
            check_drift(second, second + Duration::from_micros(150)).is_ok(),
            "150 ppm: the time service"
        );
        assert_eq!(check_drift(second, second * 9 / 10).unwrap_err().outcome, Kind::Clock);
        assert!(
            check_drift(Duration::from_micros(500), Duration::from_micros(510)).is_ok(),
            "2 % of nearly nothing"
        );
        assert!(check_drift(Duration::ZERO, Duration::ZERO).is_ok());
    }

    #[test]
    fn what_any_engine_does_outside_of_its_answers_is_let_pass_and_work_done_there_is_not() {
        let ms = Duration::from_millis;
        let kind = |load, idle| check_unclocked(load, idle, ms(1000), 4_000_000).map_err(|f| f.outcome);
        assert_eq!(kind(ms(700), ms(100)), Ok(()));
        assert_eq!(kind(ms(701), ms(0)), Err(Kind::Unclocked), "a table while it loads");
        assert_eq!(kind(ms(0), ms(101)), Err(Kind::Unclocked), "a thread that outlives its answer");
        assert!(
            check_unclocked(Duration::from_secs(60), ms(0), ms(1), 2_000_000_000).is_ok(),
            "a large model"
        );
    }

    #[test]
    fn a_metric_that_is_not_finite_is_named() {
        let failure = check_finite(&[("ttft_ms", 1.0), ("regret", f64::NAN)]).unwrap_err();
        assert_eq!((failure.outcome, failure.reason.as_str()), (Kind::Implausible, "regret is NaN"));
    }
}
