//! Properties of reading: whatever is written is read again, and whatever is read says which line it cannot read.

use std::collections::BTreeMap;

use piton_recipe::{Inputs, KnobValue, Machine, Model, Recipe};
use proptest::prelude::*;

/// A text that may stand where one has to: not empty.
fn text() -> impl Strategy<Value = String> {
    "[ -~é\u{1f600}\n\t\u{1b}]{0,8}[!-~]".prop_map(|text| text)
}

/// Between 2^53 and 10^21 canonical JSON writes a number as a whole one, which is refused where it is read: it may be another's rounded one.
fn is_told_apart(real: &f64) -> bool {
    real.is_finite() && (real.abs() <= KnobValue::MOST as f64 || real.abs() >= 1e21)
}

fn value() -> impl Strategy<Value = KnobValue> {
    prop_oneof![
        Just(KnobValue::Unset),
        any::<bool>().prop_map(KnobValue::Switch),
        (-KnobValue::MOST..=KnobValue::MOST).prop_map(KnobValue::Integer),
        any::<f64>().prop_filter("no number", is_told_apart).prop_map(KnobValue::Real),
        text().prop_filter("a word of its own", |text| text != "unset").prop_map(KnobValue::Text),
    ]
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let flags = proptest::collection::vec(text(), 0..3);
    let name = text().prop_filter("the model's", |name| !["model", "model.path"].contains(&name.as_str()));
    let knobs = proptest::collection::btree_map(name, (value(), flags), 0..5);
    let model = (text(), proptest::option::of(text())).prop_map(|(name, path)| Model { name, path });
    let machine = (text(), 0..1_u64 << 53, text());
    let inputs = (0..1_u64 << 53, proptest::collection::vec(text(), 0..3));
    (model, knobs, proptest::option::of(machine), proptest::option::of(inputs)).prop_map(
        |(model, knobs, machine, inputs)| {
            let mut recipe = Recipe::of(model);
            recipe.flags = knobs.iter().map(|(name, (_, flags))| (name.clone(), flags.clone())).collect();
            recipe.knobs =
                knobs.into_iter().map(|(name, (value, _))| (name, value)).collect::<BTreeMap<_, _>>();
            recipe.machine =
                machine.map(|(chip, ram_gb, binary_version)| Machine { chip, ram_gb, binary_version });
            recipe.inputs =
                inputs.map(|(target_context, candidate_models)| Inputs { target_context, candidate_models });
            recipe
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_recipe_is_written_as_it_is_read(recipe in recipe()) {
        for text in [recipe.to_toml(), recipe.to_json().to_string()] {
            let read = Recipe::read(&text, "recipe");
            prop_assert_eq!(read.as_ref(), Ok(&recipe), "{}", text);
            prop_assert_eq!(read.unwrap().hash(), recipe.hash());
        }
    }

    #[test]
    fn a_whole_recipe_is_read_from_what_its_hash_is_of(recipe in recipe(), chip in text()) {
        let mut recipe = recipe;
        recipe.machine.get_or_insert(Machine { chip, ram_gb: 1, binary_version: "1".into() });
        recipe.inputs.get_or_insert(Inputs { target_context: 1, candidate_models: vec![] });
        let read = Recipe::read(&recipe.canonical(), "recipe").unwrap();
        prop_assert_eq!(read.canonical(), recipe.canonical());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\[model\\]|name|knobs|machine|\\[|\\]|[\n =\"'{}:,.a0-9é#]|null|true|\"model\"|\"knobs\"){0,40}") {
        for text in [text.clone(), format!("{{{text}")] {
            if let Err(error) = Recipe::read(&text, "recipe") {
                prop_assert_eq!(error.status, 2);
            }
        }
    }
}
