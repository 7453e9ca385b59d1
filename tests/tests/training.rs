//! karpathy/autoresearch and its ports, set up as they are and climbed.

use std::path::Path;
use std::process::Command;

use piton_tests::training::{PROGRAM, RESULTS, repository};
use piton_tests::{Said, Scratch};

/// `piton` with the home directory in which the data lies.
fn piton(scratch: &Scratch, args: &[&str]) -> Said {
    let mut command: Command = scratch.command(args);
    command.env("HOME", scratch.path().join("home"));
    command.output().expect("piton starts").into()
}

/// Set up and committed, with pairs enough for a verdict and not for a proof of every guard.
fn begun(scratch: &Scratch) {
    let said = piton(scratch, &["init", "--commit", "--import", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    assert_eq!(report["tried"]["failed"], serde_json::Value::Null, "{report}");
    let toml = scratch.read("piton.toml");
    assert!(toml.contains("preset = \"training\"\nbudget = \"cpu\""), "{toml}");
    scratch.write("piton.toml", &toml.replace("budget = \"cpu\"", "recheck = \"off\"\nbudget = \"cpu\""));
    scratch.commit("no recheck");
}

#[test]
fn what_a_project_brings_along_is_kept_and_what_contradicts_is_told() {
    let scratch = repository();
    begun(&scratch);
    let program = scratch.read("program.md");
    assert!(program.ends_with(PROGRAM) && program.contains("piton runs, measures, commits"), "{program}");
    assert_eq!(scratch.read("results.tsv"), RESULTS);
    let log = piton(&scratch, &["log", "--run", "autoresearch-results"]);
    assert!(log.out.contains("larger steps"), "{log:?}");
    // Once is enough.
    let again = piton(&scratch, &["init"]);
    assert_eq!((again.status, scratch.read("program.md")), (0, program), "{again:?}");
}

#[test]
fn the_seed_is_pitons_and_a_better_rate_is_kept_on_seeds_that_both_sides_share() {
    let scratch = repository();
    begun(&scratch);
    let climbed = piton(
        &scratch,
        &[
            "climb",
            "--run",
            "r",
            "--trials",
            "1",
            "--agent",
            "sed 's/LEARNING_RATE = 0.01/LEARNING_RATE = 0.1/' train.py > \"$TMPDIR/t\" && cat \"$TMPDIR/t\" > train.py",
        ],
    );
    assert_eq!(climbed.status, 0, "{climbed:?}");
    let record = piton(&scratch, &["show", "1", "--run", "r", "--json"]).json();
    let record = record.get("record").unwrap_or(&record).clone();
    let pairs = record["measured"]["pairs"].as_array().or(record["pairs"].as_array()).unwrap().clone();
    let drawn =
        |side: &str| -> Vec<f64> { pairs.iter().map(|pair| pair[side]["cpu_s"].as_f64().unwrap()).collect() };
    assert!(drawn("incumbent").iter().all(|seconds| *seconds > 0.0), "piton's own figure: {pairs:?}");
    assert!(climbed.out.contains("1 kept"), "{climbed:?}");
}

#[test]
fn a_figure_that_is_printed_twice_is_refused() {
    let scratch = repository();
    begun(&scratch);
    let text = scratch.read("train.py") + "print('val_bpb: 0.1')\n";
    scratch.write("train.py", &text);
    scratch.commit("it says two figures");
    let said = piton(&scratch, &["baseline"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("printed val_bpb more than once"), "{said:?}");
}

/// One run of the script that `init` wrote, by its budget.
fn run(scratch: &Scratch, seed: &str, budget: &str) -> serde_json::Value {
    let out = scratch.path().join("figure.json");
    let line = format!(
        "exec 5>'{}'; exec python3 measure.py . {seed} 5 '{}' val_bpb {budget} >/dev/null",
        out.display(),
        scratch.path().join("home").display()
    );
    let status = Command::new("sh").args(["-c", &line]).current_dir(scratch.path()).status();
    assert!(status.expect("sh").success());
    serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap()
}

#[test]
fn one_seed_is_one_run_whatever_seed_the_script_asks_for() {
    let scratch = repository();
    begun(&scratch);
    assert!(Path::new(&scratch.path().join("measure.py")).exists());
    // Its own clock counts nothing here, as it has no optimiser: what is drawn after no step is the seed's alone.
    let text = scratch.read("train.py").replace("while spent < TIME_BUDGET:", "while step < 3:");
    scratch.write("train.py", &text);
    let drawn = |seed| run(&scratch, seed, "steps:1")["drawn"].as_f64().unwrap();
    assert_eq!(drawn("7").to_bits(), drawn("7").to_bits());
    assert_ne!(drawn("7").to_bits(), drawn("8").to_bits());
}
