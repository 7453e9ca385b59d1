//! Why a command failed, from what it printed: the line that names an error by the forms of compilers, runtimes and test runners, rather
//! than the last one, which is a footer more often than not.
//!
//! Everything here is text of others: it is cut and cleaned where it is shown.

mod absent;
mod forms;

use std::borrow::Cow;

pub use absent::install;

use crate::text::clean;
use piton_base::metric::seen;

/// Most of a line that is told, in characters.
const LINE: usize = 1000;
/// Lines of an output's end that are looked at.
const LINES: usize = 20_000;
/// Lines of the end that are kept for whoever is to mend it.
const TAIL: usize = 40;
/// Most bytes of those.
const TAIL_BYTES: usize = 6_000;
/// Longest of them, in characters.
const TAIL_LINE: usize = 300;

/// What a failed command said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Crash {
    /// The error in one line, with its place where it has one.
    pub reason: String,
    /// The last lines of what it printed.
    pub tail: String,
}

impl Crash {
    /// From both outputs; the errors of programs mostly stand in the first, those of test runners often in the second.
    pub fn of(stderr: &str, stdout: &str) -> Self {
        Self { reason: reason(stderr, stdout), tail: tail(stderr, stdout) }
    }

    /// The same with what else is known of the cause.
    pub fn because(mut self, why: Option<String>) -> Self {
        self.reason.extend(why.map(|why| format!("; {}", clean(&why, LINE))));
        self
    }
}

impl From<String> for Crash {
    fn from(reason: String) -> Self {
        Self { reason, tail: String::new() }
    }
}

/// The last line that says that a write, or anything else, was not permitted: a shell goes on after it, and an agent may not have noticed.
pub fn not_permitted(output: &str) -> Option<String> {
    let words =
        ["Permission denied", "EACCES", "Read-only file system", "EROFS", "Operation not permitted", "EPERM"];
    let line = lines(output).into_iter().rev().find(|line| words.iter().any(|word| line.contains(word)))?;
    Some(clean(line.trim(), 200))
}

/// The error that the outputs name, else the last line that says something.
fn reason(stderr: &str, stdout: &str) -> String {
    let outputs = [lines(stderr), lines(stdout)];
    let by = |form: fn(&[Cow<'_, str>]) -> Option<String>| outputs.iter().find_map(|lines| form(lines));
    by(forms::named)
        .or_else(|| by(forms::shell))
        .or_else(|| by(forms::general))
        .or_else(|| by(forms::said))
        .or_else(|| by(forms::last))
        .map_or_else(|| "it printed nothing".to_owned(), |line| clean(&line, LINE))
}

fn lines(text: &str) -> Vec<Cow<'_, str>> {
    let mut lines: Vec<Cow<'_, str>> =
        text.lines().rev().take(LINES).map(seen).filter(|line| !line.trim().is_empty()).collect();
    lines.reverse();
    lines
}

/// The last lines of the errors, and of the rest where those are few.
fn tail(stderr: &str, stdout: &str) -> String {
    let (errors, rest) = (lines(stderr), lines(stdout));
    let of_errors = errors.len().min(TAIL);
    let of_rest = rest.len().min(TAIL - of_errors);
    let both = rest[rest.len() - of_rest..].iter().chain(&errors[errors.len() - of_errors..]);
    let mut told: Vec<String> = both.map(|line| line.chars().take(TAIL_LINE).collect()).collect();
    while told.iter().map(|line| line.len() + 1).sum::<usize>() > TAIL_BYTES {
        told.remove(0);
    }
    told.join("\n")
}

#[cfg(test)]
mod tests;
