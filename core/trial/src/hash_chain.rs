//! The chain through the ledger: every entry carries a hash of itself and of the hash before it.
//!
//! An entry that is changed, taken out, put in or moved breaks the chain at its place. Whoever computes all later hashes
//! anew mends the chain, and then contradicts the commits: each challenger's message names the head of the chain at its time.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// What stands before the first entry.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One thing that the ledger holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number: 1, 2, 3, without a gap.
    pub number: i64,
    /// What it is: `run`, `trial`, `night`, `note`, `guidance`.
    pub kind: String,
    /// The run that it belongs to.
    pub run: String,
    /// Number of the trial, where it is one.
    pub trial: Option<u32>,
    /// Its content, as JSON.
    pub body: String,
    /// SHA-256 of the hash before and of all of the above but the number, hexadecimal.
    pub hash: String,
}

/// The hash of an entry that stands after `before`. The parts cannot run into each other: only the last may hold a line break.
pub fn link(before: &str, kind: &str, run: &str, trial: Option<u32>, body: &str) -> String {
    debug_assert!(!kind.contains('\n') && !run.contains('\n'));
    let trial = trial.map_or_else(|| "-".to_owned(), |trial| trial.to_string());
    let mut hasher = Sha256::new();
    for part in [before, kind, run, &trial] {
        hasher.update(part);
        hasher.update("\n");
    }
    hasher.update(body);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Holds the entries of a chain against each other, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    number: i64,
    before: String,
    /// What is wrong, one line for each place, oldest first.
    pub faults: Vec<String>,
}

impl Check {
    /// Before the first entry.
    pub fn new() -> Self {
        Self { number: 0, before: BEGINNING.to_owned(), faults: vec![] }
    }

    /// Takes in the next entry. Returns the hash that stands before it.
    pub fn take(&mut self, entry: &Entry) -> String {
        let number = self.number + 1;
        let gap = entry.number - number;
        match gap {
            0 => {}
            1 => self.faults.push(format!("entry {number} of the ledger is missing")),
            _ => self
                .faults
                .push(format!("entries {number} to {} of the ledger are missing", entry.number - 1)),
        }
        let hash = link(&self.before, &entry.kind, &entry.run, entry.trial, &entry.body);
        // After a gap nobody knows the hash before.
        if gap == 0 && hash != entry.hash {
            self.faults.push(format!(
                "{} is not what was recorded: it hashes to {}, the chain has {}",
                name(entry),
                short(&hash),
                short(&entry.hash)
            ));
        }
        self.number = entry.number;
        std::mem::replace(&mut self.before, entry.hash.clone())
    }

    /// Number and hash of the last entry.
    pub fn head(&self) -> (i64, &str) {
        (self.number, &self.before)
    }
}

impl Default for Check {
    fn default() -> Self {
        Self::new()
    }
}

/// An entry for people.
pub fn name(entry: &Entry) -> String {
    let what = match entry.trial {
        Some(trial) => format!("trial {trial} of run {}", entry.run),
        None => format!("{} {}", entry.kind, entry.run),
    };
    format!("entry {} of the ledger ({what})", entry.number)
}

/// The first twelve characters of a hash.
pub fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults(entries: &[Entry]) -> Vec<String> {
        let mut check = Check::new();
        entries.iter().for_each(|entry| drop(check.take(entry)));
        check.faults
    }

    fn chain(bodies: &[String]) -> Vec<Entry> {
        let mut before = BEGINNING.to_owned();
        let entry = |(i, body): (usize, &String)| {
            let trial = (i > 0).then_some(i as u32);
            let hash = link(&before, "trial", "r", trial, body);
            before.clone_from(&hash);
            let (kind, run, body) = ("trial".to_owned(), "r".to_owned(), body.clone());
            Entry { number: i as i64 + 1, kind, run, trial, body, hash }
        };
        bodies.iter().enumerate().map(entry).collect()
    }

    proptest! {
        #[test]
        fn a_chain_that_nobody_touched_has_no_fault(bodies in prop::collection::vec(".*", 0..12)) {
            prop_assert!(faults(&chain(&bodies)).is_empty());
        }

        #[test]
        fn whatever_is_done_to_an_entry_shows_at_its_place(
            bodies in prop::collection::vec("[a-z]{1,8}", 2..12), at: prop::sample::Index, how in 0..6, other in "[A-Z]{1,8}"
        ) {
            let mut entries = chain(&bodies);
            let i = at.index(entries.len() - 1);
            match how {
                0 => entries[i].body = other,
                1 => entries[i].run = other,
                2 => entries[i].kind = other,
                3 => entries[i].trial = Some(99),
                4 => entries[i].hash = link(&entries[i].hash, "", "", None, &other),
                _ => drop(entries.remove(i)),
            }
            let found = faults(&entries);
            prop_assert!(!found.is_empty());
            prop_assert!(found[0].contains(&format!("entry {} of", i + 1)), "{:?}", found);
        }

        #[test]
        fn two_entries_that_change_places_show(bodies in prop::collection::vec("[a-z]{9}", 2..12), at: prop::sample::Index) {
            let mut entries = chain(&bodies);
            let i = at.index(entries.len() - 1);
            prop_assume!(entries[i].body != entries[i + 1].body);
            entries.swap(i, i + 1);
            (entries[i].number, entries[i + 1].number) = (i as i64 + 1, i as i64 + 2);
            prop_assert!(!faults(&entries).is_empty());
        }

        #[test]
        fn a_past_that_was_rewritten_whole_has_another_head(bodies in prop::collection::vec("[a-z]{1,8}", 1..12), at: prop::sample::Index) {
            let mut other = bodies.clone();
            other[at.index(bodies.len())].push('!');
            prop_assert!(faults(&chain(&other)).is_empty());
            let head = |bodies: &[String]| chain(bodies).pop().unwrap().hash;
            prop_assert_ne!(head(&bodies), head(&other));
        }
    }
}
