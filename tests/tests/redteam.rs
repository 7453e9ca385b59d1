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
[machine]
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
    assert!(bold.starts_with("open: \"held_implausible\""), "{states:?}");
    assert!(states["prints a forged metric"].starts_with("held: \"run:unreadable\""), "{states:?}");
}

/// A benchmark that imports what it measures.
fn imported() -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write(
        "piton.toml",
        &SCRIPTED.replace(
            r#"["sh", "{sealed}/measure.sh", "{tree}"]"#,
            r#"["/usr/bin/python3", "-B", "{sealed}/bench.py", "{tree}/src", "{seed}"]"#,
        ),
    );
    scratch.write(
        "bench.py",
        "import sys, time\nsys.path.insert(0, sys.argv[1])\nimport work, json\nbegan = time.perf_counter()\nwork.work()\n\
         time.sleep(0.02)\nspeed = 1 / (time.perf_counter() - began) + int(sys.argv[2]) % 10 / 1e6\n\
         print(json.dumps({'speed': speed, 'quality': 1}))\n",
    );
    scratch.write("src/never.py", "# nobody imports it\n");
    scratch.write("src/work.py", "def work():\n    return sum(range(1000))\n");
    scratch.commit("a benchmark in one process");
    scratch
}

#[test]
fn what_gets_through_in_the_process_that_prints_is_told_as_open_and_never_as_held() {
    let scratch = imported();
    let said = scratch.piton(&["redteam", "--only", "figure", "--only", "clocks", "--json"]);
    let report = said.json();
    let rows: Vec<&Value> = report["rows"].as_array().unwrap().iter().collect();
    let believed = ["better", "provisional", "held_implausible"];
    for row in rows.iter().filter(|row| believed.contains(&row["got"].as_str().unwrap())) {
        assert_eq!(row["state"], "open", "{row:#}");
        assert!(row["open"].as_str().unwrap().contains("the process that prints"), "{row:#}");
    }
    let open: Vec<&str> =
        rows.iter().filter(|row| row["state"] == "open").map(|row| row["attack"].as_str().unwrap()).collect();
    for name in [
        "forges the figure and ends at once",
        "forges the figure instead of the true one",
        "lets clocks run at half their rate",
        "writes the figure over in the stream",
    ] {
        assert!(open.contains(&name), "{name} is not among {open:?}: {report:#}");
    }
    assert!(rows.iter().all(|row| row["state"] != "broken"), "{report:#}");
    assert_eq!(said.status, 1, "what got through is no success");
    let said = scratch.piton(&["redteam", "--only", "forges the figure and ends at once"]);
    assert!(said.out.contains("0 of 1 held, 1 open") && said.out.contains("OPEN"), "{said:?}");
}

#[test]
fn an_attack_whose_code_is_never_run_was_not_tried() {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.write("piton.toml", &SCRIPTED.replace("{tree}", "{sealed}"));
    scratch.write("measure.sh", MEASURE);
    scratch.write("src/work.sh", "a=40\nb=2\necho $((a + b))\n");
    scratch.commit("a measurement of something else");
    let said = scratch.piton(&["redteam", "--only", "forged metric", "--json"]);
    let rows = said.json()["rows"].as_array().unwrap().clone();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["state"] == "not_run"), "{rows:#?}");
    assert!(rows[0]["got"].as_str().unwrap().contains("is not run where it is measured"), "{rows:#?}");
    assert_eq!(said.status, 1, "nothing was held");
}

#[test]
fn what_measures_in_the_tree_of_what_it_measures_is_not_changed_by_it() {
    let config = SCRIPTED.replace("{sealed}/measure.sh", "{tree}/measure.sh");
    let scratch = scripted(&config);
    scratch.write("measure.sh", &MEASURE.replace("$(timeout", "$(cd \"$1\"; timeout"));
    scratch.write("lib/a/b.sh", "echo\n");
    scratch.commit("more that is sealed");
    let said = scratch.piton(&["redteam", "--only", "sealed", "--json"]);
    let states = states(&said);
    assert!(states.len() >= 15 && states.values().all(|state| state.starts_with("held")), "{states:#?}");
    assert_eq!(said.status, 0, "{said:?}");
}

#[test]
fn an_attack_that_nobody_knows_is_a_usage_error() {
    let said = scripted(SCRIPTED).piton(&["redteam", "--only", "no such attack"]);
    assert_eq!(said.status, 2, "{said:?}");
}
