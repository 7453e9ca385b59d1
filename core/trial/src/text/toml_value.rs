//! Texts as values of TOML, for the files that piton writes.

/// A text: literal, or over several lines, where that spares escapes.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A list of texts.
pub fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_one_value_of_toml() {
        for text in
            ["a", "a \"b\" \\c", "two\nlines\tx", "\u{1}\u{7f}é", "it's \"both\"", "'''\n\"\"\"", "", "\r\nx"]
        {
            let read: toml::Table = toml::from_str(&format!("v = {}\n", list(&[text.to_owned()]))).unwrap();
            assert_eq!(read["v"][0].as_str(), Some(text));
        }
    }
}
