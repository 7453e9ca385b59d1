//! What builds and measuring commands are given where this machine lets them have it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use super::others::{number, terminal};
use super::{Attack, attack};
use crate::found::gift;

/// Each works where it was given.
pub(super) const GIFTS: &[Attack] = &[
    attack(gift::SHARED_MEMORY, &[], |_| File::create_new("/dev/shm/piton-gift").map(|_| ())),
    attack(gift::TERMINALS, &[], |_| {
        let own = terminal()?;
        let other = format!("/dev/pts/{}", number(&own)?);
        OpenOptions::new().read(true).write(true).open(other).map(|_| ())
    }),
    attack(gift::TEMPORARY, &[], |ground| {
        fs::write("/tmp/piton-gift", "mine")?;
        fs::metadata(ground.dir.join("inside/piton-gift")).map(|_| ())
    }),
    attack(gift::SOCKETS, &[], |ground| {
        let path = ground.dir.join("inside/own");
        let _listener = UnixListener::bind(&path)?;
        UnixStream::connect(path).map(|_| ())
    }),
    attack(gift::LOOPBACK, &[], |_| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        TcpStream::connect(listener.local_addr()?).map(|_| ())
    }),
    attack(gift::NAMES, &[], |_| {
        // The shell's own name says nothing of what it starts.
        let done = Command::new("/bin/sh")
            .args(["-c", "(echo name > /proc/self/comm) && echo name > /proc/self/comm"])
            .output()?;
        if done.status.success() { Ok(()) } else { Err(io::Error::other("a process cannot be named")) }
    }),
];
