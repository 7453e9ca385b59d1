//! Reading metrics, naming crashes, and what is believed of a figure that the candidate may have printed itself.

use piton_tests::{Said, Scratch};

/// An experiment without a build: what `measure.sh` prints of a number in `src/value`.
const PLAIN: &str = r#"name = "plain"
[metric]
name = "score"
direction = "higher"
[scope]
editable = ["src"]
[measure]
command = ["sh", "{sealed}/measure.sh", "{tree}"]
timeout_s = 20
[machine]
steal_pct = 100
pressure_pct = 100
"#;

const NOISY: &str = r#"v=$(cat "$1/src/value")
awk -v v="$v" -v r=$((PITON_SEED % 1000)) 'BEGIN{printf "{\"score\": %.6f}\n", v*(1+0.00001*r)}'
"#;

fn plain(experiment: &str, measure: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    scratch.git(&["config", "user.name", "Ada"]);
    scratch.git(&["config", "user.email", "ada@example.org"]);
    scratch.write("piton.toml", experiment);
    scratch.write("measure.sh", measure);
    scratch.write("src/value", "100\n");
    scratch.commit("first");
    scratch
}

#[track_caller]
fn has(said: &Said, status: i32, words: &[&str]) {
    assert_eq!(said.status, status, "{said:?}");
    for word in words {
        assert!(said.err.contains(word) || said.out.contains(word), "{word} in {said:?}");
    }
}

#[test]
fn an_output_that_cannot_be_read_is_quoted_with_what_would_read_it() {
    for (format, prints, words) in [
        ("lines", "score: 12.5 ms", vec!["`score: 12.5 ms`", "a unit"]),
        ("lines", "score: 87.5%", vec!["`score: 87.5%`", "per cent"]),
        ("lines", "score: 3\\nscore: 2", vec!["3, then 2", "last = true"]),
        ("json", "score: 0.15", vec!["`score: 0.15`", "format = \"lines\""]),
        ("lines", "{\"score\": 1}", vec!["format = \"json\""]),
        ("json", "{\"val\": {\"score\": 1}}", vec!["val.score"]),
    ] {
        let experiment = PLAIN.replace("timeout_s", &format!("format = \"{format}\"\ntimeout_s"));
        let toy = plain(&experiment, &format!("printf '{}\\n'\n", prints.replace('%', "%%")));
        let said = toy.piton(&["baseline", "--run", "r"]);
        has(&said, 4, &words);
    }
}

#[test]
fn shapes_of_other_tools_are_read_by_a_path_or_by_a_pattern() {
    let nested =
        "cat <<'E'\nBenchmark 1\n{\n  \"results\": [\n    {\n      \"mean\": 1.5\n    }\n  ]\n}\nE\n";
    let toy = plain(&PLAIN.replace("name = \"score\"", "name = \"results.0.mean\""), nested);
    assert_eq!(toy.baseline().status, 0);
    let go = "printf 'BenchmarkA-2 \\t 200000 \\t 16.17 ns/op\\n\\033[32mPASS\\033[0m\\n'\n";
    let patterns = "[measure.patterns]\nscore = '^BenchmarkA-\\d+ .* ([0-9.]+) ns/op'\n[machine]";
    let toy = plain(&PLAIN.replace("[machine]", patterns), go);
    has(&toy.baseline(), 0, &["16.17"]);
}

#[test]
fn what_can_never_work_is_refused_before_anything_is_built() {
    let lines = PLAIN.replace("timeout_s", "format = \"lines\"\ntimeout_s");
    for (experiment, words) in [
        (
            lines.replace("\"score\"", "\"val loss\""),
            vec!["`val loss` can never be read", "measure.patterns"],
        ),
        (PLAIN.replace("{sealed}/", "{seal}/"), vec!["{seal}", "{sealed}"]),
        (
            PLAIN.replace(
                "[measure]",
                "[build]\ncommand = [\"sh\", \"{sealed}/b.sh\"]\ntimeout_s = 9\n[measure]",
            ),
            vec!["build.command has {sealed}", "{tree}, {root}, {target}"],
        ),
        (PLAIN.replace("[scope]", "memory = \"peak\"\n[scope]"), vec!["memory_unit"]),
    ] {
        has(&plain(&experiment, NOISY).piton(&["baseline", "--run", "r"]), 2, &words);
    }
}

