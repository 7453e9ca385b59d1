//! A gain, and the one set of conversions between it and what people are told.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use serde::{Deserialize, Serialize};

use crate::stats;

/// How much better one value of a metric is than another, positive when better; and whatever is held against gains in their unit: ends of an
/// interval, the scale of a pair (tau), margins.
///
/// What the number is on each [`super::Scale`]: where ratios are compared the natural logarithm of the ratio of the two values, so that gains of one
/// over the other add up; where differences are compared the difference, in the metric's unit. [`super::Metric::change`] says what it does to
/// the value.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gain(pub f64);

impl Gain {
    /// None.
    pub const ZERO: Self = Self(0.0);

    /// Gain of a value above zero over one that is not, where ratios are compared, and the other way round as a loss: a ratio has no number
    /// for it. It is beyond what any test counts of one pair, and every gain in a ratio of such values that people measure.
    pub const BEYOND: Self = Self(200.0);

    /// Of so many percent, where ratios are compared: `3.0` is `0.0296`.
    pub fn from_percent(percent: f64) -> Self {
        Self::from_share(percent / 100.0)
    }

    /// Of such a share of the value, where ratios are compared: `0.03` is `0.0296`.
    pub fn from_share(share: f64) -> Self {
        Self(share.ln_1p())
    }

    /// As percent of the value, where ratios are compared: `0.0296` is `3.0`.
    pub fn percent(self) -> f64 {
        self.0.exp_m1() * 100.0
    }

    /// Its size.
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The larger one.
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// The smaller one.
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Whether it is a number.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// Median of gains; `None` of none.
    pub fn median(gains: &[Self]) -> Option<Self> {
        stats::median(&Self::numbers(gains)).map(Self)
    }

    /// The interval of their median by the sign test; see [`stats::sign_interval`].
    pub fn sign_interval(gains: &[Self], alpha: f64) -> Option<(Self, Self)> {
        stats::sign_interval(&Self::numbers(gains), alpha).map(|(low, high)| (Self(low), Self(high)))
    }

    /// The plain numbers, for statistics.
    pub fn numbers(gains: &[Self]) -> Vec<f64> {
        gains.iter().map(|gain| gain.0).collect()
    }
}

impl Add for Gain {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Gain {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Gain {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Gain {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<f64> for Gain {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        Self(self.0 * by)
    }
}

impl Sum for Gain {
    fn sum<I: Iterator<Item = Self>>(gains: I) -> Self {
        Self(gains.map(|gain| gain.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_written_and_read_as_a_plain_number_to_the_last_bit() {
        for number in [0.1 + 0.2, -0.0, 1e-300, 0.029_558_802_241_544_4] {
            let text = serde_json::to_string(&Gain(number)).unwrap();
            assert_eq!(text, serde_json::to_string(&number).unwrap());
            let back: Gain = serde_json::from_str(&text).unwrap();
            assert_eq!(back.0.to_bits(), number.to_bits());
        }
    }

    #[test]
    fn percent_of_a_ratio_come_back() {
        for percent in [-50.0, -3.0, 0.0, 3.0, 300.0] {
            assert!((Gain::from_percent(percent).percent() - percent).abs() < 1e-9);
        }
    }
}
