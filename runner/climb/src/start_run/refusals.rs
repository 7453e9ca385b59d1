//! Why a run may not begin or go on here, found before anything is changed.

use std::fs;
use std::path::Path;

use crate::context::{self, World};
use crate::recover::open_settled;
use crate::run_store::{self, Book};
use crate::run_trial::worktree_path;
use piton_core::base::error::{Error, Result};
use piton_core::trial::scope;
use piton_core::trial::state::Owner;
use piton_system::clock;
use piton_system::config::{self, Config};
use piton_system::git::{Id, RefConflict, Repo};
use piton_system::ledger::Ledger;

/// Whether a run may begin here: what [`super::begin`] refuses, as far as it can be seen without changing anything.
///
/// # Errors
/// What stands in the way.
pub fn may_begin(world: &World, name: Option<&str>, owner: Owner, at: Option<Id>) -> Result<()> {
    let state = world.repo.state_dir();
    let ledger = open_settled(&world.repo)?;
    if ledger.is_none() && Ledger::open_read_only(&state)?.is_some() {
        return Ok(());
    }
    let commit = at.map_or_else(|| world.repo.head().map(|head| head.commit), Ok)?;
    let (_, config) = context::experiment(&world.repo, commit)?;
    stand_clean(world, &config, owner)?;
    let name = free_name(world, name, ledger.as_ref())?;
    fit(&world.repo, commit, &config)?;
    let site = world.repo.site();
    let dir = world.repo.directory(&site);
    is_own_directory(&dir.join(run_store::OWN))?;
    no_foreign_worktree(world, &name, &dir)
}

pub(super) fn no_foreign_worktree(world: &World, name: &str, dir: &Path) -> Result<()> {
    let Some(place) = world.repo.foreign_worktree(&format!("piton-{name}"), &worktree_path(dir, name)) else {
        return Ok(());
    };
    Err(Error::refused("the run did not begin: git has a worktree of the name that its own would have")
        .cause(format!("piton-{name} lies at {}", place.display()))
        .note("nothing was measured, and it is as it was")
        .hint(format!("choose another name for the run, or: git worktree remove {}", place.display())))
}

/// A run begins at what a commit holds. Where a climb begins it, in a worktree of its own, files that no commit has do not matter:
/// they are returned.
pub(super) fn stand_clean(world: &World, config: &Config, owner: Owner) -> Result<Vec<String>> {
    let overlooked = run_store::overlooked(&config.within);
    let (untracked, dirty): (Vec<String>, Vec<String>) = world
        .repo
        .dirty()?
        .into_iter()
        .filter(|path| !overlooked.contains(path))
        .partition(|path| owner == Owner::Piton && !world.repo.tracks(path));
    if let Some((path, how)) = dirty.iter().find_map(|path| Some((path, world.repo.uncompared(path)?))) {
        return Err(Error::refused("the run did not begin: a file cannot be compared with its commit")
            .cause(format!(
                "{path} has {how}, which piton does not run, and git's index does not vouch for it"
            ))
            .note("nothing was changed, and your files are as they were")
            .hint("`touch` the file, then `git status`, renews the index; if that names the file, commit it or put it back"));
    }
    if !dirty.is_empty() {
        return Err(Error::refused("the run did not begin: the tree is not clean")
            .cause(format!("not committed: {}", some(&dirty)))
            .note("nothing was changed, and your files are as they were")
            .hint("commit them, or `git stash --include-untracked`"));
    }
    Ok(untracked)
}

pub(super) fn free_name(world: &World, name: Option<&str>, ledger: Option<&Ledger>) -> Result<String> {
    let known = |name: &str| ledger.map_or(Ok(None), |ledger| ledger.run(name));
    let taken = |name: &str| -> Result<bool> {
        Ok(known(name)?.is_some() || world.repo.has_branch(&format!("piton/{name}")))
    };
    // A branch called piton stands in the way of every run.
    let blocked = |name: &str| -> Result<Option<RefConflict>> {
        Ok(world.repo.conflict(name)?.filter(|conflict| conflict.with != format!("refs/heads/piton/{name}")))
    };
    let Some(name) = name else {
        let today = clock::today();
        for n in 1.. {
            let name = if n == 1 { today.clone() } else { format!("{today}-{n}") };
            if let Some(conflict) = blocked(&name)?.filter(|conflict| !conflict.with.contains(&name)) {
                return Err(in_the_way(&conflict));
            }
            if !taken(&name)? && blocked(&name)?.is_none() {
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
    match blocked(name)? {
        Some(conflict) => Err(in_the_way(&conflict)),
        None => Ok(name.to_owned()),
    }
}

/// Whether a run may be taken up: what [`super::resume`] refuses, as far as it can be seen without changing anything. Returns the run as it
/// is looked at; `None` where it is to be recovered first, or is not there.
///
/// # Errors
/// What stands in the way.
pub fn may_resume(repo: &Repo, name: &str) -> Result<Option<Book>> {
    let Some(ledger) = open_settled(repo)? else { return Ok(None) };
    let Some(run) = ledger.run(name)? else { return Ok(None) };
    is_own_directory(&repo.directory(&run.site(repo)).join(run_store::OWN))?;
    let book = Book::open_read_only(ledger, run)?;
    book.branch_may_go_on(repo)?;
    Ok(Some(book))
}

pub(super) fn some(paths: &[String]) -> String {
    paths.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
}

/// Whether the directory of guidance, worktrees and reports is one, or may be made.
pub(super) fn is_own_directory(own: &Path) -> Result<()> {
    if fs::symlink_metadata(own).is_ok_and(|meta| !meta.is_dir()) {
        return Err(Error::refused("the run does not begin or go on: .piton is no directory")
            .cause(format!("{} is a file or a link, and piton follows none", own.display()))
            .note("nothing was measured, and it is as it was")
            .hint("move it away: guidance, reports and a climb's worktree go there"));
    }
    Ok(())
}

fn in_the_way(conflict: &RefConflict) -> Error {
    Error::refused("the run did not begin: its branch and its refs cannot be made")
        .cause(format!("there is {}, and git cannot hold {} beside it", conflict.with, conflict.wanted))
        .note("nothing was measured, and every ref is as it was")
        .hint(conflict.hint())
}

/// Refuses an experiment whose scope no edit could ever be judged in.
pub(super) fn fit(repo: &Repo, commit: Id, config: &Config) -> Result<()> {
    let held = repo.held(commit, &config.scope)?;
    let mut why = config.scope.unfit(&held, &scope::join(&config.within, config::FILE));
    let foreign = repo.converted(commit)?.into_iter();
    let foreign = foreign.filter(|file| !file.applied && config.scope.contains(&file.path));
    why.extend(foreign.map(|file| format!("{}: it has {}, which piton cannot apply", file.path, file.how)));
    let gone = config.knobs.iter().filter(|knob| !held.iter().any(|(path, ..)| *path == knob.file));
    why.extend(
        gone.map(|knob| format!("the knob {} lies in `{}`, which is not committed", knob.name, knob.file)),
    );
    if why.is_empty() {
        return Ok(());
    }
    let more = why.len().saturating_sub(5);
    why.truncate(5);
    if more > 0 {
        why.push(format!("and {more} more"));
    }
    Err(Error::usage(format!("the run did not begin: no edit within [scope] of {} could be judged", config::FILE))
        .cause(why.join("\n"))
        .note("nothing was measured and nothing was changed")
        .hint("name paths that are committed, raise max_file_bytes, max_bytes or max_files in [scope], or keep such files out of it"))
}
