//! How much a record holds of what others wrote: an agent's description, a build's error, a worker's last words.
//!
//! Every start reads all records of a run, and a night has hundreds: a megabyte of somebody's words in each must
//! not become piton's own.

use super::{Outcome, Record};
use crate::changes::Changes;

/// Longest description, in characters.
pub const DESCRIPTION: usize = 2000;
/// Longest reason, in characters.
const REASON: usize = 4000;
/// Longest end of an output, in characters.
const TAIL: usize = 7000;
/// Longest name or value, in characters.
const NAME: usize = 400;
/// Room for the words that say how much was cut, in characters.
const WORDS: usize = 50;
/// Most names in a list.
const NAMES: usize = 500;

impl Record {
    /// The record with every foreign text cut to a length that a ledger can hold many of. What is cut is counted.
    pub fn bounded(mut self) -> Self {
        cut(&mut self.claimed.description, DESCRIPTION);
        self.measured.doubt.iter_mut().for_each(|text| cut(text, REASON));
        self.measured.tail.iter_mut().for_each(|tail| cut(tail, TAIL));
        self.claimed.claim.hypothesis.iter_mut().for_each(|text| cut(text, DESCRIPTION));
        if let Some(agent) = &mut self.claimed.agent {
            cut(&mut agent.name, NAME);
            agent.model.iter_mut().for_each(|model| cut(model, NAME));
        }
        match &mut self.outcome {
            Outcome::BuildFailed { error: text }
            | Outcome::RunFailed { reason: text, .. }
            | Outcome::OutOfMemory { reason: text }
            | Outcome::Regate { why: text, .. }
            | Outcome::Void { reason: text } => cut(text, REASON),
            Outcome::CheckFailed { check, reason, .. } => {
                cut(check, NAME);
                cut(reason, REASON);
            }
            Outcome::OutOfScope { paths } => shorten(paths),
            Outcome::Tampered { what } => shorten(what),
            _ => {}
        }
        for changes in [&mut self.measured.changes, &mut self.measured.since_baseline].into_iter().flatten() {
            bound(changes);
        }
        self
    }
}

fn bound(changes: &mut Changes) {
    changes.constants.truncate(NAMES);
    for constant in &mut changes.constants {
        cut(&mut constant.name, NAME);
        constant.from.iter_mut().chain(&mut constant.to).for_each(|value| cut(value, NAME));
    }
    changes.not_simpler.iter_mut().for_each(|why| cut(why, NAME));
    for list in [
        &mut changes.functions_added,
        &mut changes.functions_removed,
        &mut changes.dependencies_added,
        &mut changes.dependencies_removed,
        &mut changes.leftovers,
        &mut changes.binaries,
        &mut changes.tests_removed,
    ] {
        shorten(list);
    }
}

// Both leave room for what they add themselves, so that what was cut once is not cut again.

fn shorten(list: &mut Vec<String>) {
    list.iter_mut().for_each(|name| cut(name, NAME));
    if list.len() > NAMES + 1 {
        let more = list.len() - NAMES;
        list.truncate(NAMES);
        list.push(format!("and {more} more"));
    }
}

fn cut(text: &mut String, most: usize) {
    if text.chars().nth(most + WORDS).is_some() {
        let at = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
        let more = text[at..].chars().count();
        text.truncate(at);
        text.push_str(&format!("… and {more} more characters"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_says_how_much_is_gone_and_is_cut_once() {
        let mut text = "é".repeat(55);
        cut(&mut text, 5);
        assert_eq!(text, "é".repeat(55), "no shorter with the words that would say so");
        text.push('é');
        cut(&mut text, 5);
        assert_eq!(text, "ééééé… and 51 more characters");
        cut(&mut text, 5);
        assert_eq!(text, "ééééé… and 51 more characters");
    }

    #[test]
    fn a_list_of_a_million_names_becomes_a_short_one_that_says_so() {
        let mut list = vec!["x".repeat(1000); 10_000];
        shorten(&mut list);
        assert_eq!((list.len(), list.last().unwrap().as_str()), (501, "and 9500 more"));
        assert!(list.iter().map(String::len).sum::<usize>() < 500 * 450);
    }
}
