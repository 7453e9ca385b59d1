//! Where what is built and measured lies: outside of every repository.
//!
//! cargo, node, pytest, uv, go and git look upwards from where they stand. Below a checkout they would find its manifest and
//! configuration, which the walls deny them, and die of that. So trees lie in a directory of the user's that `.git/piton/place` points
//! to, with nothing above it that such a tool looks for.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::beneath;
use piton_core::base::error::{Context, Error, Result};

/// Moves the place of all repositories of a user.
pub const HOME: &str = "PITON_STATE_HOME";
/// The file in `.git/piton` that holds the path of the place.
const POINTER: &str = "place";
/// The file in the place that holds the path of the `.git/piton` which it belongs to.
const OWNER: &str = "owner";
/// What tools look for upwards.
const SOUGHT: [&str; 30] = [
    ".git",
    ".hg",
    "Cargo.toml",
    ".cargo/config.toml",
    ".cargo/config",
    "rust-toolchain.toml",
    "rust-toolchain",
    "package.json",
    "node_modules",
    "pnpm-workspace.yaml",
    "deno.json",
    "tsconfig.json",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.toml",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "conftest.py",
    "go.mod",
    "go.work",
    "pom.xml",
    "settings.gradle",
    "settings.gradle.kts",
    "WORKSPACE",
    "MODULE.bazel",
    "Gemfile",
    "composer.json",
    "dune-project",
];

/// The place of one repository, looked for when it is first needed.
#[derive(Debug)]
pub struct Place {
    state: PathBuf,
    at: OnceCell<PathBuf>,
}

impl Place {
    /// That of the repository whose state is in `state`, its `.git/piton`.
    pub fn of(state: &Path) -> Self {
        Self { state: state.to_owned(), at: OnceCell::new() }
    }

    /// Where it is. It is made where it is not there, and noted in the repository's state.
    ///
    /// # Errors
    /// No directory of this user's can be written, or something that tools look for upwards lies above each of them.
    pub fn at(&self) -> Result<&Path> {
        if self.at.get().is_none() {
            let _ = self.at.set(self.found()?);
        }
        Ok(self.at.get().expect("set above"))
    }

    /// Where whatever is measured lies while it is, and whatever is measured with its tree is built: one path for all, so that no side
    /// finds in a path which one it is.
    ///
    /// # Errors
    /// Those of [`Place::at`].
    pub fn scratch(&self) -> Result<PathBuf> {
        Ok(self.at()?.join("scratch"))
    }

    /// Where it is, if there is one: nothing is made.
    pub fn known(&self) -> Option<PathBuf> {
        self.at.get().cloned().or_else(|| noted(&self.state).filter(|at| owner(at).is_some()))
    }

    fn found(&self) -> Result<PathBuf> {
        let what = "nothing was built or measured: there is no place for it";
        fs::create_dir_all(&self.state).context(what)?;
        let state = fs::canonicalize(&self.state).context(what)?;
        let wanted = std::env::var_os(HOME).filter(|home| !home.is_empty()).map(PathBuf::from);
        if let Some(noted) = noted(&state).filter(|at| belongs(at, &state)) {
            let asked = wanted.as_ref().is_none_or(|home| {
                fs::canonicalize(home).is_ok_and(|home| noted.parent() == Some(home.as_path()))
            });
            if asked
                && noted.parent().is_some_and(|base| usable(base).is_ok())
                && claim(&noted, &state).is_ok()
            {
                return Ok(noted);
            }
        }
        let mut why = vec![];
        for base in bases(wanted) {
            match make(&base, &state) {
                Ok(at) => {
                    fs::write(state.join(POINTER), at.as_os_str().as_bytes()).context(what)?;
                    leave(&state);
                    return Ok(at);
                }
                Err(reason) => why.push(reason),
            }
        }
        Err(Error::refused(what)
            .cause(why.join("; "))
            .note("what is built must lie outside of every repository: tools look upwards for manifests; nothing was changed")
            .hint(format!("name a directory that you can write, with nothing of that kind above it: {HOME}=/path")))
    }
}

/// Directories for the places of all repositories, the best first. One that was named is the only one.
fn bases(wanted: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(wanted) = wanted {
        return vec![wanted];
    }
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let xdg = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    let home = std::env::home_dir().and_then(absolute);
    let user = rustix::process::geteuid().as_raw();
    let mut all: Vec<PathBuf> = xdg.map(|xdg| xdg.join("piton")).into_iter().collect();
    all.extend(home.map(|home| home.join(".local/state/piton")));
    all.push(format!("/var/tmp/piton-{user}").into());
    all
}

/// The place below `base` of the repository whose state is in `state`, or why there can be none.
fn make(base: &Path, state: &Path) -> std::result::Result<PathBuf, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", base.display());
    if !base.is_absolute() {
        return Err(failed(&"it is no absolute path"));
    }
    if base.to_str().is_none() {
        return Err(failed(&"its name is not UTF-8, and commands are told it"));
    }
    // Looked at before anything is made, too.
    if let Some(found) = above(base) {
        return Err(failed(&format!("{} lies above it", found.display())));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(base).map_err(|e| failed(&e))?;
    let base = fs::canonicalize(base).map_err(|e| failed(&e))?;
    usable(&base)?;
    // By the path of the repository, so that the same one finds the same place, and a copy another one.
    let hash = Sha256::digest(state.as_os_str().as_bytes());
    let id: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    for n in 1..100 {
        let at = base.join(if n == 1 { id.clone() } else { format!("{id}-{n}") });
        if at.exists() && !belongs(&at, state) {
            continue;
        }
        claim(&at, state).map_err(|e| failed(&e))?;
        return Ok(at);
    }
    Err(failed(&"every place there belongs to another repository"))
}