#[test]
fn megabytes_fill_the_column_of_gigabytes_as_gigabytes() {
    let experiment = PLAIN.replace("[scope]", "memory = \"peak_vram_mb\"\n[scope]");
    let toy = plain(&experiment, "echo '{\"score\": 5, \"peak_vram_mb\": 2048}'\n");
    toy.baseline();
    assert_eq!(toy.table()[0][2], "2.000000");
}

#[test]
fn a_gain_that_is_not_believed_is_held_until_a_person_accepts_it() {
    let toy = plain(PLAIN, NOISY);
    let climbed = toy.piton(&["climb", "--run", "r", "--agent", "echo 900 > src/value", "--trials", "1"]);
    has(&climbed, 0, &["held for a person", "piton accept 1", "0 kept"]);
    let row = &toy.table()[1];
    assert_eq!((row[3].as_str(), row[7].as_str()), ("discard", "held_implausible"));
    has(&toy.piton(&["status", "--run", "r"]), 0, &["piton accept 1"]);
    has(&toy.piton(&["brief", "--run", "r"]), 0, &["more than 300 % in one trial is held"]);
    has(&toy.piton(&["accept", "0", "--run", "r"]), 3, &["trial 0 is not held"]);
    let head = toy.git(&["rev-parse", "main"]);
    has(&toy.piton(&["accept", "1", "--run", "r"]), 0, &["kept", "accepted by Ada"]);
    assert_eq!(toy.git(&["show", "piton/r:src/value"]), "900");
    assert_eq!((toy.git(&["rev-parse", "main"]), toy.git(&["status", "--short"])), (head, String::new()));
    let record = &toy.piton(&["log", "--run", "r", "--json"]).json()[2];
    assert_eq!((record["accepted"].as_u64(), record["outcome"]["kind"].as_str()), (Some(1), Some("judged")));
    has(&toy.piton(&["accept", "1", "--run", "r"]), 3, &["accepted before, and kept as trial 2"]);
    has(&toy.piton(&["audit"]), 0, &["everything agrees"]);
    assert!(!toy.piton(&["status", "--run", "r"]).out.contains("piton accept"), "nothing waits any more");
}

#[test]
fn a_gain_for_lower_is_held_below_a_quarter_and_not_above_it_nor_where_nothing_is_to_be_held() {
    let lower = PLAIN.replace("\"higher\"", "\"lower\"");
    let ends = |experiment: &str, to: &str| {
        let toy = plain(experiment, NOISY);
        toy.baseline();
        toy.write("src/value", to);
        toy.piton(&["trial", "-m", "x"]);
        toy.table()[1][7].clone()
    };
    assert_eq!(ends(&lower, "20\n"), "held_implausible");
    assert_eq!(ends(&lower, "30\n"), "better");
    assert_eq!(ends(&lower.replace("[machine]", "[rule]\nimplausible_pct = 0\n[machine]"), "20\n"), "better");
}

