//! Ordinary programs behind the walls: they are measured, or the error says what they were refused and which line opens it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use piton_tests::{Said, Scratch};

const PYTHON: &str = "/usr/bin/python3";

/// An experiment whose metric is what `command` prints, with more keys of `[measure]`.
fn measuring(command: &[&str], keys: &str) -> Scratch {
    let toy = Scratch::empty();
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    toy.write("src/value", "1\n");
    write(&toy, command, keys);
    toy
}

fn write(toy: &Scratch, command: &[&str], keys: &str) {
    toy.write(
        "piton.toml",
        &format!(
            "name = \"toy\"\n[metric]\nname = \"score\"\ndirection = \"higher\"\n[scope]\neditable = [\"src\"]\n[measure]\ncommand = {command:?}\nformat = \"lines\"\ntimeout_s = 60\n{keys}\n[machine]\nsteal_pct = 100.0\npressure_pct = 100.0\npause_s = 1\n"
        ),
    );
    toy.commit("toy");
}

/// One build and one sample of the present commit.
fn tried(toy: &Scratch) -> (Said, serde_json::Value) {
    let said = toy.piton(&["doctor", "--try", "--json"]);
    let attempt = said.json()["attempt"].clone();
    (said, attempt)
}

fn measured(command: &[&str], keys: &str) {
    let toy = measuring(command, keys);
    let (said, attempt) = tried(&toy);
    assert!(attempt["measured"].is_string(), "{command:?} {keys}: {said:?}");
}

/// What the error of a baseline says.
fn refused(command: &[&str], keys: &str) -> String {
    let toy = measuring(command, keys);
    let said = toy.piton(&["baseline", "--run", "r"]);
    assert_ne!(said.status, 0, "{said:?}");
    said.err
}

fn has(program: &str) -> bool {
    let there = Path::new(program).exists();
    if !there {
        println!("skipped: there is no {program}");
    }
    there
}

/// Whether this machine gives jobs what they would have to share otherwise.
fn gives(toy: &Scratch, name: &str) -> bool {
    let found = toy.piton(&["doctor", "--json"]).json()["confinement"]["given"].clone();
    let given = found
        .as_array()
        .unwrap()
        .iter()
        .any(|one| one["held"] == true && one["name"].as_str().unwrap().contains(name));
    if !given {
        println!("skipped: this machine gives a job no {name}");
    }
    given
}

#[test]
fn pools_shared_memory_terminals_and_tmp_are_measured_where_the_machine_lets_a_job_have_its_own() {
    if !has(PYTHON) {
        return;
    }
    let toy = measuring(&["true"], "");
    let programs = [
        ("/dev/shm", "import multiprocessing as m; print('score:', sum(m.Pool(2).map(abs, [1, 2])))"),
        (
            "/dev/shm",
            "from multiprocessing import shared_memory as s; s.SharedMemory(create=True, size=9).unlink(); print('score: 1')",
        ),
        ("unix sockets", "import multiprocessing as m; m.Manager().list([1]); print('score: 1')"),
        ("terminals", "import os; os.openpty(); print('score: 1')"),
        ("/tmp", "open('/tmp/x', 'w').write('x'); print('score: 1')"),
    ];
    for (name, program) in programs {
        if gives(&toy, name) {
            measured(&[PYTHON, "-c", program], "");
        }
    }
    measured(&[PYTHON, "-c", "open('/proc/self/comm', 'w').write('x'); print('score: 1')"], "");
}

#[test]
fn an_environment_is_measured_by_the_path_of_its_interpreter_and_by_that_of_its_scripts() {
    let place = tempfile::tempdir().unwrap();
    let venv = place.path().join("venv");
    let made = Command::new(PYTHON).args(["-m", "venv", "--without-pip"]).arg(&venv).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: {PYTHON} makes no environments here");
        return;
    }
    let packages =
        fs::read_dir(venv.join("lib")).unwrap().flatten().next().unwrap().path().join("site-packages");
    fs::write(packages.join("toy_package.py"), "value = 1\n").unwrap();
    let python = venv.join("bin/python");
    let script = venv.join("bin/score");
    fs::write(
        &script,
        format!("#!{}\nimport toy_package\nprint('score:', toy_package.value)\n", python.display()),
    )
    .unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    measured(&[python.to_str().unwrap(), "-c", "import toy_package; print('score: 1')"], "");
    measured(&[script.to_str().unwrap()], "");
    // Through a link from elsewhere, and from within a shell.
    let link = place.path().join("run");
    symlink(&script, &link).unwrap();
    measured(&[link.to_str().unwrap()], "");
    measured(&["sh", "-c", &format!("{} {}", python.display(), script.display())], "");
}

