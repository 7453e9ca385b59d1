//! Carries a run out: begins it, tries challengers, applies verdicts.
//!
//! The driver decides nothing. What is in scope, what a gate says, what the rule says and when to stop are
//! answers that it asks for and obeys. What they come to is written and carried out by the book of the run.

mod accept;
mod again;
mod retake;
mod similar;

use piton_core::base::commit::CommitId;
use piton_core::trial::text::width;
use std::path::{Path, PathBuf};

use crate::build::Built;
use crate::context::World;
use crate::evaluate::Evaluator;
use crate::recall;
use crate::run_store::{self, Book};
use crate::status_file::StatusGuard;
use piton_core::base::error::{Error, Result};
use piton_core::report::tables;
use piton_core::trial::changes;
use piton_core::trial::proposal::Proposal;
use piton_core::trial::record::{Claimed, Measured, Outcome, Proposer, Provenance, Record, Status};
use piton_core::trial::state::{Owner, State, TrialInProgress};
use piton_core::trial::text;
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::failpoint;
use piton_system::git::{Id, Repo};
use piton_system::host;
use piton_system::ledger::{Lock, Run};
use piton_system::sandbox;
use piton_system::terminal::Tone;

pub(crate) use retake::unsettled;

/// A run in progress, and the lock on the repository.
pub struct Session<'w> {
    /// Where it happens.
    pub world: &'w World,
    /// The run in the ledger. It is closed before the lock goes.
    pub book: Book,
    /// The sealed tree and the harness.
    pub harness: Built,
    /// Those who look on are told of it for as long.
    pub status_guard: StatusGuard<'w>,
    /// Held for as long as the run is in progress.
    pub lock: Lock,
}

/// What a proposer did besides its edit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProposalMeta {
    /// How long it took.
    pub seconds: f64,
    /// Who it is, and what it cost; absent for the tuner and for people.
    pub agent: Option<Proposer>,
    /// What it moved that is not its own, a line each; all of it was put back.
    pub moved: Vec<String>,
    /// What it began with, where that is not the incumbent.
    pub begun: Option<Begun>,
}

/// The edit that a proposal begins with: that of a near miss, laid over the incumbent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The near miss.
    pub trial: u32,
    /// A commit that holds it; no ref leads there.
    pub commit: Id,
    /// The tree of that commit.
    pub tree: Id,
}

