//! What names a commit: by it a record and git mean the same one.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Digits that stand for a commit where a person reads.
const SHORT: usize = 7;

/// A commit's id, as hexadecimal digits. Where there is none it is `None`, never an empty text.
///
/// A row of the ledger is read with whatever stands there: what a row says is not for its reader to change, and git says of an id that
/// it does not have that it does not have it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitId(String);

impl CommitId {
    /// Its first digits.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }

    /// That of what prints itself as an id of git's.
    pub fn of(id: impl fmt::Display) -> Self {
        Self(id.to_string())
    }
}

impl Deref for CommitId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for CommitId {
    type Err = String;

    /// Takes the forty digits of an id, or the sixty-four of one by SHA-256.
    fn from_str(text: &str) -> Result<Self, String> {
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if whole { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` is no commit's id")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_are_taken_from_text() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(id.parse::<CommitId>().unwrap().short(), "0123456");
        for wrong in ["", "0123456789", "HEAD", &format!("{id} "), &id.replace('0', "g")] {
            assert!(wrong.parse::<CommitId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_row_with_a_shorter_id_is_read_and_written_as_it_is() {
        let id: CommitId = serde_json::from_str("\"c1\"").unwrap();
        assert_eq!((id.short(), serde_json::to_string(&id).unwrap()), ("c1", "\"c1\"".to_owned()));
    }
}
