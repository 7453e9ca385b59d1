//! A JSON value in which a name that stands twice is seen: a map takes the last of two values without a word.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Names and values in the order in which they stand.
    Object(Vec<(String, Tree)>),
    /// A list.
    List(Vec<Tree>),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// `true`, `false` or `null`.
    Word(&'static str),
}

impl Tree {
    /// The members of an object.
    pub fn members(&self) -> Option<&[(String, Tree)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The first member of that name.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        self.members()?.iter().find(|member| member.0 == name).map(|member| &member.1)
    }

    /// A text of that name; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        if let Some(Self::Text(text)) = self.get(name) { text } else { "" }
    }

    /// The first name that an object holds twice.
    pub fn twice(&self) -> Option<&str> {
        let mut seen = std::collections::BTreeSet::new();
        self.members()?.iter().map(|member| member.0.as_str()).find(|name| !seen.insert(*name))
    }

    /// What stands at a path such as `results.0.mean`: names and numbers of places, with points between. A name that holds points
    /// itself goes before a path. The error is a name on the way that stands twice.
    pub fn at(&self, path: &str) -> Result<Option<&Tree>, String> {
        if let Some(found) = self.step(path)? {
            return Ok(Some(found));
        }
        for (point, _) in path.rmatch_indices('.') {
            if let Some(found) = self.step(&path[..point])?
                && let Some(found) = found.at(&path[point + 1..])?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What a JSON pointer such as `/results/0/mean` leads to (RFC 6901): `~1` is a slash in a name, `~0` a tilde. The error is a name on the
    /// way that stands twice.
    pub fn pointer(&self, pointer: &str) -> Result<Option<&Tree>, String> {
        let mut at = self;
        for name in pointer.split('/').skip(1) {
            match at.step(&name.replace("~1", "/").replace("~0", "~"))? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn step(&self, name: &str) -> Result<Option<&Tree>, String> {
        match self {
            Self::Object(members) => {
                let mut found = members.iter().filter(|member| member.0 == name);
                let first = found.next().map(|member| &member.1);
                if found.next().is_some() { Err(name.to_owned()) } else { Ok(first) }
            }
            Self::List(list) => Ok(name.parse::<usize>().ok().and_then(|place| list.get(place))),
            _ => Ok(None),
        }
    }

    /// How many members of that name there are, at any depth.
    pub fn count(&self, name: &str) -> usize {
        match self {
            Self::Object(members) => {
                members.iter().map(|(own, value)| usize::from(own == name) + value.count(name)).sum()
            }
            Self::List(list) => list.iter().map(|value| value.count(name)).sum(),
            _ => 0,
        }
    }

    /// Paths of numbers, the first `most` of them.
    pub fn numbers(&self, most: usize) -> Vec<String> {
        let mut paths = vec![];
        self.walk("", most, &mut paths);
        paths
    }

    fn walk(&self, path: &str, most: usize, paths: &mut Vec<String>) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match self {
            Self::Number(_) if paths.len() < most => paths.push(path.to_owned()),
            Self::Object(members) => {
                members.iter().for_each(|(name, value)| {
                    if paths.len() < most {
                        value.walk(&below(name), most, paths);
                    }
                });
            }
            Self::List(list) => {
                // The others are like the first.
                if let Some(value) = list.first().filter(|_| paths.len() < most) {
                    value.walk(&below("0"), most, paths);
                }
            }
            _ => {}
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(_) => write!(f, "an object"),
            Self::List(_) => write!(f, "a list"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "the text {text:?}"),
            Self::Word(word) => write!(f, "{word}"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "JSON")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Object(members))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = vec![];
                while let Some(value) = seq.next_element()? {
                    list.push(value);
                }
                Ok(Tree::List(list))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
                Ok(Tree::Number(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
                Ok(Tree::Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
                Ok(Tree::Number(number as f64))
            }
            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, is: bool) -> Result<Tree, E> {
                Ok(Tree::Word(if is { "true" } else { "false" }))
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Word("null"))
            }
        }
        from.deserialize_any(TreeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists_and_a_name_with_points_goes_before_it() {
        let tree: Tree =
            serde_json::from_str(r#"{"results":[{"mean":1.5}],"a.b":{"c":2},"a":{"b":{"c":3,"d":4}}}"#)
                .unwrap();
        let at = |path: &str| tree.at(path).unwrap().cloned();
        assert_eq!(at("results.0.mean"), Some(Tree::Number(1.5)));
        assert_eq!(at("a.b.d"), Some(Tree::Number(4.0)));
        assert_eq!((at("results.1.mean"), at("results.mean"), at("")), (None, None, None));
        assert_eq!(tree.numbers(3), ["results.0.mean", "a.b.c", "a.b.c"]);
        let twice: Tree = serde_json::from_str(r#"{"a":{"b":1,"b":2}}"#).unwrap();
        assert_eq!(twice.at("a.b"), Err("b".to_owned()));
    }
}
