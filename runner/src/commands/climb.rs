//! `piton climb` and `piton resume`: a climb is prepared, started, and told of when it has ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use piton_core::base::level::Level;
use serde_json::json;

use super::args::ClimbArgs;
use super::world;
use piton_agent::{self, Agent};
use piton_climb::context::{self, World};
use piton_climb::recover::{lock_and_recover, open_settled};
use piton_climb::run_climb::{self, Climber};
use piton_climb::run_trial::worktree_path;
use piton_climb::start_run::{self, may_resume};
use piton_core::base::error::{Error, Result, exit};
use piton_core::run::first_screen::{self, FirstScreen};
use piton_core::run::stopping::{self, Ascent, Budget, ClimbOptions, Hooks, Spent, Stop, Target};
use piton_core::trial::state::Owner;
use piton_system::clock::Stopwatch;
use piton_system::config::{self, Config};
use piton_system::git::{Id, Repo};
use piton_system::ledger::Ledger;
use piton_system::terminal::{self, Tone};

/// What is started.
struct Start {
    options: ClimbOptions,
    /// A target, until the direction of the metric is known.
    target: Option<f64>,
    run: Option<String>,
    /// What it goes on with.
    before: Option<Ascent>,
    /// The commit that a new run begins at, where that is not HEAD.
    at: Option<Id>,
    shown: Shown,
}

/// How the end of a climb is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// In words.
    Words,
    /// As JSON.
    Json,
    /// Not at all: whoever started it tells more.
    Nothing,
}

impl Shown {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Words }
    }
}

/// Climbs a new run from the commit `at`, and tells nothing of its end. Returns the run's name and why it ended.
///
/// # Errors
/// As of `piton climb`.
pub(super) fn from_commit(
    options: ClimbOptions,
    run: Option<String>,
    at: Id,
    dir: &Path,
    least: Level,
) -> Result<(String, Stop)> {
    carry(Start { options, target: None, run, before: None, at: Some(at), shown: Shown::Nothing }, dir, least)
}

/// `piton climb`.
///
/// # Errors
/// An agent that cannot be used, a tree or a run that cannot be climbed, a failure of piton's own.
pub(super) fn run(climb: ClimbArgs, dir: &Path, least: Level) -> Result<u8> {
    let hooks = hooks(&climb)?;
    let budget = Budget {
        trials: climb.trials,
        wall: climb.wall,
        usd: climb.max_usd,
        tokens: climb.max_tokens,
        keeps: climb.keeps,
        target: None,
        plateau: climb.plateau,
    };
    // A climb that goes on elsewhere must find the same file.
    let agent = if piton_agent::is_file(&climb.agent) {
        dir.join(&climb.agent).to_string_lossy().into_owned()
    } else {
        climb.agent
    };
    let options = ClimbOptions {
        agent,
        model: climb.model,
        words: climb.agent_args.0,
        turns: climb.agent_turns,
        same_session: climb.same_session,
        budget,
        timeout: climb.agent_timeout,
        stall: climb.stall,
        more: climb.more,
        hooks,
        profile: climb.profile,
    };
    let shown = Shown::of(climb.json);
    start(Start { options, target: climb.target, run: climb.run, before: None, at: None, shown }, dir, least)
}

/// `piton resume`.
///
/// # Errors
/// No climb to go on with, or one whose budget is spent.
pub(super) fn resume(dir: &Path, least: Level, run: Option<&str>, json: bool) -> Result<u8> {
    let what = "no climb was taken up again";
    let repo = Repo::open(dir)?;
    let state = repo.state_dir();
    let last = if let Some(ledger) = Ledger::open_existing(&state)? {
        let of = |run: &str| -> Result<bool> {
            let run = ledger.run(run)?;
            Ok(repo.within().is_none_or(|within| run.is_none_or(|run| run.within == within)))
        };
        match (run_climb::last(&ledger, run)?, run) {
            // The climb of another experiment is not the one that is meant here.
            (Some(last), None) if !of(&last.run)? => {
                let mut others =
                    ledger.runs()?.into_iter().rev().filter(|run| Some(&*run.within) == repo.within());
                others.find_map(|run| run_climb::last(&ledger, Some(&run.name)).transpose()).transpose()?
            }
            (last, _) => last,
        }
    } else {
        None
    };
    let Some(before) = last else {
        return Err(Error::refused(what)
            .cause(run.map_or_else(
                || "none was started in this repository".to_owned(),
                |run| format!("none of run {run} was started in this repository"),
            ))
            .note("nothing was changed")
            .hint("piton climb --agent AGENT"));
    };
    let budget = &before.options.budget;
    let spent = run_climb::ascent(&before.run, before.options.clone(), Some(before.clone())).spent;
    if let Some(stop) = stopping::stop(budget, &Spent { best: before.spent.best, ..spent }) {
        return Err(Error::refused(what)
            .cause(format!("nothing is left of its limits: {}", stop.words()))
            .note("nothing was changed")
            .hint(format!("piton climb --run {} with new limits goes on with the run", before.run)));
    }
    let left = stopping::limits(&stopping::left(budget, &before.spent));
    let left =
        if left.is_empty() { "without a limit".to_owned() } else { format!("left: {}", left.join(", ")) };
    terminal::tell(&format!("going on with run {} and {}; {left}", before.run, before.options.agent));
    start(
        Start {
            options: before.options.clone(),
            target: None,
            run: Some(before.run.clone()),
            before: Some(before),
            at: None,
            shown: Shown::of(json),
        },
        dir,
        least,
    )
}

