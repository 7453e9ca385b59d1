//! **Recipes**: a model and a value for each knob of a server. How one is read and hashed, how two differ, and how one enters a
//! configuration file without a byte of what it does not own being changed.
//!
//! May enter: functions of texts. May not: files (`runner/system` replaces them) and servers.

mod canonical;
pub mod edit;
pub mod owned;
mod read;
mod recipe;
mod spelled;
mod tree;
mod written;

pub use recipe::{Difference, Inputs, KnobValue, Machine, Model, Recipe};
