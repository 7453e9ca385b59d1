//! `piton doctor --try`: the present commit built and measured once, to see what the walls refuse it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::doctor::{Attempt, RefusedAccess};
use piton_climb::build::{BuildEnd, BuildStore};
use piton_climb::calibrate;
use piton_climb::checks::{Checked, Checker};
use piton_climb::context::World;
use piton_climb::sample::{Sampled, Sampler};
use piton_core::base::error::{Context, Result};
use piton_core::base::metric::Values;
use piton_core::rule::keep;
use piton_core::trial::crash;
use piton_core::trial::denied;
use piton_core::trial::scope::{self, FILE, Scope};
use piton_core::trial::text;
use piton_system::beneath;
use piton_system::clock::Stopwatch;
use piton_system::config::{self, Config};
use piton_system::git::{Id, Repo, TreeEntry};
use piton_system::host;
use piton_system::process;
use piton_system::state_home::Place;
use piton_system::tree;

/// Files that no commit holds yet, by their paths from the directory of the experiment.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a commit is built and measured with, once.
pub(crate) struct Tried<'a> {
    /// The repository and the walls.
    pub world: &'a World,
    /// The experiment.
    pub config: &'a Config,
    /// What holds logs.
    pub dir: &'a Path,
    /// Where trees lie.
    pub place: &'a Place,
}

/// A sample.
pub(crate) struct Sample {
    /// What it measured.
    pub values: Values,
    /// Seconds that it took, with copies and walls.
    pub seconds: f64,
    /// What its checks said, in words.
    pub checks: Vec<String>,
}

/// How far an attempt came.
#[derive(Debug, Default)]
struct Course {
    /// Seconds that the build took.
    build_s: Option<f64>,
    /// Seconds that the sample took.
    sample_s: Option<f64>,
    /// Seconds that the checks took.
    checks_s: f64,
    /// The section of `piton.toml` that was carried out last.
    section: &'static str,
    /// The last lines of what failed.
    tail: String,
}

impl Tried<'_> {
    /// Builds and measures a commit; else says why it was not measured.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn measured(&self, commit: Id) -> Result<std::result::Result<Sample, String>> {
        self.followed(commit, &mut Course::default())
    }

    /// The same, and notes how far it came.
    fn followed(&self, commit: Id, course: &mut Course) -> Result<std::result::Result<Sample, String>> {
        let Self { world, config, dir, place } = *self;
        let build_store = BuildStore { dir: dir.to_owned(), place, ..world.build_store() };
        let harness = build_store.harness(commit, config)?;
        course.section = "build";
        let watch = Stopwatch::start();
        let side = match build_store.challenger(commit, &[], config, true)? {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(error) => {
                course.tail = error.tail;
                return Ok(Err(format!("it does not build: {}", error.reason)));
            }
            BuildEnd::TimedOut => return Ok(Err("its build took too long".to_owned())),
            BuildEnd::Interrupted => return Ok(Err(process::STOPPED.to_owned())),
        };
        course.build_s = config.build.is_some().then(|| watch.seconds());
        course.section = "measure";
        let sampler = Sampler { place, logs: dir.join("logs"), ..world.sampler(config, &harness) };
        let watch = Stopwatch::start();
        let sampled = sampler.sample(&side, keep::draw(host::fresh_seed()?, 0).prompts, 0)?;
        course.sample_s = Some(watch.seconds());
        sampled.tail().clone_into(&mut course.tail);
        let (values, seconds) = match sampled {
            Sampled::Measured(values) => (values, watch.seconds()),
            other => return Ok(Err(other.words(config.measure.timeout_s))),
        };
        course.section = "check";
        let checker = Checker { place, logs: dir.join("logs"), ..world.checker(config, &harness) };
        let mut checks = vec![];
        let nothing = tree::sha256_of(&[]);
        let watch = Stopwatch::start();
        for check in &config.checks {
            let mut checked = checker.run(check, &side, None, None)?;
            // What is compared with the baseline's is so with itself first: some programs never say the same twice.
            if let Checked::Held(result) = &checked
                && check.golden.is_some()
                && check.sha256().is_none()
            {
                checked = checker.run(check, &side, Some(result), None)?;
            }
            match checked {
                Checked::Held(result)
                    if check.compares_words() && result.output.as_deref() == Some(&*nothing) =>
                {
                    return Ok(Err(format!(
                        "its check {} has nothing to compare: nothing was printed",
                        check.name
                    )));
                }
                Checked::Held(result) => checks.push(text::check(&result)),
                Checked::Fell(_, fault, _) => {
                    return Ok(Err(format!("its check {} fails: {}", check.name, fault.reason)));
                }
                Checked::Changed(what) => return Ok(Err(what)),
                Checked::Interrupted => return Ok(Err(process::STOPPED.to_owned())),
            }
        }
        course.checks_s = watch.seconds();
        Ok(Ok(Sample { values, seconds, checks }))
    }
}

