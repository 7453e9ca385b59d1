//! `piton finalize`: a run as branches that can be reviewed.
//!
//! Trees are merged and commits written without a worktree and without an index: nothing of the user's is touched. The plan is made by
//! the same code as the branches, in a repository that keeps what is written to itself.

use std::path::Path;

use piton_core::base::level::Level;

use super::args::FinalizeArgs;
use super::chosen::chosen;
use super::world;
use piton_climb::context::World;
use piton_climb::finalize_git::{Composer, IdeaEdit, WHAT};
use piton_climb::recover::lock_and_recover;
use piton_climb::start_run::resume;
use piton_climb::verify;
use piton_core::base::error::{Error, Result, exit};
use piton_core::report::finalize::{self, Branch, Plan, RunEvidence, measured};
use piton_core::run::rechecks;
use piton_core::run::summary;
use piton_core::trial::text;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Lock, Run};
use piton_system::terminal::{self, Tone};

/// Says what would be made of a run, or makes it.
///
/// # Errors
/// Nothing kept, a trial under way, branches that are there already, nobody to commit as.
pub(super) fn run(dir: &Path, least: Level, args: &FinalizeArgs) -> Result<u8> {
    let (repo, ledger, run) = chosen(dir, &args.which)?;
    // Nobody else writes until the branches are made. What measures nothing needs no walls.
    let world = (args.verify || args.apply)
        .then(|| world(dir, if args.verify { least } else { Level::None }))
        .transpose()?;
    let _lock = world.as_ref().map(|world| hold(world, &run, args.verify)).transpose()?;
    free(&ledger, &run)?;
    let (records, verifications) = (ledger.records(&run.name)?, ledger.verifications(&run.name)?);
    let head = rechecks::incumbent(&records).and_then(|record| record.commit.clone());
    let head = head.ok_or_else(|| Error::new(WHAT).cause(format!("run {} has no baseline", run.name)))?;
    let ideas = finalize::ideas(&records, measured(&verifications, &head, true));
    if ideas.is_empty() {
        return Err(Error::refused(format!("{WHAT}: run {} has kept nothing", run.name))
            .note("nothing was changed")
            .hint("piton log shows what was tried"));
    }
    let taken = taken(&repo, &run);
    if let (true, Some(first)) = (args.apply, taken.first()) {
        return Err(Error::refused(format!("{WHAT}: {first} is there already"))
            .note("nothing was changed, and what is there is as it was")
            .hint(format!("rename what you need of it, or remove it: git branch -D {}", taken.join(" "))));
    }
    repo.identity()?;
    let config = ledger.config(&run)?;
    let memory = if args.apply { None } else { Some(repo.in_memory()?) };
    let verification = measured(&verifications, &head, false);
    let composer = Composer {
        repo: memory.as_ref().unwrap_or(&repo),
        run: &run,
        base: repo.commit_id(&run.base)?,
        head: repo.commit_id(&head)?,
        evidence: RunEvidence { metric: &config.metric, alpha: config.rule.alpha, verification },
        edits: ideas.iter().map(|idea| IdeaEdit::of(&repo, idea)).collect::<Result<_>>()?,
        ideas,
    };
    let mut plan = composer.plan()?;
    plan.taken = taken;
    plan.notes.extend(composer.notes(&repo, &plan, &verifications, &config));
    if args.apply {
        make(&repo, &plan)?;
        plan.applied = true;
    } else {
        // Those of a plan stand in memory: nobody could look at them.
        plan.branches.iter_mut().flat_map(|branch| &mut branch.commits).for_each(|step| step.commit = None);
    }
    terminal::either(args.which.json, &plan, || text::printable(&plan.words()));
    Ok(exit::DONE)
}

/// Takes the lock, and measures first where that is wanted.
fn hold(world: &World, run: &Run, verify: bool) -> Result<Lock> {
    let entered = lock_and_recover(world, "piton finalize", false)?;
    if !verify {
        return Ok(entered.lock);
    }
    let session = resume(world, entered, &run.name)?;
    let verification = verify::verify(&session, true)?;
    world.progress.line(
        Tone::Plain,
        &format!("{}\n", summary::verification_words(&verification, &session.book.config.metric).trim_end()),
    );
    Ok(session.lock)
}

/// Refuses while a trial of the run is under way: what it comes to may be one idea more.
fn free(ledger: &Ledger, run: &Run) -> Result<()> {
    let in_progress = ledger.unfinished()?;
    match in_progress.iter().find(|trial| trial.record.run == run.name) {
        None => Ok(()),
        Some(in_progress) => Err(Error::refused(format!(
            "{WHAT}: trial {} of run {} is under way",
            in_progress.record.trial, run.name
        ))
        .note("nothing was changed; the trial goes on")
        .hint("wait for it (piton wait), or end the climb (piton stop); after a crash: piton recover")),
    }
}

/// Branches where those of the run would be.
fn taken(repo: &Repo, run: &Run) -> Vec<String> {
    let prefix = finalize::prefix(&run.name);
    // A branch named as one of their directories leaves no room for them.
    let above = [prefix.split('/').next().unwrap_or_default(), prefix.trim_end_matches('/')];
    let below = repo.refs_below(&format!("refs/heads/{prefix}"));
    let names = below.into_keys().filter_map(|name| Some(name.strip_prefix("refs/heads/")?.to_owned()));
    above.into_iter().filter(|name| repo.has_branch(name)).map(str::to_owned).chain(names).collect()
}

/// The branches, each with everything that it names on the disk first; all of them, or none.
fn make(repo: &Repo, plan: &Plan) -> Result<()> {
    let name = |branch: &Branch| format!("refs/heads/{}", branch.name);
    for (at, branch) in plan.branches.iter().enumerate() {
        let mut parent = repo.commit_id(&plan.baseline)?;
        for commit in branch.commits.iter().filter_map(|step| step.commit.as_ref()) {
            let commit = repo.commit_id(commit)?;
            repo.sync(commit, parent)?;
            parent = commit;
        }
        if let Err(error) = repo.new_ref(&name(branch), parent, "piton: finalize") {
            plan.branches[..at].iter().try_for_each(|made| repo.delete_ref(&name(made)))?;
            return Err(error.note("no branch was made; your checkout and your branches are as they were"));
        }
    }
    Ok(())
}
