//! What a proposer says of its edit: a description, a hypothesis, a family of ideas, and the gain that it expects.
//!
//! It is a claim, kept beside what was measured and never mixed with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest name of a family, in characters.
const FAMILY: usize = 40;
/// Expected gains outside of this are no expectation, in percent.
const SANE: std::ops::RangeInclusive<f64> = -100.0..=100_000.0;

/// A proposer's words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Proposal {
    /// What was tried, in one line.
    pub description: Option<String>,
    /// The rest.
    pub claim: Claim,
}

/// What a proposer expects of its edit, and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Claim {
    /// Why it should help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
    /// The family of ideas that it belongs to: see [`family`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Gain that is expected, in percent, positive when better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_pct: Option<f64>,
}

impl Claim {
    /// From words as they come.
    pub fn new(hypothesis: Option<&str>, name: Option<&str>, expected_pct: Option<f64>) -> Self {
        Self {
            hypothesis: hypothesis.and_then(said),
            family: name.and_then(family),
            expected_pct: expected_pct.filter(|pct| SANE.contains(pct)),
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Proposal {
    /// With a description alone.
    pub fn described(description: Option<String>) -> Self {
        Self { description, claim: Claim::default() }
    }

    /// From a proposal file: a JSON object with `description`, `hypothesis`, `family` and `expected_gain` in percent, each of which may be
    /// missing. `None` where the text is no such object.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        let object = value.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let expected = ["expected_gain", "expected_gain_pct"].iter().find_map(|name| object.get(*name));
        Some(Self {
            description: text("description").and_then(said),
            claim: Claim::new(text("hypothesis"), text("family"), expected.and_then(percent)),
        })
    }
}

/// Text that says something.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number of percent: `3`, `"3"`, `"+3.5 %"`.
fn percent(value: &Value) -> Option<f64> {
    let text = || value.as_str()?.trim().trim_end_matches('%').trim_end().parse().ok();
    value.as_f64().or_else(text).filter(|pct| pct.is_finite())
}

/// The name of a family as it is counted: lower case, `a-z`, `0-9` and `-`, at most 40 characters. `None` where nothing is left.
pub fn family(name: &str) -> Option<String> {
    let mut out = String::new();
    for c in name.chars().take(10 * FAMILY).flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
        if out.len() == FAMILY {
            break;
        }
    }
    said(out.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_same_however_it_is_written() {
        for name in ["Loop Fusion", "loop_fusion", " loop--fusion! ", "LOOP/FUSION"] {
            assert_eq!(family(name).as_deref(), Some("loop-fusion"), "{name}");
        }
        assert_eq!(family("\u{202e}é```\n"), None);
        assert_eq!(family(&"ab ".repeat(99)).unwrap().len(), FAMILY);
    }

    #[test]
    fn an_expectation_may_be_written_as_a_number_or_in_words_and_nonsense_is_none() {
        let expected = |json: &str| {
            Proposal::parse(&format!("{{\"expected_gain\": {json}}}")).unwrap().claim.expected_pct
        };
        assert_eq!(expected("3"), Some(3.0));
        assert_eq!(expected("\"+3.5 %\""), Some(3.5));
        for none in ["\"much\"", "null", "[3]", "1e9", "\"nan\"", "\"inf\"", "-101"] {
            assert_eq!(expected(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_left_out_and_the_rest_is_taken() {
        let proposal = Proposal::parse(
            "{\"description\": 7, \"hypothesis\": \" it fits the cache \", \"family\": \"Cache\"}",
        )
        .unwrap();
        assert_eq!(proposal.description, None);
        assert_eq!(proposal.claim, Claim::new(Some("it fits the cache"), Some("cache"), None));
        for none in ["", "[]", "{", "\"x\"", "7"] {
            assert_eq!(Proposal::parse(none), None, "{none}");
        }
    }
}
