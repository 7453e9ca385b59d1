//! Files of git LFS: a commit holds a pointer, and the content lies beside the objects where it was fetched.
//!
//! A tree that is built and measured has the content where it is here, as a checkout has, and else the pointer, as a checkout has then.
//! No program of LFS is run: what is laid is held to the SHA-256 that the pointer names.

use std::fs;
use std::path::{Path, PathBuf};

use git2::Oid;

use super::Repo;
use super::view::WorktreeView;
use crate::git::convert::Pointer;
use crate::tree::sha256;
use piton_core::base::error::{Context, Error, Result};

/// No pointer is longer, in bytes.
const LONGEST: usize = 1024;

impl Repo {
    /// The pointer that a blob is, where `.gitattributes` gives the file at `path` to LFS.
    pub(super) fn pointer(&self, view: &WorktreeView, path: &str, id: Oid) -> Option<Pointer> {
        let (bytes, _) = self.git.odb().ok()?.read_header(id).ok()?;
        if bytes > LONGEST {
            return None;
        }
        let pointer = Pointer::read(self.git.find_blob(id).ok()?.content())?;
        (view.attributes(Path::new(path)).filter.as_deref() == Some("lfs")).then_some(pointer)
    }

    /// Where the content of a pointer is kept, if it is here.
    pub(super) fn fetched(&self, pointer: &Pointer) -> Option<PathBuf> {
        let id = &pointer.sha256;
        let common = self.git.commondir();
        let own = self.git.config().and_then(|config| config.get_path("lfs.storage")).ok();
        let store = own.map_or_else(|| common.join("lfs"), |own| common.join(own));
        let path = store.join("objects").join(id.get(..2)?).join(id.get(2..4)?).join(id);
        fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() == pointer.bytes).then_some(path)
    }

    /// Lays the content of a file of LFS at `full`. Returns whether it is one whose content is here.
    ///
    /// # Errors
    /// Content that is not what the pointer names, or a disk that refuses.
    pub(super) fn lay_fetched(&self, view: &WorktreeView, path: &str, id: Oid, full: &Path) -> Result<bool> {
        let Some(pointer) = self.pointer(view, path, id) else { return Ok(false) };
        let Some(kept) = self.fetched(&pointer) else { return Ok(false) };
        let what = || format!("{path} was not exported to {}", full.display());
        let right = |path: &Path| sha256(path).is_ok_and(|is| is == pointer.sha256);
        if fs::metadata(full).is_ok_and(|meta| meta.len() == pointer.bytes) && right(full) {
            return Ok(true);
        }
        fs::create_dir_all(full.parent().expect("below a directory")).context(what())?;
        // What stands there may be read-only.
        let _ = fs::remove_file(full);
        fs::copy(&kept, full).context(what())?;
        if right(full) {
            return Ok(true);
        }
        Err(Error::new(what())
            .cause(format!("{} is not what the pointer in the commit names", kept.display()))
            .hint("git lfs fsck, then git lfs pull"))
    }
}
