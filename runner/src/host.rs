//! The machine that piton runs on: what it is, what it is doing, and the randomness that it gives.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use rand::TryRng;

use crate::conditions::Conditions;
use crate::error::{Context, Error, Result};
use crate::words::plural;

/// Processor, cores and system.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{name}, {}, {} {}", plural(cores(), "core"), std::env::consts::OS, kernel.trim())
}

/// Whether temporary files can be written where this process is told to.
///
/// # Errors
/// A directory that is not there, cannot be written or has no room: by its name, and by what names it.
pub fn temporary() -> Result<()> {
    static ENOUGH: [u8; 64 << 10] = [b'.'; 64 << 10];
    let dir = std::env::temp_dir();
    let tried = tempfile::Builder::new().prefix("piton-").tempfile_in(&dir);
    // A network's disk may find out late that it is full.
    let written =
        tried.and_then(|mut file| file.write_all(&ENOUGH).and_then(|()| file.as_file().sync_data()));
    written.map_err(|e| {
        let error = Error::refused(format!(
            "piton did not start: the temporary directory {} cannot be used",
            dir.display()
        ));
        let why = match e.kind() {
            ErrorKind::NotFound => "it is not there".to_owned(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "it has no room".to_owned(),
            _ => e.to_string(),
        };
        let hint = if std::env::var_os("TMPDIR").is_some() {
            "TMPDIR names it: set TMPDIR to a directory that is there, can be written and has room, or unset it"
        } else {
            "set TMPDIR to a directory that is there, can be written and has room"
        };
        error.cause(why).note("nothing was started, changed or remembered").hint(hint)
    })
}

/// Raises what this process may have open at once as far as it may, to `wanted` at most. Returns how many that are.
pub fn open_at_most(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is none.
    let (soft, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    let raised = soft.max(wanted.min(hard));
    let limit = Rlimit { current: Some(raised), maximum };
    if raised > soft && setrlimit(Resource::Nofile, limit).is_ok() { raised } else { soft }
}

/// The boot of the system that this is: another one after every start of the machine; empty where it does not say.
pub fn boot() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// The name that this machine has in its network; `localhost` where it has none.
pub fn name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

/// From now on this process has what processor time nobody else wants.
pub fn stand_back() {
    // A system that refuses even that is none to argue with.
    let _ = rustix::process::nice(19);
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes that are free on the disk of `dir`; absent where the system does not tell.
pub fn room(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A seed that nobody could have known before this moment.
///
/// # Errors
/// When the system gives no randomness.
pub fn fresh_seed() -> Result<u64> {
    rand::rngs::SysRng.try_next_u64().context("no seed was drawn: the system gave no randomness")
}

/// Watches the machine from its start to its stop.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    stolen: u64,
    all: u64,
}

impl Meter {
    /// Begins to watch.
    pub fn start() -> Self {
        let (stolen, all) = processor_time();
        Self { stolen, all }
    }

    /// What the machine did since.
    pub fn stop(self) -> Conditions {
        let (stolen, all) = processor_time();
        // Some hypervisors let the counter of stolen time run backwards.
        let share = stolen.saturating_sub(self.stolen) as f64 / all.saturating_sub(self.all).max(1) as f64;
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Conditions {
            steal_pct: share * 100.0,
            pressure_pct: pressure(),
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }
}

/// Ticks of all cores: given to other machines, and all. Source: proc(5), /proc/stat, fields of the line `cpu`.
fn processor_time() -> (u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).take(8).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum())
}

/// `some avg10` of /proc/pressure/cpu.
fn pressure() -> Option<f64> {
    let text = fs::read_to_string("/proc/pressure/cpu").ok()?;
    text.split_once("avg10=")?.1.split(' ').next()?.parse().ok()
}

/// How the kernel chooses the clock of the first core, e.g. `performance`; `None` where it does not say.
pub fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
