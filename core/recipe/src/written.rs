//! How a recipe is written as `recipe.toml`.

use crate::recipe::{KnobValue, Recipe};
use crate::spelled;

impl Recipe {
    /// As `recipe.toml`; [`Self::from_toml`] reads it back.
    pub fn to_toml(&self) -> String {
        let text = |text: &str| spelled::toml(&KnobValue::Text(text.to_owned()), "");
        let list = |texts: &[String]| {
            format!("[{}]", texts.iter().map(|each| text(each)).collect::<Vec<_>>().join(", "))
        };
        let mut lines = vec!["[model]".to_owned(), format!("name = {}", text(&self.model.name))];
        lines.extend(self.model.path.iter().map(|path| format!("path = {}", text(path))));
        lines.push("\n[knobs]".to_owned());
        for (name, value) in &self.knobs {
            let value = match value {
                KnobValue::Unset => KnobValue::Text("unset".to_owned()),
                value => value.clone(),
            };
            lines.push(format!("{} = {}", spelled::toml_key(name), spelled::toml(&value, "")));
        }
        if !self.flags.is_empty() {
            lines.push("\n[flags]".to_owned());
        }
        for (name, flags) in &self.flags {
            let flags = if let [flag] = flags.as_slice() { text(flag) } else { list(flags) };
            lines.push(format!("{} = {flags}", spelled::toml_key(name)));
        }
        if let Some(machine) = &self.machine {
            lines.push(format!(
                "\n[machine]\nchip = {}\nram_gb = {}\nbinary_version = {}",
                text(&machine.chip),
                machine.ram_gb,
                text(&machine.binary_version)
            ));
        }
        if let Some(inputs) = &self.inputs {
            lines.push(format!(
                "\n[inputs]\ntarget_context = {}\ncandidate_models = {}",
                inputs.target_context,
                list(&inputs.candidate_models)
            ));
        }
        lines.join("\n") + "\n"
    }
}
