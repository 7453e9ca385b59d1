//! piton lets a coding agent climb a metric unattended and keeps a change only when it holds.
//!
//! The modules stand in one order and import only upwards; `tests/` holds the list. The first ones compute
//! and touch nothing, the last ones touch the world and decide nothing.

pub mod brief;
pub mod calibrate;
pub mod calibration;
pub mod chain;
pub mod compare;
pub mod conditions;
pub mod error;
pub mod expensive;
pub mod flight;
pub mod forecast;
pub mod gate;
pub mod import;
pub mod metric;
pub mod monitor;
pub mod page;
pub mod plot;
pub mod random;
pub mod report;
pub mod rule;
pub mod scope;
pub mod session;
pub mod standing;
pub mod stats;
pub mod sweep;
pub mod tally;
pub mod terms;
pub mod trial;
pub mod words;

pub mod agent;
pub mod audit;
pub mod begin;
pub mod book;
pub mod build;
pub mod climb;
pub mod clock;
pub mod commands;
pub mod config;
pub mod confine;
pub mod discriminate;
pub mod disk;
pub mod doctor;
pub mod drive;
pub mod duel;
pub mod fail;
pub mod git;
pub mod guard;
pub mod host;
pub mod judge;
pub mod ledger;
pub mod measure;
pub mod noise;
pub mod png;
pub mod proc;
pub mod recover;
pub mod redteam;
pub mod rehearse;
pub mod say;
pub mod simulate;
pub mod survivors;
pub mod verify;
pub mod world;
