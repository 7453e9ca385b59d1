//! How a run begins, and how it is taken up again.

mod refusals;

use piton_core::base::commit::CommitId;
use std::collections::BTreeSet;
use std::fs;

use crate::build::{BuildEnd, Built};
use crate::calibrate;
use crate::checks::Checked;
use crate::context::{self, World};
use crate::recover::LockedRepo;
use crate::run_store::{self, Book, ExperimentFiles};
use crate::run_trial::{Session, blank};
use crate::sample::Sampled;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::base::metric::{Gain, Scale};
use piton_core::rule::keep;
use piton_core::trial::check::CheckResult;
use piton_core::trial::record::{Claimed, Outcome, Provenance, Record, Seconds, Sides};
use piton_core::trial::scope;
use piton_core::trial::state::Owner;
use piton_core::trial::text;
use piton_core::trial::text::{clean, plural, seconds};
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::failpoint;
use piton_system::fsync;
use piton_system::git::{Id, Site};
use piton_system::host;
use piton_system::ledger::{Ledger, Run};
use piton_system::process;
use piton_system::terminal::Tone;

use refusals::{fit, free_name, is_own_directory, no_foreign_worktree, some, stand_clean};
pub use refusals::{may_begin, may_resume};

/// Directories in which tools keep dependencies, and which git mostly ignores.
const DEPENDENCIES: [&str; 9] = [
    "node_modules",
    ".venv",
    "venv",
    "env",
    "vendor",
    "bower_components",
    "__pypackages__",
    "deps",
    "elm-stuff",
];

/// Begins a run at HEAD, or at the commit `at`: seals, builds, measures and records the baseline, makes the branch.
///
/// # Errors
/// A tree that is not clean, a name that is taken, a harness or baseline that does not build, run or pass.
pub fn begin<'w>(
    world: &'w World,
    locked_repo: LockedRepo,
    name: Option<&str>,
    owner: Owner,
    at: Option<Id>,
) -> Result<Session<'w>> {
    let mut head = world.repo.head()?;
    head.commit = at.unwrap_or(head.commit);
    let (text, config) = context::experiment(&world.repo, head.commit)?;
    let untracked = stand_clean(world, &config, owner)?;
    let LockedRepo { lock, ledger, .. } = locked_repo;
    let state = world.repo.state_dir();
    let name = free_name(world, name, Some(&ledger))?;
    fit(&world.repo, head.commit, &config)?;
    world.repo.try_refs(&name, head.commit)?;
    let site = world.repo.site();
    let files = create_dirs(world, &ledger, &site)?;
    no_foreign_worktree(world, &name, &files.dir)?;
    if !untracked.is_empty() {
        let told = format!("not committed, and so no part of the run: {}", some(&untracked));
        world.progress.line(Tone::Dim, &told);
    }
    let branch = format!("piton/{name}");
    let status_guard = world.status_file.begin(&name);
    world.progress.line(Tone::Plain, &format!("run {name}: {}, on branch {branch}", config.name));
    fs::create_dir_all(state.join("logs")).context("the run did not begin")?;
    world.runner.transcribe(&files.log())?;
    tell(world, head.commit, &config)?;

    let watch = Stopwatch::start();
    if config.harness.is_some() {
        world.begin_long("building the harness from the sealed tree; minutes the first time");
    }
    let harness = world.build_store().harness(head.commit, &config)?;
    if let Some(hash) = &harness.hash {
        world.progress.line(
            Tone::Plain,
            &format!("harness built in {}, sha256 {}", seconds(watch.seconds()), &hash[..12]),
        );
    }
    let broken = |why: String| {
        Error::new("the run did not begin: the baseline cannot be measured")
            .status(exit::BASELINE)
            .cause(why)
            .note(if config.harness.is_some() {
                "no branch was made and nothing was recorded; the harness that was built is kept, and the next try begins with it"
            } else {
                "no branch was made and nothing was recorded"
            })
            .hint(format!("the whole output is in {}{}", files.names.log, left_out(world, &harness, &config)))
    };
    let (baseline, again, build_s) = build_twice(world, head.commit, &config, &harness, &broken)?;
    let checks = baseline_checks(world, &config, &harness, [&baseline, &again], &broken)?;

    let measured_from = Stopwatch::start();
    let seed: u64 = host::fresh_seed()?;
    let seal = world.repo.seal(head.commit, &config.scope)?.to_string();
    let run = Run {
        name: name.clone(),
        base: CommitId::of(head.commit),
        seal,
        harness: harness.hash.clone(),
        config: text,
        began: clock::now(),
        within: site.within,
        worktree: site.worktree,
        locks: true,
    };
    let mut record = Record {
        commit: Some(run.base.clone()),
        outcome: Outcome::Baseline,
        claimed: Claimed { description: "baseline".to_owned(), ..Default::default() },
        provenance: Provenance {
            artifact: baseline.hash.clone(), // The same program twice, on purpose.
            sides: Some(Sides { incumbent: baseline.side(), challenger: again.side() }),
            seed: Some(seed),
            ..blank(&run, 0, &config).provenance
        },
        ..blank(&run, 0, &config)
    };
    record.measured.checks = checks;
    if let Some(why) = calibrate::calibrate(world, &config, &harness, (&baseline, &again), seed, &mut record)?
    {
        return Err(broken(why));
    }
    record.measured.seconds =
        Seconds { agent: 0.0, build: build_s, measure: measured_from.seconds(), total: watch.seconds() };
    world.progress.idle();
    tell_baseline(world, config, &record);
    if let Some(hash) = &record.provenance.artifact {
        fsync::sync_within(&run_store::artifact_dir(&world.repo, hash))
            .context("the artifact was not synced")?;
    }
    let tree = world.repo.tree_id(head.commit)?;
    ledger.begin(&run, &run_store::trial_in_progress(&record, Some(tree), &world.repo, Owner::User))?;
    failpoint::point("begun");
    let mut book = Book::open(ledger, run)?;
    book.create_branch(&world.repo)?;
    book.apply(&world.repo, None, 0, Owner::User)?;
    Ok(Session { world, book, harness, status_guard, lock })
}

