//! A trial that has begun: the states that it goes through, and what becomes of one that piton was ended in the middle of.

use serde::{Deserialize, Serialize};

use crate::record::{Outcome, Record};

/// How far a trial has come. Each is one transaction of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has a number, a description and a commit.
    Proposed,
    /// Its challenger is built.
    Built,
    /// Its outcome is known, and nothing rests on it yet.
    Measured,
    /// Its outcome is on the disk. From here on it can only be carried out.
    Decided,
    /// The branch, the worktree and the table say the same.
    Applied,
}

impl State {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Proposed, Self::Built, Self::Measured, Self::Decided, Self::Applied];

    /// As in the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Built => "built",
            Self::Measured => "measured",
            Self::Decided => "decided",
            Self::Applied => "applied",
        }
    }

    /// From the ledger.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Whose worktree it is: what is not judged stays in the user's, and is cleared from piton's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The user's checkout, or one that an agent drives by hand.
    User,
    /// A worktree that `climb` made.
    Piton,
}

/// A trial on its way: the row that it has from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialInProgress {
    /// How far it has come.
    pub state: State,
    /// The record as far as it is known.
    pub record: Record,
    /// The tree of its commit, as forty hexadecimal digits; absent where there was no edit.
    pub tree: Option<String>,
    /// The worktree that it is in.
    pub work: String,
    /// Whose that is.
    pub owner: Owner,
}

/// What a verdict makes of the worktree that the trial was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// It stays as it is.
    Nothing,
    /// The editable files become those of the incumbent.
    Scope,
    /// All files do.
    Everything,
}

/// What an outcome makes of the worktree.
pub fn reset(outcome: &Outcome, owner: Owner) -> Reset {
    match outcome {
        outcome if outcome.kept() => Reset::Scope,
        outcome if outcome.takes_back() => Reset::Scope,
        // They edited nothing.
        outcome if outcome.check() => Reset::Nothing,
        _ if owner == Owner::Piton => Reset::Everything,
        Outcome::OutOfScope { .. } => Reset::Nothing,
        outcome if outcome.settles() => Reset::Scope,
        _ => Reset::Nothing,
    }
}

/// What is to be done with a trial that is found in the ledger when nobody is at work on it.
#[derive(Debug, Clone, PartialEq)]
pub enum Rest {
    /// It ends with this outcome: nothing can be said about it.
    End(Outcome),
    /// It was measured to the end: what was found is decided.
    Decide,
    /// Its verdict stands in the ledger: it is carried out.
    Apply,
    /// Nothing.
    Nothing,
}

/// What is to be done with a trial that was left in this state.
pub fn rest(state: State) -> Rest {
    let void = |when: &str| Rest::End(Outcome::Void { reason: format!("piton was ended during {when}") });
    match state {
        State::Proposed => void("the build"),
        State::Built => void("the measurement"),
        State::Measured => Rest::Decide,
        State::Decided => Rest::Apply,
        State::Applied => Rest::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_that_was_reached_is_never_reached_again() {
        for state in State::ALL {
            let ends = matches!(rest(state), Rest::End(_));
            assert_eq!(ends, state < State::Measured, "{state:?}");
        }
    }

    #[test]
    fn a_trial_that_was_ended_says_nothing_about_its_content() {
        let Rest::End(outcome) = rest(State::Built) else { panic!() };
        assert!(!outcome.settles() && !outcome.kept());
        assert_eq!(outcome, Outcome::Void { reason: "piton was ended during the measurement".into() });
    }

    #[test]
    fn what_was_not_judged_stays_in_the_users_worktree_and_goes_from_pitons() {
        for outcome in [
            Outcome::Duplicate { of: 1 },
            Outcome::Alike { of: 1 },
            rest_end(),
            Outcome::OutOfScope { paths: vec![] },
        ] {
            assert_eq!(reset(&outcome, Owner::User), Reset::Nothing, "{outcome:?}");
            assert_eq!(reset(&outcome, Owner::Piton), Reset::Everything, "{outcome:?}");
        }
        assert_eq!(reset(&Outcome::BuildFailed { error: String::new() }, Owner::User), Reset::Scope);
    }

    fn rest_end() -> Outcome {
        Outcome::Void { reason: String::new() }
    }

    #[test]
    fn a_state_survives_the_ledger() {
        assert!(State::ALL.into_iter().all(|state| State::from_word(state.word()) == Some(state)));
    }
}
