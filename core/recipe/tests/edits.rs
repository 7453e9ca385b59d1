//! Properties of an edit, over documents that nobody thought of: asked for twice it is done once, and what is not owned stays byte by byte.

use piton_recipe::KnobValue;
use piton_recipe::edit::{FileFormat, OwnedKey, edit};
use proptest::prelude::*;
use proptest::sample::select;

const FORMATS: [FileFormat; 4] = [FileFormat::Yaml, FileFormat::Toml, FileFormat::Json, FileFormat::Env];

/// A value that a file may hold, in the spellings that the format has for it.
fn spelled(format: FileFormat) -> impl Strategy<Value = String> {
    let all: &[&str] = match format {
        FileFormat::Yaml => &[
            "1",
            "-0.5",
            "text",
            "'it''s # no comment'",
            "\"a: \\\"b\\\"\"",
            "true",
            "~",
            "",
            "2026-11-26",
            "[1, {a: b}]",
        ],
        FileFormat::Toml => &[
            "1",
            "-0.5",
            "'te # xt'",
            "\"a = \\\"b\\\"\"",
            "true",
            "2026-11-26",
            "[1, { a = \"}\" }]",
            "\"\"\"two\nlines\"\"\"",
        ],
        FileFormat::Json => {
            &["1", "-0.5", "\"te // xt\"", "\"a\\u00e9\\\"\"", "true", "null", "[1, {\"a\": \"}\"}]"]
        }
        FileFormat::Env => &["1", "-0.5", "text", "'te # xt'", "\"a = b\"", "true", ""],
    };
    select(all).prop_map(str::to_owned)
}

/// Those that an edit may replace.
fn single(format: FileFormat) -> impl Strategy<Value = String> {
    spelled(format).prop_filter("more than one value", |value| !value.contains(['[', '{']))
}

fn remark(format: FileFormat) -> impl Strategy<Value = String> {
    let sign = if format == FileFormat::Json { "//" } else { "#" };
    "[ a-zé:,{}=\"']{0,12}".prop_map(move |text| format!("{sign} {text}"))
}

/// What a file is made of: an entry that is not owned, one that is, or lines that say nothing.
#[derive(Debug, Clone)]
enum Piece {
    Foreign { value: String, remark: Option<String> },
    Owned { value: String, remark: Option<String> },
    Lines(String),
}

fn pieces(format: FileFormat) -> impl Strategy<Value = Vec<Piece>> {
    // A comment behind a value is part of the value in a file of variables.
    let behind = move || {
        proptest::option::of(remark(format))
            .prop_map(move |found| found.filter(|_| format != FileFormat::Env))
    };
    let foreign = (spelled(format), behind()).prop_map(|(value, remark)| Piece::Foreign { value, remark });
    let owned = (single(format), behind()).prop_map(|(value, remark)| Piece::Owned { value, remark });
    let lines = prop_oneof![remark(format), Just(String::new())].prop_map(Piece::Lines);
    proptest::collection::vec(prop_oneof![foreign, owned, lines], 1..8)
}

/// The text of the pieces, with other values of the owned keys where they are given; and the names of those.
fn text(format: FileFormat, pieces: &[Piece], others: Option<&[String]>) -> (String, Vec<String>) {
    let (mut lines, mut owned) = (vec![], vec![]);
    let last = pieces.iter().rposition(|piece| !matches!(piece, Piece::Lines(_)));
    for (number, piece) in pieces.iter().enumerate() {
        let (name, value, remark) = match piece {
            Piece::Lines(line) => {
                lines.push(line.clone());
                continue;
            }
            Piece::Foreign { value, remark } => (format!("foreign_{number}"), value.clone(), remark),
            Piece::Owned { value, remark } => {
                let other = others.map(|others| others[owned.len()].clone());
                owned.push(format!("owned_{number}"));
                (format!("owned_{number}"), other.unwrap_or_else(|| value.clone()), remark)
            }
        };
        let comma = if Some(number) == last { "" } else { "," };
        let entry = match format {
            FileFormat::Yaml => format!("{name}: {value}").trim_end().to_owned(),
            FileFormat::Toml => format!("{name} = {value}"),
            FileFormat::Json => format!("  \"{name}\": {value}{comma}"),
            FileFormat::Env => format!("{name}={value}"),
        };
        lines.push(entry + &remark.as_ref().map(|remark| format!("  {remark}")).unwrap_or_default());
    }
    let body = lines.join("\n") + "\n";
    (if format == FileFormat::Json { format!("{{\n{body}}}\n") } else { body }, owned)
}

