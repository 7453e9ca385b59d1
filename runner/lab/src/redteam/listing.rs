//! What the corpus holds: ideas, and in how many spellings each is tried.

use comfy_table::{Table, presets};
use serde::Serialize;

use super::corpus;
use piton_core::base::error::{Error, Result};

/// The attacks by the idea that they are spellings of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// In the order of the corpus.
    pub kinds: Vec<AttackKind>,
    /// Attacks, without controls.
    pub attacks: usize,
    /// Honest changes, which must end as such changes do.
    pub controls: usize,
}

/// An idea.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttackKind {
    /// In one line.
    pub kind: String,
    /// The names of the attacks that try it, each in another way.
    pub spellings: Vec<String>,
}

/// Every attack that piton knows, whether it applies to an experiment or not.
///
/// # Errors
/// A corpus that is no corpus: never in a binary that has passed its tests.
pub fn listing() -> Result<Listing> {
    let all = corpus::all().map_err(|why| Error::new("the attacks were not listed").cause(why))?;
    let mut listing = Listing { kinds: vec![], attacks: 0, controls: 0 };
    for (attack, _) in all {
        if attack.control {
            listing.controls += 1;
            continue;
        }
        listing.attacks += 1;
        let kind = attack.kind().to_owned();
        match listing.kinds.iter_mut().find(|known| known.kind == kind) {
            Some(known) => known.spellings.push(attack.name),
            None => listing.kinds.push(AttackKind { kind, spellings: vec![attack.name] }),
        }
    }
    Ok(listing)
}

/// The same for people, as Markdown.
pub fn list(listing: &Listing) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["idea", "spellings", "attacks"]);
    for kind in &listing.kinds {
        table.add_row([kind.kind.clone(), kind.spellings.len().to_string(), kind.spellings.join("; ")]);
    }
    format!(
        "{table}\n\n{} attacks by {} ideas, and {} controls\n",
        listing.attacks,
        listing.kinds.len(),
        listing.controls
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_listed_once_under_its_idea() {
        let listing = listing().unwrap();
        let spelled: usize = listing.kinds.iter().map(|kind| kind.spellings.len()).sum();
        assert_eq!(spelled, listing.attacks);
        assert!(listing.attacks > listing.kinds.len() && listing.controls > 0);
        assert!(list(&listing).ends_with(&format!("and {} controls\n", listing.controls)));
    }
}
