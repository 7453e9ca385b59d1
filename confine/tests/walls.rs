//! What the helper does besides holding attacks: limits, levels, what is inherited, who ends whom.

#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use piton_base::level::Level;
use piton_confine::{Group, Limits, NOT_EXECUTED, NOT_STARTED, Opened, Policy, Role, STATUS, linked, system};

const EXE: &str = env!("CARGO_BIN_EXE_piton-confine");

fn policy(role: Role, write: &[&Path]) -> Policy {
    let mut read = if role == Role::Worker { linked("/usr/bin/id".as_ref()) } else { system() };
    read.extend(["/bin/sh".into(), "/usr/bin".into()]);
    let write = write.iter().map(PathBuf::from).collect();
    Policy {
        role,
        read,
        write,
        network: false,
        opened: Opened::default(),
        limits: Limits::default(),
        least: Level::Strong,
    }
}

fn command(line: &[OsString]) -> Command {
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(policy: &Policy, argv: &[&str]) -> Output {
    let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
    command(&policy.wrap(Path::new(EXE), &argv)).output().unwrap()
}

fn sh(policy: &Policy, script: &str) -> (Option<i32>, String, String) {
    let output = run(policy, &["/bin/sh", "-c", script]);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_gets_its_words_environment_and_status_through() {
    let policy = policy(Role::Build, &[]);
    let line =
        policy.wrap(Path::new(EXE), &["/bin/sh", "-c", "echo \"$0 $X\"; exit 7", "a b"].map(OsString::from));
    let output = command(&line).env("X", "y").output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"a b y\n"[..]));
}

#[test]
fn a_build_writes_where_it_may_and_keeps_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let (status, _, err) = sh(
        &policy(Role::Build, &[dir.path()]),
        &format!(
            "cd {0} && mkdir a && echo x > a/b && mv a/b c && chmod 700 c && ln c d && cat < /dev/zero | head -c 1 > /dev/null",
            dir.path().display()
        ),
    );
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(fs::read_to_string(dir.path().join("d")).unwrap(), "x\n");
    assert_eq!(fs::metadata(dir.path().join("c")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn less_than_the_level_asked_for_starts_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut line = Policy { least: Level::Full, ..policy(Role::Build, &[dir.path()]) }
        .wrap(Path::new(EXE), &["/bin/sh", "-c", "touch \"$0\""].map(OsString::from));
    line.push(dir.path().join("started").into());
    let asked = line[2].to_str().unwrap().replace("\"abi_at_most\":null", "\"abi_at_most\":3");
    assert_ne!(asked, line[2].to_str().unwrap());
    line[2] = asked.into();
    let output = command(&line).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(STATUS));
    assert!(words.starts_with(NOT_STARTED) && words.contains("strong") && words.contains("full"), "{words}");
    assert!(!dir.path().join("started").exists());
}

#[test]
fn a_directory_to_write_that_is_not_there_starts_nothing() {
    let (status, _, err) = sh(&policy(Role::Build, &[Path::new("/no/such/dir")]), "true");
    assert_eq!(status, Some(STATUS));
    assert!(err.starts_with(NOT_STARTED) && err.contains("/no/such/dir"), "{err}");
}

#[test]
fn a_program_that_is_not_there_is_told_from_walls_that_do_not_stand() {
    let output = run(&policy(Role::Worker, &[]), &["/no/such/program"]);
    assert_eq!(output.status.code(), Some(STATUS));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(NOT_EXECUTED), "{output:?}");
}

#[test]
fn nothing_privileged_is_left_and_both_filters_are_seen_by_the_kernel() {
    let (_, out, _) = sh(&policy(Role::Build, &[]), "cat /proc/self/status");
    let field =
        |name: &str| out.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("-").trim().to_owned();
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(field("CapBnd:"), "0000000000000000");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".to_owned(), "2".to_owned()));
}

#[test]
fn root_becomes_another_user_where_the_paths_allow_it_and_stays_itself_where_not() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: this is not root");
        return;
    }
    // The binary itself must be one that anyone may execute, and read the libraries of.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let of = |policy: &Policy| {
        String::from_utf8_lossy(&run(policy, &["/usr/bin/id", "-u"]).stdout).trim().to_owned()
    };
    let open = Policy {
        read: [linked("/usr/bin/id".as_ref()), vec![dir.path().into(), "/usr/bin/id".into()]].concat(),
        ..policy(Role::Worker, &[])
    };
    assert_eq!(of(&open), "65534");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(of(&open), "0", "it could not read what it must");
}

