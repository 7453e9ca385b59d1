//! How a call of the agent ended, and what follows from that: whether and how long to wait, and what to tell it next time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Spent;
use piton_trial::text::clean;

/// How a call of the agent ended, by its last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// It came to its end.
    Done,
    /// It came to its end with a question, in these words.
    Asked(String),
    /// It came to its end, and was refused these tools.
    Denied(Vec<String>),
    /// It used up the turns or the money of a call.
    Spent,
    /// Its account is limited.
    Limited {
        /// In its words.
        why: String,
        /// Until when, in seconds since 1970, where it says so.
        until: Option<u64>,
    },
    /// Nobody is logged in.
    Unauthorised(String),
    /// It failed: why.
    Failed(String),
    /// It neither said nor edited anything for so many seconds, and was ended.
    Stalled(u64),
    /// It took longer than so many seconds, and was ended.
    TimedOut(u64),
    /// The user stopped it.
    Interrupted,
    /// It has nothing left to try.
    Exhausted,
}

impl Call {
    /// Whether the call failed, so that an edit which it left may be half of one.
    pub fn failed(&self) -> bool {
        !matches!(self, Self::Done | Self::Asked(_) | Self::Denied(_) | Self::Exhausted)
    }

    /// One word, for the record.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Asked(_) => "asked",
            Self::Denied(_) => "denied",
            Self::Spent => "spent",
            Self::Limited { .. } => "limited",
            Self::Unauthorised(_) => "unauthorised",
            Self::Failed(_) => "failed",
            Self::Stalled(_) => "stalled",
            Self::TimedOut(_) => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Exhausted => "exhausted",
        }
    }

    /// What to tell the user.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Done | Self::Interrupted | Self::Exhausted => None,
            Self::Asked(said) => Some(format!("ended with a question: {}", clean(said, 200))),
            Self::Denied(tools) => Some(format!("was refused: {}", clean(&tools.join(", "), 200))),
            Self::Spent => Some("used up the turns or the money of its call".to_owned()),
            Self::Limited { why, .. } => Some(format!("is limited: {}", clean(why, 200))),
            Self::Unauthorised(why) => Some(format!("is not let in: {}", clean(why, 200))),
            Self::Failed(why) => Some(format!("failed: {}", clean(why, 200))),
            Self::Stalled(seconds) => {
                Some(format!("failed: it neither said nor edited anything for {seconds} s, and was ended"))
            }
            Self::TimedOut(seconds) => Some(format!("failed: it took longer than {seconds} s")),
        }
    }
}

/// What a proposer is told of its last turn, where that left no edit; one line.
pub fn note(call: &Call) -> Option<String> {
    let nobody = "Nobody can answer: decide yourself, edit, and stop.";
    match call {
        Call::Asked(said) => Some(format!(
            "Your last turn left no edit and ended with a question (data): `{}`. {nobody}",
            clean(said, 200).replace('`', "'")
        )),
        Call::Denied(tools) => Some(format!(
            "Your last turn left no edit; you were refused: `{}`. Do without.",
            clean(&tools.join(", "), 200).replace('`', "'")
        )),
        Call::Done => Some(format!("Your last turn left no edit. {nobody}")),
        Call::Spent => {
            Some("Your last turn was cut off before it left an edit: make a smaller change.".to_owned())
        }
        _ => None,
    }
}

/// How long to wait before the agent is called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Not at all.
    None,
    /// For so long.
    For(Duration),
    /// Until then, in seconds since 1970.
    Until(u64),
}

/// Longest pause, in units.
const LONGEST: u32 = 30;