impl Session<'_> {
    /// Name of the run's branch.
    pub fn branch(&self) -> String {
        self.book.branch()
    }

    /// One trial of what stands in `work`, from edit to row; `turn` is what its proposer did besides.
    ///
    /// # Errors
    /// When the worktree is not on the run's branch, or piton itself fails. What the challenger does is an outcome.
    pub fn trial(
        &mut self,
        work: &Repo,
        proposal: &Proposal,
        turn: ProposalMeta,
        owner: Owner,
    ) -> Result<Record> {
        let watch = Stopwatch::start();
        let base = work.commit_id(self.book.incumbent().committed()?)?;
        let head = work.head()?;
        if head.branch != self.branch() || head.commit != base {
            return Err(Error::refused("the trial did not start: HEAD is not the incumbent of this run")
                .cause(format!("{} is at {}; {} expects {base}", head.branch, head.commit, self.branch()))
                .note("nothing was changed")
                .hint(format!("git switch {}", self.branch())));
        }
        let (files, told) =
            run_store::settle(&self.book.ledger, &self.world.repo, &self.book.run.site(&self.world.repo))?;
        told.iter().for_each(|told| self.world.progress.line(Tone::Neutral, told));
        self.world.runner.transcribe(&files.log())?;
        let mut record = self.blank(base)?;
        record.measured.seconds.agent = turn.seconds;
        record.claimed.claim = proposal.claim.clone();
        record.claimed.begun_as = turn.begun.map(|begun| begun.trial);
        record.claimed.agent = turn.agent;
        let scope = &self.book.config.scope;
        let entries = work.entries(scope)?;
        // A link or a submodule that is as it was is no edit.
        let (same, moved) = work.specials(base, scope)?;
        let sizes: Vec<(String, u32, u64)> = entries
            .iter()
            .filter(|e| {
                !same.contains(&e.path)
                    && !moved.iter().any(|line| line.starts_with(&format!("{}: ", e.path)))
            })
            .map(|e| (e.path.clone(), e.mode, e.bytes))
            .collect();
        let outside = work.changed_outside(base, scope, &run_store::overlooked(&self.book.run.within))?;
        let foreign = entries.iter().filter_map(|entry| Some((entry, entry.foreign.as_ref()?)));
        let foreign =
            foreign.map(|(entry, what)| format!("{}: it has {what}, which piton cannot apply", entry.path));
        let told = |line: &String| outside.iter().any(|path| line.starts_with(&format!("{path}: ")));
        let moved = moved.into_iter().filter(|line| !told(line));
        let outside_told = outside.iter().map(|path| scope.refusal(path));
        let refused: Vec<String> =
            outside_told.chain(moved).chain(scope.violations(&sizes)).chain(foreign).collect();
        let tree = work.write_tree(base, scope, &entries, &outside)?;
        // What it began with and nothing more is no proposal.
        let added = tree != work.tree_id(base)? && turn.begun.is_none_or(|begun| begun.tree != tree);
        let edited = added || !refused.is_empty();
        if edited {
            let (_, head) = self.book.ledger.head()?;
            let words = proposal.description.as_deref().unwrap_or("a proposal");
            let message = tables::proposal_message(words, &record.run, record.trial, &head);
            let commit = work.commit(tree, base, &message)?;
            record.commit = Some(CommitId::of(commit));
            record.measured.changes = Some(self.changes(work, base, commit)?);
            record.measured.since_baseline =
                Some(self.changes(work, work.commit_id(&self.book.run.base)?, commit)?);
        }
        record.claimed.description = match (&proposal.description, &record.measured.changes) {
            (Some(text), _) if !text.trim().is_empty() => text.clone(),
            (_, Some(changes)) => changes.headline(),
            (_, None) => "no edit".to_owned(),
        };
        record = record.bounded();
        let mut in_progress = run_store::trial_in_progress(&record, edited.then_some(tree), work, owner);
        self.book.propose(work, &in_progress)?;
        self.announce(&record);
        let twin = self.book.ledger.judged(&record.run, Some(&tree.to_string()), None)?;
        // What was out of scope may have lain in a submodule, which is not in the tree.
        let strange =
            |of: u32| matches!(self.book.record(of).map(|r| r.outcome), Ok(Outcome::OutOfScope { .. }));
        let twin = twin.filter(|of| !refused.is_empty() || !strange(*of));
        let judged = edited && refused.is_empty() && turn.moved.is_empty() && twin.is_none();
        if judged {
            let tree = tree.to_string();
            record.claimed.again = unsettled(&self.book.ledger, &record.run, Some(&tree), None)?;
            let told = record.claimed.again.map(|again| {
                format!(
                    "         the edit of trial {}, which said too little of it: it is measured again",
                    again.trial
                )
            });
            told.iter().for_each(|told| self.world.progress.line(Tone::Neutral, told));
        }
        record.claimed.like = if judged { self.find_similar(work, base, &record) } else { None };
        let answer = self.book.config.search.like;
        let alike =
            record.claimed.like.as_ref().filter(|like| recall::refuses(answer, like)).map(|like| like.trial);
        record.outcome =
            match twin.map(|of| Outcome::Duplicate { of }).or(alike.map(|of| Outcome::Alike { of })) {
                _ if !turn.moved.is_empty() => Outcome::Tampered { what: turn.moved },
                _ if !refused.is_empty() => Outcome::OutOfScope { paths: refused },
                _ if !edited => Outcome::NoEdit,
                Some(outcome) => outcome,
                None => self.evaluator().judge(work, base, &mut record)?,
            };
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(work, Some(work), in_progress)
    }

    /// A trial of the incumbent against itself: what the rule says of a change that does nothing.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn blind(&mut self, work: &Repo, owner: Owner) -> Result<Record> {
        let watch = Stopwatch::start();
        let base = work.commit_id(self.book.incumbent().committed()?)?;
        let mut record = self.blank(base)?;
        record.commit = Some(CommitId::of(base));
        record.claimed.description = "the incumbent against itself".to_owned();
        let mut in_progress = run_store::trial_in_progress(&record, Some(work.tree_id(base)?), work, owner);
        self.book.propose(work, &in_progress)?;
        self.announce(&record);
        record.outcome = self.evaluator().blind(base, &mut record)?;
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(work, Some(work), in_progress)
    }

    /// Puts the provisional keeps to the test, where enough of them wait, or `all` are wanted. Where they fail, the branch goes back.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn bundle(&mut self, work: &Repo, all: bool, owner: Owner) -> Result<()> {
        if !self.book.tally.branch_state.bundle_is_due(all) {
            return Ok(());
        }
        let watch = Stopwatch::start();
        let verified = self.book.record(self.book.tally.branch_state.verified)?;
        let incumbent = self.book.incumbent().clone();
        let id = |record: &Record| work.commit_id(record.committed()?);
        let ids = (id(&verified)?, id(&incumbent)?);
        let trials = self.book.tally.branch_state.waiting.clone();
        let mut record = self.blank(ids.0)?;
        record.commit = Some(CommitId::of(ids.1));
        record.claimed.description = format!("{} together", text::plural(trials.len(), "provisional keep"));
        let mut in_progress = run_store::trial_in_progress(&record, Some(work.tree_id(ids.1)?), work, owner);
        self.book.propose(work, &in_progress)?;
        self.announce(&record);
        record.outcome = self.evaluator().bundle(ids, (&verified, &incumbent), trials, &mut record)?;
        record.measured.seconds.total = watch.seconds();
        in_progress.record = record;
        self.conclude(work, Some(work), in_progress).map(|_| ())
    }

    fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { world: self.world, book: &self.book, harness: &self.harness }
    }

    /// What was found is decided, and what was decided is carried out.
    fn conclude(
        &mut self,
        work: &Repo,
        checkout: Option<&Repo>,
        mut in_progress: TrialInProgress,
    ) -> Result<Record> {
        self.world.progress.idle();
        in_progress.record = in_progress.record.bounded();
        // Where there is still none, the row is not written, and that error says so.
        let _ = self.world.build_store().evict();
        self.book.ledger.progress(State::Measured, &in_progress.record)?;
        failpoint::point("measured");
        let record = self.book.decide(work, in_progress.record, in_progress.tree.as_deref())?;
        let warning = text::slow_start(&record, &self.book.config.metric);
        warning.iter().for_each(|text| self.world.progress.line(Tone::Dim, &format!("         {text}")));
        let tone = match record.outcome.status() {
            Status::Keep => Tone::Good,
            Status::Crash => Tone::Bad,
            Status::Discard | Status::Void | Status::Unjudged | Status::Check => Tone::Neutral,
        };
        let say = |tone, text: &str| self.world.progress.line(tone, &format!("         {text}\n"));
        say(tone, &text::verdict(&record, &self.book.config.metric, self.book.config.rule.alpha));
        if self.book.apply(&self.world.repo, checkout, record.trial, in_progress.owner)? {
            say(Tone::Dim, "the files were edited meanwhile, and are left as they are");
        }
        Ok(record)
    }

    /// A record of the next trial, against the incumbent at `base`.
    fn blank(&mut self, base: Id) -> Result<Record> {
        let book = &mut self.book;
        adopt(book, &self.world.repo)?;
        // Between two trials, and only then: the commit of the next names the head of the chain.
        book.ledger.enter_notes(&book.run.name)?;
        let number = book.ledger.next_trial(&book.run.name)?;
        Ok(Record { parent: Some(CommitId::of(base)), ..blank(&book.run, number, &book.config) })
    }

    fn changes(&self, work: &Repo, from: Id, to: Id) -> Result<changes::Changes> {
        let config = &self.book.config;
        let diff = work.diff(from, to)?;
        let (before, after) = (work.side(from, &config.scope)?, work.side(to, &config.scope)?);
        Ok(changes::compare(&before, &after, (diff.added, diff.removed), &config.trade_offs))
    }

    fn announce(&self, record: &Record) {
        self.world.status_file.trial(record);
        let progress = &self.world.progress;
        progress.line(
            Tone::Plain,
            &format!("trial {:<3} {}", record.trial, text::clean(&record.claimed.description, width::TITLE)),
        );
        let lines = record.measured.changes.iter().flat_map(changes::Changes::lines);
        lines.filter(|line| !record.claimed.description.contains(line)).for_each(|line| {
            progress.line(Tone::Dim, &format!("         {}", text::clean(&line, 200)));
        });
    }
}

