//! One sample: time a worker, end it, then score what it said.

use crate::answer::Timed;
use crate::clock::{self, Moment};
use crate::counts::{Checks, Quality, Timing};
use crate::model::{Checkpoint, Reference};
use crate::outcome::{Failure, Kind};
use crate::plausible;
use crate::process::{Cores, Launch, Means, Patience, Spent, Worker, end_survivors, read_in, walls};
use crate::prompts::{self, Source, Task};
use crate::report::{PromptLine, Report, Versions};
use crate::score::{self, Scored};
use piton_base::level::Level;
use piton_confine::reachable;
use piton_worker::Request;
use rustix::fs::{Access, access};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokenizers::Tokenizer;

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// This binary: it starts itself once more to become the worker.
    pub harness: PathBuf,
    /// The worker's binary.
    pub worker: PathBuf,
    /// Directory of the model.
    pub model: PathBuf,
    /// Name of a built-in suite, or path of one.
    pub suite: String,
    /// What the prompts are drawn from.
    pub seed: u64,
    /// Cores for the worker.
    pub cores: usize,
    /// Longest time without a token.
    pub silence: Duration,
    /// Longest time for all prompts.
    pub whole: Duration,
    /// Address space of the worker, in bytes.
    pub memory_bytes: u64,
    /// What the worker may read besides its binary, its libraries and the model.
    pub more: Vec<PathBuf>,
    /// Least confinement of the worker.
    pub least: Level,
}

/// What a worker did, before anybody looks at whether it was right.
struct Timings {
    answers: Vec<Timed>,
    spent: Spent,
    load: Duration,
}

/// Takes one sample. All children of the calling process are ended: it must have no others than the worker.
///
/// # Errors
/// What kept it from being measured.
pub fn run(options: &Options) -> Result<Report, Failure> {
    let source = Source::open(&options.suite)?;
    let model = absolute(&options.model, Kind::BadModel)?;
    let worker = executable(&options.worker)?;
    let checkpoint = Checkpoint::open(&model)?;
    let tokenizer = prompts::tokenizer(&model, &checkpoint.config)?;
    let tasks = prompts::tokenise(source.draw(options.seed), &tokenizer, &checkpoint.config)?;
    let cores = Cores::plan(options.cores)?;

    // What can be reached is asked for: a worker that started has reached it.
    let confinement = reachable().0.max(options.least);
    let more =
        options.more.iter().map(|path| absolute(path, Kind::BadSetup)).collect::<Result<Vec<_>, _>>()?;
    let memory_bytes = options.memory_bytes;
    let means = Means { worker: &worker, model: &model, more: &more, cores: &cores.worker, memory_bytes };
    let walls = walls(means, confinement);
    let launch = Launch { harness: &options.harness, worker: &worker, model: &model, walls: &walls };
    // After all else that this process reads: nothing comes between that and the worker.
    read_in(walls.read.iter().map(PathBuf::as_path))
        .map_err(|e| Failure::new(Kind::BadSetup, format!("what the worker may read cannot be read: {e}")))?;
    cores.step_aside();
    let timed = time(&launch, options, &tasks, &checkpoint);
    let survivors = end_survivors();
    if survivors > 0 {
        return Err(survived(survivors, timed.err()));
    }
    let timings = timed?;

    // Only now, so that the reference neither takes time from the worker nor counts as memory.
    let began = clock::now();
    let loaded = cores.each(1, |_| Reference::load(&checkpoint)).pop();
    let reference =
        loaded.unwrap_or_else(|| Err(Failure::new(Kind::BadSetup, "no core loaded the reference")))?;
    let scored = cores.each(tasks.len(), |i| {
        score::score(&reference, &tasks[i].tokens, &timings.answers[i].tokens, tasks[i].max_new)
    });
    let mut report = Report {
        quality: Quality::default(),
        timing: Timing {
            samples: 1,
            peak_memory_bytes: timings.spent.peak_memory,
            load_cpu_s: timings.spent.load.as_secs_f64(),
            idle_cpu_s: timings.spent.idle.as_secs_f64(),
            ..Timing::default()
        },
        prompts: Vec::with_capacity(tasks.len()),
        versions: Versions::new(source.name(), &source.sha256, &reference.sha256),
        seed: options.seed,
        confinement,
        cores,
        load_ms: ms(timings.load),
        scoring_ms: 0.0,
    };
    for (i, ((task, timed), scored)) in tasks.iter().zip(&timings.answers).zip(scored).enumerate() {
        let line = scored
            .and_then(|scored| judge(&tokenizer, task, timed, &scored, &mut report))
            .map_err(|failure| failure.at_prompt(i + 1, &task.prompt.task))?;
        report.prompts.push(line);
    }
    report.scoring_ms = ms(clock::now().saturating_sub(began));
    plausible::check_finite(&report.values())?;
    Ok(report)
}

