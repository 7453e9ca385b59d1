//! Floods: more output, more lines and longer words than anybody reads. piton itself stays small, and says what came of it.
//!
//! Every command here runs with 32 MiB for all that piton may write to in memory, so that a flood which it held would end it.
//! `PITON_FLOOD_MIB=2048` floods with two gigabytes.

use piton_tests::{Said, Scratch};

/// Most data that piton may have, in KiB.
const MEMORY_KIB: u32 = 32 << 10;

fn flood_mib() -> u32 {
    std::env::var("PITON_FLOOD_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(40)
}

/// `piton` in `toy`, with bounded memory.
fn piton(toy: &Scratch, args: &[&str]) -> Said {
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", &format!("ulimit -d {MEMORY_KIB} && exec \"$@\""), "sh"]).arg(piton_tests::piton());
    limited.args(args).current_dir(toy.path()).env("NO_COLOR", "1");
    limited.output().expect("sh starts").into()
}

/// A toy whose measuring command is `script`, after `s` was read, with a run begun.
fn toy(format: &str, script: &str) -> Scratch {
    let toy = Scratch::toy_with(
        "timeout_s = 20\n[machine]",
        &format!("timeout_s = 600\nformat = \"{format}\"\n[machine]"),
    );
    toy.write("measure.sh", &format!("s=$(cat \"$1\")\n{script}\n"));
    toy.commit("another measurement");
    let said = piton(&toy, &["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    toy
}

fn trial(toy: &Scratch, speed: &str) -> Said {
    toy.speed(speed);
    piton(toy, &["trial", "-m", "an idea"])
}

const JSON: &str = "echo \"{\\\"metrics\\\":{\\\"speed\\\":$s,\\\"quality\\\":1}}\"";
const LINES: &str = "echo \"METRIC quality=1\"; echo \"METRIC speed=$s\"";

#[test]
fn a_flood_before_the_result_costs_no_memory_and_the_result_is_read() {
    let flood = format!("[ $s = 110 ] && yes 'step: 1' | head -c {}M | tee /dev/stderr", flood_mib());
    for (format, result) in [("json", JSON), ("metric_lines", LINES)] {
        let toy = toy(format, &format!("{flood}\n{result}"));
        let said = trial(&toy, "110");
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.out.contains("kept: +10.0 %"), "{}", said.out);
        assert!(toy.read("run.log").len() < 4 << 20, "run.log has the end of each output");
    }
}

#[test]
fn a_line_without_an_end_is_no_result() {
    let flood = format!("[ $s = 110 ] && head -c {}M /dev/zero | tr '\\0' x", flood_mib());
    let toy = toy("json", &format!("{flood}\n{JSON}"));
    let said = trial(&toy, "110");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("its last line is longer than 512 KiB"), "{}", said.out);
}

