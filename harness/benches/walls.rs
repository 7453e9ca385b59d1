//! What a worker's walls cost in throughput, and at its start: `cargo bench -p harness --bench walls -- CANDIDATE MODEL PAIRS`.
//!
//! The same binary answers the same prompts behind its walls and without any, pinned to the same core either way, in pairs
//! whose order a coin decides. Printed is a case for `piton replay`, in which the worker without walls is the challenger.

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::clock;
use harness::model::Checkpoint;
use harness::process::{Cores, Launch, Means, Patience, Worker, walls};
use harness::prompts::{self, Source, Task};
use piton_base::level::Level;
use piton_confine::reachable;
use piton_worker::Request;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::thread::{CpuSet, sched_setaffinity};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The name under which this binary starts a worker without walls.
const BARE: &str = "bare";
const MEMORY_BYTES: u64 = 4 << 30;
const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/short.toml");

fn main() -> Result<()> {
    let mut args = std::env::args();
    if args.next().is_some_and(|name| name.ends_with(BARE)) {
        return Err(become_worker(&args.collect::<Vec<_>>()));
    }
    piton_confine::enter_if_asked();
    let args: Vec<String> = args.filter(|arg| arg != "--bench").collect();
    let [candidate, model, pairs] = &args[..] else { return Err("CANDIDATE MODEL PAIRS".into()) };
    let (candidate, model) = (Path::new(candidate).canonicalize()?, Path::new(model).canonicalize()?);

    let checkpoint = Checkpoint::open(&model).map_err(|failure| format!("{failure:?}"))?;
    let source = Source::open(SUITE).map_err(|failure| format!("{failure:?}"))?;
    let tokenizer =
        prompts::tokenizer(&model, &checkpoint.config).map_err(|failure| format!("{failure:?}"))?;
    let cores = Cores::plan(1).map_err(|failure| format!("{failure:?}"))?;
    let means = Means {
        worker: &candidate,
        model: Some(&model),
        more: &[],
        cores: &cores.worker,
        memory_bytes: MEMORY_BYTES,
    };
    let walls = walls(means, reachable().0.max(Level::Strong));
    cores.step_aside();

    let own = std::env::current_exe()?;
    let dir = tempfile::tempdir()?;
    let bare: PathBuf = dir.path().join(BARE);
    std::os::unix::fs::symlink(&own, &bare)?;
    let rate = |exe: &Path, tasks: &[Task]| -> Result<(f64, Duration)> {
        let launch = Launch { harness: exe, worker: &candidate, model: &model, walls: &walls };
        speed(&launch, tasks, &checkpoint).map_err(|failure| format!("{failure:?}").into())
    };
    let (mut gains, mut starts) = (vec![], vec![]);
    for pair in 0..=pairs.parse()? {
        let drawn = random()?;
        let tasks = prompts::tokenise(source.draw(drawn >> 1, 1), &tokenizer, &checkpoint.config)
            .map_err(|failure| format!("{failure:?}"))?;
        let (open, walled) = if drawn & 1 == 0 {
            let open = rate(&bare, &tasks)?;
            (open, rate(&own, &tasks)?)
        } else {
            let walled = rate(&own, &tasks)?;
            (rate(&bare, &tasks)?, walled)
        };
        // The first pair brings everything into memory.
        if pair > 0 {
            gains.push((open.0 / walled.0).ln());
            starts.push(1e3 * (walled.1.as_secs_f64() - open.1.as_secs_f64()));
        }
    }
    let centre = median(gains.clone());
    let tau = 1.4826 * median(gains.iter().map(|gain| (gain - centre).abs()).collect());
    eprintln!(
        "without walls: {:+.2} % (median of {} pairs, tau {:.2} %), confinement {}",
        100.0 * centre.exp_m1(),
        gains.len(),
        100.0 * tau,
        walls.least
    );
    eprintln!("a start behind walls takes {:+.2} ms more (median)", median(starts));
    println!("{}", serde_json::json!({ "primary": { "tau": tau, "d": gains } }));
    Ok(())
}

/// Tokens a second over all tasks, as `harness explain` says, and the time until the worker was ready.
fn speed(
    launch: &Launch,
    tasks: &[Task],
    checkpoint: &Checkpoint,
) -> std::result::Result<(f64, Duration), harness::outcome::Failure> {
    let patience = Patience { silence: Duration::from_secs(10), end: clock::now() + Duration::from_secs(60) };
    let began = clock::now();
    let mut worker = Worker::start(launch, patience)?;
    let start = clock::now().saturating_sub(began);
    let (mut tokens, mut time) = (0, Duration::ZERO);
    for task in tasks {
        let request = Request { nonce: 7, max_new: task.max_new as u32, prompt: task.tokens.clone() };
        let timed = worker.ask(&request, checkpoint.config.vocab as u32, &checkpoint.config.end)?;
        tokens += timed.tokens.len();
        time += timed.last;
    }
    worker.finish()?;
    Ok((tokens as f64 / time.as_secs_f64(), start))
}

/// What the walls' helper does, without the walls: the cores, then the command.
fn become_worker(args: &[String]) -> Box<dyn Error> {
    let policy: serde_json::Value = serde_json::from_str(&args[1]).unwrap_or_default();
    let mut set = CpuSet::new();
    let cores = policy["limits"]["cores"].as_array().into_iter().flatten();
    cores.filter_map(serde_json::Value::as_u64).for_each(|core| set.set(core as usize));
    if let Err(error) = sched_setaffinity(None, &set) {
        return error.into();
    }
    Command::new(&args[3]).args(&args[4..]).exec().into()
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { 0.0 } else { f64::midpoint(values[n / 2], values[(n - 1) / 2]) }
}
