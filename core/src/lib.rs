//! What piton decides and says, as functions of values: six rooms, each a crate that depends on those above it alone.
//!
//! - [`base`]: what every other room is written in
//! - [`recipe`]: a model and a value for each knob of a server
//! - [`rule`]: when a change is kept
//! - [`trial`]: one attempt
//! - [`run`]: what the records of a run come to
//! - [`report`]: what a person is shown
//!
//! Nothing here reads a clock, a file, a repository or the environment, and nothing prints: `clippy.toml` names what is forbidden, and
//! git, SQLite, sockets and runtimes are no dependencies.

pub use piton_base as base;
pub use piton_recipe as recipe;
pub use piton_report as report;
pub use piton_rule as rule;
pub use piton_run as run;
pub use piton_trial as trial;
