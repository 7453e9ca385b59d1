//! Attacks on other processes, and new ones.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Command;

use super::{ALL, Attack, FILTERED, Ground, STILL, WORKER, attack};
use crate::raw::{self, Arg, call};

/// Signal 0: asks whether a signal would arrive.
const NOTHING: i64 = 0;

pub(super) const ATTACKS: &[Attack] = &[
    attack("read the parent's memory", ALL, |ground| {
        fs::File::open(ground.proc("mem"))?.read_exact_at(&mut [0; 8], ground.address)
    }),
    attack("open the parent's memory to write", ALL, |ground| {
        fs::OpenOptions::new().write(true).open(ground.proc("mem")).map(|_| ())
    }),
    attack("read the parent's environment", ALL, |ground| fs::read(ground.proc("environ")).map(|_| ())),
    attack("read the parent's memory map", ALL, |ground| fs::read(ground.proc("maps")).map(|_| ())),
    attack("read the parent's command line", WORKER, |ground| fs::read(ground.proc("cmdline")).map(|_| ())),
    attack("open a file of the parent", ALL, |ground| fs::File::open(ground.proc("fd/0")).map(|_| ())),
    attack("enter the parent's root", ALL, |ground| {
        fs::File::open(ground.proc("root").join("proc/version")).map(|_| ())
    }),
    attack("process_vm_readv", ALL, |ground| vm(ground, libc::SYS_process_vm_readv)),
    attack("process_vm_writev", ALL, |ground| vm(ground, libc::SYS_process_vm_writev)),
    attack("trace the parent", ALL, |ground| {
        const SEIZE: i64 = 0x4206;
        call(libc::SYS_ptrace, [Arg::Int(SEIZE), Arg::Int(ground.pid()), Arg::Int(0), Arg::Int(0)])
            .map(|_| ())
    }),
    attack("take a descriptor of the parent", ALL, |ground| {
        let parent = pidfd(ground)?;
        call(libc::SYS_pidfd_getfd, [Arg::Int(parent), Arg::Int(0), Arg::Int(0)]).map(|_| ())
    }),
    attack("compare with the parent", FILTERED, |ground| {
        let own = i64::from(std::process::id());
        let args = [Arg::Int(own), Arg::Int(ground.pid()), Arg::Int(1), Arg::Int(0), Arg::Int(0)];
        call(libc::SYS_kcmp, args).map(|_| ())
    }),
    attack("signal the parent", ALL, |ground| {
        call(libc::SYS_kill, [Arg::Int(ground.pid()), Arg::Int(NOTHING)]).map(|_| ())
    }),
    attack("signal a thread of the parent", ALL, |ground| {
        call(libc::SYS_tgkill, [Arg::Int(ground.pid()), Arg::Int(ground.pid()), Arg::Int(NOTHING)])
            .map(|_| ())
    }),
    attack("queue a signal", ALL, |ground| {
        // A siginfo whose code is -1, SI_QUEUE.
        let mut info = [0; 128];
        info[8..12].copy_from_slice(&(-1i32).to_ne_bytes());
        let args = [Arg::Int(ground.pid()), Arg::Int(NOTHING), Arg::In(&info)];
        call(libc::SYS_rt_sigqueueinfo, args).map(|_| ())
    }),
    attack("signal through a pidfd", ALL, |ground| {
        let args = [Arg::Int(pidfd(ground)?), Arg::Int(NOTHING), Arg::Int(0), Arg::Int(0)];
        call(libc::SYS_pidfd_send_signal, args).map(|_| ())
    }),
    attack("have signals sent to the parent", WORKER, |ground| {
        let args = [Arg::Int(1), Arg::Int(libc::F_SETOWN.into()), Arg::Int(ground.pid())];
        call(libc::SYS_fcntl, args).map(|_| ())
    }),
    attack("set a limit of the parent", FILTERED, |ground| {
        let mut now = [0; 16];
        call(
            libc::SYS_prlimit64,
            [Arg::Int(ground.pid()), Arg::Int(NOFILE), Arg::Int(0), Arg::Out(&mut now)],
        )?;
        let args = [Arg::Int(ground.pid()), Arg::Int(NOFILE), Arg::In(&now), Arg::Int(0)];
        call(libc::SYS_prlimit64, args).map(|_| ())
    }),
    attack("set the parent's priority", FILTERED, |ground| {
        let process = i64::from(libc::PRIO_PROCESS);
        // The kernel answers with 20 less the nice value.
        let nice = 20 - call(libc::SYS_getpriority, [Arg::Int(process), Arg::Int(ground.pid())])?;
        call(libc::SYS_setpriority, [Arg::Int(process), Arg::Int(ground.pid()), Arg::Int(nice)]).map(|_| ())
    }),
    attack("set the parent's input priority", FILTERED, |ground| {
        const PROCESS: i64 = 1;
        let now = call(libc::SYS_ioprio_get, [Arg::Int(PROCESS), Arg::Int(ground.pid())])?;
        call(libc::SYS_ioprio_set, [Arg::Int(PROCESS), Arg::Int(ground.pid()), Arg::Int(now)]).map(|_| ())
    }),
    attack("set the parent's cores", FILTERED, |ground| affinity(ground.pid())),
    attack("set its own cores", STILL, |_| affinity(0)),
    attack("set its own scheduler", STILL, |_| {
        let (batch, none) = (libc::SCHED_BATCH.into(), 0i32.to_ne_bytes());
        call(libc::SYS_sched_setscheduler, [Arg::Int(0), Arg::Int(batch), Arg::In(&none)]).map(|_| ())
    }),
    attack("outlive the parent", WORKER, |_| {
        call(libc::SYS_prctl, [Arg::Int(libc::PR_SET_PDEATHSIG.into()), Arg::Int(0)]).map(|_| ())
    }),
    attack("fork", WORKER, |_| {
        #[cfg(target_arch = "x86_64")]
        return raw::child(libc::SYS_fork, 0);
        #[cfg(not(target_arch = "x86_64"))]
        raw::child(libc::SYS_clone, i64::from(libc::SIGCHLD))
    }),
    attack("fork and wait as vfork does", WORKER, |_| {
        raw::child(libc::SYS_clone, i64::from(libc::CLONE_VFORK | libc::SIGCHLD))
    }),
    attack("fork by clone3", WORKER, |_| raw::child(libc::SYS_clone3, 0)),
    attack("make a user namespace by clone3", FILTERED, |_| {
        raw::child(libc::SYS_clone3, libc::CLONE_NEWUSER.into())
    }),
    attack("make a user namespace by clone", FILTERED, |_| {
        raw::child(libc::SYS_clone, i64::from(libc::CLONE_NEWUSER | libc::SIGCHLD))
    }),
    attack("leave a daemon", WORKER, |_| {
        Command::new("/bin/sh").args(["-c", "(true &)"]).status().map(|_| ())
    }),
    attack("execute a program", WORKER, |_| raw::execute("/bin/true")),
    attack("execute itself", WORKER, |_| raw::execute("/proc/self/exe")),
    attack("execute what it holds in memory", WORKER, |_| {
        let fd = call(libc::SYS_memfd_create, [Arg::In(b"code\0"), Arg::Int(0)])?;
        let program = fs::read("/proc/self/exe").unwrap_or_default();
        fs::write(format!("/proc/self/fd/{fd}"), program)?;
        raw::execute(&format!("/proc/self/fd/{fd}"))
    }),
];

