//! What a recipe is, what it comes to as arguments of a server, and how two of them differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

/// What stands for "the server's own default" wherever a recipe is written: the knob's flag is left out.
const UNSET: &str = "unset";

/// Where a flag has this, the value is put there, and flag and value are one argument.
const VALUE: &str = "{value}";

/// What a knob is set to.
#[derive(Debug, Clone, PartialEq)]
pub enum KnobValue {
    /// Nothing: the server decides. `null` in JSON, `"unset"` where a person reads it, no key in a configuration file.
    Unset,
    /// A text.
    Text(String),
    /// A whole number, at most 2^53 - 1 in size: more is not exact in JSON.
    Integer(i64),
    /// Another number, finite.
    Real(f64),
    /// A switch. As a flag: the flag alone where it is on, none where it is off.
    Switch(bool),
}

impl KnobValue {
    /// Largest whole number that every reader of JSON reads as it stands. Source: RFC 7493, section 2.2.
    pub const MOST: i64 = (1 << 53) - 1;

    /// Whether every reader of JSON reads this number as it stands.
    pub(crate) fn is_exact(whole: i64) -> bool {
        whole.unsigned_abs() <= Self::MOST.unsigned_abs()
    }

    /// The value that a word of a command line or a list of `piton.toml` names: `unset`, a number, `true`, `false`, else a text.
    pub fn of_word(word: &str) -> Self {
        let real = || {
            word.parse()
                .ok()
                .filter(|real: &f64| real.is_finite() && word.ends_with(|c: char| c.is_ascii_digit()))
        };
        match word {
            UNSET => Self::Unset,
            "true" => Self::Switch(true),
            "false" => Self::Switch(false),
            _ => match word.parse() {
                Ok(whole) if Self::is_exact(whole) => Self::Integer(whole),
                // A whole number that is too large stays what it is: rounding it would be another setting.
                Ok(_) => Self::Text(word.to_owned()),
                Err(_) => real().map_or_else(|| Self::Text(word.to_owned()), Self::Real),
            },
        }
    }
}

/// As a person and a command line read it.
impl fmt::Display for KnobValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str(UNSET),
            Self::Text(text) => f.write_str(text),
            Self::Integer(whole) => write!(f, "{whole}"),
            Self::Real(real) => f.write_str(&crate::spelled::real(*real)),
            Self::Switch(on) => write!(f, "{on}"),
        }
    }
}

impl Serialize for KnobValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unset => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(whole) => serializer.serialize_i64(*whole),
            Self::Real(real) => serializer.serialize_f64(*real),
            Self::Switch(on) => serializer.serialize_bool(*on),
        }
    }
}

/// The model that a server is started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// What it is called; the hash is of this.
    pub name: String,
    /// Where it lies, as the server is told; absent where the server finds it by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The machine on which a recipe was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its processor, as it calls itself.
    pub chip: String,
    /// Its memory, in units of 2^30 bytes.
    pub ram_gb: u64,
    /// The server's version.
    pub binary_version: String,
}

/// What the sweep that found a recipe was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inputs {
    /// The context that had to fit, in tokens.
    pub target_context: u64,
    /// Names of the models that were to be tried, in that order.
    pub candidate_models: Vec<String>,
}

/// A model, a value for each knob, and, where they are known, the flags that the knobs become and where the recipe comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The model.
    pub model: Model,
    /// What each knob is set to, by its name.
    pub knobs: BTreeMap<String, KnobValue>,
    /// The flags that a knob becomes, by its name; a knob without any is for configuration files only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, Vec<String>>,
    /// The machine on which it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// What the sweep was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
}

/// One thing in which two recipes differ; absent is what one of them does not name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `model`, `model.path`, or the knob's name.
    pub name: String,
    /// In the one.
    pub one: Option<String>,
    /// In the other.
    pub other: Option<String>,
}

impl Recipe {
    /// A recipe of this model that names no knob.
    pub fn of(model: Model) -> Self {
        Self { model, knobs: BTreeMap::new(), flags: BTreeMap::new(), machine: None, inputs: None }
    }

