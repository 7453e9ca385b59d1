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

/// A module of Go with a benchmark of fixed length, measured by its test binary or by `go test`.
const GO: &str = r#"name = "go"
[metric]
of = "all"
[scope]
editable = ["x.go"]
[build]
command = ["sh", "-c", "cd \"$0\" && go test -c -o \"$1/x.test\" .", "{tree}", "{target}"]
artifact = "{target}/x.test"
env = { GOCACHE = "{target}/go", GOFLAGS = "-mod=readonly", GOTOOLCHAIN = "local" }
timeout_s = 300
[measure]
command = ["sh", "-c", "cd \"$0\" && exec \"$1\" -test.run '^$' -test.bench . -test.benchtime 200x", "{tree}", "{artifact}"]
format = "go"
timeout_s = 120
"#;

#[test]
fn a_benchmark_of_go_is_profiled_by_go_itself() {
    if std::process::Command::new("go").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no go");
        return;
    }
    let module = Scratch::empty();
    module.git(&["init", "--quiet", "--initial-branch=main"]);
    module.write("go.mod", "module example.org/x\n\ngo 1.18\n");
    module.write(
        "x.go",
        "package x\n\n//go:noinline\nfunc ClimbTheRock(n int) (s float64) {\n\tfor i := 1; i < n; i++ {\n\t\ts += 1 / float64(i)\n\t}\n\treturn s\n}\n",
    );
    module.write(
        "x_test.go",
        "package x\n\nimport \"testing\"\n\nfunc BenchmarkRock(b *testing.B) {\n\tfor i := 0; i < b.N; i++ {\n\t\tClimbTheRock(2000000)\n\t}\n}\n",
    );
    let (binary, go) = (
        "exec \\\"$1\\\" -test.run '^$' -test.bench . -test.benchtime 200x\", \"{tree}\", \"{artifact}\"]",
        "export GOCACHE=$TMPDIR/go GOFLAGS=-mod=readonly GOTOOLCHAIN=local && exec go test -run '^$' -bench . -benchtime 200x\", \"{tree}\"]",
    );
    let by_go = GO.replace(binary, go);
    assert_ne!(by_go, GO);
    for config in [GO, &by_go] {
        module.write("piton.toml", config);
        module.commit("a module");
        let seen = module.piton(&["profile", "--json"]);
        assert_eq!(seen.status, 0, "{seen:?}");
        let seen = seen.json();
        let hot = &seen["hot"][0];
        assert_eq!(
            (&seen["profiler"], &hot["function"]),
            (&"go".into(), &"example.org/x.ClimbTheRock".into()),
            "{seen}"
        );
        assert!(hot["place"].as_str().is_some_and(|place| place.starts_with("x.go:")), "{seen}");
        assert_eq!(module.git(&["status", "--porcelain"]), "");
    }
}
