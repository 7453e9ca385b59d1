//! Units of time, as benchmark tools write them.

/// Seconds in so many of `unit`; absent for what is no unit of time.
pub(super) fn seconds(number: f64, unit: &str) -> Option<f64> {
    // Divided, where that is exact and a product is not.
    Some(match unit {
        "fs" => number / 1e15,
        "ps" => number / 1e12,
        "ns" => number / 1e9,
        "us" | "\u{b5}s" | "\u{3bc}s" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    })
}

/// A time such as `26.03 ns`, in seconds.
pub(super) fn time(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once([' ', '\u{a0}'])?;
    seconds(number.replace(',', "").parse().ok()?, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_whatever_its_unit_and_a_share_or_a_rate_is_none() {
        for (text, is) in [
            ("26.5 ns", Some(26.5e-9)),
            ("1.5 \u{b5}s", Some(1.5e-6)),
            ("1.5 \u{3bc}s", Some(1.5e-6)),
            ("1,250 us", Some(1.25e-3)),
            ("2 ms", Some(2e-3)),
            ("3 s", Some(3.0)),
            ("2 m", Some(120.0)),
            ("7.31 GB/s", None),
            ("-1.5 %", None),
            ("12", None),
        ] {
            assert_eq!(time(text), is, "{text}");
        }
    }
}