fn start(start: Start, dir: &Path, least: Level) -> Result<u8> {
    Ok(match carry(start, dir, least)?.1 {
        Stop::Interrupted => 130,
        Stop::Unauthorised | Stop::Failing | Stop::Crashing => exit::FAILED,
        _ => exit::DONE,
    })
}

fn carry(start: Start, dir: &Path, least: Level) -> Result<(String, Stop)> {
    let watch = Stopwatch::start();
    let Start { mut options, target, run, before, at, shown } = start;
    let agent = Agent::choose(&options, dir, "the climb did not start: its agent cannot be used")?;
    let world = world(dir, least)?;
    if world.walls.found().level == Level::None {
        return Err(Error::refused("the climb did not start: nothing confines what it would build and run")
            .cause("the level of this machine's walls is none, and without walls nothing is kept unattended")
            .note("nothing was changed")
            .hint("piton trial, by hand, judges an edit that you have read"));
    }
    let asked = match open_settled(&world.repo)? {
        Some(ledger) => way(&world, &ledger, run.as_deref())?.run,
        None => run.clone(),
    };
    let goes_on = asked.as_deref().map(|name| may_resume(&world.repo, name)).transpose()?.flatten();
    match (goes_on, &asked) {
        (Some(_), Some(name)) => stands_alone(&world.repo, name)?,
        _ => start_run::may_begin(&world, asked.as_deref(), Owner::Piton, at)?,
    }
    let entered = lock_and_recover(&world, "piton climb", true)?;
    let run = make_way(&world, &entered.ledger, run)?;
    run_climb::clear_stop_request(&world.repo.state_dir());
    let known = match &run {
        Some(name) => entered.ledger.run(name)?.is_some(),
        None => false,
    };
    let config =
        match run.as_deref().filter(|_| known).map(|name| entered.ledger.run(name)).transpose()?.flatten() {
            Some(run) => entered.ledger.config(&run)?,
            None => {
                let commit = at.map_or_else(|| world.repo.head().map(|head| head.commit), Ok)?;
                context::experiment(&world.repo, commit)?.1
            }
        };
    if let (Some(value), None) = (target, options.budget.target) {
        options.budget.target = Some(Target { value, direction: config.metric.direction });
    }
    // The program alone: a command line may hold a secret.
    let proposer = agent.program().unwrap_or_else(|| "the tuner".to_owned());
    for line in first_screen::lines(&first_screen(&config, &proposer, &options.budget)) {
        world.progress.line(Tone::Plain, &line);
    }
    let mut session = match &run {
        Some(name) if known => start_run::resume(&world, entered, name)?,
        name => start_run::begin(&world, entered, name.as_deref(), Owner::Piton, at)?,
    };
    for warning in run_climb::warnings(&agent, &options.budget) {
        world.progress.line(Tone::Bad, &warning);
    }
    let path =
        worktree_path(&world.repo.directory(&session.book.run.site(&world.repo)), &session.book.run.name);
    let tree = format!("piton-{}", session.book.run.name);
    let branch = session.branch();
    // A worktree that a killed climb left may hold half an edit: begin with a clean one.
    world.repo.remove_worktree(&tree, &path)?;
    let work = world.repo.worktree(&tree, &path, &branch)?;
    let ascent = run_climb::ascent(&session.book.run.name, options, before);
    let mut climber = Climber {
        session: &mut session,
        work: &work,
        owner: Owner::Piton,
        agent: &agent,
        least: world.walls.found().level,
        watch,
        ascent,
        begun: None,
        hot: None,
        passed: BTreeSet::new(),
        unedited: 0,
    };
    let stop = climber.climb().map_err(|error| world.repo.check_not_moved().err().unwrap_or(error));
    let Climber { ascent, .. } = climber;
    world.progress.idle();
    drop(work);
    world.repo.remove_worktree(&tree, &path)?;
    let stop = stop?;
    match shown {
        Shown::Json => terminal::json(&json!({
            "run": session.book.run.name,
            "stopped": stop,
            "why": stop.words(),
            "trouble": ascent.trouble,
            "spent": ascent.spent,
            "seconds": watch.seconds(),
            "trials": session.book.records()?,
        })),
        Shown::Words => terminal::answer(&run_climb::summary(&session, &stop, &ascent, watch.seconds())?),
        Shown::Nothing => {}
    }
    Ok((session.book.run.name.clone(), stop))
}

