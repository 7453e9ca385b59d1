//! Opening a repository, and the kinds that libgit2 cannot keep safe, refused by name.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{Config, Repository, RepositoryOpenFlags};

use super::{NOTHING, Repo, identity, outputs};
use piton_core::base::error::{Context, Error, Result};

impl Repo {
    /// Opens the repository that holds `dir`.
    ///
    /// # Errors
    /// No repository, a bare one, one without a commit, or one of a kind that libgit2 cannot keep safe.
    pub fn open(dir: &Path) -> Result<Self> {
        let none = |e: git2::Error| {
            Error::refused("piton did not start: there is no git repository here that it can open")
                .cause(e.message())
                .note(NOTHING)
                .hint("run it inside a repository, or begin one with `git init` and a first commit")
        };
        let refuse = |why: &str, hint: &str| {
            Err(Error::refused("piton did not start: it cannot work in this repository")
                .cause(why)
                .note(NOTHING)
                .hint(hint))
        };
        let found = Repository::discover_path(dir, [] as [&Path; 0]).map_err(none)?;
        if let Some((why, hint)) = unsafe_kind(&found) {
            return refuse(why, hint);
        }
        // From where the user stands, not from what was found: a `.git` that lies apart does not know its checkout.
        let git = Repository::open_ext(dir, RepositoryOpenFlags::empty(), [] as [&Path; 0]).map_err(none)?;
        let Some(root) = git.workdir().map(Path::to_path_buf) else {
            return refuse(
                "it is bare: there is no worktree to build from",
                "clone it, and run piton in the clone",
            );
        };
        if root.to_str().is_none() || git.commondir().to_str().is_none() {
            let why =
                "the name of a directory above it is not UTF-8, and commands and settings cannot name it";
            return refuse(why, "move it below directories with other names");
        }
        if git.is_shallow() {
            return refuse(
                "it is a shallow clone: its history cannot be kept whole",
                "git fetch --unshallow",
            );
        }
        if unborn(&git) {
            return refuse("it has no commit: there is nothing to climb from", "commit your files first");
        }
        read_attributes_from_index(&git).map_err(none)?;
        let outputs = outputs::of(&root, &git.commondir().join("piton"));
        let within = Self::experiment_above(&git, &root, dir);
        let identity = identity(git.commondir());
        Ok(Self { git, durable: OnceCell::new(), root, outputs, within, identity })
    }

    /// Whether HEAD names a branch of piton's that is not there: its commit stands in the ledger.
    pub fn head_branch_is_missing(&self) -> bool {
        let head = self.git.find_reference("HEAD");
        let named = head.is_ok_and(|head| {
            head.symbolic_target().ok().flatten().is_some_and(|name| name.starts_with("refs/heads/piton/"))
        });
        named && self.git.head().is_err()
    }

    /// Opens a worktree that this repository should have at `path`; `None` where it has none there.
    pub fn sibling(&self, path: &Path) -> Option<Self> {
        let other = Self::open(path).ok()?;
        let same = |path: &Path| fs::canonicalize(path).ok();
        (same(other.git.commondir()) == same(self.git.commondir()) && same(&other.root) == same(path))
            .then_some(other)
    }

    /// The repository once more, with every file that it writes synced, and then the directory that names it.
    ///
    /// libgit2 does neither unless it is told to, and obeys `core.fsyncObjectFiles` alone (`core.fsync` is not known to it). It is told
    /// by a file of piton's own, laid over the user's configuration, which stays as it is.
    pub(super) fn durable(&self) -> Result<&Repository> {
        if self.durable.get().is_none() {
            let what = "the repository was not opened for syncing";
            let path = self.state_dir().join("git.config");
            let text = "[core]\n\tfsyncObjectFiles = true\n";
            if fs::read_to_string(&path).ok().as_deref() != Some(text) {
                fs::create_dir_all(self.state_dir()).and_then(|()| fs::write(&path, text)).context(what)?;
            }
            let git = Repository::open(self.git.path()).context(what)?;
            read_attributes_from_index(&git).context(what)?;
            let told = git.config().and_then(|mut config| {
                config.add_file(&path, git2::ConfigLevel::App, true)?;
                config.get_bool("core.fsyncObjectFiles")
            });
            if !told.context(what)? {
                return Err(Error::new(what).cause("libgit2 does not see core.fsyncObjectFiles"));
            }
            let _ = self.durable.set(git);
        }
        Ok(self.durable.get().expect("set above"))
    }
}

/// Has libgit2 look for a worktree's files where there are none: it opens attributes by their paths whenever it compares or merges
/// anything, and an agent may have put a pipe there. What the attributes say it finds in the index.
pub(super) fn read_attributes_from_index(git: &Repository) -> std::result::Result<(), git2::Error> {
    git.set_workdir(&git.commondir().join("objects"), false)
}

/// Whether HEAD names a branch without a commit. A branch of piton's that is gone is no such case: its commit stands in the ledger.
fn unborn(git: &Repository) -> bool {
    let Err(error) = git.head() else { return false };
    let piton = git.find_reference("HEAD").is_ok_and(|head| {
        head.symbolic_target().ok().flatten().is_some_and(|name| name.starts_with("refs/heads/piton/"))
    });
    error.code() == git2::ErrorCode::UnbornBranch && !piton
}

/// Whether objects of the repository at `common` lie in another one.
fn borrows(common: &Path) -> bool {
    let named = fs::read(common.join("objects/info/alternates")).unwrap_or_default();
    named.split(|byte| *byte == b'\n').any(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Why libgit2 cannot keep the repository at `git_dir` safe, and what to do; `None` where it can.
fn unsafe_kind(git_dir: &Path) -> Option<(&'static str, &'static str)> {
    let common = fs::read_to_string(git_dir.join("commondir"))
        .map_or_else(|_| git_dir.to_path_buf(), |path| git_dir.join(path.trim_end()));
    let files: Vec<PathBuf> = [common.join("config"), git_dir.join("config.worktree")]
        .into_iter()
        .filter(|p| p.is_file())
        .collect();
    let configs: Vec<Config> = files.iter().filter_map(|path| Config::open(path).ok()).collect();
    let text = |name: &str| configs.iter().find_map(|config| config.get_string(name).ok());
    let yes = |name: &str| configs.iter().any(|config| config.get_bool(name).unwrap_or(false));
    let promised = || {
        configs.iter().any(|config| {
            let Ok(mut entries) = config.entries(Some("remote\\..*\\.promisor")) else { return false };
            entries.next().is_some()
        })
    };
    if text("extensions.objectformat").is_some_and(|format| !format.eq_ignore_ascii_case("sha1")) {
        Some((
            "its objects are named by SHA-256, which libgit2 does not write",
            "climb in a clone made with `git init --object-format=sha1` and `git pull`",
        ))
    } else if text("extensions.refstorage").is_some_and(|format| !format.eq_ignore_ascii_case("files")) {
        Some(("its refs are a reftable, which libgit2 does not read", "git refs migrate --ref-format=files"))
    } else if text("extensions.partialclone").is_some() || promised() {
        Some((
            "it is a partial clone: objects may be missing, and libgit2 does not fetch them",
            "clone it without --filter",
        ))
    } else if borrows(&common) {
        Some((
            "it borrows objects from another repository (.git/objects/info/alternates): what that one loses, the run loses",
            "git repack -a -d && rm .git/objects/info/alternates; or clone it without --shared and --reference",
        ))
    } else if yes("core.sparsecheckout") {
        Some((
            "its checkout is sparse: files that are not there would look removed",
            "git sparse-checkout disable",
        ))
    } else {
        None
    }
}
