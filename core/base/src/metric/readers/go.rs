//! Lines of `go test -bench`: `BenchmarkSort/size-8-2   132826   414.3 ns/op   88 B/op   2 allocs/op`.

use super::{BenchmarkValue, beside};

/// The unit of the figure: nanoseconds by the clock.
const TIME: &str = "ns/op";

/// A line's time, and what else it says of the benchmark.
pub(super) fn line(line: &str) -> Vec<BenchmarkValue> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next().filter(|name| is_benchmark(name) && line.starts_with(*name)) else {
        return vec![];
    };
    let (Some(true), words) =
        (words.next().map(|times| times.parse::<u64>().is_ok()), words.collect::<Vec<_>>())
    else {
        return vec![];
    };
    let pairs = words.chunks_exact(2).filter_map(|pair| Some((pair[0].parse::<f64>().ok()?, pair[1])));
    let value = |(number, unit): (f64, &str)| match unit {
        TIME => BenchmarkValue::of(name, number / 1e9),
        unit => BenchmarkValue::of(beside(name, unit), number),
    };
    pairs.map(value).collect()
}

/// `BenchmarkSort`, not `Benchmarking`.
fn is_benchmark(name: &str) -> bool {
    name.strip_prefix("Benchmark").is_some_and(|rest| !rest.starts_with(|c: char| c.is_lowercase()))
}
