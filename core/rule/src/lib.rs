//! **When a change is kept**: the settings of a run, the coin that orders its pairs, the gates, and the rule itself.
//!
//! May enter: what the error rate of a keep depends on, as functions of the values that were measured. May not: a record, a repository, a
//! word for a user. Whoever audits piton reads this room first, so it stays short.

pub mod coin;
pub mod estimator;
pub mod gate;
pub mod keep;
pub mod settings;
