//! The forward pass, in f32.
//!
//! One function serves both uses: scoring a whole text at once, and decoding with the keys and values of what
//! came before. Long texts are taken in blocks, so that the attention scores of a head over 8,000 tokens
//! need megabytes rather than gigabytes.

use super::checkpoint::{Checkpoint, Weights};
use super::config::Config;
use crate::outcome::Failure;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, concatenate, s};

/// Queries of one block. Rows of attention scores exist for one block at a time, and reach no further than the
/// block's end: with smaller blocks less is computed only to be masked, with larger ones products are wider.
const BLOCK: usize = 128;

/// The reference model.
pub struct Reference {
    config: Config,
    embedding: Array2<f32>,
    layers: Vec<Layer>,
    norm: Array1<f32>,
    /// Absent where it is the embedding.
    head: Option<Array2<f32>>,
    frequencies: Vec<f32>,
    /// SHA-256 of the weights files in the order of their names, in hexadecimal.
    pub sha256: String,
}

struct Layer {
    attention_norm: Array1<f32>,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    mlp_norm: Array1<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Linear {
    /// Outputs by inputs.
    weight: Array2<f32>,
    bias: Option<Array1<f32>>,
}

/// Keys and values of the tokens that a text has so far.
#[derive(Debug, Clone)]
pub struct Past {
    layers: Vec<Seen>,
    len: usize,
}

/// One layer's keys and values, a row for each token.
#[derive(Debug, Clone, Default)]
struct Seen {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Why a text cannot be read by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// No token at all.
    Empty,
    /// A token that the vocabulary does not have.
    Token(u32),
    /// More tokens than the model has positions.
    TooLong(usize),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => write!(f, "a text without a token"),
            Self::Token(token) => write!(f, "token {token} is not in the vocabulary"),
            Self::TooLong(tokens) => {
                write!(f, "a text of {tokens} tokens is longer than the model's positions")
            }
        }
    }
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

    /// Forgets all but the first `len` tokens; nothing where it holds fewer.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            for layer in &mut self.layers {
                let width = layer.keys.len() / self.len;
                layer.keys.truncate(len * width);
                layer.values.truncate(len * width);
            }
            self.len = len;
        }
    }
}

impl Reference {
    /// Loads the weights of a checkpoint.
    ///
    /// # Errors
    /// `bad_model` where they cannot be read.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self, Failure> {
        let mut weights = checkpoint.load()?;
        let config = checkpoint.config.clone();
        Ok(Self {
            embedding: weights.matrix("model.embed_tokens.weight")?,
            head: if config.tied { None } else { Some(weights.matrix("lm_head.weight")?) },
            layers: (0..config.layers)
                .map(|index| Layer::new(&config, &mut weights, index))
                .collect::<Result<_, _>>()?,
            norm: weights.vector("model.norm.weight")?,
            frequencies: config.rope.frequencies(config.head_dim),
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
        Past { layers: vec![Seen::default(); self.layers.len()], len: 0 }
    }

    /// Reads `tokens` on top of `past`, and gives the final hidden state at each of them: `tokens` by width.
    ///
    /// # Errors
    /// Where a token is outside the vocabulary, the text is empty or longer than the model's positions.
    pub fn read(&self, tokens: &[u32], past: &mut Past) -> Result<Array2<f32>, Unreadable> {
        let len = past.len + tokens.len();
        match tokens.iter().find(|token| **token as usize >= self.config.vocab) {
            _ if tokens.is_empty() => return Err(Unreadable::Empty),
            _ if len > self.config.max_positions => return Err(Unreadable::TooLong(len)),
            Some(token) => return Err(Unreadable::Token(*token)),
            None => {}
        }
        let blocks: Vec<_> = tokens.chunks(BLOCK).map(|block| self.read_block(block, past)).collect();
        let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
        Ok(concatenate(Axis(0), &views).expect("blocks of one width"))
    }

    fn read_block(&self, tokens: &[u32], past: &mut Past) -> Array2<f32> {
        let ids: Vec<usize> = tokens.iter().map(|token| *token as usize).collect();
        let mut x = self.embedding.select(Axis(0), &ids);
        let turns = Turns::new(&self.frequencies, past.len, tokens.len());
        for (layer, seen) in self.layers.iter().zip(&mut past.layers) {
            let normed = rms_norm(&x, &layer.attention_norm, self.config.norm_eps);
            x += &layer.attend(&self.config, &normed, &turns, seen);
            let normed = rms_norm(&x, &layer.mlp_norm, self.config.norm_eps);
            let mut gated = layer.gate.apply(&normed);
            gated.mapv_inplace(|gate| gate / (1.0 + (-gate).exp()));
            gated *= &layer.up.apply(&normed);
            x += &layer.down.apply(&gated);
        }
        past.len += tokens.len();
        rms_norm(&x, &self.norm, self.config.norm_eps)
    }

    /// Logits of the token that follows each of the hidden states: rows by vocabulary.
    pub fn logits(&self, hidden: ArrayView2<'_, f32>) -> Array2<f32> {
        hidden.dot(&self.head.as_ref().unwrap_or(&self.embedding).t())
    }
}

impl Layer {
    fn new(config: &Config, weights: &mut Weights, index: usize) -> Result<Self, Failure> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let mut linear = |part: &str, biased: bool| -> Result<Linear, Failure> {
            let weight = weights.matrix(&name(&format!("{part}.weight")))?;
            let bias = biased.then(|| weights.vector(&name(&format!("{part}.bias")))).transpose()?;
            Ok(Linear { weight, bias })
        };
        Ok(Self {
            q: linear("self_attn.q_proj", config.qkv_bias)?,
            k: linear("self_attn.k_proj", config.qkv_bias)?,
            v: linear("self_attn.v_proj", config.qkv_bias)?,
            o: linear("self_attn.o_proj", config.output_bias)?,
            gate: linear("mlp.gate_proj", config.mlp_bias)?,
            up: linear("mlp.up_proj", config.mlp_bias)?,
            down: linear("mlp.down_proj", config.mlp_bias)?,
            attention_norm: weights.vector(&name("input_layernorm.weight"))?,
            mlp_norm: weights.vector(&name("post_attention_layernorm.weight"))?,
        })
    }

