//! A value of a metric with its unit. A time is told in the unit in which it is a plain number: `24.7 ns` and not `2.47e-8 s`.

use piton_base::metric::{Metric, OwnMeter};

use super::{clean, number};

/// Longest unit, in characters.
const UNIT: usize = 30;
/// Units of time by the words for them, each with its seconds, the largest first.
const TIMES: [(&[&str], f64); 4] = [
    (&["s", "sec", "secs", "second", "seconds"], 1.0),
    (&["ms", "msec", "millisecond", "milliseconds"], 1e-3),
    (&["µs", "us", "\u{3bc}s", "usec", "microsecond", "microseconds"], 1e-6),
    (&["ns", "nsec", "nanosecond", "nanoseconds"], 1e-9),
];
/// What is smaller than this in its own unit is told in a smaller one.
const SMALL: f64 = 0.1;

/// The unit in which a value that has `unit` is told, and what it is multiplied by for that.
pub fn scaled(x: f64, unit: &str) -> (f64, String) {
    let own = TIMES.iter().position(|(words, _)| words.contains(&unit.trim()));
    let small = x != 0.0 && x.abs() < SMALL;
    if let Some((_, seconds)) = own.filter(|_| small).map(|own| TIMES[own]) {
        let size = x.abs() * seconds;
        let fits = |(_, unit): &&(&[&str], f64)| size >= *unit || *unit == 1e-9;
        if let Some((words, smaller)) = TIMES.iter().find(fits) {
            return (seconds / smaller, words[0].to_owned());
        }
    }
    (1.0, clean(unit, UNIT))
}

/// The unit of a metric; of one that has none, what its name says of time.
pub fn unit(metric: &Metric) -> &str {
    if metric.unit.trim().is_empty() { of_name(&metric.name) } else { &metric.unit }
}

/// What a name says of time, where it does.
fn of_name(name: &str) -> &str {
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or(name);
    let own = TIMES.iter().any(|(words, _)| words.contains(&last));
    if own { last } else { "" }
}

/// A figure that was multiplied, with four significant digits.
fn figure(x: f64, by: f64) -> String {
    if by == 1.0 {
        return number(x);
    }
    let x = x * by;
    let digits = 3.0 - x.abs().max(f64::MIN_POSITIVE).log10().floor();
    let rounded = 10f64.powi(digits.clamp(0.0, 9.0) as i32);
    number((x * rounded).round() / rounded)
}

fn after(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" {unit}") }
}

/// A value with its unit: `24.7 ns`, `0.41 s`, `12 tokens/s`.
pub fn value(x: f64, metric: &Metric) -> String {
    // A unit that stands in the name alone is said where the figure is told in another.
    match scaled(x, unit(metric)) {
        (1.0, _) => number(x) + &after(&clean(&metric.unit, UNIT)),
        (by, unit) => figure(x, by) + &after(&unit),
    }
}

/// Two values in one unit, and that: `24.7`, `21.3`, ` ns`.
pub fn both(from: f64, to: f64, metric: &Metric) -> [String; 3] {
    in_one(from, to, unit(metric), &clean(&metric.unit, UNIT))
}

/// The same of whatever is called `name` beside this metric.
pub fn both_beside(name: &str, from: f64, to: f64, metric: &Metric) -> [String; 3] {
    in_one(from, to, unit_beside(name, metric), "")
}

fn in_one(from: f64, to: f64, unit: &str, usual: &str) -> [String; 3] {
    let larger = if from.abs() > to.abs() { from } else { to };
    match scaled(larger, unit) {
        (1.0, _) => [number(from), number(to), after(usual)],
        (by, unit) => [figure(from, by), figure(to, by), after(&unit)],
    }
}

/// The value of whatever is called `name` beside this metric: of one of its benchmarks in the unit of the metric, of others in what the
/// name says.
pub fn beside(name: &str, x: f64, metric: &Metric) -> String {
    match scaled(x, unit_beside(name, metric)) {
        (1.0, _) => number(x),
        (by, unit) => figure(x, by) + &after(&unit),
    }
}

fn unit_beside<'a>(name: &'a str, metric: &'a Metric) -> &'a str {
    let of = metric.of.as_ref().map(|of| of.names());
    let benchmark = of.is_some_and(|names| names.is_empty() || names.iter().any(|own| own == name));
    match OwnMeter::named(name) {
        Some(meter) => meter.unit(),
        None if name == metric.name || benchmark => unit(metric),
        None => of_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_base::metric::Direction;

    fn metric(name: &str, unit: &str) -> Metric {
        Metric { unit: unit.to_owned(), ..Metric::of(name, Direction::Lower) }
    }

    #[test]
    fn a_time_is_told_in_the_unit_in_which_it_is_a_plain_number() {
        let told = |x, unit| value(x, &metric("geomean", unit));
        assert_eq!(told(2.47e-8, "s"), "24.7 ns");
        assert_eq!(told(2.47123e-8, "s"), "24.71 ns");
        assert_eq!(told(1.234e-6, "s"), "1.234 µs");
        assert_eq!(told(0.0123, "seconds"), "12.3 ms");
        assert_eq!(told(9.99e-4, "s"), "999 µs");
        assert_eq!(told(3e-13, "s"), "3.00e-4 ns");
        assert_eq!(told(0.05, "ms"), "50 µs");
        assert_eq!(told(0.41, "s"), "0.41 s");
        assert_eq!(told(0.0, "s"), "0 s");
        assert_eq!(told(-2e-5, "s"), "-20 µs");
        assert_eq!(told(0.05, "ns"), "0.05 ns");
        assert_eq!(told(2.47e-8, "errors/token"), "2.47e-8 errors/token");
    }

    #[test]
    fn where_a_metric_has_no_unit_its_name_may_say_that_it_is_a_time() {
        assert_eq!(value(2.47e-8, &metric("seconds", "")), "24.7 ns");
        assert_eq!(value(0.41, &metric("seconds", "")), "0.41");
        assert_eq!(value(2.47e-8, &metric("losses", "")), "2.47e-8");
    }

    #[test]
    fn two_values_are_told_in_one_unit() {
        let seconds = metric("geomean", "s");
        assert_eq!(both(2.47e-8, 1.2e-6, &seconds), ["0.0247", "1.2", " µs"]);
        assert_eq!(both(0.41, 0.05, &seconds), ["0.41", "0.05", " s"]);
        assert_eq!(both(36512.0, 16008.0, &metric("bytes", "")), ["36512", "16008", ""]);
    }

    #[test]
    fn what_stands_beside_a_metric_is_told_in_its_own_unit() {
        let mut mean = metric("geomean", "s");
        mean.of = Some(piton_base::metric::Of::All(vec!["parse/small".to_owned()]));
        assert_eq!(beside("parse/small", 2.47e-8, &mean), "24.7 ns");
        assert_eq!(beside("cpu_s", 0.002, &mean), "2 ms");
        assert_eq!(beside("peak_memory_bytes", 0.002, &mean), "2.00e-3");
        assert_eq!(beside("quality", 0.002, &mean), "2.00e-3");
    }
}
