//! `piton trial`: has the edit in this checkout judged by a process that outlives this one, and waits for the verdict.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use piton_core::base::level::Level;

use super::verdict::{answer, status_of};
use super::wait::{Waiter, under_way, under_way_words};
use super::{still_true, world};
use piton_climb::background::{EditIdentity, Errand, ErrandEnd, Errands};
use piton_climb::context::World;
use piton_climb::recover::lock_and_recover;
use piton_climb::run_store;
use piton_climb::run_trial::{ProposalMeta, adopt, blank};
use piton_climb::start_run::{may_resume, resume};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::proposal::Proposal;
use piton_core::trial::state::Owner;
use piton_system::clock::{self, Stopwatch};
use piton_system::git::Repo;
use piton_system::ledger::Ledger;
use piton_system::process;
use piton_system::terminal;

/// How long to try to begin while others look whether a trial is under way.
const BEGIN: Duration = Duration::from_secs(10);

/// `piton trial`.
pub(super) fn run(
    dir: &Path,
    least: Level,
    proposal: Proposal,
    wait: Option<Duration>,
    json: bool,
) -> Result<u8> {
    if proposal.description.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Error::usage("the trial did not start: its description is blank")
            .cause("-m says in one line what was tried; the log, the report and later briefs show it")
            .note("nothing was changed")
            .hint("piton trial -m \"what you tried\", or without -m, and piton describes the edit"));
    }
    let repo = Repo::open(dir)?;
    let book = if repo.head_branch_is_missing() { None } else { may_resume(&repo, &on_a_run(&repo)?)? };
    repo.remember_outputs();
    let mut waiter = Waiter::new(dir, &repo, wait, json)?;
    waiter.interrupts = terminal::tells_a_terminal();
    // What stands in the way of reading it is told by the process that is to judge it.
    let edit = edit(&repo).ok();
    let nothing = edit.as_ref().is_some_and(|edit| !edit.changes);
    let beginning = Stopwatch::start();
    let lock = loop {
        if let Some(lock) = waiter.errands.try_lock()? {
            break lock;
        }
        if let Some(errand) = waiter.errands.last().filter(|errand| errand.end.is_none()) {
            let same = edit.is_some() && edit == errand.edit;
            // While a verdict is carried out, the checkout is made clean already.
            if same || nothing {
                return waiter.follow(errand, terminal::tells_a_terminal());
            }
            return Err(another(&waiter.errands, &errand));
        }
        // Others look whether one is under way, or begin one.
        if beginning.elapsed() >= BEGIN {
            return Err(Error::refused("the trial did not start: somebody else is about to begin one")
                .cause(".git/piton/errand/lock is held, and no trial is under way")
                .note("nothing was changed")
                .hint("try again; if that does not help, end the process that has that file open"));
        }
        clock::wait(Duration::from_millis(10));
    };
    if let Some(mut errand) = waiter.errands.last() {
        if errand.end.is_none() {
            errand = waiter.settle(errand)?;
        }
        if errand.trial.is_some() && !waiter.errands.was_reported(&errand) {
            if nothing {
                terminal::copy_error("nothing is edited; this is the verdict that was not told yet\n");
                return waiter.tell(&errand);
            }
            waiter.mention(&errand)?;
        }
    }
    // What changes nothing is no trial, and uses up no number.
    if let (true, Some(book), Some(edit)) = (nothing, &book, &edit)
        && book.incumbent().commit.as_deref() == Some(edit.head.as_str())
    {
        let number = book.ledger.next_trial(&book.run.name)?;
        let mut record = blank(&book.run, number, &book.config);
        record.claimed.description = "no edit".to_owned();
        waiter.show(&record, &answer(&record, &book.config));
        return Ok(status_of(&record));
    }
    drop(book);
    let errand = Errand::new(edit, proposal)?;
    let log = waiter.errands.begin(&errand)?;
    let colours = terminal::tells_a_terminal() && std::env::var_os("NO_COLOR").is_none();
    let env: &[(&str, &str)] = if colours { &[("CLICOLOR_FORCE", "1")] } else { &[] };
    process::spawn_detached(&line(least, false)?, dir, env, lock, log)?;
    waiter.follow(errand, true)
}

