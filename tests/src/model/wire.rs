//! What is said to a model and by it: OpenAI's chat completions, its Responses API, and Anthropic's Messages API.

use std::io::Result;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::Step;
use super::http::{self, Asked};

/// Which of the three is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Chat,
    Responses,
    Messages,
}

/// What is edited.
const FILE: &str = "src/speed.rs";

/// Names of the tools that the model may call. One that stands in a namespace has it before its own, with a dot.
pub(super) fn tools(body: &Value) -> Vec<String> {
    let mut names = vec![];
    for tool in body["tools"].as_array().into_iter().flatten() {
        let name =
            [&tool["function"]["name"], &tool["name"], &tool["type"]].into_iter().find_map(Value::as_str);
        let Some(name) = name else { continue };
        match tool["tools"].as_array() {
            Some(within) => names.extend(
                within.iter().filter_map(|tool| tool["name"].as_str()).map(|tool| format!("{name}.{tool}")),
            ),
            None => names.push(name.to_owned()),
        }
    }
    names
}

/// The call by which an agent with these tools does `step`.
pub(super) fn call(step: &Step, tools: &[String]) -> (String, Value) {
    let has = |name: &str| tools.iter().any(|tool| tool == name);
    match step {
        Step::Shell(command) if has("exec_command") => ("exec_command".to_owned(), json!({"cmd": command})),
        Step::Shell(command) => {
            let own = ["Bash", "bash"].into_iter().find(|name| has(name)).unwrap_or("shell");
            (own.to_owned(), json!({"command": command, "description": "a command"}))
        }
        Step::Edit(before, after) if has("Edit") => {
            ("Edit".to_owned(), json!({"file_path": FILE, "old_string": before, "new_string": after}))
        }
        Step::Edit(before, after) if has("edit") && has("bash") => {
            ("edit".to_owned(), json!({"filePath": FILE, "oldString": before, "newString": after}))
        }
        Step::Edit(before, after) if has("edit") => {
            ("edit".to_owned(), json!({"path": FILE, "before": before, "after": after}))
        }
        // codex patches by a command that it takes for itself.
        Step::Edit(before, after) => {
            let line = |value: &str| format!("const SPEED: u32 = {value};");
            let (before, after) = (line(before), line(after));
            let patch =
                format!("*** Begin Patch\n*** Update File: {FILE}\n@@\n-{before}\n+{after}\n*** End Patch");
            call(&Step::Shell(format!("apply_patch <<'EOF'\n{patch}\nEOF")), tools)
        }
        Step::Call(name, arguments) => {
            let own = tools.iter().find(|tool| tool.rsplit(['_', '.']).next() == Some(name));
            (own.cloned().unwrap_or_else(|| panic!("no tool {name} among {tools:?}")), arguments.clone())
        }
        Step::WhileRunning(step) => call(step, tools),
    }
}

impl Api {
    /// The one that was asked for.
    pub(super) fn of(asked: &Asked) -> Self {
        match asked.path.split('?').next().unwrap_or_default() {
            path if path.ends_with("/responses") => Self::Responses,
            path if path.ends_with("/messages") => Self::Messages,
            _ => Self::Chat,
        }
    }

