//! `config.json` of a checkpoint.
//!
//! A score made with a feature silently left out would be wrong for every candidate alike, and so would go
//! unnoticed: what the reference does not compute is refused here by name.

use serde::Deserialize;

/// The shape of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layer.
    pub intermediate: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Added to the mean square in RMSNorm.
    pub norm_eps: f64,
    /// Rotary embedding.
    pub rope: Rope,
    /// Whether the output projection is the embedding.
    pub tied: bool,
    /// Whether the query, key and value projections have biases.
    pub qkv_bias: bool,
    /// Whether the attention's output projection has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward projections have biases.
    pub mlp_bias: bool,
    /// Longest text, in tokens.
    pub max_positions: usize,
    /// Tokens that end a text.
    pub end: Vec<u32>,
}

/// Rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the wavelengths.
    pub theta: f64,
    /// Llama 3's stretching of the long wavelengths.
    pub llama3: Option<Llama3>,
}

/// Parameters of Llama 3's rope scaling.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Llama3 {
    factor: f64,
    low_freq_factor: f64,
    high_freq_factor: f64,
    original_max_position_embeddings: f64,
}

impl Rope {
    /// Angles per position, in radians, for the `head_dim / 2` pairs of a head.
    ///
    /// Source for the scaling: `_compute_llama3_parameters` in Hugging Face transformers.
    pub fn frequencies(&self, head_dim: usize) -> Vec<f32> {
        let scale = |frequency: f64| {
            let Some(s) = &self.llama3 else { return frequency };
            let turns = s.original_max_position_embeddings * frequency / (2.0 * std::f64::consts::PI);
            if turns > s.high_freq_factor {
                frequency
            } else if turns < s.low_freq_factor {
                frequency / s.factor
            } else {
                let smooth = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
                (1.0 - smooth) * frequency / s.factor + smooth * frequency
            }
        };
        (0..head_dim / 2).map(|i| scale(self.theta.powf(-2.0 * i as f64 / head_dim as f64)) as f32).collect()
    }
}

/// The keys of `config.json` that matter here. Others describe training and sampling.
#[derive(Deserialize)]
struct Raw {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    max_position_embeddings: usize,
    eos_token_id: Option<OneOrMany>,
    hidden_act: Option<String>,
    use_sliding_window: Option<bool>,
    quantization_config: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RawRope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    #[serde(flatten)]
    rest: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// What is wrong, or not supported, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let qwen2 = match raw.model_type.as_str() {
            "llama" => false,
            "qwen2" => true,
            other => return Err(format!("model_type `{other}` is not supported (llama and qwen2 are)")),
        };
        refuse(raw.quantization_config.is_some(), "quantized weights are")?;
        refuse(raw.use_sliding_window == Some(true), "a sliding window is")?;
        refuse(
            raw.hidden_act.as_deref().is_some_and(|act| act != "silu"),
            "a hidden_act other than silu is",
        )?;
        let rope = rope(raw.rope_theta, raw.rope_parameters.or(raw.rope_scaling))?;
        let config = Config {
            vocab: raw.vocab_size,
            hidden: raw.hidden_size,
            intermediate: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            kv_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            head_dim: raw.head_dim.unwrap_or_else(|| raw.hidden_size / raw.num_attention_heads.max(1)),
            norm_eps: raw.rms_norm_eps,
            rope,
            tied: raw.tie_word_embeddings.unwrap_or(false),
            qkv_bias: qwen2 || raw.attention_bias.unwrap_or(false),
            output_bias: !qwen2 && raw.attention_bias.unwrap_or(false),
            mlp_bias: !qwen2 && raw.mlp_bias.unwrap_or(false),
            max_positions: raw.max_position_embeddings,
            end: match raw.eos_token_id {
                None => Vec::new(),
                Some(OneOrMany::One(id)) => vec![id],
                Some(OneOrMany::Many(ids)) => ids,
            },
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            self.vocab,
            self.hidden,
            self.intermediate,
            self.layers,
            self.heads,
            self.kv_heads,
            self.head_dim,
        ];
        if sizes.contains(&0) || sizes.iter().any(|&size| size > 1 << 24) || self.max_positions == 0 {
            return Err("a size is zero or out of all proportion".to_owned());
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!("{} query heads cannot share {} key-value heads", self.heads, self.kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("rotary embedding needs an even head_dim, not {}", self.head_dim));
        }
        Ok(())
    }

    /// Every tensor that a checkpoint of this shape must hold, with its dimensions.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let mut tensors = vec![
            ("model.embed_tokens.weight".to_owned(), vec![self.vocab, self.hidden]),
            ("model.norm.weight".to_owned(), vec![self.hidden]),
        ];
        if !self.tied {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab, self.hidden]));
        }
        for layer in 0..self.layers {
            for (name, rows, columns, bias) in [
                ("self_attn.q_proj", q, self.hidden, self.qkv_bias),
                ("self_attn.k_proj", kv, self.hidden, self.qkv_bias),
                ("self_attn.v_proj", kv, self.hidden, self.qkv_bias),
                ("self_attn.o_proj", self.hidden, q, self.output_bias),
                ("mlp.gate_proj", self.intermediate, self.hidden, self.mlp_bias),
                ("mlp.up_proj", self.intermediate, self.hidden, self.mlp_bias),
                ("mlp.down_proj", self.hidden, self.intermediate, self.mlp_bias),
            ] {
                tensors.push((format!("model.layers.{layer}.{name}.weight"), vec![rows, columns]));
                if bias {
                    tensors.push((format!("model.layers.{layer}.{name}.bias"), vec![rows]));
                }
            }
            for name in ["input_layernorm", "post_attention_layernorm"] {
                tensors.push((format!("model.layers.{layer}.{name}.weight"), vec![self.hidden]));
            }
        }
        tensors
    }
}

