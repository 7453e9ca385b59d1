//! Why a recipe cannot be served: one reason of a list, and the line of the log that says so.
//!
//! One sample shows it, and it is never proposed again. Which reason it is is decided here, by values alone.

use std::fmt;

use serde::Serialize;

use piton_core::trial::crash::Crash;
use piton_core::trial::text::clean;
use piton_system::process::End;

use crate::answer::AnswerEnd;

pub use piton_core::run::stopping::INFEASIBLE;

/// Most of the line that is told, in characters.
const LINE: usize = 300;

/// The reasons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It ended before it served.
    DidNotStart,
    /// A signal ended it.
    Signal,
    /// It did not serve in time.
    ReadyTimeout,
    /// It ended while it was asked.
    Died,
    /// There was too little memory for it.
    Memory,
    /// It does not know a flag, or not this value.
    KnobRefused,
    /// It serves, with another value than was asked for.
    KnobNotHonoured,
    /// It answers with this status.
    Http(u16),
    /// It answers with an error as an event.
    ErrorEvent,
    /// Its answers end without `[DONE]`.
    NoDone,
    /// Its answers hold no text, or marks of the model's that are none.
    NoText,
    /// A request took too long.
    Timeout,
    /// The first token takes too long.
    TtftGate,
    /// It leaves processes behind.
    Leak,
    /// Its answers are not those of recipe 0.
    Quality,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "http_{status}"),
            Self::DidNotStart => f.write_str("did_not_start"),
            Self::Signal => f.write_str("signal"),
            Self::ReadyTimeout => f.write_str("ready_timeout"),
            Self::Died => f.write_str("died"),
            Self::Memory => f.write_str("memory"),
            Self::KnobRefused => f.write_str("knob_refused"),
            Self::KnobNotHonoured => f.write_str("knob_not_honoured"),
            Self::ErrorEvent => f.write_str("error_event"),
            Self::NoDone => f.write_str("no_done"),
            Self::NoText => f.write_str("no_text"),
            Self::Timeout => f.write_str("timeout"),
            Self::TtftGate => f.write_str("ttft_gate"),
            Self::Leak => f.write_str("leak"),
            Self::Quality => f.write_str("quality"),
        }
    }
}

/// A reason with what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Infeasible {
    /// Which.
    pub reason: Reason,
    /// The line of the log, or what was measured.
    pub note: String,
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if self.note.is_empty() { Ok(()) } else { write!(f, ": {}", self.note) }
    }
}

impl Infeasible {
    /// One with a note.
    pub fn new(reason: Reason, note: impl fmt::Display) -> Self {
        Self { reason, note: clean(&note.to_string(), LINE) }
    }

    /// Of a server that ended before it served, by its log.
    pub fn before_ready(end: &End, log: &str) -> Self {
        let reason = match end {
            _ if says(log, &OUT_OF_MEMORY) => Reason::Memory,
            End::Signalled(_) => Reason::Signal,
            _ if says(log, &REFUSED) => Reason::KnobRefused,
            _ => Reason::DidNotStart,
        };
        Self::ended(reason, end, log)
    }

    /// Of a server that ended while it was asked.
    pub fn while_asked(end: &End, log: &str) -> Self {
        let reason = if says(log, &OUT_OF_MEMORY) { Reason::Memory } else { Reason::Died };
        Self::ended(reason, end, log)
    }

    fn ended(reason: Reason, end: &End, log: &str) -> Self {
        let how = match end {
            End::Exited(status) => format!("exit status {status}"),
            End::Signalled(signal) => format!("signal {signal}"),
            End::TimedOut => "it took too long".to_owned(),
            End::Interrupted => "it was interrupted".to_owned(),
        };
        // The line that the reason was read from, where there is one.
        let words: &[&str] = match reason {
            Reason::Memory => &OUT_OF_MEMORY,
            Reason::KnobRefused => &REFUSED,
            _ => &[],
        };
        let named = log.lines().find(|line| contains(line, words)).map(str::trim).map(str::to_owned);
        let said = named.unwrap_or_else(|| Crash::of(log, "").reason);
        Self::new(reason, format!("{how}: {said}"))
    }

