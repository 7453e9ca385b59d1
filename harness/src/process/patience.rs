//! How long a worker is waited for.

use crate::clock;
use crate::outcome::{Failure, Kind};
use std::time::Duration;

/// How long is too long.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest time without a token, and longest time to load the model.
    pub silence: Duration,
    /// When the sample must be over, by [`clock::now`].
    pub end: Duration,
}

impl Patience {
    /// When the next token must be there.
    pub fn deadline(&self) -> Duration {
        (clock::now() + self.silence).min(self.end)
    }

    /// What it is when nothing came in time.
    pub fn exceeded(&self, what: &str) -> Failure {
        if clock::now() >= self.end {
            Failure::new(Kind::Hung, format!("the sample took too long; it was ended {what}"))
                .hint("raise --sample-timeout-s if the model needs longer")
        } else {
            Failure::new(Kind::Hung, format!("nothing came for {} s {what}", self.silence.as_secs_f64()))
                .hint("raise --worker-timeout-s if a single token may take longer")
        }
    }
}
