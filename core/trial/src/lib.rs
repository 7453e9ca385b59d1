//! **One attempt**: its record, its states, its outcome, and what may be said of an edit and of what a command printed.
//!
//! May enter: functions of one trial's own values and texts. May not: what several trials come to (that is `run`), and whatever reads or
//! writes a file.

pub mod changes;
pub mod check;
pub mod crash;
pub mod denied;
pub mod hash_chain;
pub mod leftovers;
pub mod proposal;
pub mod record;
pub mod scope;
pub mod similarity;
pub mod state;
pub mod text;
pub mod tokens;