/// What a worker left behind explains whatever else went wrong: a child that holds the pipe open looks like a
/// worker that hangs.
fn survived(count: usize, other: Option<Failure>) -> Failure {
    let reason = format!("{count} processes were left beside the worker; they were ended");
    let mut failure = Failure::new(Kind::Survivors, reason);
    if let Some(other) = other {
        failure.reason = format!("{}; and {}", failure.reason, other.reason);
        failure.detail = other.detail;
    }
    failure.hint("a worker may start threads, and no processes")
}

/// Starts a worker, asks it every prompt, and ends it.
fn time(
    launch: &Launch,
    options: &Options,
    tasks: &[Task],
    checkpoint: &Checkpoint,
) -> Result<Timings, Failure> {
    let began = clock::now();
    let mut worker =
        Worker::start(launch, Patience { silence: options.silence, end: clock::now() + options.whole })?;
    let load = clock::now().saturating_sub(began);
    let (vocab, end) = (checkpoint.config.vocab as u32, &checkpoint.config.end);
    let moment = Moment::now();
    let mut answers = Vec::with_capacity(tasks.len());
    for (i, task) in tasks.iter().enumerate() {
        let request = Request { nonce: nonce()?, max_new: task.max_new as u32, prompt: task.tokens.clone() };
        let answer = worker.ask(&request, vocab, end).and_then(|timed| {
            let (tokens, seconds) = (timed.tokens.len(), timed.last.as_secs_f64());
            plausible::check_speed(tokens, seconds, checkpoint.weight_bytes, options.cores)?;
            Ok(timed)
        });
        answers.push(answer.map_err(|failure| failure.at_prompt(i + 1, &task.prompt.task))?);
    }
    let (raw, monotonic) = moment.elapsed();
    let spent = worker.finish()?;
    plausible::check_drift(raw, monotonic)?;
    let clocked = answers.iter().map(|timed: &Timed| timed.last).sum();
    plausible::check_unclocked(spent.load, spent.idle, clocked, checkpoint.weight_bytes)?;
    Ok(Timings { answers, spent, load })
}

/// Adds one scored answer to the report's counts.
fn judge(
    tokenizer: &Tokenizer,
    task: &Task,
    timed: &Timed,
    scored: &Scored,
    report: &mut Report,
) -> Result<PromptLine, Failure> {
    let prompt = &task.prompt;
    if scored.ended_early(task.max_new) {
        return Err(ended_early(task, scored));
    }
    let text = |tokens: &[u32]| {
        let text = tokenizer.decode(tokens, true);
        text.map_err(|e| Failure::new(Kind::BadModel, format!("the tokenizer did not decode an answer: {e}")))
    };
    let (answer, exact_answer) = (text(&timed.tokens)?, text(&scored.exact)?);
    let mut counts = scored.counts();
    let checks = Checks {
        total: prompt.checks.len() as u64,
        passed: prompts::passed(prompt, &answer),
        exact: prompts::passed(prompt, &exact_answer),
    };
    if checks.total > 0 {
        counts.checks.insert(format!("{}/{}", prompt.context.name(), prompt.family), checks);
    }
    report.quality.pool(&counts);
    let (first, last) = (timed.first.as_secs_f64(), timed.last.as_secs_f64());
    report.timing.add_prompt(task.tokens.len(), timed.tokens.len(), first, last);
    Ok(PromptLine::new(task, timed, &counts, checks, &answer, &exact_answer))
}

fn ended_early(task: &Task, scored: &Scored) -> Failure {
    let regret = scored.positions.last().map_or(f64::NAN, |last| last.regret());
    Failure::new(
        Kind::EndedEarly,
        format!(
            "an end-of-text after {} of {} tokens, where the reference would have gone on (regret {regret:.2} nats)",
            scored.positions.len(),
            task.max_new
        ),
    )
}

/// A number that nobody can have known before.
fn nonce() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    let filled = getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|e| Failure::new(Kind::BadSetup, format!("the kernel gives no random numbers: {e}")))?;
    if filled < bytes.len() {
        return Err(Failure::new(Kind::BadSetup, "the kernel gives too few random numbers"));
    }
    Ok(u64::from_ne_bytes(bytes))
}

fn absolute(path: &Path, kind: Kind) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|e| Failure::new(kind, format!("{}: {e}", path.display())))
}

/// A binary or a script with an interpreter. Anything else, exec would hand to a shell.
fn executable(path: &Path) -> Result<PathBuf, Failure> {
    let path = absolute(path, Kind::NotFound)?;
    let mut magic = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(4).read_to_end(&mut magic));
    let program = magic == *b"\x7fELF" || magic.starts_with(b"#!");
    if read.is_ok() && program && access(&path, Access::EXEC_OK).is_ok() {
        return Ok(path);
    }
    Err(Failure::new(Kind::NotFound, format!("{} is not an executable file", path.display()))
        .hint("build the candidate first: --worker is the path of its binary"))
}

fn ms(duration: Duration) -> f64 {
    1e3 * duration.as_secs_f64()
}
