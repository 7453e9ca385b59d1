//! What must hold in other people's repositories.

#[path = "repositories/rule.rs"]
mod rule;