/// Builds the baseline twice, with a sample of it between. Returns both builds, and the seconds that the first took.
fn build_twice(
    world: &World,
    head: Id,
    config: &Config,
    harness: &Built,
    broken: &dyn Fn(String) -> Error,
) -> Result<(Built, Built, f64)> {
    let built_from = Stopwatch::start();
    world.begin_long("building the baseline");
    let build = |end: BuildEnd| match end {
        BuildEnd::Built(built) => Ok(built),
        BuildEnd::Failed(crash) => Err(broken(format!("it does not build: {}", crash.reason))),
        BuildEnd::TimedOut => Err(broken("its build took too long".to_owned())),
        BuildEnd::Interrupted => Err(broken(process::STOPPED.to_owned())),
    };
    let baseline = build(world.build_store().challenger(head, &[], config, true)?)?;
    let build_s = built_from.seconds();
    world.progress.line(Tone::Plain, &format!("baseline built in {}", seconds(build_s)));
    if !config.scope.from_checkout.is_empty() {
        world.progress.line(
            Tone::Neutral,
            &format!(
                "not sealed, read from the checkout: {}",
                config.within_experiment(&config.scope.from_checkout).join(", ")
            ),
        );
    }
    // One sample now: what is wrong with the measuring command is not to show after another build.
    if config.build.is_some()
        && let Some(why) = first_sample(world, config, harness, &baseline)?
    {
        return Err(broken(why));
    }
    world.doing("building the baseline a second time");
    world.progress.doing_what(&format!("the first took {}", seconds(build_s)));
    let again = build(world.build_store().again(head, &[&baseline], config)?)?;
    Ok((baseline, again, build_s))
}

