//! `piton profile`, and what an agent is told of it. The profiler is a small program of the test's, which does with the measuring command what perf does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use piton_tests::{Said, Scratch};

/// `record --output FILE -- COMMAND` runs the command and writes; `report --input FILE` prints what perf would.
const PERF: &str = r#"#!/bin/sh
kind=$1; shift
if [ "$kind" = record ]; then
  while [ "$1" != -- ]; do [ "$1" = --output ] && out=$2; shift; done; shift
  "$@"; status=$?
  echo "seen $status" > "$out"
  exit $status
fi
while [ $# -gt 0 ]; do [ "$1" = --input ] && in=$2; [ "$1" = --fields ] && fields=$2; shift; done
[ -e "$(dirname "$0")/no-lines" ] && case $fields in *srcline) kill -PIPE $$ ;; esac
grep -q "seen 0" "$in" || exit 1
echo '# a heading'
echo "  90|speed|speed  |[.] climb_the_rock|src/speed.rs:1"
echo "  10|speed|libc.so|[.] memcpy        |??:0"
"#;

/// The toy and a directory with that perf, and with all that a toy needs.
fn toy() -> (Scratch, String) {
    let toy = Scratch::toy();
    let bin = toy.state_home().parent().expect("a directory").join("bin");
    fs::create_dir(&bin).expect("a directory");
    let perf = bin.join("perf");
    fs::write(&perf, PERF).expect("a file");
    fs::set_permissions(&perf, fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    (toy, path)
}

fn piton(toy: &Scratch, path: &str, args: &[&str]) -> Said {
    toy.command(args).env("PATH", path).output().expect("piton runs").into()
}

#[test]
fn a_profile_tells_the_hottest_functions_and_leaves_everything_as_it_was() {
    let (toy, path) = toy();
    let committed = piton(&toy, &path, &["profile", "--json"]).json();
    assert_eq!(committed["what"], "what is committed here");
    toy.baseline();
    let before = toy.standing();
    let said = piton(&toy, &path, &["profile"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.starts_with("the baseline of run "), "{}", said.out);
    assert!(
        said.out.contains("100 samples by perf")
            && said.out.contains(" 90.0 %  climb_the_rock  src/speed.rs:1\n"),
        "{}",
        said.out
    );
    let changed = toy.changed(&before, 0);
    assert!(changed.is_empty(), "{changed:#?}");
    assert_eq!(toy.processes(), [0; 0]);
}

#[test]
fn where_perf_ends_while_it_looks_for_lines_functions_are_told_all_the_same() {
    let (toy, path) = toy();
    let bin = toy.state_home().parent().expect("a directory").join("bin");
    fs::write(bin.join("no-lines"), "").expect("a file");
    let said = piton(&toy, &path, &["profile"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains(" 90.0 %  climb_the_rock"), "{}", said.out);
}

#[test]
fn an_agent_is_told_where_the_time_of_each_incumbent_goes() {
    let (toy, path) = toy();
    let seen = toy.state_home().parent().expect("a directory").join("seen");
    fs::create_dir(&seen).expect("a directory");
    let agent = format!(
        "cp \"$PITON_BRIEF\" {0}/$(ls {0} | wc -l); n=$(ls {0} | wc -l); echo \"const SPEED: u32 = $((100 + 50 * n));\" > src/speed.rs",
        seen.display()
    );
    let args = [
        "climb",
        "--agent",
        &agent,
        "--allow-write",
        seen.to_str().expect("a path"),
        "--trials",
        "2",
        "--profile",
    ];
    let said = piton(&toy, &path, &args);
    assert_eq!(said.status, 0, "{said:?}");
    for brief in ["0", "1"] {
        let brief = fs::read_to_string(seen.join(brief)).expect("a brief");
        assert!(brief.contains("## Where the incumbent's time goes, by a profiler"), "{brief}");
        assert!(brief.contains(" 90.0 %  climb_the_rock  src/speed.rs:1"), "{brief}");
    }
}

#[test]
fn without_a_profiler_a_climb_goes_on_and_says_so_and_profile_says_what_to_install() {
    let (toy, _) = toy();
    // Everything that this machine has, but for perf.
    let bin = toy.state_home().parent().expect("a directory").join("without");
    fs::create_dir(&bin).expect("a directory");
    let dirs = std::env::var("PATH").unwrap_or_default();
    for program in ["sh", "sed", "grep", "cat", "git", "cc", "env", "touch", "sleep"] {
        let there = dirs.split(':').map(|dir| Path::new(dir).join(program)).find(|path| path.exists());
        if let Some(there) = there {
            std::os::unix::fs::symlink(there, bin.join(program)).expect("a link");
        }
    }
    let path = bin.to_str().expect("a path");
    let said = piton(&toy, path, &["profile"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("perf is not installed") && said.err.contains("hint: "), "{}", said.err);
    let climbed = piton(&toy, path, &["climb", "--trials", "1", "--profile"]);
    assert_eq!(climbed.status, 0, "{climbed:?}");
    assert!(climbed.err.contains("not profiled: perf is not installed"), "{climbed:?}");
}
