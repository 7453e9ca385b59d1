//! What piton promises in repositories of every kind, as facts.

#[path = "repositories/walls.rs"]
mod walls;
