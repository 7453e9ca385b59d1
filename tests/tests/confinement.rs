//! What a build and a measuring command can reach, through the real binary; and what happens below a level.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use piton_tests::Scratch;
use serde_json::Value;

/// A script that tries to reach what is not its own, and fails with the names of what it reached. It is
/// told a port that somebody listens on.
fn attempts(root: &Path, port: u16) -> String {
    let root = root.display();
    format!(
        r#"open=
try() {{ name=$1; shift; ( "$@" ) >/dev/null 2>&1 && open="$open $name"; }}
add() {{ echo forged >> "$1"; }}
try ledger add "{root}/.git/piton/ledger.db"
try table add "{root}/results.tsv"
try config add "{root}/.git/config"
try sources add "{root}/src/speed.rs"
try hook add "{root}/.git/hooks/post-commit"
try artifacts touch "{root}/.git/piton/artifacts/new"
try mode chmod 777 "{root}/piton.toml"
touch /tmp/piton-was-here-{port} 2>/dev/null
try network bash -c ": <> /dev/tcp/127.0.0.1/{port}"
try user unshare --user true
try secret cat "{root}/secret"
"#
    )
}

const REFUSE: &str = "[ -z \"$open\" ] || { echo \"error: reached:$open\" >&2; exit 1; }\n";

/// A toy whose script `name` also makes the attempts, and a port that is listened on.
fn attempting(name: &str) -> (Scratch, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let toy = Scratch::toy();
    toy.write(".gitignore", "secret\n");
    toy.write("secret", "a key");
    let script = attempts(toy.path(), listener.local_addr().unwrap().port());
    toy.write(name, &format!("{script}{REFUSE}{}", toy.read(name)));
    toy.commit("a script that looks around");
    (toy, listener)
}

#[test]
fn a_build_reaches_nothing_that_is_not_its_own() {
    let (toy, listener) = attempting("build.sh");
    toy.baseline();
    nothing_in_tmp(&listener);
    assert!(!toy.read(".git/config").contains("forged"));
}

#[test]
fn a_measuring_command_reaches_nothing_that_is_not_its_own() {
    let (toy, listener) = attempting("measure.sh");
    toy.baseline();
    nothing_in_tmp(&listener);
}

/// A job may have a /tmp of its own; the machine's is as it was.
fn nothing_in_tmp(listener: &TcpListener) {
    let port = listener.local_addr().unwrap().port();
    assert!(!Path::new(&format!("/tmp/piton-was-here-{port}")).exists());
}

#[test]
fn the_same_script_reaches_all_of_it_where_nothing_confines_it() {
    let (toy, listener) = attempting("build.sh");
    let target = toy.path().join("target");
    std::fs::create_dir_all(toy.path().join(".git/piton/artifacts")).unwrap();
    std::fs::create_dir_all(&target).unwrap();
    let output =
        Command::new("sh").arg("build.sh").arg(toy.path()).arg(&target).current_dir(toy.path()).output();
    let words = String::from_utf8(output.unwrap().stderr).unwrap();
    let temporary = format!("/tmp/piton-was-here-{}", listener.local_addr().unwrap().port());
    drop(listener);
    std::fs::remove_file(&temporary).expect("it was made in the machine's own /tmp");
    for name in ["ledger", "table", "config", "sources", "hook", "artifacts", "mode", "network", "secret"] {
        assert!(words.contains(name), "{name} was not reached even so: {words}");
    }
}

#[test]
fn a_measuring_command_reaches_what_the_experiment_asks_for_and_no_more() {
    let (toy, listener) = attempting("measure.sh");
    let outside = tempfile::tempdir().unwrap();
    let asked =
        format!("timeout_s = 20\nnetwork = true\nwrite = [\"{}\"]\n[machine]", outside.path().display());
    let text = toy.read("piton.toml").replace("timeout_s = 20\n[machine]", &asked);
    assert!(text.contains("network = true"));
    toy.write("piton.toml", &text);
    let kept = outside.path().join("kept");
    let port = listener.local_addr().unwrap().port();
    let uses = format!(
        "bash -c ': <> /dev/tcp/127.0.0.1/{port}' && echo used >> '{}' || {{ echo 'error: closed' >&2; exit 1; }}\n",
        kept.display()
    );
    let script = toy.read("measure.sh").replace("try network", ": try network");
    toy.write("measure.sh", &format!("{uses}{script}"));
    toy.commit("an experiment that needs more");
    toy.baseline();
    assert!(std::fs::read_to_string(kept).unwrap().starts_with("used\n"));
}

#[test]
fn every_row_says_how_it_was_confined_and_the_doctor_shows_the_attacks() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    let record = toy.piton(&["trial", "-m", "x", "--json"]).json();
    let found = toy.piton(&["doctor", "--json"]).json()["confinement"].clone();
    assert_eq!(record["confinement"], found["level"]);
    let attacks = found["attacks"].as_array().unwrap();
    assert!(attacks.len() > 250 && found["walls"].as_array().unwrap().len() >= 3, "{found}");
    let words = toy.piton(&["doctor"]).out;
    assert!(words.contains("walls      level ") && words.contains(" held\n"), "{words}");
}

/// Writes a level into what piton remembers of this machine.
fn pretend(toy: &Scratch, level: &str) {
    let mut remembered: Value = serde_json::from_str(&toy.read(".git/piton/walls.json")).unwrap();
    remembered["found"]["level"] = level.into();
    toy.write(".git/piton/walls.json", &remembered.to_string());
}

#[test]
fn below_the_level_asked_for_nothing_starts_unless_the_level_is_typed() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["switch", "--quiet", "main"]);
    pretend(&toy, "partial");
    let said = toy.piton(&["climb", "--trials", "1"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(
        said.err.contains("the level partial, not strong") && said.err.contains("--confinement partial"),
        "{said:?}"
    );
    let said = toy.piton(&["--confinement", "partial", "climb", "--run", "typed", "--trials", "1", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.json()["trials"][1]["confinement"], "partial");
    assert_eq!(toy.piton(&["climb", "--confinement", "high"]).status, 2);
}

#[test]
fn without_walls_nothing_is_kept_unattended_and_a_trial_by_hand_works() {
    let toy = Scratch::toy();
    toy.baseline();
    pretend(&toy, "none");
    toy.speed("110");
    let said = toy.piton(&["trial", "-m", "x", "--json", "--confinement", "none"]);
    assert_eq!((said.status, &said.json()["confinement"]), (0, &"none".into()));
    toy.git(&["switch", "--quiet", "main"]);
    let said = toy.piton(&["climb", "--trials", "1", "--confinement", "none"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("nothing is kept unattended"), "{said:?}");
}

#[test]
fn what_was_found_on_another_machine_is_not_believed() {
    let toy = Scratch::toy();
    toy.baseline();
    let mut remembered: Value = serde_json::from_str(&toy.read(".git/piton/walls.json")).unwrap();
    let found = remembered["found"]["level"].clone();
    (remembered["found"]["level"], remembered["boot"]) = ("none".into(), "another".into());
    toy.write(".git/piton/walls.json", &remembered.to_string());
    toy.speed("110");
    assert_eq!(toy.piton(&["trial", "-m", "x", "--json"]).json()["confinement"], found);
}
