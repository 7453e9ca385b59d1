//! The bars of the rule as a benchmark: `cargo bench -p piton`. The time is that of 20,000 trials a cell.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]

use std::time::Instant;

use piton_lab::simulate::{SimulateOptions, run, table};

fn main() {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = SimulateOptions { trials: 20_000, seed: 1, threads, only: String::new() };
    let report = run(&options, &|part| eprintln!("{part}"));
    print!("{}", table(&report));
    println!("{:.1} s on {threads} threads", begun.elapsed().as_secs_f64());
    assert!(report.bars.iter().all(|bar| bar.holds), "a bar does not hold");
}
