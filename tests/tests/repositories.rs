//! Other people's repositories: what piton promises holds in them, or it refuses before it measures.

#[path = "repositories/slots.rs"]
mod slots;
