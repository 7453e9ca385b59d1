//! Attacks on what the kernel keeps and counts: copies of files, by which a process could leave word for the next one, figures that tell
//! what others did, and bytes that stand in no process's account.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use super::{Attack, Ground, WORKER, attack};
use crate::raw::{Arg, call};

const PAGE: i64 = 4096;
/// A library's directory on every system.
const LIBRARIES: &str = "/usr/lib";

pub(super) const ATTACKS: &[Attack] = &[
    attack("have the kernel forget a file", WORKER, |ground| {
        let dont_need = libc::POSIX_FADV_DONTNEED.into();
        on_page(ground, libc::SYS_fadvise64, [Arg::Int(0), Arg::Int(0), Arg::Int(dont_need)])
    }),
    attack("have a file read ahead", WORKER, |ground| {
        on_page(ground, libc::SYS_readahead, [Arg::Int(0), Arg::Int(PAGE), Arg::Int(0)])
    }),
    attack("have a range of a file written back", WORKER, |ground| {
        on_page(ground, libc::SYS_sync_file_range, [Arg::Int(0), Arg::Int(PAGE), Arg::Int(0)])
    }),
    attack("ask what the kernel keeps of a file", WORKER, |ground| {
        let map = mapped(ground, 0)?;
        call(libc::SYS_mincore, [Arg::Int(map), Arg::Int(PAGE), Arg::Out(&mut [0; 8])]).map(|_| ())
    }),
    attack("ask for the counts of what is kept", WORKER, |ground| {
        const CACHESTAT: libc::c_long = 451;
        let range = [0, PAGE.cast_unsigned()].map(u64::to_ne_bytes).concat();
        on_page(ground, CACHESTAT, [Arg::In(&range), Arg::Out(&mut [0; 64]), Arg::Int(0)])
    }),
    attack("read what is kept and no more", WORKER, |ground| {
        const NOWAIT: i64 = 8;
        let file = page(ground)?;
        let mut bytes = [0u8; 4];
        let part = [bytes.as_mut_ptr() as u64, 4].map(u64::to_ne_bytes).concat();
        let args = [
            Arg::Int(file.as_raw_fd().into()),
            Arg::In(&part),
            Arg::Int(1),
            Arg::Int(0),
            Arg::Int(0),
            Arg::Int(NOWAIT),
        ];
        let read = call(libc::SYS_preadv2, args).map(|_| ());
        std::hint::black_box(&mut bytes);
        read
    }),
    attack("read past what is kept", WORKER, |ground| {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECT)
            .open(ground.dir.join("shown/page"))
            .map(|_| ())
    }),
    attack("look for what is kept by its holes", WORKER, |ground| {
        on_page(ground, libc::SYS_lseek, [Arg::Int(0), Arg::Int(libc::SEEK_DATA.into()), Arg::Int(0)])
    }),
    attack("page a file out", WORKER, |ground| advise(ground, 21)),
    attack("have a file cool", WORKER, |ground| advise(ground, 20)),
    attack("have a file's pages brought in", WORKER, |ground| advise(ground, 22)),
    attack("have equal memory merged", WORKER, |_| {
        let own = anonymous(libc::MAP_PRIVATE, PAGE)?;
        call(libc::SYS_madvise, [Arg::Int(own), Arg::Int(PAGE), Arg::Int(12)]).map(|_| ())
    }),
    attack("bring a file in while mapping it", WORKER, |ground| {
        mapped(ground, libc::MAP_POPULATE).map(|_| ())
    }),
    attack("lock memory", WORKER, |_| {
        let own = anonymous(libc::MAP_PRIVATE, PAGE)?;
        call(libc::SYS_mlock, [Arg::Int(own), Arg::Int(PAGE)]).map(|_| ())
    }),
    attack("map locked memory", WORKER, |_| {
        anonymous(libc::MAP_PRIVATE | libc::MAP_LOCKED, PAGE).map(|_| ())
    }),
    attack("hold bytes in a pipe", WORKER, |_| io::pipe().map(|_| ())),
    attack("hold more bytes in a pipe that it has", WORKER, |_| {
        call(libc::SYS_fcntl, [Arg::Int(1), Arg::Int(libc::F_SETPIPE_SZ.into()), Arg::Int(1 << 17)])
            .map(|_| ())
    }),
    attack("hold bytes in a file without a name", WORKER, |_| {
        call(libc::SYS_memfd_create, [Arg::In(b"bytes\0"), Arg::Int(0)]).map(|_| ())
    }),
    attack("hold bytes in memory shared with nobody", WORKER, |_| {
        anonymous(libc::MAP_SHARED, PAGE).map(|_| ())
    }),
    attack("hold a counter in the kernel", WORKER, |_| {
        call(libc::SYS_eventfd2, [Arg::Int(0), Arg::Int(0)]).map(|_| ())
    }),
    attack("hold a list of descriptors in the kernel", WORKER, |_| {
        call(libc::SYS_epoll_create1, [Arg::Int(0)]).map(|_| ())
    }),
    attack("ask what the machine has free", WORKER, |_| {
        call(libc::SYS_sysinfo, [Arg::Out(&mut [0; 128])]).map(|_| ())
    }),
    attack("ask what a disk has free", WORKER, |ground| {
        on_page(ground, libc::SYS_fstatfs, [Arg::Out(&mut [0; 128]), Arg::Int(0), Arg::Int(0)])
    }),
    attack("count its page faults", WORKER, |_| {
        call(libc::SYS_getrusage, [Arg::Int(0), Arg::Out(&mut [0; 256])]).map(|_| ())
    }),
    attack("ask for the ticks since the start", WORKER, |_| {
        call(libc::SYS_times, [Arg::Out(&mut [0; 64])]).map(|_| ())
    }),
    attack("ask when a file was made", WORKER, |ground| {
        let (path, all) =
            ([ground.dir.join("shown/page").as_os_str().as_encoded_bytes(), &[0]].concat(), 0xfff);
        let here = libc::AT_FDCWD.into();
        let args = [Arg::Int(here), Arg::In(&path), Arg::Int(0), Arg::Int(all), Arg::Out(&mut [0; 256])];
        call(libc::SYS_statx, args).map(|_| ())
    }),
    attack("read the clock of the parent", WORKER, |ground| {
        // The number of the clock of a process's time on the processor.
        let clock = (!ground.pid() << 3) | 2;
        call(libc::SYS_clock_gettime, [Arg::Int(clock), Arg::Out(&mut [0; 16])]).map(|_| ())
    }),
    attack("ask for the cores of the parent", WORKER, |ground| {
        call(libc::SYS_sched_getaffinity, [Arg::Int(ground.pid()), Arg::Int(128), Arg::Out(&mut [0; 128])])
            .map(|_| ())
    }),
    attack("ask for the group of the parent", WORKER, |ground| {
        call(libc::SYS_getpgid, [Arg::Int(ground.pid())]).map(|_| ())
    }),
    attack("read the processor's clock rates", WORKER, |_| fs::read("/proc/cpuinfo").map(|_| ())),
    attack("read the machine's counters", WORKER, |_| {
        fs::read("/proc/stat").or_else(|_| fs::read("/proc/self/stat")).map(|_| ())
    }),
    attack("list the libraries of the system", WORKER, |_| fs::read_dir(LIBRARIES).map(|_| ())),
    attack("read a file below the libraries of the system", WORKER, |_| {
        fs::read("/usr/lib/os-release").or_else(|_| fs::read("/etc/os-release")).map(|_| ())
    }),
];