/// Runs every check over both builds of the baseline: one that falls says nothing of an edit, and one that falls now and then, or whose
/// output is another one each time, would end trials that are right. Returns what they came to, by their time, the fastest first.
fn baseline_checks(
    world: &World,
    config: &Config,
    harness: &Built,
    builds: [&Built; 2],
    broken: &dyn Fn(String) -> Error,
) -> Result<Vec<CheckResult>> {
    let checker = world.checker(config, harness);
    let mut all: Vec<CheckResult> = vec![];
    for check in &config.checks {
        let mut first: Option<CheckResult> = None;
        for side in builds {
            match (checker.run(check, side, first.as_ref(), None)?, &first) {
                (Checked::Held(result), None) => first = Some(result),
                (Checked::Held(_), Some(_)) => {}
                (Checked::Fell(_, fault, _), None) => {
                    return Err(broken(format!("its check {} fails: {}", check.name, fault.reason)));
                }
                (Checked::Fell(_, fault, _), Some(_)) => {
                    return Err(broken(format!(
                        "its check {} held, and failed when it was run again over a second build of the same tree: {}",
                        check.name, fault.reason
                    )));
                }
                (Checked::Changed(what), _) => return Err(broken(format!("nothing was checked: {what}"))),
                (Checked::Interrupted, _) => return Err(broken(process::STOPPED.to_owned())),
            }
        }
        all.extend(first);
    }
    all.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    all.iter()
        .for_each(|result| world.progress.line(Tone::Plain, &format!("checked {}", text::check(result))));
    Ok(all)
}

/// Tells what the baseline came to, and how gains over it are compared.
fn tell_baseline(world: &World, config: Config, record: &Record) {
    let config = config.with_scales_of(Some(record));
    let metric = &config.metric;
    let tau = record.measured.tau.map_or_else(String::new, |tau| {
        let size = text::size(tau, 2, metric);
        match config.histories(std::slice::from_ref(record), false).primary.track().seeded {
            _ if tau == Gain::ZERO => ", the same value on every seed".to_owned(),
            true => format!(", equal on the same seed{}; from seed to seed it varies by {size}", metric.by()),
            false => format!(", tau of a pair's gain{} {size}", metric.by()),
        }
    });
    let compared = match metric.scale() {
        Scale::Ratio => String::new(),
        Scale::Difference => format!(", compared by difference, in {}", text::clean(metric.units(), 30)),
    };
    let value = record.value(&metric.name).map_or_else(String::new, |x| text::value::value(x, metric));
    world.progress.line(
        Tone::Plain,
        &format!(
            "baseline {} {value} ({}{compared}{tau}), gates pass\n",
            metric.name,
            match record.measured.runs.len() {
                0 => format!("{} of two builds", plural(record.measured.pairs.len(), "pair")),
                runs => plural(runs, "run"),
            }
        ),
    );
    if let Some(widened) = record.measured.widened {
        let told = format!(
            "{} of its {} were measured on a busy machine: tau is that of a busy machine, and small gains are missed. Begin again when it is calm, or say in [machine] steal_pct and pressure_pct what is calm here\n",
            record.measured.pairs.len() - widened.from as usize,
            plural(record.measured.pairs.len(), "pair")
        );
        world.progress.line(Tone::Bad, &told);
    }
}

/// Words on dependencies that are in the checkout and, since git ignores them, in no tree that is measured; empty where there are none.
fn left_out(world: &World, harness: &Built, config: &Config) -> String {
    let checkout = scope::below(&world.repo.main_root(), &config.within);
    let there = |name: &&&str| {
        checkout.join(name).is_dir()
            && fs::symlink_metadata(scope::below(&harness.tree, &config.within).join(name)).is_err()
    };
    let names: Vec<String> = DEPENDENCIES.iter().filter(there).map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() {
        return String::new();
    }
    let all = config
        .within_experiment(&config.scope.from_checkout)
        .into_iter()
        .map(|path| format!("\"{path}\""))
        .chain(names.iter().cloned());
    format!(
        "; git ignores {}, so the tree that is measured has none: install it in [build], or have it read where it lies: [scope] from_checkout = [{}]",
        names.join(", ").replace('"', ""),
        all.collect::<Vec<_>>().join(", ")
    )
}

