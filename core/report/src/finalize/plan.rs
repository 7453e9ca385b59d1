//! The plan: what is made of a run, told before it is done, and after.

use piton_base::commit::CommitId;
use std::fmt::Write;

use serde::Serialize;

use piton_trial::text::{clean, plural};

/// Most files that are named of an idea.
const FILES: usize = 4;

/// What is made of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The run.
    pub run: String,
    /// The commit that it starts from, and every branch with it.
    pub baseline: CommitId,
    /// The commit that it has come to.
    pub head: CommitId,
    /// Its ideas, oldest first.
    pub ideas: Vec<Planned>,
    /// The branches, that with everything last.
    pub branches: Vec<Branch>,
    /// What the branch with everything differs in from `head`; absent where their trees are equal.
    pub difference: Option<Difference>,
    /// Branches that are there already, where the new ones would be.
    pub taken: Vec<String>,
    /// What else must be known, a sentence each.
    pub notes: Vec<String>,
    /// Whether the branches were made.
    pub applied: bool,
}

/// An idea in the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// The trial that kept it.
    pub trial: u32,
    /// First line of its commit.
    pub subject: String,
    /// Gain as measured when it was kept, in words.
    pub gain: String,
    /// The files that it changes.
    pub files: Vec<String>,
    /// What becomes of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What becomes of an idea.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", content = "why", rename_all = "snake_case")]
pub enum Fate {
    /// It is taken home.
    Taken,
    /// It is left out, since it no longer pays: what `verify --each` found.
    LeftOut(String),
    /// It no longer pays and is taken home all the same: why it cannot be left out.
    Stuck(String),
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// Its commits, oldest first.
    pub commits: Vec<BranchCommit>,
}

/// What a branch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// One idea that shares no file with another.
    OneIdea,
    /// The ideas that share files.
    TheRest,
    /// Every idea that is taken home.
    Everything,
}

/// A commit of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchCommit {
    /// The trial that kept the idea.
    pub trial: u32,
    /// The commit; absent until it is made.
    pub commit: Option<CommitId>,
}

/// How two trees differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// File by file.
    pub files: Vec<FileChange>,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// Unified diff.
    pub diff: String,
}

/// How a file differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

impl Plan {
    /// The same for people.
    pub fn words(&self) -> String {
        let mut text = String::new();
        let short = |id: &str| id.chars().take(7).collect::<String>();
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        let ideas = plural(self.ideas.len(), "kept idea");
        line(format!("run {}: {ideas}, from {} to {}\n", self.run, short(&self.baseline), short(&self.head)));
        for idea in &self.ideas {
            line(format!(
                "  {:>3}  {:>8}  {}  [{}]",
                idea.trial,
                idea.gain,
                idea.subject,
                listed(&idea.files)
            ));
            match &idea.fate {
                Fate::Taken => {}
                Fate::LeftOut(why) => line(format!("                 left out, no longer pays: {why}")),
                Fate::Stuck(why) => line(format!("                 no longer pays, but stays: {why}")),
            }
        }
        line(format!("\n{}", if self.applied { "made" } else { "branches" }));
        let width = self.branches.iter().map(|branch| branch.name.chars().count()).max().unwrap_or(0);
        for branch in &self.branches {
            let trials: Vec<String> = branch.commits.iter().map(|step| step.trial.to_string()).collect();
            let holds = match branch.holds {
                Holds::OneIdea => "no other idea touches its files",
                Holds::TheRest => "the ideas that share files, in their order",
                Holds::Everything => "everything, in its order",
            };
            let noun = if trials.len() == 1 { "trial" } else { "trials" };
            line(format!("  {:<width$}  {noun} {}: {holds}", branch.name, trials.join(", ")));
        }
        match &self.difference {
            None => line(format!("\nthe tree of {} is that of piton/{}", self.everything(), self.run)),
            Some(Difference { files, added, removed, .. }) => {
                line(format!(
                    "\nthe tree of {} is not that of piton/{}: +{added} -{removed}, by what was left out",
                    self.everything(),
                    self.run
                ));
                for file in files {
                    line(format!("  {}  +{} -{}", clean(&file.path, 200), file.added, file.removed));
                }
            }
        }
        self.notes.iter().for_each(|note| line(format!("note: {note}")));
        if self.applied {
            let (from, all) = (short(&self.baseline), self.everything());
            line(format!(
                "\nyour checkout and your branches are as they were\nnext: git log -p {from}..{all}"
            ));
        } else {
            line(format!("\nnothing was changed; make them by: piton finalize --run {} --apply", self.run));
        }
        text
    }

    /// Name of the branch with everything.
    pub fn everything(&self) -> &str {
        self.branches.last().map_or("", |branch| &branch.name)
    }
}

fn listed(files: &[String]) -> String {
    let shown: Vec<String> = files.iter().take(FILES).map(|path| clean(path, 80)).collect();
    let more = files.len().saturating_sub(FILES);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
