//! The way in for every command that writes: the lock, the ledger, and whatever the last piton left undone.
//!
//! A piton that was ended in order leaves nothing, and the next one looks only at the trials on their way. After a kill or a power cut
//! everything is looked at: processes, lock files, objects, every ref that the ledger knows. Nothing of the user's is thrown away:
//! a file that was edited since stays as it is, and a lock that a git command may hold stays where it is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::context::World;
use crate::ledger_witness;
use crate::run_store::{self, Book};
use crate::run_trial::{Adopted, adopt, worktree_path};
use piton_agent::hold;
use piton_core::base::error::{Context, Result};
use piton_core::trial::state::{Owner, Rest, State, TrialInProgress, rest};
use piton_core::trial::text::{clean, plural};
use piton_system::beneath;
use piton_system::fsync;
use piton_system::git::Repo;
use piton_system::host;
use piton_system::ledger::{Ledger, Lock};
use piton_system::orphans;
use piton_system::terminal::Tone;
use piton_system::tree::sha256;

/// A repository that is ours: nobody else writes, and nothing is left undone.
pub struct LockedRepo {
    /// The ledger. It is closed before the lock goes.
    pub ledger: Ledger,
    /// Held for as long as the command lives.
    pub lock: Lock,
    /// What was mended on the way in.
    pub mended: Vec<Repair>,
    /// Whether everything was looked at.
    pub thorough: bool,
}

/// Something that was left undone, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// One word, for programs: `process`, `lock`, `object`, `trial`, `ref`, `branch`, `worktree`, `table`.
    pub kind: &'static str,
    /// What was found.
    pub found: String,
    /// What was done.
    pub did: String,
}

/// The mark of the piton that was here last.
const SESSION: &str = "session";

/// The piton that was here last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PreviousProcess {
    /// Whether it ended in order.
    ended: bool,
    /// The boot of the machine that it ran in.
    boot: String,
}

/// Takes the lock, opens the ledger, and mends what the last piton left. `all` looks at everything in any case.
///
/// # Errors
/// When another piton is at work, the ledger cannot be used, or something cannot be mended.
pub fn lock_and_recover(world: &World, who: &str, all: bool) -> Result<LockedRepo> {
    let state = world.repo.state_dir();
    world.runner.mark(&state);
    let lock = Lock::take(&state, who)?;
    // Before anything is changed: what is mended is mended by the ledger.
    ledger_witness::check_ledger_is_current(&world.repo)?;
    world.repo.remember_outputs();
    world.build_store().evict()?;
    let mut ledger = Ledger::open_or_create(&state)?;
    let boot = host::boot();
    let last: Option<PreviousProcess> = ledger.mark(SESSION)?;
    let cut_off = last.is_some_and(|last| !last.ended || last.boot != boot);
    let thorough = all || cut_off;
    ledger.set_mark(SESSION, &PreviousProcess { ended: false, boot: boot.clone() })?;
    let mut mended = vec![];
    let stopped = hold::end_leftovers(&state);
    if stopped > 0 {
        let left = format!(
            "{stopped} processes of an agent whose guard was killed, stopped while samples were taken"
        );
        mended.push(self::mended("process", left, "ended"));
    }
    if thorough {
        mended.extend(left_behind(&world.repo)?);
    }
    let ended = locks(&world.repo, cut_off, &mut mended)?;
    // While a lock that may be ours is left, the next piton looks again.
    ledger.set_mark_on_close(SESSION, &PreviousProcess { ended, boot })?;
    for run in ledger.runs()? {
        let in_progress: Vec<TrialInProgress> =
            ledger.unfinished()?.into_iter().filter(|trial| trial.record.run == run.name).collect();
        if in_progress.is_empty() && !thorough {
            continue;
        }
        let mut book = Book::open(ledger, run)?;
        for trial in in_progress {
            mended.push(finish(&mut book, &world.repo, trial)?);
        }
        if thorough {
            mended.extend(refs(&mut book, &world.repo)?);
            mended.extend(worktree(&book, &world.repo)?);
        }
        ledger = book.ledger;
    }
    for (run, printed) in run_store::tables(&ledger, &world.repo)? {
        if !run_store::table_is_settled(&ledger, &world.repo, &run, &printed)? {
            let path = run_store::table_path(&ledger, &world.repo, &run)?;
            let book = Book::open(ledger, run)?;
            book.reprint_table(&world.repo)?;
            mended.push(table(&path));
            ledger = book.ledger;
        }
    }
    for Repair { found, did, .. } in &mended {
        world.progress.line(Tone::Dim, &format!("recovered: {found}: {did}"));
    }
    Ok(LockedRepo { ledger, lock, mended, thorough })
}