fn wanted() -> impl Strategy<Value = KnobValue> {
    prop_oneof![
        Just(KnobValue::Unset),
        any::<bool>().prop_map(KnobValue::Switch),
        (-KnobValue::MOST..=KnobValue::MOST).prop_map(KnobValue::Integer),
        any::<f64>().prop_filter("no number", |real| real.is_finite()).prop_map(KnobValue::Real),
        "[ -~é\n\u{85}]{0,12}".prop_map(KnobValue::Text),
        "[a-z]{1,5}".prop_map(KnobValue::Text),
    ]
}

fn keys(names: &[String], values: &[KnobValue]) -> Vec<OwnedKey> {
    let pairs = names.iter().zip(values.iter().cycle());
    pairs.map(|(name, value)| OwnedKey { path: vec![name.clone()], value: value.clone() }).collect()
}

fn document() -> impl Strategy<Value = (FileFormat, Vec<Piece>)> {
    select(&FORMATS[..]).prop_flat_map(|format| (Just(format), pieces(format)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applied_twice_is_applied_once(
        (format, pieces) in document(),
        values in proptest::collection::vec(wanted(), 1..5),
        added in proptest::bool::ANY,
    ) {
        let (text, mut names) = text(format, &pieces, None);
        names.extend(added.then(|| "added".to_owned()));
        let owned = keys(&names, &values);
        if let Ok(once) = edit(format, &text, &owned) {
            let twice = edit(format, &once.text, &owned).unwrap();
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(twice.changes.is_empty());
        } else {
            // What has more than one spelling in a file of variables is all that is refused here.
            prop_assert_eq!(format, FileFormat::Env);
        }
    }

    #[test]
    fn no_byte_outside_of_an_owned_value_changes(
        (format, pieces) in document(),
        values in proptest::collection::vec(wanted(), 1..5),
    ) {
        let (before, names) = text(format, &pieces, None);
        let values: Vec<KnobValue> = values.into_iter().filter(|value| *value != KnobValue::Unset).collect();
        prop_assume!(!values.is_empty());
        let owned = keys(&names, &values);
        if let Ok(edited) = edit(format, &before, &owned) {
            let mut spelled: Vec<String> = pieces.iter().filter_map(|piece| match piece {
                Piece::Owned { value, .. } => Some(value.clone()),
                _ => None,
            }).collect();
            for change in &edited.changes {
                let number = names.iter().position(|name| *name == change.key).unwrap();
                spelled[number] = change.to.clone().unwrap();
            }
            prop_assert_eq!(edited.text, text(format, &pieces, Some(&spelled)).0);
        }
    }

    #[test]
    fn what_is_added_and_what_is_left_out_leaves_every_other_line(
        (format, pieces) in document(),
        value in wanted(),
    ) {
        let (before, names) = text(format, &pieces, None);
        let mut owned = keys(&names, &[KnobValue::Unset]);
        owned.push(OwnedKey { path: vec!["added".into()], value });
        if let Ok(edited) = edit(format, &before, &owned) {
            let mut rest = edited.text.as_str();
            for (number, piece) in pieces.iter().enumerate() {
                let (name, value, remark) = match piece {
                    Piece::Lines(line) => (String::new(), line.clone(), &None),
                    Piece::Foreign { value, remark } => (format!("foreign_{number}"), value.clone(), remark),
                    Piece::Owned { remark, .. } => (String::new(), String::new(), remark),
                };
                for part in [name, value, remark.clone().unwrap_or_default()] {
                    let at = rest.find(&part);
                    prop_assert!(at.is_some(), "{part:?} of {before:?} is gone from {:?}", edited.text);
                    rest = &rest[at.unwrap() + part.len()..];
                }
            }
            // What says that there is nothing is let stand.
            let left = edited.text.lines().filter(|line| line.contains("owned_"));
            let nothing = |line: &str| line.contains("null") || line.contains('~') || line.split('#').next().unwrap().trim().ends_with(':');
            prop_assert!(left.clone().all(nothing), "{:?}", edited.text);
        }
    }

    #[test]
    fn any_text_is_edited_or_refused(text in "([ \n\t:#={}\\[\\],\"'a-c|>&*!?/.~-]|é|\r\n){0,40}", value in wanted()) {
        for format in FORMATS {
            let owned = [OwnedKey { path: vec!["a".into()], value: value.clone() }, OwnedKey { path: vec!["b".into(), "c".into()], value: value.clone() }];
            for owned in [&owned[..1], &owned[1..], &owned[..]] {
                if let Ok(once) = edit(format, &text, owned) {
                    prop_assert_eq!(edit(format, &once.text, owned).unwrap().text, once.text);
                }
            }
        }
    }
}