#[test]
fn a_build_that_floods_and_fails_is_told_by_a_line() {
    let toy = Scratch::toy();
    toy.write("build.sh", &format!("grep -q BROKEN \"$1/src/speed.rs\" && {{ yes x$(printf '\\033')[2J | head -c {}M >&2; printf '\\nerror: it is broken\\n' >&2; exit 1; }}\necho 100 > \"$2/speed\"", flood_mib()));
    toy.commit("a loud build");
    let said = piton(&toy, &["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    let said = trial(&toy, "BROKEN");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("does not build: error: it is broken"), "{}", said.out);
    assert!(!said.err.contains('\u{1b}') && !said.out.contains('\u{1b}'));
}

/// A toy whose build makes an artifact of so many MiB.
fn with_artifact(mib: u32) -> Scratch {
    let toy = Scratch::toy();
    let build =
        format!("grep -o '[0-9]*;' \"$1/src/speed.rs\" > \"$2/speed\"; truncate -s {mib}M \"$2/speed\"");
    toy.write("build.sh", &build);
    toy.write("measure.sh", "s=$(head -c 3 \"$1\")\necho \"{\\\"speed\\\":$s,\\\"quality\\\":1}\"");
    toy.commit("a giant artifact");
    toy
}

#[test]
fn an_artifact_is_never_held_whole() {
    let toy = with_artifact(flood_mib().min(512));
    let said = piton(&toy, &["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    let said = trial(&toy, "110");
    assert_eq!(said.status, 0, "{said:?}");
}

#[test]
fn an_artifact_beyond_what_one_may_have_is_refused_unread() {
    let said = piton(&with_artifact(flood_mib().max(513)), &["baseline", "--run", "r"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("it may have 536870912"), "{}", said.err);
}

#[test]
fn giants_that_an_agent_leaves_in_scope_are_refused_unread() {
    let toy = Scratch::toy_with("max_file_bytes = 10000", "max_file_bytes = 1000000");
    let said = piton(&toy, &["baseline", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    for n in 0..40 {
        let make = |name: String, bytes: u64| {
            let path = toy.path().join(name);
            // No text, so that nobody looks for constants in it.
            std::fs::write(&path, [0xff]).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
        };
        make(format!("src/{n}"), 1 << 30);
        make(format!("src/s{n}"), 1_000_000);
    }
    let said = trial(&toy, "110");
    assert_eq!(said.status, 12, "{said:?}");
    assert!(said.out.contains("src/0: 1073741824 bytes; a file may have 1000000"), "{}", said.out);
    assert!(toy.path().join("src/0").exists(), "nothing of the user's is thrown away");
}

#[test]
fn a_metric_line_a_million_times_is_one_metric_too_many() {
    let toy =
        toy("metric_lines", &format!("[ $s = 110 ] && yes METRIC speed=999 | head -n 1000000\n{LINES}"));
    let said = trial(&toy, "110");
    assert_eq!(said.status, 11, "{said:?}");
    assert!(said.out.contains("its output has `speed` more than once"), "{}", said.out);
    assert_eq!(toy.table()[1][1], "", "no number");
}

#[test]
fn a_forged_line_before_or_behind_a_flood_is_seen() {
    let flood = format!("yes | head -c {}M", flood_mib());
    for script in [
        format!("[ $s = 110 ] && {{ echo METRIC speed=999; {flood}; }}\n{LINES}"),
        format!("{LINES}\nif [ $s = 110 ]; then {flood}; echo METRIC speed=999; fi"),
    ] {
        let said = trial(&toy("metric_lines", &script), "110");
        assert!(said.out.contains("`speed` more than once"), "{said:?}");
    }
}

#[test]
fn a_description_of_a_megabyte_is_recorded_by_its_beginning_and_breaks_nothing() {
    let toy = Scratch::toy();
    let words = "a\\t\\u001b[31m\\u202e\\u0000\\n=b";
    toy.write("words", &format!("{{\"description\": \"{}\"}}", words.repeat((1 << 20) / words.len())));
    toy.commit("an agent of many words");
    let agent = "cp words \"$PITON_PROPOSAL\"; echo 'const SPEED: u32 = 110;' > src/speed.rs";
    let said = piton(&toy, &["climb", "--agent", agent, "--trials", "1", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    let row = &toy.table()[1];
    assert!(
        row[4].starts_with("a\\t\\u{1b}[31m\\u{202e}\\u{0}\\n=ba\\t") && row[4].ends_with('…'),
        "{row:?}"
    );
    assert!(row[4].len() < 4000);
    for args in [&["log", "--run", "r"][..], &["show", "1", "--run", "r"], &["status", "--run", "r"]] {
        let said = piton(&toy, args);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.out.len() < 20_000 && !said.out.contains(['\u{1b}', '\u{202e}', '\0']), "{}", said.out);
    }
    let record = piton(&toy, &["show", "1", "--run", "r", "--json"]).json();
    assert!(record["description"].as_str().unwrap().ends_with("more characters"));
    let subject = toy.git(&["log", "-1", "--format=%s", "piton/r"]);
    assert!(subject.len() < 3000 && !subject.contains(['\u{1b}', '\u{202e}']), "{subject}");
}
