//! What a worker may do: read its own binary, the model and the libraries that it is linked to, and compute.
//!
//! Limits set from outside after the start come too late for what the worker does first, and limits set
//! between fork and exec need unsafe code. So this binary starts itself once more, limits itself, and then
//! becomes the worker by exec: the same process id, one thread, nothing left of the harness in it.

use piton_base::level::Level;
use piton_confine::{Limits, Opened, Policy, Role, linked, processor};
use std::fs;
use std::path::{Path, PathBuf};

/// What a worker is started from and for.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Its binary. Absolute.
    pub worker: &'a Path,
    /// The directory of the model, where it is given one. Absolute.
    pub model: Option<&'a Path>,
    /// What else it may read: an interpreter's own library, for one.
    pub more: &'a [PathBuf],
    /// What it is pinned to.
    pub cores: &'a [usize],
    /// Bytes that it may address.
    pub memory_bytes: u64,
}

/// The walls of a worker. Not started below `least`.
pub fn walls(means: Means, least: Level) -> Policy {
    let mut read = linked(means.worker);
    read.extend(processor());
    read.push(means.worker.to_owned());
    read.extend(means.model.map(Path::to_owned));
    read.extend(means.model.into_iter().flat_map(elsewhere));
    read.extend_from_slice(means.more);
    let limits =
        Limits { memory_bytes: Some(means.memory_bytes), cores: means.cores.to_vec(), ..Limits::default() };
    Policy {
        role: Role::Worker,
        read,
        write: vec![],
        network: false,
        opened: Opened::default(),
        limits,
        least,
    }
}

/// Where the files of a model really are: a download may keep them apart and link to them.
fn elsewhere(model: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(model) else { return vec![] };
    let links = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_symlink());
    links.filter_map(|path| path.canonicalize().ok()).filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(worker: &Path, model: &Path, more: &[PathBuf]) -> Policy {
        walls(Means { worker, model: Some(model), more, cores: &[1], memory_bytes: 7 }, Level::Strong)
    }

    #[test]
    fn a_worker_reads_its_model_where_it_is_linked_to_and_writes_nothing() {
        let (model, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let blob = store.path().canonicalize().unwrap().join("blob");
        fs::write(&blob, "weights").unwrap();
        std::os::unix::fs::symlink(&blob, model.path().join("model.safetensors")).unwrap();
        std::os::unix::fs::symlink(store.path(), model.path().join("everything")).unwrap();
        let walls = of(Path::new("/w"), model.path(), &[]);
        assert!(walls.read.contains(&blob) && !walls.read.iter().any(|path| path == store.path()));
        assert!(walls.write.is_empty() && !walls.network);
    }

    #[test]
    fn a_worker_reads_no_directory_but_the_model_and_what_it_is_given_by_name() {
        let (model, more) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let walls = of(Path::new("/bin/sh"), model.path(), &[more.path().to_owned()]);
        let dirs: Vec<_> = walls.read.iter().filter(|path| path.is_dir()).collect();
        assert_eq!(dirs, [model.path(), more.path()]);
    }
}
