//! The worker as a process: started with limits, fed, read, watched and ended.

mod cores;
mod ending;
mod launch;
mod patience;
mod pipes;
mod residence;
mod start;
mod state;
mod survivors;
mod tail;
mod trainee;
mod worker;

pub use cores::Cores;
pub use launch::{Means, walls};
pub use patience::Patience;
pub use residence::read_in;
pub use survivors::{adopt_orphans, end_survivors};
pub use trainee::{Came, Trainee};
pub use worker::{Launch, Spent, Worker};
