//! How much of an edit was tried before: edits as sets of features, and how many two of them share.
//!
//! A feature is three tokens in a row on one side of one file's diff, so that moved, re-wrapped or re-indented lines are the same
//! edit. Edits that write other numbers are never alike: another value of a constant is another question. The share is Jaccard's, of
//! features in both among features in either; candidates are found by bands of minima (A. Broder, "On the resemblance and
//! containment of documents", 1997), so that 20,000 edits need not be compared.

use std::collections::BTreeSet;

use piton_base::metric::Gain;
use serde::{Deserialize, Serialize};

/// Share from which on two edits are alike.
pub const ALIKE: f64 = 0.8;
/// Tokens of a feature.
const SHINGLE: usize = 3;
/// Bands of minima, and minima in each: at a share of .8 one edit in 5,000 is missed, at .3 one in eight looked at.
const BANDS: u64 = 16;
const ROWS: u64 = 4;
/// Most features that are kept of an edit: those with the smallest hashes, which are a fair sample.
const FEATURES: usize = 1024;
/// Most bytes of lines that are looked at.
const LOOKED_AT: usize = 256 << 10;

/// An earlier trial whose edit is nearly this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Like {
    /// Its number.
    pub trial: u32,
    /// What they share, from 0 to 1.
    pub share: f64,
    /// Whether it was kept.
    pub kept: bool,
    /// How it ended, as one word.
    pub reason: String,
    /// Its gain, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// The file.
    pub path: String,
    /// Whether it was added; else it was removed.
    pub added: bool,
    /// Its text.
    pub text: String,
}

/// An edit as a set of features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditFeatures {
    features: BTreeSet<u64>,
    numbers: u64,
}

impl EditFeatures {
    /// Of the lines of a diff; `None` where they hold nothing that could be compared.
    pub fn of(lines: &[DiffLine]) -> Option<Self> {
        let code: Vec<&DiffLine> = lines.iter().filter(|line| !is_comment(&line.text)).collect();
        let lines = if code.is_empty() { lines.iter().collect() } else { code };
        let mut sides: Vec<((&str, bool), Vec<&str>)> = vec![];
        let mut bytes = 0;
        for line in lines {
            bytes += line.text.len();
            if bytes > LOOKED_AT {
                break;
            }
            let side = (line.path.as_str(), line.added);
            match sides.iter_mut().find(|(known, _)| *known == side) {
                Some((_, tokens)) => tokens.extend(tokens_of(&line.text)),
                None => sides.push((side, tokens_of(&line.text))),
            }
        }
        let mut features = BTreeSet::new();
        for ((path, added), tokens) in &sides {
            let seed = hash(hash(0, path.as_bytes()), &[u8::from(*added)]);
            for shingle in tokens.windows(SHINGLE.min(tokens.len()).max(1)) {
                features.insert(shingle.iter().fold(seed, |sum, token| hash(sum, token.as_bytes())));
            }
        }
        while features.len() > FEATURES {
            features.pop_last();
        }
        // An edit that only removes is told apart by what it removes.
        let adds = sides.iter().any(|((_, added), tokens)| *added && !tokens.is_empty());
        let numbers = sides.iter().filter(|((_, added), _)| *added == adds).flat_map(|(_, tokens)| tokens);
        let numbers = numbers.filter(|token| token.starts_with(|c: char| c.is_ascii_digit()));
        let numbers = numbers.fold(0, |sum, token| hash(sum, token.as_bytes()));
        (!features.is_empty()).then_some(Self { features, numbers })
    }

    /// Keys by which an edit that is alike can be found: it has at least one of them too.
    pub fn keys(&self) -> Vec<i64> {
        let minimum = |row: u64| self.features.iter().map(|f| mix(f ^ mix(row + 1))).min().unwrap_or(0);
        let band = |band: u64| {
            let rows = (0..ROWS).map(|row| minimum(band * ROWS + row));
            rows.fold(mix(self.numbers ^ band), |key, least| mix(key ^ least)) as i64
        };
        (0..BANDS).map(band).collect()
    }

    /// What two edits share, from 0 to 1; 0 where they write other numbers.
    pub fn share(&self, other: &Self) -> f64 {
        if self.numbers != other.numbers {
            return 0.0;
        }
        // Where only the smallest hashes are known, the smallest of both together are a fair sample of both together.
        let either: Vec<&u64> = self.features.union(&other.features).take(FEATURES).collect();
        let both = either.iter().filter(|f| self.features.contains(f) && other.features.contains(f)).count();
        both as f64 / either.len().max(1) as f64
    }

