//! The locked harness: it owns the prompts, the clock and the scores, and meets the candidate only as a process.
//!
//! Nothing here is built or linked with the candidate's code. A *sample* starts one worker process, asks it
//! the prompts that a seed draws, notes when each token arrives, ends it, and only then loads its own
//! reference model and scores every token that was timed. So the number that the loop climbs and the tokens
//! that are judged cannot come apart, and scoring never runs beside the clock.
//!
//! Modules stand in one order and import only upwards: the first ones compute and touch nothing.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "the harness measures on Linux only: it needs CLOCK_MONOTONIC_RAW, /proc/PID/status and sched_setaffinity"
);

pub mod outcome;

pub mod counts;

pub mod gates;

pub mod metrics;

pub mod plausible;

pub mod frames;

pub mod answer;

pub mod model;

pub mod score;

pub mod prompts;

pub mod clock;

pub mod process;

pub mod setup;

pub mod timing;

pub mod report;

pub mod pool;

pub mod sample;

pub mod train;

pub mod explain;

pub mod commands;
