//! How many times the work of a sample is done, so that it is long enough to say something.

/// Most times.
const MOST: f64 = 1000.0;

/// How often the work of one round that took `took_s` seconds is done, to take `aim_s` at least. Once where nothing is known.
pub fn times(aim_s: f64, took_s: f64) -> u32 {
    let times = (aim_s / took_s).ceil();
    if times.is_finite() { times.clamp(1.0, MOST) as u32 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_as_long_as_is_aimed_at_and_at_least_a_round() {
        assert_eq!([times(1.5, 1.03), times(1.5, 1.5), times(1.5, 9.0), times(1.5, 0.08)], [2, 1, 1, 19]);
        assert_eq!(
            [times(2.0, 0.0), times(2.0, f64::NAN), times(2.0, -1.0), times(2.0, 1e-9)],
            [1, 1, 1, 1000]
        );
    }
}
