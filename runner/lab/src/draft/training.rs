//! A training script that prints a loss at its end, beside one that prepares its data: the shape of karpathy/autoresearch.

use super::{Draft, Facts, Figure, Trust, install, variable, words};

/// Metrics that such scripts print, and which way is better.
const METRICS: [(&str, &str); 5] = [
    ("val_bpb", "lower"),
    ("val_loss", "lower"),
    ("validation_loss", "lower"),
    ("val_accuracy", "higher"),
    ("val_acc", "higher"),
];

/// A draft for `train.py`.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let text = facts.text("train.py");
    let prints = |name: &str| text.contains(&format!("{name}:"));
    let Some((metric, direction)) = METRICS.into_iter().find(|(name, _)| prints(name)) else { return vec![] };
    if !facts.has("prepare.py") {
        return vec![];
    }
    let (environment, commands) = install::python(facts, &[]);
    let python = environment.map_or_else(|| "python3".to_owned(), |dir| format!("{{tree}}/{dir}/bin/python"));
    let mut draft =
        Draft::new("train", format!("train.py, which prints {metric} at its end"), words(&["train.py"]));
    draft.from_checkout = environment.iter().map(|dir| (*dir).to_owned()).collect();
    draft.measure = words(&[&python, "{tree}/train.py"]);
    draft.env = vec![variable("PYTHONDONTWRITEBYTECODE", "1")];
    draft.figure = Figure::Printed {
        name: metric.to_owned(),
        direction,
        reading: "format = \"lines\"\nlast = true\n".to_owned(),
    };
    draft.timeout_s = 900;
    draft.preset = Some("provisional");
    draft.trust = Trust::Printed;
    draft.needs.push(
        "piton.toml, [measure] read and devices: open there the data that prepare.py left, e.g. read = [\"~/.cache/NAME\"], and the graphics card, e.g. devices = [\"nvidia\"]"
            .to_owned(),
    );
    draft.needs.extend(commands.iter().find_map(|command| install::installer(facts, command)));
    draft.install = commands;
    vec![draft]
}
