//! What must hold in any repository, not only in this one.

#[path = "repositories/count.rs"]
mod count;