const NOFILE: i64 = libc::RLIMIT_NOFILE as i64;

fn pidfd(ground: &Ground) -> io::Result<i64> {
    call(libc::SYS_pidfd_open, [Arg::Int(ground.pid()), Arg::Int(0)])
}

/// Reads the eight bytes, or writes them as they are known to be: zero.
fn vm(ground: &Ground, number: i64) -> io::Result<()> {
    let mut bytes = [0u8; 8];
    let part = |address: u64| [address, 8].map(u64::to_ne_bytes).concat();
    let (own, theirs) = (part(bytes.as_mut_ptr() as u64), part(ground.address));
    let args =
        [Arg::Int(ground.pid()), Arg::In(&own), Arg::Int(1), Arg::In(&theirs), Arg::Int(1), Arg::Int(0)];
    let moved = call(number, args)?;
    std::hint::black_box(&mut bytes);
    if moved == 8 { Ok(()) } else { Err(io::Error::other(format!("{moved} of 8 bytes"))) }
}

/// Sets the cores of a process to those that it has.
fn affinity(pid: i64) -> io::Result<()> {
    let mut now = [0; 128];
    let length = call(libc::SYS_sched_getaffinity, [Arg::Int(pid), Arg::Int(128), Arg::Out(&mut now)])?;
    call(libc::SYS_sched_setaffinity, [Arg::Int(pid), Arg::Int(length), Arg::In(&now)]).map(|_| ())
}
