//! `piton quick`, by the real binary: any directory, git or not, and nothing is left but what the command leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use piton_tests::{Said, Scratch, piton};

/// A directory outside of every repository, and a state directory of its own.
struct Place {
    dir: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { dir, state: tempfile::tempdir().unwrap() }
    }

    fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(piton());
        command.arg("quick").args(args).current_dir(dir);
        command.env("PITON_STATE_HOME", self.state.path()).env("TMPDIR", self.state.path());
        command
    }

    fn quick(&self, args: &[&str]) -> Said {
        self.command(self.dir.path(), args).output().unwrap().into()
    }

    /// What piton left beside what it remembers of the walls.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.state.path()).unwrap().flatten();
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "walls.json");
        names
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.dir.path()).unwrap().flatten();
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_command_anywhere_is_looked_at_and_nothing_is_left() {
    let place = Place::new(&[("src/work.sh", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done\n")]);
    let said = place.quick(&["--json", "--runs", "5", "--", "sh", "src/work.sh"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    let clocks = report["clocks"].as_array().unwrap();
    let meters: Vec<&str> = clocks.iter().map(|clock| clock["meter"].as_str().unwrap()).collect();
    assert_eq!(meters, ["wall_s", "cpu_s", "peak_memory_bytes"]);
    assert!(clocks.iter().all(|clock| clock["value"].as_f64().unwrap() > 0.0), "{report}");
    let walled = &report["walled"];
    assert!(walled["failed"].is_null() && walled["untried"].is_null(), "{walled}");
    assert_eq!(report["editable"][0], "src");
    assert_eq!((place.names(), place.left()), (vec!["src".to_owned()], vec![]));
}

#[test]
fn what_a_command_leaves_and_what_the_walls_refuse_it_is_told_with_the_line_that_opens_it() {
    let data = tempfile::tempdir_in("/var/tmp").unwrap();
    let file = data.path().join("input");
    fs::write(&file, "x\n").unwrap();
    let script = format!("#!/bin/sh\nset -e\nf={0}\ncat $f >&2\necho y > left.txt\n", file.display());
    let place = Place::new(&[("bench.sh", &script)]);
    let said = place.quick(&["--json", "--runs", "3", "--", "./bench.sh"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    assert_eq!(report["files"][0], "left.txt", "{report}");
    let walled = &report["walled"];
    assert_eq!(walled["command"][0], "{tree}/bench.sh");
    assert!(walled["failed"].is_null(), "{walled}");
    assert!(walled["opens"][0].as_str().unwrap().starts_with("read = ["), "{walled}");
    assert!(report["toml"].as_str().unwrap().contains("\nread = ["), "{report}");
}

#[test]
fn processes_that_go_on_are_told() {
    let place = Place::new(&[]);
    let said = place.quick(&["--runs", "3", "--", "sh", "-c", "sleep 300 >/dev/null 2>&1 & exit 0"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("it leaves processes that go on"), "{said:?}");
    assert!(said.out.contains("unfinished"), "{said:?}");
}

#[test]
fn a_command_that_fails_is_told_by_the_line_that_names_the_error() {
    let place = Place::new(&[]);
    let said =
        place.quick(&["--", "sh", "-c", "echo 'ValueError: seven' >&2; echo 'see the manual' >&2; exit 3"]);
    assert_eq!((said.status, &*said.out), (1, ""), "{said:?}");
    assert!(said.err.contains("status 3") && said.err.contains("ValueError: seven"), "{said:?}");
    let said = place.quick(&["--", "no-such-program-here"]);
    assert!(said.status == 2 && said.err.contains("no-such-program-here"), "{said:?}");
    assert!(place.left().is_empty());
}

#[test]
fn ctrl_c_ends_the_command_and_leaves_nothing() {
    let place = Place::new(&[]);
    let mut command = place.command(place.dir.path(), &["--", "sh", "-c", "echo $$ > begun; sleep 300"]);
    let piton =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = place.dir.path().join("begun");
    while !fs::read_to_string(&begun).is_ok_and(|text| text.ends_with('\n')) {
        std::thread::yield_now();
    }
    let sleeper: i32 = fs::read_to_string(&begun).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(piton.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let said = Said::from(piton.wait_with_output().unwrap());
    assert_eq!(said.status, 130, "{said:?}");
    assert!(!Path::new(&format!("/proc/{sleeper}")).exists());
    assert!(place.left().is_empty());
}

#[test]
fn the_file_that_it_writes_is_an_experiment_and_is_never_written_over_another() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("bench.sh", "sh src/work.sh\n");
    scratch.write("src/work.sh", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done\n");
    scratch.commit("something to climb");
    let said = scratch.piton(&["quick", "--runs", "3", "--write", "--", "sh", "bench.sh"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("it works in a copy of this directory"), "{said:?}");
    let again = scratch.piton(&["quick", "--write", "--", "sh", "bench.sh"]);
    assert!(again.status == 2 && again.err.contains("there is one"), "{again:?}");
    scratch.commit("what it wrote");
    let doctor = scratch.piton(&["doctor", "--try", "--json"]).json();
    assert!(doctor["attempt"]["failed"].is_null(), "{doctor}");
    assert!(doctor["attempt"]["measured"].as_str().unwrap().contains("_s "), "{doctor}");
}
