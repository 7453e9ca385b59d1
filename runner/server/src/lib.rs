//! **Model servers**: asked over HTTP, and their answers read.
//!
//! May enter: what knows the OpenAI-compatible protocol, and what a server does. May not: whether a recipe is kept (`rule` says that), and how a
//! trial is carried out.
//!
//! [`reading`] is pure: it makes an answer of events and their times, and needs neither a socket nor a clock. [`client`] brings it both.

pub mod agreement;
pub mod answer;
pub mod client;
pub mod endpoint;
pub mod grid;
pub mod infeasible;
pub mod load;
pub mod median;
pub mod prompts;
pub mod reading;
pub mod recipe;
pub mod report;
pub mod request;
pub mod sample;
pub mod server;
pub mod stage1;
