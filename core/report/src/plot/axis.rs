//! Axes: where the numbers stand.

use piton_trial::text::number;

/// At most about `most` round values from `low` to `high`, both finite and `low` below `high`.
pub fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let raw = (high - low) / most.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|s| s * power).find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    if !step.is_normal() {
        return vec![];
    }
    let first = (low / step).ceil();
    (0..=most + 1).map(|i| (first + i as f64) * step).take_while(|value| *value <= high).collect()
}

/// Whole steps for trials: from 0 to `last`.
pub fn trials(last: u32, most: usize) -> Vec<u32> {
    let raw = f64::from(last) / most.max(1) as f64;
    let power = 10f64.powf(raw.max(1.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|s| s * power).find(|step| *step >= raw).unwrap_or(power);
    (0..=last).step_by((step as usize).max(1)).collect()
}

/// Round values of a metric whose logarithm runs from `low` to `high`; in steps of decades where there are several.
pub fn values(low: f64, high: f64, most: usize) -> Vec<f64> {
    let (from, to) = (low.exp(), high.exp());
    if !from.is_normal() || !to.is_finite() {
        return vec![];
    }
    if to / from < 12.0 {
        return ticks(from, to, most);
    }
    let decades = (to.log10() - from.log10()).ceil() as i32;
    let every = (decades / most.max(1) as i32).max(1);
    (from.log10().ceil() as i32..=to.log10().floor() as i32)
        .step_by(every as usize)
        .map(|power| 10f64.powi(power))
        .collect()
}

/// A tick in words. `step` is the distance to the next: what it cannot show is left out.
pub fn label(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&value.abs()) {
        return number(value);
    }
    let digits = (-step.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let digits = if step < 1.0 || step % 1.0 == 0.0 { digits } else { 1 };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_few_and_within() {
        assert_eq!(ticks(643.0, 991.0, 6), [700.0, 800.0, 900.0]);
        assert_eq!(ticks(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(values(1.0f64.ln(), 1e4f64.ln(), 6), [1.0, 10.0, 100.0, 1e3, 1e4]);
        assert_eq!(trials(15, 10), [0, 2, 4, 6, 8, 10, 12, 14]);
        assert_eq!(trials(0, 10), [0]);
        assert_eq!(trials(2000, 10), [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000]);
    }

    #[test]
    fn a_label_has_the_digits_that_its_step_needs() {
        assert_eq!(label(0.6000000000000001, 0.2), "0.6");
        assert_eq!(label(700.0, 100.0), "700");
        assert_eq!(label(702.5, 2.5), "702.5");
        assert_eq!(label(1e-9, 1e-9), "1.00e-9");
    }

    proptest::proptest! {
        #[test]
        fn no_range_makes_many_ticks(low in -1e300f64..1e300, span in 1e-300f64..1e300, most in 1usize..12) {
            let found = ticks(low, low + span, most);
            proptest::prop_assert!(found.len() <= most + 2);
            proptest::prop_assert!(values(low, low + span, most).len() <= 700);
        }
    }
}