    /// As bytes, for a database.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.numbers].iter().chain(&self.features).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// From [`EditFeatures::to_bytes`]; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight")));
        let numbers = words.next()?;
        Some(Self { numbers, features: words.collect() })
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with("//") || line == "#" || line.starts_with("# ")
}

/// Words, numbers, and every other sign by itself.
fn tokens_of(line: &str) -> Vec<&str> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut rest) = (vec![], line.trim());
    while let Some(first) = rest.chars().next() {
        let number = first.is_ascii_digit();
        let end = if part(first) {
            rest.find(|c| !(part(c) || (number && c == '.'))).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

/// FNV-1a, its sum stirred once more, so that a longer sequence of parts is another hash. Fixed, because it is stored.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    mix(bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// The finaliser of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(added: &str, removed: &str) -> Vec<DiffLine> {
        let side = |text: &str, added| {
            let line = move |text: &str| DiffLine { path: "src/a.rs".into(), added, text: text.to_owned() };
            text.lines().map(line).collect::<Vec<_>>()
        };
        [side(removed, false), side(added, true)].concat()
    }

    fn features(added: &str) -> EditFeatures {
        EditFeatures::of(&lines(added, "let old = 1;")).unwrap()
    }

    const LOOP: &str = "for row in rows.iter() {\n    sum += row.weight * x[row.at];\n    count += 1;\n}";

    #[test]
    fn indentation_wrapping_and_comments_make_no_other_edit() {
        let wrapped =
            "  for row in\n rows.iter() {\n// why\n\n sum +=\n   row.weight * x[row.at]; count += 1; }";
        assert_eq!(features(LOOP).share(&features(wrapped)), 1.0);
    }

    #[test]
    fn another_number_is_another_edit_and_another_name_is_a_little_of_one() {
        assert_eq!(features("const TILE: usize = 64;").share(&features("const TILE: usize = 128;")), 0.0);
        let renamed = features(LOOP).share(&features(&LOOP.replace("count", "seen")));
        assert!((ALIKE..1.0).contains(&renamed), "{renamed}");
        let other = features(LOOP)
            .share(&features("let sums: Vec<f32> = rows.map(|row| row.weight).collect();\ncount += 1;"));
        assert!(other < 0.5, "{other}");
    }

    #[test]
    fn the_same_line_in_another_file_is_another_edit() {
        let mut elsewhere = lines(LOOP, "");
        elsewhere.iter_mut().for_each(|line| line.path = "src/b.rs".into());
        let share = EditFeatures::of(&lines(LOOP, "")).unwrap().share(&EditFeatures::of(&elsewhere).unwrap());
        assert_eq!(share, 0.0);
    }

    #[test]
    fn what_adds_and_what_takes_away_are_not_alike_and_nothing_is_no_edit() {
        let (adds, removes) =
            (EditFeatures::of(&lines(LOOP, "")).unwrap(), EditFeatures::of(&lines("", LOOP)).unwrap());
        assert_eq!(adds.share(&removes), 0.0);
        assert_eq!(EditFeatures::of(&[]), None);
        assert_eq!(EditFeatures::of(&lines("\n  \n", "")), None);
    }

    #[test]
    fn an_edit_of_a_megabyte_has_a_bounded_shape_that_still_knows_itself() {
        let text: String = (0..20_000).map(|i| format!("call_{i}(left, right);\n")).collect();
        let (one, nearly) = (features(&text), features(&text.replace("call_77(", "call_seventy(")));
        assert!(one.to_bytes().len() <= 8 * (FEATURES + 1));
        assert!(one.share(&nearly) > 0.95);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic_and_a_shape_survives_its_bytes(added in ".{0,200}", removed in ".{0,80}") {
            if let Some(features) = EditFeatures::of(&lines(&added, &removed)) {
                prop_assert_eq!(features.share(&features), 1.0);
                prop_assert_eq!(EditFeatures::from_bytes(&features.to_bytes()).unwrap(), features);
            }
        }

        #[test]
        fn of_edits_that_are_alike_one_key_is_the_same(words in prop::collection::vec("[a-z]{1,6}", 40..80), at: prop::sample::Index) {
            let mut other = words.clone();
            other[at.index(words.len())] = "another".into();
            let (one, two) = (features(&words.join(" ")), features(&other.join(" ")));
            prop_assert!(one.share(&two) >= ALIKE, "{}", one.share(&two));
            prop_assert!(one.keys().iter().zip(two.keys()).any(|(a, b)| *a == b));
        }
    }
}
