//! The recipe of a trial: which model is served, and the value of every knob. What a trial of a sweep edits.
//!
//! Its file is one of [`piton_core::recipe`]. Path, flags and machine are not the trial's to say: the experiment has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use piton_core::recipe::{KnobValue, Model, Recipe};
use piton_system::config::Config;
use piton_system::config::sweep::{OFF, ON, RECIPE, UNSET};

/// A recipe, held against its experiment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecipe {
    /// The name of a `[[model]]`.
    pub model: String,
    /// The value of each knob: as its flag has it, `unset` or `false` for no flag, `true` for the flag alone.
    #[serde(default)]
    pub knobs: BTreeMap<String, String>,
}

impl TrialRecipe {
    /// The model with every knob at its first value: where a sweep starts.
    pub fn first(config: &Config, model: &str) -> Self {
        Self { model: model.to_owned(), knobs: config.first_values() }
    }

    /// Reads the text of a `recipe.toml`, and holds it against the experiment. A knob that it does not name is at its first value.
    ///
    /// # Errors
    /// Words of what is wrong.
    pub fn parse(text: &str, config: &Config) -> Result<Self, String> {
        let read = Recipe::from_toml(text, RECIPE).map_err(|error| error.cause.unwrap_or(error.what))?;
        let knobs = read.knobs.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        let read = Self { model: read.model.name, knobs };
        if config.model(&read.model).is_none() {
            let known: Vec<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
            return Err(format!("no [[model]] is called `{}`; there are {}", read.model, known.join(", ")));
        }
        if let Some(name) =
            read.knobs.keys().find(|name| !config.knobs.iter().any(|knob| knob.name == **name))
        {
            return Err(format!("no [[knob]] is called `{name}`"));
        }
        // What cannot stand on a command line is no value.
        if let Some((name, _)) =
            read.knobs.iter().find(|(_, value)| value.is_empty() || value.contains(['\0', '\n']))
        {
            return Err(format!("the value of {name} is empty, or has a line break"));
        }
        let mut knobs = config.first_values();
        knobs.extend(read.knobs);
        Ok(Self { model: read.model, knobs })
    }

    /// The same as a recipe that names nothing of the machine.
    pub fn plain(&self) -> Recipe {
        let mut recipe = Recipe::of(Model { name: self.model.clone(), path: None });
        recipe.knobs =
            self.knobs.iter().map(|(name, value)| (name.clone(), KnobValue::of_word(value))).collect();
        recipe
    }

    /// The text of its `recipe.toml`.
    pub fn text(&self) -> String {
        self.plain().to_toml()
    }

    /// The flags of its knobs, in the order of the experiment.
    pub fn flags(&self, config: &Config) -> Vec<String> {
        let mut flags = vec![];
        for knob in &config.knobs {
            let Some((flag, value)) = knob.flag.as_ref().zip(self.knobs.get(&knob.name)) else { continue };
            match value.as_str() {
                UNSET | OFF => {}
                ON => flags.push(flag.clone()),
                value if flag.contains("{value}") => flags.push(flag.replace("{value}", value)),
                value => flags.extend([flag.clone(), value.to_owned()]),
            }
        }
        flags
    }

    /// The words that start a server on `port` with it.
    pub fn command(&self, config: &Config, port: u16) -> Vec<String> {
        let (Some(server), Some(model)) = (&config.server, config.model(&self.model)) else { return vec![] };
        let (port, flags) = (port.to_string(), self.flags(config));
        let values = [("port", port.as_str()), ("model", model.path.as_str())];
        let one = |word: &String| match word.as_str() {
            "{knobs}" => flags.clone(),
            _ => piton_system::config::fill(std::slice::from_ref(word), &values),
        };
        server.command.iter().flat_map(one).collect()
    }

    /// What differs from `other`, as `kv unset -> q8_0`; empty where nothing does.
    pub fn changes(&self, other: &Self) -> String {
        let model = (self.model != other.model).then(|| format!("model {} -> {}", other.model, self.model));
        let knobs = self.knobs.iter().filter(|(name, value)| other.knobs.get(*name) != Some(value));
        let knobs = knobs.map(|(name, value)| {
            format!("{name} {} -> {value}", other.knobs.get(name).map_or(UNSET, String::as_str))
        });
        model.into_iter().chain(knobs).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPERIMENT: &str = r#"
name = "s"
[server]
command = ["llama-server", "--port", "{port}", "-m", "{model}", "{knobs}"]
[[model]]
name = "small"
path = "/m/small.gguf"
[[knob]]
name = "kv"
flag = "--cache-type-k"
values = ["unset", "q8_0"]
[[knob]]
name = "mmap"
flag = "--no-mmap"
values = ["unset", "true"]
"#;

    #[test]
    fn a_recipe_becomes_a_command_line_with_only_the_flags_that_are_set() {
        let config = Config::parse(EXPERIMENT).unwrap();
        let first = TrialRecipe::first(&config, "small");
        assert_eq!(first.command(&config, 81), ["llama-server", "--port", "81", "-m", "/m/small.gguf"]);
        let other =
            TrialRecipe::parse("[model]\nname = \"small\"\n[knobs]\nkv = \"q8_0\"\nmmap = true", &config)
                .unwrap();
        assert_eq!(other.command(&config, 81)[5..], ["--cache-type-k", "q8_0", "--no-mmap"]);
        assert_eq!(other.changes(&first), "kv unset -> q8_0, mmap unset -> true");
        assert_eq!(TrialRecipe::parse(&other.text(), &config).unwrap(), other);
    }

    #[test]
    fn a_recipe_names_only_what_the_experiment_declares() {
        let config = Config::parse(EXPERIMENT).unwrap();
        for bad in [
            "[model]\nname = \"big\"",
            "[model]\nname = \"small\"\n[knobs]\nport = \"1\"",
            "[model]\nname = \"small\"\n[knobs]\nkv = \"\"",
            "kv = 1",
        ] {
            assert!(TrialRecipe::parse(bad, &config).is_err(), "{bad}");
        }
    }
}
