//! The rule through the real binary, on a toy whose two sides differ by noise.

use piton_tests::Scratch;
use serde_json::Value;

/// The value of a sample moves by up to 2 %, differently on the two sides of a pair: by the seed and by the number itself.
fn noisy() -> Scratch {
    let toy = Scratch::toy();
    let text = toy.read("measure.sh").replace(
        "echo \"{\\\"outcome\\\"",
        "s=$((s * (100 * 100 + (PITON_SEED / 7 + $$ * 7919) % 401 - 200)))\necho \"{\\\"outcome\\\"",
    );
    assert!(text.contains("7919"), "{text}");
    toy.write("measure.sh", &text);
    toy.commit("noise");
    toy
}

fn climbed() -> Scratch {
    let toy = noisy();
    toy.baseline();
    toy.speed("120");
    let said = toy.piton(&["trial", "-m", "a fifth more"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("% lower bound +"), "{}", said.out);
    toy
}

#[test]
fn the_baseline_measures_the_noise_and_a_keep_carries_its_lower_bound_and_its_evidence() {
    let toy = climbed();
    let records = toy.piton(&["log", "--json"]).json();
    assert_eq!(records[0]["pairs"].as_array().unwrap().len(), 8);
    let record = &records[1];
    assert!(record["tau"].as_f64().unwrap() > 0.0);
    let asked = &record["asked"][0];
    assert_eq!((asked["about"].as_str(), asked["answer"].as_str()), (Some("better"), Some("yes")));
    assert!(asked["evidence"]["log_e"].as_f64().unwrap() >= 50f64.ln());
}

#[test]
fn anyone_can_judge_a_recorded_trial_again_and_gets_the_recorded_evidence() {
    let toy = climbed();
    let case = toy.piton(&["show", "1", "--pairs"]);
    toy.write("case.json", &case.out);
    let again = toy.piton(&["replay", "case.json"]).json();
    let record = toy.piton(&["show", "1", "--json"]).json();
    assert_eq!(again["verdict"], record["outcome"]["verdict"]);
    assert_eq!(again["asked"], record["asked"]);
    // The bet may be won before the gain is there whoever ran before.
    let pairs = record["pairs"].as_array().unwrap().len();
    assert_eq!(again["estimate"]["pairs"], pairs);
    assert!(again["n"].as_u64().unwrap() <= pairs as u64, "{again}");
    let bad = toy.piton(&["replay", "measure.sh"]);
    assert_eq!(bad.status, 2, "{bad:?}");
    assert!(bad.err.contains("piton show N --pairs"), "{}", bad.err);
}

#[test]
fn the_night_is_measured_anew_and_a_keep_that_pays_is_told_from_one_that_does_not() {
    let toy = climbed();
    assert_eq!(toy.piton(&["status", "--json"]).json()["verified_pct"], Value::Null);
    let night = toy.piton(&["verify", "--each", "--json"]).json();
    assert_eq!(night["pairs"].as_array().unwrap().len(), 20);
    let number = |key: &str| night[key].as_f64().unwrap();
    assert!(number("low") <= number("gain") && number("gain") <= number("high"));
    assert!((0.1..0.25).contains(&number("gain")), "a fifth more is .18: {night}");
    assert_eq!(night["each"][0]["own"][2], true, "{night}");
    assert_eq!(night["each"][0]["without"][2], true, "{night}");
    assert!(toy.piton(&["status"]).out.contains("HEAD against the baseline"));
    assert!(toy.piton(&["verify"]).out.contains("the night's gain   +"));
}

#[test]
fn nothing_is_verified_before_something_is_kept() {
    let toy = noisy();
    toy.baseline();
    let said = toy.piton(&["verify"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("has kept nothing yet"), "{}", said.err);
}

#[test]
fn a_blind_trial_of_the_incumbent_against_itself_comes_when_it_is_due_and_moves_nothing() {
    let toy = Scratch::toy_with("[[gate]]", "[rule]\nblind_every = 2\n[[gate]]");
    let agent = "n=$(cat .piton/agent/n 2>/dev/null || echo 90); n=$((n - 1)); echo $n > .piton/agent/n; sed -i \"s/= .*;/= $n;/\" src/speed.rs";
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "3"]);
    assert_eq!(said.status, 0, "{said:?}");
    let reasons: Vec<String> = toy.table().iter().map(|row| row[7].clone()).collect();
    assert_eq!(reasons, ["baseline", "worse", "worse", "blind", "worse"]);
    assert!(toy.piton(&["status"]).out.contains("1 trial of the incumbent against itself, 0 kept falsely"));
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), toy.git(&["rev-parse", "main"]));
}

