//! Other people's repositories: what piton promises holds in them, or it refuses before it measures.

#[path = "repositories/count.rs"]
mod count;
#[path = "repositories/read.rs"]
mod read;
#[path = "repositories/repos.rs"]
mod repos;
#[path = "repositories/rule.rs"]
mod rule;
#[path = "repositories/slots.rs"]
mod slots;
#[path = "repositories/walls.rs"]
mod walls;