/// What became of a ref that stands where the next trial's should, and that the ledger does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// A trial whose row a power cut took: it is recorded as void under its number.
    Trial(u32),
    /// It names no whole commit: it was removed.
    Broken(u32),
    /// Somebody else's: it was put aside, under this name.
    Foreign(u32, String),
}

/// Sees to it that no ref stands where the next trial's should.
///
/// # Errors
/// When piton cannot write.
pub fn adopt(book: &mut Book, repo: &Repo) -> Result<Vec<Adopted>> {
    let mut adopted = vec![];
    loop {
        let number = book.ledger.next_trial(&book.run.name)?;
        let name = book.trial_ref(number);
        if repo.remove_broken_ref(&name)? {
            adopted.push(Adopted::Broken(number));
        }
        let Some(commit) = repo.raw_ref(&name) else { return Ok(adopted) };
        if !repo.has_all_objects(commit) {
            repo.delete_ref(&name)?;
            adopted.push(Adopted::Broken(number));
            continue;
        }
        let told = repo.read_commit(&commit.to_string()).unwrap_or_default();
        let (_, head) = book.ledger.head()?;
        let ours = [("Run", book.run.name.as_str()), ("Trial", &number.to_string()), ("Ledger", &head)]
            .iter()
            .all(|(name, value)| told.trailers.get(*name).is_some_and(|is| is == value));
        if !ours {
            let aside = format!("refs/piton/{}/aside/{number}-{}", book.run.name, &commit.to_string()[..12]);
            repo.set_ref(&aside, commit, "piton: put aside")?;
            repo.delete_ref(&name)?;
            adopted.push(Adopted::Foreign(number, aside));
            continue;
        }
        let record = Record {
            parent: told.parents.first().cloned(),
            commit: Some(CommitId::of(commit)),
            outcome: Outcome::Void { reason: "piton was ended before this trial was recorded".to_owned() },
            claimed: Claimed { description: repo.subject(commit), ..Default::default() },
            ..blank(&book.run, number, &book.config)
        };
        let in_progress =
            run_store::trial_in_progress(&record, Some(repo.tree_id(commit)?), repo, Owner::Piton);
        book.ledger.propose(&in_progress)?;
        book.decide(repo, record, in_progress.tree.as_deref())?;
        book.apply(repo, None, number, Owner::Piton)?;
        adopted.push(Adopted::Trial(number));
    }
}

/// A record of this run with nothing in it yet.
pub fn blank(run: &Run, trial: u32, config: &Config) -> Record {
    Record {
        run: run.name.clone(),
        trial,
        started: clock::now(),
        commit: None,
        parent: None,
        outcome: Outcome::NoEdit,
        claimed: Claimed::default(),
        measured: Measured::default(),
        provenance: Provenance {
            harness: run.harness.clone(),
            seal: run.seal.clone(),
            rule: config.rule.name(),
            confinement: sandbox::level(),
            machine: host::machine(),
            piton: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        },
    }
}

/// Where `climb` makes its worktree: below the ignored `.piton/`, outside `.git`, which some agents cannot write.
pub fn worktree_path(root: &Path, run: &str) -> PathBuf {
    root.join(".piton/work").join(run)
}