/// Tells what is measured otherwise than it looks.
fn tell(world: &World, commit: Id, config: &Config) -> Result<()> {
    let mut converted = world.repo.converted(commit)?;
    converted.retain(|file| file.as_held);
    if let Some(first) = converted.first() {
        let others = match converted.len() - 1 {
            0 => String::new(),
            n => format!(" and {} more", plural(n, "file")),
        };
        let told = format!(
            "built and measured as git holds them, not as they lie in a checkout: {} ({}){others}",
            clean(&first.path, 200),
            clean(&first.how, 80)
        );
        world.progress.line(Tone::Dim, &told);
    }
    // A recipe is data to piton's own command, which refuses what is none.
    let measures = config
        .measure
        .commands()
        .filter(|_| !config.is_sweep())
        .flat_map(|(_, command)| config.scope.measures_itself(command, &config.within));
    for path in measures.collect::<BTreeSet<_>>() {
        let told = format!(
            "{} measures and may be edited: an edit can print any figure. Take it from {{sealed}}, or out of the scope",
            clean(&path, 200)
        );
        world.progress.line(Tone::Bad, &told);
    }
    Ok(())
}

/// Measures the baseline once. Returns why it cannot be, where it cannot.
fn first_sample(world: &World, config: &Config, harness: &Built, baseline: &Built) -> Result<Option<String>> {
    world.doing("a first sample of the baseline");
    let draw = keep::draw(host::fresh_seed()?, 0);
    let sampled = world.sampler(config, harness).sample(baseline, draw.prompts, draw.padding)?;
    Ok(match sampled {
        Sampled::Measured(_) => None,
        other => Some(other.words(config.measure.timeout_s)),
    })
}

/// Has git overlook what a run leaves in the checkout, and makes the place where a human may leave guidance. Returns where that is.
fn create_dirs(world: &World, ledger: &Ledger, site: &Site) -> Result<ExperimentFiles> {
    let (files, told) = run_store::settle(ledger, &world.repo, site)?;
    told.iter().for_each(|told| world.progress.line(Tone::Neutral, told));
    let own = files.dir.join(run_store::OWN);
    is_own_directory(&own)?;
    match fs::create_dir(&own) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            let what = "the run does not begin or go on: .piton, where guidance is left, cannot be made";
            Err(Error::new(what)
                .cause(e)
                .note("nothing was measured, and what is recorded is as it was")
                .hint("let this user write to the checkout, or make room on its disk"))
        }
        _ => Ok(files),
    }
}

/// Takes up a run that has begun.
///
/// # Errors
/// No such run, another piton at work, a branch that somebody moved, a harness that is not the run's.
pub fn resume<'w>(world: &'w World, locked_repo: LockedRepo, name: &str) -> Result<Session<'w>> {
    let LockedRepo { lock, ledger, .. } = locked_repo;
    let run = ledger.run(name)?.ok_or_else(|| {
        Error::refused(format!("there is no run {name}"))
            .note("nothing was changed")
            .hint(format!("begin it: piton baseline --run {name}"))
    })?;
    let status_guard = world.status_file.begin(name);
    let config = run.experiment()?;
    let files = create_dirs(world, &ledger, &run.site(&world.repo))?;
    fs::create_dir_all(world.repo.state_dir().join("logs")).context("the run was not taken up")?;
    world.runner.transcribe(&files.log())?;
    let harness = world.build_store().harness(world.repo.commit_id(&run.base)?, &config)?;
    if harness.hash != run.harness {
        return Err(Error::refused(format!("run {name} was not taken up: its harness is another one now"))
            .cause(format!(
                "it was sealed to {}, and the same source builds {} today",
                or_dash(&run.harness),
                or_dash(&harness.hash)
            ))
            .note("the trials already recorded still stand")
            .hint("begin a new run: figures of two harnesses are not compared"));
    }
    let book = Book::open(ledger, run)?;
    book.settle_branch(&world.repo)?;
    Ok(Session { world, book, harness, status_guard, lock })
}

fn or_dash(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("-")
}
