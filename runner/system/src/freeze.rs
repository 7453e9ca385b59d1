//! Stops every process that a guard's agent has, and knows whether they stay stopped.
//!
//! A control group does it where one can be made: nothing in it can get out or go on. Elsewhere each process below the guard that stands
//! behind walls is sent SIGSTOP, again and again, until two looks in a row find the same threads, all stopped, that have not run between.
//! What a thread has run the kernel counts: one that was let go on by another is seen by that, though it stopped again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use piton_confine::Freezer;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use crate::clock::{self, Stopwatch};

/// How long an agent may take to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks, for the kernel to do what it was told.
const LOOK: Duration = Duration::from_millis(2);

/// A process that cannot be taken for a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, as the kernel counts.
    pub start: u64,
}

/// What the kernel tells of a process in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProcessStat {
    state: char,
    parent: i32,
    start: u64,
}

impl Process {
    /// The one that has this number now.
    pub fn now(pid: i32) -> Option<Self> {
        Some(Self { pid, start: stat(&format!("/proc/{pid}/stat"))?.start })
    }

    /// Whether it is still there, and more than an entry that nobody has asked for yet.
    pub fn is_there(self) -> bool {
        let now = stat(&format!("/proc/{}/stat", self.pid));
        now.is_some_and(|now| now.start == self.start && !"ZX".contains(now.state))
    }

    /// Sends it a signal; false where it is gone.
    fn signal(self, signal: Signal) -> bool {
        let held = Pid::from_raw(self.pid)
            .and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
        held.is_some_and(|held| self.is_there() && rustix::process::pidfd_send_signal(&held, signal).is_ok())
    }

    /// Kills it.
    pub fn end(self) -> bool {
        self.signal(Signal::KILL)
    }
}

/// Every thread of some processes: whether it could run, and what it has run.
type Threads = BTreeMap<(i32, i32), (char, String)>;

/// Processes that can be stopped together.
#[derive(Debug)]
pub struct FreezableProcesses {
    root: i32,
    /// Those that are in it, where there is one; else what stands behind walls below `root`.
    group: Option<Freezer>,
    /// What was sent SIGSTOP, in the order of their depth.
    stopped: Vec<Process>,
    /// The threads as they were when they had stopped.
    seen: Threads,
}

impl FreezableProcesses {
    /// What stands behind walls below the process `root`, or is in `group`.
    pub fn new(root: i32, group: Option<Freezer>) -> Self {
        Self { root, group, stopped: vec![], seen: Threads::new() }
    }

    /// The control group.
    pub fn group(&self) -> Option<&Freezer> {
        self.group.as_ref()
    }

    /// Whether this system tells what can be stopped here.
    pub fn can(&self) -> bool {
        self.group.is_some() || Path::new("/proc/self/stat").exists()
    }

    /// Its processes, parents before what they started.
    pub fn members(&self) -> Vec<Process> {
        match &self.group {
            Some(group) => group.members().into_iter().filter_map(Process::now).collect(),
            None => {
                let own = walls(self.root).unwrap_or_default();
                below(&all(), self.root, &|pid| stands_behind_more(pid, &own))
            }
        }
    }

    /// Stops them all. They stay stopped until [`FreezableProcesses::release`], also where this fails.
    ///
    /// # Errors
    /// What would not stop, in words.
    pub fn stop(&mut self) -> Result<(), String> {
        let watch = Stopwatch::start();
        let refused = |e: std::io::Error| format!("its control group was not frozen: {e}");
        if let Some(group) = &self.group {
            group.freeze().map_err(refused)?;
        }
        let mut before = None;
        loop {
            let members = self.members();
            let done = match &self.group {
                Some(group) => group.is_frozen(),
                None => {
                    let now = threads(&members);
                    let done = self.send_stop(&members, &now) == 0 && before.as_ref() == Some(&now);
                    (self.seen, before) = (now.clone(), Some(now));
                    done
                }
            };
            if done {
                return Ok(());
            }
            if watch.elapsed() >= PATIENCE {
                return Err(format!("{} of its processes would not stop", members.len()));
            }
            clock::wait(LOOK);
        }
    }

