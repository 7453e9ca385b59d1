//! What a trial costs apart from its build and its samples: `cargo bench --bench overhead -- [--labloop PATH] [--rounds N]`.
//!
//! A toy repository whose measuring command returns at once; 30 trials, half of them kept. Processor time is that of the
//! process alone, without what it starts; what it spends on a sample is measured by trials that are rehearsed, which are samples and little
//! else, and told apart. Where the path of a labloop is given, it runs on a toy of its own in turns, each trial with its one sample.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use piton_climb::run_store;
use piton_core::trial::record::Record;
use piton_core::trial::state::Owner;
use piton_system::git::Repo;
use piton_system::ledger::Ledger;

const TRIALS: u32 = 30;

const EXPERIMENT: &str = r#"name = "nothing"
[metric]
name = "speed"
direction = "higher"
[scope]
editable = ["src"]
[measure]
command = ["cat", "{tree}/src/value"]
timeout_s = 60
[machine]
steal_pct = 100
pressure_pct = 100
[rule]
blind_every = 0
"#;

/// Every second proposal is better than all before; the others are worse, each in its own way. It notes when it was started and when it ends.
const PROPOSE: &str = r#"begin=$(date +%s%N)
n=$(($(cat "$1/count") + 1)); echo $n > "$1/count"
if [ $((n % 2)) = 0 ]; then s=$((1000 + n)); else s=1.$n; fi
echo "{\"speed\": $s}" > src/value
echo $begin $(date +%s%N) >> "$1/times"
"#;

/// HEAD against itself.
const NOTHING: &str = "[[variant]]\nname = \"nothing\"\nshould = \"pass\"\n";

/// What a number of trials cost, in milliseconds for each.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
}

struct Toy {
    dir: tempfile::TempDir,
    /// What the proposer keeps.
    own: PathBuf,
}

impl Toy {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().join("own");
        fs::create_dir(&own).expect("a directory");
        let toy = Self { dir, own };
        fs::create_dir_all(toy.root().join("src")).expect("a directory");
        fs::write(toy.root().join("piton.toml"), EXPERIMENT).expect("a file");
        fs::write(toy.root().join("src/value"), "{\"speed\": 1000}\n").expect("a file");
        fs::write(toy.root().join(".gitignore"), "labloop.jsonl*\n.labloop*\n").expect("a file");
        fs::write(toy.dir.path().join("propose.sh"), PROPOSE).expect("a file");
        fs::write(toy.own.join("count"), "1\n").expect("a file");
        toy.git(&["init", "--quiet", "--initial-branch=main"]);
        toy.git(&["config", "user.name", "t"]);
        toy.git(&["config", "user.email", "t@example.org"]);
        toy.git(&["add", "--all"]);
        toy.git(&["commit", "--quiet", "--message", "toy"]);
        toy
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn git(&self, args: &[&str]) {
        assert!(Command::new("git").args(args).current_dir(self.root()).status().expect("git").success());
    }

    fn propose(&self) -> String {
        format!("sh {} {}", self.dir.path().join("propose.sh").display(), self.own.display())
    }

    fn run(&self, program: &str, args: &[&str]) -> Cost {
        self.run_into(Stdio::null(), program, args)
    }

    fn run_into(&self, out: Stdio, program: &str, args: &[&str]) -> Cost {
        let watch = Instant::now();
        let child = Command::new(program)
            .args(args)
            .current_dir(self.root())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let (cpu, code) = ended(child);
        assert!(matches!(code, Some(0 | 10)), "{program} {args:?}: {code:?}");
        Cost { wall: watch.elapsed().as_secs_f64() * 1e3, cpu }
    }

    fn climb(&self, trials: u32) -> Cost {
        self.climb_by(&self.propose(), trials)
    }

    fn climb_by(&self, agent: &str, trials: u32) -> Cost {
        let (trials, own) = (trials.to_string(), self.own.display().to_string());
        let more = ["--trials", &trials, "--allow-write", &own];
        self.run(
            env!("CARGO_BIN_EXE_piton"),
            &[&["climb", "--run", "r", "--agent", agent][..], &more].concat(),
        )
    }

    /// Milliseconds from the end of each proposal to the start of the next, apart from build and samples, in a climb by an agent that piton
    /// reads.
    fn gaps(&self) -> Vec<f64> {
        let adapter = self.dir.path().join("agent.toml");
        let (script, own) = (self.dir.path().join("propose.sh"), &self.own);
        let text =
            format!("name = \"scripted\"\ncommand = [\"sh\", {script:?}, {own:?}]\nevents = \"text\"\n");
        fs::write(&adapter, text).expect("a file");
        let before = self.records().len();
        fs::remove_file(self.own.join("times")).expect("a file");
        self.climb_by(&adapter.display().to_string(), TRIALS);
        let work = self.records().split_off(before);
        let work =
            work.iter().map(|record| (record.measured.seconds.build + record.measured.seconds.measure) * 1e3);
        let times = fs::read_to_string(self.own.join("times")).expect("a file");
        let times: Vec<f64> =
            times.split_whitespace().map(|ns| ns.parse::<f64>().expect("a time") / 1e6).collect();
        // Its begin, its end, the next one's begin, ...
        times[1..].chunks_exact(2).zip(work).map(|(gap, work)| gap[1] - gap[0] - work).collect()
    }

