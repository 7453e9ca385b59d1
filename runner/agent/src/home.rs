//! What an agent has of its user's settings: a copy of its own kind's, in a directory of its own.
//!
//! Hooks, servers, plugins and commands in an agent's settings run outside the walls the next time that its user starts it. So what piton
//! starts never writes there: it is pointed to a private directory, where its settings are laid anew before each call, and where its sessions
//! stay. A login is lent. Where the agent refreshed it, the fresh tokens are brought back, and nothing else of the file: whose account it
//! is, what it is for and where it is kept stay as they were.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kind::AgentKind;
use super::login::refreshed;
use super::private_home::{self, PrivateHome, SettingsDir, below_home, variable_path};
use piton_core::base::error::{Context, Result};
use piton_system::beneath::{self, Dir};

/// Most that is copied of one directory of settings; a larger one is shown where it lies, and cannot be written.
const FILES: usize = 4000;
const BYTES: u64 = 64 << 20;
const DEPTH: usize = 12;
/// Longest login, in bytes.
const LOGIN: u64 = 256 << 10;

/// The private directory of one agent. Dropping it brings the login back.
#[derive(Debug)]
pub struct Home {
    spec: PrivateHome,
    root: PathBuf,
    /// What the user had when it was lent: beside the directory, where the agent does not write.
    lent: PathBuf,
    /// Where the user's own lie.
    user: User,
    /// For as long as it is in use.
    _lock: File,
}

/// What decides where the user keeps things.
#[derive(Debug, Clone)]
pub struct User {
    /// The home directory.
    pub home: PathBuf,
    /// Variables.
    pub env: fn(&str) -> Option<OsString>,
}

impl User {
    /// Whoever started piton.
    pub fn own() -> Option<Self> {
        Some(Self {
            home: std::env::home_dir()?,
            env: |name| std::env::var_os(name).filter(|value| !value.is_empty()),
        })
    }

    /// Where what lies at `place` is.
    fn at(&self, place: &SettingsDir) -> PathBuf {
        let moved = place.moved.as_deref().and_then(|moved| {
            let (name, below) = variable_path(moved);
            Some(PathBuf::from((self.env)(name?)?).join(below))
        });
        moved.filter(|path| path.is_absolute()).unwrap_or_else(|| self.below(below_home(&place.user)))
    }

    /// A path below the home directory, or where the user has moved such things.
    fn below(&self, path: &str) -> PathBuf {
        let moved = private_home::BASES.iter().find_map(|(variable, base)| {
            let below = Path::new(path).strip_prefix(base).ok()?;
            Some(PathBuf::from((self.env)(variable)?).join(below)).filter(|path| path.is_absolute())
        });
        moved.unwrap_or_else(|| self.home.join(path))
    }
}

/// What was lent: names of logins, and digests of what the user had.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Lent(BTreeMap<String, String>);

impl Home {
    /// That of the agent which is started as `program`, below `dir`; `None` for a program that piton does not know. With `anew`, nothing
    /// of an earlier call stays.
    ///
    /// # Errors
    /// When it cannot be made, or another agent is at work in each that could be had.
    pub fn of(program: &str, dir: &Path, anew: bool, user: User) -> Result<Option<Self>> {
        private_home::of(program).map(|spec| Self::open(program, spec, dir, anew, user)).transpose()
    }

    /// The same of an agent with this adapter: its `[home]`, else what is known of the program that it starts.
    ///
    /// # Errors
    /// As [`Home::of`].
    pub fn of_kind(kind: &AgentKind, dir: &Path, anew: bool, user: User) -> Result<Option<Self>> {
        match &kind.home {
            Some(spec) => Self::open(&kind.name, spec.clone(), dir, anew, user).map(Some),
            None => Self::of(&program(kind.command[0].as_ref()), dir, anew, user),
        }
    }

