//! What a sample is taken with: found, read and checked before any worker starts.

use crate::model::Checkpoint;
use crate::outcome::{Failure, Kind};
use crate::process::{Cores, Launch, Means, read_in, walls};
use crate::prompts::{self, Source, Task};
use piton_base::level::Level;
use piton_confine::{Policy, reachable};
use rustix::fs::{Access, access};
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
    /// Directory of the model.
    pub model: PathBuf,
    /// Name of a built-in suite, or path of one.
    pub suite: String,
    /// What the prompts are drawn from.
    pub seed: u64,
    /// How many times the suite is drawn.
    pub scale: u32,
    /// Cores for a worker.
    pub cores: usize,
    /// Longest time without a token.
    pub silence: Duration,
    /// Longest time for all prompts of one worker.
    pub whole: Duration,
    /// Address space of a worker, in bytes.
    pub memory_bytes: u64,
    /// What a worker may read besides its binary, its libraries and the model.
    pub more: Vec<PathBuf>,
    /// Least confinement of a worker.
    pub least: Level,
}

/// What all workers of a sample share.
pub struct Setup {
    /// What was asked.
    pub options: Options,
    /// Where the prompts come from.
    pub source: Source,
    /// The model, without its weights.
    pub checkpoint: Checkpoint,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The prompts, in the order in which they are asked.
    pub tasks: Vec<Task>,
    /// Who runs where.
    pub cores: Cores,
    /// How much a worker is confined.
    pub confinement: Level,
    model: PathBuf,
    more: Vec<PathBuf>,
}

/// A worker that can be started.
pub struct Startable<'a> {
    setup: &'a Setup,
    worker: PathBuf,
    walls: Policy,
}

impl Setup {
    /// Reads all that is needed apart from the worker.
    ///
    /// # Errors
    /// `bad_model`, `bad_suite` or `bad_setup`.
    pub fn open(options: Options) -> Result<Self, Failure> {
        let source = Source::open(&options.suite)?;
        let model = absolute(&options.model, Kind::BadModel)?;
        let checkpoint = Checkpoint::open(&model)?;
        let tokenizer = prompts::tokenizer(&model, &checkpoint.config)?;
        let drawn = source.draw(options.seed, options.scale);
        let tasks = prompts::tokenise(drawn, &tokenizer, &checkpoint.config)?;
        let cores = Cores::plan(options.cores)?;
        let more =
            options.more.iter().map(|path| absolute(path, Kind::BadSetup)).collect::<Result<_, _>>()?;
        // What can be reached is asked for: a worker that started has reached it.
        let confinement = reachable().0.max(options.least);
        Ok(Self { options, source, checkpoint, tokenizer, tasks, cores, confinement, model, more })
    }

    /// A worker by its binary.
    ///
    /// # Errors
    /// `not_found` where that cannot be executed.
    pub fn worker(&self, binary: &Path) -> Result<Startable<'_>, Failure> {
        let worker = executable(binary)?;
        let memory_bytes = self.options.memory_bytes;
        let (model, more, cores) = (Some(self.model.as_path()), &self.more, &self.cores.worker);
        let means = Means { worker: &worker, model, more, cores, memory_bytes };
        let walls = walls(means, self.confinement);
        Ok(Startable { setup: self, worker, walls })
    }
}

impl Startable<'_> {
    /// Reads in what the worker may read, so that what was in memory before tells nothing.
    ///
    /// # Errors
    /// `bad_setup` where it cannot be read.
    pub fn read_in(&self) -> Result<(), Failure> {
        read_in(self.walls.read.iter().map(PathBuf::as_path)).map(drop).map_err(|e| {
            Failure::new(Kind::BadSetup, format!("what the worker may read cannot be read: {e}"))
        })
    }

    /// How it is started.
    pub fn launch(&self) -> Launch<'_> {
        let Self { setup, worker, walls } = self;
        Launch { harness: &setup.options.harness, worker, model: &setup.model, walls }
    }
}

fn absolute(path: &Path, kind: Kind) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|e| Failure::new(kind, format!("{}: {e}", path.display())))
}

/// The absolute path of a binary or a script with an interpreter. Anything else, exec would hand to a shell.
///
/// # Errors
/// `not_found` where it is neither, or cannot be executed.
pub fn executable(path: &Path) -> Result<PathBuf, Failure> {
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
