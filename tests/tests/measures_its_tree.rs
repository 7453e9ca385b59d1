//! The tests of verdicts once more, on a toy without a build: what is measured is the tree as it was committed. See `piton_tests::Kind`.

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
