//! The only unsafe code: calls that no safe library offers.

#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_long};
use std::io;
use std::ptr;
use std::time::Duration;

/// Numbers that only this process knows: a worker's one `execve` carries them where the kernel does not look.
pub(crate) type Secret = [u64; 3];

/// An argument of a system call.
pub(crate) enum Arg<'a> {
    /// A number.
    Int(i64),
    /// Bytes that the kernel reads. A path ends with NUL.
    In(&'a [u8]),
    /// Bytes that the kernel writes.
    Out(&'a mut [u8]),
}

/// Calls the kernel by number.
///
/// For calls that touch no memory but the buffers given, which the caller makes as long as the call needs.
pub(crate) fn call<const N: usize>(number: c_long, args: [Arg; N]) -> io::Result<i64> {
    let mut words = [0 as c_long; 6];
    for (word, arg) in words.iter_mut().zip(args) {
        *word = match arg {
            Arg::Int(n) => n,
            Arg::In(bytes) => bytes.as_ptr() as c_long,
            Arg::Out(bytes) => bytes.as_mut_ptr() as c_long,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: every pointer is one to a live buffer; the callers in this crate are a fixed list.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// Landlock's ABI; 0 where there is none.
pub(crate) fn landlock_abi() -> u32 {
    const VERSION: i64 = 1;
    let abi = call(libc::SYS_landlock_create_ruleset, [Arg::Int(0), Arg::Int(0), Arg::Int(VERSION)]);
    abi.ok().and_then(|abi| u32::try_from(abi).ok()).unwrap_or(0)
}

/// Whether seccomp filters can kill a process on this kernel.
pub(crate) fn can_kill_by_filter() -> bool {
    let action = libc::SECCOMP_RET_KILL_PROCESS.to_ne_bytes();
    let asked = [Arg::Int(libc::SECCOMP_GET_ACTION_AVAIL.into()), Arg::Int(0), Arg::In(&action)];
    call(libc::SYS_seccomp, asked).is_ok()
}

/// From now on, no descriptor from `first` on survives an exec.
pub(crate) fn close_on_exec_from(first: i64) -> io::Result<()> {
    let all = [Arg::Int(first), Arg::Int(u32::MAX.into()), Arg::Int(libc::CLOSE_RANGE_CLOEXEC.into())];
    match call(libc::SYS_close_range, all) {
        Ok(_) => Ok(()),
        // Before Linux 5.11: one by one.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => {
            for entry in std::fs::read_dir("/proc/self/fd")?.flatten() {
                let number = entry.file_name().to_string_lossy().parse::<i32>().unwrap_or(0);
                if i64::from(number) >= first {
                    // SAFETY: changes a flag; a number that is no descriptor any more is refused.
                    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
                }
            }
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// Whether a descriptor is a terminal.
pub(crate) fn is_terminal(number: i32) -> bool {
    // SAFETY: only asks about a descriptor.
    unsafe { libc::isatty(number) == 1 }
}

/// Becomes a program. The secret stands in arguments that `execve` does not have: the kernel overlooks them,
/// a filter sees them, and the program finds no trace of them.
pub(crate) fn become_program(path: &CString, args: &[CString], env: &[CString], secret: Secret) -> io::Error {
    let list = |words: &[CString]| -> Vec<*const c_char> {
        words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
    };
    let (args, env) = (list(args), list(env));
    // SAFETY: resets what Rust's runtime changed and a program does not expect: SIGPIPE is told, nothing is blocked.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    let [a, b, c] = secret.map(u64::cast_signed);
    // SAFETY: a path and two lists that end with null, alive until the call fails; where it succeeds, nothing is left.
    unsafe { libc::syscall(libc::SYS_execve, path.as_ptr(), args.as_ptr(), env.as_ptr(), a, b, c) };
    io::Error::last_os_error()
}

/// Makes a child that ends at once, by `fork`, `clone` with flags, or `clone3` with flags, and waits for it.
pub(crate) fn child(number: c_long, flags: i64) -> io::Result<()> {
    // A clone_args: flags first, the signal at its end in the fifth word.
    let mut words = [0u64; 11];
    (words[0], words[4]) = (flags.cast_unsigned(), libc::SIGCHLD as u64);
    // SAFETY: without CLONE_VM the child has a copy of this process, and ends before it does anything with it.
    let pid = unsafe {
        match number {
            libc::SYS_clone3 => libc::syscall(number, words.as_ptr(), size_of_val(&words)),
            _ => libc::syscall(number, flags, 0, 0, 0, 0),
        }
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: ends this process.
        0 => unsafe { libc::_exit(0) },
        pid => {
            // SAFETY: waits for a process by number, and wants no status.
            unsafe { libc::waitpid(pid as libc::pid_t, ptr::null_mut(), 0) };
            Ok(())
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

/// What a process cost, with its children that it waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Time on processors.
    pub time: Duration,
    /// The most memory that one of them held, in bytes.
    pub peak_bytes: u64,
}

fn cost(usage: &libc::rusage) -> Cost {
    let time = |at: libc::timeval| {
        Duration::from_secs(u64::try_from(at.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(at.tv_usec).unwrap_or(0))
    };
    // In kibibytes.
    let peak_bytes = u64::try_from(usage.ru_maxrss).unwrap_or(0) << 10;
    Cost { time: time(usage.ru_utime) + time(usage.ru_stime), peak_bytes }
}

/// Makes a copy of this process, which must have one thread. `None` in the copy.
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the helper has one thread, so that its copy is whole and may do what it itself may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// Waits for any child that ends, for as long as it takes or not at all. `None` where children are there and none has ended.
pub(crate) fn wait(patiently: bool) -> io::Result<Option<(i32, Ended, Cost)>> {
    let flags = if patiently { 0 } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // SAFETY: numbers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: writes one integer and one structure, both alive.
        match unsafe { libc::wait4(-1, &raw mut status, flags | libc::__WALL, &raw mut usage) } {
            -1 => match io::Error::last_os_error() {
                why if why.kind() == io::ErrorKind::Interrupted => {}
                why => return Err(why),
            },
            0 => return Ok(None),
            pid if libc::WIFEXITED(status) => {
                return Ok(Some((pid, Ended::Exited(libc::WEXITSTATUS(status)), cost(&usage))));
            }
            pid => return Ok(Some((pid, Ended::Signalled(libc::WTERMSIG(status)), cost(&usage)))),
        }
    }
}

/// Time on processors that this process itself has had.
pub(crate) fn own_time() -> Duration {
    // SAFETY: numbers, for which zero is a value; the call writes one structure, which is alive.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        cost(&usage).time
    }
}

/// Ends this process by a signal, as its child was ended.
pub(crate) fn end_by(signal: i32) -> ! {
    // SAFETY: nothing of this process runs any more; a signal that does not end it is followed by an exit.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}

/// What `probe` says in a child of this process, which ends with its answer.
pub(crate) fn in_a_child(probe: impl FnOnce() -> bool) -> bool {
    // SAFETY: the helper has one thread, so that its copy is whole and may do what it itself may.
    match unsafe { libc::fork() } {
        -1 => false,
        // SAFETY: ends the child without a return into what its parent is doing.
        0 => unsafe { libc::_exit(i32::from(!probe())) },
        pid => {
            let mut status = -1;
            // SAFETY: waits for a child by number, and writes one integer.
            unsafe { libc::waitpid(pid, &raw mut status, 0) == pid && status == 0 }
        }
    }
}

/// Becomes another program as anyone would, without the secret.
pub(crate) fn execute(path: &str) -> io::Result<()> {
    let path = CString::new(path)?;
    Err(become_program(&path, std::slice::from_ref(&path), &[], [0; 3]))
}

/// Asks for its process id by the door that 32-bit programs use.
#[cfg(target_arch = "x86_64")]
pub(crate) fn through_the_old_door() -> io::Result<()> {
    const GETPID: i32 = 20;
    let answer: i32;
    // SAFETY: a call without arguments; it changes nothing but the registers named.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") GETPID => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    if answer > 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-answer)) }
}