    /// Milliseconds of processor time that piton itself spends on one sample, of the warm-up or of a pair.
    fn sample(&self) -> f64 {
        let (variants, found) = (self.dir.path().join("nothing.toml"), self.dir.path().join("found.json"));
        fs::write(&variants, NOTHING).expect("a file");
        let rehearse = |trials: &str| {
            let path = variants.display().to_string();
            let out = fs::File::create(&found).expect("a file");
            let args = ["rehearse", "--json", "--variants", &path, "--trials", trials];
            let cost = self.run_into(out.into(), env!("CARGO_BIN_EXE_piton"), &args);
            let found: serde_json::Value =
                serde_json::from_slice(&fs::read(&found).expect("a file")).expect("JSON");
            let pairs = found[0]["pairs"].as_array().expect("pairs of each trial");
            (cost.cpu, pairs.iter().map(|n| samples(n.as_f64().expect("a number"))).sum::<f64>())
        };
        let (few, many) = (rehearse("1"), rehearse("100"));
        (many.0 - few.0) / (many.1 - few.1)
    }

    fn records(&self) -> Vec<Record> {
        let repo = Repo::open(&self.root()).expect("a repository");
        Ledger::open(&repo.state_dir()).and_then(|ledger| ledger.records("r")).expect("a run")
    }

    /// Makes the run `rows` rows long: copies of its last trial, each with a ref.
    fn fill(&self, rows: u32) {
        let repo = Repo::open(&self.root()).expect("a repository");
        let ledger = Ledger::open(&repo.state_dir()).expect("a ledger");
        let mut record = self.records().pop().expect("a trial");
        record.measured.pairs = record.measured.pairs.iter().cycle().take(8).cloned().collect();
        let commit = repo.commit_id(record.commit.as_deref().expect("an edit")).expect("a commit");
        for trial in record.trial + 1..=rows {
            record.trial = trial;
            record.provenance.artifact = Some(format!("{trial:064x}"));
            let mut in_progress = run_store::trial_in_progress(&record, None, &repo, Owner::Piton);
            in_progress.tree = Some(format!("{trial:040x}"));
            ledger.propose(&in_progress).expect("a row");
            repo.new_ref(&format!("refs/piton/r/trials/{trial}"), commit, "bench").expect("a ref");
            ledger.decide(&record, in_progress.tree.as_deref()).expect("an entry");
            ledger.applied("r", trial).expect("a mark");
        }
    }
}

/// Waits for a process; processor time of it alone in milliseconds, from its remains, and its status.
fn ended(mut child: Child) -> (f64, Option<i32>) {
    let pid = rustix::process::Pid::from_child(&child);
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).expect("it ends");
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a zombie");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|i| fields[*i].parse::<f64>().expect("ticks")).sum();
    (ticks * 10.0, child.wait().expect("it ended").code())
}

/// A command's wall clock in milliseconds, in the mean of so many runs.
fn each(times: u32, mut run: impl FnMut()) -> f64 {
    let watch = Instant::now();
    (0..times).for_each(|_| run());
    watch.elapsed().as_secs_f64() * 1e3 / f64::from(times)
}

/// Samples of a trial of so many pairs: a warm-up of either side comes first.
fn samples(pairs: f64) -> f64 {
    2.0 * (pairs + 1.0)
}

fn per_trial(long: Cost, short: Cost) -> Cost {
    Cost {
        wall: (long.wall - short.wall) / f64::from(TRIALS),
        cpu: (long.cpu - short.cpu) / f64::from(TRIALS),
    }
}

/// One climb of 30 trials; what each costs, how much of that is build and samples as recorded, how much is outside of them, and how many samples
/// each took.
fn piton(toy: &Toy) -> (Cost, f64, f64, f64) {
    let before = toy.records().len();
    let short: Vec<Cost> = (0..3).map(|_| toy.climb(0)).collect();
    let of = |pick: fn(&Cost) -> f64| median(short.iter().map(pick).collect());
    let whole = per_trial(toy.climb(TRIALS), Cost { wall: of(|c| c.wall), cpu: of(|c| c.cpu) });
    let records = toy.records().split_off(before);
    let kept = records.iter().filter(|record| record.outcome.kept()).count();
    assert_eq!((records.len(), kept), (TRIALS as usize, TRIALS as usize / 2), "half of the trials are kept");
    let mean =
        |of: &dyn Fn(&Record) -> f64| records.iter().map(of).sum::<f64>() * 1e3 / records.len().max(1) as f64;
    let work = mean(&|r| r.measured.seconds.build + r.measured.seconds.measure);
    let samples = mean(&|r| samples(r.measured.pairs.len() as f64) * 1e-3);
    (
        whole,
        work,
        mean(&|r| r.measured.seconds.total - r.measured.seconds.build - r.measured.seconds.measure),
        samples,
    )
}

