//! How a run begins, and how it is taken up again.

use std::fs;

use crate::book::{self, Book};
use crate::build::BuildEnd;
use crate::clock::{self, Stopwatch};
use crate::config::{self, Config};
use crate::drive::{LEFT_BEHIND, Session, Turn, blank};
use crate::error::{Context, Error, Result, exit};
use crate::flight::Owner;
use crate::ledger::{Ledger, Run};
use crate::metric::percent;
use crate::proc;
use crate::recover::Entered;
use crate::say::Tone;
use crate::trial::{Outcome, Record, Seconds};
use crate::words::{number, plural, seconds};
use crate::world::World;
use crate::{disk, fail, host};

impl World {
    /// Begins a run at HEAD: seals, builds, measures and records the baseline, makes the branch.
    ///
    /// # Errors
    /// A tree that is not clean, a name that is taken, a harness or baseline that does not build, run or pass.
    pub fn begin(&self, entered: Entered, name: Option<&str>) -> Result<Session<'_>> {
        let head = self.repo.head()?;
        let dirty = self.repo.dirty()?;
        if !dirty.is_empty() {
            return Err(Error::refused("the run did not begin: the tree is not clean")
                .cause(format!(
                    "not committed: {}",
                    dirty.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
                ))
                .note("nothing was changed, and your files are as they were")
                .hint("commit them, or `git stash --include-untracked`"));
        }
        let text = config::text(self.repo.file(head.commit, config::FILE))?;
        let config = Config::parse(&text)?;
        let Entered { lock, ledger, .. } = entered;
        let state = self.repo.state_dir();
        let name = self.free_name(name, &ledger)?;
        self.make_room()?;
        let branch = format!("piton/{name}");
        let beat = self.pulse.begin(&name);
        self.progress.line(Tone::Plain, &format!("run {name}: {}, on branch {branch}", config.name));
        fs::create_dir_all(state.join("logs")).context("the run did not begin")?;
        self.runner.transcribe(&self.repo.main_root().join("run.log"))?;

        let watch = Stopwatch::start();
        if config.harness.is_some() {
            self.long("building the harness from the sealed tree; minutes the first time");
        }
        let harness = self.workshop().harness(head.commit, config.harness.as_ref())?;
        if let Some(hash) = &harness.hash {
            self.progress.line(
                Tone::Plain,
                &format!("harness built in {}, sha256 {}", seconds(watch.seconds()), &hash[..12]),
            );
        }
        let built_from = Stopwatch::start();
        self.long("building the baseline");
        let broken = |why: String| {
            Error::new("the run did not begin: the baseline cannot be measured")
                .status(exit::BASELINE)
                .cause(why)
                .note("no branch was made and nothing was recorded")
                .hint("the whole output is in run.log")
        };
        let build = |end: BuildEnd| match end {
            BuildEnd::Built(built) => Ok(built),
            BuildEnd::Failed(error) => Err(broken(format!("it does not build: {error}"))),
            BuildEnd::TimedOut => Err(broken("its build took too long".to_owned())),
            BuildEnd::Interrupted => Err(broken(proc::STOPPED.to_owned())),
        };
        let baseline = build(self.workshop().challenger(head.commit, None, config.build.as_ref(), true)?)?;
        let build_s = built_from.seconds();
        self.progress.line(Tone::Plain, &format!("baseline built in {}", seconds(build_s)));
        self.doing("building the baseline a second time");
        let again = build(self.workshop().again(head.commit, config.build.as_ref())?)?;

