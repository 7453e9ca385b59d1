//! piton lets a coding agent climb a metric unattended and keeps a change only when it holds.
//!
//! Decisions are functions of values in `piton-core`. Five rooms obey them, each a crate that depends on those above it alone:
//!
//! - `piton-system`: the machine, one owner for each piece of it
//! - `piton-agent`: coding agents, called and held
//! - `piton-climb`: a trial, a run, carried out
//! - `piton-lab`: experiments on piton itself and on this machine
//! - [`commands`]: what a user types

pub mod commands;
