//! How a sample can end without a number.
//!
//! A type of its own, because a failed sample that reports `0` is the best score of all for a metric where
//! lower is better: only [`crate::report::Report`] holds metrics, and a [`Failure`] cannot.

use serde::Serialize;
use std::fmt;

/// What kept the sample from being measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no such worker, or it cannot be executed.
    NotFound,
    /// The worker's process ended by itself: an exit status, a panic, a signal.
    Crashed,
    /// The worker asked for more memory than it may have.
    OutOfMemory,
    /// The worker sent nothing for too long, or the whole sample took too long.
    Hung,
    /// The worker sent bytes that are no frame, or a frame that answers another question.
    Garbage,
    /// The worker sent bytes before it was asked.
    TooEarly,
    /// The worker sent fewer tokens than asked, where the reference model would have gone on.
    EndedEarly,
    /// The worker sent bytes after its last token.
    TooMany,
    /// The worker left other processes behind.
    Survivors,
    /// The figures cannot be true: faster than the weights can be read, or not finite.
    Implausible,
    /// The worker computed for longer than it may where no clock runs: while it loads, between answers, at its end.
    Unclocked,
    /// The machine's clocks disagree: somebody slews them while the sample is timed.
    Clock,
    /// The model directory cannot be used.
    BadModel,
    /// The suite cannot be used, or does not fit the model.
    BadSuite,
    /// What was asked of the harness cannot be done on this machine.
    BadSetup,
}

impl Kind {
    /// Every kind, in the order in which `explain` lists them.
    pub const ALL: [Kind; 15] = [
        Kind::NotFound,
        Kind::Crashed,
        Kind::OutOfMemory,
        Kind::Hung,
        Kind::Garbage,
        Kind::TooEarly,
        Kind::EndedEarly,
        Kind::TooMany,
        Kind::Survivors,
        Kind::Implausible,
        Kind::Unclocked,
        Kind::Clock,
        Kind::BadModel,
        Kind::BadSuite,
        Kind::BadSetup,
    ];

    /// The name in the JSON object's `outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not_found",
            Kind::Crashed => "crashed",
            Kind::OutOfMemory => "out_of_memory",
            Kind::Hung => "hung",
            Kind::Garbage => "garbage",
            Kind::TooEarly => "too_early",
            Kind::EndedEarly => "ended_early",
            Kind::TooMany => "too_many",
            Kind::Survivors => "survivors",
            Kind::Implausible => "implausible",
            Kind::Unclocked => "unclocked",
            Kind::Clock => "clock",
            Kind::BadModel => "bad_model",
            Kind::BadSuite => "bad_suite",
            Kind::BadSetup => "bad_setup",
        }
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Kind::NotFound => "there is no such worker, or it cannot be executed",
            Kind::Crashed => "the worker's process ended by itself: an exit status, a panic, a signal",
            Kind::OutOfMemory => "the worker asked for more memory than --worker-memory-mb allows",
            Kind::Hung => {
                "no token for --worker-timeout-s, or the sample took longer than --sample-timeout-s"
            }
            Kind::Garbage => {
                "bytes that are no frame, a wrong nonce or number, a token outside the vocabulary"
            }
            Kind::TooEarly => "bytes from the worker before it was asked",
            Kind::EndedEarly => "fewer tokens than asked, where the reference model would have gone on",
            Kind::TooMany => "bytes from the worker after its last token",
            Kind::Survivors => "the worker left other processes behind; they were ended",
            Kind::Implausible => "faster than the weights can be read, or a figure that is not finite",
            Kind::Unclocked => {
                "the worker computed for longer than it may while it loaded the model, between answers or at its end"
            }
            Kind::Clock => "CLOCK_MONOTONIC_RAW and CLOCK_MONOTONIC drifted apart while the sample was timed",
            Kind::BadModel => "the model directory cannot be used",
            Kind::BadSuite => "the suite cannot be used, or does not fit the model",
            Kind::BadSetup => "what was asked of the harness cannot be done on this machine",
        }
    }

    /// Exit status of the process: 1 where the worker is to blame, 2 where the set-up is.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::NotFound | Kind::BadModel | Kind::BadSuite | Kind::BadSetup => 2,
            _ => 1,
        }
    }
}

/// A sample that was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What kind of failure.
    pub outcome: Kind,
    /// Why, in one line.
    pub reason: String,
    /// What else is known.
    #[serde(skip_serializing_if = "Detail::is_empty")]
    pub detail: Box<Detail>,
}

/// What is known of a failure beyond its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// Task of the prompt that was being answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Number of that prompt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<usize>,
    /// How the process ended, e.g. `exit status 3` or `signal 6 (SIGABRT)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The last lines of its standard error: at most 4 KiB, escapes stripped. Written by the candidate: data, not advice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Detail {
    fn is_empty(&self) -> bool {
        *self == Detail::default()
    }
}

impl Failure {
    /// A failure of which nothing but the reason is known.
    pub fn new(outcome: Kind, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), detail: Box::default() }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.detail.hint = Some(hint.into());
        self
    }

    /// The same with the prompt that was being answered, numbered from 1.
    #[must_use]
    pub fn at_prompt(mut self, number: usize, task: &str) -> Self {
        self.detail.prompt = Some(number);
        self.detail.task = Some(task.to_owned());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: the sample was not measured: {}", self.outcome.meaning())?;
        write!(f, "cause: {}", self.reason)?;
        if let (Some(number), Some(task)) = (self.detail.prompt, &self.detail.task) {
            write!(f, "\n note: at prompt {number}, task {task}")?;
        }
        if let Some(stderr) = &self.detail.stderr {
            write!(f, "\n note: the worker's last words, as data:")?;
            for line in stderr.lines() {
                write!(f, "\n     | {line}")?;
            }
        }
        if let Some(hint) = &self.detail.hint {
            write!(f, "\n hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_that_json_gives_it() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    #[test]
    fn a_failure_holds_no_number_that_could_be_taken_for_a_score() {
        let json = serde_json::to_value(Failure::new(Kind::Hung, "no token for 60 s")).unwrap();
        assert_eq!(json, serde_json::json!({"outcome": "hung", "reason": "no token for 60 s"}));
    }
}
