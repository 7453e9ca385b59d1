//! The walls that piton starts other people's programs behind, and what they are worth here.
//!
//! The crate `piton-confine` builds them; this module says what a build and a measuring command may read and
//! write. Whatever is not named here is closed to them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use piton_confine::{Found, Level, Limits, Policy, Role, find, system};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

/// Most that a job may write into one file, in bytes: bounds a log that grows without end.
pub const MAX_FILE_BYTES: u64 = 4 << 30;
/// Processes and threads that a job may have at once.
pub const PROCESSES: u64 = 4096;
/// Name of the file that remembers what the attacks showed.
const FILE: &str = "walls.json";

/// The level that this process found, for what it records.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// The level of this process's walls; none where nobody has looked.
pub fn level() -> Level {
    LEVEL.get().copied().unwrap_or_default()
}

/// This binary, which becomes the helper: by the kernel's own link where there is one, since a binary that is
/// replaced while it runs, by an update for one, has no other path.
///
/// # Errors
/// Where the system does not say.
pub fn helper() -> std::io::Result<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Ok(link) } else { std::env::current_exe() }
}

/// What the walls are worth here, and what the user accepts.
#[derive(Debug, Clone)]
pub struct Walls {
    found: Found,
    least: Level,
    /// What every job may read: looked for once, for there are hundreds.
    common: Vec<PathBuf>,
}

/// What a finding holds for: a machine since its start, a user, and a binary.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    boot: String,
    user: u32,
    binary: (u64, u64, i64, i64),
    found: Found,
}

impl Walls {
    /// Attacks the walls of this machine, unless this binary did since the machine started; `state` remembers.
    ///
    /// # Errors
    /// Where they hold less than `least`.
    pub fn look(state: &Path, least: Level) -> Result<Self> {
        let found = remembered(state)?;
        if found.level < least {
            let broken: Vec<&str> =
                found.attacks.iter().filter(|tried| !tried.held).map(|tried| &*tried.name).take(5).collect();
            let why = match (found.abi, broken.is_empty()) {
                (0, _) => "its kernel has no Landlock".to_owned(),
                (_, true) => "its kernel has no filter on system calls".to_owned(),
                (_, false) => format!("attacks got through: {}", broken.join(", ")),
            };
            return Err(Error::refused("piton did not start: its walls hold less than was asked for")
                .cause(format!("this machine reaches the level {}, not {least}: {why}", found.level))
                .note("nothing was started; `piton doctor` lists the walls and the attacks")
                .hint(format!(
                    "what is built and measured could forge its score; to accept that, type --confinement {}",
                    found.level
                )));
        }
        let _ = LEVEL.set(found.level);
        let common = [system(), toolchains()].concat();
        Ok(Self { found, least, common })
    }

    /// What was found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The least that the user accepts: what a harness is told.
    pub fn least(&self) -> Level {
        self.least
    }

    /// What a build may do: read the system, the toolchains and `read`, write `write`.
    pub fn build(&self, read: Vec<PathBuf>, write: Vec<PathBuf>, network: bool) -> Policy {
        self.policy(Role::Build, read, write, network)
    }

    /// What a measuring command may do.
    pub fn measure(&self, read: Vec<PathBuf>, write: Vec<PathBuf>, network: bool) -> Policy {
        self.policy(Role::Measure, read, write, network)
    }

    fn policy(&self, role: Role, mut read: Vec<PathBuf>, write: Vec<PathBuf>, network: bool) -> Policy {
        read.extend_from_slice(&self.common);
        if network {
            read.extend(network_settings());
        }
        let limits =
            Limits { file_bytes: Some(MAX_FILE_BYTES), processes: Some(PROCESSES), ..Limits::default() };
        // What the rows say was found must hold for every job.
        Policy {
            role,
            read,
            write,
            network,
            opened: piton_confine::Opened::default(),
            limits,
            least: self.found.level.max(self.least),
        }
    }
}

fn remembered(state: &Path) -> Result<Found> {
    let what = "the walls were not looked at";
    let exe = helper().context(what)?;
    let meta = fs::metadata(&exe).context(what)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let (user, binary) =
        (rustix::process::geteuid().as_raw(), (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()));
    let path = state.join(FILE);
    let old: Option<Remembered> =
        fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    if let Some(old) =
        old.filter(|old| !boot.is_empty() && (&old.boot, old.user, &old.binary) == (&boot, user, &binary))
    {
        return Ok(old.found);
    }
    let found = find(&exe);
    let text =
        serde_json::to_string(&Remembered { boot, user, binary, found: found.clone() }).context(what)?;
    // Where it cannot be remembered, it is found again.
    let _ = fs::create_dir_all(state).and_then(|()| fs::write(path, text));
    Ok(found)
}