    /// That of the agent `name`, made as `spec` says, below `dir`. With `anew`, nothing of an earlier call stays.
    fn open(name: &str, spec: PrivateHome, dir: &Path, anew: bool, user: User) -> Result<Self> {
        let what = "the agent was not started: its private settings were not laid";
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).context(what)?;
        // Usually the first: another is at work only beside a second guard.
        let (root, lock) = (1..100)
            .find_map(|n| {
                let root = dir.join(format!("{name}-{n}"));
                let mut options = File::options();
                let lock = options
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(root.with_extension("lock"))
                    .ok()?;
                lock.try_lock().is_ok().then_some((root, lock))
            })
            .ok_or_else(|| io::Error::other("no directory could be locked"))
            .context(what)?;
        let home = Self { spec, lent: root.with_extension("lent"), root, user, _lock: lock };
        // What an agent refreshed whose piton was killed.
        home.bring_back();
        if anew {
            beneath::remove_at(&home.root).context(what)?;
        }
        home.lay().context(what)?;
        Ok(home)
    }

    /// The directory that it may write.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What points the agent there.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        self.spec.env.iter().map(|(name, below)| (name.into(), self.root.join(below).into())).collect()
    }

    /// Lays settings and logins anew.
    fn lay(&self) -> io::Result<()> {
        for made in &self.spec.dirs {
            directory(&self.root, made)?;
        }
        let mut lent = Lent::default();
        for place in &self.spec.settings {
            let (from, to) = (self.user.at(place), directory(&self.root, &place.own)?);
            for name in &place.copied {
                let (from, to) = (from.join(name), to.join(name));
                beneath::remove_at(&to)?;
                show(&from, &to)?;
            }
            for name in &place.lent {
                let below = Path::new(&place.own).join(name);
                let parent = below.parent().unwrap_or(Path::new(""));
                let to = directory(&self.root, parent)?.join(below.file_name().unwrap_or_default());
                // One that was made in here stays in here.
                let Ok(bytes) = fs::read(from.join(name)) else { continue };
                beneath::remove_at(&to)?;
                write_new(&to, &bytes, 0o600)?;
                lent.0.insert(below.to_string_lossy().into_owned(), digest(&bytes));
            }
        }
        for place in &self.spec.links {
            let (from, to) = (self.user.below(below_home(&place.user)), directory(&self.root, &place.own)?);
            for entry in fs::read_dir(&from).into_iter().flatten().flatten() {
                let (name, there) = (entry.file_name(), to.join(entry.file_name()));
                if !place.except.iter().any(|except| name == **except)
                    && fs::symlink_metadata(&there).is_err()
                {
                    symlink(entry.path(), there)?;
                }
            }
        }
        fs::write(&self.lent, serde_json::to_vec(&lent)?)
    }

    /// Brings back what was refreshed, and takes the lent logins away. What cannot be brought back is as it was.
    fn bring_back(&self) {
        let lent: Lent =
            fs::read(&self.lent).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        for place in &self.spec.settings {
            for name in &place.lent {
                let below = Path::new(&place.own).join(name);
                let Some(known) = lent.0.get(&*below.to_string_lossy()) else { continue };
                let theirs = self.user.at(place).join(name);
                if let (Some(new), Ok(old)) = (plain(&self.root, &below), fs::read(&theirs))
                    // Refreshed elsewhere meanwhile, it is the user's.
                    && digest(&old) == *known
                    && let Some(bytes) = refreshed(&old, &new)
                {
                    let _ = replace(&theirs, &bytes);
                }
                let _ = beneath::remove(&self.root, &below);
            }
        }
        let _ = fs::remove_file(&self.lent);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.bring_back();
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory below `root`, made where it is none, and its user's alone. Whatever an agent left in its place goes, and no link is followed.
fn directory(root: &Path, below: impl AsRef<Path>) -> io::Result<PathBuf> {
    let (above, own) = (root.parent().unwrap_or(root), root.file_name().unwrap_or_default());
    let parts = below.as_ref().components().filter(|part| matches!(part, Component::Normal(_)));
    let parts: PathBuf = [Component::Normal(own)].into_iter().chain(parts).collect();
    let mut dir = Dir::open(above)?;
    for name in &parts {
        dir = dir.put_dir(name)?;
        rustix::fs::fchmod(&dir, Mode::RWXU)?;
    }
    Ok(above.join(parts))
}

/// The content of a plain file with one name, below `root` and by no link.
fn plain(root: &Path, below: &Path) -> Option<Vec<u8>> {
    let dir = Dir::open(root).ok()?.descend(below.parent()?).ok()?;
    let (bytes, meta) = dir.read(below.file_name()?, LOGIN).ok()?;
    (meta.names == 1).then_some(bytes)
}

/// Copies settings, or shows them where they lie if they are large. What is not there is left out.
fn show(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(meta) = fs::metadata(from) else { return Ok(()) };
    let mut left = (FILES, BYTES);
    if copy(from, to, DEPTH, &mut left)? {
        return Ok(());
    }
    beneath::remove_at(to)?;
    if meta.is_dir() || meta.is_file() { symlink(fs::canonicalize(from)?, to) } else { Ok(()) }
}

/// False where it is too much. What is neither file nor directory is left out; the user's own links are followed.
fn copy(from: &Path, to: &Path, depth: usize, left: &mut (usize, u64)) -> io::Result<bool> {
    // A link to nowhere, as any program would find it.
    let Ok(meta) = fs::metadata(from) else { return Ok(true) };
    if !meta.is_dir() && !meta.is_file() {
        return Ok(true);
    }
    if depth == 0 || left.0 == 0 || meta.is_file() && meta.len() > left.1 {
        return Ok(false);
    }
    left.0 -= 1;
    if meta.is_file() {
        left.1 -= meta.len();
        // What its user may not read, an agent does without.
        let Ok(bytes) = fs::read(from) else { return Ok(true) };
        write_new(to, &bytes, 0o600 | meta.permissions().mode() & 0o100)?;
        return Ok(true);
    }
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        if !copy(&entry.path(), &to.join(entry.file_name()), depth - 1, left)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

/// A reader finds the old content or the new, never a part; its mode and its place stay.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mode = fs::metadata(&path)?.permissions();
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|e| e.error)
}

/// What a command is known by: the name of its program.
pub fn program(command: &OsStr) -> String {
    Path::new(command).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
