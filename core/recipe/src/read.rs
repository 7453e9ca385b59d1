//! How a recipe is read, and what a bad one is told: the line, what is wrong there, what would be right.
//!
//! TOML is what people and agents write; JSON is what is exported, by piton (the same names) and by others who keep to SPEC-013 (a report
//! with `recommendation`, or the object that the hash is of).

use std::collections::{BTreeMap, BTreeSet};

use piton_base::error::{Error, Result};

use crate::recipe::{Inputs, KnobValue, Machine, Model, Recipe};
use crate::tree::{Entry, Map, Node, NodeValue, Refusal, Scalar, json, toml};

/// Largest recipe that is read, in bytes.
const MOST: usize = 1 << 20;

/// Names that are not a knob's: they are the model's.
const TAKEN: [&str; 2] = ["model", "model.path"];

type Read<T> = std::result::Result<T, Refusal>;

impl Recipe {
    /// Reads a recipe: JSON where the text begins with a brace, else TOML. `name` is what the text is called in errors.
    ///
    /// # Errors
    /// No recipe: the line, and why.
    pub fn read(text: &str, name: &str) -> Result<Self> {
        match text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            true => Self::from_json(text, name),
            false => Self::from_toml(text, name),
        }
    }

    /// Reads `recipe.toml`.
    ///
    /// # Errors
    /// No recipe: the line, and why.
    pub fn from_toml(text: &str, name: &str) -> Result<Self> {
        explained(text, name, |text| {
            let root = toml::parse(text)?;
            whole(&Source { text }, root.map().ok_or_else(|| Refusal::whole("it is no table"))?)
        })
    }

    /// Reads a recipe that was exported as JSON, or a report that recommends one.
    ///
    /// # Errors
    /// No recipe, or a report that recommends none: the line, and why.
    pub fn from_json(text: &str, name: &str) -> Result<Self> {
        explained(text, name, |text| {
            let root = json::parse(text)?;
            let (source, Some(map)) = (Source { text }, root.map()) else {
                return Err(Refusal::whole("it is no object"));
            };
            match (map.get("recommendation"), map.get("chip").or(map.get("binary_version"))) {
                (Some(recommended), _) => reported(&source, map, recommended),
                (None, Some(_)) => hashed(&source, map),
                (None, None) => whole(&source, map),
            }
        })
    }
}

fn explained(text: &str, name: &str, read: impl Fn(&str) -> Read<Recipe>) -> Result<Recipe> {
    if text.len() > MOST {
        return Err(
            Error::usage(format!("{name} was not read")).cause(format!("it has more than {MOST} bytes"))
        );
    }
    read(text.trim_start_matches('\u{feff}')).map_err(|refusal| {
        Error::usage(format!("{name} is no recipe")).cause(refusal).note("nothing was changed").hint(
            "a recipe has [model] with name, and [knobs] with a text, a number, true, false or \"unset\" for each",
        )
    })
}

impl Map {
    fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// What is read, for the lines.
struct Source<'a> {
    text: &'a str,
}

/// The form that piton writes.
fn whole(source: &Source<'_>, map: &Map) -> Read<Recipe> {
    // A hash that came with an export is computed anew; it is read so that the export can be.
    source.known(map, &["model", "knobs", "flags", "machine", "inputs", "recipe_hash"], "a recipe")?;
    let mut recipe = Recipe::of(source.model(source.entry(map, "model", "the recipe")?)?);
    if let Some(knobs) = map.get("knobs") {
        recipe.knobs = source.knobs(knobs)?;
    }
    if let Some(flags) = map.get("flags") {
        recipe.flags = source.flags(flags, &recipe.knobs)?;
    }
    if let Some(entry) = map.get("machine") {
        let machine = source.table(entry)?;
        source.known(machine, &["chip", "ram_gb", "binary_version"], "[machine]")?;
        recipe.machine = Some(source.machine(machine)?);
    }
    if let Some(entry) = map.get("inputs") {
        let inputs = source.table(entry)?;
        source.known(inputs, &["target_context", "candidate_models"], "[inputs]")?;
        recipe.inputs = Some(source.inputs(inputs)?);
    }
    Ok(recipe)
}

