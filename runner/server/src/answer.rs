//! What came of one request.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// How a request ended. Only [`AnswerEnd::Done`] is an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AnswerEnd {
    /// The whole answer came, and says so.
    Done,
    /// The server refused it with a status.
    Http {
        /// The status.
        status: u16,
        /// The beginning of what it said.
        text: String,
    },
    /// An `error` came as an event, though the status was 200.
    ErrorEvent {
        /// What it said.
        text: String,
    },
    /// The stream ended without `[DONE]`: the server died, or gave up.
    NoDone,
    /// It was whole and held not a single character.
    NoText,
    /// It took too long.
    Timeout,
    /// An event is no JSON.
    Unreadable {
        /// Its beginning.
        text: String,
    },
    /// Nobody listens there, or the connection broke before an answer began.
    NoConnection {
        /// What the system says.
        text: String,
    },
}

impl AnswerEnd {
    /// Its name: `done`, `http_500`, `error_event`, `no_done`, ...
    pub fn name(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Http { status, .. } => format!("http_{status}"),
            Self::ErrorEvent { .. } => "error_event".to_owned(),
            Self::NoDone => "no_done".to_owned(),
            Self::NoText => "no_text".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Unreadable { .. } => "unreadable".to_owned(),
            Self::NoConnection { .. } => "no_connection".to_owned(),
        }
    }

    /// What the server or the system said of it; empty where they said nothing.
    pub fn text(&self) -> &str {
        match self {
            Self::Http { text, .. }
            | Self::ErrorEvent { text }
            | Self::Unreadable { text }
            | Self::NoConnection { text } => text,
            _ => "",
        }
    }
}

impl fmt::Display for AnswerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if self.text().is_empty() { Ok(()) } else { write!(f, ": {}", self.text()) }
    }
}

/// A request and what came of it. Times are milliseconds since the request was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// How it ended.
    #[serde(flatten)]
    pub end: AnswerEnd,
    /// When the first text arrived.
    pub ttft_ms: Option<f64>,
    /// When the last text arrived.
    pub last_ms: Option<f64>,
    /// Times between the arrivals of one text and the next.
    #[serde(skip)]
    pub gaps_ms: Vec<f64>,
    /// Events that held text. Not the number of tokens: one event may hold several.
    pub events: u64,
    /// Tokens of the answer, by the server's `usage`.
    pub tokens: Option<u64>,
    /// Tokens of the prompt, by the server's `usage`.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the prompt that a cache answered for, where the server says.
    pub cached_tokens: Option<u64>,
    /// Why the server stopped.
    pub finish: Option<String>,
    /// The server's own `timings`, as llama.cpp gives them.
    pub timings: Option<Value>,
    /// The text.
    #[serde(skip)]
    pub text: String,
}

impl Answer {
    /// One that ended before anything came.
    pub fn ended(end: AnswerEnd) -> Self {
        Self {
            end,
            ttft_ms: None,
            last_ms: None,
            gaps_ms: vec![],
            events: 0,
            tokens: None,
            prompt_tokens: None,
            cached_tokens: None,
            finish: None,
            timings: None,
            text: String::new(),
        }
    }

    /// Whether the whole answer came.
    pub fn is_done(&self) -> bool {
        self.end == AnswerEnd::Done
    }

    /// Tokens per second from the write to the last token. A client that reads late cannot make it larger: unlike the rate between the first
    /// token and the last, whose time is short when both are read at once.
    pub fn tokens_per_s(&self) -> Option<f64> {
        Some(self.tokens? as f64 * 1000.0 / self.last_ms.filter(|ms| *ms > 0.0)?)
    }

    /// Milliseconds per token after the first (TPOT): `(last - first) / (n - 1)`, as vLLM's and NVIDIA's benchmarks define it. Absent below
    /// two tokens.
    pub fn tpot_ms(&self) -> Option<f64> {
        let more = self.tokens?.checked_sub(1).filter(|n| *n > 0)?;
        Some((self.last_ms? - self.ttft_ms?) / more as f64)
    }

    /// Drafted and accepted tokens of speculative decoding, where the server says them. Never worked out from anything else.
    pub fn drafted(&self) -> Option<(u64, u64)> {
        let timings = self.timings.as_ref()?;
        Some((timings.get("draft_n")?.as_u64()?, timings.get("draft_n_accepted")?.as_u64()?))
    }
}
