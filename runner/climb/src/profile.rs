//! Where the time of a commit goes: built and measured once more under a sampling profiler, for nobody's verdict.
//!
//! The profiler stands outside of the walls and starts what stands within them. What it wrote is read by its own program behind
//! walls, since it leads to files that the candidate made.

mod read;
mod stand_in;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::build::{BuildEnd, BuildStore, Built};
use crate::context::World;
use crate::sample::{SampleProfiler, Sampled, Sampler};
use piton_core::base::error::{Context, Result};
use piton_core::rule::keep;
use piton_core::run::hot_lines::Profile;
use piton_core::trial::scope;
use piton_system::beneath;
use piton_system::config::Config;
use piton_system::git::Id;
use piton_system::host;
use piton_system::process;
use piton_system::state_home::Place;

/// Samples a second, of each core: prime, so that it does not beat with what a program does by the clock.
const RATE: &str = "997";
/// Longest that a profiler may take to read what it wrote.
const READING: Duration = Duration::from_secs(120);
/// Most of a profile that is read, in bytes.
const MOST: u64 = 64 << 20;
/// Most profiles of one sample that are read: one for each process of node.
const PROCESSES: usize = 32;
/// Longest script that is looked through for what it starts, in bytes.
const SCRIPT: u64 = 64 << 10;

/// A sampling profiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profiler {
    /// Linux's own: whatever is compiled.
    Perf,
    /// Python.
    PySpy,
    /// V8's own, in node.
    Node,
    /// Go's own, in its tests and benchmarks.
    Go,
}

impl Profiler {
    /// All, in the order in which they are tried where nothing speaks for one.
    pub const ALL: [Self; 4] = [Self::Perf, Self::PySpy, Self::Node, Self::Go];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::PySpy => "py-spy",
            Self::Node => "node",
            Self::Go => "go",
        }
    }

    /// Its program, where it is installed.
    fn program(self) -> Option<String> {
        let program = process::absolute(self.word());
        program.contains('/').then_some(program)
    }

    /// How it is installed.
    fn install(self) -> &'static str {
        match self {
            Self::Perf => "your system's package of it is called perf, linux-perf or linux-tools",
            Self::PySpy => "pip install py-spy",
            Self::Node => "node itself profiles: install node",
            Self::Go => "go itself profiles: install go",
        }
    }
}

/// What came of it.
pub enum Profiled {
    /// By whom, and what it saw.
    Seen(Profiler, Profile),
    /// Why it saw nothing, and what to do.
    Nothing(String, String),
}

/// Builds `commit` and measures it once under a profiler: `with`, or the one that what is measured speaks for. `harness` is the sealed tree and
/// the harness where they stand already. Everything else lies in a place of its own, which is removed.
///
/// # Errors
/// When piton itself fails: a disk that refuses, a command that cannot be started.
pub fn profile(
    world: &World,
    config: &Config,
    commit: Id,
    harness: Option<&Built>,
    with: Option<Profiler>,
) -> Result<Profiled> {
    let dir = world.repo.state_dir().join("profile");
    let _ = beneath::remove_at(&dir);
    fs::create_dir_all(dir.join("logs")).context("nothing was profiled")?;
    let place = Place::of(&dir);
    world.begin_long("building and measuring once under a profiler");
    let ended = Profiling { world, config, commit, dir: &dir, place: &place }.run(harness, with);
    world.progress.idle();
    for made in place.known().iter().chain([&dir]) {
        let _ = beneath::remove_at(made);
    }
    ended
}

struct Profiling<'a> {
    world: &'a World,
    config: &'a Config,
    commit: Id,
    dir: &'a Path,
    place: &'a Place,
}

