//! The walls that piton starts other people's programs behind, and what they are worth here.
//!
//! The crate `piton-confine` builds them; this module says what a build and a measuring command may read and
//! write. Whatever is not named here is closed to them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use piton_confine::{Found, Limits, Opened, Role, find, gift, system};
pub use piton_confine::{Policy, RESULT};
use piton_core::base::level::Level;
use serde::{Deserialize, Serialize};

use crate::beneath;
use crate::config::{Opens, fill};
use crate::environment;
use crate::host;
use crate::toolchains::{self, cargo_home, home, rustup};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::denied::{self, Behind, Denied, There};

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
pub(crate) fn helper() -> std::io::Result<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Ok(link) } else { std::env::current_exe() }
}

/// What jobs were refused, by their sections.
type RefusalNotes = Vec<(String, Denied)>;

/// What the walls are worth here, and what the user accepts.
#[derive(Debug, Clone)]
pub struct Walls {
    found: Found,
    least: Level,
    /// What every job may read: looked for once, for there are hundreds.
    common: Vec<PathBuf>,
    /// The checkout, where what git ignores lies.
    checkout: PathBuf,
    /// What jobs were refused, by their sections, where somebody wants to know.
    refused: Option<Arc<Mutex<RefusalNotes>>>,
}

/// What a job has besides what everybody may read and what its section opens.
pub struct JobAccess<'a> {
    /// What it may read.
    pub read: Vec<PathBuf>,
    /// What it may write.
    pub write: Vec<PathBuf>,
    /// Whether it may use the machine's network.
    pub network: bool,
    /// Its private directory.
    pub private: &'a Path,
    /// Its environment, whose variables may name files that a network takes.
    pub env: &'a [(OsString, OsString)],
}

/// What a finding holds for: a machine since its start, a user, and a binary.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    boot: String,
    /// What piton itself is held by: namespaces, capabilities, filters. A container on the same machine has others.
    around: String,
    user: u32,
    binary: (u64, u64, i64, i64),
    found: Found,
}

impl Walls {
    /// Attacks the walls of this machine, unless this binary did since the machine started; `state` remembers. `checkout` is
    /// where what jobs are refused may lie.
    ///
    /// # Errors
    /// Where they hold less than `least`, and where the temporary directory cannot be used.
    pub fn probe(state: &Path, checkout: &Path, least: Level) -> Result<Self> {
        host::check_temporary_directory()?;
        let found = remembered(state)?;
        if let Some(why) = found.unsound().filter(|_| found.level < least) {
            return Err(Error::refused("piton did not start: its walls were not tried to the end")
                .cause(why)
                .note("this says nothing of the walls, and is not remembered; nothing was started")
                .hint("`piton doctor` tries again and lists the attacks; where it stays so, --confinement none starts without them"));
        }
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
        let common = [system(), toolchains::everywhere()].concat();
        Ok(Self { found, least, common, checkout: checkout.to_owned(), refused: None })
    }

    /// What was found.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The least that the user accepts: what a harness is told.
    pub fn least(&self) -> Level {
        self.least
    }

    /// The same, and what jobs are refused is noted for [`refused`](Self::refused).
    pub fn recording_refusals(self) -> Self {
        Self { refused: Some(Arc::default()), ..self }
    }

    /// Whether somebody wants to know what jobs are refused.
    pub fn records_refusals(&self) -> bool {
        self.refused.is_some()
    }

    /// What jobs were refused, by their sections.
    pub fn refused(&self) -> Vec<(String, Denied)> {
        self.refused.as_ref().map(|all| all.lock().expect("no holder panics").clone()).unwrap_or_default()
    }

