//! What is asked of a meter, and what it says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::policy::METERED;

/// How a command is to be metered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metering {
    /// The file that takes what was read, which is there.
    pub report: PathBuf,
    /// How often the command is run, one after the other.
    pub repeat: u32,
}

/// What the runs of a command cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Metered {
    /// From before the first start until nothing of it was left, in seconds.
    pub wall_s: f64,
    /// Time on processors, of all its processes, in seconds.
    pub cpu_s: f64,
    /// The most memory that one of its processes held, in bytes.
    pub peak_memory_bytes: u64,
    /// Runs that these are figures of.
    pub runs: u32,
    /// Whether processes of it were still there when it had ended, and did not end by themselves.
    pub left: bool,
    /// Whether a control group counted the time on processors, too.
    pub grouped: bool,
}

impl Metering {
    /// The command line that starts `argv` metered and without walls: `exe` is a binary whose `main` begins with
    /// [`enter_if_asked`](crate::enter_if_asked), usually this one.
    pub fn wrap(&self, exe: &Path, argv: &[OsString]) -> Vec<OsString> {
        let text = serde_json::to_string(self).expect("plain data can be written");
        let head = [exe.as_os_str().to_owned(), METERED.into(), text.into(), "--".into()];
        head.into_iter().chain(argv.iter().cloned()).collect()
    }
}