#[test]
fn a_file_outside_is_named_with_the_line_that_opens_it_and_that_line_does() {
    let place = tempfile::tempdir().unwrap();
    // Not below /tmp, which a job has of its own.
    let data = place.path().join("data.txt");
    fs::write(&data, "score: 1\n").unwrap();
    let toy = measuring(&["sh", "{sealed}/measure.sh"], "");
    toy.write("measure.sh", &format!("cat {}\n", data.display()));
    toy.commit("a script");
    let said = toy.piton(&["baseline", "--run", "r"]);
    let line = format!("read = [{:?}]", data.to_str().unwrap());
    assert!(
        said.status != 0 && said.err.contains("behind piton's walls") && said.err.contains(&line),
        "{said:?}"
    );
    let (_, attempt) = tried(&toy);
    assert_eq!(attempt["refused"][0]["opens"], line.as_str(), "{attempt}");
    write(&toy, &["sh", "{sealed}/measure.sh"], &line);
    let (said, attempt) = tried(&toy);
    assert!(attempt["measured"].is_string() && attempt["refused"].as_array().unwrap().is_empty(), "{said:?}");
    assert!(toy.piton(&["doctor"]).out.contains("[measure] read"), "the doctor says what is open");
}

#[test]
fn sockets_are_explained_and_a_loopback_is_opened_by_its_key() {
    if !has(PYTHON) {
        return;
    }
    let program = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); print('score: 1')";
    let toy = measuring(&["true"], "");
    let key = if gives(&toy, "loopback") { "loopback = true" } else { "network = true" };
    let error = refused(&[PYTHON, "-c", program], "");
    assert!(error.contains("walls") && error.contains(key), "{error}");
    measured(&[PYTHON, "-c", program], key);
}

#[test]
fn the_home_directory_is_a_placeholder_and_its_parts_are_opened_by_name() {
    let home = std::env::home_dir().unwrap();
    let cache = tempfile::Builder::new().prefix(".piton-test-").tempdir_in(&home).unwrap();
    let name = cache.path().file_name().unwrap().to_str().unwrap();
    fs::write(cache.path().join("page"), "score: 1\n").unwrap();
    let error = refused(&["sh", "-c", &format!("cat ~/{name}/page")], "");
    assert!(error.contains(&format!("read = [\"~/{name}/page\"]")) && error.contains("{home}"), "{error}");
    let read = format!("read = [\"~/{name}\"]");
    measured(&["sh", "-c", &format!("cat {{home}}/{name}/page")], &read);
    let env = format!("{read}\nenv = {{ PAGES = \"{{home}}/{name}\", WORD = \"{{env:PITON_NO_SUCH}}\" }}");
    measured(&["sh", "-c", "test -z \"$WORD\" && cat $PAGES/page"], &env);
}

#[test]
fn nothing_that_a_sample_leaves_in_shared_memory_or_tmp_is_found_by_the_next() {
    let script = "for d in /dev/shm /tmp; do test -e $d/left && n=2; echo x > $d/left; done 2> /dev/null; echo score: ${n:-1}";
    let toy = measuring(&["sh", "-c", script], "");
    for _ in 0..2 {
        let (said, attempt) = tried(&toy);
        assert_eq!(attempt["measured"], "score 1", "{said:?}");
    }
    let said = toy.piton(&["baseline", "--run", "r", "--json"]);
    assert!(!said.out.contains("\"score\":2"), "{said:?}");
}

#[test]
fn a_build_that_is_refused_something_says_so_too() {
    let toy = Scratch::toy();
    let place = tempfile::tempdir().unwrap();
    let header = place.path().join("header.h");
    fs::write(&header, "").unwrap();
    toy.write("build.sh", &format!("cat {} || exit 1\n", header.display()));
    toy.commit("a build that needs more");
    let said = toy.piton(&["baseline", "--run", "r"]);
    let line = format!("[build] read = [{:?}]", header.to_str().unwrap());
    assert!(said.err.contains("behind piton's walls") && said.err.contains(&line), "{said:?}");
}

#[test]
fn a_temporary_directory_that_cannot_be_used_is_named_and_nothing_of_it_is_remembered() {
    let toy = Scratch::toy();
    let file = toy.path().join("piton.toml");
    for dir in ["/nonexistent", file.to_str().unwrap(), "/proc"] {
        let mut command = toy.command(&["baseline", "--run", "r"]);
        let output = command.env("TMPDIR", dir).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{words}");
        assert!(
            words.contains(&format!("temporary directory {dir}")) && words.contains("TMPDIR names it"),
            "{words}"
        );
        assert!(!words.contains("walls") && !words.contains("forge"), "{words}");
        assert!(!toy.path().join(".git/piton/walls.json").exists());
    }
    toy.baseline();
}

#[test]
fn what_only_one_container_was_found_to_hold_is_not_believed_in_another() {
    let toy = Scratch::toy();
    toy.baseline();
    let mut remembered: serde_json::Value = serde_json::from_str(&toy.read(".git/piton/walls.json")).unwrap();
    let found = remembered["found"]["level"].clone();
    (remembered["found"]["level"], remembered["around"]) = ("none".into(), "another".into());
    toy.write(".git/piton/walls.json", &remembered.to_string());
    toy.speed("110");
    assert_eq!(toy.piton(&["trial", "-m", "x", "--json"]).json()["confinement"], found);
}
