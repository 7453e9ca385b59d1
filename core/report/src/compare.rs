//! Two runs side by side, and what may not be concluded from that.
//!
//! Two figures in two columns invite a comparison whether or not it means something. So what makes them incomparable is worked out
//! here, and stands with them.

use serde::Serialize;
use serde_json::Value;

use crate::html::RunFacts;
use piton_base::metric::Direction;
use piton_run::stopping;
use piton_trial::text::{clean, ends, gain, number, seconds};

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The runs.
    pub runs: [String; 2],
    /// Figures: name, and the value of each run.
    pub figures: Vec<ComparedRow>,
    /// Settings of the experiment that differ.
    pub settings: Vec<ComparedRow>,
    /// What cannot be concluded, and why; nothing where the two were measured alike.
    pub not_comparable: Vec<String>,
}

/// A name and a value of each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparedRow {
    /// What it is.
    pub name: String,
    /// In the one run and the other.
    pub values: [String; 2],
}

/// One of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRun {
    /// Its facts.
    pub facts: RunFacts,
    /// Its experiment, as JSON; `Null` where piton knows none.
    pub settings: Value,
    /// Whose claims the facts are, where they are not piton's.
    pub claimed: Option<String>,
}

/// Holds two runs side by side.
pub fn compare(sides: [&ComparedRun; 2]) -> Comparison {
    let (facts, settings) = (sides.map(|side| &side.facts), sides.map(|side| &side.settings));
    let mut figures = vec![];
    if sides.iter().any(|side| side.claimed.is_some()) {
        let whose = |side: &ComparedRun| match &side.claimed {
            Some(by) => format!("claimed by {by}"),
            None => "measured by piton".to_owned(),
        };
        figures.push(ComparedRow { name: "figures".to_owned(), values: sides.map(whose) });
    }
    let mut row = |name: &str, of: &dyn Fn(&RunFacts) -> String| {
        let value = |facts: &RunFacts| {
            Some(of(facts)).filter(|value| !value.is_empty()).unwrap_or_else(|| "-".to_owned())
        };
        figures.push(ComparedRow { name: name.to_owned(), values: facts.map(value) });
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    row("metric", &|f| {
        let better = if f.metric.direction == Direction::Higher { "higher" } else { "lower" };
        format!("{}, {better} is better", f.metric.name)
    });
    row("baseline", &|f| or_dash(f.baseline_value.map(number)));
    row("incumbent", &|f| or_dash(f.incumbent_value.map(number)));
    row("verified", &|f| match &f.verified {
        Some(v) => format!("{} ({})", gain(v.gain, &f.metric), ends(Some(v.low), Some(v.high), &f.metric)),
        None => "not verified".to_owned(),
    });
    row("sum of keeps", &|f| gain(f.sum_of_keeps, &f.metric));
    row("trials", &|f| f.trials.to_string());
    let mut words: Vec<&str> = facts.iter().flat_map(|f| f.counts.keys().copied()).collect();
    words.sort_unstable();
    words.dedup();
    for word in words {
        row(&format!("  {word}"), &|f| f.counts.get(word).copied().unwrap_or(0).to_string());
    }
    row("time", &|f| {
        let s = f.seconds;
        let all = s.agent + s.build + s.measure + s.waiting;
        if all > 0.0 { seconds(all) } else { String::new() }
    });
    if facts.iter().any(|f| f.cost.calls > 0) {
        row("cost", &|f| if f.cost.calls > 0 { stopping::cost(&f.cost) } else { String::new() });
    }
    row("began", &|f| f.began.clone());
    row("from", &|f| f.base.chars().take(12).collect());
    row("rule", &|f| f.provenance.rules.join("; "));
    row("machine", &|f| f.provenance.machines.join("; "));
    row("confinement", &|f| f.provenance.confinement.join("; "));
    row("harness", &|f| {
        f.provenance
            .harnesses
            .iter()
            .map(|h| h.chars().take(12).collect())
            .collect::<Vec<String>>()
            .join("; ")
    });
    row("seal", &|f| {
        f.provenance.seals.iter().map(|s| s.chars().take(12).collect()).collect::<Vec<String>>().join("; ")
    });
    row("piton", &|f| f.provenance.versions.join("; "));
    Comparison {
        runs: facts.map(|f| f.run.clone()),
        figures,
        // Where one has no settings, all of the other's would differ.
        settings: if settings.iter().any(|s| s.is_null()) { vec![] } else { differing(settings) },
        not_comparable: not_comparable(sides),
    }
}

/// What keeps the figures of two runs apart.
fn not_comparable(sides: [&ComparedRun; 2]) -> Vec<String> {
    let ([a, b], settings) = (sides.map(|side| &side.facts), sides.map(|side| &side.settings));
    let mut found = vec![];
    for side in sides {
        if let Some(by) = &side.claimed {
            found.push(format!(
                "anything: the figures of {} are claims of {by}, and piton measured none of them",
                side.facts.run
            ));
        }
    }
    if !found.is_empty() {
        return found;
    }
    let mut add = |apart: bool, why: &str| {
        if apart {
            found.push(why.to_owned());
        }
    };
    let (p, q) = (&a.provenance, &b.provenance);
    add(
        (&a.metric.name, a.metric.direction) != (&b.metric.name, b.metric.direction),
        "values and gains: they climb different metrics",
    );
    add(p.machines != q.machines, "values: they were measured on different machines, or systems");
    add(
        p.harnesses != q.harnesses,
        "values and gains: the harness is another, so the metric may mean something else",
    );
    let measure = settings.map(|s| s.get("measure"));
    add(measure[0] != measure[1], "values and gains: another command measures them");
    add(
        p.seals != q.seals && p.harnesses == q.harnesses,
        "values: locked files differ, and with them perhaps the prompts or the data that are measured",
    );
    add(
        a.base != b.base,
        "gains: they start from different commits, so the same gain is over another baseline",
    );
    add(p.rules != q.rules, "numbers of keeps: the rule is another");
    add(p.confinement != q.confinement, "values: what was measured stood behind other walls");
    add(
        a.verified.is_none() || b.verified.is_none(),
        "nights: not both were verified, and sums of keeps are inflated",
    );
    found
}

/// The settings in which two experiments differ, by their path.
fn differing([a, b]: [&Value; 2]) -> Vec<ComparedRow> {
    let (mut left, mut right) = (vec![], vec![]);
    flatten("", a, &mut left);
    flatten("", b, &mut right);
    let mut names: Vec<&String> = left.iter().chain(&right).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let value = |list: &[(String, String)], name: &String| {
        list.iter().find(|(n, _)| n == name).map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
    };
    let rows = names
        .into_iter()
        .map(|name| ComparedRow { name: name.clone(), values: [value(&left, name), value(&right, name)] });
    rows.filter(|row| row.values[0] != row.values[1]).collect()
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| flatten(&below(name), value, found)),
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(&below(&i.to_string()), value, found));
        }
        Value::Null => {}
        other => found.push((path.to_owned(), other.to_string())),
    }
}

