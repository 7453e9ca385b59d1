//! Experiments without a harness: what is measured runs in the tree that holds what measures it.

use piton_tests::{Said, Scratch};

const EXPERIMENT: &str = r#"name = "sealed"
[metric]
name = "speed"
direction = "higher"
[scope]
editable = ["src"]
max_file_bytes = 10000
[measure]
command = ["sh", "{tree}/bench.sh", "{tree}"]
timeout_s = 20
[machine]
steal_pct = 100
pressure_pct = 100
"#;

/// Runs what is measured, lets nothing of it out, and asks another sealed file for the figure.
const BENCH: &str = r#"cd "$1"
sh src/work.sh > "$TMPDIR/out" 2>&1
. ./lib/count.sh
sh lib/figure.sh "$(count src/work.sh)"
"#;
const COUNT: &str = "count() { grep -c . \"$1\"; }\n";
const FIGURE: &str = "echo \"{\\\"speed\\\": $((1000 / ($1 + 1))).$((PITON_SEED % 10))}\"\n";
/// What the figure is forged by: less than what is held for a person.
const FORGED: &str = "echo \"{\\\"speed\\\": 400.$((PITON_SEED % 10))}\"";

/// An experiment whose figure is worse the more lines `src/work.sh` has: eight of them here.
fn experiment(config: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", config);
    scratch.write("bench.sh", BENCH);
    scratch.write("lib/count.sh", COUNT);
    scratch.write("lib/figure.sh", FIGURE);
    scratch.write("src/work.sh", &":\n".repeat(8));
    scratch.commit("an experiment that measures in its tree");
    scratch.baseline();
    scratch
}

fn edited(scratch: &Scratch, code: &str) {
    // As long as the incumbent, so that nothing but the forgery is a gain.
    let lines = code.lines().filter(|line| !line.is_empty()).count();
    scratch.write("src/work.sh", &format!("{code}\n{}", ":\n".repeat(8 - lines)));
}

fn trial(scratch: &Scratch, code: &str) -> Said {
    edited(scratch, code);
    scratch.piton(&["trial", "-m", code.lines().next().unwrap_or_default()])
}

/// A user namespace in which nobody gets another namespace: what a job finds where a machine gives none.
const BARE: &str = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin,-setuid,-setgid --inh-caps=-sys_admin,-setuid,-setgid \"$@\"";

