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

/// A file, and how it is laid out.
#[derive(Debug, Clone)]
struct Document {
    format: FileFormat,
    pieces: Vec<Piece>,
    /// In a table, which another follows, and not at the top.
    nested: bool,
    /// With the line ends of DOS.
    dos: bool,
}

fn document() -> impl Strategy<Value = Document> {
    let parts = |format| (Just(format), pieces(format), any::<bool>(), any::<bool>());
    select(&FORMATS[..]).prop_flat_map(parts).prop_map(|(format, pieces, nested, dos)| Document {
        format,
        pieces,
        nested: nested && format != FileFormat::Env,
        dos,
    })
}

impl Document {
    /// The text, with other values of the owned keys where they are given; and the names of those.
    fn text(&self, others: Option<&[String]>) -> (String, Vec<String>) {
        let (mut lines, mut owned) = (vec![], vec![]);
        let last = self.pieces.iter().rposition(|piece| !matches!(piece, Piece::Lines(_)));
        for (number, piece) in self.pieces.iter().enumerate() {
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
            let indent = if self.nested && self.format == FileFormat::Yaml { "   " } else { "" };
            let entry = match self.format {
                FileFormat::Yaml => format!("{indent}{name}: {value}").trim_end().to_owned(),
                FileFormat::Toml => format!("{name} = {value}"),
                FileFormat::Json => format!("  \"{name}\": {value}{comma}"),
                FileFormat::Env => format!("{name}={value}"),
            };
            lines.push(entry + &remark.as_ref().map(|remark| format!("  {remark}")).unwrap_or_default());
        }
        let body = lines.join("\n") + "\n";
        let text = match (self.format, self.nested) {
            (FileFormat::Json, true) => format!("{{\"server\": {{\n{body}}},\n\"after\": {{}}}}\n"),
            (FileFormat::Json, false) => format!("{{\n{body}}}\n"),
            (FileFormat::Yaml, true) => format!("server:\n{body}after: [1]\n"),
            (FileFormat::Toml, true) => format!("before = 1\n[server]\n{body}[after]\n"),
            _ => body,
        };
        (if self.dos { text.replace('\n', "\r\n") } else { text }, owned)
    }

    fn keys(&self, names: &[String], values: &[KnobValue]) -> Vec<OwnedKey> {
        let pairs = names.iter().zip(values.iter().cycle());
        let table = self.nested.then(|| "server".to_owned());
        let path = |name: &String| table.iter().chain([name]).cloned().collect();
        pairs.map(|(name, value)| OwnedKey { path: path(name), value: value.clone() }).collect()
    }
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applied_twice_is_applied_once(
        document in document(),
        values in proptest::collection::vec(wanted(), 1..5),
        added in proptest::bool::ANY,
    ) {
        let (text, mut names) = document.text(None);
        let format = document.format;
        names.extend(added.then(|| "added".to_owned()));
        let owned = document.keys(&names, &values);
        if let Ok(once) = edit(format, &text, &owned) {
            let twice = edit(format, &once.text, &owned).unwrap();
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(twice.changes.is_empty());
        } else {
            // Refused is a value that readers of variables would not agree on, and a table of YAML that is empty without its keys.
            prop_assert!(format == FileFormat::Env || format == FileFormat::Yaml && document.nested);
        }
    }

    #[test]
    fn no_byte_outside_of_an_owned_value_changes(
        document in document(),
        values in proptest::collection::vec(wanted(), 1..5),
    ) {
        let (before, names) = document.text(None);
        let Document { format, pieces, .. } = document.clone();
        let values: Vec<KnobValue> = values.into_iter().filter(|value| *value != KnobValue::Unset).collect();
        prop_assume!(!values.is_empty());
        let owned = document.keys(&names, &values);
        if let Ok(edited) = edit(format, &before, &owned) {
            let mut spelled: Vec<String> = pieces.iter().filter_map(|piece| match piece {
                Piece::Owned { value, .. } => Some(value.clone()),
                _ => None,
            }).collect();
            for change in &edited.changes {
                let number = names.iter().position(|name| change.key.ends_with(name)).unwrap();
                spelled[number] = change.to.clone().unwrap();
            }
            prop_assert_eq!(edited.text, document.text(Some(&spelled)).0);
        }
    }

    #[test]
    fn what_is_added_and_what_is_left_out_leaves_every_other_line(
        document in document(),
        value in wanted(),
    ) {
        let (before, names) = document.text(None);
        let Document { format, pieces, .. } = document.clone();
        let mut owned = document.keys(&names, &[KnobValue::Unset]);
        owned.extend(document.keys(&["added".to_owned()], &[value]));
        if let Ok(edited) = edit(format, &before, &owned) {
            let unix = edited.text.replace("\r\n", "\n");
            let ends = edited.text.matches('\n').count() - edited.text.matches("\r\n").count();
            prop_assert!(!document.dos || ends == 0, "{:?}", edited.text);
            let mut rest = unix.as_str();
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