/// How long to wait after `call`, the last of those in `spent`: until a limit ends, where that is known at `now`; else 1, 2, 4, ... 30 units,
/// of which each is a minute. A first failure is tried again at once.
pub fn pause(call: &Call, spent: &Spent, unit: Duration, now: u64) -> Pause {
    let nth = |n: u32| match n.checked_sub(1) {
        None => Pause::None,
        Some(n) => Pause::For(unit * 2u32.saturating_pow(n).min(LONGEST)),
    };
    match call {
        Call::Limited { until: Some(until), .. } if *until >= now => Pause::Until(until + 1),
        // It is over, by the agent's own word; should it not be, the next call says so.
        Call::Limited { until: Some(_), .. } => nth(1),
        Call::Limited { until: None, .. } => nth(spent.limited),
        Call::Failed(_) | Call::Stalled(_) | Call::TimedOut(_) => nth(spent.failing.saturating_sub(1)),
        _ => Pause::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limited(until: Option<u64>) -> Call {
        Call::Limited { why: "429".to_owned(), until }
    }

    #[test]
    fn a_limit_is_waited_for_until_it_ends() {
        assert_eq!(pause(&limited(Some(1000)), &Spent::default(), MINUTE, 400), Pause::Until(1001));
        assert_eq!(pause(&limited(Some(300)), &Spent::default(), MINUTE, 400), Pause::For(MINUTE));
    }

    #[test]
    fn a_limit_of_unknown_length_is_waited_for_longer_each_time_and_at_most_half_an_hour() {
        let minutes: Vec<u64> = (1..9)
            .map(|n| match pause(&limited(None), &Spent { limited: n, ..Spent::default() }, MINUTE, 0) {
                Pause::For(time) => time.as_secs() / 60,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 30, 30, 30]);
        let many = Spent { limited: u32::MAX, ..Spent::default() };
        assert_eq!(pause(&limited(None), &many, MINUTE, 0), Pause::For(30 * MINUTE));
    }

    #[test]
    fn a_first_failure_is_tried_again_at_once() {
        let failed =
            |failing| pause(&Call::Failed(String::new()), &Spent { failing, ..Spent::default() }, MINUTE, 0);
        assert_eq!(
            (failed(1), failed(2), failed(3)),
            (Pause::None, Pause::For(MINUTE), Pause::For(2 * MINUTE))
        );
        assert_eq!(pause(&Call::Done, &Spent::default(), MINUTE, 0), Pause::None);
    }

    #[test]
    fn a_question_comes_back_as_data_on_one_line() {
        let line = note(&Call::Asked("Shall I\n```\nignore program.md?".to_owned())).unwrap();
        assert!(line.contains("Shall I\\n'''\\nignore program.md?") && !line.contains('\n'), "{line}");
        assert!(line.ends_with("decide yourself, edit, and stop."));
        assert_eq!(note(&limited(None)), None);
    }

    #[test]
    fn each_end_of_a_call_has_its_word_and_what_went_wrong_is_told() {
        let why = || "w".to_owned();
        let ends = [
            (Call::Done, "done", false, None),
            (Call::Asked(why()), "asked", false, Some("ended with a question: w")),
            (Call::Denied(vec![why(), why()]), "denied", false, Some("was refused: w, w")),
            (Call::Spent, "spent", true, Some("used up the turns or the money of its call")),
            (limited(None), "limited", true, Some("is limited: 429")),
            (Call::Unauthorised(why()), "unauthorised", true, Some("is not let in: w")),
            (Call::Failed(why()), "failed", true, Some("failed: w")),
            (
                Call::Stalled(9),
                "stalled",
                true,
                Some("failed: it neither said nor edited anything for 9 s, and was ended"),
            ),
            (Call::TimedOut(9), "timed_out", true, Some("failed: it took longer than 9 s")),
            (Call::Interrupted, "interrupted", true, None),
            (Call::Exhausted, "exhausted", false, None),
        ];
        for (call, word, failed, words) in ends {
            assert_eq!((call.word(), call.failed()), (word, failed));
            assert_eq!(call.words().as_deref(), words);
        }
    }

    #[test]
    fn a_turn_without_an_edit_is_answered_by_what_to_do_else() {
        let told = |call: Call| note(&call).unwrap();
        assert!(told(Call::Done).ends_with("decide yourself, edit, and stop."));
        assert!(told(Call::Spent).ends_with("make a smaller change."));
        assert!(told(Call::Denied(vec!["Web`Fetch".to_owned()])).contains("you were refused: `Web'Fetch`"));
    }

    #[test]
    fn a_limit_that_ends_now_is_waited_for_and_other_failures_pause_alike() {
        assert_eq!(pause(&limited(Some(400)), &Spent::default(), MINUTE, 400), Pause::Until(401));
        let thrice = Spent { failing: 3, limited: 2, ..Spent::default() };
        for call in [Call::Stalled(9), Call::TimedOut(9)] {
            assert_eq!(pause(&call, &thrice, MINUTE, 0), Pause::For(2 * MINUTE));
        }
        assert_eq!(pause(&Call::Spent, &thrice, MINUTE, 0), Pause::None);
    }
}
