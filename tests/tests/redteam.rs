//! piton under attack, on an experiment whose candidate is a shell script that a locked one measures.

use std::collections::BTreeMap;

use piton_tests::{Said, Scratch};
use serde_json::Value;

const SCRIPTED: &str = r#"name = "scripted"
[metric]
name = "speed"
direction = "higher"
[scope]
editable = ["src"]
max_file_bytes = 10000
[measure]
command = ["sh", "{sealed}/measure.sh", "{tree}"]
timeout_s = 10
[noise]
steal_pct = 100
pressure_pct = 100
[[gate]]
metric = "quality"
min = 0.9
"#;

/// The answer is the candidate's last line; it costs the lines that it is written in.
const MEASURE: &str = r#"answer=$(timeout 3 sh "$1/src/work.sh" 2>/dev/null | tail -c 100 | tail -n 1)
lines=$(wc -l < "$1/src/work.sh")
q=0; [ "$answer" = 42 ] && q=1
echo "{\"speed\":$((1000 / (lines + 1))).$((PITON_SEED % 10)),\"quality\":$q}"
"#;

fn scripted(config: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", config);
    scratch.write("measure.sh", MEASURE);
    scratch.write("src/work.sh", "a=40\nb=2\necho $((a + b))\n");
    scratch.commit("a script");
    scratch
}

/// What became of each attack that was run, by name.
fn states(said: &Said) -> BTreeMap<String, String> {
    let rows = said.json()["rows"].as_array().unwrap().clone();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let run = rows.iter().filter(|row| row["state"] != "not_run");
    run.map(|row| (text(row, "attack"), format!("{}: {}: {}", text(row, "state"), row["got"], row["broken"])))
        .collect()
}

#[test]
fn every_attack_on_a_scripted_experiment_is_held_and_the_checkout_is_left_alone() {
    let scratch = scripted(SCRIPTED);
    scratch.git(&["branch", "--move", "redteam"]);
    let refs = scratch.git(&["for-each-ref"]);
    let said = scratch.piton(&["redteam", "--json"]);
    let rows = said.json()["rows"].as_array().unwrap().clone();
    let rows: Vec<&Value> = rows.iter().filter(|row| row["state"] != "not_run").collect();
    let through: Vec<_> = rows.iter().filter(|row| row["state"] != "held").collect();
    assert!(through.is_empty(), "{through:#?}\n{}", said.err);
    assert!(rows.len() >= 41, "{} attacks", rows.len());
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(scratch.git(&["for-each-ref"]), refs, "the user's refs are as they were");
    assert_eq!(scratch.git(&["status", "--porcelain", "--ignored"]), "", "and so is the checkout");
}

#[test]
fn an_experiment_that_believes_what_its_candidate_prints_is_found_out() {
    let believing = SCRIPTED
        .replace(
            r#"["sh", "{sealed}/measure.sh", "{tree}"]"#,
            "[\"sh\", \"{tree}/src/work.sh\"]\nformat = \"lines\"",
        )
        .replace("[[gate]]\nmetric = \"quality\"\nmin = 0.9\n", "");
    let scratch = scripted(&believing);
    scratch.write("src/work.sh", "echo speed: 100.$((PITON_SEED % 10))\n");
    scratch.commit("a candidate that measures itself");
    let said = scratch.piton(&["redteam", "--only", "forged metric", "--json"]);
    let states = states(&said);
    assert_eq!(said.status, 1, "{said:?}");
    // What is forged so boldly is not kept without a person. That it was believed is what is to be found out.
    let bold = &states["prints a forged metric and ends"];
    assert!(bold.starts_with("broken: \"held_implausible\""), "{states:?}");
    assert!(states["prints a forged metric"].starts_with("held: \"run:unreadable\""), "{states:?}");
}

#[test]
fn an_attack_that_nobody_knows_is_a_usage_error() {
    let said = scripted(SCRIPTED).piton(&["redteam", "--only", "no such attack"]);
    assert_eq!(said.status, 2, "{said:?}");
}