/// Where this user's programs are that are not the system's: of each directory in PATH, what belongs to it. No
/// home directory as a whole, and no credentials.
fn toolchains() -> Vec<PathBuf> {
    let home = home();
    let mut all = cargo();
    all.push(rustup());
    let path = std::env::var_os("PATH").unwrap_or_default();
    for dir in std::env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        let Some(above) = dir.parent().filter(|above| **above != *"/" && **above != home) else {
            all.push(dir);
            continue;
        };
        let own = match dir.file_name().and_then(|name| name.to_str()) {
            _ if above == home.join(".local") => {
                ["bin", "lib", "share/uv", "share/pipx"].map(|part| above.join(part)).to_vec()
            }
            _ if above == cargo_home() => vec![],
            Some("bin" | "sbin" | "shims") if !above.join(".git").exists() => vec![above.to_owned()],
            _ => vec![dir.clone()],
        };
        all.extend(own);
    }
    all.retain(|path| path.exists() && *path != home && **path != *"/");
    all.sort();
    all.dedup();
    all
}

/// Where cargo keeps what it fetched.
pub fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

/// Where rustup keeps its toolchains.
pub fn rustup() -> PathBuf {
    std::env::var_os("RUSTUP_HOME").map_or_else(|| home().join(".rustup"), PathBuf::from)
}

/// The user's home; a path that is not there for a user who has none.
fn home() -> PathBuf {
    std::env::home_dir().filter(|home| home.is_absolute()).unwrap_or_else(|| "/no/home".into())
}

/// What a build needs of cargo's home: not the credentials.
fn cargo() -> Vec<PathBuf> {
    let parts = ["bin", "registry", "git", "config.toml", "config", "env"];
    let caches = [".package-cache", ".package-cache-mutate", ".global-cache"];
    parts.iter().chain(&caches).map(|part| cargo_home().join(part)).collect()
}

/// What reaching a network takes besides: names and certificates.
fn network_settings() -> Vec<PathBuf> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR", "CARGO_HTTP_CAINFO"];
    let named = named.iter().filter_map(std::env::var_os).map(PathBuf::from);
    // A link, often, to where the system's resolver writes it.
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    named.chain(resolver).chain(["/run/systemd/resolve".into()]).collect()
}

/// What a command names by absolute paths: whoever wrote the experiment wants it read.
pub fn named(words: &[String]) -> Vec<PathBuf> {
    let parts = words.iter().map(|word| word.rsplit_once('=').map_or(&**word, |(_, value)| value));
    parts.map(PathBuf::from).filter(|path| path.is_absolute() && **path != *"/" && path.exists()).collect()
}

/// An empty directory of a job's own, for its temporary files and as its home.
///
/// # Errors
/// A disk that refuses.
pub fn private(dir: &Path) -> Result<()> {
    let what = || format!("{} was not made anew", dir.display());
    let removed = fs::remove_dir_all(dir).or_else(|_| {
        // What a job left may be closed to its own user.
        loosen(dir);
        fs::remove_dir_all(dir)
    });
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).context(what()),
        _ => fs::create_dir_all(dir).context(what()),
    }
}

/// Opens a directory, and those below it, to its user. What cannot be opened stays.
fn loosen(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .for_each(|entry| loosen(&entry.path()));
}

/// The variables of a job with a private directory: its own home, and the tools of the user's.
pub fn private_env(mut env: Vec<(OsString, OsString)>, dir: &Path) -> Vec<(OsString, OsString)> {
    let own = ["HOME", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME"];
    env.retain(|(name, _)| own.iter().all(|own| name != own));
    env.extend([("HOME", dir.to_owned()), ("TMPDIR", dir.to_owned())].map(|(k, v)| (k.into(), v.into())));
    env.extend([("CARGO_HOME", cargo_home()), ("RUSTUP_HOME", rustup())].map(|(k, v)| (k.into(), v.into())));
    // Python looks for what its user installed below HOME.
    let user = home().join(".local");
    env.extend(user.join("lib").exists().then(|| ("PYTHONUSERBASE".into(), user.into())));
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_home_directory_is_open_as_a_whole_and_no_credentials_are() {
        let home = std::env::home_dir().unwrap();
        let credentials = cargo_home().join("credentials.toml");
        for path in toolchains() {
            assert!(!home.starts_with(&path), "{}", path.display());
            assert!(!credentials.starts_with(&path), "{}", path.display());
        }
    }

    #[test]
    fn what_a_command_names_by_its_path_is_open_to_it() {
        let words =
            ["tool", "--model=/usr/lib", "/usr/bin", "/no/such/path", "/", "usr/lib"].map(str::to_owned);
        assert_eq!(named(&words), [PathBuf::from("/usr/lib"), "/usr/bin".into()]);
    }

    #[test]
    fn a_private_directory_is_made_anew_even_where_a_job_closed_it_to_its_own_user() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("private");
        private(&dir).unwrap();
        fs::create_dir_all(dir.join("closed/deep")).unwrap();
        fs::write(dir.join("closed/deep/file"), "left").unwrap();
        for path in ["closed/deep", "closed", ""] {
            fs::set_permissions(dir.join(path), fs::Permissions::from_mode(0o0)).unwrap();
        }
        private(&dir).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }

    #[test]
    fn a_job_has_a_home_of_its_own_and_the_tools_of_the_user() {
        let env = private_env(
            vec![("HOME".into(), "/home/me".into()), ("PATH".into(), "/bin".into())],
            Path::new("/p"),
        );
        let of = |name: &str| {
            env.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        assert_eq!((of("HOME"), of("PATH")), (vec!["/p".into()], vec!["/bin".into()]));
        assert_eq!(of("CARGO_HOME"), [cargo_home().into_os_string()]);
    }
}
