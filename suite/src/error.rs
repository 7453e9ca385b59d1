//! Why a suite could not be used.

use std::fmt;

/// What is wrong with a data file, with the file's own words where there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where: a task, a word list, a path. Empty when it is the file as a whole.
    pub place: String,
    /// What is wrong there.
    pub cause: String,
}

impl Error {
    pub(crate) fn new(place: impl Into<String>, cause: impl Into<String>) -> Error {
        Error { place: place.into(), cause: cause.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            write!(f, "the suite was not read: {}", self.cause)
        } else {
            write!(f, "the suite was not read: {}: {}", self.place, self.cause)
        }
    }
}

impl std::error::Error for Error {}
