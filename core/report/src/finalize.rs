//! What a run is taken home as: which ideas, on which branches, and what each commit says of its evidence.
//!
//! A commit here is read by somebody who was not there and who may not have the ledger: so its message holds every figure that the
//! verdict rested on, and says of each where it comes from. What is decided here are functions of the records; whether two edits can be
//! told apart is asked of git, elsewhere.

mod message;
mod plan;

use piton_base::commit::CommitId;
use std::collections::BTreeSet;

use piton_rule::keep::{KeepReason, Verdict};
use piton_run::rechecks;
use piton_run::summary::{Again, Verification};
use piton_trial::proposal;
use piton_trial::record::{Outcome, Record};

pub use message::{RunEvidence, again, message, subject};
pub use plan::{Branch, BranchCommit, Difference, Fate, FileChange, Holds, Plan, Planned};

/// A name that is longer than this is cut between words, in characters.
const NAME: usize = 30;

/// An idea that a run kept, and what is known of it besides its own trial.
#[derive(Debug, Clone, Copy)]
pub struct Idea<'a> {
    /// The trial that kept it.
    pub record: &'a Record,
    /// The bundle in which it held, where it was kept for now.
    pub bundle: Option<&'a Record>,
    /// The same measured once more, at the present head.
    pub again: Option<&'a Again>,
}

impl Idea<'_> {
    /// Whether it was kept for now.
    pub fn provisional(&self) -> bool {
        matches!(self.record.outcome, Outcome::Judged { verdict: Verdict::Keep(KeepReason::Provisional), .. })
    }

    /// Whether it is still worth having; so is what was not measured once more.
    pub fn pays(&self) -> bool {
        self.again.is_none_or(Again::pays)
    }
}

/// The ideas that lead from the baseline to the incumbent, oldest first; what was kept and taken back is none of them.
pub fn ideas<'a>(records: &'a [Record], verification: Option<&'a Verification>) -> Vec<Idea<'a>> {
    let bundle = |trial: u32| {
        let held = |record: &&Record| matches!(&record.outcome, Outcome::Bundle { holds: true, trials, .. } if trials.contains(&trial));
        records.iter().find(held)
    };
    rechecks::commits(records)
        .into_iter()
        .filter(|trial| *trial > 0)
        .filter_map(|trial| records.iter().find(|record| record.trial == trial))
        .map(|record| Idea {
            record,
            bundle: bundle(record.trial),
            again: verification
                .and_then(|verification| verification.each.iter().find(|again| again.trial == record.trial)),
        })
        .collect()
}

/// The last of `nights` that measured `head` itself; with `each`, the last in which every keep was measured once more.
pub fn measured<'a>(
    verifications: &'a [Verification],
    head: &CommitId,
    each: bool,
) -> Option<&'a Verification> {
    verifications
        .iter()
        .rev()
        .find(|verification| verification.head == *head && !(each && verification.each.is_empty()))
}

/// Which of these ideas share no file with any other: those that can be reviewed by themselves.
pub fn alone(files: &[BTreeSet<String>]) -> Vec<bool> {
    let apart = |i: usize, j: usize| i == j || !overlap(&files[i], &files[j]);
    (0..files.len()).map(|i| (0..files.len()).all(|j| apart(i, j))).collect()
}

/// Whether two sets of files have one in common, or a file of the one is a directory of the other.
fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let below = |path: &str, files: &BTreeSet<String>| {
        let dir = format!("{path}/");
        files.contains(path) || files.range(dir.clone()..).next().is_some_and(|next| next.starts_with(&dir))
    };
    a.iter().any(|path| below(path, b)) || b.iter().any(|path| below(path, a))
}

/// Where the branches of a run stand.
pub fn prefix(run: &str) -> String {
    format!("piton-final/{run}/")
}

/// The branch of one idea: its trial and its words, as far as a ref may hold them.
pub fn branch_of(run: &str, record: &Record) -> String {
    let words = proposal::family(&record.claimed.description).unwrap_or_default();
    let end = words.rfind('-').filter(|at| words.len() > NAME && *at > NAME / 2).unwrap_or(words.len());
    let dash = if words.is_empty() { "" } else { "-" };
    format!("{}{}{dash}{}", prefix(run), record.trial, &words[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_idea_is_alone_where_no_other_touches_its_files_or_puts_a_directory_in_their_place() {
        let ideas = [files(&["a"]), files(&["b", "c"]), files(&["c"]), files(&["d.rs", "d/x"])];
        assert_eq!(alone(&ideas), [true, false, false, true]);
        assert_eq!(alone(&[files(&["d"]), files(&["d/x/y"])]), [false, false]);
        assert_eq!(alone(&[files(&["d"]), files(&["d-x/y", "d.rs"])]), [true, true]);
        assert_eq!(alone(&[files(&["a"])]), [true]);
    }
}
