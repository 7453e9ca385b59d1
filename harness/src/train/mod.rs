//! A sample of training: a worker learns a text that nobody has seen, and is scored on more of it, within one budget of processor time.
//!
//! What is scored does not exist for the worker until it has said how likely it is, byte by byte. So there is nothing to look ahead at,
//! no probability that the worker makes itself, and no time in which it works unseen: what a worker did is what it did to be good.

mod report;
mod score;
mod seeds;
mod text;

pub use report::Report;
pub use score::UNSCORED;
pub use seeds::Seeds;
pub use text::{Sizes, Texts, draw};

use crate::clock;
use crate::outcome::{Failure, Kind};
use crate::process::{Came, Cores, Means, Trainee, end_survivors, read_in, walls};
use crate::prompts::Source;
use crate::setup::executable;
use piton_base::level::Level;
use piton_confine::reachable;
use piton_worker::train::{ALPHABET, Lesson, TRAINED_LEN, Trained};
use std::path::PathBuf;
use std::time::Duration;

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// This binary: it starts itself once more to become the worker.
    pub harness: PathBuf,
    /// The worker's binary.
    pub worker: PathBuf,
    /// Path of the suite whose training text is learnt.
    pub suite: String,
    /// What the texts, and the worker's seed, are drawn from: see [`Seeds`].
    pub seed: u64,
    /// Processor time of the worker, in which it learns and is scored.
    pub budget: Duration,
    /// How much text.
    pub sizes: Sizes,
    /// Longest time by the clock on the wall.
    pub whole: Duration,
    /// Address space of the worker, in bytes.
    pub memory_bytes: u64,
    /// What it may read besides its binary and its libraries.
    pub more: Vec<PathBuf>,
    /// Least confinement of it.
    pub least: Level,
}

/// Takes one sample. All children of the calling process are ended: it must have no others than the worker.
///
/// # Errors
/// What kept it from being measured.
pub fn run(options: &Options) -> Result<Report, Failure> {
    let source = Source::open(&options.suite)?;
    let worker = executable(&options.worker)?;
    // A byte more of each stream: the first is given.
    let sizes = Sizes { length: options.sizes.length + 1, ..options.sizes };
    let seeds = Seeds::of(options.seed);
    let texts = draw(&source, seeds.texts, sizes)?;
    let cores = Cores::plan(1)?;
    let confinement = reachable().0.max(options.least);
    let (more, memory_bytes) = (&options.more[..], options.memory_bytes);
    let means = Means { worker: &worker, model: None, more, cores: &cores.worker, memory_bytes };
    let walls = walls(means, confinement);
    read_in(walls.read.iter().map(PathBuf::as_path))
        .map_err(|e| Failure::new(Kind::BadSetup, format!("what the worker may read cannot be read: {e}")))?;
    cores.step_aside();
    let begun = clock::now();
    let trainee = Trainee::start((&options.harness, &worker), &walls, options.budget, begun + options.whole)?;
    let taken = take(options, &texts, seeds.worker, trainee);
    let survivors = end_survivors();
    if survivors > 0 {
        let reason = format!("{survivors} processes were left beside the worker; they were ended");
        return Err(
            Failure::new(Kind::Survivors, reason).hint("a worker may start threads, and no processes")
        );
    }
    let wall = clock::now().saturating_sub(begun);
    Ok(Report { wall, confinement, cores, ..taken? })
}

/// Has the worker learn, and scores it until its budget is spent or every byte is scored.
fn take(options: &Options, texts: &Texts, seed: u64, mut trainee: Trainee) -> Result<Report, Failure> {
    let streams = &texts.streams;
    let at = |position: usize| streams.iter().map(|stream| stream[position]).collect::<Vec<u8>>();
    let lesson = Lesson {
        seed,
        budget: options.budget,
        length: options.sizes.length,
        text: texts.training.clone(),
        first: at(0),
    };
    let mut report = Report::new(options);
    let mut head = [0; TRAINED_LEN];
    let mut came = trainee.exchange(&lesson.encode(), &mut head, "while it was learning")?;
    report.learning = trainee.spent()?;
    if came == Came::All {
        report.trained = Trained::decode(&head).ok_or_else(|| {
            Failure::new(Kind::Garbage, "it said that it had learnt in other bytes than the protocol's")
        })?;
    }
    let mut scores = vec![0; streams.len() * ALPHABET * 4];
    let mut told = vec![];
    for position in 1..=options.sizes.length {
        if came == Came::All {
            came = trainee.exchange(&told, &mut scores, "while it was being scored")?;
        }
        // The scores are there before the bytes that they are of are sent.
        told = at(position);
        for (scores, byte) in scores.chunks_exact(ALPHABET * 4).zip(&told) {
            report.bits += if came == Came::All { score::bits(scores, *byte) } else { UNSCORED };
        }
        report.scored += if came == Came::All { told.len() as u64 } else { 0 };
    }
    (report.peak_memory, report.spent) = trainee.finish()?;
    Ok(report)
}
