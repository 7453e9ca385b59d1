//! What a process may use: the part of a policy that every Unix knows.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::policy::Limits;

/// Sets the limits of this process, for good.
///
/// # Errors
/// Where the system refuses one, its name.
pub(crate) fn set(limits: &Limits) -> Result<(), String> {
    // What a program held in memory must not end in a file.
    one("core", Resource::Core, Some(0))?;
    one("file size", Resource::Fsize, limits.file_bytes)?;
    one("open files", Resource::Nofile, limits.open_files)?;
    #[cfg(target_os = "linux")]
    {
        let beside = limits.processes.filter(|_| !rustix::process::getuid().is_root());
        one("processes", Resource::Nproc, beside.map(|n| n.saturating_add(running())))?;
        pin(&limits.cores)?;
        // Where memory runs out, this is what ends first.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
    #[cfg(not(target_os = "linux"))]
    one("processes", Resource::Nproc, limits.processes)?;
    one("address space", Resource::As, limits.memory_bytes)
}

fn one(name: &str, resource: Resource, most: Option<u64>) -> Result<(), String> {
    let Some(most) = most else { return Ok(()) };
    // A limit that is narrower already stays.
    let most = rustix::process::getrlimit(resource).maximum.map_or(most, |now| now.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|e| format!("the limit on {name} was refused: {e}"))
}

/// Tasks that this user runs now: the kernel counts a user's, not a tree's.
#[cfg(target_os = "linux")]
fn running() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::getuid().as_raw();
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let mine = entries.flatten().filter(|entry| {
        let number = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        number && entry.metadata().is_ok_and(|meta| meta.uid() == own)
    });
    mine.map(|entry| std::fs::read_dir(entry.path().join("task")).map_or(1, |tasks| tasks.count() as u64))
        .sum()
}

#[cfg(target_os = "linux")]
fn pin(cores: &[usize]) -> Result<(), String> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cores.iter().filter(|core| **core < CpuSet::MAX_CPU).for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).map_err(|e| format!("it could not be pinned to the cores {cores:?}: {e}"))
}