/// The object that the hash is of.
fn hashed(source: &Source<'_>, map: &Map) -> Read<Recipe> {
    let known = ["binary_version", "candidate_models", "chip", "knobs", "model", "ram_gb", "target_context"];
    source.known(map, &known, "what a recipe's hash is of")?;
    let mut recipe = Recipe::of(source.model(source.entry(map, "model", "the recipe")?)?);
    recipe.knobs = source.knobs(source.entry(map, "knobs", "the recipe")?)?;
    recipe.machine = Some(source.machine(map)?);
    recipe.inputs = Some(source.inputs(map)?);
    Ok(recipe)
}

/// A report with a recommendation. What else it says is not asked.
fn reported(source: &Source<'_>, map: &Map, recommended: &Entry) -> Read<Recipe> {
    if matches!(recommended.node.value, NodeValue::Scalar(Scalar::Null)) {
        return Err(source.at(recommended, "the report recommends nothing"));
    }
    let found = source.table(recommended)?;
    let mut recipe = Recipe::of(source.model(source.entry(found, "model", "the recommendation")?)?);
    recipe.knobs = source.knobs(source.entry(found, "knobs", "the recommendation")?)?;
    recipe.machine = Some(source.machine(source.table(source.entry(map, "machine", "the report")?)?)?);
    recipe.inputs = Some(source.inputs(source.table(source.entry(map, "inputs", "the report")?)?)?);
    Ok(recipe)
}

