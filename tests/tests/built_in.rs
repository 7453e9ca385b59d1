//! The built-in experiment as a user runs it: the real harness, the real model, the real candidate.
//!
//! The scratch repository lies below `target/` and is used again, so that its harness is built once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use piton_tests::{Said, piton};

/// One climb at a time: they share the repository.
static TURN: Mutex<()> = Mutex::new(());

struct BuiltIn {
    dir: PathBuf,
}

impl BuiltIn {
    /// This repository as it stands in the worktree, committed on `main` of a scratch repository.
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let dir = piton().parent().unwrap().join("built-in");
        let scratch = Self { dir };
        fs::create_dir_all(&scratch.dir).unwrap();
        if !scratch.dir.join(".git").exists() {
            scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        }
        scratch.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        let _ = fs::remove_dir_all(scratch.dir.join(".piton"));
        for old in fs::read_dir(&scratch.dir).unwrap().flatten().filter(|e| e.file_name() != ".git") {
            let path = old.path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let listed = Command::new("git")
            .args(["ls-files", "-z", "-co", "--exclude-standard"])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(listed.status.success(), "these tests run in a git checkout");
        for path in
            String::from_utf8(listed.stdout).unwrap().split('\0').filter(|path| root.join(path).is_file())
        {
            let to = scratch.dir.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root.join(path), to).unwrap();
        }
        // The tests are about outcomes: few pairs are enough for them, and a busy machine is no reason to wait.
        scratch.replace(
            "piton.toml",
            "[rule]\n",
            "[machine]\nsteal_pct = 100\npressure_pct = 100\n\n[rule]\ncalibration_pairs = 3\n",
        );
        scratch.commit("the built-in experiment");
        scratch
    }

    fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]);
        let output = git.args(args).current_dir(&self.dir).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.dir.join(path)).unwrap();
        assert!(text.contains(from), "{from} in {path}");
        fs::write(self.dir.join(path), text.replace(from, to)).unwrap();
    }

    fn piton(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(piton());
        command.args(args).envs(env.iter().copied()).env("NO_COLOR", "1").current_dir(&self.dir);
        command.output().unwrap().into()
    }
}

/// A name that no earlier run of this repository has.
fn fresh(dir: &Path) -> String {
    let taken = |name: &str| {
        dir.join(".git/refs/piton").join(name).exists()
            || dir.join(".git/refs/heads/piton").join(name).exists()
    };
    (1..).map(|n| format!("r{n}")).find(|name| !taken(name)).unwrap()
}

/// An agent that does one thing after another, each to the incumbent's sources.
const AGENT: &str = r#"
n=$(cat .piton/agent/steps 2>/dev/null || echo 0); n=$((n + 1)); echo $n > .piton/agent/steps
cd candidate/src
set_to() { sed -i "s/\(const $1: [a-z0-9]* = \)[^;]*;/\1$2;/" settings.rs; }
generate() { sed -i "s/fn generate(&mut self, prompt: &\[u32\], max_new: usize, mut emit: impl FnMut(u32)) {/&\n        $1/" main.rs; grep -q "$2" main.rs || exit 9; }
case $n in
1) set_to PREFILL_BATCH 32; set_to LOGITS_AT_EVERY_POSITION false ;;
2) set_to WINDOW 128 ;;
3) set_to CACHE_BITS 4 ;;
4) set_to TEMPERATURE 0.7 ;;
5) generate 'panic!("an idea that did not work");' 'an idea' ;;
6) generate 'loop { std::hint::spin_loop() }' spin_loop ;;
7) generate 'std::hint::black_box(vec![0u8; 8 << 30]);' black_box ;;
8) generate 'println!("avg_generation_tps 1000000");' println ;;
9) echo 'fn broken() -> u32 { "no" }' >> math.rs ;;
10) generate 'let max_new = max_new.min(3);' 'min(3)' ;;
esac
"#;

