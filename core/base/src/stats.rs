//! The statistics that the rule and the reports need, as functions of slices.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Median; the mean of the middle two for an even count. `None` for an empty slice.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let n = sorted.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(sorted[n / 2]),
        _ => Some(f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])),
    }
}

/// Arithmetic mean, which of numbers is a number, however large they are. `None` for an empty slice.
pub fn mean(values: &[f64]) -> Option<f64> {
    let (sum, n) = (values.iter().sum::<f64>(), values.len() as f64);
    // The sum of numbers near the largest there is may be none, and a record can only hold numbers.
    let mean = if sum.is_infinite() { values.iter().map(|value| value / n).sum() } else { sum / n };
    (!values.is_empty()).then(|| mean.clamp(f64::MIN, f64::MAX))
}

/// 1.4826 times the median absolute deviation from the median, in the unit of the values.
///
/// For normal noise this estimates the standard deviation, and one outlier in ten does not move it. `None` with
/// fewer than two values.
///
/// Source: F. R. Hampel, "The Influence Curve and Its Role in Robust Estimation", JASA 69 (1974).
pub fn deviation(values: &[f64]) -> Option<f64> {
    let centre = median(values).filter(|_| values.len() > 1)?;
    let distances: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    Some(1.4826 * median(&distances)?)
}

/// [`deviation`] as a share of the median. `None` also for a median of zero.
pub fn spread(values: &[f64]) -> Option<f64> {
    let centre = median(values).filter(|m| *m != 0.0)?;
    Some(deviation(values)? / centre.abs())
}

/// The probability that a fair coin falls heads at least `k` times in `n`: 1 where nothing was thrown.
pub fn at_least(k: usize, n: usize) -> f64 {
    let (mut ln_term, mut sum) = (-(n as f64) * std::f64::consts::LN_2, 0.0);
    for heads in 0..=n {
        if heads >= k {
            sum += ln_term.exp();
        }
        ln_term += ((n - heads) as f64 / (heads + 1) as f64).ln();
    }
    sum.min(1.0)
}

/// Distribution-free confidence interval for the median of the population: the sign-test interval.
///
/// `alpha` is the error of each end on its own. The ends are the k-th smallest and the k-th largest value with
/// the largest k such that P(Binomial(n, 1/2) < k) <= alpha, so that the true median lies below the lower end
/// with probability at most `alpha`, for any continuous distribution. `None` while n is too small for one:
/// at alpha .02, below six values.
///
/// Source: W. R. Thompson, "On Confidence Ranges for the Median", Annals of Mathematical Statistics 7 (1936).
pub fn sign_interval(values: &[f64], alpha: f64) -> Option<(f64, f64)> {
    let sorted = sorted(values);
    let n = sorted.len();
    // The terms are carried as logarithms: from n = 1075 on the first is too small to be a number.
    let (mut below, mut ln_term, mut k) = (0.0, -(n as f64) * std::f64::consts::LN_2, 0);
    while k < n.div_ceil(2) && below + ln_term.exp() <= alpha {
        below += ln_term.exp();
        ln_term += ((n - k) as f64 / (k + 1) as f64).ln();
        k += 1;
    }
    (k > 0).then(|| (sorted[k - 1], sorted[n - k]))
}

/// The fewest pairs for which [`sign_interval`] exists at `alpha`.
pub fn fewest_pairs(alpha: f64) -> u32 {
    (-alpha.log2()).ceil().max(1.0) as u32
}

/// Quantile `p` of Student's t with `freedom` degrees of freedom; not a number where there is no such distribution.
pub fn t_quantile(p: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| t.inverse_cdf(p))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_a_fair_coin_are_counted_from_the_top() {
        assert!([(0, 0), (0, 5)].iter().all(|(k, n)| (at_least(*k, *n) - 1.0).abs() < 1e-12));
        assert!((at_least(7, 7) - 1.0 / 128.0).abs() < 1e-12);
        assert!((at_least(2, 3) - 0.5).abs() < 1e-12);
        assert!(at_least(600, 1000) < 1e-9);
    }

    #[test]
    fn the_interval_of_many_values_is_as_wide_as_theory_says() {
        let values: Vec<f64> = (0..4000).map(f64::from).collect();
        let (low, high) = sign_interval(&values, 0.025).unwrap();
        // Normal approximation: n/2 -+ 1.96 sqrt(n)/2.
        assert!((low - 1938.0).abs() <= 2.0 && (high - 2061.0).abs() <= 2.0, "{low} {high}");
    }

    #[test]
    fn the_median_of_nothing_is_nothing() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn one_wild_value_does_not_move_the_spread() {
        let calm = [99.0, 100.0, 101.0, 100.0, 99.5, 100.5];
        let mut wild = calm;
        wild[2] = 500.0;
        assert!(spread(&wild).unwrap() < 2.0 * spread(&calm).unwrap());
    }

    #[test]
    fn six_pairs_give_the_extremes_and_five_give_nothing_at_two_percent() {
        assert_eq!(sign_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.02), None);
        assert_eq!(sign_interval(&[6.0, 2.0, 3.0, 4.0, 5.0, 1.0], 0.02), Some((1.0, 6.0)));
        assert_eq!(fewest_pairs(0.02), 6);
    }

    #[test]
    fn twenty_pairs_give_the_sixth_from_either_end_at_five_percent_two_sided() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(sign_interval(&values, 0.025), Some((6.0, 15.0)));
    }

    proptest::proptest! {
        #[test]
        fn the_interval_contains_the_median(values in proptest::collection::vec(-10.0f64..10.0, 6..60)) {
            let (low, high) = sign_interval(&values, 0.02).unwrap();
            let middle = median(&values).unwrap();
            proptest::prop_assert!(low <= middle && middle <= high);
        }
    }
}