/// Builds and measures the commit that is checked out, in a place of its own that is removed: no run's slots are touched.
///
/// # Errors
/// When piton itself fails: a disk that refuses, a command that cannot be started.
pub fn attempt(world: World, config: &Config) -> Result<Attempt> {
    let commit = world.repo.head()?.commit;
    attempt_of(world, config, commit)
}

/// The same of a commit that need not be checked out.
///
/// # Errors
/// Those of [`attempt`].
pub fn attempt_of(world: World, config: &Config, commit: Id) -> Result<Attempt> {
    let dir = world.repo.state_dir().join("try");
    let world = World { walls: world.walls.recording_refusals(), ..world };
    fs::create_dir_all(dir.join("logs")).context("the commit was not tried")?;
    let place = Place::of(&dir);
    world.begin_long("building and measuring the present commit once");
    let tried = Tried { world: &world, config, dir: &dir, place: &place };
    let mut course = Course::default();
    let ended = tried.followed(commit, &mut course);
    world.progress.idle();
    for made in place.known().iter().chain([&dir]) {
        let _ = beneath::remove_at(made);
    }
    let (measured, failed) = match ended? {
        Ok(Sample { values, checks, .. }) => {
            let value = values.get(&config.metric.name).copied().unwrap_or_default();
            let mut said = format!("{} {}", config.metric.name, text::value::value(value, &config.metric));
            checks.iter().for_each(|check| said.push_str(&format!("; checked {check}")));
            (Some(said), None)
        }
        Err(why) => (None, Some(why)),
    };
    let refused = world.walls.refused().into_iter().map(|(section, one)| RefusedAccess {
        section,
        opens: denied::opening(std::slice::from_ref(&one)).pop(),
        what: one.what,
        note: one.note,
    });
    let Course { build_s, sample_s, checks_s, section, tail } = course;
    let baseline_samples = calibrate::samples(config);
    let measured_s = sample_s.filter(|_| failed.is_none());
    let baseline_s = measured_s
        .map(|sample| f64::from(baseline_samples) * sample + 2.0 * (build_s.unwrap_or_default() + checks_s));
    let section = failed.is_some().then(|| section.to_owned());
    let install = failed.as_deref().and_then(crash::install);
    let refused = refused.collect();
    Ok(Attempt {
        failed,
        install,
        section,
        tail,
        measured,
        build_s,
        sample_s,
        baseline_samples,
        baseline_s,
        refused,
    })
}

/// A commit on top of `head` that holds these files too, below `within`; no ref leads to it.
///
/// # Errors
/// When git refuses an object.
pub fn committed(repo: &Repo, head: Id, within: &str, files: &Files) -> Result<Id> {
    let entry = |(name, content): (&String, &Vec<u8>)| {
        TreeEntry::whole(scope::join(within, name), FILE, content.clone())
    };
    let entries: Vec<TreeEntry> = files.iter().map(entry).collect();
    let own =
        Scope { locked: Some(vec![]), ..Scope::of(entries.iter().map(|entry| entry.path.clone()).collect()) };
    let tree = repo.write_tree(head, &own, &entries, &[])?;
    repo.commit(tree, head, "what piton init wrote\n")
}

/// The same as [`attempt_of`], of the experiment that these files would be if they were committed.
///
/// # Errors
/// Those of [`attempt_of`], and a `piton.toml` that cannot be used.
pub fn attempt_with(world: World, head: Id, within: &str, files: &Files) -> Result<Attempt> {
    let config = Config::parse_new(&config::text(files.get(config::FILE).cloned())?)?.rooted(within);
    let commit = committed(&world.repo, head, within, files)?;
    let held = world.repo.held(commit, &config.scope)?;
    match config.scope.unfit(&held, &scope::join(within, config::FILE)).first() {
        Some(why) => {
            Ok(Attempt { failed: Some(why.clone()), section: Some("scope".to_owned()), ..Attempt::default() })
        }
        None => attempt_of(world, &config, commit),
    }
}
