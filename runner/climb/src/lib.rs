//! **A trial, a run, carried out**: begin, brief, build, sample, pair, evaluate, keep or reset, record, recover.
//!
//! May enter: the order of steps, and what each does to the world through `system` and `agent`. May not: a decision, which is a function
//! in `piton-core`, and a command's arguments.

pub mod audit;
pub mod background;
pub mod briefing;
pub mod build;
pub mod calibrate;
pub mod checks;
pub mod context;
pub mod evaluate;
pub mod finalize_git;
pub mod follow;
pub mod ledger_witness;
pub mod pair_runner;
pub mod profile;
pub mod recall;
pub mod recover;
pub mod run_climb;
pub mod run_store;
pub mod run_trial;
pub mod sample;
pub mod single_runs;
pub mod start_run;
pub mod status_file;
pub mod verify;
