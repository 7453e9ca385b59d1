//! What is answered when a trial is decided.

use piton_core::base::error::exit;
use piton_core::trial::record::{Outcome, Record, Status};
use piton_core::trial::text;
use piton_system::config::Config;

/// Tests that an answer names beside the first.
const TESTS: usize = 8;

/// The verdict of a trial in an agent's or a person's checkout, and what comes next.
pub(super) fn answer(record: &Record, config: &Config) -> String {
    let verdict = text::verdict(record, &config.metric, config.rule.alpha);
    let next = match &record.outcome {
        outcome if outcome.kept() => {
            format!("piton/{} is now at {}", record.run, record.commit.as_deref().unwrap_or("-"))
        }
        Outcome::OutOfScope { .. } => format!(
            "your files are as they were; only {} may be edited{}: put the others back, e.g. `git restore PATH`",
            config.editable_paths().join(", "),
            config
                .scope
                .locked_words()
                .map_or_else(String::new, |locked| format!(", and not {locked} (`[scope] locked`)"))
        ),
        Outcome::NoEdit => "edit first; nothing was reset".to_owned(),
        Outcome::Void { .. } => "your edit is as it was: `piton trial` measures it again".to_owned(),
        Outcome::Interrupted { .. } | Outcome::Duplicate { .. } | Outcome::Alike { .. } => {
            "your edit is as it was".to_owned()
        }
        _ => format!(
            "the checkout is back at the incumbent; the edit is kept: git diff HEAD refs/piton/{}/trials/{} -- {} | git apply",
            record.run,
            record.trial,
            pathspecs(config)
        ),
    };
    // What changes nothing has no number.
    let of =
        if record.outcome == Outcome::NoEdit { String::new() } else { format!("trial {}: ", record.trial) };
    format!("{of}{verdict}\n{}{next}", failed_tests(&record.outcome))
}

/// Tests that failed beside the first, which the verdict has: each in a line that is set in, so that no word of theirs begins one.
fn failed_tests(outcome: &Outcome) -> String {
    let Outcome::CheckFailed { tests, .. } = outcome else { return String::new() };
    let others = tests.iter().skip(1).take(TESTS);
    let lines: String = others.map(|test| format!("  {}\n", text::failed_test(test))).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("these failed, too (names and words of the tests):\n{lines}")
    }
}

/// The editable paths for git, from wherever one stands.
fn pathspecs(config: &Config) -> String {
    let one = |path: &String| if config.within.is_empty() { path.clone() } else { format!(":/{path}") };
    config.scope.editable.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The exit status that says what became of a trial.
pub(super) fn status_of(record: &Record) -> u8 {
    match (&record.outcome, record.outcome.status()) {
        (outcome, _) if outcome.kept() => exit::DONE,
        (_, Status::Crash) => exit::CRASHED,
        (
            Outcome::Judged { .. }
            | Outcome::Held { .. }
            | Outcome::GateFailed { .. }
            | Outcome::CheckFailed { .. },
            _,
        ) => exit::DISCARDED,
        _ => exit::NOT_JUDGED,
    }
}
