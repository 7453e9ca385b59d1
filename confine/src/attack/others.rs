//! Attacks on what the machine has once for everybody: shared memory, terminals, /proc, devices.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{ALL, Attack, FILTERED, Ground, attack};
use crate::raw::{Arg, call};

/// `ioctl` requests of a terminal's other side: its number, and whether it is locked.
const NUMBER: i64 = 0x8004_5430;
const LOCK: i64 = 0x4004_5431;

pub(super) const ATTACKS: &[Attack] = &[
    attack("find what another left in shared memory", FILTERED, |ground| {
        fs::read(left(&ground.dir)).map(|_| ())
    }),
    attack("alter what another left in shared memory", FILTERED, |ground| {
        OpenOptions::new().append(true).open(left(&ground.dir))?.write_all(b"forged")
    }),
    attack("write to another's terminal", ALL, |ground| {
        another(ground, OpenOptions::new().write(true))?.write_all(b"forged")
    }),
    attack("read another's terminal", ALL, |ground| {
        another(ground, OpenOptions::new().read(true)).map(|_| ())
    }),
    attack("take another's terminal for its own", ALL, |ground| {
        let taken = another(ground, OpenOptions::new().read(true).write(true))?;
        call(libc::SYS_ioctl, [Arg::Int(taken.as_raw_fd().into()), Arg::Int(TIOCSCTTY), Arg::Int(0)])
            .map(|_| ())
    }),
    attack("find another's terminal by its process", ALL, |ground| {
        let mut entries = fs::read_dir(ground.proc("fd"))?.flatten().map(|entry| entry.path());
        let terminal = entries.find(|path| fs::read_link(path).is_ok_and(|to| to.ends_with("ptmx")));
        File::open(terminal.ok_or(io::ErrorKind::NotFound)?).map(|_| ())
    }),
    attack("read the terminal that piton was started at", ALL, |_| {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
            .open("/dev/tty")
            .map(|_| ())
    }),
    attack("read a console", ALL, |_| console(OpenOptions::new().read(true))),
    attack("write to a console", ALL, |_| console(OpenOptions::new().write(true))),
    attack("change what a key types", ALL, |_| {
        // To what it is: a struct kbentry of table 0, key 0.
        const KDSKBENT: i64 = 0x4b47;
        call(libc::SYS_ioctl, [Arg::Int(0), Arg::Int(KDSKBENT), Arg::In(&[0; 4])]).map(|_| ())
    }),
    attack("have the parent ended first", ALL, |ground| again(&ground.proc("oom_score_adj"))),
    attack("have the parent leave more of itself", ALL, |ground| again(&ground.proc("coredump_filter"))),
    attack("change a setting of the kernel", ALL, |_| again(Path::new("/proc/sys/kernel/panic"))),
    attack("read the kernel's log", ALL, |_| {
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").map(|_| ())
    }),
    attack("unmount a file system", FILTERED, |ground| {
        // Of what is no mount, which is looked at after the right to ask.
        let path = [ground.dir.join("shown").as_os_str().as_encoded_bytes(), &[0]].concat();
        match call(libc::SYS_umount2, [Arg::In(&path), Arg::Int(0)]) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            other => other.map(|_| ()),
        }
    }),
    attack("exchange its root", FILTERED, |_| {
        // With a place that is no mount, likewise.
        match call(libc::SYS_pivot_root, [Arg::In(b"/proc/self\0"), Arg::In(b"/proc/self\0")]) {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::EBUSY)) => Ok(()),
            other => other.map(|_| ()),
        }
    }),
];

/// Takes a terminal as the one that it is controlled by.
const TIOCSCTTY: i64 = 0x540e;

fn another(ground: &Ground, options: &mut OpenOptions) -> io::Result<File> {
    let number = fs::read_to_string(ground.dir.join("shown/terminal"))?;
    options.custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open(format!("/dev/pts/{number}"))
}

/// Any of the machine's: a virtual one, its content, a serial line, the one for the kernel's words.
fn console(options: &mut OpenOptions) -> io::Result<()> {
    let all = [
        "/dev/tty0",
        "/dev/tty1",
        "/dev/vcs",
        "/dev/vcs1",
        "/dev/vcsa",
        "/dev/ttyS0",
        "/dev/hvc0",
        "/dev/console",
    ];
    let mut opened =
        all.iter().map(|path| options.custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK).open(path));
    opened.find(Result::is_ok).map_or_else(|| Err(io::ErrorKind::PermissionDenied.into()), |_| Ok(()))
}

/// What the attacked process has there.
pub(super) struct Others {
    left: PathBuf,
    _terminal: Option<File>,
}

impl Others {
    pub fn new(dir: &Path) -> io::Result<Self> {
        let left = left(dir);
        // A machine may have neither.
        let _ = fs::write(&left, "left");
        let terminal = terminal().ok();
        let number = terminal.as_ref().and_then(|own| number(own).ok()).unwrap_or_default();
        fs::write(dir.join("shown/terminal"), number.to_string())?;
        Ok(Self { left, _terminal: terminal })
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.left);
    }
}

fn left(dir: &Path) -> PathBuf {
    Path::new("/dev/shm").join(dir.file_name().unwrap_or_default())
}

/// Writes what is there already.
fn again(path: &Path) -> io::Result<()> {
    let now = fs::read_to_string(path)?;
    // That one is told in sixteens and taken in any way that says so.
    let now = if path.ends_with("coredump_filter") { format!("0x{}", now.trim()) } else { now };
    OpenOptions::new().write(true).open(path)?.write_all(now.trim().as_bytes())
}

/// The near side of a new terminal, unlocked.
pub(super) fn terminal() -> io::Result<File> {
    let mut options = OpenOptions::new();
    let own = options.read(true).write(true).custom_flags(libc::O_NOCTTY).open("/dev/ptmx")?;
    let unlocked = 0i32.to_ne_bytes();
    call(libc::SYS_ioctl, [Arg::Int(own.as_raw_fd().into()), Arg::Int(LOCK), Arg::In(&unlocked)])?;
    Ok(own)
}

/// The number of its far side.
pub(super) fn number(own: &File) -> io::Result<u32> {
    let mut number = [0; 4];
    call(libc::SYS_ioctl, [Arg::Int(own.as_raw_fd().into()), Arg::Int(NUMBER), Arg::Out(&mut number)])?;
    Ok(u32::from_ne_bytes(number))
}