#[test]
fn descriptors_of_whoever_starts_it_are_closed() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "kept\n").unwrap();
    let line = policy(Role::Build, &[])
        .wrap(Path::new(EXE), &["/bin/sh", "-c", "echo forged >&9"].map(OsString::from));
    // A shell between, which opens a descriptor that is inherited.
    let mut outer = Command::new("/bin/sh");
    outer.args(["-c", "exec 9>>\"$0\"; exec \"$@\""]).arg(&victim).args(&line).stderr(Stdio::null());
    assert!(!outer.status().unwrap().success());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept\n");
}

#[test]
fn a_confined_process_does_not_outlive_the_one_that_started_it() {
    let (mut read, write) = std::io::pipe().unwrap();
    let line = policy(Role::Build, &[])
        .wrap(Path::new(EXE), &["/bin/sh", "-c", "echo up; sleep 20; echo late"].map(OsString::from));
    // A parent that is killed: the end of the pipe is seen when nobody holds it any more.
    let mut outer = Command::new("/bin/sh");
    outer.args(["-c", "\"$@\" & wait", "sh"]).args(&line).stdout(write);
    let mut outer_child = outer.spawn().unwrap();
    drop(outer);
    let mut up = [0; 3];
    read.read_exact(&mut up).unwrap();
    outer_child.kill().unwrap();
    outer_child.wait().unwrap();
    assert_eq!(read.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_memory_bomb_and_an_endless_file_end_at_their_limits() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { memory_bytes: Some(256 << 20), file_bytes: Some(1 << 20), ..Limits::default() };
    let policy = Policy { limits, ..policy(Role::Build, &[dir.path()]) };
    let (status, _, _) =
        sh(&policy, "head -c 1000000000 /dev/zero | tail -c 900000000 | wc -c | grep -q 900000000");
    assert_ne!(status, Some(0), "a tail that holds 900 MB was given them");
    let (status, _, _) = sh(&policy, &format!("cat /dev/zero > {}/full", dir.path().display()));
    assert_ne!(status, Some(0));
    assert!(fs::metadata(dir.path().join("full")).unwrap().len() <= 1 << 20);
}

/// Starts sleepers until it cannot, counting aloud. Bounded, so that it ends where nothing holds it.
const BOMB: &str =
    "n=0; while [ $n -lt 300 ]; do sleep 3 >/dev/null 2>&1 & n=$((n+1)); echo $n; done; kill $(jobs -p)";

/// How far the bomb came.
fn counted(output: &Output) -> u32 {
    String::from_utf8_lossy(&output.stdout).lines().last().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn a_fork_bomb_ends_at_the_control_group_where_this_machine_has_one() {
    let Some(group) = Group::make(40, 1 << 30) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let argv = ["/bin/sh", "-c", BOMB].map(OsString::from);
    let count = |line: &[OsString]| counted(&command(line).output().unwrap());
    let held = count(&group.wrap(&policy(Role::Build, &[]), Path::new(EXE), &argv));
    assert!((10..=40).contains(&held), "{held} processes at once");
    let free = count(&policy(Role::Build, &[]).wrap(Path::new(EXE), &argv));
    assert!(free >= 200, "without it there are only {free}");
}

#[test]
fn a_fork_bomb_ends_at_the_users_limit_where_it_is_no_root() {
    let limits = Limits { processes: Some(40), ..Limits::default() };
    let line = Policy { limits, ..policy(Role::Build, &[]) }
        .wrap(Path::new(EXE), &["/bin/sh", "-c", BOMB].map(OsString::from));
    let output = if rustix::process::geteuid().is_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let copy = dir.path().join("piton-confine");
        fs::copy(EXE, &copy).unwrap();
        let mut outer = Command::new("setpriv");
        outer.args(["--reuid=64322", "--regid=64322", "--clear-groups"]).arg(copy).args(&line[1..]);
        match outer.output() {
            Ok(output) => output,
            Err(_) => {
                println!("skipped: there is no setpriv here to become another user");
                return;
            }
        }
    } else {
        command(&line).output().unwrap()
    };
    let held = counted(&output);
    assert!((10..60).contains(&held), "{held} processes at once: {output:?}");
}

#[test]
fn a_worker_on_a_terminal_is_not_started() {
    let terminal =
        rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&terminal).and_then(|()| rustix::pty::unlockpt(&terminal)).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap();
    let side = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let line = policy(Role::Worker, &[]).wrap(Path::new(EXE), &["/usr/bin/true".into()]);
    let output = command(&line).stdin(side).output().unwrap();
    assert_eq!(output.status.code(), Some(STATUS));
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"), "{output:?}");
}

