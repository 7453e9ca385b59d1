//! `piton` alone: looks where the user stands, and says what to type next. It only reads, and takes no lock.

use std::path::Path;

use piton_climb::follow::RunFollower;
use piton_climb::recover::open_settled;
use piton_climb::{context, status_file};
use piton_core::base::error::{Error, Result, exit};
use piton_core::report::here::{Here, RunHere, Work, words};
use piton_core::run::summary;
use piton_core::trial::text::clean;
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::terminal;

/// Says where the user stands.
pub(super) fn run(dir: &Path) -> u8 {
    terminal::answer(&words(&look(dir).unwrap_or_else(refused)));
    exit::DONE
}

fn refused(error: Error) -> Here {
    let what = error.what.strip_prefix("piton did not start: ").unwrap_or(&error.what).to_owned();
    Here::Refused { what, cause: error.cause, hint: error.hint }
}

fn look(dir: &Path) -> Result<Here> {
    let repo = Repo::open(dir)?;
    let state = repo.state_dir();
    let within = repo.within().map(str::to_owned);
    let mut follower = RunFollower::new(Repo::open(dir)?, None);
    follower.refresh();
    let live = follower.live();
    let since = |at: u64| clock::unix().saturating_sub(at) as f64;
    let work = live.now.as_ref().map(|now| Work {
        doing: live.headline(),
        seconds: Some(since(now.since)),
        climb: live.climbs(),
    });
    // Who is at work writes: what it has half done is no fault.
    let (mut work, mut undone) = (work, false);
    if work.is_none() {
        let settled = open_settled(&repo);
        let other = matches!(settled, Ok(None) | Err(_)).then(|| status_file::holder(&state)).flatten();
        match (other, settled) {
            (Some(doing), _) => work = Some(Work { doing, seconds: None, climb: false }),
            (None, Ok(settled)) => undone = settled.is_none() && follower.followed().is_some(),
            (None, Err(error)) => return Ok(Here::Faulty(error.cause.unwrap_or(error.what))),
        }
        if let Some(trouble) = live.trouble.as_ref().filter(|_| work.is_none()) {
            return Ok(Here::Faulty(trouble.clone()));
        }
    }
    // Of another experiment is what is at work, and nothing else.
    let meant = |run: &str| work.is_some() || within.as_deref().is_none_or(|within| within == run);
    let Some(followed) = follower.followed().filter(|followed| meant(&followed.run.within)) else {
        return match &live.now {
            Some(now) => {
                let doing = if now.stage.is_empty() { "preparing" } else { &now.stage };
                Ok(Here::Beginning(clean(&now.run, 60), doing.to_owned(), since(now.since)))
            }
            None => experiment(&repo),
        };
    };
    let (run, records) = (&followed.run, &followed.records);
    let config = followed.config.clone().with_scales_of(records.first());
    let verification = followed.verification.as_ref();
    let mut standing = summary::status(&run.name, &run.base, records, &config.metric, verification);
    standing.climb =
        live.climb.clone().map(|ascent| summary::Climb { runs: live.climbs(), lines: vec![], ascent });
    let on = repo.head().is_ok_and(|head| head.branch == format!("piton/{}", run.name));
    let edited =
        on.then(|| repo.dirty().is_ok_and(|dirty| dirty.iter().any(|path| config.scope.contains(path))));
    let verified = verification.is_some_and(|last| Some(&last.head) == standing.incumbent.as_ref());
    let held = summary::held(records);
    Ok(Here::Run(Box::new(RunHere { standing, metric: config.metric, work, undone, held, verified, edited })))
}

/// Where nothing was begun: what stands in the way of it, if anything does.
fn experiment(repo: &Repo) -> Result<Here> {
    let head = repo.head()?.commit;
    if repo.within().is_none() {
        return Ok(Here::NoExperiment(repo.experiments(head)?));
    }
    let (_, config) = context::experiment(repo, head)?;
    Ok(Here::NoRun(config.name))
}
