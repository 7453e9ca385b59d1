//! What a section of the experiment opens of the machine to its job.

use std::collections::BTreeMap;

use super::{Build, Measure};

/// What a section opens of the machine to its job, all of it closed where nothing is said.
#[derive(Debug, Clone, Copy)]
pub struct Opens<'a> {
    /// Files and directories to read.
    pub read: &'a [String],
    /// Files and directories to write.
    pub write: &'a [String],
    /// Variables.
    pub env: &'a BTreeMap<String, String>,
    /// Devices, by their words.
    pub devices: &'a [String],
    /// The machine's network.
    pub network: bool,
    /// The machine's /dev/shm.
    pub shared_memory: bool,
    /// A network of its own.
    pub loopback: bool,
}

impl Build {
    /// What it opens.
    pub fn opens(&self) -> Opens<'_> {
        let Self { read, write, env, devices, network, shared_memory, loopback, .. } = self;
        let (network, shared_memory, loopback) = (*network, *shared_memory, *loopback);
        Opens { read, write, env, devices, network, shared_memory, loopback }
    }
}

impl Measure {
    /// What it opens.
    pub fn opens(&self) -> Opens<'_> {
        let Self { read, write, env, devices, network, shared_memory, loopback, .. } = self;
        let (network, shared_memory, loopback) = (*network, *shared_memory, *loopback);
        Opens { read, write, env, devices, network, shared_memory, loopback }
    }
}

/// Words for devices.
pub const GPUS: [&str; 3] = ["nvidia", "amd", "all-gpus"];

impl Opens<'_> {
    pub(super) fn problem(&self, section: &str) -> Option<String> {
        for (key, paths) in [("read", self.read), ("write", self.write)] {
            if let Some(path) = paths.iter().find(|path| !names_a_part(path)) {
                return Some(format!(
                    "{section}.{key} has `{path}`; it holds absolute paths, or paths that begin with ~/ or {{home}}/, and neither \
                     the whole system nor the whole home directory"
                ));
            }
        }
        if let Some(name) = self
            .env
            .keys()
            .find(|name| name.is_empty() || name.contains(['=', '\0']) || name.starts_with("PITON_"))
        {
            return Some(format!(
                "{section}.env has `{name}`, which no variable can be called, or which is piton's own"
            ));
        }
        if let Some((name, _)) = self.env.iter().find(|(_, value)| value.contains('\0')) {
            return Some(format!("{section}.env has a value for {name} with a NUL in it"));
        }
        let odd = self.devices.iter().find(|name| !GPUS.contains(&&***name) && !is_device(name))?;
        Some(format!(
            "{section}.devices has `{odd}`; it holds nvidia, amd, all-gpus, or paths below /dev, but for /dev/shm, /dev/pts and \
             what it has of its own"
        ))
    }
}

/// Whether a path names a part of the system or of the home directory, and not all of it.
fn names_a_part(path: &str) -> bool {
    let below =
        path.strip_prefix("~/").or_else(|| path.strip_prefix("{home}/")).or_else(|| path.strip_prefix('/'));
    below.is_some_and(|below| {
        below.split('/').any(|part| !part.is_empty() && part != ".")
            && below.split('/').all(|part| part != "..")
    }) && !path.contains('\0')
}

/// Whether a word names a device by its path. Those that everybody shares have keys of their own.
fn is_device(word: &str) -> bool {
    let own = ["shm", "pts", "ptmx", "fd", "mqueue"];
    word.strip_prefix("/dev/").is_some_and(|name| {
        names_a_part(&format!("/{name}"))
            && names_a_part(word)
            && own.iter().all(|own| name.split('/').next() != Some(own))
    })
}
