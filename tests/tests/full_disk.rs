//! A disk that is full at any moment of a trial: no recorded trial is lost, the error says so, and with room again it goes on.
//!
//! Needs a small file system of its own, so root; without it the tests say that they are skipped.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use piton_tests::{Said, Scratch};

/// A file system of a few MiB, gone when dropped.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=32m,mode=755", "tmpfs"]).arg(dir.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: a file system of its own takes root");
        }
        mounted.then_some(Self { dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path().join("filler")
    }

    /// Leaves `kib` of room, in units of a page.
    fn leave(&self, kib: usize) {
        let mut file = File::create(self.filler()).unwrap();
        let block = [7u8; 4096];
        while file.write_all(&block).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(kib as u64 * 1024)).unwrap();
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn trial(toy: &Scratch, speed: usize) -> Said {
    toy.speed(&speed.to_string());
    toy.piton(&["trial", "-m", "an idea"])
}

fn recorded(toy: &Scratch) -> Vec<serde_json::Value> {
    toy.piton(&["log", "--run", "r", "--json"]).json().as_array().unwrap().clone()
}

#[test]
fn a_disk_that_is_full_at_any_moment_of_a_trial_costs_no_recorded_trial_and_the_next_start_goes_on() {
    let Some(disk) = Disk::mount() else { return };
    let toy = Scratch::toy_in(disk.path());
    toy.baseline();
    let (mut refused, mut carried_out, mut known) = (0, 0, recorded(&toy));
    for kib in (0..400).step_by(12) {
        // Some of them better than the incumbent, so that branches move too.
        let speed = 50 + kib * if kib % 24 == 0 { 5 } else { 1 };
        toy.speed(&speed.to_string());
        disk.leave(kib);
        let said = toy.piton(&["trial", "-m", "an idea"]);
        match said.status {
            0 | 10 | 11 | 12 => carried_out += 1,
            1 => {
                refused += 1;
                for word in
                    ["error: ", "cause: ", "note: every recorded trial stands", "hint: the disk is full"]
                {
                    assert!(said.err.contains(word), "{kib} KiB: {word} in {said:?}");
                }
            }
            _ => panic!("{kib} KiB: {said:?}"),
        }
        disk.clear();
        let now = recorded(&toy);
        assert!(now.starts_with(&known), "{kib} KiB: what was recorded stands");
        if said.status != 1 {
            assert_eq!(now.len(), known.len() + 1, "{kib} KiB: what was answered was recorded: {said:?}");
        }
        let again = trial(&toy, speed + 1000 * (kib + 1));
        assert!(matches!(again.status, 0 | 10), "{kib} KiB: with room again it goes on: {again:?}");
        known = recorded(&toy);
        assert_eq!(toy.table().len(), known.len(), "{kib} KiB: the table has every trial");
        let incumbent = toy.piton(&["status", "--json"]).json()["incumbent"].as_str().unwrap().to_owned();
        assert_eq!(toy.git(&["rev-parse", "piton/r"]), incumbent, "{kib} KiB");
        assert_eq!(toy.git(&["status", "--porcelain"]), "", "{kib} KiB");
    }
    assert!(refused > 2 && carried_out > 2, "{refused} were refused, {carried_out} were carried out");
    toy.git(&["fsck", "--full", "--strict"]);
}

#[test]
fn a_job_that_fills_the_disk_costs_its_own_trial_only() {
    let Some(disk) = Disk::mount() else { return };
    let toy = Scratch::toy_in(disk.path());
    let fill = "cat /dev/zero > filler 2>/dev/null";
    toy.write(
        "measure.sh",
        &toy.read("measure.sh").replace("case $s in", &format!("case $s in\n8) {fill}; exit 1 ;;")),
    );
    let build = format!("grep -q 9 \"$1/src/speed.rs\" && {{ cd \"$2\"; {fill}; exit 1; }}\n");
    toy.write("build.sh", &(build + &toy.read("build.sh")));
    toy.commit("jobs that fill the disk");
    toy.baseline();
    for (speed, filled) in [(110, false), (8, true), (120, false), (9, true), (130, false)] {
        let said = trial(&toy, speed);
        let known = recorded(&toy);
        if filled {
            assert!(matches!(said.status, 11 | 12), "{said:?}");
        } else {
            assert_eq!(said.status, 0, "{said:?}");
        }
        assert_eq!(toy.table().len(), known.len(), "{said:?}");
    }
    assert_eq!(recorded(&toy).len(), 6);
}

#[test]
fn an_agent_that_fills_the_disk_ends_its_climb_and_leaves_room_again() {
    let Some(disk) = Disk::mount() else { return };
    let toy = Scratch::toy_in(disk.path());
    let agent = "echo 'const SPEED: u32 = 110;' > src/speed.rs; [ -n \"$FILL\" ] && cat /dev/zero > src/filler 2>/dev/null; true";
    let climb = ["climb", "--run", "r", "--trials", "1", "--agent", agent];
    let said: Said = toy.command(&climb).env("FILL", "1").output().unwrap().into();
    assert!(said.status != 101, "{said:?}");
    let room = host_room(disk.path());
    assert!(room > 8 << 20, "{room} bytes are free: {said:?}");
    let said = toy.piton(&climb);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(recorded(&toy).iter().any(|record| record["outcome"]["verdict"]["keep"] == "better"), "{said:?}");
}

/// Bytes that are free.
fn host_room(dir: &Path) -> u64 {
    let said = Command::new("df").args(["--output=avail", "-B1"]).arg(dir).output().unwrap();
    String::from_utf8_lossy(&said.stdout).lines().last().unwrap().trim().parse().unwrap()
}
