//! **What the records of a run come to**: its noise, its power, when it stops, where the next trial starts, what an agent is told; and what some
//! runs of a command say before there is a record.
//!
//! May enter: functions of records. May not: pages and pictures (that is `report`), and whatever looks at the machine.

pub mod brief;
pub mod few_runs;
pub mod first_screen;
pub mod forecast;
pub mod hot_lines;
pub mod lessons;
pub mod next_start;
pub mod pair_history;
pub mod power;
pub mod quick;
pub mod rechecks;
pub mod recipes;
pub mod run_state;
pub mod sample_scale;
pub mod stopping;
pub mod summary;
pub mod taken_up;
pub mod tuner;
