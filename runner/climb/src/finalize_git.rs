//! The ideas of a run put together anew, as trees and commits: which can be left out, which come apart, and what the branches hold.

use piton_core::base::commit::CommitId;
use std::collections::BTreeSet;

use piton_core::base::error::{Error, Result};
use piton_core::report::finalize::{
    self, Branch, BranchCommit, Difference, Fate, FileChange, Holds, Idea, Plan, Planned, RunEvidence, again,
    measured,
};
use piton_core::rule::settings::Preset;
use piton_core::run::summary::Verification;
use piton_core::trial::text;
use piton_system::config::Config;
use piton_system::git::{AppliedEdit, Id, Repo};
use piton_system::ledger::Run;

/// What did not happen, where it fails.
pub const WHAT: &str = "no branch was made";

/// What an idea changed when it was kept.
pub struct IdeaEdit {
    commit: Id,
    from: Id,
    to: Id,
    files: BTreeSet<String>,
}

impl IdeaEdit {
    /// Read from the commits of its trial.
    ///
    /// # Errors
    /// When they are not there.
    pub fn of(repo: &Repo, idea: &Idea) -> Result<Self> {
        let commit = repo.commit_id(idea.record.committed()?)?;
        let parent = repo.commit_id(idea.record.held_against()?)?;
        let (from, to) = (repo.tree_id(parent)?, repo.tree_id(commit)?);
        let files = repo.tree_diff(from, to)?.1.into_keys().collect();
        Ok(Self { commit, from, to, files })
    }
}

/// Puts the ideas of a run together anew. Ideas are named by their place.
pub struct Composer<'a> {
    /// Where objects are written.
    pub repo: &'a Repo,
    /// The run.
    pub run: &'a Run,
    /// Where it starts.
    pub base: Id,
    /// What it has come to.
    pub head: Id,
    /// What stands behind its ideas.
    pub evidence: RunEvidence<'a>,
    /// Its ideas, oldest first.
    pub ideas: Vec<Idea<'a>>,
    /// What each changed.
    pub edits: Vec<IdeaEdit>,
}

/// The tree after each idea; or the idea that does not fit, and the files in which it does not.
type Replay = std::result::Result<Vec<Id>, (usize, Vec<String>)>;