        let measured_from = Stopwatch::start();
        let seed: u64 = host::fresh_seed()?;
        let seal = self.repo.seal(head.commit, &config.scope)?.to_string();
        let run = Run {
            name: name.clone(),
            base: head.commit.to_string(),
            seal,
            harness: harness.hash.clone(),
            config: text,
            began: clock::now(),
            locks: true,
        };
        let mut record = Record {
            description: "baseline".to_owned(),
            commit: Some(run.base.clone()),
            outcome: Outcome::Baseline,
            artifact: baseline.hash.clone(),
            seed: Some(seed),
            ..blank(&run, 0, &config)
        };
        if let Some(why) = self.calibrate(&config, &harness, (&baseline, &again), seed, &mut record)? {
            return Err(broken(why));
        }
        record.seconds =
            Seconds { agent: 0.0, build: build_s, measure: measured_from.seconds(), total: watch.seconds() };
        self.progress.idle();
        let tau = record
            .tau
            .map_or_else(String::new, |tau| format!(", tau of a pair's gain {:.2} %", percent(tau)));
        let value = record.value(&config.metric.name).map_or_else(String::new, number);
        self.progress.line(
            Tone::Plain,
            &format!(
                "baseline {} {value} {} ({}{tau}), gates pass\n",
                config.metric.name,
                config.metric.unit,
                match record.runs.len() {
                    0 => format!("{} of two builds", plural(record.pairs.len(), "pair")),
                    runs => plural(runs, "run"),
                }
            ),
        );
        if let Some(hash) = &record.artifact {
            disk::sync_within(&book::artifact_dir(&self.repo, hash))
                .context("the artifact was not synced")?;
        }
        let tree = self.repo.tree_id(head.commit)?;
        ledger.begin(&run, &book::flight(&record, Some(tree), &self.repo, Owner::User))?;
        fail::point("begun");
        let mut book = Book::open(ledger, run)?;
        book.create_branch(&self.repo)?;
        book.apply(&self.repo, None, 0, Owner::User)?;
        Ok(Session { world: self, book, harness, beat, lock, turn: Turn::default() })
    }

    /// Has git overlook what a run leaves in the checkout, and makes the place where a human may leave guidance.
    fn make_room(&self) -> Result<()> {
        self.repo.exclude(&LEFT_BEHIND)?;
        match fs::create_dir(self.repo.main_root().join(".piton")) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                let what = "the run does not begin or go on: .piton, where guidance is left, cannot be made";
                Err(Error::new(what)
                    .cause(e)
                    .note("nothing was measured, and what is recorded is as it was")
                    .hint("let this user write to the checkout, or make room on its disk"))
            }
            _ => Ok(()),
        }
    }

    /// Takes up a run that has begun.
    ///
    /// # Errors
    /// No such run, another piton at work, a branch that somebody moved, a harness that is not the run's.
    pub fn resume(&self, entered: Entered, name: &str) -> Result<Session<'_>> {
        let Entered { lock, ledger, .. } = entered;
        let run = ledger.run(name)?.ok_or_else(|| {
            Error::refused(format!("there is no run {name}"))
                .note("nothing was changed")
                .hint(format!("begin it: piton baseline --run {name}"))
        })?;
        let beat = self.pulse.begin(name);
        let config = run.experiment()?;
        self.make_room()?;
        fs::create_dir_all(self.repo.state_dir().join("logs")).context("the run was not taken up")?;
        self.runner.transcribe(&self.repo.main_root().join("run.log"))?;
        let harness = self.workshop().harness(self.repo.commit_id(&run.base)?, config.harness.as_ref())?;
        if harness.hash != run.harness {
            return Err(Error::refused(format!(
                "run {name} was not taken up: its harness is another one now"
            ))
            .cause(format!(
                "it was sealed to {}, and the same source builds {} today",
                or_dash(&run.harness),
                or_dash(&harness.hash)
            ))
            .note("the trials already recorded still stand")
            .hint("begin a new run: figures of two harnesses are not compared"));
        }
        let book = Book::open(ledger, run)?;
        book.settle_branch(&self.repo)?;
        Ok(Session { world: self, book, harness, beat, lock, turn: Turn::default() })
    }

    fn free_name(&self, name: Option<&str>, ledger: &Ledger) -> Result<String> {
        let taken = |name: &str| -> Result<bool> {
            Ok(ledger.run(name)?.is_some() || self.repo.has_branch(&format!("piton/{name}")))
        };
        let Some(name) = name else {
            let today = clock::today();
            for n in 1.. {
                let name = if n == 1 { today.clone() } else { format!("{today}-{n}") };
                if !taken(&name)? {
                    return Ok(name);
                }
            }
            unreachable!("some number is free")
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty()
            || name.len() > 60
            || !name.chars().all(plain)
            || name.starts_with(['.', '-'])
            || name.ends_with(".lock")
            || name.contains("..")
            || name.ends_with('.')
        {
            return Err(Error::usage(format!("the run did not begin: `{name}` is no name for a run"))
                .cause("a name has letters, digits, `-`, `_` and `.`, at most sixty of them"));
        }
        if taken(name)? {
            return Err(Error::refused(format!("the run did not begin: there is a run {name} already"))
                .note("its trials and its branch are as they were")
                .hint(format!("choose another name, or go on with it: piton climb --run {name}")));
        }
        Ok(name.to_owned())
    }
}

fn or_dash(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("-")
}
