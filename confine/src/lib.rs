//! Starts a process behind walls.
//!
//! A process cannot be limited from outside before its own code runs, and limiting it between fork and exec
//! takes unsafe code in a process with threads. So the binary starts itself once more, with a [`Policy`] on the
//! command line; that helper has one thread, limits itself, and becomes the command by exec. `main` of such a
//! binary begins with [`enter_if_asked`].
//!
//! The walls are Landlock (files, signals, abstract sockets), seccomp (system calls), resource limits, and the
//! loss of every capability. No other program takes part, so they stand in containers too. Where the kernel lets a process
//! have a root of its own, it finds nothing else there, and a /dev/shm and terminals that end with it. What they are worth
//! on this machine is a [`Level`](piton_base::level::Level), which [`find`](find()) establishes by attacking itself.
//!
//! `start` alone knows both sides, the helper (`enter`) and the attacks (`attack`), and `find` alone what attacks come to:
//! no module is used by one that it uses.

#[cfg(target_os = "linux")]
mod attack;
#[cfg(target_os = "linux")]
mod calls;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod enter;
#[cfg(target_os = "linux")]
mod files;
mod find;
mod found;
#[cfg(target_os = "linux")]
mod freezer;
#[cfg(target_os = "linux")]
mod group;
mod limits;
mod linked;
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod mac;
#[cfg(target_os = "linux")]
mod meter;
mod metering;
#[cfg(target_os = "linux")]
mod mounts;
mod places;
mod policy;
mod program;
#[cfg(target_os = "linux")]
mod raw;
mod reach;
#[cfg(target_os = "linux")]
mod rights;
mod start;
#[cfg(target_os = "linux")]
mod terminals;
#[cfg(target_os = "linux")]
mod usage;

pub use find::find;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub use find::{bare, controls, find_below};
pub use found::{Found, Tried, gift};
#[cfg(target_os = "linux")]
pub use freezer::Freezer;
#[cfg(target_os = "linux")]
pub use group::Group;
pub use linked::linked;
pub use metering::{Metered, Metering};
pub use places::{processor, system};
pub use policy::{Limits, Opened, Policy, RESULT, Role};
pub use reach::reachable;
pub use start::{NOT_EXECUTED, NOT_STARTED, STATUS, enter_if_asked};
#[cfg(target_os = "linux")]
pub use usage::processor_time;
