//! The events of each agent that piton knows, in the forms of November 2026.
//!
//! What is unknown is passed over: they add events with every version.

use serde_json::Value;

use super::events::{AgentEnd, Listener, SAID, add};
use super::faults::{fault, seconds_of};
use piton_core::trial::text::clean;

impl Listener {
    pub(super) fn claude(&mut self, event: &Value) {
        match kind_of(event) {
            "system" if event["subtype"] == "init" => {
                self.output.model = text(&event["model"]);
                self.output.session = text(&event["session_id"]);
            }
            "assistant" => {
                let message = &event["message"];
                let blocks = message["content"].as_array();
                if let Some(said) =
                    blocks.and_then(|blocks| blocks.iter().rev().find_map(|b| text(&b["text"])))
                {
                    self.say(&said);
                }
                // The events of one message repeat its usage.
                let id = message["id"].as_str().unwrap_or_default();
                if id != self.message {
                    id.clone_into(&mut self.message);
                    let (read, wrote) = claude_usage(&message["usage"]);
                    self.so_far = (self.so_far.0 + read, self.so_far.1 + wrote);
                }
            }
            "rate_limit_event" => {
                let info = &event["rate_limit_info"];
                self.resets = if info["status"] == "rejected" {
                    info["resetsAt"].as_u64().map(seconds_of)
                } else {
                    None
                };
            }
            "result" => {
                self.output.usd = event["total_cost_usd"].as_f64();
                let (read, wrote) = claude_usage(&event["usage"]);
                (self.output.tokens_in, self.output.tokens_out) = (Some(read), Some(wrote));
                self.output.turns = event["num_turns"].as_u64().map(|n| n as u32);
                let denials = event["permission_denials"].as_array();
                self.output
                    .denied
                    .extend(denials.into_iter().flatten().filter_map(|d| name(&d["tool_name"])));
                let why = text(&event["result"]).or_else(|| text(&event["errors"][0]));
                self.output.last = Some(match event["subtype"].as_str().unwrap_or_default() {
                    "error_max_turns" | "error_max_budget_usd" => AgentEnd::Spent,
                    "success" if event["is_error"] != true => AgentEnd::Done,
                    subtype => fault(&why.unwrap_or_else(|| subtype.to_owned()), self.resets, self.now),
                });
                if let Some(said) = text(&event["result"]) {
                    self.say(&said);
                }
            }
            _ => {}
        }
    }

    pub(super) fn codex(&mut self, event: &Value) {
        match kind_of(event) {
            "thread.started" => self.output.session = text(&event["thread_id"]),
            "turn.started" => self.output.last = None,
            "item.completed" => {
                let item = &event["item"];
                match kind_of(item) {
                    "agent_message" => {
                        if let Some(said) = text(&item["text"]) {
                            self.say(&said);
                        }
                    }
                    "error" => self.trouble = text(&item["message"]),
                    kind if item["status"] == "declined" => {
                        self.output.denied.insert(clean(kind, 60));
                    }
                    _ => {}
                }
            }
            "turn.completed" => {
                let usage = &event["usage"];
                add(&mut self.output.tokens_in, usage["input_tokens"].as_u64());
                add(&mut self.output.tokens_out, usage["output_tokens"].as_u64());
                add(&mut self.output.turns, Some(1));
                self.output.last = Some(AgentEnd::Done);
            }
            "turn.failed" => {
                let why = text(&event["error"]["message"]).or(self.trouble.take()).unwrap_or_default();
                self.output.last = Some(fault(&why, None, self.now));
            }
            "error" => self.trouble = text(&event["message"]),
            _ => {}
        }
    }

    pub(super) fn goose(&mut self, event: &Value) {
        match kind_of(event) {
            "message" if event["message"]["role"] == "assistant" => {
                let message = &event["message"];
                let blocks = message["content"].as_array();
                let said: String =
                    blocks.into_iter().flatten().filter_map(|block| block["text"].as_str()).collect();
                // A message comes in pieces that bear its id.
                let id = message["id"].as_str().unwrap_or_default();
                let whole = if !id.is_empty() && id == self.message {
                    self.output.said.clone() + &said
                } else {
                    said
                };
                id.clone_into(&mut self.message);
                self.say(&whole);
                // What it says for itself bears no id; the model may write what it likes.
                let own = whole.strip_prefix("Ran into this error").filter(|_| message["id"].is_null());
                self.trouble = own.map(|why| why.trim_start_matches([':', ' ']).trim_end().to_owned());
            }
            "error" => {
                let why = text(&event["error"]).unwrap_or_default();
                self.output.last = Some(fault(&why, None, self.now));
            }
            "complete" => {
                let count = |name: &str| event[name].as_u64();
                self.output.tokens_in = count("input_tokens").or(count("total_tokens"));
                self.output.tokens_out = count("output_tokens");
                let earlier = self.output.last.take();
                self.output.last = Some(match self.trouble.take() {
                    Some(why) => fault(&why, None, self.now),
                    None => earlier.unwrap_or(AgentEnd::Done),
                });
            }
            _ => {}
        }
    }

