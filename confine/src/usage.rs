//! What a process has used, asked from outside.

use std::io;
use std::time::Duration;

use rustix::process::Pid;

use crate::raw::{Arg, call};

/// Time on a processor that all threads of a process have had, those that ended included, since it began; also of one that has ended
/// and was not waited for yet.
///
/// # Errors
/// Where there is no such process.
pub fn processor_time(process: Pid) -> io::Result<Duration> {
    // Of a number below zero, the kernel reads which process and which of its clocks is meant: 2, the scheduler's, exact.
    let clock = (!i64::from(process.as_raw_nonzero().get()) << 3) | 2;
    let mut time = [0; 16];
    call(libc::SYS_clock_gettime, [Arg::Int(clock), Arg::Out(&mut time)])?;
    let word = |at: usize| u64::from_ne_bytes(time[at..at + 8].try_into().expect("eight bytes"));
    Ok(Duration::new(word(0), u32::try_from(word(8)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_process_is_known_after_its_end_and_not_after_it_was_waited_for() {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", "while read -r _; do :; done"]).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let before = processor_time(pid).unwrap();
        drop(child.stdin.take());
        let ended = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), ended).unwrap();
        let after = processor_time(pid).unwrap();
        assert!(after >= before && after > Duration::ZERO, "{before:?} {after:?}");
        child.wait().unwrap();
        assert!(processor_time(pid).is_err());
    }
}
