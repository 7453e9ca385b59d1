//! The forward pass, in f32.
//!
//! One function serves both uses: scoring a whole text at once, and decoding with the keys and values of what
//! came before. Long texts are taken in blocks, so that the attention scores of 32 heads over 8,000 tokens
//! need megabytes rather than gigabytes.

use super::checkpoint::{Checkpoint, Weights};
use super::config::Config;
use crate::outcome::{Failure, Kind};
use candle_core::{Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};
use candle_nn::rotary_emb::rope;

/// Queries of one block. Rows of attention scores exist for one block at a time, and reach no further than the
/// block's end: with smaller blocks less is computed only to be masked, with larger ones products are wider.
const BLOCK: usize = 128;

/// The reference model.
pub struct Reference {
    config: Config,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Tensor,
    cos: Tensor,
    sin: Tensor,
    /// SHA-256 of the weights files in the order of their names, in hexadecimal.
    pub sha256: String,
}

struct Layer {
    attention_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    mlp_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Linear {
    /// Inputs by outputs: transposed once, at loading.
    weight: Tensor,
    bias: Option<Tensor>,
}

/// Keys and values of the tokens that a text has so far.
#[derive(Clone)]
pub struct Past {
    layers: Vec<Option<(Tensor, Tensor)>>,
    len: usize,
}

impl Past {
    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all but the first `len` tokens.
    ///
    /// # Errors
    /// Where it holds fewer.
    pub fn truncate(&mut self, len: usize) -> Result<()> {
        if len < self.len {
            for (keys, values) in self.layers.iter_mut().flatten() {
                *keys = keys.narrow(1, 0, len)?;
                *values = values.narrow(1, 0, len)?;
            }
            self.len = len;
        }
        Ok(())
    }
}

impl Reference {
    /// Loads the weights of a checkpoint.
    ///
    /// # Errors
    /// `bad_model` where they cannot be read.
    pub fn load(checkpoint: &Checkpoint) -> std::result::Result<Self, Failure> {
        let weights = checkpoint.load()?;
        Self::from_weights(checkpoint.config.clone(), weights)
            .map_err(|e| Failure::new(Kind::BadModel, format!("{}: {e}", checkpoint.dir().display())))
    }

    fn from_weights(config: Config, weights: Weights) -> Result<Self> {
        let embedding = weights.get("model.embed_tokens.weight")?;
        let head = if config.tied { embedding.t()? } else { weights.get("lm_head.weight")?.t()? };
        let layers = (0..config.layers).map(|i| Layer::new(&config, &weights, i)).collect::<Result<_>>()?;
        let frequencies = config.rope.frequencies(config.head_dim);
        // In f32, as the implementations do that such models are trained with.
        let angles: Vec<f32> =
            (0..config.max_positions).flat_map(|at| frequencies.iter().map(move |f| at as f32 * f)).collect();
        let angles = Tensor::from_vec(angles, (config.max_positions, config.head_dim / 2), &Device::Cpu)?;
        Ok(Self {
            norm: weights.get("model.norm.weight")?,
            cos: angles.cos()?,
            sin: angles.sin()?,
            embedding,
            head,
            layers,
            config,
            sha256: weights.sha256,
        })
    }

    /// The shape of the model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A text of which nothing has been read yet.
    pub fn start(&self) -> Past {
        Past { layers: vec![None; self.layers.len()], len: 0 }
    }

    /// Reads `tokens` on top of `past`, and gives the final hidden state at each of them: `tokens` by width.
    ///
    /// # Errors
    /// Where a token is outside the vocabulary, the text is empty or longer than the model's positions.
    pub fn read(&self, tokens: &[u32], past: &mut Past) -> Result<Tensor> {
        let blocks =
            tokens.chunks(BLOCK).map(|block| self.read_block(block, past)).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&blocks, 0)
    }

