//! Attacks on files: what is outside, what may only be read, and what is reached by a detour.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{ALL, Attack, BUILDING, Ground, WORKER, attack};
use crate::raw::{Arg, call};

pub(super) const ATTACKS: &[Attack] = &[
    attack("read a file outside", ALL, |ground| fs::read(ground.victim()).map(|_| ())),
    attack("list a directory outside", ALL, |ground| fs::read_dir(ground.dir.join("outside")).map(|_| ())),
    attack("write a file outside", ALL, |ground| append(&ground.victim())),
    attack("create a file outside", ALL, |ground| File::create(ground.dir.join("outside/new")).map(|_| ())),
    attack("make a directory outside", ALL, |ground| fs::create_dir(ground.dir.join("outside/dir"))),
    attack("make a link outside", ALL, |ground| symlink("victim", ground.dir.join("outside/link"))),
    attack("make a pipe outside", ALL, |ground| {
        Ok(mknodat(CWD, ground.dir.join("outside/pipe"), FileType::Fifo, Mode::RUSR, 0)?)
    }),
    attack("truncate a file outside", ALL, |ground| {
        call(libc::SYS_truncate, [Arg::In(&terminated(&ground.victim())), Arg::Int(0)]).map(|_| ())
    }),
    attack("rename a file outside", ALL, |ground| {
        fs::rename(ground.victim(), ground.dir.join("outside/renamed"))
    }),
    attack("delete a file outside", ALL, |ground| fs::remove_file(ground.victim())),
    attack("put a file over one outside", ALL, |ground| {
        let own = ground.dir.join("inside/own");
        fs::write(&own, "mine")?;
        fs::rename(own, ground.victim())
    }),
    attack("carry a file off", ALL, |ground| fs::rename(ground.victim(), ground.dir.join("inside/loot"))),
    attack("write what may be read", ALL, |ground| append(&ground.dir.join("shown/page"))),
    attack("delete what may be read", ALL, |ground| fs::remove_file(ground.dir.join("shown/page"))),
    attack("empty a file that is shown", ALL, |ground| {
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(libc::O_TRUNC).open(ground.dir.join("shown/page"))?;
        if file.metadata()?.len() == 0 { Ok(()) } else { Err(io::Error::other("it is as it was")) }
    }),
    attack("reopen a file to write", ALL, |ground| {
        let file = File::open(ground.dir.join("shown/page"))?;
        append(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))
    }),
    attack("write outside by way of its own root", ALL, |ground| {
        let victim = ground.victim();
        append(&Path::new("/proc/self/root").join(victim.strip_prefix("/").unwrap_or(&victim)))
    }),
    attack("write outside through a link inside", ALL, |ground| {
        let link = ground.dir.join("inside/link");
        symlink(ground.victim(), &link)?;
        append(&link)
    }),
    attack("write outside through a hard link", ALL, |ground| {
        let link = ground.dir.join("inside/hard");
        fs::hard_link(ground.victim(), &link)?;
        append(&link)
    }),
    attack("write what may be read through a hard link", ALL, |ground| {
        let link = ground.dir.join("inside/hard");
        fs::hard_link(ground.dir.join("shown/page"), &link)?;
        append(&link)
    }),
    attack("write outside past a directory", ALL, |ground| {
        append(&ground.dir.join("inside/../outside/victim"))
    }),
    attack("write where it may not with nothing named", ALL, |ground| {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_TMPFILE).open(ground.dir.join("outside")).map(|_| ())
    }),
    attack("write a file anywhere", WORKER, |ground| fs::write(ground.dir.join("inside/own"), "mine")),
    attack("make a device", ALL, |ground| {
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(mknodat(CWD, ground.dir.join("inside/device"), FileType::CharacterDevice, mode, 0x103)?)
    }),
    attack("open a file by its handle", ALL, |ground| {
        let file = File::open(ground.dir.join("shown"))?;
        let (mut handle, mut mount) = ([0; 136], [0; 4]);
        handle[..4].copy_from_slice(&128u32.to_ne_bytes());
        let args = [
            Arg::Int(libc::AT_FDCWD.into()),
            Arg::In(b"/\0"),
            Arg::Out(&mut handle),
            Arg::Out(&mut mount),
            Arg::Int(0),
        ];
        call(libc::SYS_name_to_handle_at, args)?;
        let args = [Arg::Int(file.as_raw_fd().into()), Arg::In(&handle), Arg::Int(libc::O_RDONLY.into())];
        call(libc::SYS_open_by_handle_at, args).map(|_| ())
    }),
    attack("give a file outside away", ALL, |ground| {
        std::os::unix::fs::chown(ground.victim(), Some(65533), None)
    }),
    attack("change the mode of a file outside", WORKER, mode),
    attack("change the times of a file outside", WORKER, times),
    attack("label a file outside", WORKER, label),
    extra("chmod outside", mode),
    extra("touch outside", times),
    extra("setxattr outside", label),
];

const fn extra(name: &'static str, act: fn(&Ground) -> io::Result<()>) -> Attack {
    Attack { name, held_by: BUILDING, extra: true, act }
}

fn append(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(b"forged\n")
}

fn mode(ground: &Ground) -> io::Result<()> {
    fs::set_permissions(ground.victim(), Permissions::from_mode(0o600))
}

fn times(ground: &Ground) -> io::Result<()> {
    let (path, epoch) = (terminated(&ground.victim()), [0; 32]);
    let args = [Arg::Int(libc::AT_FDCWD.into()), Arg::In(&path), Arg::In(&epoch), Arg::Int(0)];
    call(libc::SYS_utimensat, args).map(|_| ())
}

fn label(ground: &Ground) -> io::Result<()> {
    let path = terminated(&ground.victim());
    let args = [Arg::In(&path), Arg::In(b"user.forged\0"), Arg::In(b"1"), Arg::Int(1), Arg::Int(0)];
    call(libc::SYS_setxattr, args).map(|_| ())
}

fn terminated(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), &[0]].concat()
}
