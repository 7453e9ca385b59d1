//! How much the walls around a program hold: a word that records, commands and the walls themselves share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much a confinement holds, from nothing to everything that is known to be needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Limits alone. Files, memory and processes of the user are open.
    #[default]
    None,
    /// Some walls stand: files by macOS's sandbox, or by Landlock without a filter on system calls.
    Partial,
    /// Landlock ABI 1 to 5 and seccomp.
    Strong,
    /// Landlock ABI 6 or later and seccomp: signals and abstract sockets too are held by the kernel.
    Full,
}

impl Level {
    /// All of them, weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Partial, Self::Strong, Self::Full];

    /// Its name, as on the command line and in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Strong => "strong",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|level| level.word() == text);
        found.ok_or_else(|| format!("`{text}` is none of none, partial, strong, full"))
    }
}