/// Runs `piton` where there is no mount namespace to be had; `None` where this machine cannot even make that.
fn bare(scratch: &Scratch, args: &[&str]) -> Option<Said> {
    let head = ["--user", "--map-root-user", "sh", "-c", BARE, "sh"];
    let can = std::process::Command::new("unshare").args(head).arg("true").output();
    if !can.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let piton = scratch.command(args);
    let mut command = std::process::Command::new("unshare");
    command.args(head).arg(piton.get_program()).args(piton.get_args()).current_dir(scratch.path());
    command.envs(piton.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(command.output().expect("unshare starts").into())
}

/// What is done in the tree by what is measured there, and where it is told, by which name.
fn attacks() -> Vec<(String, Option<&'static str>)> {
    let forge = |how: &str| how.replace("@FORGED@", FORGED);
    let only_refused = [
        // The file itself.
        "echo '@FORGED@' > lib/figure.sh",
        "echo '@FORGED@' > x; cat x > lib/figure.sh",
        "echo '@FORGED@' > x; mv -f x lib/figure.sh",
        "echo '@FORGED@' > x; rm -f lib/figure.sh; mv x lib/figure.sh",
        "echo '@FORGED@' > x; rm -f lib/figure.sh; ln -s ../x lib/figure.sh",
        "echo '@FORGED@' > x; ln -f x lib/figure.sh",
        "chmod u+w lib/figure.sh; echo '@FORGED@' > lib/figure.sh",
        "ln lib/figure.sh src/x && echo '@FORGED@' > src/x",
        "echo 'count() { echo 1; }' >> lib/count.sh",
        // The directory that it lies in.
        "mv lib old; mkdir lib; cp old/* lib/; echo '@FORGED@' > lib/figure.sh",
        "mv lib old; cp -r old new; echo '@FORGED@' > new/figure.sh; ln -s new lib",
        "rm -rf lib; mkdir lib; echo 'count() { :; }' > lib/count.sh; echo '@FORGED@' > lib/figure.sh",
        // The tree, from where it stands.
        "cd ..; mv tree old; cp -r old tree; echo '@FORGED@' > tree/lib/figure.sh",
        // Later, and put back.
        "(while :; do echo '@FORGED@' > lib/figure.sh; done) > /dev/null 2>&1 &",
        "cp lib/figure.sh x; echo '@FORGED@' > lib/figure.sh; (sleep 0.2; cat x > lib/figure.sh) > /dev/null 2>&1 &",
        "setsid sh -c \"mv lib old; mkdir lib; cp old/* lib\"; echo '@FORGED@' > lib/figure.sh",
        "echo '@FORGED@' > bench.sh",
    ];
    let told = [
        ("echo 'x:' > GNUmakefile", "GNUmakefile"),
        ("echo 'x:' > GNUmakefile; rm GNUmakefile", "GNUmakefile"),
        ("echo > src/x; mv src/x lib/conftest.py; rm lib/conftest.py", "lib/conftest.py"),
        ("ln -s src/work.sh sitecustomize.py", "sitecustomize.py"),
        ("mkdir .cargo; rmdir .cargo", ".cargo"),
        ("mkdir -p node_modules/x", "node_modules"),
        ("echo '{}' > package.json", "package.json"),
        ("echo > src/test_more.py", "src/test_more.py"),
    ];
    let refused = only_refused.iter().map(|how| (forge(how), None));
    refused.chain(told.iter().map(|(how, name)| ((*how).to_owned(), Some(*name)))).collect()
}

fn none_gets_through(scratch: &Scratch) {
    for (code, name) in attacks() {
        let said = trial(scratch, &code);
        assert_ne!(said.status, 0, "{code}\n{said:?}");
        if let Some(name) = name {
            assert!(said.out.contains("tampered") && said.out.contains(name), "{code}\n{said:?}");
        }
    }
    // Fewer lines, honestly.
    scratch.write("src/work.sh", ":\n:\n:\n");
    let said = scratch.piton(&["trial", "-m", "fewer lines"]);
    assert!(said.out.contains("kept: +12"), "{said:?}");
}

#[test]
fn what_is_measured_cannot_change_what_measures_it() {
    none_gets_through(&experiment(EXPERIMENT));
}

#[test]
fn where_there_are_no_mounts_what_was_changed_is_found_afterwards() {
    let scratch = experiment(EXPERIMENT);
    // The walls are tried anew in each of these namespaces, which takes its time.
    for (code, name) in attacks().into_iter().step_by(2) {
        edited(&scratch, &code);
        let Some(said) = bare(&scratch, &["trial", "-m", "x"]) else { return };
        let undone = code.starts_with("cd ..");
        assert!(said.out.contains("crashed (tampered)") || undone && said.status == 10, "{code}\n{said:?}");
        assert!(name.is_none_or(|name| said.out.contains(name)), "{code}\n{said:?}");
    }
    scratch.write("src/work.sh", ":\n:\n:\n");
    let said = bare(&scratch, &["trial", "-m", "fewer lines"]).unwrap();
    assert!(said.out.contains("kept: +12"), "{said:?}");
}

#[test]
fn what_a_build_made_of_its_tree_is_measured_in_a_tree_that_holds_what_is_sealed() {
    let build = "[build]\ncommand = [\"sh\", \"-c\", \"echo made > {tree}/made.txt; echo > {tree}/config.mk\"]\ntimeout_s = 20\n[measure]";
    let scratch = experiment(&EXPERIMENT.replace("[measure]", build));
    none_gets_through(&scratch);
}

#[test]
fn what_runs_while_a_tree_is_built_cannot_change_what_is_sealed_in_it() {
    let build = "[build]\ncommand = [\"sh\", \"{tree}/build.sh\", \"{tree}\"]\ntimeout_s = 20\n[measure]";
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", &EXPERIMENT.replace("[measure]", build));
    scratch.write("build.sh", "cd \"$1\"; sh src/generate.sh; echo > config.mk; exit 0\n");
    scratch.write("bench.sh", BENCH);
    scratch.write("lib/count.sh", COUNT);
    scratch.write("lib/figure.sh", FIGURE);
    scratch.write("src/work.sh", &":\n".repeat(8));
    scratch.write("src/generate.sh", ":\n");
    scratch.commit("a build that runs what it builds");
    scratch.baseline();
    for (code, name) in attacks() {
        // A build may remove what it made: nothing of it is measured.
        let left = name.is_none() || !code.contains("rm");
        scratch.write("src/generate.sh", &format!("{code}\n"));
        let said = scratch.piton(&["trial", "-m", "x"]);
        assert_ne!(said.status, 0, "{code}\n{said:?}");
        if let Some(name) = name.filter(|name| left && !name.starts_with("src/")) {
            assert!(said.out.contains(name), "{code}\n{said:?}");
        }
    }
}

#[test]
fn what_the_experiment_says_that_it_rewrites_it_may_rewrite() {
    let rewrites =
        BENCH.to_owned() + "echo \"$(cat results/last 2>/dev/null) more\" > results/last; touch Makefile\n";
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", EXPERIMENT);
    scratch.write("bench.sh", &rewrites);
    scratch.write("results/last", "nothing\n");
    scratch.write("lib/count.sh", COUNT);
    scratch.write("lib/figure.sh", FIGURE);
    scratch.write("src/work.sh", ":\n:\n:\n");
    scratch.commit("a benchmark that keeps its results");
    let said = scratch.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("[scope] made"), "{said:?}");
    let made = EXPERIMENT.replace("max_file_bytes", "made = [\"results/\", \"/Makefile\"]\nmax_file_bytes");
    scratch.write("piton.toml", &made);
    scratch.commit("say so");
    scratch.baseline();
    scratch.write("src/work.sh", ":\n");
    let said = scratch.piton(&["trial", "-m", "fewer lines"]);
    assert_eq!(said.status, 0, "{said:?}");
}

