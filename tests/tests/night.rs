//! A night in small: a scripted agent that misbehaves in every way known, at random and seeded, from the first proposal to the last.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use piton_tests::Scratch;

/// What no process may be called when the night is over.
const DAEMON: &str = "86399.25";

/// What a proposal may do, as a script for sh; `$s` is the incumbent's speed, `@` a number that comes once. The second word says
/// whether it is a trial: a call that fails without an edit is none.
const WAYS: [(&str, bool, &str); 24] = [
    ("better", true, "speed $((s + s / 20 + 1))"),
    (
        "better, described",
        true,
        "speed $((s + s / 20 + 1)); echo '{\"description\":\"idea @\"}' > $PITON_PROPOSAL",
    ),
    (
        "better, and daemons are left",
        true,
        "speed $((s + s / 20 + 1)); daemon; env -i setsid -f sleep 86399.25",
    ),
    ("nothing but a comment", true, "echo '// @' >> src/speed.rs"),
    ("worse", true, "speed $((s * 2 / 3 + @ % 7))"),
    ("worse, and the call failed", true, "speed $((s * 2 / 3 + @ % 7)); exit 9"),
    ("worse, and it died", true, "speed $((s * 2 / 3 + @ % 7)); kill -9 $$"),
    (
        "worse, with a flood",
        true,
        "speed $((s * 2 / 3 + @ % 7)); yes loud | head -c 20M; yes loud | head -c 20M >&2",
    ),
    (
        "worse, proposal is no JSON",
        true,
        "speed $((s * 2 / 3 + @ % 7)); head -c 200000 /dev/urandom > $PITON_PROPOSAL",
    ),
    ("worse, proposal is a device", true, "speed $((s * 2 / 3 + @ % 7)); ln -s /dev/zero $PITON_PROPOSAL"),
    ("worse, by a commit of its own", true, "speed $((s * 2 / 3 + @ % 7)); git commit -qam mine"),
    ("does not build", true, "echo 'BROKEN @' >> src/speed.rs"),
    ("fails a gate", true, "speed '7; // @'"),
    ("crashes", true, "speed '13; // @'"),
    ("measures for ever", true, "speed '4; // @'"),
    ("prints no metric", true, "speed '5; // @'"),
    ("the same as before", true, "speed 50"),
    ("out of scope", true, "echo 'forged @' > measure.sh; speed 99999999"),
    ("too large a file", true, "head -c 20000 /dev/zero > src/big@"),
    ("its source is gone", true, "rm src/speed.rs"),
    ("no edit", false, "true"),
    ("it asks", false, "echo 'Shall I go on with @?'"),
    ("the call failed", false, "echo 'error 503 @' >&2; exit 3"),
    ("it hangs", false, "daemon; sleep 86399.25"),
];
/// Those of them that leave nothing to judge.
const IDLE: [&str; 4] = ["no edit", "it asks", "the call failed", "it hangs"];

/// What every script begins with.
const BEGIN: &str = "daemon() { setsid -f sleep 86399.25 > /dev/null 2>&1; }
speed() { echo \"const SPEED: u32 = $1;\" > src/speed.rs; }
s=$(grep -o '[0-9]*;' src/speed.rs | tr -d ';')
";

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Writes a script for each proposal into `dir`; returns what each is.
fn plan(dir: &Path, proposals: usize, seed: u64) -> Vec<(&'static str, bool)> {
    let mut dice = Dice(seed);
    let mut plan: Vec<(&str, bool)> = vec![];
    while plan.len() < proposals {
        let (name, counts, script) = WAYS[dice.roll(WAYS.len())];
        // An agent that never edits ends the night, and should: four in a row do not.
        let idle = plan
            .iter()
            .rev()
            .take_while(|(name, _)| IDLE.contains(name) || *name == "the same as before")
            .count();
        let last = plan.len() + 1 == proposals;
        if (idle >= 3 || last) && !name.starts_with("better") {
            continue;
        }
        plan.push((name, counts));
        let script = format!("{BEGIN}{}\n", script.replace('@', &plan.len().to_string()));
        fs::write(dir.join(plan.len().to_string()), script).unwrap();
    }
    plan
}

/// A figure in KiB from `/proc/ID/status`.
fn memory(id: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").parse().unwrap()
}

/// Processes that have the daemon's number on their command line.
fn daemons() -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.ends_with(format!("{DAEMON}\0").as_bytes()))
        })
        .count()
}