impl Composer<'_> {
    /// The plan, with commits that no ref names.
    ///
    /// # Errors
    /// Nothing that pays, nobody to commit as, or git refuses.
    pub fn plan(&self) -> Result<Plan> {
        let fates = self.fates()?;
        let taken: Vec<usize> =
            (0..fates.len()).filter(|at| !matches!(fates[*at], Fate::LeftOut(_))).collect();
        if taken.is_empty() {
            return Err(Error::refused(format!("{WHAT}: none of the keeps of run {} pays", self.run.name))
                .cause("verify --each found each of them no better than the run without it")
                .note("nothing was changed")
                .hint("piton status shows the verified figure; git diff shows the whole run"));
        }
        let trees = self.replay(&taken)?.map_err(|(at, files)| {
            Error::new(WHAT).cause(format!("trial {} does not fit: {}", self.trial(at), files.join(", ")))
        })?;
        let mut notes = vec![];
        let before = std::iter::once(self.repo.tree_id(self.base)?).chain(trees.iter().copied());
        for ((at, tree), before) in taken.iter().zip(&trees).zip(before) {
            if *tree == before {
                notes.push(format!(
                    "without what was left out, nothing is left to do for trial {}: its commit is empty",
                    self.trial(*at)
                ));
            }
        }
        let mut branches = self.parts(&taken)?;
        let all = format!("{}all", finalize::prefix(&self.run.name));
        branches.push(self.branch(all, Holds::Everything, &taken, &trees)?);
        let (head, last) = (self.repo.tree_id(self.head)?, *trees.last().expect("not empty"));
        let difference = if head == last { None } else { Some(self.difference(head, last)?) };
        let planned = self.ideas.iter().zip(&self.edits).zip(fates).map(|((idea, edit), fate)| Planned {
            trial: idea.record.trial,
            subject: finalize::subject(idea.record),
            gain: idea
                .record
                .outcome
                .estimate()
                .map_or_else(String::new, |e| text::gain(e.gain, self.evidence.metric)),
            files: edit.files.iter().cloned().collect(),
            fate,
        });
        Ok(Plan {
            run: self.run.name.clone(),
            baseline: CommitId::of(self.base),
            head: CommitId::of(self.head),
            ideas: planned.collect(),
            branches,
            difference,
            taken: vec![],
            notes,
            applied: false,
        })
    }

    fn trial(&self, at: usize) -> u32 {
        self.ideas[at].record.trial
    }

    /// Lays ideas over the baseline, one after the other.
    fn replay(&self, ideas: &[usize]) -> Result<Replay> {
        let mut tree = self.repo.tree_id(self.base)?;
        let mut trees = vec![];
        for at in ideas {
            match self.repo.apply_edit(tree, self.edits[*at].from, self.edits[*at].to)? {
                AppliedEdit::Tree(made) => tree = made,
                AppliedEdit::Conflict(files) => return Ok(Err((*at, files))),
            }
            trees.push(tree);
        }
        Ok(Ok(trees))
    }

    /// What becomes of each idea. The latest are left out first: less is built on them.
    fn fates(&self) -> Result<Vec<Fate>> {
        let mut fates = vec![Fate::Taken; self.ideas.len()];
        for at in (0..self.ideas.len()).rev() {
            let Some(found) = self.ideas[at].again.filter(|_| !self.ideas[at].pays()) else { continue };
            fates[at] = Fate::LeftOut(again(found, self.evidence.metric));
            let built = found.without.is_some();
            if let Some(why) = self.obstacle(&fates, built)? {
                fates[at] = Fate::Stuck(why);
            }
        }
        Ok(fates)
    }

    /// Why the ideas that are left out cannot be. What was measured is HEAD with their edits taken back, so that is what must come of it.
    fn obstacle(&self, fates: &[Fate], built: bool) -> Result<Option<String>> {
        let out = |at: &usize| matches!(fates[*at], Fate::LeftOut(_));
        let rest: Vec<usize> = (0..fates.len()).filter(|at| !out(at)).collect();
        let trees = match self.replay(&rest)? {
            Ok(trees) => trees,
            Err((at, files)) => {
                return Ok(Some(format!("trial {} builds on it in {}", self.trial(at), files.join(", "))));
            }
        };
        if !built {
            return Ok(Some("HEAD without it could not be built".to_owned()));
        }
        let mut wanted = self.repo.tree_id(self.head)?;
        for at in (0..fates.len()).rev().filter(out) {
            match self.repo.apply_edit(wanted, self.edits[at].to, self.edits[at].from)? {
                AppliedEdit::Tree(tree) => wanted = tree,
                AppliedEdit::Conflict(files) => {
                    return Ok(Some(format!("what came later builds on it in {}", files.join(", "))));
                }
            }
        }
        let made = trees.last().map_or_else(|| self.repo.tree_id(self.base), |tree| Ok(*tree))?;
        Ok((made != wanted).then(|| "what came later comes to something else without it".to_owned()))
    }

    /// A branch for each idea that shares no file with another, and one for the others; none where there is nothing to tell apart.
    fn parts(&self, taken: &[usize]) -> Result<Vec<Branch>> {
        let files: Vec<BTreeSet<String>> = taken.iter().map(|at| self.edits[*at].files.clone()).collect();
        let base = self.repo.tree_id(self.base)?;
        let (mut alone, mut rest, mut branches) = (vec![], vec![], vec![]);
        for (at, apart) in taken.iter().zip(finalize::alone(&files)) {
            match self.repo.apply_edit(base, self.edits[*at].from, self.edits[*at].to)? {
                AppliedEdit::Tree(tree) if apart && tree != base => alone.push((*at, tree)),
                _ => rest.push(*at),
            }
        }
        if alone.is_empty() || taken.len() == 1 {
            return Ok(branches);
        }
        // What does not come apart after all stays together.
        let Ok(trees) = self.replay(&rest)? else { return Ok(branches) };
        for (at, tree) in alone {
            let name = finalize::branch_of(&self.run.name, self.ideas[at].record);
            branches.push(self.branch(name, Holds::OneIdea, &[at], &[tree])?);
        }
        if !rest.is_empty() {
            let name = format!("{}rest", finalize::prefix(&self.run.name));
            branches.push(self.branch(name, Holds::TheRest, &rest, &trees)?);
        }
        Ok(branches)
    }

    /// A commit for each idea, from the baseline.
    fn branch(&self, name: String, holds: Holds, ideas: &[usize], trees: &[Id]) -> Result<Branch> {
        let mut parent = self.base;
        let mut commits = vec![];
        for (at, tree) in ideas.iter().zip(trees) {
            let message = finalize::message(&self.ideas[*at], self.evidence);
            parent = self.repo.commit_for_user(*tree, parent, &message, self.edits[*at].commit)?;
            commits.push(BranchCommit { trial: self.trial(*at), commit: Some(CommitId::of(parent)) });
        }
        Ok(Branch { name, holds, commits })
    }

    fn difference(&self, from: Id, to: Id) -> Result<Difference> {
        let (diff, files) = self.repo.tree_diff(from, to)?;
        let change = |(path, (added, removed))| FileChange { path, added, removed };
        Ok(Difference {
            files: files.into_iter().map(change).collect(),
            added: diff.added,
            removed: diff.removed,
            diff: diff.text,
        })
    }

    /// What must be known besides.
    pub fn notes(
        &self,
        repo: &Repo,
        plan: &Plan,
        verifications: &[Verification],
        config: &Config,
    ) -> Vec<String> {
        let (name, mut notes) = (&self.run.name, vec![]);
        let head = CommitId::of(self.head);
        if config.rule.preset == Preset::Replicates {
            notes.push("whether each keep still pays is not known: this run judges single runs, and verify --each asks for pairs".to_owned());
        } else if measured(verifications, &head, true).is_none() {
            let earlier = verifications.iter().any(|verification| !verification.each.is_empty());
            notes.push(format!(
                "whether each keep still pays is not known{}, so none is left out: piton verify --each --run {name}, or piton finalize --run {name} --verify",
                if earlier { " of this head" } else { "" }
            ));
        }
        let waiting: Vec<String> = self
            .ideas
            .iter()
            .filter(|idea| idea.provisional() && idea.bundle.is_none())
            .map(|idea| idea.record.trial.to_string())
            .collect();
        if !waiting.is_empty() {
            notes.push(format!(
                "kept for now by two pairs, and not put to the full test since: {}; a climb does so at its end",
                waiting.join(", ")
            ));
        }
        let out = plan.ideas.iter().filter(|idea| matches!(idea.fate, Fate::LeftOut(_))).count();
        if out > 1 {
            notes.push(format!(
                "each of the {out} was measured by itself: what HEAD is without all of them together was not"
            ));
        }
        if plan.branches.len() > 1 || out > 1 {
            notes.push(
                "a branch with a part of the run was neither built nor measured as it stands".to_owned(),
            );
        }
        match repo.get_ref(&format!("refs/heads/piton/{name}")) {
            Some(at) if at != self.head => notes.push(format!(
                "piton/{name} is at {at}, which the ledger does not know: what was committed there by hand is not among this"
            )),
            _ => {}
        }
        if repo.signs() {
            notes.push("commit.gpgsign is set, and piton signs nothing: git rebase --exec 'git commit --amend --no-edit -S' does".to_owned());
        }
        if !plan.applied && !plan.taken.is_empty() {
            notes.push(format!("there already, so --apply refuses: {}", plan.taken.join(", ")));
        }
        notes
    }
}