/// The ledger to look at, where there is one and the last piton left nothing undone: what is refused by what stands there now is then
/// refused before anything is changed. `None` where it is to be recovered first, or nothing ever began.
///
/// # Errors
/// When the ledger cannot be read, or is not that of this repository's runs.
pub fn open_settled(repo: &Repo) -> Result<Option<Ledger>> {
    ledger_witness::check_ledger_is_current(repo)?;
    let state = repo.state_dir();
    let Some(ledger) = Ledger::open_read_only(&state)?.filter(|_| !repo.head_branch_is_missing()) else {
        return Ok(None);
    };
    let last: Option<PreviousProcess> = ledger.mark(SESSION)?;
    let ended = last.is_none_or(|last| last.ended && last.boot == host::boot());
    // A piton that is at work has not ended; its lock is not tried, which would keep others from taking it.
    Ok((ended && ledger.unfinished()?.is_empty()).then_some(ledger))
}

fn mended(kind: &'static str, found: impl Into<String>, did: impl Into<String>) -> Repair {
    Repair { kind, found: found.into(), did: did.into() }
}

fn table(path: &Path) -> Repair {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    mended("table", format!("{name} is not what was printed last"), "printed anew from the ledger")
}

/// What a kill or a power cut leaves around the trials.
fn left_behind(repo: &Repo) -> Result<Vec<Repair>> {
    let mut found = vec![];
    let ended = orphans::end(&repo.state_dir());
    if ended > 0 {
        let left = format!(
            "{} that a piton which was killed had started",
            plural(ended, "process").replace("processs", "processes")
        );
        found.push(mended("process", left, "ended"));
    }
    for object in repo.empty_objects() {
        remove(&object)?;
        found.push(mended(
            "object",
            format!("{} is empty", object.display()),
            "removed, so that it can be written again",
        ));
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path)
        .and_then(|()| fsync::sync_one(path.parent().expect("a file in a directory")))
        .context(format!("{} was not removed", path.display()))
}

/// Removes lock files of git's that nobody holds: piton's own, and, where the last piton was `cut_off`, those that it shares with
/// git commands of the user's. Returns whether none is left that may be the last piton's.
fn locks(repo: &Repo, cut_off: bool, found: &mut Vec<Repair>) -> Result<bool> {
    let mut settled = true;
    for lock in if cut_off { repo.lock_files() } else { vec![] } {
        let name = format!("{} is locked", lock.path.display());
        if lock.own || !orphans::in_use(&lock.path, &repo.main_root()) {
            remove(&lock.path)?;
            found.push(mended("lock", name, "nobody holds the lock: removed"));
        } else {
            found.push(mended("lock", name, "a git command may be at work: left where it is"));
            settled = false;
        }
    }
    Ok(settled)
}

/// A climb that was killed leaves its worktree, and half an edit in it.
fn worktree(book: &Book, repo: &Repo) -> Result<Option<Repair>> {
    let path = worktree_path(&repo.directory(&book.run.site(repo)), &book.run.name);
    let removed = repo.remove_worktree(&format!("piton-{}", book.run.name), &path)?;
    Ok(removed.then(|| mended("worktree", format!("{} is left from a climb", path.display()), "removed")))
}

/// Ends a trial that is on its way, or carries it out.
fn finish(book: &mut Book, repo: &Repo, in_progress: TrialInProgress) -> Result<Repair> {
    let TrialInProgress { state, mut record, tree, work, owner } = in_progress;
    let number = record.trial;
    let found = format!("trial {number} of run {} is {}, and no further", record.run, state.word());
    // Its commit may not have reached the disk; its ref may not have been made.
    let there =
        record.commit.as_ref().is_some_and(|id| repo.object_id(id).is_ok_and(|id| repo.has_all_objects(id)));
    let next = match rest(state) {
        Rest::Decide if record.commit.is_some() && !there => rest(State::Built),
        next => next,
    };
    if let Some(hash) = record.provenance.artifact.take_if(|hash| broken(repo, hash)) {
        let dir = run_store::artifact_dir(repo, &hash);
        beneath::remove_at(&dir).context(format!("{} was not removed", dir.display()))?;
    }
    let did = match next {
        Rest::End(outcome) => {
            record.outcome = outcome;
            if there {
                keep_ref(book, repo, &record)?;
            } else {
                record.commit = None;
                drop_ref(book, repo, number)?;
            }
            book.decide(repo, record, tree.filter(|_| there).as_deref())?;
            "recorded as void"
        }
        Rest::Decide => {
            keep_ref(book, repo, &record)?;
            book.decide(repo, record, tree.as_deref())?;
            "decided by what it had measured, and carried out"
        }
        Rest::Apply => {
            keep_ref(book, repo, &record)?;
            "carried out"
        }
        Rest::Nothing => "nothing",
    };
    if number == 0 && repo.get_ref(&format!("refs/heads/{}", book.branch())).is_none() {
        book.create_branch(repo)?;
    }
    // A climb's worktree is made anew by the next climb.
    let work = PathBuf::from(work);
    let work = match owner {
        Owner::Piton => None,
        Owner::User if work.exists() => repo.sibling(&work),
        // The repository was moved meanwhile: where the run began.
        Owner::User => repo.sibling(&repo.checkout(book.run.worktree.as_deref())),
    };
    let work = work.filter(|work| work.head().is_ok_and(|head| head.branch == book.branch()));
    let spared = book.apply(repo, work.as_ref(), number, owner)?;
    let spared = if spared { "; the files were edited since, and are left as they are" } else { "" };
    Ok(mended("trial", found, format!("{did}{spared}")))
}