impl Profiling<'_> {
    fn run(&self, harness: Option<&Built>, with: Option<Profiler>) -> Result<Profiled> {
        let nothing = |why: &str, todo: String| Ok(Profiled::Nothing(why.to_owned(), todo));
        let store = BuildStore { dir: self.dir.to_owned(), place: self.place, ..self.world.build_store() };
        let built_here =
            if harness.is_none() { Some(store.harness(self.commit, self.config)?) } else { None };
        let harness = harness.or(built_here.as_ref()).expect("one of the two");
        let sealed = scope::below(&harness.tree, &self.config.measure.within);
        let by = with.unwrap_or_else(|| self.speaks_for(&sealed));
        let Some(program) = by.program() else {
            return nothing(
                &format!("{} is not installed", by.word()),
                format!("{}; or {}", by.install(), Self::another()),
            );
        };
        let mut config = self.config.clone();
        if let Some(build) = &mut config.build {
            // Names and lines, in what cargo builds: the program is the same but for them.
            for key in ["CARGO_PROFILE_RELEASE_DEBUG", "CARGO_PROFILE_BENCH_DEBUG"] {
                build.env.entry(key.to_owned()).or_insert_with(|| "line-tables-only".to_owned());
            }
            build.env.entry("CARGO_PROFILE_RELEASE_STRIP".to_owned()).or_insert_with(|| "none".to_owned());
        }
        let side = match store.challenger(self.commit, &[], &config, true)? {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(crash) => {
                return nothing(
                    &format!("it does not build: {}", crash.reason),
                    "piton doctor --try builds it alone".to_owned(),
                );
            }
            BuildEnd::TimedOut => {
                return nothing("its build took too long", "raise [build] timeout_s".to_owned());
            }
            BuildEnd::Interrupted => return nothing(process::STOPPED, "start it again".to_owned()),
        };
        let wrote = self.dir.join("seen");
        fs::create_dir_all(&wrote).context("nothing was profiled")?;
        let file = wrote.join("data").to_string_lossy().into_owned();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let under = match by {
            Profiler::Perf => {
                words(&[&program, "record", "--quiet", "--freq", RATE, "--output", &file, "--"])
            }
            Profiler::PySpy => words(&[
                &program,
                "record",
                "--subprocesses",
                "--rate",
                "200",
                "--format",
                "raw",
                "--output",
                &file,
                "--",
            ]),
            Profiler::Node => {
                self.stand_in_for_node(&mut config, &program, &wrote)?;
                vec![]
            }
            Profiler::Go => {
                self.stand_in_for_go(&mut config, &program, &wrote, &side)?;
                vec![]
            }
        };
        let read = RefCell::new(None);
        let after = || {
            *read.borrow_mut() = Some(self.read(by, &program, &wrote, &side)?);
            Ok(())
        };
        let profiler = SampleProfiler { under, after: &after };
        let sampler = Sampler {
            place: self.place,
            logs: self.dir.join("logs"),
            profiler: Some(&profiler),
            ..self.world.sampler(&config, harness)
        };
        let sampled = sampler.sample(&side, keep::draw(host::fresh_seed()?, 0).prompts, 0)?;
        let seen = read.into_inner().unwrap_or_else(|| Err("it was not started".to_owned()));
        match (seen, sampled) {
            (_, Sampled::Interrupted) => nothing(process::STOPPED, "start it again".to_owned()),
            // A sample that fails under a profiler, as one that takes too long, has been seen all the same.
            (Ok(profile), _) if profile.samples > 0 => {
                Ok(Profiled::Seen(by, profile.below(&self.roots(&side)?)))
            }
            (_, failed @ (Sampled::Failed { .. } | Sampled::TimedOut | Sampled::Changed(_))) => nothing(
                &format!(
                    "the sample failed under {}: {}",
                    by.word(),
                    failed.words(self.config.measure.timeout_s)
                ),
                "piton doctor --try measures it without a profiler".to_owned(),
            ),
            (Ok(_), _) => nothing(
                &format!("{} took no sample", by.word()),
                format!("{}; a sample of some milliseconds is too short", Self::another()),
            ),
            (Err(why), _) => {
                nothing(&format!("what {} wrote was not read: {why}", by.word()), Self::another())
            }
        }
    }

    /// What to do where one saw nothing.
    fn another() -> String {
        let names = Profiler::ALL.map(Profiler::word);
        format!("name another: --with {}", names.join(", "))
    }

    /// Directories below which the experiment's own files lie, where it is built and where it is measured: of no use to a reader.
    fn roots(&self, side: &Built) -> Result<Vec<String>> {
        let scratch = self.place.scratch()?.join("tree");
        let within =
            |root: &Path| scope::below(root, &self.config.measure.within).to_string_lossy().into_owned();
        Ok([&scratch, &side.tree].map(|root| within(root)).to_vec())
    }

    /// The profiler of the language that the measuring command starts, by its words and those of its script.
    fn speaks_for(&self, sealed: &Path) -> Profiler {
        let command = &self.config.measure.command;
        let script = |word: &String| {
            let name =
                word.strip_prefix("{sealed}/").or_else(|| word.strip_prefix("{tree}/")).unwrap_or(word);
            let bytes = beneath::read(sealed, Path::new(name), SCRIPT).ok()?;
            String::from_utf8(bytes).ok()
        };
        let scripts: Vec<String> = command.iter().filter_map(script).collect();
        let words = command
            .iter()
            .chain(&scripts)
            .flat_map(|text| text.split(|c: char| c.is_whitespace() || "\"'`;|&()<>=/".contains(c)));
        let starts = |names: &[&str]| words.clone().any(|word| names.contains(&word));
        if starts(&["python", "python3", "pytest", "uv"]) {
            Profiler::PySpy
        } else if starts(&["node", "npm", "npx", "pnpm"]) {
            Profiler::Node
        } else if starts(&["-test.bench"]) || starts(&["go"]) && starts(&["test"]) {
            Profiler::Go
        } else {
            Profiler::Perf
        }
    }
}