impl Source<'_> {
    fn at(&self, entry: &Entry, why: impl Into<String>) -> Refusal {
        Refusal::at(self.text, entry.key_span.start, why)
    }

    fn node_at(&self, node: &Node, why: impl Into<String>) -> Refusal {
        Refusal::at(self.text, node.span.start, why)
    }

    /// Refuses what nobody would read, and what stands twice.
    fn known(&self, map: &Map, known: &[&str], of: &str) -> Read<()> {
        self.once(map)?;
        match map.entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            Some(entry) => {
                Err(self.at(entry, format!("`{}` is no key of {of}; it has {}", entry.key, known.join(", "))))
            }
            None => Ok(()),
        }
    }

    fn once(&self, map: &Map) -> Read<()> {
        let mut seen = BTreeSet::new();
        match map.entries.iter().find(|entry| !seen.insert(&entry.key)) {
            Some(entry) => Err(self.at(entry, format!("`{}` stands twice", entry.key))),
            None => Ok(()),
        }
    }

    fn entry<'a>(&self, map: &'a Map, key: &str, of: &str) -> Read<&'a Entry> {
        let first = map.entries.first().map_or(0, |entry| entry.key_span.start);
        map.get(key).ok_or_else(|| Refusal::at(self.text, first, format!("`{key}` of {of} is missing")))
    }

    fn table<'a>(&self, entry: &'a Entry) -> Read<&'a Map> {
        entry.node.map().ok_or_else(|| self.at(entry, format!("`{}` is no table", entry.key)))
    }

    fn text(&self, entry: &Entry) -> Read<String> {
        match &entry.node.value {
            NodeValue::Scalar(Scalar::Text(text)) if !text.trim().is_empty() => Ok(text.clone()),
            NodeValue::Scalar(Scalar::Text(_)) => Err(self.at(entry, format!("`{}` is empty", entry.key))),
            _ => Err(self.at(entry, format!("`{}` is no text", entry.key))),
        }
    }

    fn texts(&self, entry: &Entry) -> Read<Vec<String>> {
        let NodeValue::List(items) = &entry.node.value else {
            return Err(self.at(entry, format!("`{}` is no list", entry.key)));
        };
        items
            .iter()
            .map(|item| match &item.value {
                NodeValue::Scalar(Scalar::Text(text)) if !text.trim().is_empty() => Ok(text.clone()),
                _ => Err(self.node_at(
                    item,
                    format!("`{}` lists texts that are not empty, and nothing else", entry.key),
                )),
            })
            .collect()
    }

    fn whole_number(&self, entry: &Entry) -> Read<u64> {
        match entry.node.value {
            NodeValue::Scalar(Scalar::Integer(number @ 0..=KnobValue::MOST)) => Ok(number.unsigned_abs()),
            _ => Err(self.at(entry, format!("`{}` is no whole number from 0 to 2^53 - 1", entry.key))),
        }
    }

    /// A name, or a table with a name and where the model lies.
    fn model(&self, entry: &Entry) -> Read<Model> {
        let Some(map) = entry.node.map() else { return Ok(Model { name: self.text(entry)?, path: None }) };
        self.known(map, &["name", "path"], "[model]")?;
        let path = map.get("path").map(|path| self.text(path)).transpose()?;
        Ok(Model { name: self.text(self.entry(map, "name", "[model]")?)?, path })
    }

    fn knobs(&self, entry: &Entry) -> Read<BTreeMap<String, KnobValue>> {
        let map = self.table(entry)?;
        self.once(map)?;
        map.entries.iter().map(|knob| Ok((knob.key.clone(), self.knob(knob)?))).collect()
    }

    fn knob(&self, knob: &Entry) -> Read<KnobValue> {
        if knob.key.trim().is_empty() || TAKEN.contains(&knob.key.as_str()) {
            return Err(self.at(knob, format!("no knob may be called `{}`", knob.key)));
        }
        let bad = |why: &str| Err(self.at(knob, format!("knob `{}` {why}", knob.key)));
        match &knob.node.value {
            NodeValue::Scalar(Scalar::Null) => Ok(KnobValue::Unset),
            NodeValue::Scalar(Scalar::Text(text)) if text == "unset" => Ok(KnobValue::Unset),
            NodeValue::Scalar(Scalar::Text(text)) => Ok(KnobValue::Text(text.clone())),
            NodeValue::Scalar(Scalar::Integer(number)) if KnobValue::is_exact(*number) => {
                Ok(KnobValue::Integer(*number))
            }
            NodeValue::Scalar(Scalar::Integer(_)) => {
                bad("is beyond 2^53 - 1, which JSON does not hold exactly")
            }
            NodeValue::Scalar(Scalar::Real(number)) => Ok(KnobValue::Real(*number)),
            NodeValue::Scalar(Scalar::Switch(on)) => Ok(KnobValue::Switch(*on)),
            NodeValue::Scalar(Scalar::Other(_)) | NodeValue::List(_) | NodeValue::Map(_) => {
                bad("holds no text, finite number, true, false or \"unset\"")
            }
        }
    }

    fn flags(
        &self,
        entry: &Entry,
        knobs: &BTreeMap<String, KnobValue>,
    ) -> Read<BTreeMap<String, Vec<String>>> {
        let map = self.table(entry)?;
        self.once(map)?;
        map.entries
            .iter()
            .map(|flag| match &flag.node.value {
                _ if !knobs.contains_key(&flag.key) => {
                    Err(self.at(flag, format!("`{}` is no knob of this recipe", flag.key)))
                }
                NodeValue::List(_) => Ok((flag.key.clone(), self.texts(flag)?)),
                _ => Ok((flag.key.clone(), vec![self.text(flag)?])),
            })
            .collect()
    }

    fn machine(&self, map: &Map) -> Read<Machine> {
        let text = |key| self.entry(map, key, "the machine").and_then(|entry| self.text(entry));
        let ram_gb = self.whole_number(self.entry(map, "ram_gb", "the machine")?)?;
        Ok(Machine { chip: text("chip")?, ram_gb, binary_version: text("binary_version")? })
    }

    fn inputs(&self, map: &Map) -> Read<Inputs> {
        let candidate_models = self.texts(self.entry(map, "candidate_models", "the sweep's inputs")?)?;
        let target_context = self.whole_number(self.entry(map, "target_context", "the sweep's inputs")?)?;
        Ok(Inputs { target_context, candidate_models })
    }
}

#[cfg(test)]
mod tests;