fn refuse(present: bool, what: &str) -> Result<(), String> {
    if present { Err(format!("{what} not supported by the reference")) } else { Ok(()) }
}

fn rope(theta: Option<f64>, raw: Option<RawRope>) -> Result<Rope, String> {
    let inner_theta = raw.as_ref().and_then(|raw| raw.rope_theta);
    let theta = theta.or(inner_theta).unwrap_or(10_000.0);
    let llama3 = match raw.as_ref().and_then(|raw| raw.rope_type.as_deref()) {
        None | Some("default") => None,
        Some("llama3") => {
            let parameters = raw.map(|raw| raw.rest).unwrap_or_default();
            Some(serde_json::from_value(parameters).map_err(|e| format!("rope scaling: {e}"))?)
        }
        Some(other) => return Err(format!("rope scaling `{other}` is not supported (llama3 is)")),
    };
    Ok(Rope { theta, llama3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA: &str = r#"{"model_type": "llama", "vocab_size": 900, "hidden_size": 192, "intermediate_size": 512,
        "num_hidden_layers": 5, "num_attention_heads": 6, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 2048, "tie_word_embeddings": true, "eos_token_id": [0, 3], "torch_dtype": "bfloat16" EXTRA}"#;

    fn parse(extra: &str) -> Result<Config, String> {
        Config::parse(&LLAMA.replace("EXTRA", extra))
    }

    #[test]
    fn a_llama_is_read_with_the_defaults_of_its_family() {
        let config = parse("").unwrap();
        assert_eq!((config.head_dim, config.rope.theta, config.qkv_bias), (32, 10_000.0, false));
        assert_eq!(config.end, [0, 3]);
        assert_eq!(config.tensors().len(), 2 + 5 * 9);
    }

    #[test]
    fn the_rope_of_newer_files_is_found_in_rope_parameters() {
        let config =
            parse(r#", "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}"#).unwrap();
        assert_eq!(config.rope, Rope { theta: 500_000.0, llama3: None });
    }

    #[test]
    fn what_the_reference_does_not_compute_is_refused_by_name() {
        for (extra, named) in [
            (r#", "hidden_act": "gelu""#, "silu"),
            (r#", "quantization_config": {}"#, "quantized"),
            (r#", "use_sliding_window": true"#, "sliding window"),
            (r#", "rope_scaling": {"type": "yarn", "factor": 4.0}"#, "yarn"),
        ] {
            assert!(parse(extra).unwrap_err().contains(named), "{extra}");
        }
        assert!(Config::parse(r#"{"model_type": "gpt2"}"#).is_err());
    }

    #[test]
    fn heads_that_cannot_be_shared_out_are_refused() {
        assert!(
            Config::parse(
                &LLAMA
                    .replace("EXTRA", "")
                    .replace("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4")
            )
            .is_err()
        );
    }
}
