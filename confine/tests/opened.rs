//! What builds and measuring commands are given, and that nothing of it lives on or reaches others.

#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use piton_base::level::Level;
use piton_confine::{Found, Limits, Opened, Policy, Role, gift, system};

const EXE: &str = env!("CARGO_BIN_EXE_piton-confine");

/// Somebody who starts jobs: who runs the tests, and where that is root, an ordinary user too.
struct Who {
    words: Vec<OsString>,
    exe: PathBuf,
    _dir: Option<tempfile::TempDir>,
}

fn everybody() -> Vec<Who> {
    let mut all = vec![Who { words: vec![], exe: EXE.into(), _dir: None }];
    if rustix::process::geteuid().is_root() && Command::new("setpriv").arg("--version").output().is_ok() {
        let dir = open_dir();
        let exe = dir.path().join("piton-confine");
        fs::copy(EXE, &exe).unwrap();
        let words = ["setpriv", "--reuid=64323", "--regid=64323", "--clear-groups"].map(OsString::from);
        all.push(Who { words: words.into(), exe, _dir: Some(dir) });
    }
    all
}

/// A directory that anyone may write.
fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    dir
}

impl Who {
    fn found(&self) -> Found {
        let words: Vec<OsString> = [&*self.words, &[self.exe.clone().into(), "--json".into()]].concat();
        let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Standard output and error of a job, without the last line's end.
    fn job(&self, opened: Opened, argv: &[&str]) -> String {
        let dir = open_dir();
        let opened = Opened { temporary: Some(dir.path().into()), ..opened };
        let write = vec![dir.path().to_owned()];
        let limits = Limits::default();
        let policy = Policy {
            role: Role::Measure,
            read: system(),
            write,
            network: false,
            opened,
            limits,
            least: Level::Strong,
        };
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        let line = [self.words.clone(), policy.wrap(&self.exe, &argv)].concat();
        let output = Command::new(&line[0]).args(&line[1..]).current_dir(dir.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    fn sh(&self, opened: Opened, script: &str) -> String {
        self.job(opened, &["/bin/sh", "-c", script])
    }
}

#[test]
fn what_a_job_leaves_in_shared_memory_and_in_tmp_is_gone_for_the_next_and_was_never_there_for_others() {
    for who in everybody() {
        let name = format!("piton-test-{}-{}", std::process::id(), who.words.len());
        let leave =
            format!("for d in /dev/shm /tmp /var/tmp; do echo x > $d/{name} && echo left; done 2>/dev/null");
        let look = format!("for d in /dev/shm /tmp /var/tmp; do test -e $d/{name} && echo found; done");
        let left = who.sh(Opened::default(), &leave).lines().count();
        let given = [gift::SHARED_MEMORY, gift::TEMPORARY, gift::TEMPORARY];
        let found = who.found();
        assert_eq!(left, given.iter().filter(|name| found.gives(name)).count());
        for dir in ["/dev/shm", "/tmp", "/var/tmp"] {
            assert!(!Path::new(dir).join(&name).exists(), "{dir}");
        }
        assert_eq!(who.sh(Opened::default(), &look), "");
    }
}

#[test]
fn the_machines_shared_memory_is_there_for_who_asks_and_for_nobody_else() {
    let file = Path::new("/dev/shm").join(format!("piton-shared-{}", std::process::id()));
    if fs::write(&file, "shared").is_err() {
        println!("skipped: this machine has no /dev/shm that can be written");
        return;
    }
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let cat = ["/bin/cat", file.to_str().unwrap()];
    for who in everybody() {
        assert_ne!(who.job(Opened::default(), &cat), "shared");
        assert_eq!(who.job(Opened { shared_memory: true, ..Opened::default() }, &cat), "shared");
    }
    fs::remove_file(file).unwrap();
}

#[test]
fn a_loopback_reaches_the_job_itself_and_nothing_of_the_machine() {
    const PYTHON: &str = "/usr/bin/python3";
    if !Path::new(PYTHON).exists() {
        println!("skipped: there is no {PYTHON}");
        return;
    }
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    let script = format!(
        "import socket\n\
         s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); print('itself')\n\
         try:\n socket.create_connection(('127.0.0.1', {port}), 5); print('outside')\n\
         except OSError: print('closed')\n\
         try:\n socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('raw')\n\
         except OSError: print('closed')"
    );
    for who in everybody() {
        let said = who.job(Opened { loopback: true, ..Opened::default() }, &[PYTHON, "-c", &script]);
        if who.found().gives(gift::LOOPBACK) {
            assert_eq!(said, "itself\nclosed\nclosed");
        } else {
            assert!(said.ends_with("not permitted"), "{said}");
        }
        let said = who.job(Opened::default(), &[PYTHON, "-c", &script]);
        assert!(said.ends_with("not permitted"), "{said}");
    }
}

#[test]
fn a_device_is_opened_by_its_name_and_no_other_is() {
    let candidates = ["/dev/hwrng", "/dev/loop0", "/dev/tty", "/dev/ptp0", "/dev/kvm"];
    let Some(device) = candidates.into_iter().find(|device| fs::File::open(device).is_ok()) else {
        println!("skipped: this user may not open a device that programs do not expect");
        return;
    };
    let (who, open) = (&everybody()[0], format!("exec 3< {device} && echo open"));
    let devices = vec![PathBuf::from(device), "/dev/none".into()];
    assert_eq!(who.sh(Opened { devices, ..Opened::default() }, &open), "open");
    assert_ne!(who.sh(Opened::default(), &open), "open");
}

#[test]
fn a_job_finds_nothing_in_its_root_but_what_it_was_named() {
    for who in everybody() {
        if !who.found().gives(gift::TEMPORARY) {
            println!("skipped: this machine lets nobody have a root of its own");
            continue;
        }
        let home = std::env::home_dir().unwrap();
        let said = who.sh(
            Opened::default(),
            &format!(
                "ls -A {} ; ls -A /run /var /srv /mnt; ls /; test -e /dev/sda -o -e /dev/vda && echo disk",
                home.display()
            ),
        );
        assert!(!said.contains("disk") && !said.contains(".ssh"), "{said}");
        // It can neither change its root nor leave it.
        for attempt in ["mkdir /new", "rm -r /dev/pts", "echo x > /etc/new", "chmod 700 /", "mv /tmp /other"]
        {
            let said = who.sh(Opened::default(), &format!("{attempt} && echo done"));
            assert!(!said.ends_with("done"), "{attempt}: {said}");
        }
    }
}

#[test]
fn what_is_named_below_tmp_is_read_only_beside_a_tmp_of_its_own() {
    let dir = tempfile::Builder::new().prefix("piton-named").tempdir_in("/tmp").unwrap();
    let (shown, inside) = (dir.path().join("deep/shown"), dir.path().join("inside"));
    fs::create_dir_all(&shown).unwrap();
    fs::create_dir(&inside).unwrap();
    fs::write(shown.join("page"), "read").unwrap();
    let policy = Policy {
        role: Role::Measure,
        read: [system(), vec![shown.clone()]].concat(),
        write: vec![inside.clone()],
        network: false,
        opened: Opened { temporary: Some(inside.clone()), ..Opened::default() },
        limits: Limits::default(),
        least: Level::Strong,
    };
    let script = format!(
        "cat {0}/page; for f in {0}/page {0}/new {1}/new {1}/deep/new; do (echo forged > $f) 2>/dev/null && echo wrote $f; done; \
         chmod 777 {0}/page 2>/dev/null && test -e /dev/shm && echo mode; mv {1} /tmp/other 2>/dev/null && echo moved; echo x > {1}/inside/own",
        shown.display(),
        dir.path().display()
    );
    let line = policy.wrap(Path::new(EXE), &["/bin/sh".into(), "-c".into(), script.into()]);
    let output = Command::new(&line[0]).args(&line[1..]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "read", "{output:?}");
    assert!(inside.join("own").exists() && !dir.path().join("new").exists());
}

#[test]
fn the_links_above_what_is_named_are_there_as_they_are() {
    let dir = open_dir();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("page"), "read").unwrap();
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    let policy = Policy {
        role: Role::Build,
        read: [system(), vec![dir.path().join("link")]].concat(),
        write: vec![],
        network: false,
        opened: Opened::default(),
        limits: Limits::default(),
        least: Level::Strong,
    };
    let path = dir.path().join("link/page");
    let line = policy.wrap(Path::new(EXE), &["/bin/cat".into(), path.into()]);
    let output = Command::new(&line[0]).args(&line[1..]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "read", "{output:?}");
}

#[test]
fn pools_managers_terminals_and_names_work_for_python() {
    const PYTHON: &str = "/usr/bin/python3";
    if !Path::new(PYTHON).exists() {
        println!("skipped: there is no {PYTHON}");
        return;
    }
    let programs = [
        (gift::SHARED_MEMORY, "import multiprocessing as m; print(sum(m.Pool(2).map(abs, [1, 2])))", "3"),
        (
            gift::SHARED_MEMORY,
            "from multiprocessing import shared_memory as s; s.SharedMemory(create=True, size=9).unlink(); print(3)",
            "3",
        ),
        (gift::SOCKETS, "import multiprocessing as m; print(m.Manager().list([3])[0])", "3"),
        (
            gift::TERMINALS,
            "import os; a, b = os.openpty(); os.write(a, b'3\\n'); print(os.read(b, 9).decode())",
            "3",
        ),
        (gift::TEMPORARY, "open('/tmp/x', 'w').write('3'); print(open('/tmp/x').read())", "3"),
        ("", "open('/proc/self/comm', 'w').write('3'); print(open('/proc/self/comm').read())", "3"),
    ];
    for who in everybody() {
        let found = who.found();
        for (gift, program, right) in programs {
            if gift.is_empty() || found.gives(gift) {
                assert_eq!(who.job(Opened::default(), &[PYTHON, "-c", program]), right, "{program}");
            } else {
                println!("skipped: this machine gives no {gift}");
            }
        }
    }
}