/// Whether places may lie in `base`: this user's, with programs that start, and nothing above that tools look for.
fn usable(base: &Path) -> std::result::Result<(), String> {
    let failed = |why: &dyn std::fmt::Display| Err(format!("{}: {why}", base.display()));
    let meta = match fs::symlink_metadata(base) {
        Ok(meta) => meta,
        Err(e) => return failed(&e),
    };
    if !meta.is_dir() {
        return failed(&"it is no directory");
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user || meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0 {
        return failed(&"others can write to it");
    }
    if rustix::fs::statvfs(base).is_ok_and(|fs| fs.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC)) {
        return failed(&"nothing can be executed there (noexec)");
    }
    if let Some(found) = above(base) {
        return failed(&format!("{} lies above it", found.display()));
    }
    Ok(())
}

/// The first thing in `dir` or above it that tools look for upwards. What cargo's own user configured in the home directory is none:
/// builds read it.
fn above(dir: &Path) -> Option<PathBuf> {
    let home = std::env::home_dir();
    let own = |dir: &Path, name: &str| name.starts_with(".cargo/") && home.as_deref() == Some(dir);
    let all = dir.ancestors().flat_map(|dir| SOUGHT.iter().map(move |name| (dir, *name)));
    all.filter(|(dir, name)| !own(dir, name))
        .map(|(dir, name)| dir.join(name))
        .find(|path| fs::symlink_metadata(path).is_ok())
}

/// Makes the directory and writes down whose it is. What can be written is found out by writing.
fn claim(at: &Path, state: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(at)?;
    let probe = at.join(".probe");
    fs::write(&probe, "x").and_then(|()| fs::remove_file(&probe))?;
    if owner(at).as_deref() != Some(state) {
        fs::write(at.join(OWNER), state.as_os_str().as_bytes())?;
    }
    Ok(())
}

/// Whether the place `at` is this repository's: its own, nobody's, or that of a repository which is not there any more.
fn belongs(at: &Path, state: &Path) -> bool {
    let Some(other) = owner(at) else { return true };
    // A copy brings the pointer of what it was copied from.
    other == state || noted(&other).is_none_or(|theirs| theirs != at)
}

fn owner(at: &Path) -> Option<PathBuf> {
    path_in(&at.join(OWNER))
}

fn noted(state: &Path) -> Option<PathBuf> {
    path_in(&state.join(POINTER)).filter(|at| at.is_absolute())
}

fn path_in(file: &Path) -> Option<PathBuf> {
    let bytes = fs::read(file).ok().filter(|bytes| !bytes.is_empty())?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
}

/// Removes what earlier versions of piton built below `.git/piton`. What cannot be removed stays, and does no harm.
fn leave(state: &Path) {
    for old in ["slots", "sealed", "private", "redteam", "redteam-caches"] {
        let _ = beneath::remove_at(&state.join(old));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(dir: &Path, name: &str) -> PathBuf {
        let state = dir.join(name).join(".git/piton");
        fs::create_dir_all(&state).unwrap();
        state
    }

    #[test]
    fn a_repository_finds_its_place_again_and_a_copy_of_it_gets_another() {
        let dir = tempfile::tempdir().unwrap();
        let dir = fs::canonicalize(dir.path()).unwrap();
        let (base, one) = (dir.join("state"), repository(&dir, "one"));
        let at = make(&base, &one).unwrap();
        fs::write(one.join(POINTER), at.as_os_str().as_bytes()).unwrap();
        assert_eq!(make(&base, &one).unwrap(), at);
        let two = repository(&dir, "two");
        fs::copy(one.join(POINTER), two.join(POINTER)).unwrap();
        assert!(!belongs(&at, &two), "the pointer came with the copy");
        assert_ne!(make(&base, &two).unwrap(), at);
        // A repository that was moved takes its place along.
        fs::remove_dir_all(dir.join("one")).unwrap();
        assert!(belongs(&at, &two));
    }

    #[test]
    fn what_tools_look_for_above_a_place_rules_it_out_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let dir = fs::canonicalize(dir.path()).unwrap();
        let state = repository(&dir, "repo");
        for name in ["Cargo.toml", "node_modules", ".git", "conftest.py", ".cargo/config.toml"] {
            let above = dir.join("above").join(name);
            fs::create_dir_all(above.parent().unwrap()).unwrap();
            fs::write(&above, "").unwrap();
            let why = make(&dir.join("above/deep/state"), &state).unwrap_err();
            assert!(why.contains(&format!("{name} lies above it")), "{why}");
            assert!(!dir.join("above/deep").exists(), "nothing was made");
            fs::remove_dir_all(dir.join("above")).unwrap();
        }
        assert!(make(&dir.join("repo/state"), &state).unwrap_err().contains(".git lies above it"));
    }

    #[test]
    fn a_place_that_cannot_be_made_says_why() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let state = repository(dir.path(), "repo");
        assert!(make(&dir.path().join("file"), &state).is_err());
        assert!(make(Path::new("relative"), &state).unwrap_err().contains("no absolute path"));
    }
}
