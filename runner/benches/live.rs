//! How long after a change of the ledger it reaches a page that is open: `cargo bench --bench live -- [--trials N] [--rounds N]`.
//!
//! `piton serve` looks on at a toy run of N trials, and a page is open. Then trials are entered into the ledger one by one, and the
//! time from the end of each transaction until its row, the new top of the page and the strip have come is taken, as a browser on this
//! machine would get them.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use piton_climb::run_store;
use piton_core::trial::record::Record;
use piton_core::trial::state::Owner;
use piton_system::git::Repo;
use piton_system::ledger::Ledger;

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
"#;

fn run(root: &Path, program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    command.args(args).current_dir(root).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(matches!(command.status().expect("it starts").code(), Some(0 | 10)), "{program} {args:?}");
}

/// A run with a keep and a discard.
fn toy(root: &Path) {
    fs::create_dir_all(root.join("src")).expect("a directory");
    fs::write(root.join("piton.toml"), EXPERIMENT).expect("a file");
    fs::write(root.join("src/value"), "{\"speed\": 1000}\n").expect("a file");
    run(root, "git", &["init", "--quiet", "--initial-branch=main"]);
    run(root, "git", &["config", "user.name", "t"]);
    run(root, "git", &["config", "user.email", "t@example.org"]);
    run(root, "git", &["add", "--all"]);
    run(root, "git", &["commit", "--quiet", "--message", "toy"]);
    run(root, env!("CARGO_BIN_EXE_piton"), &["baseline", "--run", "r"]);
    for value in ["2000", "900"] {
        fs::write(root.join("src/value"), format!("{{\"speed\": {value}}}\n")).expect("a file");
        run(root, env!("CARGO_BIN_EXE_piton"), &["trial", "-m", value]);
    }
}

/// Enters one trial more: a copy of the last, with eight pairs.
fn enter(ledger: &Ledger, repo: &Repo, record: &mut Record) {
    record.trial += 1;
    record.provenance.artifact = Some(format!("{:064x}", record.trial));
    let mut in_progress = run_store::trial_in_progress(record, None, repo, Owner::Piton);
    in_progress.tree = Some(format!("{:040x}", record.trial));
    ledger.propose(&in_progress).expect("a row");
    ledger.decide(record, in_progress.tree.as_deref()).expect("an entry");
    ledger.applied("r", record.trial).expect("a mark");
}

fn connect(address: &str, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    BufReader::new(stream)
}

/// Reads events until the strip has come that stands behind a row.
fn shown(events: &mut BufReader<TcpStream>) {
    let (mut row, mut line) = (false, String::new());
    let (mut name, mut data) = (String::new(), false);
    loop {
        line.clear();
        assert!(events.read_line(&mut line).expect("an event") > 0, "it was cut off");
        if let Some(event) = line.trim_end().strip_prefix("event: ") {
            (name, data) = (event.to_owned(), false);
        } else if line.starts_with("data: ") {
            data = true;
        } else if line.trim_end().is_empty() && data {
            row |= name == "trial";
            if row && name == "strip" {
                return;
            }
            data = false;
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str, usual: u32| {
        let at = arguments.iter().position(|a| a == name);
        at.and_then(|i| arguments.get(i + 1)?.parse().ok()).unwrap_or(usual)
    };
    let (trials, rounds) = (value("--trials", 2000), value("--rounds", 40));
    let dir = tempfile::tempdir().expect("a directory");
    toy(dir.path());
    let repo = Repo::open(dir.path()).expect("a repository");
    let ledger = Ledger::open(&repo.state_dir()).expect("a ledger");
    let mut record = ledger.record("r", 2).expect("a ledger").expect("a trial");
    record.measured.pairs = record.measured.pairs.iter().cycle().take(8).cloned().collect();
    while record.trial < trials {
        enter(&ledger, &repo, &mut record);
    }
    let mut serve = Command::new(env!("CARGO_BIN_EXE_piton"));
    serve.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(dir.path());
    let mut serve = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(serve.stdout.take().expect("a pipe")).read_line(&mut line).expect("an address");
    let address = line.trim().trim_start_matches("http://").split('/').next().expect("a host").to_owned();
    let watch = Instant::now();
    let mut page = String::new();
    connect(&address, "/").read_to_string(&mut page).expect("a page");
    println!(
        "{trials} trials: the page has {:.2} MB and takes {:.0} ms",
        page.len() as f64 / 1e6,
        watch.elapsed().as_secs_f64() * 1e3
    );
    let mut events = connect(&address, &format!("/events?run=r&last={trials}"));
    // The first strip: from here on it looks.
    while line.trim_end() != "event: strip" {
        line.clear();
        assert!(events.read_line(&mut line).expect("an event") > 0, "it was cut off");
    }
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            enter(&ledger, &repo, &mut record);
            let watch = Instant::now();
            shown(&mut events);
            watch.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "from the ledger to the page, {rounds} trials: median {:.0} ms, longest {:.0} ms",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    let _ = serve.kill();
    let _ = serve.wait();
}