/// The figure goes to a descriptor; the candidate gets whatever `run` gives it.
fn with_descriptor(run: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write(
        "piton.toml",
        &EXPERIMENT.replace("bench.sh\", \"{tree}\"]", "bench.sh\", \"{tree}\", \"{out}\"]"),
    );
    let bench = format!(
        "cd \"$1\"\n{run}\necho \"{{\\\"speed\\\": $((1000 / ($(grep -c . src/work.sh) + 1))).$((PITON_SEED % 10))}}\" >&\"$2\"\n"
    );
    scratch.write("bench.sh", &bench);
    scratch.write("src/work.sh", &":\n".repeat(8));
    scratch.commit("a result of its own");
    scratch
}

#[test]
fn a_result_that_is_written_to_its_own_descriptor_cannot_be_forged_by_who_was_not_given_it() {
    let scratch = with_descriptor("sh src/work.sh 3>&-");
    scratch.baseline();
    let forged = "{\\\"speed\\\": 400.1}";
    for code in [
        format!("echo \"{forged}\""),
        format!("echo \"{forged}\" >&2; echo \"{forged}\""),
        format!("echo \"{forged}\" >&3"),
        format!("for p in $PPID $$ self 1 $(ls /proc); do echo \"{forged}\" > /proc/$p/fd/3; done"),
        format!(
            "for p in $PPID $(ls /proc); do echo \"{forged}\" >> /proc/$p/fd/3; exec 5<>/proc/$p/fd/3; done"
        ),
        format!("echo \"{forged}\" > /dev/fd/3"),
        format!("for f in $(find / -name 'sample.result' 2>/dev/null); do echo \"{forged}\" > $f; done"),
        format!("(while :; do echo \"{forged}\" > /proc/$PPID/fd/3; done) 2>/dev/null &"),
        "truncate -s 0 /proc/$PPID/fd/3; cp /dev/null /proc/$PPID/fd/3; rm -f /proc/$PPID/fd/3".to_owned(),
    ] {
        let said = trial(&scratch, &code);
        assert_ne!(said.status, 0, "{code}\n{said:?}");
    }
    scratch.write("src/work.sh", ":\n:\n:\n");
    let said = scratch.piton(&["trial", "-m", "fewer lines"]);
    assert!(said.out.contains("kept: +12"), "{said:?}");
}

#[test]
fn who_writes_nothing_to_the_descriptor_is_told_how() {
    let scratch = with_descriptor("exit 0");
    let said = scratch.piton(&["baseline", "--run", "r"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("nothing was written to the descriptor 3"), "{said:?}");
}

#[test]
fn a_forged_line_beside_the_true_one_is_a_fault_however_they_are_glued() {
    let lines =
        EXPERIMENT.replace("timeout_s = 20\n[machine]", "timeout_s = 20\nformat = \"lines\"\n[machine]");
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", &lines);
    scratch.write(
        "bench.sh",
        "cd \"$1\"\nsh src/work.sh\necho \"speed: $((1000 / ($(grep -c . src/work.sh) + 1))).$((PITON_SEED % 10))\"\n",
    );
    scratch.write("src/work.sh", &":\n".repeat(8));
    scratch.commit("lines");
    scratch.baseline();
    for code in [
        "printf 'speed: 400\\nx'",
        "printf 'speed: 400\\nspeed: 1'",
        "printf 'speed: 400\\nmy_'",
        "printf 'speed: 400\\nstep 1 '",
        "printf 'speed: 400\\n\\033]0;'",
        "printf 'speed: 400\\n\\033['",
        "printf 'speed: 400\\n\\342\\200\\213'",
        "printf 'speed: 400\\n\\342'",
        "printf 'speed: 400\\n\\000'",
        "printf 'speed: 400\\n# '",
        "printf 'speed=400\\nspeed '",
        "echo 'speed: 400'; head -c 600000 /dev/zero",
        "echo 'speed: 400'; head -c 600000 /dev/zero | tr '\\0' x",
        "echo 'speed: 400'; (sleep 0.05; printf x) &",
        "printf 'speed: 400'",
    ] {
        let said = trial(&scratch, code);
        assert_ne!(said.status, 0, "{code}\n{said:?}");
    }
    scratch.write("src/work.sh", "echo speeding up\n:\n:\n");
    let said = scratch.piton(&["trial", "-m", "fewer lines"]);
    assert!(said.out.contains("kept: +12"), "{said:?}");
}
