//! What went wrong, for a person who has to act on it.
//!
//! Every error that reaches the user answers four questions: what did not happen, why, what is still true,
//! and what to do. A type with these four fields keeps a hurried `format!` from answering only the second.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Exit statuses of `piton`; printed by `--help`.
pub mod exit {
    /// Done; for `trial`: kept.
    pub const DONE: u8 = 0;
    /// Something failed that should not have: the disk, the repository, piton itself.
    pub const FAILED: u8 = 1;
    /// A wrong argument, or a `piton.toml` that cannot be used.
    pub(crate) const USAGE: u8 = 2;
    /// piton refuses to work on this tree, branch or run.
    pub const REFUSED: u8 = 3;
    /// The harness or the baseline could not be built or measured, or fails a gate itself.
    pub const BASELINE: u8 = 4;
    /// The trial was judged and not kept.
    pub const DISCARDED: u8 = 10;
    /// The challenger did not build, crashed, hung or ran out of memory.
    pub const CRASHED: u8 = 11;
    /// There was nothing to judge: no edit, an edit out of scope, a duplicate, an interrupted or void trial.
    pub const NOT_JUDGED: u8 = 12;
    /// The trial is still under way: `piton wait` goes on with it.
    pub const RUNNING: u8 = 20;
}

/// An error in the form in which it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What did not happen.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// What is still true.
    pub note: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Exit status, one of [`exit`].
    pub status: u8,
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that should not have happened: status [`exit::FAILED`].
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, note: None, hint: None, status: exit::FAILED }
    }

    /// A refusal to act on this tree, branch or run.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(what).status(exit::REFUSED)
    }

    /// A wrong argument or configuration.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(what).status(exit::USAGE)
    }

    /// Adds why.
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds what is still true.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the exit status.
    pub fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for (label, text) in [("cause", &self.cause), (" note", &self.note), (" hint", &self.hint)] {
            if let Some(text) = text {
                write!(f, "\n{label}: {}", text.trim_end().replace('\n', "\n       "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Adds what did not happen to any error that only knows why.
pub trait Context<T> {
    /// `what` names what did not happen.
    fn context(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|e| Error::new(what).cause(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_what_still_holds_and_what_to_do() {
        let error = Error::refused("the trial did not start")
            .cause("HEAD is detached")
            .note("nothing was changed")
            .hint("git switch piton/nov20");
        assert_eq!(
            error.to_string(),
            "error: the trial did not start\ncause: HEAD is detached\n note: nothing was changed\n hint: git switch piton/nov20"
        );
    }
}
