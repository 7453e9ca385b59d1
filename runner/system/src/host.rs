//! The machine that piton runs on: what it is, what it is doing, and the randomness that it gives.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use rand::TryRng;

use crate::clock::Stopwatch;
use piton_core::base::conditions::Conditions;
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::text::plural;

/// Processor, cores and system.
pub fn machine() -> String {
    format!("{}, {}, {}", chip(), plural(cores(), "core"), system())
}

/// The processor, as it calls itself.
pub fn chip() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or("unknown processor", |(_, name)| name.trim()).to_owned()
}

/// The system and its version.
pub fn system() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, kernel.trim())
}

/// Memory of the machine, in bytes; 0 where the system does not say.
pub fn memory_bytes() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}

/// Whether temporary files can be written where this process is told to.
///
/// # Errors
/// A directory that is not there, cannot be written or has no room: by its name, and by what names it.
pub fn check_temporary_directory() -> Result<()> {
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
pub fn lower_priority() {
    // A system that refuses even that is none to argue with.
    let _ = rustix::process::nice(19);
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes that are free on the disk of `dir`; absent where the system does not tell.
pub fn free_space(dir: &Path) -> Option<u64> {
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
    since: Stopwatch,
    counted: Counted,
}

/// What the kernel has counted: ticks of all cores, but for the waiting, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    stolen: u64,
    all: u64,
    busy: u64,
    own: u64,
    waited: Option<u64>,
}

/// What it counted in some time. There is none of no time: it would not know of any waiting, and added to others hide theirs.
#[derive(Debug, Clone, Copy)]
pub struct MeterReading {
    counted: Counted,
    seconds: f64,
}

/// Fewer ticks than that say nothing of who had them: each process's are counted by themselves.
const TICKS: u64 = 50;

impl Meter {
    /// Begins to watch.
    pub fn start() -> Self {
        Self { since: Stopwatch::start(), counted: Counted::now() }
    }

    /// What the machine did since.
    pub fn stop(self) -> Conditions {
        self.reading().conditions()
    }

    /// The same, to be added to other times.
    pub fn reading(self) -> MeterReading {
        let (before, now) = (self.counted, Counted::now());
        // Some hypervisors let the counter of stolen time run backwards.
        let since = |of: fn(&Counted) -> u64| of(&now).saturating_sub(of(&before));
        let waited = now.waited.zip(before.waited).map(|(now, before)| now.saturating_sub(before));
        let counted = Counted {
            stolen: since(|c| c.stolen),
            all: since(|c| c.all),
            busy: since(|c| c.busy),
            own: since(|c| c.own),
            waited,
        };
        MeterReading { counted, seconds: self.since.seconds() }
    }
}

impl MeterReading {
    /// Both times together.
    pub fn plus(self, other: Self) -> Self {
        let (one, two) = (self.counted, other.counted);
        let counted = Counted {
            stolen: one.stolen + two.stolen,
            all: one.all + two.all,
            busy: one.busy + two.busy,
            own: one.own + two.own,
            waited: one.waited.zip(two.waited).map(|(one, two)| one + two),
        };
        Self { counted, seconds: self.seconds + other.seconds }
    }

    /// As shares.
    pub fn conditions(self) -> Conditions {
        let Counted { stolen, all, busy, own, waited } = self.counted;
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let share = |ticks: u64| (ticks as f64 / all.max(1) as f64 * 100.0).min(100.0);
        Conditions {
            steal_pct: share(stolen),
            pressure_pct: waited.map(|waited| (waited as f64 / 1e4 / self.seconds.max(1e-6)).min(100.0)),
            load: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
            others_pct: (all >= TICKS).then(|| share(busy.saturating_sub(own))),
        }
    }
}

impl Counted {
    fn now() -> Self {
        let (stolen, all, busy) = processor_time();
        Self { stolen, all, busy, own: own_time(), waited: waited() }
    }
}

/// Ticks of all cores: given to other machines, all, and those that processes had. Source: proc(5), /proc/stat, fields of the line `cpu`.
fn processor_time() -> (u64, u64, u64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).take(8).collect();
    (ticks.get(7).copied().unwrap_or(0), ticks.iter().sum(), ticks.iter().take(3).sum())
}

/// Ticks that this process had, and all that it has started and that have ended. Source: proc(5), /proc/PID/stat, fields 14 to 17.
fn own_time() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; the state, the third field, stands first after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Microseconds in which some process waited for a core since the machine started: `some total` of /proc/pressure/cpu.
fn waited() -> Option<u64> {
    let text = fs::read_to_string("/proc/pressure/cpu").ok()?;
    text.lines().next()?.split_once("total=")?.1.trim().parse().ok()
}

/// How the kernel chooses the clock of the first core, e.g. `performance`; `None` where it does not say.
pub fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_types, reason = "what it measures is started past `process`")]
    #[test]
    fn the_time_of_what_was_started_and_has_ended_is_ones_own_and_nobody_elses() {
        let before = Counted::now();
        // Ended by the system after a second of a core's time, whatever else the machine does.
        let spins =
            std::process::Command::new("sh").args(["-c", "ulimit -t 1; while :; do :; done"]).status();
        assert!(!spins.unwrap().success());
        let now = Counted::now();
        let (own, busy) = (now.own - before.own, now.busy - before.busy);
        assert!(own >= 90 && own <= busy + 10, "{own} of {busy}");
    }

    #[test]
    fn two_times_together_have_the_shares_of_both() {
        let of = |busy, own, waited| MeterReading {
            counted: Counted { stolen: 10, all: 100, busy, own, waited: Some(waited) },
            seconds: 0.5,
        };
        let both = of(80, 70, 500_000).plus(of(60, 10, 0)).conditions();
        assert_eq!((both.steal_pct, both.pressure_pct, both.others_pct), (10.0, Some(50.0), Some(30.0)));
        let short = MeterReading { counted: Counted { all: 10, ..Counted::default() }, seconds: 0.1 };
        assert_eq!(short.conditions().others_pct, None);
    }
}
