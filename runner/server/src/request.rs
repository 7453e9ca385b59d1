//! What a request asks for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Which of the two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/chat/completions`: the prompt is a message of a user.
    #[default]
    Chat,
    /// `/completions`: the prompt is what stands before the answer.
    Completions,
}

impl Api {
    /// Its path below the endpoint's.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
        }
    }
}

/// What every request of a load has.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Which call.
    pub api: Api,
    /// The model's name, where the server wants one.
    pub model: Option<String>,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Further fields of the body; they go over piton's own.
    pub extra: Map<String, Value>,
}

impl Ask {
    /// The body that asks about `prompt`: streamed, at temperature 0, with `usage`.
    pub fn body(&self, prompt: &str) -> Vec<u8> {
        let mut body = json!({
            "stream": true,
            "stream_options": { "include_usage": true },
            "temperature": 0,
            "max_tokens": self.max_tokens,
        });
        let fields = body.as_object_mut().expect("an object");
        match self.api {
            Api::Chat => fields.insert("messages".into(), json!([{ "role": "user", "content": prompt }])),
            Api::Completions => fields.insert("prompt".into(), json!(prompt)),
        };
        fields.extend(self.model.iter().map(|model| ("model".into(), json!(model))));
        fields.extend(self.extra.clone());
        serde_json::to_vec(&body).expect("JSON")
    }
}