    pub(super) fn opencode(&mut self, event: &Value) {
        if self.output.session.is_none() {
            self.output.session = text(&event["sessionID"]);
        }
        let part = &event["part"];
        match kind_of(event) {
            "step_start" => self.output.last = None,
            "text" => {
                if let Some(said) = text(&part["text"]) {
                    self.say(&said);
                }
            }
            "tool_use" => {
                let why = part["state"]["error"].as_str().unwrap_or_default();
                if why.contains("permission") || why.contains("rejected") {
                    self.output.denied.extend(name(&part["tool"]));
                }
            }
            "step_finish" => {
                let tokens = &part["tokens"];
                let count = |value: &Value| value.as_u64().unwrap_or(0);
                let cached = count(&tokens["cache"]["read"]) + count(&tokens["cache"]["write"]);
                add(&mut self.output.tokens_in, Some(count(&tokens["input"]) + cached));
                add(
                    &mut self.output.tokens_out,
                    Some(count(&tokens["output"]) + count(&tokens["reasoning"])),
                );
                add(&mut self.output.turns, Some(1));
                self.output.usd = Some(self.output.usd.unwrap_or(0.0) + part["cost"].as_f64().unwrap_or(0.0));
                let goes_on = part["reason"] == "tool-calls";
                self.output.last = (!goes_on).then_some(AgentEnd::Done);
            }
            "error" => {
                let error = &event["error"];
                let message = text(&error["data"]["message"]).or_else(|| text(&error["message"]));
                let message = message.or_else(|| text(error)).or_else(|| text(&event["message"]));
                let status =
                    error["data"]["statusCode"].as_u64().map_or_else(String::new, |n| format!("{n} "));
                let after = text(&error["data"]["responseHeaders"]["retry-after"]);
                let after = after.map_or_else(String::new, |s| format!(" (retry-after: {s})"));
                let why = format!(
                    "{status}{}{after}",
                    message.or_else(|| text(&error["name"])).unwrap_or_default()
                );
                self.output.last = Some(fault(&why, None, self.now));
            }
            _ => {}
        }
    }

    pub(super) fn gemini(&mut self, event: &Value) {
        match kind_of(event) {
            "init" => {
                self.output.model = text(&event["model"]);
                self.output.session = text(&event["session_id"]);
            }
            "message" if event["role"] == "assistant" => {
                let piece = event["content"].as_str().unwrap_or_default();
                let goes_on = event["delta"] == true && self.message == "assistant";
                let whole = if goes_on { self.output.said.clone() + piece } else { piece.to_owned() };
                "assistant".clone_into(&mut self.message);
                self.say(&whole);
            }
            "tool_use" => self.message.clear(),
            "tool_result" => {
                let why = event["error"]["message"].as_str().unwrap_or_default();
                if why.contains("denied") {
                    self.output.denied.insert("tool".to_owned());
                }
            }
            "error" if event["severity"] != "warning" => self.trouble = text(&event["message"]),
            "result" => {
                let stats = &event["stats"];
                self.output.tokens_in = stats["input_tokens"].as_u64();
                self.output.tokens_out = stats["output_tokens"].as_u64();
                let why = text(&event["error"]["message"]).or(self.trouble.take());
                self.output.last = Some(match event["status"].as_str() {
                    Some("success") => AgentEnd::Done,
                    _ => fault(&why.unwrap_or_default(), None, self.now),
                });
            }
            _ => {}
        }
    }
}

fn kind_of(value: &Value) -> &str {
    value["type"].as_str().unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| text.chars().take(SAID).collect())
}

fn name(value: &Value) -> Option<String> {
    value.as_str().map(|name| clean(name, 60))
}

fn claude_usage(usage: &Value) -> (u64, u64) {
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    let read =
        count("input_tokens") + count("cache_creation_input_tokens") + count("cache_read_input_tokens");
    (read, count("output_tokens"))
}
