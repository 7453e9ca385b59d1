//! What piton refuses, and that it loses nothing by it.

use piton_tests::{Said, Scratch};

fn refused(said: &Said, status: i32, words: &[&str]) {
    assert_eq!(said.status, status, "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word} in {}", said.err);
    }
    assert_eq!(said.out, "");
}

#[test]
fn a_dirty_tree_is_refused_by_name_and_left_as_it_is() {
    let toy = Scratch::toy();
    toy.write("notes.txt", "mine");
    refused(&toy.piton(&["baseline"]), 3, &["the tree is not clean", "notes.txt", "git stash"]);
    refused(&toy.piton(&["climb", "--trials", "1"]), 3, &["the tree is not clean"]);
    assert_eq!(toy.read("notes.txt"), "mine");
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}

#[test]
fn a_repository_without_a_commit_is_refused() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet"]);
    refused(&scratch.piton(&["climb"]), 3, &["it has no commit", "commit your files first"]);
}

#[test]
fn a_place_without_a_repository_is_refused() {
    refused(&Scratch::empty().piton(&["climb"]), 3, &["there is no git repository here"]);
}

#[test]
fn a_detached_head_is_refused() {
    let toy = Scratch::toy();
    toy.git(&["checkout", "--quiet", "--detach"]);
    refused(&toy.piton(&["baseline"]), 3, &["HEAD is detached", "git switch -c"]);
}

#[test]
fn a_bare_repository_is_refused() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--bare"]);
    refused(&scratch.piton(&["baseline"]), 3, &["it is bare"]);
}

#[test]
fn a_shallow_clone_is_refused() {
    let toy = Scratch::toy();
    toy.commit("a second commit");
    let clone = Scratch::empty();
    clone.git(&["clone", "--quiet", "--depth", "1", &format!("file://{}", toy.path().display()), "."]);
    refused(&clone.piton(&["baseline"]), 3, &["shallow", "git fetch --unshallow"]);
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
    refused(
        &new(&["--object-format=sha256"]).piton(&["climb"]),
        3,
        &["named by SHA-256", "nothing was changed"],
    );
    refused(&new(&["--ref-format=reftable"]).piton(&["climb"]), 3, &["a reftable", "git refs migrate"]);
    let sparse = new(&[]);
    sparse.git(&["sparse-checkout", "set", "src"]);
    refused(&sparse.piton(&["climb"]), 3, &["its checkout is sparse", "git sparse-checkout disable"]);
    let origin = new(&[]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = Scratch::empty();
    let url = format!("file://{}", origin.path().display());
    partial.git(&["clone", "--quiet", "--filter=blob:none", &url, "."]);
    refused(&partial.piton(&["climb"]), 3, &["a partial clone", "without --filter"]);
}

#[test]
fn a_run_name_that_exists_is_refused_and_the_run_stands() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["switch", "--quiet", "main"]);
    refused(&toy.piton(&["baseline", "--run", "r"]), 3, &["there is a run r already", "piton climb --run r"]);
    assert_eq!(toy.table().len(), 1);
}

#[test]
fn a_branch_of_that_name_which_piton_did_not_make_is_refused() {
    let toy = Scratch::toy();
    toy.git(&["branch", "piton/r"]);
    refused(&toy.piton(&["baseline", "--run", "r"]), 3, &["there is a run r already"]);
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
        refused(&toy.piton(&["baseline"]), 2, &["piton.toml cannot be used", word, "nothing was changed"]);
    }
}

#[test]
fn a_repository_without_an_experiment_is_told_what_is_missing() {
    let toy = Scratch::toy();
    toy.git(&["rm", "--quiet", "piton.toml"]);
    toy.commit("no experiment");
    refused(&toy.piton(&["baseline"]), 2, &["there is no piton.toml"]);
}

#[test]
fn a_baseline_that_does_not_build_begins_no_run() {
    let toy = Scratch::toy();
    toy.speed("BROKEN");
    toy.commit("broken");
    refused(
        &toy.piton(&["baseline", "--run", "r"]),
        4,
        &["it does not build: error: this is broken", "run.log"],
    );
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
    refused(&toy.piton(&["baseline"]), 4, &["it fails a gate itself: quality 0.5"]);
}

#[test]
fn a_gated_metric_that_the_harness_does_not_print_is_named() {
    let toy = Scratch::toy_with("metric = \"quality\"", "metric = \"kwality\"");
    refused(&toy.piton(&["baseline"]), 4, &["no metric `kwality`"]);
}

#[test]
fn a_build_command_that_does_not_exist_is_named() {
    let toy = Scratch::toy_with(
        "command = [\"sh\", \"{tree}/build.sh\", \"{tree}\", \"{target}\"]",
        "command = [\"no-such-tool\"]",
    );
    refused(&toy.piton(&["baseline"]), 1, &["`no-such-tool` did not start"]);
}

#[test]
fn there_is_nothing_to_show_before_the_first_run() {
    let toy = Scratch::toy();
    for args in [&["log"][..], &["show", "1"], &["status"]] {
        refused(&toy.piton(args), 3, &["no run has begun"]);
    }
}

#[test]
fn a_trial_that_does_not_exist_is_named_with_those_that_do() {
    let toy = Scratch::toy();
    toy.baseline();
    refused(&toy.piton(&["show", "9"]), 3, &["no trial 9", "0 to 0"]);
}

#[test]
fn a_climb_from_the_branch_that_it_would_move_is_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    refused(&toy.piton(&["climb"]), 3, &["this checkout is on a run's branch", "piton climb --run r"]);
}

#[test]
fn a_state_that_cannot_be_written_is_an_error_and_nothing_begins() {
    let toy = Scratch::toy();
    toy.write(".git/piton", "a file where a directory should be");
    let said = toy.piton(&["baseline"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}
