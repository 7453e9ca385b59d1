//! What piton refuses, and that nothing is another one after it.

use piton_tests::{Scratch, refused};

#[test]
fn a_dirty_tree_is_refused_by_name_and_left_as_it_is() {
    let toy = Scratch::toy();
    toy.write("notes.txt", "mine");
    refused(&toy, &["baseline"], 3, &["the tree is not clean", "notes.txt", "git stash"]);
    assert_eq!(toy.read("notes.txt"), "mine");
    toy.write("measure.sh", "edited");
    refused(&toy, &["climb", "--trials", "1"], 3, &["the tree is not clean", "measure.sh"]);
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}

#[test]
fn a_repository_without_a_commit_is_refused() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet"]);
    refused(&scratch, &["climb"], 3, &["it has no commit", "commit your files first"]);
}

#[test]
fn a_place_without_a_repository_is_refused() {
    refused(&Scratch::empty(), &["climb"], 3, &["there is no git repository here"]);
}

#[test]
fn a_detached_head_is_refused() {
    let toy = Scratch::toy();
    toy.git(&["checkout", "--quiet", "--detach"]);
    refused(&toy, &["baseline"], 3, &["HEAD is detached", "git switch -c"]);
}

#[test]
fn a_bare_repository_is_refused() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--bare"]);
    refused(&scratch, &["baseline"], 3, &["it is bare"]);
}

#[test]
fn a_shallow_clone_is_refused() {
    let toy = Scratch::toy();
    toy.commit("a second commit");
    let clone = Scratch::empty();
    clone.git(&["clone", "--quiet", "--depth", "1", &format!("file://{}", toy.path().display()), "."]);
    refused(&clone, &["baseline"], 3, &["shallow", "git fetch --unshallow"]);
}

#[test]
fn a_repository_of_a_kind_that_cannot_be_kept_safe_is_refused_by_name() {
    let new = |args: &[&str]| {
        let scratch = Scratch::empty();
        scratch.git(&[&["init", "--quiet"][..], args].concat());
        scratch.write("file", "");
        scratch.commit("a commit");
        scratch
    };
    refused(&new(&["--object-format=sha256"]), &["climb"], 3, &["named by SHA-256", "nothing was changed"]);
    refused(&new(&["--ref-format=reftable"]), &["climb"], 3, &["a reftable", "git refs migrate"]);
    let sparse = new(&[]);
    sparse.git(&["sparse-checkout", "set", "src"]);
    refused(&sparse, &["climb"], 3, &["its checkout is sparse", "git sparse-checkout disable"]);
    let origin = new(&[]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = Scratch::empty();
    let url = format!("file://{}", origin.path().display());
    partial.git(&["clone", "--quiet", "--filter=blob:none", &url, "."]);
    refused(&partial, &["climb"], 3, &["a partial clone", "without --filter"]);
}

#[test]
fn a_run_name_that_exists_is_refused_and_the_run_stands() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["switch", "--quiet", "main"]);
    refused(&toy, &["baseline", "--run", "r"], 3, &["there is a run r already", "piton climb --run r"]);
    assert_eq!(toy.table().len(), 1);
}

#[test]
fn a_branch_of_that_name_which_piton_did_not_make_is_refused() {
    let toy = Scratch::toy();
    toy.git(&["branch", "piton/r"]);
    refused(&toy, &["baseline", "--run", "r"], 3, &["there is a run r already"]);
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let toy = Scratch::toy();
    for name in ["", "a b", "../x", "-x", "x.lock", "a..b"] {
        assert_eq!(toy.piton(&["baseline", &format!("--run={name}")]).status, 2, "{name:?}");
    }
}

#[test]
fn an_unknown_key_an_impossible_value_and_a_missing_metric_are_refused_by_name() {
    for (from, to, word) in [
        ("max_file_bytes", "max_file_size", "max_file_size"),
        ("timeout_s = 20\n[measure]", "timeout_s = -1\n[measure]", "-1"),
        ("direction = \"higher\"\n", "", "direction"),
        ("[metric]\nname = \"speed\"\ndirection = \"higher\"\nunit = \"x/s\"\n", "", "metric"),
        ("[[gate]]\nmetric = \"quality\"\nmin = 0.9", "[rule]\nn_max = 3", "rule.n_max is 3"),
    ] {
        let toy = Scratch::toy_with(from, to);
        refused(&toy, &["baseline"], 2, &["piton.toml cannot be used", word, "nothing was changed"]);
    }
}

#[test]
fn a_repository_without_an_experiment_is_told_what_is_missing() {
    let toy = Scratch::toy();
    toy.git(&["rm", "--quiet", "piton.toml"]);
    toy.commit("no experiment");
    refused(&toy, &["baseline"], 2, &["there is no piton.toml"]);
}

