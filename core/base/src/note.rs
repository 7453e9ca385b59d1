//! Ideas and guidance that somebody left for later proposals.

use serde::{Deserialize, Serialize};

/// Longest text of a note, in characters.
pub const LONGEST: usize = 4000;

/// A note on a run: an entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The run.
    pub run: String,
    /// When it was left, UTC, RFC 3339.
    pub at: String,
    /// Who left it, in their own words; what came from within the walls begins with `agent`.
    pub by: String,
    /// What it says.
    pub text: String,
    /// Whether it is the human's guidance, which stands until the next one; empty where it was withdrawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guidance: bool,
}

/// `text` as a note holds it: without white space at its ends, at most [`LONGEST`] characters. `None` where nothing is left.
pub fn text(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

/// Who left a note: from within the walls it is an agent, whatever it calls itself.
pub fn author(by: Option<&str>, inside: bool) -> String {
    let by = by.map(|by| by.trim().chars().take(80).collect::<String>()).filter(|by| !by.is_empty());
    match (by, inside) {
        (Some(by), true) if by != "agent" => format!("agent {by}"),
        (_, true) => "agent".to_owned(),
        (Some(by), false) => by,
        (None, false) => "human".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_within_the_walls_cannot_sign_as_a_human() {
        assert_eq!(author(Some("human"), true), "agent human");
        assert_eq!(author(None, true), "agent");
        assert_eq!(author(Some("  "), false), "human");
        assert_eq!(author(Some("nadia"), false), "nadia");
    }

    #[test]
    fn a_note_is_bounded_and_an_empty_one_is_none() {
        assert_eq!(text(" \n\t"), None);
        assert_eq!(text(&"é".repeat(9000)).unwrap().chars().count(), LONGEST);
    }
}
