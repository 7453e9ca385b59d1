//! **The machine**: one owner for each piece of it. `process` alone starts programs, `git` alone knows git2, `ledger` alone SQLite and csv,
//! `clock` alone the time, `terminal` alone prints, `beneath` alone touches files where an agent could.
//!
//! May enter: whatever makes a piece of the world safe to use. May not: a decision about a trial.

pub mod beneath;
pub mod clock;
pub mod config;
pub mod environment;
pub mod failpoint;
pub mod freeze;
pub mod fsync;
pub mod git;
pub mod host;
pub mod ledger;
pub mod orphans;
pub mod png;
pub mod process;
pub mod procfs;
pub mod replace;
pub mod sandbox;
pub mod state_home;
pub mod terminal;
pub mod toolchains;
pub mod tree;
pub mod worktree_writer;