#[test]
fn an_accepted_edit_is_laid_over_the_incumbent_of_now_in_the_checkout_that_follows_it() {
    let build = "[build]\ncommand = [\"sh\", \"-c\", \"cat {tree}/src/value {tree}/src/more | tr -d ' \\\\n' > {target}/v\"]\nartifact = \"{target}/v\"\ntimeout_s = 9\n[measure]";
    let built =
        PLAIN.replace("[measure]", build).replace("measure.sh\", \"{tree}\"", "measure.sh\", \"{artifact}\"");
    let toy = plain(&built, &NOISY.replace("$1/src/value", "$1"));
    toy.write("src/more", "0\n");
    toy.commit("more");
    toy.baseline();
    toy.write("src/value", "900\n");
    assert_eq!(toy.piton(&["trial", "-m", "much"]).status, 10);
    toy.write("src/more", "9\n");
    assert_eq!(toy.piton(&["trial", "-m", "a little"]).status, 0);
    toy.write("src/value", "7\n");
    has(&toy.piton(&["accept", "1"]), 3, &["not committed"]);
    toy.git(&["restore", "src/value"]);
    has(&toy.piton(&["accept", "1"]), 0, &["kept"]);
    assert_eq!((toy.read("src/value"), toy.read("src/more")), ("900\n".to_owned(), "9\n".to_owned()));
    has(&toy.piton(&["audit"]), 0, &["everything agrees"]);
}

#[test]
fn every_text_on_trust_says_what_holds_for_the_experiment_at_hand() {
    let toy = plain(PLAIN, NOISY);
    has(&toy.piton(&["rule", "explain"]), 0, &["code in an edit may print it", "300 %"]);
    let fresh = Scratch::empty();
    fresh.git(&["init", "--quiet", "--initial-branch=main"]);
    fresh.commit("nothing yet");
    assert_eq!(fresh.piton(&["init", "--no-try"]).status, 0);
    let program = fresh.read("program.md");
    assert!(!program.contains("cheat would fail") && program.contains("What piton cannot see"), "{program}");
}

#[test]
fn a_crash_is_named_by_its_error_and_its_output_is_shown() {
    let measure = "if [ $(cat \"$1/src/value\") != 100 ]; then\n\
        printf '/w/x.js:3\\n  throw new Error(1)\\n  ^\\n\\nError: no luck\\n    at f (/w/x.js:3:9)\\n\\nNode.js v20.20.2\\n' >&2; exit 1; fi\n\
        echo '{\"score\": 5}'\n";
    let toy = plain(PLAIN, measure);
    toy.baseline();
    toy.write("src/value", "7\n");
    has(&toy.piton(&["trial", "-m", "x"]), 11, &["Error: no luck (/w/x.js:3:9)"]);
    has(&toy.piton(&["show", "1"]), 0, &["what it printed last", "Node.js v20.20.2"]);
    has(&toy.piton(&["brief"]), 0, &["What trial 1 printed last", "throw new Error(1)"]);
}

#[test]
fn seeds_fit_thirty_one_bits() {
    let toy = plain(
        PLAIN,
        "[ \"$PITON_SEED\" -le 2147483647 ] || exit 9\necho \"{\\\"score\\\": 5, \\\"s\\\": $PITON_SEED}\"\n",
    );
    toy.baseline();
    let record = &toy.piton(&["log", "--json"]).json()[0];
    let seeds = record["pairs"].as_array().unwrap().iter().map(|pair| pair["prompts"].as_u64().unwrap());
    assert!(seeds.clone().all(|seed| seed < 1 << 31) && seeds.max().unwrap() > 1 << 20);
}

#[test]
fn an_exact_metric_waits_for_no_machine() {
    // Any waiting for a core would void a pair, and each pause would take a minute.
    let busy = PLAIN.replace("pressure_pct = 100", "pressure_pct = 0\npause_s = 1");
    let toy = plain(&busy, "echo \"{\\\"score\\\": $(cat $1/src/value)}\"\n");
    toy.baseline();
    toy.write("src/value", "120\n");
    let said = toy.piton(&["trial", "-m", "x", "--json"]);
    assert_eq!(said.json()["void_pairs"].as_array().unwrap().len(), 0, "{said:?}");
    assert_eq!(said.status, 0, "{said:?}");
}

#[test]
fn an_imported_run_stands_as_what_its_tool_claims() {
    let toy = plain(PLAIN, NOISY);
    toy.write(
        "old.tsv",
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.99\t44.0\tkeep\tbaseline\nb2c3d4e\t0.98\t44.2\tkeep\tmore\n",
    );
    assert_eq!(toy.piton(&["import", "old.tsv", "--from", "autoresearch", "--name", "march"]).status, 0);
    has(&toy.piton(&["status", "--run", "march"]), 0, &["val_bpb 0.98", "1: 1 kept", "piton measured none"]);
    assert_eq!(toy.piton(&["status", "--run", "march", "--json"]).json()["measured_by_piton"], false);
    has(&toy.piton(&["status", "--run", "april"]), 3, &[]);
}