    /// Why a job failed, where its last words say that the walls refused it something; `section` is where `piton.toml` can open
    /// that.
    pub fn explain(&self, section: &str, policy: &Policy, outputs: [&str; 2]) -> Option<String> {
        let there = |path: &Path| {
            let meta = fs::metadata(path).ok()?;
            Some(match meta.file_type() {
                kind if kind.is_socket() => There::Socket,
                kind if kind.is_dir() => There::Dir,
                _ => There::File,
            })
        };
        let home = home();
        let behind = Behind {
            section,
            read: &policy.read,
            write: &[&*policy.write, &*policy.opened.devices].concat(),
            network: policy.network,
            loopback: policy.opened.loopback,
            shared_memory: policy.opened.shared_memory || self.found.gives(gift::SHARED_MEMORY),
            terminals: self.found.gives(gift::TERMINALS),
            can_loop: self.found.gives(gift::LOOPBACK),
            home: &home,
            private: policy.opened.temporary.as_deref().unwrap_or(Path::new("/no/home")),
            checkout: &self.checkout,
            there: &there,
            variable: &|name| std::env::var_os(name).is_some(),
        };
        let mut all: Vec<Denied> = vec![];
        for text in outputs {
            let more = denied::denied(text, &behind);
            all.extend(more.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
        }
        if let Some(noted) = &self.refused {
            let mut noted = noted.lock().expect("no holder panics");
            for one in &all {
                let one = (section.to_owned(), one.clone());
                if !noted.contains(&one) {
                    noted.push(one);
                }
            }
        }
        denied::words(&all, section)
    }

    /// What a build may do: read the system, the toolchains and `own.read`, write `own.write`, and what its section opens.
    pub fn build(&self, opens: &Opens, own: JobAccess) -> Policy {
        self.policy(Role::Build, opens, own)
    }

    /// What a measuring command may do.
    pub fn measure(&self, opens: &Opens, own: JobAccess) -> Policy {
        self.policy(Role::Measure, opens, own)
    }

    fn policy(&self, role: Role, opens: &Opens, own: JobAccess) -> Policy {
        let JobAccess { mut read, mut write, network, private, env } = own;
        read.extend_from_slice(&self.common);
        read.extend(opens.read.iter().map(|path| placed(path)));
        // What the machine does not have is left out; what a job must write has to be there.
        write.extend(opens.write.iter().map(|path| placed(path)));
        if network {
            read.extend(network_settings(env));
        }
        let devices = devices(opens.devices);
        if !devices.is_empty() {
            read.extend(["/sys/module", "/sys/kernel/mm"].map(PathBuf::from));
        }
        let opened = Opened {
            temporary: Some(private.to_owned()),
            devices,
            loopback: opens.loopback,
            shared_memory: opens.shared_memory,
            ..Opened::default()
        };
        let limits =
            Limits { file_bytes: Some(MAX_FILE_BYTES), processes: Some(PROCESSES), ..Limits::default() };
        // What the rows say was found must hold for every job.
        Policy { role, read, write, network, opened, limits, least: self.found.level.max(self.least) }
    }
}

/// What holds this process already, and with it what it can give to others.
fn around() -> String {
    let namespaces = ["mnt", "user", "pid", "net"].map(|name| {
        fs::read_link(format!("/proc/self/ns/{name}"))
            .map(|link| link.display().to_string())
            .unwrap_or_default()
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = ["CapEff:", "NoNewPrivs:", "Seccomp:"];
    let held = status.lines().filter(|line| held.iter().any(|name| line.starts_with(name)));
    namespaces.iter().map(String::as_str).chain(held).collect::<Vec<_>>().join(" ")
}

fn remembered(state: &Path) -> Result<Found> {
    let what = "the walls were not looked at";
    let exe = helper().context(what)?;
    let meta = fs::metadata(&exe).context(what)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let (user, binary) =
        (rustix::process::geteuid().as_raw(), (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()));
    let (path, around) = (state.join(FILE), around());
    let old: Option<Remembered> =
        fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    if let Some(old) = old.filter(|old| {
        !boot.is_empty() && (&old.boot, &old.around, old.user, &old.binary) == (&boot, &around, user, &binary)
    }) {
        return Ok(old.found);
    }
    let found = find(&exe);
    if found.unsound().is_some() {
        return Ok(found);
    }
    let text = serde_json::to_string(&Remembered { boot, around, user, binary, found: found.clone() })
        .context(what)?;
    // Where it cannot be remembered, it is found again.
    let _ = fs::create_dir_all(state).and_then(|()| fs::write(path, text));
    Ok(found)
}

/// What reaching a network takes besides: names, and the certificates and settings that variables name.
fn network_settings(env: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let named = env.iter().filter(|(name, _)| environment::configures_network(&name.to_string_lossy()));
    let named = named.flat_map(|(_, value)| std::env::split_paths(value).collect::<Vec<_>>());
    // A whole home directory is no setting.
    let named = named.filter(|path| path.is_absolute() && path.exists() && !home().starts_with(path));
    // A link, often, to where the system's resolver writes it.
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    named.chain(resolver).chain(["/run/systemd/resolve".into()]).collect()
}

/// Where a path of the experiment's is: `~/` and `{home}` stand for the user's home directory.
pub fn placed(path: &str) -> PathBuf {
    match path.strip_prefix("~/").or_else(|| path.strip_prefix("{home}/")) {
        Some(below) => home().join(below),
        None => path.into(),
    }
}

/// Devices by their words; those that this machine does not have are left out.
pub fn devices(words: &[String]) -> Vec<PathBuf> {
    let named = |start: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
        let own = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        own.map(|entry| entry.path()).collect()
    };
    let amd = || ["/dev/kfd", "/dev/dri"].map(PathBuf::from).to_vec();
    // Of a Windows machine's Linux, and of accelerators that are no graphics cards.
    let others = || ["/dev/dxg", "/dev/accel"].map(PathBuf::from).to_vec();
    let of = |word: &String| match word.as_str() {
        "nvidia" => [named("nvidia"), vec!["/dev/dxg".into()]].concat(),
        "amd" => amd(),
        "all-gpus" => [named("nvidia"), amd(), others()].concat(),
        path => vec![path.into()],
    };
    let mut all: Vec<PathBuf> = words.iter().flat_map(of).filter(|path| path.exists()).collect();
    all.sort();
    all.dedup();
    all
}

/// The variables that a section gives its job: placeholders are filled in, and one that says what a variable of piton's own
/// says which is not set is not set either.
pub fn asked_env(opens: &Opens, values: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let home = home();
    let home = home.to_string_lossy();
    let own = |(name, value): (&String, &String)| {
        let value = from_env(value)?;
        let value = fill(&[value], &[values, &[("home", &home)]].concat()).remove(0);
        Some((name.into(), value.into()))
    };
    // Which of the devices are meant is said by variables.
    let which = if opens.devices.is_empty() { vec![] } else { environment::device_env() };
    which.into_iter().chain(opens.env.iter().filter_map(own)).collect()
}

/// `{env:NAME}` replaced by the variable; `None` where one is not set.
fn from_env(value: &str) -> Option<String> {
    let Some((before, rest)) = value.split_once("{env:") else { return Some(value.to_owned()) };
    let Some((name, after)) = rest.split_once('}') else { return Some(value.to_owned()) };
    Some(format!("{before}{}{}", std::env::var(name).ok()?, from_env(after)?))
}

/// What a command names by absolute paths, in its words or within them as a shell would read them: whoever wrote the experiment
/// wants it read, with what it takes to start it where it is a program.
pub fn named(words: &[String]) -> Vec<PathBuf> {
    let apart = |c: char| c.is_whitespace() || "\"'`;|&()<>=,".contains(c);
    let parts = words.iter().flat_map(|word| {
        let whole = word.rsplit_once('=').map_or(&**word, |(_, value)| value);
        [word, whole].into_iter().chain(word.split(apart))
    });
    let mut all: Vec<PathBuf> = parts
        .map(PathBuf::from)
        .filter(|path| path.is_absolute() && !home().starts_with(path) && path.exists())
        .collect();
    all.sort();
    all.dedup();
    let programs: Vec<PathBuf> =
        all.iter().filter(|path| path.is_file()).flat_map(|path| toolchains::of(path)).collect();
    all.extend(programs);
    all
}

/// An empty directory of a job's own, for its temporary files and as its home.
///
/// # Errors
/// A disk that refuses.
pub fn private(dir: &Path) -> Result<()> {
    let what = || format!("{} was not made anew", dir.display());
    // What a job left may be closed to its own user, or deeper than any path.
    beneath::remove_at(dir).and_then(|()| fs::create_dir_all(dir)).context(what())
}

/// The variables of a job with a private directory: its own home, and the tools of the user's.
pub fn private_env(mut env: Vec<(OsString, OsString)>, dir: &Path) -> Vec<(OsString, OsString)> {
    let own = ["HOME", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME"];
    env.retain(|(name, _)| own.iter().all(|own| name != own));
    env.extend([("HOME", dir.to_owned()), ("TMPDIR", dir.to_owned())].map(|(k, v)| (k.into(), v.into())));
    env.extend([("CARGO_HOME", cargo_home()), ("RUSTUP_HOME", rustup())].map(|(k, v)| (k.into(), v.into())));
    env.extend(toolchains::variables());
    // Python looks for what its user installed below HOME.
    let user = home().join(".local");
    env.extend(user.join("lib").exists().then(|| ("PYTHONUSERBASE".into(), user.into())));
    env
}

#[cfg(test)]
mod tests;