fn by_hand(toy: &Toy) -> Cost {
    toy.git(&["switch", "--quiet", "piton/r"]);
    let mut sum = Cost { wall: 0.0, cpu: 0.0 };
    for _ in 0..TRIALS {
        let propose = toy.propose();
        assert!(
            Command::new("sh").args(["-c", &propose]).current_dir(toy.root()).status().expect("sh").success()
        );
        let cost = toy.run(env!("CARGO_BIN_EXE_piton"), &["trial", "-m", "by hand"]);
        sum = Cost { wall: sum.wall + cost.wall, cpu: sum.cpu + cost.cpu };
    }
    toy.git(&["switch", "--quiet", "main"]);
    Cost { wall: sum.wall / f64::from(TRIALS), cpu: sum.cpu / f64::from(TRIALS) }
}

fn labloop(program: &Path, toy: &Toy) -> Cost {
    let program = program.to_string_lossy().into_owned();
    let what = ["--run", "cat src/value", "--metric", "speed", "--goal", "maximize"];
    let run = |trials: &str| {
        let propose = toy.propose();
        let more = ["--propose", &propose, "--trials", trials, "--sandbox", "none"];
        toy.run(&program, &[&["run"][..], &what, &more].concat())
    };
    if !toy.root().join("labloop.jsonl").exists() {
        toy.run(&program, &[&["baseline"][..], &what].concat());
    }
    let one = run("1");
    per_trial(run(&(TRIALS + 1).to_string()), one)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    let rounds: u32 = value("--rounds").and_then(|n| n.parse().ok()).unwrap_or(5);
    let labs = value("--labloop").map(PathBuf::from);

    let (small, large, other) = (Toy::new(), Toy::new(), Toy::new());
    for (toy, rows) in [(&small, 20), (&large, 20_000)] {
        toy.climb(1);
        toy.fill(rows);
        // Takes in what was filled: snapshot, table, and what is remembered.
        toy.climb(1);
    }
    let spare = Toy::new();
    let propose = each(60, || {
        let propose = spare.propose();
        assert!(
            Command::new("/bin/sh")
                .args(["-c", &propose])
                .current_dir(spare.root())
                .status()
                .expect("sh")
                .success()
        );
    });
    let cat = each(60, || {
        let cat =
            Command::new("cat").arg("src/value").current_dir(spare.root()).stdout(Stdio::null()).status();
        assert!(cat.expect("cat").success());
    });
    println!("proposal {propose:.1} ms, sample {cat:.1} ms, each by itself");
    let mut rows: Vec<(&str, Vec<Cost>)> =
        ["piton, 20 rows", "piton, 20,000 rows", "labloop"].map(|name| (name, vec![])).into();
    for _ in 0..rounds {
        for (i, toy) in [(0, &small), (1, &large)] {
            let (whole, work, recorded, samples) = piton(toy);
            let sample = spare.sample();
            println!(
                "{}: a trial takes {:.1} ms, {work:.1} of them build and samples; {recorded:.1} ms outside as recorded; {:.1} ms of processor time, {:.1} of them {samples:.1} samples",
                rows[i].0,
                whole.wall,
                whole.cpu,
                sample * samples
            );
            rows[i].1.push(Cost { wall: whole.wall - work - propose, cpu: whole.cpu - sample * samples });
        }
        if let Some(program) = &labs {
            let whole = labloop(program, &other);
            println!("labloop: a trial takes {:.1} ms, {:.1} ms of processor time", whole.wall, whole.cpu);
            rows[2].1.push(Cost { wall: whole.wall - cat - propose, cpu: whole.cpu });
        }
    }
    println!("\nmedian of {rounds} climbs of {TRIALS} trials, apart from proposal, build and samples:");
    for (name, costs) in rows.iter().filter(|row| !row.1.is_empty()) {
        let of = |pick: fn(&Cost) -> f64| median(costs.iter().map(pick).collect());
        println!("  {name:<20} wall {:>6.1} ms  processor {:>6.1} ms", of(|c| c.wall), of(|c| c.cpu));
    }
    for (name, toy) in [("20 rows", &small), ("20,000 rows", &large)] {
        let gaps: Vec<f64> = (0..rounds).flat_map(|_| toy.gaps()).collect();
        let (most, n) = (gaps.iter().copied().fold(0.0, f64::max), gaps.len());
        println!(
            "  an agent's end to the next one's start, {name}: median {:.1} ms, at most {most:.1} ms, of {n}, apart from build and samples",
            median(gaps)
        );
    }
    for (name, toy) in [("20 rows", &small), ("20,000 rows", &large)] {
        let cost = by_hand(toy);
        println!(
            "  piton trial, {name}: wall {:.1} ms, processor {:.1} ms, samples and all",
            cost.wall, cost.cpu
        );
    }
}
