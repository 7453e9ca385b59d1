//! Power cuts: a file system of our own is stopped under a climb, as it would be by a switch, and mounted again.
//!
//! It needs root, loop devices, ext4 and python3; without them it says so and passes. `PITON_CUTS=14` cuts so often.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use piton_tests::{Scratch, kill, told_in};

/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from this moment nothing reaches the disk, the journal included.
const CUT: &str = "import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// An ext4 file system in a file.
struct Disk {
    dir: tempfile::TempDir,
    /// How often it was plugged in.
    plugged: std::cell::Cell<u32>,
}

impl Disk {
    fn new() -> Option<Self> {
        let disk = Self { dir: tempfile::tempdir().unwrap(), plugged: std::cell::Cell::new(0) };
        std::fs::create_dir(disk.mount()).unwrap();
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(400 << 20).unwrap();
        let made = ran("mkfs.ext4", &["-q".as_ref(), disk.image().as_ref()]);
        (made && disk.plug() && ran("python3", &["-c".as_ref(), "pass".as_ref()])).then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join(format!("image-{}", self.plugged.get()))
    }

    fn mount(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn plug(&self) -> bool {
        ran("mount", &["-o".as_ref(), "loop".as_ref(), self.image().as_ref(), self.mount().as_ref()])
    }

    fn cut(&self) {
        assert!(
            ran("python3", &["-c".as_ref(), CUT.as_ref(), self.mount().as_ref()]),
            "the power was not cut"
        );
    }

    fn unplug(&self) -> bool {
        ran("umount", &[self.mount().as_ref()])
    }

    /// Plugs in what is on the disk: a copy of it, because a mount that another name space still holds would be the one that was cut.
    fn plug_again(&self) -> bool {
        let old = self.image();
        self.plugged.set(self.plugged.get() + 1);
        let copied = ran("cp", &["--sparse=always".as_ref(), &old, &self.image()]);
        copied && std::fs::remove_file(old).is_ok() && self.plug()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unplug();
    }
}

fn ran(program: &str, args: &[&Path]) -> bool {
    let command = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    command.is_ok_and(|status| status.success())
}

#[test]
fn a_trial_whose_verdict_was_told_survives_a_power_cut() {
    let Some(disk) = Disk::new() else {
        eprintln!("skipped: no root, no loop device, no ext4 or no python3");
        return;
    };
    let cuts: usize = std::env::var("PITON_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let toy = Scratch::toy_in(&disk.mount());
    // What the user has is the user's to sync.
    assert!(ran("sync", &["-f".as_ref(), toy.path()]));
    let count = disk.dir.path().join("count");
    let (agent, count) = (toy.endless(&count), count.to_str().unwrap());
    let (mut acknowledged, mut void) = (0, 0);
    for cut in 0..cuts {
        let mut climb = toy
            .command(&["climb", "--run", "r", "--agent", &agent, "--allow-write", count])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(climb.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        // Some trials, another number each time, and then a moment that nobody chose.
        let mut told: Vec<String> = vec![];
        while told_in(&told).len() < 2 + cut % 3 {
            told.push(lines.recv_timeout(Duration::from_secs(60)).expect("the climb goes on"));
        }
        std::thread::sleep(Duration::from_millis(37 * cut as u64 % 400));
        told.extend(lines.try_iter());
        disk.cut();
        kill(climb.id());
        climb.wait().unwrap();
        for pid in toy.processes() {
            kill(pid as u32);
        }
        while !toy.processes().is_empty() {
            std::thread::yield_now();
        }
        assert!(disk.unplug() && disk.plug_again(), "cut {cut}");
        let said = toy.piton(&["recover"]);
        assert_eq!(said.status, 0, "cut {cut}: {said:?}");
        let log = toy.piton(&["log", "--run", "r", "--json"]).json();
        let records = log.as_array().unwrap();
        for trial in told_in(&told) {
            let record = records.iter().find(|record| record["trial"] == trial);
            assert!(
                record.is_some_and(|record| record["outcome"]["kind"] != "void"),
                "cut {cut}: trial {trial} is lost"
            );
            acknowledged += 1;
        }
        void = records.iter().filter(|record| record["outcome"]["kind"] == "void").count();
        let audit = toy.piton(&["audit"]);
        assert_eq!(audit.status, 0, "cut {cut}: {audit:?}");
        assert_eq!(toy.git(&["fsck", "--full", "--no-dangling"]), "", "cut {cut}");
    }
    eprintln!(
        "{cuts} cuts, {acknowledged} trials acknowledged before them, 0 lost, {void} on their way and void"
    );
}
