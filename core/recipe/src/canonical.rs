//! A recipe as JSON: the canonical form that its hash is of, and the whole that is exported.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::recipe::Recipe;

impl Recipe {
    /// The canonical JSON (RFC 8785) of what identifies the recipe: `binary_version`, `candidate_models`, `chip`, `knobs`, `model` (its
    /// name), `ram_gb`, `target_context`. A recipe that names no machine or no inputs has no keys of them.
    ///
    /// Left out is what is no setting or only observed: flags, the model's path, figures, times.
    ///
    /// Source: SPEC-013 v0.3, FR-F.2 (the hash's domain); RFC 8785, "JSON Canonicalization Scheme" (2020).
    pub fn canonical(&self) -> String {
        let mut domain = Map::new();
        domain.insert("model".into(), json!(self.model.name));
        domain.insert("knobs".into(), json!(self.knobs));
        if let Some(machine) = &self.machine {
            domain.insert("chip".into(), json!(machine.chip));
            domain.insert("ram_gb".into(), json!(machine.ram_gb));
            domain.insert("binary_version".into(), json!(machine.binary_version));
        }
        if let Some(inputs) = &self.inputs {
            domain.insert("target_context".into(), json!(inputs.target_context));
            domain.insert("candidate_models".into(), json!(inputs.candidate_models));
        }
        serde_json_canonicalizer::to_string(&Value::Object(domain))
            .expect("texts, lists and finite numbers have a canonical form")
    }

    /// `sha256:` and the SHA-256 of [`Self::canonical`] in lower-case hexadecimal digits.
    pub fn hash(&self) -> String {
        use std::fmt::Write;
        let mut text = "sha256:".to_owned();
        for byte in Sha256::digest(self.canonical()) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Whether the hash is of a machine and a sweep's inputs too, as SPEC-013 has it, and not of the recipe alone.
    pub fn is_whole(&self) -> bool {
        self.machine.is_some() && self.inputs.is_some()
    }

    /// The recipe as an export holds it: all of it, and its hash. [`Self::from_json`] reads it.
    pub fn to_json(&self) -> Value {
        let mut object = json!(self);
        object["recipe_hash"] = json!(self.hash());
        object
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Inputs, KnobValue, Machine, Model};

    fn published() -> Recipe {
        let model = "mlx-community/Qwen2.5-Coder-7B-Instruct-4bit";
        let mut recipe = Recipe::of(Model { name: model.into(), path: None });
        let knobs = [("kv_bits", 4), ("max_concurrency_override", 1), ("max_context_override", 4000)];
        recipe.knobs =
            BTreeMap::from(knobs.map(|(name, value)| (name.to_owned(), KnobValue::Integer(value))));
        recipe.machine =
            Some(Machine { chip: "Apple M2".into(), ram_gb: 16, binary_version: "1.4.0".into() });
        let candidate_models = vec![model.to_owned(), "mlx-community/Llama-3.2-3B-Instruct-4bit".to_owned()];
        recipe.inputs = Some(Inputs { target_context: 4000, candidate_models });
        recipe
    }

    #[test]
    fn the_published_recipe_has_the_published_hash() {
        let (first, last) = ("sha256:eb5f8f90", "2f9d");
        let hash = published().hash();
        assert!(hash.starts_with(first) && hash.ends_with(last) && hash.len() == 7 + 64, "{hash}");
    }

    #[test]
    fn the_hash_is_of_settings_and_machine_and_of_nothing_else() {
        let mut recipe = published();
        let hash = recipe.hash();
        recipe.model.path = Some("/elsewhere".into());
        recipe.flags.insert("kv_bits".into(), vec!["--kv-bits".into()]);
        assert_eq!(recipe.hash(), hash);
        let changes: [fn(&mut Recipe); 4] = [
            |recipe| drop(recipe.knobs.insert("kv_bits".into(), KnobValue::Unset)),
            |recipe| recipe.machine.as_mut().unwrap().ram_gb = 32,
            |recipe| recipe.inputs.as_mut().unwrap().candidate_models.reverse(),
            |recipe| recipe.inputs = None,
        ];
        for change in changes {
            let mut other = published();
            change(&mut other);
            assert_ne!(other.hash(), hash);
        }
    }

    #[test]
    fn an_unset_knob_is_null_and_a_number_is_written_as_ecmascript_does() {
        let mut recipe = Recipe::of(Model { name: "m".into(), path: None });
        recipe.knobs.insert("b".into(), KnobValue::Unset);
        recipe.knobs.insert("a".into(), KnobValue::Real(1e21));
        recipe.knobs.insert("c".into(), KnobValue::Real(0.72));
        assert_eq!(recipe.canonical(), r#"{"knobs":{"a":1e+21,"b":null,"c":0.72},"model":"m"}"#);
        assert!(!recipe.is_whole());
    }
}