    /// What tools came back with.
    pub(super) fn results(self, body: &Value) -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let of = |list: &Value, is: &dyn Fn(&Value) -> bool, field: &str| {
            let all = list.as_array().into_iter().flatten();
            all.filter(|item| is(item)).map(|item| text(&item[field])).collect()
        };
        match self {
            Self::Chat => of(&body["messages"], &|message| message["role"] == "tool", "content"),
            Self::Responses => {
                let output =
                    |item: &Value| item["type"].as_str().is_some_and(|kind| kind.ends_with("_output"));
                of(&body["input"], &output, "output")
            }
            Self::Messages => {
                let messages = body["messages"].as_array().into_iter().flatten();
                let blocks = messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
                blocks
                    .filter(|block| block["type"] == "tool_result")
                    .map(|block| text(&block["content"]))
                    .collect()
            }
        }
    }

    /// Says `text`, and ends its turn.
    pub(super) fn say(self, stream: &TcpStream, body: &Value, text: &str) -> Result<()> {
        match self {
            Self::Chat => chat(stream, body, &json!({"role": "assistant", "content": text}), "stop"),
            Self::Responses => {
                let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
                respond(
                    stream,
                    &json!({"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": content}),
                )
            }
            Self::Messages => {
                let begun = json!({"type": "text", "text": ""});
                message(stream, body, &begun, &json!({"type": "text_delta", "text": text}), "end_turn")
            }
        }
    }

    /// Calls a tool.
    pub(super) fn call(
        self,
        stream: &TcpStream,
        body: &Value,
        tool: &str,
        arguments: &Value,
        step: usize,
    ) -> Result<()> {
        let (id, arguments) = (format!("call_{step}"), arguments.to_string());
        match self {
            Self::Chat => {
                let call = json!({"index": 0, "id": id, "type": "function", "function": {"name": tool, "arguments": arguments}});
                let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
                chat(stream, body, &message, "tool_calls")
            }
            Self::Responses => {
                let mut item = json!({"type": "function_call", "id": "fc", "call_id": id, "arguments": arguments, "status": "completed"});
                match tool.split_once('.') {
                    Some((namespace, name)) => {
                        item["namespace"] = namespace.into();
                        item["name"] = name.into();
                    }
                    None => item["name"] = tool.into(),
                }
                respond(stream, &item)
            }
            Self::Messages => {
                let begun = json!({"type": "tool_use", "id": id, "name": tool, "input": {}});
                let delta = json!({"type": "input_json_delta", "partial_json": arguments});
                message(stream, body, &begun, &delta, "tool_use")
            }
        }
    }

    /// Begins an answer, and is gone.
    pub(super) fn die(self, stream: &TcpStream) -> Result<()> {
        let event = match self {
            Self::Chat => (None, chunk(&json!({"role": "assistant", "content": "I tr"}), None).to_string()),
            Self::Responses => {
                let name = "response.created";
                (Some(name), json!({"type": name, "response": {"id": "resp"}}).to_string())
            }
            Self::Messages => (Some("message_start"), begin(&Value::Null).to_string()),
        };
        http::events(stream, &[event], false)
    }
}

fn usage() -> Value {
    json!({"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020})
}

fn chunk(delta: &Value, end: Option<&str>) -> Value {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": end});
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]})
}

fn chat(stream: &TcpStream, body: &Value, message: &Value, end: &str) -> Result<()> {
    if body["stream"] == true {
        let mut last = chunk(&json!({}), Some(end));
        last["usage"] = usage();
        let events = [chunk(message, None).to_string(), last.to_string(), "[DONE]".to_owned()];
        return http::events(stream, &events.map(|event| (None, event)), true);
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": end});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage()});
    http::whole(stream, 200, &[], &answer)
}

/// An answer of one item. The Responses API is spoken in streams only: no agent here asks for another.
fn respond(stream: &TcpStream, item: &Value) -> Result<()> {
    let event = |name, value: Value| {
        let mut value = value;
        value["type"] = Value::from(name);
        (Some(name), value.to_string())
    };
    let usage = json!({
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1020,
    });
    let events = [
        event("response.created", json!({"response": {"id": "resp"}})),
        event("response.output_item.added", json!({"output_index": 0, "item": item})),
        event("response.output_item.done", json!({"output_index": 0, "item": item})),
        event("response.completed", json!({"response": {"id": "resp", "output": [item], "usage": usage}})),
    ];
    http::events(stream, &events, true)
}

fn begin(body: &Value) -> Value {
    let usage = json!({"input_tokens": 1000, "output_tokens": 1});
    let message = json!({
        "id": "msg", "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage,
    });
    json!({"type": "message_start", "message": message})
}

/// An answer of one block, in a stream: no agent here asks for another form.
fn message(stream: &TcpStream, body: &Value, begun: &Value, delta: &Value, end: &str) -> Result<()> {
    let stop = json!({"stop_reason": end, "stop_sequence": null});
    let events = [
        begin(body),
        json!({"type": "content_block_start", "index": 0, "content_block": begun}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 20}}),
        json!({"type": "message_stop"}),
    ];
    let named: Vec<_> = events.iter().map(|event| (event["type"].as_str(), event.to_string())).collect();
    http::events(stream, &named, true)
}