/// The run whose branch this checkout is on.
fn on_a_run(repo: &Repo) -> Result<String> {
    let branch = repo.head()?.branch;
    branch.strip_prefix("piton/").map(str::to_owned).ok_or_else(|| {
        Error::refused("the trial did not start: this checkout is on no run's branch")
            .cause(format!("HEAD is {branch}"))
            .note("nothing was changed")
            .hint("begin a run with `piton baseline`, or `git switch piton/<run>`")
    })
}

/// The command line of the process that carries it out: first it leaves, then it is away.
fn line(least: Level, away: bool) -> Result<Vec<OsString>> {
    let piton = std::env::current_exe().context("the trial did not start")?;
    let mut line: Vec<OsString> = vec![piton.into(), "carry".into()];
    line.extend(["--confinement".into(), least.to_string().into()]);
    line.extend(away.then(|| "--away".into()));
    Ok(line)
}

fn another(errands: &Errands, errand: &Errand) -> Error {
    Error::refused("the trial did not start: another edit is on trial")
        .cause(under_way_words(&under_way(errands, errand)))
        .note("your files are as they are; that trial judges what they were when it began")
        .hint("piton wait goes on with it; then try again")
}

/// What stands in this checkout, against the commit that it is on.
fn edit(repo: &Repo) -> Result<EditIdentity> {
    let head = repo.head()?;
    let none = || Error::refused("this checkout is on no run's branch");
    let name = head.branch.strip_prefix("piton/").ok_or_else(none)?;
    let run = Ledger::open(&repo.state_dir())?.run(name)?.ok_or_else(none)?;
    let scope = run.experiment()?.scope;
    let outside = repo.changed_outside(head.commit, &scope, &run_store::overlooked(&run.within))?;
    let tree = repo.write_tree(head.commit, &scope, &repo.entries(&scope)?, &outside)?;
    Ok(EditIdentity {
        worktree: repo.root().to_path_buf(),
        head: head.commit.to_string(),
        tree: tree.to_string(),
        changes: tree != repo.tree_id(head.commit)? || !outside.is_empty(),
    })
}

/// `piton carry`: the process that carries out the trial that was asked for. Nobody calls it by hand.
pub(super) fn carry(dir: &Path, least: Level, away: bool) -> Result<()> {
    if !away {
        return process::start_new_session(&line(least, true)?);
    }
    let errands = Errands::of(&Repo::open(dir)?.state_dir());
    let asked = errands.last().filter(|errand| errand.end.is_none() && errand.process.is_none());
    let mut errand = asked.filter(|_| errands.under_way()).ok_or_else(|| {
        Error::refused("nothing was carried out: nobody asked for a trial").hint("piton trial asks for one")
    })?;
    errand.process = Some(std::process::id());
    errands.write(&errand)?;
    let done = judge(dir, least, &errands, &mut errand);
    errand.end = Some(ErrandEnd { error: done.err().map(|error| still_true(error, dir)) });
    errands.write(&errand)
}

fn judge(dir: &Path, least: Level, errands: &Errands, errand: &mut Errand) -> Result<()> {
    let world = world(dir, least)?;
    let listener = errands.clone();
    let world =
        World { progress: world.progress.with_listener(move |doing| listener.set_doing(doing)), ..world };
    // A branch that a power cut broke is put back before HEAD is read.
    let entered = lock_and_recover(&world, "piton trial", false)?;
    let name = &on_a_run(&world.repo)?;
    let mut session = resume(&world, entered, name)?;
    adopt(&mut session.book, &world.repo)?;
    errand.trial = Some((name.to_owned(), session.book.ledger.next_trial(name)?));
    errands.write(errand)?;
    session.trial(&world.repo, &errand.proposal, ProposalMeta::default(), Owner::User)?;
    session.run_due_rechecks(&world.repo, false, Owner::User)
}
