//! **Experiments on piton itself and on this machine**: noise, power, attacks, doctors. Nothing that a climb needs.
//!
//! May enter: what shows how far a climb can be believed, and what an experiment begins with ([`draft`]). May not: anything that `climb` would have
//! to call.

pub mod discriminate;
pub mod doctor;
pub mod draft;
pub mod noise;
pub mod quick;
pub mod redteam;
pub mod rehearse;
mod replacement;
pub mod set_up;
pub mod simulate;
pub mod try_once;