/// The same for people.
pub fn words(comparison: &Comparison) -> String {
    let widest = |rows: &[ComparedRow], of: &dyn Fn(&ComparedRow) -> String| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
    };
    let all: Vec<ComparedRow> =
        std::iter::once(ComparedRow { name: "run".into(), values: comparison.runs.clone() })
            .chain(comparison.figures.iter().cloned())
            .map(|row| ComparedRow { values: row.values.map(|value| clean(&value, 60)), ..row })
            .collect();
    let table = |rows: &[ComparedRow]| -> String {
        let (name, first) = (widest(rows, &|r| r.name.clone()), widest(rows, &|r| r.values[0].clone()));
        let line = |row: &ComparedRow| {
            format!("  {:<name$}  {:<first$}  {}", row.name, row.values[0], row.values[1])
                .trim_end()
                .to_owned()
                + "\n"
        };
        rows.iter().map(line).collect()
    };
    let mut text = table(&all);
    if !comparison.settings.is_empty() {
        let rows: Vec<ComparedRow> = comparison
            .settings
            .iter()
            .map(|row| ComparedRow {
                name: clean(&row.name, 60),
                values: row.values.clone().map(|value| clean(&value, 60)),
            })
            .collect();
        text.push_str(&format!("\nsettings that differ\n{}", table(&rows)));
    }
    text.push('\n');
    match comparison.not_comparable.as_slice() {
        [] => text.push_str("both were measured alike: their figures can be compared\n"),
        why => {
            text.push_str("not to be compared\n");
            why.iter().for_each(|why| text.push_str(&format!("  {why}\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_settings_that_differ_are_told_with_their_path() {
        let a = json!({"rule": {"alpha": 0.02}, "gate": [{"metric": "q", "min": 0.9}], "name": "x"});
        let b = json!({"rule": {"alpha": 0.05}, "gate": [{"metric": "q", "min": 0.9}, {"metric": "p"}], "name": "x"});
        let rows: Vec<String> = differing([&a, &b])
            .iter()
            .map(|row| format!("{} {} {}", row.name, row.values[0], row.values[1]))
            .collect();
        assert_eq!(rows, ["gate.1.metric - \"p\"", "rule.alpha 0.02 0.05"]);
    }
}
