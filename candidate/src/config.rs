//! `config.json`: the shape of a model, and a refusal of every shape that would be computed wrongly.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What inference needs of a Llama or Qwen2 `config.json`.
pub struct Config {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    /// Heads that queries have.
    pub heads: usize,
    /// Heads that keys and values have.
    pub kv_heads: usize,
    /// Values in one head's query, key or value.
    pub head_dim: usize,
    /// Whether queries, keys and values are projected with a bias.
    pub qkv_bias: bool,
    pub tied_embeddings: bool,
    pub rms_norm_eps: f32,
    pub rope_theta: f32,
    pub rope_scaling: Option<RopeScaling>,
    /// Tokens that end an answer.
    pub eos_tokens: Vec<u32>,
}

/// How Llama 3 stretches its rotary embedding to longer contexts.
pub struct RopeScaling {
    pub factor: f32,
    pub low_freq_factor: f32,
    pub high_freq_factor: f32,
    /// In tokens.
    pub original_context: f32,
}

impl Config {
    /// Reads `config.json` in `model_dir`.
    ///
    /// # Errors
    /// A missing or malformed file, or a model that this engine would compute wrongly.
    pub fn load(model_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let path = model_dir.join("config.json");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let json: Value = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(&json).map_err(|e| format!("{}: {e}", path.display()).into())
    }

    fn parse(json: &Value) -> Result<Self, String> {
        let (vocab_size, hidden_size) = (size(json, "vocab_size")?, size(json, "hidden_size")?);
        let heads = size(json, "num_attention_heads")?;
        let or = |key, default| if json[key].is_null() { Ok(default) } else { size(json, key) };
        let config = Self {
            vocab_size,
            hidden_size,
            intermediate_size: size(json, "intermediate_size")?,
            layers: size(json, "num_hidden_layers")?,
            heads,
            kv_heads: or("num_key_value_heads", heads)?,
            head_dim: or("head_dim", hidden_size / heads)?,
            qkv_bias: json["model_type"] == "qwen2",
            tied_embeddings: json["tie_word_embeddings"] == true,
            rms_norm_eps: number(json, "rms_norm_eps")?,
            rope_theta: if json["rope_theta"].is_null() { 10_000.0 } else { number(json, "rope_theta")? },
            rope_scaling: match &json["rope_scaling"] {
                Value::Null => None,
                scaling => Some(RopeScaling::parse(scaling)?),
            },
            eos_tokens: match &json["eos_token_id"] {
                Value::Array(ids) => ids.iter().filter_map(Value::as_u64).map(|id| id as u32).collect(),
                id => id.as_u64().map(|id| id as u32).into_iter().collect(),
            },
        };
        let unsupported = [
            ("this model_type", json["model_type"] != "llama" && json["model_type"] != "qwen2"),
            ("a hidden_act other than silu", !json["hidden_act"].is_null() && json["hidden_act"] != "silu"),
            ("attention_bias", json["attention_bias"] == true),
            ("mlp_bias", json["mlp_bias"] == true),
            ("use_sliding_window", json["use_sliding_window"] == true),
            ("rope_parameters", !json["rope_parameters"].is_null()),
            ("this number of KV heads", !heads.is_multiple_of(config.kv_heads)),
            ("an odd head_dim", !config.head_dim.is_multiple_of(2)),
        ];
        match unsupported.iter().find(|(_, found)| *found) {
            Some((what, _)) => Err(format!("{what} is not supported")),
            None => Ok(config),
        }
    }
}

impl RopeScaling {
    fn parse(json: &Value) -> Result<Self, String> {
        if json["rope_type"] != "llama3" && json["type"] != "llama3" {
            return Err("rope_scaling of a type other than llama3 is not supported".to_owned());
        }
        Ok(Self {
            factor: number(json, "factor")?,
            low_freq_factor: number(json, "low_freq_factor")?,
            high_freq_factor: number(json, "high_freq_factor")?,
            original_context: number(json, "original_max_position_embeddings")?,
        })
    }
}

fn size(json: &Value, key: &str) -> Result<usize, String> {
    let value = json[key].as_u64().filter(|value| *value > 0);
    value.map(|value| value as usize).ok_or_else(|| format!("`{key}` is not a whole number above 0"))
}

fn number(json: &Value, key: &str) -> Result<f32, String> {
    json[key].as_f64().map(|value| value as f32).ok_or_else(|| format!("`{key}` is not a number"))
}
