//! What a process may do, stated before it starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use piton_base::level::Level;
use serde::{Deserialize, Serialize};

use crate::metering::Metering;

/// First argument of a process that is to limit itself and become another.
pub(crate) const CONFINED: &str = "--confined";
/// The same of one that has no walls, and is metered.
pub(crate) const METERED: &str = "--metered";

/// What a process is for, and so what it may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The built challenger: computes, reads, writes to its pipes, starts threads. No processes, no sockets.
    Worker,
    /// A build: starts processes and writes its own directory.
    Build,
    /// A measuring command: the same, and it may choose its cores and build walls of its own.
    Measure,
    /// An agent: the network is open, files are not.
    Agent,
}

/// What a process may use. Absent means: as the one that starts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Address space of each process, in bytes.
    pub memory_bytes: Option<u64>,
    /// Longest file that it may write, in bytes.
    pub file_bytes: Option<u64>,
    /// Processes and threads at once, beside those that the user runs already. The kernel does not hold root to it.
    pub processes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// Cores that it is pinned to; none means all that the one that starts it may use.
    pub cores: Vec<usize>,
}

/// What a build or a measuring command is given of the machine besides files, and a place for its temporary ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Opened {
    /// A directory of its own, among those that it writes, which also stands for /tmp where this machine lets it.
    pub temporary: Option<PathBuf>,
    /// Devices, or directories of devices, that it may read, write and command.
    #[serde(with = "paths")]
    pub devices: Vec<PathBuf>,
    /// Whether it may use a network in which nobody is but itself, where this machine lets it have one.
    pub loopback: bool,
    /// Whether it uses the machine's /dev/shm: what it leaves there, others find. Else it has one of its own where
    /// this machine lets it, and none where not.
    pub shared_memory: bool,
    /// A file that lists what it finds within the directories that it writes and may not write itself: for each a letter, the real path
    /// and a NUL. `r` cannot be written, replaced or removed; `w` is a directory that cannot be moved or removed. Parents stand
    /// first. Held where it has a root of its own; elsewhere whoever asked must look afterwards.
    pub held: Option<PathBuf>,
    /// A file, which is there, that it has open for writing as its descriptor [`RESULT`], and that it cannot open itself.
    pub result: Option<PathBuf>,
    /// Has its cost metered: the helper stays, and waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter: Option<Metering>,
}

/// The descriptor of [`Opened::result`].
pub const RESULT: i32 = 3;

/// What a process may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it is for.
    pub role: Role,
    /// Files and directories that it may read and execute, with everything below. What is not there is left out.
    #[serde(with = "paths")]
    pub read: Vec<PathBuf>,
    /// Files and directories that it may also write. Each must be there.
    #[serde(with = "paths")]
    pub write: Vec<PathBuf>,
    /// Whether it may use the network. A worker never may, an agent always.
    pub network: bool,
    /// What else of the machine it is given.
    #[serde(default)]
    pub opened: Opened,
    /// What it may use.
    pub limits: Limits,
    /// It is not started at all where less than this can be reached.
    pub least: Level,
}

impl Policy {
    /// The command line that starts `argv` behind these walls: `exe` is a binary whose `main` begins with
    /// [`enter_if_asked`](crate::enter_if_asked), usually this one.
    ///
    /// The process is killed when the thread that started it ends, so that thread must wait for it.
    pub fn wrap(&self, exe: &Path, argv: &[OsString]) -> Vec<OsString> {
        Asked { policy: self.clone(), ..Asked::default() }.wrap(exe, argv)
    }
}

/// What stands on the command line of the helper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(flatten)]
    pub policy: Policy,
    /// Control groups to join first.
    #[serde(with = "paths", default)]
    pub groups: Vec<PathBuf>,
    /// Do as a kernel with this Landlock ABI would: for tests. Can only make it weaker, and `least` still holds.
    #[serde(default)]
    pub abi_at_most: Option<u32>,
    /// Do as a machine without the extra walls would: for tests.
    #[serde(default)]
    pub plain: bool,
}

impl Default for Asked {
    fn default() -> Self {
        let policy = Policy {
            role: Role::Worker,
            read: vec![],
            write: vec![],
            network: false,
            opened: Opened::default(),
            limits: Limits::default(),
            least: Level::Strong,
        };
        Self { policy, groups: vec![], abi_at_most: None, plain: false }
    }
}

impl Asked {
    pub fn wrap(&self, exe: &Path, argv: &[OsString]) -> Vec<OsString> {
        let text = serde_json::to_string(self).expect("plain data can be written");
        let head = [exe.as_os_str().to_owned(), CONFINED.into(), text.into(), "--".into()];
        head.into_iter().chain(argv.iter().cloned()).collect()
    }
}

/// Paths as text where they are text, else as bytes: a path need not be UTF-8.
mod paths {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        let written = |path: &PathBuf| match path.to_str() {
            Some(text) => Written::Text(text.to_owned()),
            None => Written::Bytes(path.as_os_str().as_bytes().to_vec()),
        };
        paths.iter().map(written).collect::<Vec<_>>().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
        let path = |written| match written {
            Written::Text(text) => PathBuf::from(text),
            Written::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
        };
        Ok(Vec::<Written>::deserialize(from)?.into_iter().map(path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_policy_reaches_the_helper_whole_even_where_a_path_is_no_text() {
        let odd = PathBuf::from(OsString::from_vec(b"/tmp/\xff".to_vec()));
        let policy = Policy {
            role: Role::Measure,
            read: vec!["/usr".into(), odd.clone()],
            write: vec![odd],
            network: true,
            opened: Opened { temporary: Some("/tmp".into()), loopback: true, ..Opened::default() },
            limits: Limits { memory_bytes: Some(1), cores: vec![3], ..Limits::default() },
            least: Level::Full,
        };
        let line = policy.wrap(Path::new("/bin/piton"), &["a b".into(), "--".into()]);
        assert_eq!(
            (&*line[0], &*line[1], &*line[3]),
            ("/bin/piton".as_ref(), CONFINED.as_ref(), "--".as_ref())
        );
        assert_eq!(line[4..], [OsString::from("a b"), "--".into()]);
        let asked: Asked = serde_json::from_str(line[2].to_str().unwrap()).unwrap();
        assert_eq!(asked.policy, policy);
    }

    #[test]
    fn levels_stand_in_the_order_of_what_they_hold_and_keep_their_names() {
        assert!(Level::ALL.is_sorted());
        for level in Level::ALL {
            assert_eq!(level.word().parse(), Ok(level));
            assert_eq!(serde_json::to_string(&level).unwrap(), format!("\"{level}\""));
        }
        assert!("high".parse::<Level>().is_err());
    }
}
