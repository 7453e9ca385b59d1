use super::*;

const WHOLE: &str = r#"# found by a sweep
[model]
name = "7B"
path = "/m/7b.gguf"

[knobs]
kv = "unset"            # the server's own
ubatch = 256
p_min = 0.72
mmap = true
fa = "on"

[flags]
kv = ["--cache-type-k", "--cache-type-v"]
ubatch = "--ubatch-size"

[machine]
chip = "EPYC"
ram_gb = 15
binary_version = "b10434"

[inputs]
target_context = 2000
candidate_models = ["7B", "1B"]
"#;

fn cause(text: &str) -> String {
    Recipe::read(text, "recipe.toml").unwrap_err().cause.unwrap()
}

#[test]
fn a_recipe_is_read_whole_and_written_so_that_it_is_read_again() {
    let recipe = Recipe::from_toml(WHOLE, "recipe.toml").unwrap();
    assert_eq!(recipe.model, Model { name: "7B".into(), path: Some("/m/7b.gguf".into()) });
    assert_eq!(recipe.knobs["kv"], KnobValue::Unset);
    assert_eq!(recipe.knobs["p_min"], KnobValue::Real(0.72));
    assert_eq!(recipe.flags["kv"].len(), 2);
    assert!(recipe.is_whole());
    assert_eq!(Recipe::from_toml(&recipe.to_toml(), "again").unwrap(), recipe);
    assert_eq!(Recipe::from_json(&recipe.to_json().to_string(), "again").unwrap(), recipe);
    assert_eq!(Recipe::from_json(&recipe.canonical(), "again").unwrap().hash(), recipe.hash());
}

#[test]
fn a_bad_recipe_is_told_by_its_line() {
    for (text, line, word) in [
        ("[model]\nname = \"m\"\n[knobs]\nkv = [1]\n", 4, "knob `kv` holds no"),
        ("[model]\nname = \"m\"\n[knobs]\nkv = 1\nkv = 2\n", 5, "duplicate"),
        ("[model]\nname = \"m\"\n\n[knob]\nkv = 1\n", 4, "`knob` is no key of a recipe"),
        ("[model]\nname = 7\n", 2, "`name` is no text"),
        ("[model]\npath = \"m\"\n", 2, "`name` of [model] is missing"),
        ("[knobs]\nkv = 1\n", 1, "`model` of the recipe is missing"),
        ("[model]\nname = \"m\"\n[knobs]\nkv = 9007199254740992\n", 4, "2^53"),
        ("[model]\nname = \"m\"\n[knobs]\nkv = nan\n", 4, "finite"),
        ("[model]\nname = \"m\"\n[knobs]\nmodel = 1\n", 4, "may be called"),
        ("[model]\nname = \"m\"\n[flags]\nkv = \"-k\"\n", 4, "is no knob"),
        ("[model]\nname = \"m\"\n[machine]\nchip = \"c\"\n", 4, "`ram_gb` of the machine is missing"),
        ("[model]\nname = \"m\n", 2, ""),
        ("{\n \"model\": \"m\",\n \"knobs\": {\"a\": 1, \"a\": 2}\n}", 3, "stands twice"),
        ("{\n \"model\": \"m\"\n \"knobs\": {}\n}", 2, "comma"),
        ("{\n \"recommendation\": null\n}", 2, "recommends nothing"),
    ] {
        let cause = cause(text);
        assert!(cause.starts_with(&format!("line {line}: ")) && cause.contains(word), "{text}: {cause}");
    }
}

#[test]
fn a_report_that_recommends_is_a_recipe() {
    let report = r#"{"spec_version": "SPEC-013 v0.3", "run_id": "x",
        "machine": {"ram_gb": 16, "chip": "Apple M2", "os_version": "26", "binary_version": "1.4.0"},
        "inputs": {"target_context": 4000, "candidate_models": ["7B", "3B"], "gate_ttft_ms": 60000},
        "recommendation": {"model": "7B", "knobs": {"kv_bits": null}, "tps_median": 2.1}}"#;
    let recipe = Recipe::read(report, "report.json").unwrap();
    assert_eq!(recipe.knobs["kv_bits"], KnobValue::Unset);
    let domain = r#"{"binary_version":"1.4.0","candidate_models":["7B","3B"],"chip":"Apple M2","knobs":{"kv_bits":null},"model":"7B","ram_gb":16,"target_context":4000}"#;
    assert_eq!(recipe.canonical(), domain);
}

#[test]
fn what_is_nested_to_exhaust_a_reader_is_refused() {
    for text in [format!("{}{}", "{\"a\":".repeat(50_000), "1"), "[".repeat(90_000)] {
        assert!(cause(&format!("{{\"model\":{text}")).contains("nested"));
    }
}