    /// Sends SIGSTOP to those that could run. One that stopped by itself is not among those that are let go on. One in the middle of a
    /// call that nothing interrupts (it waits for a disk, or for a child that has its memory) stops behind it: it is told once. Returns to
    /// how many it was sent.
    fn send_stop(&mut self, members: &[Process], threads: &Threads) -> usize {
        let states =
            |pid: i32| threads.range((pid, i32::MIN)..=(pid, i32::MAX)).map(|(_, (state, _))| *state);
        let mut sent = 0;
        for process in members {
            let told = self.stopped.contains(process);
            let runs = states(process.pid).any(|state| !"TtZXD".contains(state) || state == 'D' && !told);
            if runs && process.signal(Signal::STOP) {
                sent += 1;
                if !told {
                    self.stopped.push(*process);
                }
            }
        }
        sent
    }

    /// Whether one of them has run since they were stopped: which, in words. They are stopped again.
    pub fn moved(&mut self) -> Option<String> {
        if let Some(group) = &self.group {
            if group.is_frozen() {
                return None;
            }
            return Some(match self.stop() {
                Ok(()) => "its control group was let go on".to_owned(),
                Err(why) => why,
            });
        }
        let why = moved(&self.seen, &threads(&self.members()))?;
        Some(match self.stop() {
            Ok(()) => why,
            Err(other) => format!("{why}; {other}"),
        })
    }

    /// Lets those go on that were stopped: what was started first goes on last, so that nobody is told that its child had stopped.
    pub fn release(&mut self) {
        if let Some(group) = &self.group {
            let _ = group.thaw();
        }
        for process in std::mem::take(&mut self.stopped).into_iter().rev() {
            process.signal(Signal::CONT);
        }
    }
}

impl Drop for FreezableProcesses {
    fn drop(&mut self) {
        self.release();
    }
}

/// What has run between two looks.
fn moved(before: &Threads, now: &Threads) -> Option<String> {
    let ran = now.iter().find(|(id, thread)| before.get(id) != Some(thread));
    let gone = before.iter().find(|(id, (state, _))| !"ZX".contains(*state) && !now.contains_key(id));
    let ((pid, _), _) = ran.or(gone)?;
    Some(format!("its process {pid} ran though it was stopped"))
}

/// What stands behind walls that `root` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ProcessWalls {
    /// No new privileges: whoever passes piton's walls has lost them, for good.
    none_new: bool,
    /// Filters on its system calls; they only grow.
    filters: u32,
}

impl ProcessWalls {
    fn beyond(self, other: &Self) -> bool {
        self.none_new && (!other.none_new || self.filters > other.filters)
    }
}

/// Whether a process stands behind walls that this one does not; of one that is gone nothing better is known.
pub fn is_walled(pid: i32) -> bool {
    stands_behind_more(pid, &walls(std::process::id().cast_signed()).unwrap_or_default())
}

fn stands_behind_more(pid: i32, own: &ProcessWalls) -> bool {
    let program =
        |pid: &str| fs::metadata(format!("/proc/{pid}/exe")).ok().map(|meta| (meta.dev(), meta.ino()));
    // Where piton itself stands behind such walls and gives none of its own, what it started outside is known by its program.
    let another = || own.none_new && program(&pid.to_string()) != program("self");
    walls(pid).is_none_or(|walls| walls.beyond(own) || another())
}

fn walls(pid: i32) -> Option<ProcessWalls> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().parse::<u32>().ok()
    };
    Some(ProcessWalls {
        none_new: number("NoNewPrivs") == Some(1),
        filters: number("Seccomp_filters").unwrap_or(0),
    })
}

