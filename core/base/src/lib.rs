//! **What every other room is written in**: errors, statistics, metrics, conditions of a machine, random numbers.
//!
//! May enter: a type or a function that knows nothing of runs, trials or rules. May not: a decision, a text for a screen, anything
//! that reads a clock, a file or the environment.

pub mod commit;
pub mod conditions;
pub mod error;
pub mod level;
pub mod metric;
pub mod note;
pub mod rng;
pub mod stats;
