//! The tests of verdicts once more, on a toy whose build names no artifact: what is measured is the tree that it was run in. See `piton_tests::Kind`.

#[path = "audit.rs"]
mod audit;
#[path = "benchmarks.rs"]
mod benchmarks;
#[path = "checks.rs"]
mod checks;
#[path = "climb.rs"]
mod climb;
#[path = "finalize.rs"]
mod finalize;
#[path = "guarded.rs"]
mod guarded;
#[path = "incumbents.rs"]
mod incumbents;
#[path = "lost.rs"]
mod lost;
#[path = "moved.rs"]
mod moved;
#[path = "rule.rs"]
mod rule;
#[path = "trial.rs"]
mod trial;