    /// Of a request that was not answered; `None` of one that was.
    pub fn of_answer(end: &AnswerEnd) -> Option<Self> {
        let reason = match end {
            AnswerEnd::Done => return None,
            AnswerEnd::Http { status, text } if contains(text, &OUT_OF_MEMORY) && *status >= 500 => {
                Reason::Memory
            }
            AnswerEnd::Http { status, .. } => Reason::Http(*status),
            AnswerEnd::ErrorEvent { .. } => Reason::ErrorEvent,
            AnswerEnd::NoDone | AnswerEnd::Unreadable { .. } => Reason::NoDone,
            AnswerEnd::NoText => Reason::NoText,
            AnswerEnd::Timeout => Reason::Timeout,
            AnswerEnd::NoConnection { .. } => Reason::Died,
        };
        Some(Self::new(reason, end.text()))
    }
}

/// How runtimes say that memory is short.
const OUT_OF_MEMORY: [&str; 9] = [
    "out of memory",
    "outofmemory",
    "bad_alloc",
    "cannot allocate memory",
    "failed to allocate",
    "unable to allocate",
    "not enough memory",
    "memoryerror",
    "alloc_tensor_range: failed",
];

/// How command lines are refused.
const REFUSED: [&str; 11] = [
    "invalid argument",
    "unknown argument",
    "unknown option",
    "unrecognized argument",
    "unrecognized option",
    "unexpected argument",
    "invalid choice",
    "invalid value",
    "has been removed",
    "unsupported cache type",
    "error while handling argument",
];

fn contains(line: &str, words: &[&str]) -> bool {
    let line = line.to_lowercase();
    words.iter().any(|word| line.contains(word))
}

fn says(log: &str, words: &[&str]) -> bool {
    log.lines().any(|line| contains(line, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(end: End, log: &str) -> (String, String) {
        let infeasible = Infeasible::before_ready(&end, log);
        (infeasible.reason.to_string(), infeasible.note)
    }

    #[test]
    fn a_removed_flag_is_a_knob_that_was_refused_and_not_too_little_memory() {
        let log = "build: 1\nerror: invalid argument: --draft-max\nuse --spec-draft-n-max instead\n";
        let (reason, note) = before(End::Exited(1), log);
        assert_eq!(reason, "knob_refused");
        assert_eq!(note, "exit status 1: error: invalid argument: --draft-max");
    }

    #[test]
    fn too_little_memory_is_told_by_the_line_that_says_so() {
        let log = "load\nggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99\nerror: invalid argument";
        let (reason, note) = before(End::Exited(1), log);
        assert_eq!(reason, "memory");
        assert!(note.contains("failed to allocate buffer"), "{note}");
        assert_eq!(before(End::Signalled(6), "terminate: std::bad_alloc").0, "memory");
    }

    #[test]
    fn a_signal_and_an_exit_are_told_apart() {
        assert_eq!(before(End::Signalled(4), "").0, "signal");
        assert_eq!(before(End::Exited(1), "error: bind failed").0, "did_not_start");
    }

    #[test]
    fn each_broken_answer_has_its_reason() {
        let of = |end: AnswerEnd| Infeasible::of_answer(&end).map(|infeasible| infeasible.reason.to_string());
        let text = String::new;
        assert_eq!(of(AnswerEnd::Done), None);
        assert_eq!(of(AnswerEnd::Http { status: 503, text: text() }).unwrap(), "http_503");
        assert_eq!(of(AnswerEnd::ErrorEvent { text: text() }).unwrap(), "error_event");
        assert_eq!(of(AnswerEnd::NoDone).unwrap(), "no_done");
        assert_eq!(of(AnswerEnd::NoText).unwrap(), "no_text");
        assert_eq!(of(AnswerEnd::Timeout).unwrap(), "timeout");
    }
}
