//! Texts with slots: `{name}` or `{function name ...}`.
//!
//! Apart from the drawing, because whether a template can be filled is decided when the file is read, once,
//! and not when the thousandth prompt meets a slot that nobody defined.

use std::collections::BTreeMap;

use crate::Error;

/// What a slot holds: one text, or several and what stands between them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    pub items: Vec<String>,
    pub join: String,
}

impl Value {
    pub fn one(text: impl Into<String>) -> Value {
        Value { items: vec![text.into()], join: String::new() }
    }

    pub fn text(&self) -> String {
        self.items.join(&self.join)
    }
}

/// Slots by name.
pub(crate) type Values = BTreeMap<String, Value>;

/// Whether a slot holds whole numbers or words: some functions only make sense on numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Plain,
    Sort,
    Reverse,
    Sum,
    Difference,
    Product,
    /// The first, and to it the product of the others.
    PlusProduct,
    Max,
    Min,
    Close,
    Capital,
    First,
    Last,
}

impl Function {
    fn named(name: &str) -> Option<Function> {
        Some(match name {
            "sort" => Function::Sort,
            "reverse" => Function::Reverse,
            "sum" => Function::Sum,
            "difference" => Function::Difference,
            "product" => Function::Product,
            "plus_product" => Function::PlusProduct,
            "max" => Function::Max,
            "min" => Function::Min,
            "close" => Function::Close,
            "capital" => Function::Capital,
            "first" => Function::First,
            "last" => Function::Last,
            _ => return None,
        })
    }

    fn wants_numbers(self) -> bool {
        use Function::{Difference, Max, Min, PlusProduct, Product, Sum};
        matches!(self, Sum | Difference | Product | PlusProduct | Max | Min)
    }

    /// `value` holds the items of all arguments, with the `join` of the first.
    fn apply(self, mut value: Value) -> Value {
        let numbers = || value.items.iter().map(|item| item.parse::<i64>().unwrap_or(0));
        match self {
            Function::Plain => {}
            Function::Sort => value.items.sort(),
            Function::Reverse => value.items.reverse(),
            Function::Sum => return Value::one(numbers().fold(0, i64::saturating_add).to_string()),
            Function::Difference => {
                return Value::one(numbers().reduce(i64::saturating_sub).unwrap_or(0).to_string());
            }
            Function::Product => return Value::one(numbers().fold(1, i64::saturating_mul).to_string()),
            Function::PlusProduct => {
                let product = numbers().skip(1).fold(1, i64::saturating_mul);
                return Value::one(numbers().next().unwrap_or(0).saturating_add(product).to_string());
            }
            Function::Max => return Value::one(numbers().max().unwrap_or(0).to_string()),
            Function::Min => return Value::one(numbers().min().unwrap_or(0).to_string()),
            Function::Close => {
                value.items = value.items.iter().rev().map(|open| closing(open).to_string()).collect();
            }
            Function::Capital => value.items = vec![capital(&value.text())],
            Function::First => value.items.truncate(1),
            Function::Last => value.items = value.items.pop().into_iter().collect(),
        }
        value
    }
}

fn closing(open: &str) -> &str {
    match open {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        "<" => ">",
        other => other,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Slot(Function, Vec<String>),
}

/// A text with slots, parsed.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Parses `text`; every slot must be among `known`, with the kind that its function wants.
    pub fn parse(place: &str, text: &str, known: &BTreeMap<String, Kind>) -> Result<Template, Error> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            parts.push(Part::Text(rest[..start].to_string()));
            let Some(length) = rest[start..].find('}') else {
                return Err(Error::new(place, format!("a brace is left open in `{text}`")));
            };
            parts.push(slot(place, &rest[start + 1..start + length], known)?);
            rest = &rest[start + length + 1..];
        }
        parts.push(Part::Text(rest.to_string()));
        Ok(Template { parts })
    }

    /// The text with its slots filled.
    pub fn fill(&self, values: &Values) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Slot(function, names) => {
                    let mut joined = Value::default();
                    for value in names.iter().rev().filter_map(|name| values.get(name)) {
                        joined.items.splice(0..0, value.items.iter().cloned());
                        joined.join.clone_from(&value.join);
                    }
                    text.push_str(&function.apply(joined).text());
                }
            }
        }
        text
    }
}

fn slot(place: &str, text: &str, known: &BTreeMap<String, Kind>) -> Result<Part, Error> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let function = match words.len() {
        0 => return Err(Error::new(place, "a slot is empty")),
        1 => Function::Plain,
        _ => {
            let name = words.remove(0);
            Function::named(name)
                .ok_or_else(|| Error::new(place, format!("no function is called `{name}`")))?
        }
    };
    for &name in &words {
        let Some(&kind) = known.get(name) else {
            return Err(Error::new(place, format!("no slot is called `{name}`")));
        };
        if function.wants_numbers() && kind != Kind::Number {
            return Err(Error::new(place, format!("`{text}` wants numbers and `{name}` holds words")));
        }
    }
    Ok(Part::Slot(function, words.into_iter().map(String::from).collect()))
}
