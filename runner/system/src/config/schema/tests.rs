//! The schema against what is read: each type, each choice, each table that is needed.

use super::super::Config;
use super::*;

/// What is wrong with `value` by `schema`; a keyword that this does not know is a fault of the test's own.
fn faults(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = vec![];
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "default" | "deprecated" => true,
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                other => panic!("{other}"),
            },
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => {
                value.as_object().is_none_or(|is| texts(rule).iter().all(|key| is.contains_key(key)))
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| faults(one, value, path).is_empty()),
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(rule, item, &format!("{path}[{n}]")));
                }
                true
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    let item = value.get(key).into_iter();
                    item.for_each(|item| found.extend(faults(rule, item, &format!("{path}.{key}"))));
                }
                true
            }
            "additionalProperties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    if schema.get("properties").is_some_and(|known| known.get(key).is_some()) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => found.push(format!("{path}.{key}: no such key")),
                        rule => found.extend(faults(rule, item, &format!("{path}.{key}"))),
                    }
                }
                true
            }
            other => panic!("the test does not know {other}"),
        };
        if !holds {
            found.push(format!("{path}: {word} {rule}"));
        }
    }
    found
}

fn value(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn the_schema_is_what_the_document_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/piton.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(path, &text).unwrap();
    }
    let is = std::fs::read_to_string(path).unwrap_or_default();
    assert!(is == text, "INSTA_UPDATE=always cargo test -p piton-system --lib schema writes {path} anew");
}

const BUILT_IN: &str = include_str!("../../../../../piton.toml");

#[test]
fn the_built_in_experiment_fits_the_schema_and_one_with_a_slip_of_the_pen_does_not() {
    assert_eq!(faults(&schema(), &value(BUILT_IN), ""), Vec::<String>::new());
    let slips = [
        ("[measure]", "[mesure]", "no such key"),
        ("timeout_s = ", "timeout = ", "no such key"),
        ("direction = \"higher\"", "direction = \"up\"", "enum"),
        ("timeout_s = ", "timeout_s = \"\" # ", "type"),
    ];
    for (right, wrong, why) in slips {
        assert!(BUILT_IN.contains(right), "{right}");
        let found = faults(&schema(), &value(&BUILT_IN.replacen(right, wrong, 1)), "");
        assert!(found.iter().any(|fault| fault.contains(why)), "{wrong}: {found:?}");
    }
}

/// A piton.toml in which everything that is needed stands, and in which each table can be put.
fn whole() -> Value {
    value(
        "name = 'x'\n[metric]\nname = 'v'\ndirection = 'higher'\nmemory = 'm_gb'\n[scope]\neditable = ['src']\n[measure]\ncommand = ['x']\ntimeout_s = 1\n",
    )
}

/// Values that fit a key's type, and some that do not.
fn samples(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let all = [json!("x"), json!(true), json!(0.5), json!(["x"]), json!({ "a": "x" })];
    if let Some(either) = schema.get("anyOf") {
        let (fit, wrong): (Vec<_>, Vec<_>) = either.as_array().unwrap().iter().map(samples).unzip();
        let fit = fit.concat();
        let wrong = wrong.concat().into_iter().filter(|value| value.is_boolean() || value.is_number());
        return (fit, wrong.collect());
    }
    if let Some(choices) = schema.get("enum") {
        return (choices.as_array().unwrap().clone(), all.to_vec());
    }
    let fit = match schema["type"].as_str().unwrap() {
        "integer" => json!(1),
        "number" => json!(0.5),
        "string" => json!("x"),
        "boolean" => json!(true),
        "array" if schema["items"]["type"] == "integer" => json!([1]),
        "array" => json!(["x"]),
        "object" => json!({ "a": "x" }),
        other => panic!("{other}"),
    };
    let wrong = all.into_iter().filter(|value| *value != fit).collect();
    (vec![fit], wrong)
}

/// Why a piton.toml is refused for the form of what it holds, if it is: what values may be is another question.
fn refused(value: Value) -> Option<String> {
    let error = match serde_json::from_value::<Config>(value) {
        Ok(config) => config.metric.problem()?,
        Err(error) => error.to_string(),
    };
    let form = ["invalid type", "unknown variant", "unknown field", "it is one of"];
    form.iter().any(|why| error.contains(why)).then_some(error)
}

/// A choice that the refusal of another word names, and the schema does not.
fn forgotten(schema: &Value, refusal: &str) -> Option<String> {
    let (_, expected) = refusal.split_once("unknown variant")?.1.split_once("expected")?;
    let choices = schema.get("enum")?.as_array()?;
    let named = expected.split('`').skip(1).step_by(2);
    named.map(str::to_owned).find(|name| !choices.contains(&json!(name)))
}

#[test]
fn each_key_has_the_type_that_is_read_and_no_other() {
    let (schema, mut wrong, mut seen) = (schema(), vec![], 0);
    for (table, about) in schema["properties"].as_object().unwrap() {
        let several = about["type"] == "array" && about["items"]["type"] == "object";
        let keys = if several { &about["items"]["properties"] } else { &about["properties"] };
        let Some(keys) = keys.as_object() else { continue };
        for (key, about) in keys {
            seen += 1;
            assert!(
                ["type", "enum", "anyOf"].iter().any(|word| about.get(*word).is_some()),
                "{table}.{key}: a type that schema.rs does not know"
            );
            let with = |item: &Value| {
                let mut whole = whole();
                if several {
                    whole[table] = json!([{ key: item }]);
                } else {
                    whole[table][key] = item.clone();
                }
                whole
            };
            let (fit, unfit) = samples(about);
            for item in fit {
                wrong.extend(refused(with(&item)).map(|why| format!("{table}.{key} = {item}: {why}")));
            }
            for item in unfit {
                match refused(with(&item)) {
                    None => wrong.push(format!("{table}.{key} = {item} is read, and no {about}")),
                    Some(why) => {
                        wrong.extend(forgotten(about, &why).map(|choice| format!("{table}.{key}: {choice}")))
                    }
                }
            }
        }
    }
    assert!(seen > 80, "{seen} keys were tried");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_table_is_needed_where_the_schema_says_so() {
    let schema = schema();
    let always = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
    // All but [server] of an experiment that has none.
    let needed: Vec<&str> = always.chain(NEEDED).collect();
    assert!(serde_json::from_value::<Config>(whole()).is_ok());
    assert_eq!(faults(&schema, &whole(), ""), Vec::<String>::new());
    for key in needed {
        let mut less = whole();
        less.as_object_mut().unwrap().remove(key);
        let refused = serde_json::from_value::<Config>(less).unwrap_err();
        assert!(refused.to_string().contains(&format!("missing field `{key}`")), "{refused}");
    }
}
