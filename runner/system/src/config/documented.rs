//! Every key that is read has its line in `docs/piton-toml.md`, and no other has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::{
    Build, CheckCommand, Config, Gate, Guard, Holdout, Knob, Limits, Measure, Metric, Scope, Search,
};
use super::{SecondaryMetric, Settings, TradeOff, sweep};

const DOCUMENT: &str = include_str!("../../../../docs/piton-toml.md");

/// The keys of a structure, for whoever asks a deserializer for one.
#[derive(Debug)]
struct Keys(&'static [&'static str]);

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Keys {}

impl de::Error for Keys {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

struct KeyCollector;

impl<'de> Deserializer<'de> for KeyCollector {
    type Error = Keys;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Keys> {
        panic!("it is no structure")
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Keys> {
        Err(Keys(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn keys<T: Deserialize<'static> + fmt::Debug>() -> BTreeSet<&'static str> {
    T::deserialize(KeyCollector).unwrap_err().0.iter().copied().collect()
}

/// The keys of each table of the document; its tables of anything else have no names between backticks in their first column.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut tables = BTreeMap::new();
    for section in DOCUMENT.split("\n## ").skip(1) {
        let (heading, rows) = section.split_once('\n').unwrap();
        let keys: BTreeSet<&str> =
            rows.lines().filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0)).collect();
        let mut named =
            heading.split('[').skip(1).filter_map(|rest| Some(rest.split_once(']')?.0)).peekable();
        if named.peek().is_none() {
            tables.insert("", keys.clone());
        }
        named.filter(|name| !name.is_empty()).for_each(|name| {
            tables.insert(name, keys.clone());
        });
    }
    tables
}

#[test]
fn every_key_that_is_read_has_its_line_and_no_other_has() {
    let mut read: BTreeMap<&str, BTreeSet<&str>> = [
        ("metric", keys::<Metric>()),
        ("scope", keys::<Scope>()),
        ("harness", keys::<Build>()),
        ("build", keys::<Build>()),
        ("measure", keys::<Measure>()),
        ("check", keys::<CheckCommand>()),
        ("holdout", keys::<Holdout>()),
        ("rule", keys::<Settings>()),
        ("search", keys::<Search>()),
        ("second", keys::<SecondaryMetric>()),
        ("guard", keys::<Guard>()),
        ("machine", keys::<Limits>()),
        ("gate", keys::<Gate>()),
        ("knob", keys::<Knob>()),
        ("trade_off", keys::<TradeOff>()),
        ("server", keys::<sweep::Server>()),
        ("load", keys::<sweep::Load>()),
        ("feasible", keys::<sweep::Feasible>()),
        ("model", keys::<sweep::Model>()),
        ("sweep", keys::<sweep::Sweep>()),
        ("apply", keys::<sweep::Apply>()),
        ("service", keys::<sweep::Service>()),
    ]
    .into();
    // `noise` is what `machine` was called.
    let top = keys::<Config>().into_iter().map(|name| if name == "noise" { "machine" } else { name });
    let (tables, plain): (BTreeSet<&str>, BTreeSet<&str>) = top.partition(|name| read.contains_key(name));
    assert_eq!(tables, read.keys().copied().collect());
    read.insert("", plain);
    assert_eq!(documented(), read);
    // The schema is made from the document: what an editor offers is what is read.
    let schema = super::schema::schema();
    let keys = |of: &serde_json::Value| -> BTreeSet<String> {
        of["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let named = |keys: &BTreeSet<&str>| -> BTreeSet<String> { keys.iter().map(|&key| key.into()).collect() };
    for (table, read) in read.iter().filter(|(table, _)| !table.is_empty()) {
        let of = &schema["properties"][table];
        // One table by itself, or several.
        let of = if of["type"].is_null() { &of["anyOf"][0] } else { of };
        assert_eq!(keys(if of["type"] == "array" { &of["items"] } else { of }), named(read), "{table}");
    }
    let top = read[""].iter().chain(read.keys()).copied().filter(|name| !name.is_empty());
    assert_eq!(keys(&schema), named(&top.chain(["noise"]).collect()));
}
