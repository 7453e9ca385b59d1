//! Every attack is held behind the walls, and works without them.

#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

use piton_base::level::Level;
use piton_confine::{Found, Tried, controls, reachable};

const EXE: &str = env!("CARGO_BIN_EXE_piton-confine");

/// What the binary finds when it is started by these words.
fn found(words: &[&str]) -> Found {
    let output = Command::new(words[0]).args(&words[1..]).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A copy of the binary where anyone may execute it, and the words that start it as a user who owns nothing.
fn as_a_user() -> Option<(tempfile::TempDir, Vec<String>)> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this test starts as root, and this is an ordinary user: the other one covers it");
        return None;
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: there is no setpriv here to become another user");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let copy = dir.path().join("piton-confine");
    std::fs::copy(EXE, &copy).unwrap();
    let words = ["setpriv", "--reuid=64321", "--regid=64321", "--clear-groups"].map(str::to_owned);
    let words = words.into_iter().chain([copy.to_string_lossy().into_owned()]).collect();
    Some((dir, words))
}

fn through(found: &Found) -> Vec<&Tried> {
    found.attacks.iter().filter(|tried| !tried.held).collect()
}

/// Held by the mounts alone: Landlock says nothing of a file's mode, times and attributes.
const EXTRA: [&str; 3] = ["chmod outside", "touch outside", "setxattr outside"];

fn holds(found: &Found, level: Level) {
    let broken: Vec<_> = through(found)
        .into_iter()
        .filter(|tried| !EXTRA.iter().any(|name| tried.name.ends_with(name)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(found.level, level);
    assert!(found.attacks.len() > 250, "only {} were tried", found.attacks.len());
}

#[test]
fn no_attack_gets_through_and_the_level_is_what_the_kernel_promises() {
    let (level, abi) = reachable();
    let found = found(&[EXE]);
    holds(&found, level);
    assert_eq!(found.abi, abi);
    println!("{} attacks held at level {level}, Landlock ABI {abi}", found.attacks.len());
}

/// Whether mounts can be changed by these words, as util-linux finds it.
fn mounts(words: &[&str]) -> bool {
    let change = ["mount", "--make-rprivate", "/"];
    Command::new(words[0]).args(&words[1..]).args(change).output().is_ok_and(|output| output.status.success())
}

#[test]
fn the_mode_and_times_of_a_file_outside_are_held_where_this_machine_lets_mounts_be_made() {
    let root = rustix::process::geteuid().is_root();
    if mounts(if root {
        &["unshare", "--mount"]
    } else {
        &["unshare", "--user", "--map-current-user", "--mount"]
    }) {
        assert!(through(&found(&[EXE])).is_empty());
    } else {
        println!("skipped: no mount can be made here");
    }
    let Some((_dir, words)) = as_a_user() else { return };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let maps = ["unshare", "--user", "--map-current-user", "--mount"];
    if mounts(&[&words[..words.len() - 1], &maps].concat()) {
        assert!(through(&found(&words)).is_empty());
    } else {
        println!("skipped: an ordinary user can make no mount here");
    }
}

#[test]
fn no_attack_gets_through_as_an_ordinary_user() {
    let Some((_dir, words)) = as_a_user() else { return };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    holds(&found(&words), reachable().0);
}

#[test]
fn no_attack_gets_through_where_the_kernel_has_an_earlier_landlock_and_no_extra_wall() {
    for abi in 1..=reachable().1 {
        let number = abi.to_string();
        let level = if abi >= 6 { Level::Full } else { Level::Strong };
        holds(&found(&[EXE, "--plain", "--abi", &number]), level);
        let Some((_dir, words)) = as_a_user() else { continue };
        let words: Vec<&str> =
            words.iter().map(String::as_str).chain(["--plain", "--abi", &number]).collect();
        holds(&found(&words), level);
    }
}

#[test]
fn without_landlock_the_level_is_none_and_the_attacks_show_why() {
    let found = found(&[EXE, "--plain", "--abi", "0"]);
    assert_eq!(found.level, Level::None);
    assert!(through(&found).iter().any(|tried| tried.name == "build: write a file outside"));
}

/// What this system refuses to anyone, or to everyone but root. An attack that is on neither list must work.
#[test]
fn every_attack_works_where_nothing_holds_it() {
    // There is no terminal here, and a kernel may leave these out.
    let anyone = [
        "type into the terminal",
        "call by the old door",
        "open a socket to the kernel's ciphers",
        "open a socket to the hypervisor",
        "listen on TCP by IPv6",
        "load a module",
        "handle its own page faults",
        "ring the kernel past the filters",
        "setxattr outside",
        "label a file outside",
        "find what another left in shared memory",
        "alter what another left in shared memory",
        "write to another's terminal",
        "read another's terminal",
        "take another's terminal for its own",
        "find another's terminal by its process",
        "read the terminal that piton was started at",
        "read a console",
        "write to a console",
        "change what a key types",
        "read the kernel's log",
    ];
    // In a container, root too may lack the capability, or its runtime refuses the call.
    let container = [
        "make a device",
        "open a file by its handle",
        "open a packet socket",
        "mount a file system",
        "begin a mount the new way",
        "copy a mount",
        "change its root",
        "make a user namespace",
        "make a user namespace by clone",
        "make a user namespace by clone3",
        "make a mount namespace",
        "make a network namespace",
        "enter the parent's namespace",
        "adjust the clock",
        "adjust a clock by its number",
        "set the clock",
        "set the time of day",
        "keep a key",
        "look for keys",
        "load a program into the kernel",
        "count events",
        "restart the machine",
        "name the machine",
        "regain capabilities",
        "trace the parent",
        "process_vm_readv",
        "process_vm_writev",
        "give a file outside away",
        "change a setting of the kernel",
        "unmount a file system",
        "exchange its root",
    ];
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let all_powerful =
        status.lines().any(|line| line.starts_with("CapEff:") && line.ends_with("1ffffffffff"));
    let bare = found(&[EXE, "bare"]);
    for tried in bare.attacks.iter().filter(|tried| tried.held) {
        println!("not shown to work here: {} ({})", tried.name, tried.how);
        let excused = anyone.contains(&&*tried.name) || !all_powerful && container.contains(&&*tried.name);
        assert!(excused, "{tried:?}");
    }
    let worked = bare.attacks.iter().filter(|tried| !tried.held).count();
    println!("{worked} of {} attacks work without walls", bare.attacks.len());
    assert!(worked > 60);
}

#[test]
fn a_worker_computes_reads_starts_threads_and_panics_as_before() {
    for control in controls(&PathBuf::from(EXE)).unwrap() {
        assert!(control.held, "{control:?}");
    }
}
