//! What a stream of events says, as an answer: a function of the events and of when each arrived.

use serde_json::Value;

use crate::answer::{Answer, AnswerEnd};

/// Most characters of what a server said that are kept.
const SAID: usize = 400;

/// A stream that is being read.
#[derive(Debug)]
pub struct Reading {
    answer: Answer,
    ended: Option<AnswerEnd>,
}

impl Default for Reading {
    fn default() -> Self {
        Self { answer: Answer::ended(AnswerEnd::NoDone), ended: None }
    }
}

/// The beginning of what a server said, on one line.
pub fn said(text: &str) -> String {
    piton_core::trial::text::clean(text.trim(), SAID)
}

impl Reading {
    /// Takes in an event of this name, `message` where it has none, that arrived `at_ms` after the request was written. Returns whether more
    /// may come.
    ///
    /// Text counts where it is not empty: the first event of a chat has `content: null`, the last may have no choices. Reasoning is text, too:
    /// the user waits for it.
    pub fn event(&mut self, name: &str, data: &str, at_ms: f64) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let data = data.trim();
        if data == "[DONE]" {
            let empty = self.answer.text.is_empty();
            self.ended = Some(if empty { AnswerEnd::NoText } else { AnswerEnd::Done });
            return false;
        }
        if name == "error" {
            self.ended = Some(AnswerEnd::ErrorEvent { text: said(data) });
            return false;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            self.ended = Some(AnswerEnd::Unreadable { text: said(data) });
            return false;
        };
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str).map(str::to_owned);
            self.ended =
                Some(AnswerEnd::ErrorEvent { text: said(&message.unwrap_or_else(|| error.to_string())) });
            return false;
        }
        self.usage(&event);
        for choice in event.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let delta = choice.get("delta");
            let of_delta = |key: &str| delta.and_then(|delta| delta.get(key));
            let texts = [
                choice.get("text"),
                of_delta("reasoning_content"),
                of_delta("reasoning"),
                of_delta("content"),
            ];
            for text in texts.into_iter().flatten().filter_map(Value::as_str).filter(|text| !text.is_empty())
            {
                self.text(text, at_ms);
            }
            if let Some(why) = choice.get("finish_reason").and_then(Value::as_str) {
                self.answer.finish = Some(why.to_owned());
            }
        }
        true
    }

    fn text(&mut self, text: &str, at_ms: f64) {
        let answer = &mut self.answer;
        match answer.last_ms {
            Some(last) => answer.gaps_ms.push(at_ms - last),
            None => answer.ttft_ms = Some(at_ms),
        }
        answer.last_ms = Some(at_ms);
        answer.events += 1;
        answer.text.push_str(text);
    }

    fn usage(&mut self, event: &Value) {
        let answer = &mut self.answer;
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            let count = |key: &str| usage.get(key).and_then(Value::as_u64);
            answer.tokens = count("completion_tokens").or(answer.tokens);
            answer.prompt_tokens = count("prompt_tokens").or(answer.prompt_tokens);
            answer.cached_tokens = usage
                .pointer("/prompt_tokens_details/cached_tokens")
                .and_then(Value::as_u64)
                .or(answer.cached_tokens);
        }
        if let Some(timings) = event.get("timings").filter(|timings| timings.is_object()) {
            answer.timings = Some(timings.clone());
            let cached = timings.get("cache_n").and_then(Value::as_u64);
            answer.cached_tokens = answer.cached_tokens.or(cached);
        }
    }

    /// The answer, where the stream has ended by itself; `cut` says that something else ended it.
    pub fn finish(mut self, cut: Option<AnswerEnd>) -> Answer {
        self.answer.end = self.ended.or(cut).unwrap_or(AnswerEnd::NoDone);
        self.answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &[&str]) -> Answer {
        let mut reading = Reading::default();
        for (n, data) in events.iter().enumerate() {
            if !reading.event("message", data, 10.0 * (n + 1) as f64) {
                break;
            }
        }
        reading.finish(None)
    }

    const ROLE: &str = r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#;
    const WORD: &str = r#"{"choices":[{"delta":{"content":"a b"}}]}"#;
    const LAST: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3}},"timings":{"draft_n":8,"draft_n_accepted":5}}"#;

    #[test]
    fn the_first_text_counts_not_the_first_event_and_tokens_are_those_of_usage() {
        let answer = read(&[ROLE, WORD, WORD, LAST, "[DONE]"]);
        assert_eq!((answer.ttft_ms, answer.last_ms, answer.events), (Some(20.0), Some(30.0), 2));
        assert_eq!((answer.tokens, answer.cached_tokens, answer.drafted()), (Some(4), Some(3), Some((8, 5))));
        assert!(answer.is_done() && answer.text == "a ba b");
    }

    #[test]
    fn an_error_event_under_status_200_is_an_error() {
        let answer = read(&[ROLE, WORD, r#"{"error":{"message":"out of memory","code":500}}"#, "[DONE]"]);
        assert_eq!(answer.end, AnswerEnd::ErrorEvent { text: "out of memory".to_owned() });
    }

    #[test]
    fn an_event_named_error_is_an_error_whatever_it_holds() {
        let mut reading = Reading::default();
        reading.event("message", WORD, 1.0);
        assert!(!reading.event("error", "overloaded", 2.0));
        assert_eq!(reading.finish(None).end, AnswerEnd::ErrorEvent { text: "overloaded".to_owned() });
    }

    #[test]
    fn a_stream_that_ends_without_done_is_broken_however_much_came() {
        assert_eq!(read(&[ROLE, WORD, WORD, LAST]).end, AnswerEnd::NoDone);
    }

    #[test]
    fn an_answer_without_a_character_is_none() {
        assert_eq!(read(&[ROLE, LAST, "[DONE]"]).end, AnswerEnd::NoText);
    }

    #[test]
    fn what_is_no_json_is_told_as_it_came() {
        assert_eq!(read(&["<html>"]).end, AnswerEnd::Unreadable { text: "<html>".to_owned() });
    }

    #[test]
    fn a_client_that_reads_late_makes_no_answer_fast() {
        let mut reading = Reading::default();
        for data in [ROLE, WORD, WORD, WORD, LAST, "[DONE]"] {
            reading.event("message", data, 1000.0);
        }
        let answer = reading.finish(None);
        assert_eq!(answer.tokens_per_s(), Some(4.0));
        assert_eq!(answer.tpot_ms(), Some(0.0));
    }

    #[test]
    fn acceptance_that_the_server_does_not_tell_is_absent() {
        assert_eq!(read(&[WORD, "[DONE]"]).drafted(), None);
    }
}
