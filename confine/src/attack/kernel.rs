//! Attacks by way of the kernel: sockets, mounts, the clock, keys, shared memory, and other doors.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::{ALL, Attack, FILTERED, Ground, WORKER, abstract_address, attack};
use crate::calls::lists;
use crate::raw::{Arg, call};

/// Adjusts nothing but the frequency, in a `struct timex`.
const ADJ_FREQUENCY: u32 = 2;

pub(super) const ATTACKS: &[Attack] = &[
    attack("listen on TCP", FILTERED, |_| TcpListener::bind("127.0.0.1:0").map(|_| ())),
    attack("listen on TCP by IPv6", FILTERED, |_| TcpListener::bind("[::1]:0").map(|_| ())),
    attack("open a UDP socket", FILTERED, |_| UdpSocket::bind("127.0.0.1:0").map(|_| ())),
    attack("connect to a socket by its path", FILTERED, |ground| {
        UnixStream::connect(ground.dir.join("outside/socket")).map(|_| ())
    }),
    attack("connect to an abstract socket", ALL, |ground| {
        UnixStream::connect_addr(&abstract_address(&ground.dir)?).map(|_| ())
    }),
    attack("open a netlink socket", FILTERED, |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    attack("open a packet socket", FILTERED, |_| socket(libc::AF_PACKET, libc::SOCK_RAW)),
    attack("open a socket to the hypervisor", FILTERED, |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    attack("open a socket to the kernel's ciphers", FILTERED, |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    attack("make a pair of sockets", WORKER, |_| UnixStream::pair().map(|_| ())),
    attack("mount a file system", ALL, |ground| {
        let path = terminated(ground);
        let args = [Arg::In(b"none\0"), Arg::In(&path), Arg::In(b"tmpfs\0"), Arg::Int(0), Arg::Int(0)];
        call(libc::SYS_mount, args)?;
        // Where nothing held it, it is taken back.
        call(libc::SYS_umount2, [Arg::In(&path), Arg::Int(0)]).map(|_| ())
    }),
    attack("begin a mount the new way", FILTERED, |_| {
        call(libc::SYS_fsopen, [Arg::In(b"tmpfs\0"), Arg::Int(0)]).map(|_| ())
    }),
    attack("copy a mount", FILTERED, |_| {
        const CLONE: i64 = 1;
        call(libc::SYS_open_tree, [Arg::Int(libc::AT_FDCWD.into()), Arg::In(b"/\0"), Arg::Int(CLONE)])
            .map(|_| ())
    }),
    attack("change its root", FILTERED, |_| call(libc::SYS_chroot, [Arg::In(b"/\0")]).map(|_| ())),
    attack("make a user namespace", FILTERED, |_| unshare(libc::CLONE_NEWUSER)),
    attack("make a mount namespace", FILTERED, |_| unshare(libc::CLONE_NEWNS)),
    attack("make a network namespace", FILTERED, |_| unshare(libc::CLONE_NEWNET)),
    attack("enter the parent's namespace", FILTERED, |_| {
        let own = std::fs::File::open("/proc/self/ns/uts")?;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&own).into();
        call(libc::SYS_setns, [Arg::Int(fd), Arg::Int(0)]).map(|_| ())
    }),
    attack("adjust the clock", FILTERED, |_| {
        call(libc::SYS_adjtimex, [Arg::Out(&mut frequency()?)]).map(|_| ())
    }),
    attack("adjust a clock by its number", FILTERED, |_| {
        call(libc::SYS_clock_adjtime, [Arg::Int(0), Arg::Out(&mut frequency()?)]).map(|_| ())
    }),
    attack("set the clock", FILTERED, |_| {
        let mut now = [0; 16];
        call(libc::SYS_clock_gettime, [Arg::Int(0), Arg::Out(&mut now)])?;
        call(libc::SYS_clock_settime, [Arg::Int(0), Arg::In(&now)]).map(|_| ())
    }),
    attack("set the time of day", FILTERED, |_| {
        let mut now = [0; 16];
        call(libc::SYS_gettimeofday, [Arg::Out(&mut now), Arg::Int(0)])?;
        call(libc::SYS_settimeofday, [Arg::In(&now), Arg::Int(0)]).map(|_| ())
    }),
    attack("keep a key", FILTERED, |_| {
        const PROCESS: i64 = -2;
        let args = [Arg::In(b"user\0"), Arg::In(b"forged\0"), Arg::In(b"1"), Arg::Int(1), Arg::Int(PROCESS)];
        call(libc::SYS_add_key, args).map(|_| ())
    }),
    attack("look for keys", FILTERED, |_| {
        let (get_keyring, session) = (0, -3);
        call(libc::SYS_keyctl, [Arg::Int(get_keyring), Arg::Int(session), Arg::Int(0)]).map(|_| ())
    }),
    attack("load a program into the kernel", FILTERED, |_| {
        // BPF_MAP_CREATE of an array with one element of eight bytes.
        let mut map = [0; 128];
        for (at, word) in [(0, 2u32), (4, 4), (8, 8), (12, 1)] {
            map[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        call(libc::SYS_bpf, [Arg::Int(0), Arg::In(&map), Arg::Int(128)]).map(|_| ())
    }),
    attack("count events", FILTERED, |_| {
        // A software event: the time of this task, user mode only.
        let mut event = [0; 128];
        for (at, word) in [(0, 1u32), (4, 128), (8, 1), (40, 0b110_0000)] {
            event[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        let args = [Arg::In(&event), Arg::Int(0), Arg::Int(-1), Arg::Int(-1), Arg::Int(0)];
        call(libc::SYS_perf_event_open, args).map(|_| ())
    }),
    attack("ring the kernel past the filters", ALL, |_| {
        call(libc::SYS_io_uring_setup, [Arg::Int(1), Arg::Out(&mut [0; 120])]).map(|_| ())
    }),
    attack("handle its own page faults", FILTERED, |_| {
        const USER_MODE_ONLY: i64 = 1;
        call(libc::SYS_userfaultfd, [Arg::Int(USER_MODE_ONLY)]).map(|_| ())
    }),
    attack("share memory", FILTERED, |_| {
        let made = call(libc::SYS_shmget, [Arg::Int(0), Arg::Int(4096), Arg::Int(0o600)])?;
        call(libc::SYS_shmctl, [Arg::Int(made), Arg::Int(libc::IPC_RMID.into()), Arg::Int(0)]).map(|_| ())
    }),
    attack("leave a message", FILTERED, |_| {
        let made = call(libc::SYS_msgget, [Arg::Int(0), Arg::Int(0o600)])?;
        call(libc::SYS_msgctl, [Arg::Int(made), Arg::Int(libc::IPC_RMID.into()), Arg::Int(0)]).map(|_| ())
    }),
    attack("leave a semaphore", FILTERED, |_| {
        let made = call(libc::SYS_semget, [Arg::Int(0), Arg::Int(1), Arg::Int(0o600)])?;
        let remove = [Arg::Int(made), Arg::Int(0), Arg::Int(libc::IPC_RMID.into())];
        call(libc::SYS_semctl, remove).map(|_| ())
    }),
    attack("leave a message by name", FILTERED, |_| {
        let flags = libc::O_CREAT | libc::O_RDWR;
        call(libc::SYS_mq_open, [Arg::In(b"piton\0"), Arg::Int(flags.into()), Arg::Int(0o600), Arg::Int(0)])?;
        call(libc::SYS_mq_unlink, [Arg::In(b"piton\0")]).map(|_| ())
    }),
    attack("type into the terminal", ALL, |_| {
        call(libc::SYS_ioctl, [Arg::Int(0), Arg::Int(lists::TIOCSTI.cast_signed()), Arg::In(b"\n")])
            .map(|_| ())
    }),
    attack("command a device", WORKER, |_| {
        let (request, off) = (lists::FIOASYNC.cast_signed(), 0i32.to_ne_bytes());
        call(libc::SYS_ioctl, [Arg::Int(1), Arg::Int(request), Arg::In(&off)]).map(|_| ())
    }),
    attack("load a module", FILTERED, |_| {
        // Nothing is loaded: a name that no module has, to be removed.
        match call(libc::SYS_delete_module, [Arg::In(b"piton_none\0"), Arg::Int(0)]) {
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other.map(|_| ()),
        }
    }),
    attack("restart the machine", FILTERED, |_| {
        // With a wrong word, which is looked at after the right to ask.
        match call(libc::SYS_reboot, [Arg::Int(0), Arg::Int(0), Arg::Int(0), Arg::Int(0)]) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            other => other.map(|_| ()),
        }
    }),
    attack("name the machine", FILTERED, |_| {
        let name = std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = name.trim_ascii_end();
        call(libc::SYS_sethostname, [Arg::In(name), Arg::Int(name.len() as i64)]).map(|_| ())
    }),
    attack("regain capabilities", ALL, |_| {
        let all = CapabilitySet::KILL | CapabilitySet::SYS_PTRACE | CapabilitySet::SYS_ADMIN;
        Ok(set_capabilities(None, CapabilitySets { effective: all, permitted: all, inheritable: all })?)
    }),
    #[cfg(target_arch = "x86_64")]
    // A kernel without these numbers says so itself: then the call has passed the filter.
    attack("call by other numbers", ALL, |_| match call(0x4000_0000 | libc::SYS_getpid, []) {
        Err(e) if e.raw_os_error() == Some(libc::ENOSYS) => Ok(()),
        other => other.map(|_| ()),
    }),
    #[cfg(target_arch = "x86_64")]
    attack("call by the old door", ALL, |_| crate::raw::through_the_old_door()),
];

fn socket(family: i32, kind: i32) -> io::Result<()> {
    call(libc::SYS_socket, [Arg::Int(family.into()), Arg::Int(kind.into()), Arg::Int(0)]).map(|_| ())
}

fn unshare(flags: i32) -> io::Result<()> {
    call(libc::SYS_unshare, [Arg::Int(flags.into())]).map(|_| ())
}

/// A `struct timex` that sets the frequency to what it is.
fn frequency() -> io::Result<[u8; 256]> {
    let mut timex = [0; 256];
    // Reads where no mode is set.
    call(libc::SYS_adjtimex, [Arg::Out(&mut timex)])?;
    timex[..4].copy_from_slice(&ADJ_FREQUENCY.to_ne_bytes());
    Ok(timex)
}

fn terminated(ground: &Ground) -> Vec<u8> {
    [ground.dir.join("inside").as_os_str().as_encoded_bytes(), &[0]].concat()
}
