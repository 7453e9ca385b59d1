//! Which cores the worker may use, and which are left to the harness.
//!
//! Pinned to one core, ten runs of the same build spread by .6 to .9 %, also while another core is busy; left
//! free, by 2 to 3 %. The harness keeps away from the worker's cores where there are others.

use crate::outcome::{Failure, Kind};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Core numbers, as the kernel counts them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cores {
    /// The worker's.
    pub worker: Vec<usize>,
    /// The harness's while it times: the others, or the same where there are no others.
    pub harness: Vec<usize>,
    #[serde(skip)]
    all: Vec<usize>,
}

impl Cores {
    /// Gives the last `count` cores of those that this process may use to the worker.
    ///
    /// # Errors
    /// `bad_setup` where there are not so many.
    pub fn plan(count: usize) -> Result<Self, Failure> {
        let set = sched_getaffinity(None).map_err(|e| {
            Failure::new(Kind::BadSetup, format!("the cores of this process cannot be read: {e}"))
        })?;
        Self::share((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(), count)
    }

    fn share(all: Vec<usize>, count: usize) -> Result<Self, Failure> {
        if count == 0 || count > all.len() {
            let reason = format!("{count} cores were asked for, and this process may use {}", all.len());
            return Err(Failure::new(Kind::BadSetup, reason).hint("give --cores a number from 1 to that"));
        }
        let (rest, worker) = all.split_at(all.len() - count);
        let harness = if rest.is_empty() { worker } else { rest };
        Ok(Self { worker: worker.to_vec(), harness: harness.to_vec(), all: all.clone() })
    }

    /// Keeps the calling thread, and threads that it will start, away from the worker's cores.
    pub fn step_aside(&self) {
        restrict(&self.harness);
    }

    /// Computes `work(0)` to `work(count - 1)`, in one thread for every core, the worker's included.
    pub fn each<T: Send + Sync>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let results: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
        thread::scope(|scope| {
            for _ in self.all.iter().take(count) {
                scope.spawn(|| {
                    restrict(&self.all);
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(result) = results.get(i) else { break };
                        let _ = result.set(work(i));
                    }
                });
            }
        });
        results.into_iter().filter_map(OnceLock::into_inner).collect()
    }
}

/// Restricts the calling thread to `cores`. Where the kernel refuses, it stays where it is: only noise is at stake.
pub(super) fn restrict(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
        set.set(*core);
    }
    let _ = sched_setaffinity(None, &set);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_gets_the_last_cores_and_the_harness_the_others() {
        let cores = Cores::share(vec![0, 2, 5], 1).unwrap();
        assert_eq!((cores.worker, cores.harness), (vec![5], vec![0, 2]));
    }

    #[test]
    fn where_there_are_no_others_they_share() {
        let cores = Cores::share(vec![3], 1).unwrap();
        assert_eq!(cores.worker, cores.harness);
    }

    #[test]
    fn work_is_done_once_each_and_stays_in_order() {
        let cores = Cores::plan(1).unwrap();
        assert_eq!(cores.each(100, |i| i * i), (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert_eq!(cores.each(0, |i| i), Vec::<usize>::new());
    }

    #[test]
    fn cores_that_do_not_exist_are_refused() {
        assert_eq!(Cores::share(vec![0, 1], 3).unwrap_err().outcome, Kind::BadSetup);
        assert_eq!(Cores::share(vec![0, 1], 0).unwrap_err().outcome, Kind::BadSetup);
    }
}