    fn read_block(&self, tokens: &[u32], past: &mut Past) -> Result<Tensor> {
        let (start, count) = (past.len, tokens.len());
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let mut x = self.embedding.index_select(&ids, 0)?;
        let cos = self.cos.narrow(0, start, count)?;
        let sin = self.sin.narrow(0, start, count)?;
        let mask = if count > 1 { Some(causal_mask(start, count)?) } else { None };
        let eps = self.config.norm_eps as f32;
        for (layer, kv) in self.layers.iter().zip(&mut past.layers) {
            let normed = rms_norm(&x, &layer.attention_norm, eps)?;
            x = (x + layer.attend(&self.config, &normed, &cos, &sin, mask.as_ref(), kv)?)?;
            let normed = rms_norm(&x, &layer.mlp_norm, eps)?;
            let gated = (silu(&layer.gate.apply(&normed)?)? * layer.up.apply(&normed)?)?;
            x = (x + layer.down.apply(&gated)?)?;
        }
        past.len += count;
        rms_norm(&x, &self.norm, eps)
    }

    /// Logits of the token that follows each of the hidden states: rows by vocabulary.
    ///
    /// # Errors
    /// Where `hidden` does not have the model's width.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        hidden.matmul(&self.head)
    }
}

impl Layer {
    fn new(config: &Config, weights: &Weights, index: usize) -> Result<Self> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let linear = |part: &str, biased: bool| -> Result<Linear> {
            let weight = weights.get(&name(&format!("{part}.weight")))?.t()?;
            let bias = if biased { Some(weights.get(&name(&format!("{part}.bias")))?) } else { None };
            Ok(Linear { weight, bias })
        };
        Ok(Self {
            attention_norm: weights.get(&name("input_layernorm.weight"))?,
            q: linear("self_attn.q_proj", config.qkv_bias)?,
            k: linear("self_attn.k_proj", config.qkv_bias)?,
            v: linear("self_attn.v_proj", config.qkv_bias)?,
            o: linear("self_attn.o_proj", config.output_bias)?,
            mlp_norm: weights.get(&name("post_attention_layernorm.weight"))?,
            gate: linear("mlp.gate_proj", config.mlp_bias)?,
            up: linear("mlp.up_proj", config.mlp_bias)?,
            down: linear("mlp.down_proj", config.mlp_bias)?,
        })
    }

    fn attend(
        &self,
        config: &Config,
        x: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
        mask: Option<&Tensor>,
        kv: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor> {
        let Config { heads, kv_heads, head_dim, .. } = *config;
        let (count, groups) = (x.dim(0)?, heads / kv_heads);
        let split = |x: Tensor, n: usize| x.reshape((count, n, head_dim))?.transpose(0, 1)?.contiguous();
        let turn = |x: Tensor| rope(&x.unsqueeze(0)?, cos, sin)?.squeeze(0);
        let q = (turn(split(self.q.apply(x)?, heads)?)? * (head_dim as f64).powf(-0.5))?;
        let mut k = turn(split(self.k.apply(x)?, kv_heads)?)?;
        let mut v = split(self.v.apply(x)?, kv_heads)?;
        if let Some((keys, values)) = kv {
            k = Tensor::cat(&[&*keys, &k], 1)?;
            v = Tensor::cat(&[&*values, &v], 1)?;
        }
        // The query heads that share a key-value head stand together: one product per key-value head.
        let q = q.reshape((kv_heads, groups * count, head_dim))?;
        let scores = q.matmul(&k.t()?)?;
        let total = k.dim(1)?;
        let scores = scores.reshape((heads, count, total))?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let mixed = softmax_last_dim(&scores)?.reshape((kv_heads, groups * count, total))?.matmul(&v)?;
        *kv = Some((k, v));
        let mixed =
            mixed.reshape((heads, count, head_dim))?.transpose(0, 1)?.reshape((count, heads * head_dim))?;
        self.o.apply(&mixed)
    }
}

impl Linear {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Minus infinity where a query would see a later token: `count` queries by `start + count` keys.
fn causal_mask(start: usize, count: usize) -> Result<Tensor> {
    let total = start + count;
    let rows =
        (0..count).flat_map(|i| (0..total).map(move |j| if j > start + i { f32::NEG_INFINITY } else { 0.0 }));
    Tensor::from_vec(rows.collect::<Vec<f32>>(), (count, total), &Device::Cpu)
}
