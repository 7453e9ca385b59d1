//! What a meter reads, and that what is metered cannot change it.

#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use piton_base::level::Level;
use piton_confine::{Group, Limits, Metered, Metering, Opened, Policy, Role, system};

const EXE: &str = env!("CARGO_BIN_EXE_piton-confine");
/// Keeps a processor busy until it has had 0.3 s of it.
const BUSY: &str = "import time\nwhile time.process_time() < 0.3: pass";

struct Job {
    dir: tempfile::TempDir,
    report: PathBuf,
}

impl Job {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let report = dir.path().join("report");
        fs::write(&report, "").unwrap();
        Self { dir, report }
    }

    fn metering(&self, repeat: u32) -> Metering {
        Metering { report: self.report.clone(), repeat }
    }

    /// Behind walls; in a control group where one is given.
    fn walled(
        &self,
        repeat: u32,
        group: Option<&Group>,
        argv: &[&str],
    ) -> (ExitStatus, String, Option<Metered>) {
        let own = self.dir.path().join("own");
        let _ = fs::create_dir(&own);
        let opened =
            Opened { temporary: Some(own.clone()), meter: Some(self.metering(repeat)), ..Opened::default() };
        let policy = Policy {
            role: Role::Measure,
            read: system(),
            write: vec![own],
            network: false,
            opened,
            limits: Limits::default(),
            least: Level::Strong,
        };
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        let exe = Path::new(EXE);
        self.run(&match group {
            Some(group) => group.wrap(&policy, exe, &argv),
            None => policy.wrap(exe, &argv),
        })
    }

    fn bare(&self, argv: &[&str]) -> (ExitStatus, String, Option<Metered>) {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        self.run(&self.metering(1).wrap(Path::new(EXE), &argv))
    }

    fn run(&self, line: &[OsString]) -> (ExitStatus, String, Option<Metered>) {
        let output = Command::new(&line[0]).args(&line[1..]).current_dir(self.dir.path()).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status, said, serde_json::from_str(&fs::read_to_string(&self.report).unwrap()).ok())
    }
}

fn python(code: &str) -> Metered {
    let (status, said, metered) = Job::new().walled(1, None, &["/usr/bin/python3", "-c", code]);
    assert!(status.success(), "{said}");
    metered.expect(&said)
}

#[test]
fn time_on_a_processor_is_counted_and_waiting_is_not() {
    let busy = python(BUSY);
    assert!((0.3..0.6).contains(&busy.cpu_s) && busy.wall_s >= 0.3, "{busy:?}");
    let idle = python("import time; time.sleep(0.3)");
    assert!(idle.cpu_s < 0.3 && idle.wall_s >= 0.3, "{idle:?}");
}

#[test]
fn the_work_of_children_and_of_processes_that_left_their_parents_is_counted() {
    let child = format!("import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY:?}])");
    assert!(python(&child).cpu_s >= 0.3);
    // Its parent ends at once, and it leaves session and group: the command waits for a pipe that it holds.
    let away = format!(
        "import os\nr, w = os.pipe()\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  os.close(r)\n  exec({BUSY:?})\n os._exit(0)\nos.close(w)\nos.wait()\nos.read(r, 1)"
    );
    let away = python(&away);
    assert!(away.cpu_s >= 0.3 && !away.left, "{away:?}");
}

#[test]
fn a_control_group_counts_children_that_nobody_waits_for() {
    let hidden = format!(
        "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nif os.fork() == 0:\n exec({BUSY:?})\n os._exit(0)\ntry: os.wait()\nexcept OSError: pass"
    );
    let Some(group) = Group::make(100, 1 << 30).map(Group::counting_time) else { return };
    let job = Job::new();
    let (status, said, metered) = job.walled(1, Some(&group), &["/usr/bin/python3", "-c", &hidden]);
    let metered = metered.expect(&said);
    assert!(status.success() && (!metered.grouped || metered.cpu_s >= 0.3), "{metered:?} {said}");
}

#[test]
fn what_outlives_the_command_is_told_and_not_waited_for() {
    let (status, said, metered) =
        Job::new().walled(1, None, &["/bin/sh", "-c", "sleep 3 >/dev/null 2>&1 & exit 0"]);
    let metered = metered.expect(&said);
    assert!(status.success() && metered.left && metered.wall_s < 3.0, "{metered:?}");
}

#[test]
fn memory_is_that_of_the_largest_process_and_not_the_helpers() {
    let large = python("x = bytearray(100 << 20)");
    assert!((100 << 20..200 << 20).contains(&large.peak_memory_bytes), "{large:?}");
    let (_, _, small) = Job::new().walled(1, None, &["/bin/true"]);
    assert!(small.unwrap().peak_memory_bytes < 6 << 20, "{small:?}");
}

#[test]
fn a_command_is_run_as_often_as_asked_and_no_more_once_it_fails() {
    let job = Job::new();
    let (status, said, metered) = job.walled(5, None, &["/bin/sh", "-c", "echo x"]);
    assert_eq!((said.matches('x').count(), metered.unwrap().runs, status.success()), (5, 5, true));
    let count = "echo x; test $(wc -l < /tmp/n 2>/dev/null || echo 0) -lt 2 && echo >> /tmp/n";
    let (status, said, metered) = Job::new().walled(5, None, &["/bin/sh", "-c", count]);
    assert_eq!((said.matches('x').count(), metered.unwrap().runs, status.success()), (3, 3, false), "{said}");
}

#[test]
fn it_ends_as_the_command_did_and_says_what_was_not_started() {
    for walled in [true, false] {
        let run = |argv: &[&str]| {
            let job = Job::new();
            let (status, said, _) = if walled { job.walled(1, None, argv) } else { job.bare(argv) };
            (status.code(), status.signal(), said)
        };
        assert_eq!(run(&["/bin/sh", "-c", "exit 7"]).0, Some(7));
        assert_eq!(run(&["/bin/sh", "-c", "kill -9 $$"]).1, Some(9));
        assert_eq!(run(&["/bin/sh", "-c", "kill -11 $$"]).1, Some(11));
        let (status, _, said) = run(&["/no/such/program"]);
        assert_eq!(status, Some(127));
        assert!(said.contains("/no/such/program"), "{said}");
    }
}

#[test]
fn what_is_metered_cannot_write_the_report_nor_look_into_its_meter() {
    let attack = "import os, ctypes
p = os.getppid()
for path in [f'/proc/{p}/mem', f'/proc/{p}/fd/3', f'/proc/{p}/fd/4', f'/proc/{p}/fd/5'] + [f'/proc/self/fd/{n}' for n in range(3, 32)]:
    try:
        with open(path, 'r+b', buffering=0) as f: f.write(b'{\"wall_s\":0,\"cpu_s\":0,\"peak_memory_bytes\":1,\"runs\":1,\"left\":false,\"grouped\":false}')
        print('WROTE', path)
    except OSError: pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, p, 0, 0) == 0: print('TRACED')
if libc.syscall(438, libc.syscall(434, p, 0), 3, 0) >= 0: print('TOOK A DESCRIPTOR')
";
    let (status, said, metered) = Job::new().walled(1, None, &["/usr/bin/python3", "-c", attack]);
    let ended_by_walls = status.signal() == Some(31);
    assert!(said.is_empty() && (status.success() || ended_by_walls), "{status:?} {said}");
    assert!(metered.is_none_or(|metered| metered.wall_s > 0.0), "{metered:?}");
    // Who ends its meter has no figure.
    let (_, _, none) = Job::new().walled(1, None, &["/bin/sh", "-c", "kill -9 $PPID; sleep 1"]);
    assert_eq!(none, None);
}
