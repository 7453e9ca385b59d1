//! `config.json`: the shape of a model, and a refusal of every shape that would be computed wrongly.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// The keys of a Llama or Qwen2 `config.json` that inference needs, under their own names.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    pub model_type: String,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    pub vocab_size: usize,
    #[serde(default = "default_rms_norm_eps")]
    pub rms_norm_eps: f32,
    #[serde(default = "default_rope_theta")]
    pub rope_theta: f32,
    pub rope_scaling: Option<RopeScaling>,
    #[serde(default)]
    pub tie_word_embeddings: bool,
    eos_token_id: Option<OneOrMany>,
    // What follows is read only to be refused.
    hidden_act: Option<String>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    rope_parameters: Option<serde_json::Value>,
}

/// How Llama 3 stretches its rotary embedding to longer contexts.
#[derive(Debug, Clone, Deserialize)]
pub struct RopeScaling {
    #[serde(alias = "type")]
    rope_type: String,
    pub factor: f32,
    pub low_freq_factor: f32,
    pub high_freq_factor: f32,
    /// In tokens.
    pub original_max_position_embeddings: f32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

fn default_rms_norm_eps() -> f32 {
    1e-6
}

fn default_rope_theta() -> f32 {
    10_000.0
}

impl Config {
    /// Reads `config.json` in `model_dir`.
    ///
    /// # Errors
    /// A missing or malformed file, or a model that this engine would compute wrongly.
    pub fn load(model_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let path = model_dir.join("config.json");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let config: Self = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        match config.unsupported() {
            None => Ok(config),
            Some(what) => Err(format!("{}: {what} is not supported", path.display()).into()),
        }
    }

    fn unsupported(&self) -> Option<&'static str> {
        let (heads, kv_heads, head_dim) = (self.num_attention_heads, self.kv_heads(), self.head_dim());
        let sizes = [self.vocab_size, self.hidden_size, self.intermediate_size, heads, kv_heads, head_dim];
        let checks = [
            (!matches!(self.model_type.as_str(), "llama" | "qwen2"), "this model_type"),
            (self.hidden_act.as_ref().is_some_and(|name| name != "silu"), "a hidden_act other than silu"),
            (self.rope_scaling.as_ref().is_some_and(|s| s.rope_type != "llama3"), "rope_scaling but llama3"),
            (self.rope_parameters.is_some(), "rope_parameters"),
            (self.attention_bias, "attention_bias"),
            (self.mlp_bias, "mlp_bias"),
            (self.use_sliding_window, "use_sliding_window"),
            (sizes.contains(&0), "a size of 0"),
            (!heads.is_multiple_of(kv_heads), "this number of KV heads"),
            (!head_dim.is_multiple_of(2), "an odd head_dim"),
        ];
        checks.iter().find(|(bad, _)| *bad).map(|(_, what)| *what)
    }

    /// Heads that keys and values have; queries have `num_attention_heads`.
    pub fn kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Values in one head's query, key or value.
    pub fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Whether queries, keys and values are projected with a bias.
    pub fn qkv_bias(&self) -> bool {
        self.model_type == "qwen2"
    }

    /// Whether `token` ends an answer.
    pub fn is_eos(&self, token: u32) -> bool {
        match &self.eos_token_id {
            None => false,
            Some(OneOrMany::One(id)) => *id == token,
            Some(OneOrMany::Many(ids)) => ids.contains(&token),
        }
    }
}