#[test]
fn a_blank_description_is_refused() {
    let toy = plain(PLAIN, NOISY);
    toy.baseline();
    toy.write("src/value", "110\n");
    has(&toy.piton(&["trial", "-m", "  "]), 2, &["its description is blank"]);
    assert_eq!(toy.read("src/value"), "110\n");
}

#[test]
fn a_write_that_was_denied_is_told_to_the_user_and_to_the_agent() {
    let toy = plain(PLAIN, NOISY);
    let agent = "echo 110 > src/value; cat $PITON_BRIEF >> $TMPDIR/../x 2>/dev/null; echo 1 > measure.sh || true; grep -c 'was not permitted' $PITON_BRIEF >&2; true";
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "3"]);
    has(&said, 0, &["was not permitted", "it may write src"]);
}

#[test]
fn while_a_baseline_is_measured_status_says_so() {
    let toy = plain(PLAIN, "touch \"$PITON_TEST_READY\" 2>/dev/null; exec sleep 1000\n");
    let mut begin = toy.command(&["climb", "--run", "r", "--trials", "1", "--agent", "true"]);
    let mut begin = begin
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("piton starts");
    let told = loop {
        let said = toy.piton(&["status"]);
        if said.status == 0 && said.out.contains("run r is about to begin") {
            break said;
        }
        assert!(begin.try_wait().unwrap().is_none(), "{said:?}");
    };
    assert!(told.out.contains("nothing is recorded of it"), "{told:?}");
    has(&toy.piton(&["stop", "--now"]), 0, &["no run has begun and nothing was recorded"]);
    begin.wait().unwrap();
}

#[test]
fn terminal_and_report_count_alike() {
    let toy = plain(PLAIN, NOISY);
    let count = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(count.path(), "0\n").unwrap();
    // A loss, then the same again, then nothing.
    let agent = "case $(cat src/value) in 100) echo 50 > src/value;; esac";
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "2"]);
    has(&said, 0, &["0 kept, 1 discarded, 0 crashed, 1 not judged"]);
    let counts = &toy.piton(&["report", "--run", "r", "--json"]).json()["counts"];
    assert_eq!((counts["discarded"].as_u64(), counts["not judged"].as_u64()), (Some(1), Some(1)), "{counts}");
}

#[test]
fn help_names_nothing_that_is_not_there() {
    let toy = Scratch::empty();
    let config = include_str!("../../../piton.toml");
    let commands = toy.piton(&["--help"]).out;
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    for name in names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
        let help = toy.piton(&[name, "--help"]);
        if help.status != 0 {
            continue;
        }
        for word in help.out.split_whitespace() {
            if let Some(gate) = word.trim_end_matches([',', ';', '.', '`']).strip_prefix("gate:") {
                assert!(gate == "NAME" || config.contains(&format!("metric = \"{gate}\"")), "{name}: {gate}");
            }
        }
        // Every example is a line that the parser takes: `--help` at its end asks for nothing else.
        let examples = help.out.lines().filter_map(|line| line.trim_start().strip_prefix("Example: piton "));
        for example in examples {
            let line = example.split([';', '|', '>', '&']).next().unwrap_or_default();
            let plain = line
                .split_whitespace()
                .take_while(|word| !word.contains(['"', '\'', '$', '(']) && *word != "--");
            let mut words: Vec<&str> = plain.collect();
            if line.contains(['"', '\'', '$']) && words.last().is_some_and(|word| word.starts_with('-')) {
                words.pop();
            }
            words.push("--help");
            assert_eq!(toy.piton(&words).status, 0, "{name}: piton {line}");
        }
    }
}