#[test]
fn a_baseline_that_does_not_build_begins_no_run() {
    let toy = Scratch::toy();
    toy.speed("BROKEN");
    toy.commit("broken");
    refused(&toy, &["baseline", "--run", "r"], 4, &["it does not build: error: this is broken", "run.log"]);
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
    toy.speed("100");
    toy.commit("mended");
    toy.baseline();
}

#[test]
fn a_baseline_that_fails_its_own_gate_begins_no_run() {
    let toy = Scratch::toy();
    toy.speed("7");
    toy.commit("poor");
    refused(&toy, &["baseline"], 4, &["it fails a gate itself: quality 0.5"]);
}

#[test]
fn a_gated_metric_that_the_harness_does_not_print_is_named() {
    let toy = Scratch::toy_with("metric = \"quality\"", "metric = \"kwality\"");
    refused(&toy, &["baseline"], 4, &["no metric `kwality`"]);
}

#[test]
fn a_build_command_that_does_not_exist_is_named() {
    let toy = Scratch::toy_with(
        "command = [\"sh\", \"{tree}/build.sh\", \"{tree}\", \"{target}\"]",
        "command = [\"no-such-tool\"]",
    );
    refused(&toy, &["baseline"], 1, &["`no-such-tool` did not start"]);
}

#[test]
fn there_is_nothing_to_show_before_the_first_run() {
    let toy = Scratch::toy();
    for args in [&["log"][..], &["show", "1"], &["status"]] {
        refused(&toy, args, 3, &["no run has begun"]);
    }
}

#[test]
fn a_trial_that_does_not_exist_is_named_with_those_that_do() {
    let toy = Scratch::toy();
    toy.baseline();
    refused(&toy, &["show", "9"], 3, &["no trial 9", "0 to 0"]);
}