fn night(proposals: usize, seed: u64) {
    let toy = Scratch::toy_with("timeout_s = 20\n[machine]", "timeout_s = 1\n[machine]");
    let scripts = tempfile::tempdir().unwrap();
    let plan = plan(scripts.path(), proposals, seed);
    let trials = plan.iter().filter(|(_, counts)| *counts).count();
    let open = toy.path().join(".piton/work");
    fs::create_dir_all(&open).unwrap();
    let agent = format!(
        "o=.piton/agent/n; n=$(($(cat $o 2>/dev/null || echo 0) + 1)); echo $n > $o; exec sh {}/$n",
        scripts.path().display()
    );
    let trials_text = trials.to_string();
    let args = [
        "climb",
        "--run",
        "r",
        "--agent",
        &agent,
        "--trials",
        &trials_text,
        "--agent-timeout",
        "1s",
        "--allow-write",
    ];
    let mut climb =
        toy.command(&args).arg(&open).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut at, mut told) = (BTreeMap::new(), vec![]);
    for line in BufReader::new(climb.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let number =
            line.strip_prefix("trial ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        if let Some(number) = number {
            at.insert(number, (memory(climb.id(), "VmRSS"), memory(climb.id(), "VmHWM")));
        }
        told.push(line);
    }
    let output = climb.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let end = &told[told.len().saturating_sub(20)..];
    assert!(output.status.success(), "{said}\n{end:#?}");

    assert!(said.contains("(the number of trials is reached)"), "{said}\n{end:#?}");
    let rows = toy.table();
    // piton's own trials, of the incumbent against itself, are beside the budget.
    let blind = rows.iter().filter(|row| row[4] == "the incumbent against itself").count();
    assert_eq!(rows.len() - 1 - blind, trials, "{said}");
    let audit = toy.piton(&["audit"]);
    assert!(audit.status == 0 && audit.out.contains("everything agrees"), "{audit:?}");
    assert_eq!((toy.processes(), daemons()), (vec![], 0), "no process is left");
    assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1, "no worktree is left");
    assert!(fs::read_dir(&open).is_ok_and(|left| left.count() == 0) || !open.exists(), "no worktree is left");
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "the user's checkout is untouched");
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 100;\n");

    // The branch is what was kept, one upon the other, and nothing else.
    let keeps: Vec<String> =
        rows.into_iter().skip(1).filter(|row| row[3] == "keep").map(|row| row[7].clone()).collect();
    let better = plan.iter().filter(|(name, _)| name.starts_with("better")).count();
    assert_eq!(keeps, vec!["better"; better], "what is better is kept, and nothing that is not");
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), better.to_string());
    let best = (0..better).fold(100_u64, |s, _| s + s / 20 + 1);
    assert!(toy.git(&["show", "piton/r:src/speed.rs"]).contains(&best.to_string()), "{best}");

    let (first, last) = (at.range(30..).next().unwrap().1, at.values().next_back().unwrap());
    println!("{proposals} proposals, {trials} trials, {better} kept: {}", said.lines().next().unwrap());
    println!("piton's memory, KiB now and at most: {first:?} at trial 30, {last:?} at trial {}", at.len());
    assert!(last.1 <= 60 << 10, "at most 60 MiB: {} KiB", last.1);
    assert!(last.1 <= first.1 + (8 << 10), "flat: {} KiB at trial 30, {} at the end", first.1, last.1);
}

/// Others: `PITON_NIGHT=600 PITON_NIGHT_SEED=7`.
#[test]
fn a_night_of_misbehaviour_ends_on_its_budget_with_everything_whole() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("PITON_NIGHT_SEED").unwrap_or(1).max(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    night(number("PITON_NIGHT").unwrap_or(300) as usize, seed);
}