/// Whether an artifact is there and is not what its name says: its trial was not decided, so it was not synced.
fn broken(repo: &Repo, hash: &str) -> bool {
    let file =
        std::fs::read_dir(run_store::artifact_dir(repo, hash)).ok().and_then(|mut files| files.next()?.ok());
    file.is_some_and(|file| !sha256(&file.path()).is_ok_and(|is| is == hash))
}

/// Sees to it that a trial's ref is where its record says. Returns whether it was not.
fn keep_ref(book: &Book, repo: &Repo, record: &piton_core::trial::record::Record) -> Result<bool> {
    let Some(commit) = &record.commit else { return Ok(false) };
    let (name, commit) = (book.trial_ref(record.trial), repo.object_id(commit)?);
    // The baseline is the user's own commit, and has none.
    if record.trial == 0 || repo.raw_ref(&name) == Some(commit) {
        return Ok(false);
    }
    repo.remove_broken_ref(&name)?;
    repo.set_ref(&name, commit, "piton: as in the ledger")?;
    Ok(true)
}

fn drop_ref(book: &Book, repo: &Repo, number: u32) -> Result<()> {
    let name = book.trial_ref(number);
    repo.remove_broken_ref(&name)?;
    if repo.raw_ref(&name).is_some() { repo.delete_ref(&name) } else { Ok(()) }
}

/// Holds every ref of a run against the ledger.
fn refs(book: &mut Book, repo: &Repo) -> Result<Vec<Repair>> {
    let mut found = vec![];
    for adopted in adopt(book, repo)? {
        let at = |number| format!("{} is not known to the ledger", book.trial_ref(number));
        found.push(match adopted {
            Adopted::Trial(number) => mended("trial", at(number), "recorded as void"),
            Adopted::Broken(number) => mended("ref", at(number), "it names no whole commit: removed"),
            Adopted::Foreign(number, aside) => {
                mended("ref", at(number), format!("not piton's: put aside as {aside}"))
            }
        });
    }
    book.ledger.each(&book.run.name, 0, &mut |record| {
        let name = book.trial_ref(record.trial);
        let there = record.commit.as_ref().is_none_or(|id| repo.read_commit(id).is_some());
        if !there {
            found.push(mended(
                "ref",
                format!("the commit of trial {} of run {} is gone", record.trial, record.run),
                "nothing can be done; its row stands",
            ));
        } else if keep_ref(book, repo, &record)? {
            found.push(mended("ref", format!("{name} is not where the ledger says"), "put back"));
        }
        Ok(())
    })?;
    found.extend(branch(book, repo)?);
    Ok(found)
}

/// Puts the branch of a run back where it is gone. One that somebody moved is his work, and stays.
fn branch(book: &Book, repo: &Repo) -> Result<Option<Repair>> {
    let name = format!("refs/heads/{}", book.branch());
    repo.remove_broken_ref(&name)?;
    if let Some(is) = repo.raw_ref(&name) {
        let Err(error) = book.branch_may_go_on(repo) else {
            // A commit behind, as where a keep was recorded and piton then ended.
            book.settle_branch(repo)?;
            let behind = book.incumbent().commit.as_deref() != Some(&is.to_string());
            let found = format!("{} is at {is}", book.branch());
            return Ok(behind.then(|| mended("branch", found, "moved on to the incumbent")));
        };
        return Ok(Some({
            let did = error.hint.map_or_else(String::new, |hint| format!(": {hint}"));
            mended("branch", error.cause.unwrap_or(error.what), format!("left as it is{did}"))
        }));
    }
    let gone = format!("{} is broken or gone", book.branch());
    let commit = book.incumbent().committed()?;
    let whole = repo.object_id(commit).is_ok_and(|id| repo.has_all_objects(id));
    Ok(Some(match whole.then(|| book.create_branch(repo)) {
        Some(Ok(())) => mended("branch", gone, "put back at the incumbent"),
        Some(Err(error)) => mended(
            "branch",
            gone,
            clean(&format!("not put back: {}", error.cause.unwrap_or(error.what)), 300),
        ),
        None => mended(
            "branch",
            gone,
            format!("the incumbent {commit} is gone too: nothing can be done; its rows stand"),
        ),
    }))
}