#[test]
fn a_state_that_cannot_be_written_is_an_error_and_nothing_begins() {
    let toy = Scratch::toy();
    toy.write(".git/piton", "a file where a directory should be");
    let said = toy.piton(&["baseline"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}

#[test]
fn what_stands_where_piton_writes_is_replaced_and_what_a_link_points_at_is_not_written() {
    let toy = Scratch::toy();
    toy.baseline();
    for name in ["run.log", "results.tsv"] {
        std::fs::remove_file(toy.path().join(name)).unwrap();
        std::os::unix::fs::symlink(toy.path().join("measure.sh"), toy.path().join(name)).unwrap();
    }
    let before = toy.read("measure.sh");
    toy.speed("110");
    let said = toy.piton(&["trial", "-m", "an idea"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(toy.read("measure.sh"), before);
    assert!(toy.read("results.tsv").starts_with("commit\t") && toy.read("run.log").starts_with("$ "));
    for name in ["run.log", "results.tsv"] {
        std::fs::remove_file(toy.path().join(name)).unwrap();
        std::fs::create_dir(toy.path().join(name)).unwrap();
    }
    toy.speed("120");
    assert_eq!(toy.piton(&["trial", "-m", "an idea"]).status, 0);
    assert_eq!(toy.table().len(), 3);
}

#[test]
fn what_is_to_be_judged_again_is_a_file_of_a_sane_size_with_text_in_it() {
    let toy = Scratch::toy();
    std::fs::write(toy.path().join("binary"), b"\xff\xfe\0").unwrap();
    toy.write("empty", "");
    toy.write("good", "\u{feff}{\"primary\": {\"tau\": 0.01, \"d\": [0.1, 0.1]}}\r\n");
    let replay = |file: &str| toy.piton(&["replay", file]);
    refused(&toy, &["replay", "."], 2, &["was not judged", "Is a directory", "piton show N --pairs"]);
    refused(&toy, &["replay", "binary"], 2, &["UTF-8"]);
    refused(&toy, &["replay", "empty"], 2, &["EOF"]);
    refused(&toy, &["replay", "/dev/zero"], 2, &["longer than 16 MiB"]);
    refused(&toy, &["replay", "none"], 2, &["No such file"]);
    assert_eq!(replay("good").json()["verdict"], "continue");
}

#[test]
fn an_experiment_that_is_no_file_or_no_text_is_told_from_one_that_is_wrong() {
    let toy = Scratch::toy();
    std::fs::write(toy.path().join("piton.toml"), b"name = \"toy\"\nunit = \"\xb5s\"\n").unwrap();
    toy.commit("another system's file");
    refused(&toy, &["baseline"], 2, &["line 2 is not UTF-8 text", "nothing was started"]);
    refused(&toy, &["rule", "explain"], 2, &["line 2 is not UTF-8 text"]);
    std::fs::remove_file(toy.path().join("piton.toml")).unwrap();
    toy.write("piton.toml/inner", "");
    toy.commit("a directory");
    refused(&toy, &["baseline"], 2, &["there is no piton.toml in this commit"]);
}

#[test]
fn a_link_that_an_agent_leaves_for_its_next_brief_is_not_followed() {
    let toy = Scratch::toy();
    toy.write(".git/victim", "mine");
    let victim = toy.path().join(".git/victim");
    let agent = format!(
        "test -f .piton/brief.md && test ! -L .piton/brief.md || exit 9; ln -sf {} .piton/brief.md; echo >> src/speed.rs",
        victim.display()
    );
    let said = toy.piton(&["climb", "--run", "r", "--trials", "3", "--agent", &agent]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(!said.err.contains("the agent failed"), "each found a brief of its own: {}", said.err);
    assert_eq!(toy.read(".git/victim"), "mine");
}

/// What a user may ask for that would change something, with runs and trials that there are and that there are not.
const WRITES: [&[&str]; 17] = [
    &["baseline"],
    &["baseline", "--run", "r"],
    &["baseline", "--run", "a/b"],
    &["climb", "--run", "r", "--trials", "1"],
    &["climb", "--agent", "no-such-agent-at-all"],
    &["trial", "-m", " "],
    &["trial", "-m", "x"],
    &["accept", "1", "--by", "me"],
    &["accept", "99", "--by", "me"],
    &["verify", "--run", "r"],
    &["resume"],
    &["resume", "--run", "none"],
    &["stop", "--run", "none"],
    &["note", "x", "--run", "none"],
    &["finalize", "--apply", "--run", "r"],
    &["import", "piton.toml"],
    &["guard", "--", "true"],
];

/// And what would not.
const READS: [&[&str]; 16] = [
    &["verify", "--run", "none"],
    &["notes", "--run", "none"],
    &["finalize", "--run", "none"],
    &["show", "99"],
    &["diff", "0", "99"],
    &["compare", "0", "none"],
    &["log", "--since", "never"],
    &["export", "--run", "none"],
    &["report", "--run", "none"],
    &["status", "--run", "none"],
    &["search", "x", "--run", "none"],
    &["import", "no-such-file"],
    &["replay", "none"],
    &["audit", "--run", "none"],
    &["brief", "--run", "none"],
    &["noise", "--pairs", "0"],
];

#[test]
fn whatever_is_refused_wherever_it_is_refused_changes_nothing() {
    let moved = |toy: &Scratch| drop(toy.git(&["update-ref", "refs/heads/piton/r", "main"]));
    type Made<'a> = &'a dyn Fn(&Scratch);
    let states: [(&str, Made); 9] = [
        ("as a climb leaves it", &|_| {}),
        ("on the branch of the run", &|toy| drop(toy.git(&["switch", "--quiet", "piton/r"]))),
        ("a file that is not committed", &|toy| toy.write("measure.sh", "edited")),
        ("a branch that was moved, and a table that was edited", &|toy| {
            moved(toy);
            toy.write("results.tsv", "mine");
        }),
        ("a link where piton's directory is", &|toy| {
            let _ = std::fs::remove_dir_all(toy.path().join(".piton"));
            std::os::unix::fs::symlink(".git", toy.path().join(".piton")).unwrap();
        }),
        ("no ledger", &|toy| std::fs::remove_file(toy.path().join(".git/piton/ledger.db")).unwrap()),
        ("an empty ledger", &|toy| {
            toy.write(".git/piton/ledger.db", "");
            let _ = std::fs::remove_file(toy.path().join(".git/piton/ledger.db-wal"));
        }),
        ("HEAD detached", &|toy| drop(toy.git(&["checkout", "--quiet", "--detach"]))),
        ("an experiment that cannot be used", &|toy| {
            toy.write("piton.toml", "x");
            toy.commit("broken");
        }),
    ];
    let (mut refusals, mut wrong) = (0, vec![]);
    for (state, make) in states {
        let toy = Scratch::toy();
        assert_eq!(toy.piton(&["climb", "--run", "r", "--trials", "2"]).status, 0);
        make(&toy);
        let reads = if state.contains("ledger") || refusals == 0 { &READS[..] } else { &[] };
        for asked in WRITES.iter().chain(reads) {
            let before = toy.standing();
            let said = toy.piton(asked);
            if [2, 3].contains(&said.status) {
                assert!(said.err.starts_with("error:"), "{state}: {said:?}");
                let changed = toy.changed(&before, said.status);
                if !changed.is_empty() {
                    wrong.push(format!("{state}: {asked:?}: {changed:?}: {}", said.err));
                }
                refusals += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refusals > 90, "{refusals}");
}
