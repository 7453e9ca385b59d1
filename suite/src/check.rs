//! What an answer is checked for.
//!
//! Apart from the drawing, because a check sees nothing but the answer: the same check must judge the
//! words of any model, whatever prompt they answer.

/// One property that an answer has or has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The answer begins with this text, to the letter. What follows is not looked at: it is up to the
    /// model when to stop.
    BeginsWith {
        /// The text.
        text: String,
    },
    /// The answer holds at least one of these texts, upper and lower case alike.
    ContainsAny {
        /// The texts. One is enough.
        texts: Vec<String>,
    },
    /// The answer holds this whole number, not as a part of a longer one: 12 is not in 112.
    Number {
        /// Its digits.
        text: String,
    },
    /// The answer holds none of these texts, upper and lower case alike.
    ContainsNone {
        /// The texts.
        texts: Vec<String>,
    },
    /// The answer has from `min` to `max` words, both included, as white space parts them.
    Words {
        /// Fewest words.
        min: usize,
        /// Most words.
        max: usize,
    },
    /// The answer has from `min` to `max` lines that are not blank, both included.
    Lines {
        /// Fewest lines.
        min: usize,
        /// Most lines.
        max: usize,
    },
    /// No run of `words` words occurs more than `times` times: a model that has fallen into a loop fails.
    NoLoop {
        /// Length of the run, in words. At least 1.
        words: usize,
        /// How often it may occur.
        times: usize,
    },
}

impl Check {
    /// Whether `answer` has the property.
    pub fn passes(&self, answer: &str) -> bool {
        match self {
            Check::BeginsWith { text } => answer.starts_with(text.as_str()),
            Check::ContainsAny { texts } => {
                let answer = answer.to_lowercase();
                texts.iter().any(|text| answer.contains(&text.to_lowercase()))
            }
            Check::Number { text } => {
                answer.split(|c: char| !c.is_ascii_digit()).any(|number| number == text)
            }
            Check::ContainsNone { texts } => {
                let answer = answer.to_lowercase();
                !texts.iter().any(|text| answer.contains(&text.to_lowercase()))
            }
            Check::Words { min, max } => (*min..=*max).contains(&answer.split_whitespace().count()),
            Check::Lines { min, max } => {
                let lines = answer.lines().filter(|line| !line.trim().is_empty()).count();
                (*min..=*max).contains(&lines)
            }
            Check::NoLoop { words, times } => most_repeats(answer, *words) <= *times,
        }
    }
}

/// How often the most frequent run of `length` words occurs.
fn most_repeats(answer: &str, length: usize) -> usize {
    let words: Vec<&str> = answer.split_whitespace().collect();
    let mut seen = std::collections::HashMap::new();
    for run in words.windows(length.max(1)) {
        *seen.entry(run).or_insert(0) += 1;
    }
    seen.into_values().max().unwrap_or(0)
}