    /// The arguments that the knobs become, knob by knob in the order of their names.
    ///
    /// A knob that is unset, or off, becomes none; one that is on becomes its flags alone; any other becomes each of its flags, followed by
    /// the value. A flag that has `{value}` in it becomes one argument with the value in its place, also where the knob is on or off.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![];
        for (name, value) in &self.knobs {
            for flag in self.flags.get(name).into_iter().flatten() {
                match value {
                    KnobValue::Unset => {}
                    value if flag.contains(VALUE) => arguments.push(flag.replace(VALUE, &value.to_string())),
                    KnobValue::Switch(on) => arguments.extend(on.then(|| flag.clone())),
                    value => arguments.extend([flag.clone(), value.to_string()]),
                }
            }
        }
        arguments
    }

    /// What the recipe says of a name of `--keys`: a knob, `model` (its name) or `model.path`. Absent where it names no such knob.
    pub fn value_of(&self, name: &str) -> Option<KnobValue> {
        match name {
            "model" => Some(KnobValue::Text(self.model.name.clone())),
            "model.path" => self.model.path.clone().map(KnobValue::Text),
            knob => self.knobs.get(knob).cloned(),
        }
    }

    /// In what two recipes differ as settings: model, its path, knobs. A knob that one does not name is not the same as one that is unset.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let names = self.knobs.keys().chain(other.knobs.keys()).map(String::as_str).collect::<BTreeSet<_>>();
        let both = |name: &str| [self, other].map(|recipe| recipe.value_of(name));
        let all = ["model", "model.path"].into_iter().chain(names);
        all.filter_map(|name| {
            let [one, other] = both(name);
            let word = |value: Option<KnobValue>| value.map(|value| value.to_string());
            (one != other).then(|| Difference { name: name.to_owned(), one: word(one), other: word(other) })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(knobs: &[(&str, KnobValue)]) -> Recipe {
        let mut recipe = Recipe::of(Model { name: "7B".into(), path: Some("/m/7b.gguf".into()) });
        recipe.knobs = knobs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        recipe
    }

    #[test]
    fn a_knob_becomes_its_flags_with_its_value_and_one_that_is_unset_or_off_none() {
        let mut recipe = recipe(&[
            ("cache", KnobValue::Text("q8_0".into())),
            ("metrics", KnobValue::Switch(true)),
            ("nothing", KnobValue::Switch(false)),
            ("p", KnobValue::Real(0.72)),
            ("threads", KnobValue::Unset),
            ("unknown", KnobValue::Integer(1)),
        ]);
        let flags = [
            ("cache", vec!["--cache-type-k", "--cache-type-v"]),
            ("metrics", vec!["--metrics"]),
            ("nothing", vec!["--nothing"]),
            ("p", vec!["--p={value}"]),
            ("threads", vec!["-t"]),
        ];
        recipe.flags = flags
            .map(|(name, flags)| (name.to_owned(), flags.into_iter().map(str::to_owned).collect()))
            .into();
        let expected = ["--cache-type-k", "q8_0", "--cache-type-v", "q8_0", "--metrics", "--p=0.72"];
        assert_eq!(recipe.arguments(), expected);
    }

    #[test]
    fn a_word_is_the_value_that_it_looks_like() {
        for (word, value) in [
            ("unset", KnobValue::Unset),
            ("8", KnobValue::Integer(8)),
            ("-1", KnobValue::Integer(-1)),
            (".5", KnobValue::Real(0.5)),
            ("1e-3", KnobValue::Real(0.001)),
            ("true", KnobValue::Switch(true)),
            ("q8_0", KnobValue::Text("q8_0".into())),
            ("inf", KnobValue::Text("inf".into())),
            ("9007199254740993", KnobValue::Text("9007199254740993".into())),
        ] {
            assert_eq!(KnobValue::of_word(word), value, "{word}");
        }
    }

    #[test]
    fn two_recipes_differ_in_what_they_set_and_in_nothing_else() {
        let one = recipe(&[("kv", KnobValue::Unset), ("ub", KnobValue::Integer(32))]);
        let mut other = recipe(&[("kv", KnobValue::Integer(8)), ("ub", KnobValue::Integer(32))]);
        other.inputs = Some(Inputs { target_context: 1, candidate_models: vec![] });
        let found = one.differences(&other);
        assert_eq!(
            found,
            [Difference { name: "kv".into(), one: Some("unset".into()), other: Some("8".into()) }]
        );
        assert!(one.differences(&one).is_empty());
        assert_eq!(recipe(&[]).differences(&one).len(), 2);
    }
}