#[test]
fn a_climb_keeps_what_is_faster_and_as_good_and_types_every_fault() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let scratch = BuiltIn::new();
    let run = fresh(&scratch.dir);
    let said = scratch.piton(&["climb", "--run", &run, "--agent", AGENT, "--trials", "10"], &[]);
    assert_eq!(said.status, 0, "{said:?}");
    let records = scratch.piton(&["log", "--run", &run, "--json"], &[]).json();
    let mut reasons: Vec<String> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let outcome = &record["outcome"];
            let field = |name: &str| outcome[name].as_str().unwrap_or_default();
            match field("kind") {
                // On a machine that is busy enough it may be as good, and better in the time to the first token.
                "judged" if !outcome["verdict"]["keep"].is_null() => "keep".to_owned(),
                "judged" => outcome["verdict"].to_string(),
                "gate_failed" => "gate".to_owned(),
                "run_failed" => field("how").to_owned(),
                kind => kind.to_owned(),
            }
        })
        .collect();
    // What was kept was measured again, before the climb ended.
    let trials = reasons.len();
    reasons.retain(|reason| !reason.starts_with("recheck"));
    assert_eq!(trials, reasons.len() + 1, "{}", said.err);
    // What is lossy is caught by a gate, or ends a text where the reference would have gone on.
    for lossy in &mut reasons[2..=4] {
        if lossy == "ended_early" {
            *lossy = "gate".to_owned();
        }
    }
    let expected = [
        "baseline",
        "keep",
        "gate",
        "gate",
        "gate",
        "crashed",
        "hung",
        "out_of_memory",
        "garbage",
        "build_failed",
        "ended_early",
    ];
    assert_eq!(reasons, expected, "{}", said.err);
    assert!(
        said.err.contains("error[E0308]: mismatched types"),
        "the first error is in the answer: {}",
        said.err
    );
    assert!(
        said.err.contains("an idea that did not work"),
        "the panic's words are in the answer: {}",
        said.err
    );
    assert_eq!(scratch.git(&["rev-list", "--count", &format!("main..piton/{run}")]), "1");
    assert_eq!(scratch.git(&["status", "--porcelain"]), "", "the checkout is as it was");
    for n in 1..=10 {
        scratch.git(&["rev-parse", "--verify", &format!("refs/piton/{run}/trials/{n}")]);
    }
    let harness: Vec<&str> =
        records.as_array().unwrap().iter().filter_map(|r| r["harness"].as_str()).collect();
    assert_eq!(harness.len(), trials, "its hash is in every row");
    assert!(harness.windows(2).all(|pair| pair[0] == pair[1] && pair[0].len() == 64));
}

/// Of every kind of attack on the built-in candidate one or two; `piton redteam` runs them all.
const ATTACKS: [&str; 14] = [
    "prints a score on standard output",
    "sends frames before it is asked",
    "answers with the prompt",
    "ends the text after 3 tokens",
    "is exact for 10 requests",
    "is exact on 95 %",
    "reads the seed on the harness",
    "by process_vm_readv",
    "double-forks",
    "listens by TCP",
    "opens the ledger for writing, at run time",
    "slews the clock",
    "builds the ledger into itself",
    "a null worker",
];

#[test]
fn hostile_candidates_are_held() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let scratch = BuiltIn::new();
    let mut words = vec!["redteam", "--in-place", "--json"];
    words.extend(ATTACKS.iter().flat_map(|name| ["--only", name]));
    let said = scratch.piton(&words, &[]);
    let report = said.json();
    let rows = report["rows"].as_array().unwrap();
    let through: Vec<_> = rows.iter().filter(|row| row["state"] != "held").collect();
    assert!(through.is_empty() && said.status == 0, "{through:#?}\n{}", said.err);
    assert_eq!(rows.len(), ATTACKS.len());
}

#[test]
fn a_model_that_is_missing_or_corrupt_begins_no_run() {
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let scratch = BuiltIn::new();
    let run = fresh(&scratch.dir);
    let weights = scratch.dir.join("model/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&weights, bytes).unwrap();
    scratch.commit("half a model");
    let said = scratch.piton(&["climb", "--run", &run], &[]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("bad_model") && said.err.contains("safetensors"), "{}", said.err);
    fs::remove_dir_all(scratch.dir.join("model")).unwrap();
    scratch.commit("no model");
    let said = scratch.piton(&["climb", "--run", &run], &[]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("bad_model"), "{}", said.err);
    assert_eq!(scratch.git(&["branch", "--list", &format!("piton/{run}")]), "");
}