fn page(ground: &Ground) -> io::Result<File> {
    File::open(ground.dir.join("shown/page"))
}

/// A call on the page that is shown.
fn on_page(ground: &Ground, number: libc::c_long, [a, b, c]: [Arg; 3]) -> io::Result<()> {
    let file = page(ground)?;
    call(number, [Arg::Int(file.as_raw_fd().into()), a, b, c]).map(|_| ())
}

/// Where the page that is shown is mapped.
fn mapped(ground: &Ground, flags: i32) -> io::Result<i64> {
    let file = page(ground)?;
    map(libc::MAP_SHARED | flags, file.as_raw_fd().into(), PAGE)
}

fn anonymous(flags: i32, length: i64) -> io::Result<i64> {
    map(flags | libc::MAP_ANONYMOUS, -1, length)
}

fn map(flags: i32, fd: i64, length: i64) -> io::Result<i64> {
    let read = libc::PROT_READ.into();
    let args =
        [Arg::Int(0), Arg::Int(length), Arg::Int(read), Arg::Int(flags.into()), Arg::Int(fd), Arg::Int(0)];
    call(libc::SYS_mmap, args)
}

fn advise(ground: &Ground, advice: i64) -> io::Result<()> {
    let map = mapped(ground, 0)?;
    call(libc::SYS_madvise, [Arg::Int(map), Arg::Int(PAGE), Arg::Int(advice)]).map(|_| ())
}
