//! Facts that hold in any repository, not only in our own.

#[path = "repositories/repos.rs"]
mod repos;
