//! **Coding agents**: which there are, how each is started, read, held still and given its settings; and who else proposes an edit.
//!
//! An agent is a file, `agents/NAME.toml`: its command line, what it tells of its cost, where its settings and its login lie, what
//! `piton init --agents` writes for it. Only the dialect of its events is code.
//!
//! May enter: what is done to an agent or heard of it. May not: what its edit is worth, or when the next call is due: those are `climb`,
//! and functions in `piton-core`.

mod ask;
mod dialects;
pub mod events;
pub mod faults;
pub mod guard;
pub mod hold;
pub mod home;
pub mod installed;
pub mod kind;
mod login;
pub mod private_home;
mod proposal;
mod proposer;
mod walls;
mod watchdog;

pub use proposer::{Agent, CallContext, KnownAgent, Reply, SweepContext, is_file};
pub use walls::Workspace;
