//! Whether what was generated is good enough to be compared at all.
//!
//! The bounds are the `[[gate]]` tables of the `piton.toml` beside the harness, as it was when the harness was built: that file is
//! sealed with the harness, so a bound has one place, and piton and the harness cannot hold a sample against two of them. Nothing else of
//! the file is read here, and a gate that it does not have is not asked. [`piton_rule::gate`] is what applies them, here to the counts of
//! one sample or, by `harness judge`, to those of all samples of a trial together. The evidence for each bound is in METHODOLOGY.md.

use piton_base::metric::Values;
use piton_rule::gate::{self, Gate, GateResult};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What is read of `piton.toml`.
#[derive(Deserialize)]
struct Experiment {
    #[serde(default, rename = "gate")]
    gates: Vec<Gate>,
}

static BOUNDS: LazyLock<Vec<Gate>> = LazyLock::new(|| match read(include_str!("../../piton.toml")) {
    Ok(gates) => gates,
    // piton refuses such a file before it builds a harness. Nothing may pass by bounds that could not be read.
    Err(e) => panic!("the piton.toml that this harness was built with cannot be used: {e}"),
});

/// The gates that the harness was built with.
pub fn bounds() -> &'static [Gate] {
    &BOUNDS
}

/// The gates of the text of a `piton.toml`: none where it has none.
///
/// # Errors
/// A table that is no gate.
pub fn read(text: &str) -> Result<Vec<Gate>, String> {
    let gates = toml::from_str::<Experiment>(text).map_err(|e| e.to_string())?.gates;
    gates.iter().find_map(Gate::problem).map_or(Ok(gates), Err)
}

/// Applies the gates to what was measured. A metric that is not there, or is not a number, fails.
pub fn judge<'a>(gates: &'a [Gate], values: &Values) -> Vec<(&'a Gate, GateResult)> {
    gates.iter().zip(gate::read_all(gates, std::slice::from_ref(values))).collect()
}

/// Whether all gates hold.
pub fn pass(gates: &[Gate], values: &Values) -> bool {
    judge(gates, values).iter().all(|(_, result)| result.pass)
}

/// The limit of a gate, and whether it is the lowest value that passes.
fn limit(gate: &Gate) -> (f64, bool) {
    (gate.min.or(gate.max).unwrap_or(f64::NAN), gate.min.is_some())
}

/// The bound in words, e.g. `at most 0.004`.
pub fn rule(gate: &Gate) -> String {
    let (limit, lowest) = limit(gate);
    format!("{} {limit}", if lowest { "at least" } else { "at most" })
}

/// A gate as a line of the report, e.g. `FAIL  regret 0.0131, at most 0.0040 (over by 0.0091)`.
pub fn line(gate: &Gate, result: &GateResult) -> String {
    let verdict = if result.pass { "pass" } else { "FAIL" };
    let (limit, lowest) = limit(gate);
    let (bound, side) = if lowest { ("at least", "short by") } else { ("at most", "over by") };
    let margin =
        if result.pass { String::new() } else { format!(" ({side} {:.4})", (result.value - limit).abs()) };
    format!("{verdict}  {} {:.4}, {bound} {limit:.4}{margin}", result.metric, result.value)
}

/// The same as a JSON object.
pub fn object(gate: &Gate, result: &GateResult) -> Value {
    let (limit, lowest) = limit(gate);
    let bound = if lowest { "min" } else { "max" };
    json!({"name": result.metric, "value": result.value, "limit": limit, "bound": bound, "pass": result.pass})
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str =
        "name = \"mine\"\n[metric]\nname = \"tps\"\n[rule]\nalpha = 0.1\n[[knob]]\nname = \"A\"\n";

    #[test]
    fn a_gate_that_an_experiment_does_not_have_is_not_asked() {
        let none = read(OTHER).unwrap();
        assert!(none.is_empty() && pass(&none, &Values::new()));
        let one = read(&format!("{OTHER}[[gate]]\nmetric = \"regret\"\nmax = 0.004\n")).unwrap();
        let values = Values::from([("regret".to_owned(), 0.003), ("agreement".to_owned(), 0.1)]);
        assert_eq!(one.len(), 1);
        assert!(pass(&one, &values));
        assert!(!pass(&one, &Values::from([("regret".to_owned(), 0.005)])));
    }

    #[test]
    fn a_gate_that_bounds_nothing_is_refused() {
        let refused = read(&format!("{OTHER}[[gate]]\nmetric = \"regret\"\n")).unwrap_err();
        assert!(refused.contains("neither min nor max"), "{refused}");
    }

    #[test]
    fn a_gate_is_told_with_its_limit_and_how_far_it_was_missed() {
        let gates = read("[[gate]]\nmetric = \"regret\"\nmax = 0.004\n").unwrap();
        let (gate, result) = judge(&gates, &Values::from([("regret".to_owned(), 0.0131)])).remove(0);
        assert_eq!(line(gate, &result), "FAIL  regret 0.0131, at most 0.0040 (over by 0.0091)");
        let told = json!({"name": "regret", "value": 0.0131, "limit": 0.004, "bound": "max", "pass": false});
        assert_eq!(object(gate, &result), told);
    }
}
