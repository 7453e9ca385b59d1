//! What is known of the walls once they were attacked.

use serde::{Deserialize, Serialize};

use piton_base::level::Level;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What the walls hold. Never more than the attacks show.
    pub level: Level,
    /// Landlock's ABI; 0 where there is none.
    pub abi: u32,
    /// The walls that stand, a line each.
    pub walls: Vec<String>,
    /// The attacks that were tried.
    pub attacks: Vec<Tried>,
    /// What builds and measuring commands are given here: `held` says that they have it.
    #[serde(default)]
    pub given: Vec<Tried>,
}

/// How an attack's end begins that was not carried out: that says nothing of the walls.
pub(crate) const NOT_TRIED: &str = "it was not tried";

impl Found {
    /// Why this says nothing of the walls; `None` where every attack was carried out.
    pub fn unsound(&self) -> Option<&str> {
        self.attacks.iter().map(|tried| &*tried.how).find(|how| how.starts_with(NOT_TRIED))
    }

    /// Whether builds and measuring commands are given this, one of [`gift`].
    pub fn gives(&self, name: &str) -> bool {
        self.given.iter().any(|tried| tried.held && tried.name == name)
    }
}

/// What builds and measuring commands are given where a machine lets them have it.
pub mod gift {
    /// A /dev/shm that ends with the job.
    pub const SHARED_MEMORY: &str = "a /dev/shm of its own";
    /// Terminals that end with the job.
    pub const TERMINALS: &str = "pseudo-terminals of its own";
    /// The job's private directory as /tmp.
    pub const TEMPORARY: &str = "a /tmp of its own";
    /// Sockets in its own directories.
    pub const SOCKETS: &str = "unix sockets in its own directories";
    /// A network with nobody else in it, for who asks for it.
    pub const LOOPBACK: &str = "a loopback of its own (with `loopback = true`)";
    /// Writing `/proc/self/comm` in every process; else only the first one does.
    pub const NAMES: &str = "the names of all its processes in /proc";
}

/// An attack that was tried from behind the walls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Whose walls, and what.
    pub name: String,
    /// Whether the walls held.
    pub held: bool,
    /// How it ended.
    pub how: String,
}
