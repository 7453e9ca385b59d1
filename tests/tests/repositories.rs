//! What must hold in any repository.

#[path = "repositories/read.rs"]
mod read;