#[test]
fn what_is_as_good_and_simpler_is_kept_where_that_is_asked_for() {
    let toy = noisy();
    let config =
        toy.read("piton.toml") + "\n[rule]\nas_good = true\nmargin_pct = 10\nmargin_budget_pct = 50\n";
    toy.write("piton.toml", &config);
    toy.write("src/speed.rs", "// why\nconst SPEED: u32 = 100;\nfn needless() {\n}\n");
    toy.write(
        "build.sh",
        &toy.read("build.sh")
            .replace("> \"$2/speed\"", "> \"$2/speed\"; wc -c < \"$1/src/speed.rs\" >> \"$2/speed\""),
    );
    toy.write("measure.sh", &toy.read("measure.sh").replace("s=$(cat \"$1\")", "s=$(head -n 1 \"$1\")"));
    toy.commit("a needless function");
    toy.baseline();
    toy.speed("100");
    let said = toy.piton(&["trial", "-m", "less code"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("kept, as good and simpler: "), "{}", said.out);
    assert_eq!(toy.table()[1][7], "simpler");
}

#[test]
fn the_rule_is_explained_for_this_machine_and_the_doctor_says_what_it_resolves() {
    let toy = noisy();
    let before = toy.piton(&["rule", "explain"]);
    assert!(before.out.contains("kept with probability 2 % at most"), "{}", before.out);
    assert!(before.out.contains("is not known yet"), "{}", before.out);
    toy.baseline();
    let after = toy.piton(&["rule", "explain"]);
    assert!(after.out.contains("so this machine resolves"), "{}", after.out);
    let found = toy.piton(&["doctor", "--json"]).json();
    assert!(found["tau"].as_f64().unwrap() > 0.0 && found["resolves_pct"].as_f64().unwrap() > 0.0, "{found}");
}

#[test]
fn changes_of_known_size_are_judged_again_and_again_without_a_run() {
    let toy = noisy();
    toy.write("v.toml", "[[variant]]\nname = \"nothing\"\nshould = \"pass\"\nedits = []\n[[variant]]\nname = \"half\"\nshould = \"pass\"\nedits = [{ file = \"speed.rs\", find = \"100\", replace = \"50\" }]\n");
    let rows = toy.piton(&["rehearse", "--variants", "v.toml", "--trials", "2", "--json"]).json();
    assert_eq!(rows[1]["kept"], 0, "{rows}");
    assert_eq!(
        rows[1]["pairs"],
        serde_json::json!([2, 2]),
        "half as fast is seen by the second pair: {rows}"
    );
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}

#[test]
fn provisional_keeps_are_tested_together_and_taken_back_when_they_do_not_hold() {
    let toy = noisy();
    let config = toy.read("piton.toml") + "\n[rule]\npreset = \"provisional\"\n";
    // It counts its samples, in a file that the experiment lets it write.
    let count = toy.path().join(".git/count");
    std::fs::write(&count, "0").unwrap();
    let open = format!("timeout_s = 20\nwrite = [\"{}\"]\n[machine]", count.display());
    assert!(config.contains("timeout_s = 20\n[machine]"));
    toy.write("piton.toml", &config.replace("timeout_s = 20\n[machine]", &open));
    // A number above 1000 measures as 200 in its first two samples, and as 90 from then on: luck, then the truth.
    toy.write(
        "measure.sh",
        &toy.read("measure.sh").replace(
            "s=$(cat \"$1\")",
            &format!(
                "s=$(cat \"$1\"); if [ $s -gt 1000 ]; then n=$(cat {0}); echo $((n + 1)) > {0}; [ $n -lt 2 ] && s=200 || s=90; fi",
                count.display()
            ),
        ),
    );
    toy.commit("expensive");
    let agent = "n=$(cat .piton/agent/k 2>/dev/null || echo 1000); n=$((n + 1)); echo $n > .piton/agent/k; sed -i \"s/= .*;/= $n;/\" src/speed.rs";
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    let reasons: Vec<String> = toy.table().iter().map(|row| row[7].clone()).collect();
    assert_eq!(reasons, ["baseline", "provisional", "bundle_fails"], "{}", said.err);
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), toy.git(&["rev-parse", "main"]), "the branch went back");
    assert_eq!(toy.table()[1][3], "keep");
    let again = toy.piton(&["climb", "--run", "r", "--agent", "true", "--trials", "1"]);
    assert_eq!(again.status, 0, "and the run goes on from there: {again:?}");
}

#[test]
fn single_runs_are_judged_against_the_baselines_where_a_pair_would_be_too_expensive() {
    let toy = noisy();
    let config = toy.read("piton.toml") + "\n[rule]\npreset = \"replicates\"\nalpha = 0.05\n";
    toy.write("piton.toml", &config);
    toy.commit("expensive");
    assert!(toy.baseline().err.contains("(5 runs)"));
    toy.speed("150");
    let kept = toy.piton(&["trial", "-m", "half more"]);
    assert_eq!(kept.status, 0, "{kept:?}");
    assert!(kept.out.contains(", 2 runs, "), "{}", kept.out);
    toy.speed("101");
    let lost = toy.piton(&["trial", "-m", "back"]);
    assert_eq!(lost.status, 10, "{lost:?}");
    assert!(lost.out.contains("discarded: worse; -3"), "{}", lost.out);
    let record = toy.piton(&["show", "2", "--json"]).json();
    assert_eq!(
        record["reference"].as_array().unwrap().len(),
        2,
        "the runs that chose it do not count: {record}"
    );
}