/// Processes below `root` for which `wanted` holds, parents first. What is below one for which it does not hold is left out too, but for
/// the root: that is a command of piton's, with jobs of its own.
fn below(all: &BTreeMap<i32, ProcessStat>, root: i32, wanted: &dyn Fn(i32) -> bool) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, stat) in all {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let (mut found, mut known, mut next) = (vec![], BTreeSet::from([root]), vec![root]);
    while !next.is_empty() {
        let of = |pid: &i32| children.get(pid).cloned().unwrap_or_default();
        next = next.iter().flat_map(of).filter(|pid| known.insert(*pid) && wanted(*pid)).collect();
        found.extend(next.iter().filter_map(|pid| Some(Process { pid: *pid, start: all.get(pid)?.start })));
    }
    found
}

fn all() -> BTreeMap<i32, ProcessStat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(&format!("/proc/{pid}/stat"))?))).collect()
}

fn stat(path: &str) -> Option<ProcessStat> {
    parse(&fs::read_to_string(path).ok()?)
}

fn parse(text: &str) -> Option<ProcessStat> {
    // The name in brackets may hold anything; the state stands first after it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(ProcessStat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Each thread: the first of a process may have ended while others go on.
fn threads(processes: &[Process]) -> Threads {
    let mut all = Threads::new();
    for process in processes {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.pid)).into_iter().flatten().flatten();
        for task in tasks {
            let Some(tid) = task.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let Some(stat) = parse(&read("stat")) else { continue };
            let mut ran = read("schedstat");
            if ran.is_empty() {
                let status = read("status");
                ran = status.lines().filter(|line| line.contains("ctxt_switches")).collect();
            }
            all.insert((process.pid, tid), (stat.state, ran));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_by_its_number_and_its_start_whatever_its_name() {
        let rest = "T 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 100";
        let stat = parse(&format!("42 (a) R 1 (b)) {rest}")).unwrap();
        assert_eq!(stat, ProcessStat { state: 'T', parent: 7, start: 4711 });
        assert_eq!(parse("42 (a"), None);
    }

    #[test]
    fn what_a_command_of_pitons_started_is_not_the_agents() {
        let one = |parent| ProcessStat { state: 'S', parent, start: 1 };
        // 2 the agent, 3 its child, 4 a daemon that it left, 5 a command of piton's, 6 its job, which is walled too.
        let all = BTreeMap::from([
            (1, one(0)),
            (2, one(1)),
            (3, one(2)),
            (4, one(1)),
            (5, one(1)),
            (6, one(5)),
            (7, one(0)),
        ]);
        let found = below(&all, 1, &|pid| pid != 5);
        assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [2, 4, 3]);
    }

    #[test]
    fn a_thread_that_ran_one_that_is_new_and_one_that_is_gone_are_seen() {
        let at =
            |ran: &str| Threads::from([((1, 1), ('T', ran.to_owned())), ((2, 2), ('Z', "9".to_owned()))]);
        assert_eq!(moved(&at("5"), &at("5")), None);
        assert!(moved(&at("5"), &at("6")).unwrap().contains("process 1"));
        let mut more = at("5");
        more.insert((1, 3), ('T', "0".to_owned()));
        assert!(moved(&at("5"), &more).is_some() && moved(&more, &at("5")).is_some());
        let mut without = at("5");
        without.remove(&(2, 2));
        assert_eq!(moved(&at("5"), &without), None, "a zombie that is waited for ran nothing");
    }

    #[test]
    fn walls_are_those_that_a_guard_does_not_stand_behind_itself() {
        let walls = |none_new, filters| ProcessWalls { none_new, filters };
        assert!(walls(true, 1).beyond(&walls(false, 0)) && walls(true, 3).beyond(&walls(true, 2)));
        assert!(!walls(false, 0).beyond(&walls(false, 0)) && !walls(true, 2).beyond(&walls(true, 2)));
    }
}