#[test]
fn a_measuring_command_chooses_its_cores_and_builds_walls_inside_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let outer = policy(Role::Measure, &[dir.path()]);
    let with_binary = Policy { read: [outer.read.clone(), vec![EXE.into()]].concat(), ..outer };
    let inner = policy(Role::Worker, &[]).wrap(Path::new(EXE), &["/usr/bin/id".into(), "-u".into()]);
    let words: Vec<&str> = inner.iter().map(|word| word.to_str().unwrap()).collect();
    let output = run(&with_binary, &words);
    assert!(output.status.success() && output.stdout.ends_with(b"\n"), "{output:?}");
    let output = run(&with_binary, &["/usr/bin/taskset", "-c", "0", "/usr/bin/true"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_worker_is_fed_and_read_through_its_pipes() {
    let read = [linked("/usr/bin/cat".as_ref()), vec!["/usr/bin/cat".into()]].concat();
    let line = Policy { read, ..policy(Role::Worker, &[]) }.wrap(Path::new(EXE), &["/usr/bin/cat".into()]);
    let mut child = command(&line).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"frames").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"frames"[..]), "{output:?}");
}

/// An agent that may read everything, from a test at a terminal of its own.
fn agent(write: &[&Path]) -> Policy {
    Policy { read: vec!["/".into()], network: true, ..policy(Role::Agent, write) }
}

/// A new terminal, and the path of its far side.
fn terminal() -> Option<(OwnedFd, PathBuf)> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).ok()?;
    grantpt(&near).ok()?;
    unlockpt(&near).ok()?;
    let name = ptsname(&near, vec![]).ok()?.into_string().ok()?;
    Some((near, name.into()))
}

#[test]
fn an_agent_reaches_no_terminal_of_the_machine_by_any_name() {
    let Some((_near, far)) = terminal() else {
        println!("skipped: there are no terminals here");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&far, dir.path().join("link")).unwrap();
    let names = [
        far.display().to_string(),
        format!("/dev/../{}", far.display()),
        format!("/proc/self/root{}", far.display()),
        format!("/proc/{}/root{}", std::process::id(), far.display()),
        format!("/proc/{}/fd/{}", std::process::id(), _near.as_raw_fd()),
        dir.path().join("link").display().to_string(),
        "/dev/tty".into(),
        "/dev/console".into(),
        "/dev/tty0".into(),
        "/dev/tty1".into(),
        "/dev/vcs".into(),
        "/dev/vcsa1".into(),
        "/dev/ttyS0".into(),
        "/dev/hvc0".into(),
        "/dev/input/event0".into(),
    ];
    let open = names
        .iter()
        .map(|name| format!("(: < {name}) && echo 'read {name}'; (: >> {name}) && echo 'wrote {name}'\n"));
    let script = open.collect::<String>() + "true";
    let (status, out, err) = sh(&agent(&[dir.path()]), &script);
    assert_eq!((status, &*out), (Some(0), ""), "{err}");
    // It reads the rest, keeps nothing in /dev, and lists what is there.
    let (_, out, err) =
        sh(&agent(&[dir.path()]), "cat /etc/passwd > /dev/null && ls / /dev > /dev/null && echo read");
    assert_eq!(out, "read", "{err}");
}

#[test]
fn an_agent_makes_terminals_of_its_own_where_it_has_a_place_for_them() {
    let (_, out, _) = sh(&agent(&[]), "exec 3<>/dev/ptmx && ls /dev/pts | grep -v ptmx");
    let namespace =
        Command::new("unshare").args(["--mount", "mount", "-t", "devpts", "devpts", "/mnt"]).status();
    if namespace.is_ok_and(|status| status.success()) {
        assert_eq!(out, "0", "the first of all that it sees");
    } else {
        println!("skipped: no terminals can be mounted here");
    }
}

#[test]
fn an_agent_keeps_the_terminal_that_it_was_started_at_and_types_nothing_into_it() {
    let Some((_near, far)) = terminal() else {
        println!("skipped: there are no terminals here");
        return;
    };
    let own = || File::options().read(true).write(true).open(&far).unwrap();
    let script = "echo out; : > /proc/self/fd/1 && echo again; test -t 0 && echo terminal";
    let argv: Vec<OsString> = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
    let line = agent(&[]).wrap(Path::new(EXE), &argv);
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).stdin(own()).stdout(own()).stderr(own());
    assert!(command.status().unwrap().success());
    let mut said = vec![0; 200];
    let read = rustix::io::read(&_near, &mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["out", "again", "terminal"]);
}
