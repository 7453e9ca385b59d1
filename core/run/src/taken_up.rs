//! Which void trial a climb takes up again: its agent's turn was paid for, and nothing was said of its edit.

use std::collections::BTreeSet;

use piton_trial::record::{Outcome, Record};

/// Trials that are looked back over.
pub const LOOKED_BACK: usize = 8;

/// The last of these trials whose edit is to be measured again, once: it was void, and neither measured another one again nor was itself.
/// `passed` are those that did not fit the incumbent.
pub fn take_up(last: &[Record], passed: &BTreeSet<u32>) -> Option<u32> {
    let again: BTreeSet<u32> =
        last.iter().filter_map(|record| record.claimed.again).map(|again| again.trial).collect();
    let due = |record: &&Record| {
        matches!(record.outcome, Outcome::Void { .. })
            && record.again().is_some()
            && record.claimed.again.is_none()
            && record.claimed.accepted.is_none()
            // Two sides of one program are that when they are measured again.
            && record.provenance.sides.as_ref().is_none_or(|sides| sides.one().is_none())
    };
    let due = last.iter().rev().filter(due).map(|record| record.trial);
    due.into_iter().find(|trial| !again.contains(trial) && !passed.contains(trial))
}
