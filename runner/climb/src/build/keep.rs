//! What is kept of what was built: artifacts by their hashes, trees by what they hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Seek;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BuildStore, Built, MARK, linked};
use piton_core::base::error::{Context, Result};
use piton_system::beneath;
use piton_system::config::Config;
use piton_system::tree::{SealedPaths, TreeSnapshot, hash_open, sha256};

/// Artifacts that lie ready to be measured.
const READY: usize = 8;

impl BuildStore<'_> {
    /// Notes which tree a slot holds, and what that comes to.
    pub(super) fn mark(&self, slot: &Path, built: &Built) -> Result<()> {
        let text = format!("{} {}\n", built.of, built.laid.digest());
        fs::write(slot.join(MARK), text).context("the slot was not marked")
    }

    /// What lies in a slot, where that is the tree `of` and nobody touched it.
    pub(super) fn marked(&self, slot: &Path, of: &str, config: &Config) -> Option<Built> {
        let mark = fs::read_to_string(slot.join(MARK)).ok()?;
        let (holds, digest) = mark.trim_end().split_once(' ')?;
        if holds != of {
            return None;
        }
        let tree = slot.join("tree");
        let skip = linked(&tree, config);
        let laid = Arc::new(TreeSnapshot::of(&tree, &skip).ok().filter(|laid| laid.digest() == digest)?);
        let mut open = vec![];
        for path in &config.scope.from_checkout {
            let there = self.repo.main_root().join(path);
            // A link that leads elsewhere is laid anew.
            if fs::read_link(tree.join(path)).ok()? != there {
                return None;
            }
            open.extend([fs::canonicalize(&there).ok()?, there]);
        }
        let id = self.repo.object_id(of).ok()?;
        let absent = self.absent(id, &tree).ok()?;
        let held = Arc::new(SealedPaths::of(&config.scope, self.repo.paths(id).ok()?.into_iter()));
        let of = of.to_owned();
        Some(Built { tree, artifact: None, hash: None, of, laid, made: None, held, open, absent })
    }

    /// Copies an artifact to a place named by its hash, where nobody writes, and returns that.
    pub(super) fn store(&self, made: &mut File, name: &OsStr) -> Result<String> {
        let what = "the artifact was not kept";
        let hash = hash_open(made.try_clone().context(what)?).context(what)?;
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let dir = self.dir.join("artifacts").join(&hash);
        let kept = dir.join(name);
        if !sha256(&kept).is_ok_and(|h| h == hash) {
            fs::create_dir_all(&dir).context(what)?;
            let part = dir.join(".part");
            beneath::remove_at(&part).context(what)?;
            made.rewind().context(what)?;
            let mut copy = File::create_new(&part).context(what)?;
            std::io::copy(made, &mut copy).context(what)?;
            copy.set_permissions(fs::Permissions::from_mode(0o555)).context(what)?;
            fs::rename(&part, &kept).context(what)?;
        }
        Ok(hash)
    }

    /// The kept artifact of this hash; `None` where it is gone or was altered.
    pub fn kept_artifact(&self, hash: &str) -> Option<PathBuf> {
        let dir = fs::read_dir(self.dir.join("artifacts").join(hash)).ok()?;
        let artifact = dir.flatten().map(|entry| entry.path()).find(|path| !path.ends_with(".part"))?;
        // Named by its hash, and held to it: an artifact that was altered is not the incumbent.
        (sha256(&artifact).ok()? == hash).then_some(artifact)
    }

    /// The same, ready to be measured: outside of the repository, since interpreters look upwards from what they run.
    pub(super) fn laid_artifact(
        &self,
        hash: &str,
        family: &str,
        keep: &[&Built],
    ) -> Option<(PathBuf, Arc<TreeSnapshot>)> {
        let kept = self.kept_artifact(hash)?;
        let family = self.place.at().ok()?.join(family);
        let dir = family.join(hash);
        let laid = dir.join(kept.file_name()?);
        let seen = || {
            let seen = TreeSnapshot::of(&laid, &[]).ok().filter(|_| sha256(&laid).is_ok_and(|is| is == hash));
            seen.map(Arc::new)
        };
        if let Some(seen) = seen() {
            return Some((laid, seen));
        }
        let ready: Vec<PathBuf> =
            fs::read_dir(&family).into_iter().flatten().flatten().map(|e| e.path()).collect();
        if ready.len() >= READY {
            let used = |dir: &PathBuf| {
                keep.iter()
                    .any(|built| built.artifact.as_ref().is_some_and(|artifact| artifact.starts_with(dir)))
            };
            ready.iter().filter(|dir| !used(dir)).for_each(|dir| drop(beneath::remove_at(dir)));
        }
        let _ = beneath::remove_at(&dir);
        fs::create_dir_all(&dir).ok()?;
        fs::hard_link(&kept, &laid).or_else(|_| fs::copy(&kept, &laid).map(drop)).ok()?;
        seen().map(|seen| (laid, seen))
    }
}