    /// Attention of a block over itself and what came before, whose keys and values `seen` holds and is given.
    fn attend(&self, config: &Config, x: &Array2<f32>, turns: &Turns, seen: &mut Seen) -> Array2<f32> {
        let Config { heads, kv_heads, head_dim, .. } = *config;
        let mut q = self.q.apply(x);
        let mut k = self.k.apply(x);
        turns.turn(q.view_mut());
        turns.turn(k.view_mut());
        q *= (head_dim as f32).powf(-0.5);
        seen.keys.extend(k.iter());
        seen.values.extend(self.v.apply(x).iter());
        let shape = (seen.keys.len() / (kv_heads * head_dim), kv_heads * head_dim);
        let keys = ArrayView2::from_shape(shape, &seen.keys).expect("a row for each token");
        let values = ArrayView2::from_shape(shape, &seen.values).expect("a row for each token");
        let start = shape.0 - x.nrows();
        let mut mixed = Array2::zeros((x.nrows(), heads * head_dim));
        for head in 0..heads {
            let own = s![.., head * head_dim..(head + 1) * head_dim];
            let shared = head / (heads / kv_heads);
            let shared = s![.., shared * head_dim..(shared + 1) * head_dim];
            let mut scores = q.slice(own).dot(&keys.slice(shared).t());
            causal_softmax(scores.view_mut(), start);
            mixed.slice_mut(own).assign(&scores.dot(&values.slice(shared)));
        }
        self.o.apply(&mixed)
    }
}

impl Linear {
    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        let y = x.dot(&self.weight.t());
        match &self.bias {
            Some(bias) => y + bias,
            None => y,
        }
    }
}

/// Rows divided by the root of their mean square, and multiplied by `weight`.
fn rms_norm(x: &Array2<f32>, weight: &Array1<f32>, eps: f64) -> Array2<f32> {
    let mut y = x.clone();
    for mut row in y.rows_mut() {
        let mean = row.dot(&row) / row.len() as f32;
        row /= (mean + eps as f32).sqrt();
        row *= weight;
    }
    y
}

/// Rows of scores become weights that add up to one: row `i` sees the first `start + i + 1` columns, and nothing of those after.
fn causal_softmax(mut scores: ArrayViewMut2<'_, f32>, start: usize) {
    for (i, mut row) in scores.rows_mut().into_iter().enumerate() {
        let (mut sees, mut later) = row.view_mut().split_at(Axis(0), start + i + 1);
        let top = sees.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        sees.mapv_inplace(|score| (score - top).exp());
        let sum = sees.sum();
        sees /= sum;
        later.fill(0.0);
    }
}

/// Sine and cosine of a block's rotary angles: a row for each position, a column for each pair of a head.
struct Turns {
    sin: Array2<f32>,
    cos: Array2<f32>,
}

impl Turns {
    fn new(frequencies: &[f32], start: usize, count: usize) -> Self {
        // In f32, as the implementations do that such models are trained with.
        let angles = Array2::from_shape_fn((count, frequencies.len()), |(row, pair)| {
            (start + row) as f32 * frequencies[pair]
        });
        Self { sin: angles.mapv(f32::sin), cos: angles.mapv(f32::cos) }
    }

    /// Turns every head of every row: the first half of a head is paired with its second half.
    fn turn(&self, mut x: ArrayViewMut2<'_, f32>) {
        let half = self.cos.ncols();
        for (mut row, (sin, cos)) in
            x.rows_mut().into_iter().zip(self.sin.rows().into_iter().zip(self.cos.rows()))
        {
            for mut head in row.exact_chunks_mut(2 * half) {
                for i in 0..half {
                    let (a, b) = (head[i], head[half + i]);
                    head[i] = a * cos[i] - b * sin[i];
                    head[half + i] = b * cos[i] + a * sin[i];
                }
            }
        }
    }
}