/// What the climb is about to do, for a person.
fn first_screen<'a>(config: &'a Config, agent: &'a str, budget: &'a Budget) -> FirstScreen<'a> {
    FirstScreen {
        experiment: &config.name,
        metric: &config.metric,
        command: config.measure.commands().last().map_or(&[], |(_, command)| command),
        harness: config.measure.by_harness(),
        limit_s: config.measure.timeout_s,
        editable: &config.scope.editable,
        most_pairs: config.rule.n_max(),
        agent,
        budget,
    }
}

/// The run that a climb is to go on with, and where this checkout must go first.
struct Way {
    run: Option<String>,
    /// The branch that it came from.
    back: Option<String>,
}

/// A climb moves the branch of its run in a worktree of its own, and would pull it away from under a checkout that is on it: as after
/// `piton baseline`. Such a checkout goes back to the branch that it came from.
fn way(world: &World, ledger: &Ledger, run: Option<&str>) -> Result<Way> {
    let branch = world.repo.head()?.branch;
    let stays = |run: Option<&str>| Ok(Way { run: run.map(str::to_owned), back: None });
    let Some(here) = branch.strip_prefix("piton/") else { return stays(run) };
    let known = ledger.run(here)?;
    let known = known.filter(|run| world.repo.within().is_none_or(|within| run.within == within));
    let run = run.or_else(|| known.as_ref().map(|run| run.name.as_str()));
    if run != Some(here) {
        return stays(run);
    }
    let edited: Vec<String> =
        world.repo.dirty()?.into_iter().filter(|path| world.repo.tracks(path)).collect();
    if let Some(first) = edited.first() {
        return Err(in_its_way(
            here,
            format!("{first} is edited here: judge the edit first, with piton trial, or put it back"),
        ));
    }
    let none = || in_its_way(here, "git does not say which branch it was on before".to_owned());
    let back = world.repo.previous_branch(&branch).ok_or_else(none)?;
    Ok(Way { run: run.map(str::to_owned), back: Some(back) })
}

/// Git lets no two worktrees be on one branch, and a climb makes one on that of its run.
fn stands_alone(repo: &Repo, run: &str) -> Result<()> {
    match repo.checked_out(&format!("piton/{run}"), &format!("piton-{run}")) {
        None => Ok(()),
        Some(path) => {
            Err(Error::refused("the climb did not start: the branch of its run is checked out elsewhere")
                .cause(format!("piton/{run} is checked out in {}", path.display()))
                .note("nothing was changed")
                .hint(format!("git -C {} switch --detach, then: piton climb --run {run}", path.display())))
        }
    }
}

fn in_its_way(run: &str, cause: String) -> Error {
    Error::refused("the climb did not start: this checkout is on the branch of its run")
        .cause(cause)
        .note("a climb moves that branch in a worktree of its own, and would pull it away from under this checkout; nothing was changed")
        .hint(format!("git switch to another branch, then: piton climb --run {run}"))
}

/// Takes the checkout out of the way. Returns the run that is meant.
fn make_way(world: &World, ledger: &Ledger, run: Option<String>) -> Result<Option<String>> {
    let Way { run, back } = way(world, ledger, run.as_deref())?;
    let here = run.as_deref().unwrap_or_default();
    if let Some(back) = back {
        world.repo.switch_to(&back).map_err(|error| in_its_way(here, error.cause.unwrap_or(error.what)))?;
        let told = format!(
            "this checkout is on {back} again: the climb goes on with run {here} in a worktree of its own"
        );
        world.progress.line(Tone::Neutral, &told);
    }
    Ok(run)
}

/// The hooks of the user: those in his file, and over them those on the command line. Nothing of them stands in the repository, where an
/// agent or somebody else's commit could change what runs outside the walls.
fn hooks(climb: &ClimbArgs) -> Result<Hooks> {
    let mut hooks = match hooks_file().map(|path| (fs::read_to_string(&path), path)) {
        Some((Ok(text), path)) => config::toml_as(&text).map_err(|why| {
            Error::usage("the climb did not start: the hooks were not read")
                .cause(format!("{}: {why}", path.display()))
                .note("nothing was started and nothing was changed")
                .hint("it holds lists of words, e.g. on_stop = [\"notify-send\", \"piton\"]")
        })?,
        _ => Hooks::default(),
    };
    let given = [
        (&climb.on_keep, &mut hooks.on_keep),
        (&climb.on_trial, &mut hooks.on_trial),
        (&climb.on_stop, &mut hooks.on_stop),
    ];
    for (line, hook) in given {
        if let Some(line) = line {
            *hook = vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()];
        }
    }
    Ok(hooks)
}

fn hooks_file() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(base.join("piton/hooks.toml"))
}
