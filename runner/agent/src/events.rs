//! What an agent says while it works, read event by event: whether it came to its end, what it cost, what it was refused, and until
//! when it is limited. Nothing here touches the world, and nothing is believed of an exit status.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::faults::fault;
use super::kind::{AgentKind, Dialect};
use piton_core::trial::text::clean;

/// Longest text of an agent's that is remembered, in characters.
pub(super) const SAID: usize = 2000;

/// What was heard of a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CallOutput {
    /// The model, by its own name.
    pub model: Option<String>,
    /// Its session.
    pub session: Option<String>,
    /// US dollars.
    pub usd: Option<f64>,
    /// Tokens that the model read, cached ones among them; all of them where they are told together.
    pub tokens_in: Option<u64>,
    /// Tokens that it wrote.
    pub tokens_out: Option<u64>,
    /// Turns that the model took.
    pub turns: Option<u32>,
    /// Tools that it was refused.
    pub denied: BTreeSet<String>,
    /// Its last words.
    pub said: String,
    /// Its last event, where that says how it ended.
    pub last: Option<AgentEnd>,
}

/// How an agent says that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEnd {
    /// It came to its end.
    Done,
    /// It used up what it was given: turns, or money.
    Spent,
    /// Its account is limited.
    Limited {
        /// In its words.
        why: String,
        /// Until when, in seconds since 1970, where it says so.
        until: Option<u64>,
    },
    /// Nobody is logged in, or nobody pays: trying again does not help.
    Unauthorised(String),
    /// Something else went wrong.
    Failed(String),
}

/// Reads an agent's output line by line.
#[derive(Debug)]
pub(crate) struct Listener {
    dialect: Dialect,
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) output: CallOutput,
    /// What it said last of something that went wrong.
    pub(super) trouble: Option<String>,
    /// When its limit resets, by an event of its own.
    pub(super) resets: Option<u64>,
    /// The message that it is in the middle of.
    pub(super) message: String,
    /// Cost of what it has told so far, for an agent that is ended before it tells the sum.
    pub(super) so_far: (u64, u64),
    patterns: [Option<Regex>; 4],
}

impl Listener {
    /// For an agent of this kind that starts `now`, in seconds since 1970.
    pub fn new(kind: &AgentKind, now: u64) -> Self {
        let regex = |pattern: &Option<String>| pattern.as_ref().and_then(|text| Regex::new(text).ok());
        let patterns = &kind.patterns;
        Self {
            dialect: kind.events,
            now,
            output: CallOutput::default(),
            trouble: None,
            resets: None,
            message: String::new(),
            so_far: (0, 0),
            patterns: [&patterns.usd, &patterns.tokens_in, &patterns.tokens_out, &patterns.failed].map(regex),
        }
    }

    /// Whether its last event says that it ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.output.last.is_some()
    }

    /// Takes in a line of its standard output.
    pub fn line(&mut self, line: &str) {
        if self.dialect == Dialect::Text {
            return self.text(line);
        }
        let line = line.trim();
        if !line.starts_with('{') {
            return;
        }
        match serde_json::from_str::<Value>(line) {
            Ok(event) => self.event(&event),
            // claude was seen to print this event in the middle of another.
            Err(_) => {
                let inner = line.find("{\"type\":\"rate_limit_event\"").map(|at| &line[at..]);
                let event =
                    inner.and_then(|text| serde_json::Deserializer::from_str(text).into_iter().next()?.ok());
                event.iter().for_each(|event| self.event(event));
            }
        }
    }

    fn event(&mut self, event: &Value) {
        match self.dialect {
            Dialect::Claude => self.claude(event),
            Dialect::Codex => self.codex(event),
            Dialect::Goose => self.goose(event),
            Dialect::Opencode => self.opencode(event),
            Dialect::Gemini => self.gemini(event),
            Dialect::Text => {}
        }
    }

    /// What was heard of an agent that has gone. `errors` is the end of its standard error, `exited` its exit status where it has one.
    pub fn close(mut self, errors: &str, exited: Option<i32>) -> CallOutput {
        if self.dialect == Dialect::Text {
            errors.lines().for_each(|line| self.text(line));
            self.output.last = Some(match (self.trouble.take(), exited) {
                (Some(why), _) => fault(&why, None, self.now),
                (None, Some(0)) => AgentEnd::Done,
                (None, status) => fault(&last_words(errors, status), None, self.now),
            });
        }
        if self.output.last.is_none() {
            let why = self.trouble.take().unwrap_or_else(|| last_words(errors, exited));
            self.output.last = Some(fault(&why, self.resets, self.now));
        }
        if self.output.tokens_in.is_none() && self.so_far != (0, 0) {
            (self.output.tokens_in, self.output.tokens_out) = (Some(self.so_far.0), Some(self.so_far.1));
        }
        self.output
    }

    pub(super) fn say(&mut self, text: &str) {
        let skipped = text.chars().count().saturating_sub(SAID);
        self.output.said = text.chars().skip(skipped).collect();
    }

    fn text(&mut self, line: &str) {
        let [usd, tokens_in, tokens_out, failed] = &self.patterns;
        let read = |regex: &Option<Regex>| -> Option<f64> {
            amount(regex.as_ref()?.captures(line)?.get(1)?.as_str())
        };
        if let Some(usd) = read(usd) {
            self.output.usd = Some(self.output.usd.unwrap_or(0.0) + usd);
        }
        add(&mut self.output.tokens_in, read(tokens_in).map(|n| n as u64));
        add(&mut self.output.tokens_out, read(tokens_out).map(|n| n as u64));
        if failed.as_ref().is_some_and(|failed| failed.is_match(line)) {
            self.trouble = Some(line.trim().to_owned());
        }
        if !line.trim().is_empty() {
            let line = line.to_owned();
            self.say(&line);
        }
    }
}

pub(super) fn add<T: std::ops::Add<Output = T> + Copy>(sum: &mut Option<T>, more: Option<T>) {
    if let Some(more) = more {
        *sum = Some(sum.map_or(more, |sum| sum + more));
    }
}

/// A number with perhaps k or M behind it.
fn amount(text: &str) -> Option<f64> {
    let text = text.replace(',', "");
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text.as_str(), 1.0), |digits| (digits, 1e6)),
    };
    digits.parse::<f64>().ok().map(|n| n * unit)
}

fn last_words(errors: &str, exited: Option<i32>) -> String {
    let line = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let how = exited.map_or_else(|| "it was ended".to_owned(), |status| format!("exit status {status}"));
    if line.is_empty() {
        format!("no last event, {how}")
    } else {
        format!("no last event, {how}: {}", clean(line, 400))
    }
}

#[cfg(test)]
mod tests;
