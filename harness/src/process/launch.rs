//! What a worker may do: read its own binary, the model and the libraries, and compute.
//!
//! Limits set from outside after the start come too late for what the worker does first, and limits set
//! between fork and exec need unsafe code. So this binary starts itself once more, limits itself, and then
//! becomes the worker by exec: the same process id, one thread, nothing left of the harness in it.

use piton_confine::{Level, Limits, Opened, Policy, Role, libraries};
use std::fs;
use std::path::{Path, PathBuf};

/// The walls of a worker that is pinned to `cores` and may address so many bytes. Not started below `least`.
pub fn walls(worker: &Path, model: &Path, cores: &[usize], memory_bytes: u64, least: Level) -> Policy {
    let mut read = libraries();
    read.extend([worker.to_owned(), model.to_owned()]);
    read.extend(elsewhere(model));
    let limits = Limits { memory_bytes: Some(memory_bytes), cores: cores.to_vec(), ..Limits::default() };
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

    #[test]
    fn a_worker_reads_its_model_where_it_is_linked_to_and_writes_nothing() {
        let (model, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let blob = store.path().canonicalize().unwrap().join("blob");
        fs::write(&blob, "weights").unwrap();
        std::os::unix::fs::symlink(&blob, model.path().join("model.safetensors")).unwrap();
        std::os::unix::fs::symlink(store.path(), model.path().join("everything")).unwrap();
        let walls = walls(Path::new("/w"), model.path(), &[1], 7, Level::Strong);
        assert!(walls.read.contains(&blob) && !walls.read.iter().any(|path| path == store.path()));
        assert!(walls.write.is_empty() && !walls.network);
    }
}
