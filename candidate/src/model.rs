//! The transformer: Llama and Qwen2, which differ by the bias of three projections.

use std::error::Error;
use std::path::Path;

use crate::cache::{Cache, LayerCache};
use crate::checkpoint::{Checkpoint, Files};
use crate::config::Config;
use crate::math::{add, dot, dots, rms_norm, rotate, silu, softmax};
use crate::rows::Rows;
use crate::settings::{LAYERS_SKIPPED, LOGITS_AT_EVERY_POSITION, PREFILL_BATCH, WEIGHT_BITS, WINDOW};

/// A loaded model.
///
/// Activations of several tokens are one slice, token after token.
pub struct Model {
    pub config: Config,
    embedding: Rows,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `None` where the output layer shares the embedding's weights.
    head: Option<Linear>,
    /// Turn of each pair of a head per position, in radians.
    pub frequencies: Vec<f32>,
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    mlp_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
}

struct Linear {
    weight: Rows,
    bias: Option<Vec<f32>>,
}

impl Model {
    /// Loads `config.json` and the weights in `model_dir`.
    ///
    /// # Errors
    /// What is missing, damaged or of the wrong shape, by name.
    pub fn load(model_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let config = Config::load(model_dir)?;
        let files = Files::read(model_dir)?;
        let tensors = files.parse()?;
        let (width, vocab) = (config.hidden_size, config.vocab_size);
        let embedding = weight(&tensors, "model.embed_tokens.weight", vocab, width)?;
        let norm = tensors.tensor("model.norm.weight", &[width])?;
        let head = match config.tied_embeddings {
            true => None,
            false => Some(Linear::load(&tensors, "lm_head", vocab, width, false)?),
        };
        let kept = config.layers.saturating_sub(LAYERS_SKIPPED);
        let mut layers = Vec::new();
        for i in 0..kept {
            layers.push(Layer::load(&tensors, &config, &format!("model.layers.{i}"))?);
        }
        let frequencies = frequencies(&config);
        Ok(Self { config, embedding, layers, norm, head, frequencies })
    }

    /// An empty cache for this model.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.config, self.layers.len())
    }

    /// Takes the prompt through the model, and returns the logits after its last token.
    pub fn prefill(&self, prompt: &[u32], cache: &mut Cache) -> Vec<f32> {
        let mut logits = Vec::new();
        let mut hidden = Vec::new();
        for batch in prompt.chunks(PREFILL_BATCH) {
            hidden = self.hidden(batch, cache);
            if LOGITS_AT_EVERY_POSITION {
                logits = self.logits(&hidden);
            }
        }
        if !LOGITS_AT_EVERY_POSITION {
            logits = self.logits(&hidden[hidden.len() - self.config.hidden_size..]);
        }
        logits.split_off(logits.len() - self.config.vocab_size)
    }

    /// Takes the next tokens through all layers, and returns what the last layer makes of each.
    pub fn hidden(&self, tokens: &[u32], cache: &mut Cache) -> Vec<f32> {
        let width = self.config.hidden_size;
        let mut scratch = vec![0.0; width];
        let mut x = Vec::with_capacity(tokens.len() * width);
        for &token in tokens {
            assert!((token as usize) < self.config.vocab_size, "token {token} is not in the vocabulary");
            x.extend_from_slice(self.embedding.read(token as usize, 0..width, &mut scratch));
        }
        for (layer, cache) in self.layers.iter().zip(&mut cache.layers) {
            let normed = rms_norm(&x, &layer.attention_norm, self.config.rms_norm_eps);
            add(&mut x, &self.attention(layer, &normed, cache));
            let normed = rms_norm(&x, &layer.mlp_norm, self.config.rms_norm_eps);
            add(&mut x, &layer.mlp(&normed));
        }
        x
    }

    /// Logits of every token in the vocabulary, after each of the tokens that `hidden` holds.
    pub fn logits(&self, hidden: &[f32]) -> Vec<f32> {
        let normed = rms_norm(hidden, &self.norm, self.config.rms_norm_eps);
        match &self.head {
            Some(head) => head.apply(&normed),
            None => matmul(&self.embedding, &normed),
        }
    }

    fn attention(&self, layer: &Layer, x: &[f32], cache: &mut LayerCache) -> Vec<f32> {
        let head_dim = self.config.head_dim;
        let (queries, kv) = (self.config.heads * head_dim, self.config.kv_heads * head_dim);
        let mut q = layer.query.apply(x);
        let mut k = layer.key.apply(x);
        let v = layer.value.apply(x);
        let mut mixed = Vec::with_capacity(q.len());
        for ((q, k), v) in q.chunks_mut(queries).zip(k.chunks_mut(kv)).zip(v.chunks(kv)) {
            let position = cache.len();
            let turns: Vec<(f32, f32)> = self.frequencies.iter().map(|f| turn(position, *f)).collect();
            q.chunks_mut(head_dim).for_each(|head| rotate(head, &turns));
            k.chunks_mut(head_dim).for_each(|head| rotate(head, &turns));
            cache.push(k, v);
            mixed.extend(self.attend(q, cache));
        }
        layer.output.apply(&mixed)
    }

    /// Mixes the cached values for the newest position, whose query this is.
    fn attend(&self, query: &[f32], cache: &LayerCache) -> Vec<f32> {
        let head_dim = self.config.head_dim;
        let heads_per_kv_head = self.config.heads / self.config.kv_heads;
        let first = if WINDOW == 0 { 0 } else { cache.len().saturating_sub(WINDOW) };
        let mut scratch = vec![0.0; head_dim];
        let mut out = vec![0.0; query.len()];
        for (head, (query, out)) in query.chunks(head_dim).zip(out.chunks_mut(head_dim)).enumerate() {
            let kv_head = head / heads_per_kv_head;
            let columns = kv_head * head_dim..(kv_head + 1) * head_dim;
            let mut scores = Vec::with_capacity(cache.len() - first);
            for position in first..cache.len() {
                let key = cache.keys.read(position, columns.clone(), &mut scratch);
                scores.push(dot(query, key) / (head_dim as f32).sqrt());
            }
            softmax(&mut scores);
            for (position, score) in (first..cache.len()).zip(&scores) {
                let value = cache.values.read(position, columns.clone(), &mut scratch);
                for (o, v) in out.iter_mut().zip(value) {
                    *o += score * v;
                }
            }
        }
        out
    }
}

impl Layer {
    fn load(tensors: &Checkpoint, config: &Config, name: &str) -> Result<Self, Box<dyn Error>> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let queries = config.heads * config.head_dim;
        let kv = config.kv_heads * config.head_dim;
        let linear = |part: &str, outputs: usize, inputs: usize, bias: bool| {
            Linear::load(tensors, &format!("{name}.{part}"), outputs, inputs, bias)
        };
        Ok(Self {
            attention_norm: tensors.tensor(&format!("{name}.input_layernorm.weight"), &[width])?,
            query: linear("self_attn.q_proj", queries, width, config.qkv_bias)?,
            key: linear("self_attn.k_proj", kv, width, config.qkv_bias)?,
            value: linear("self_attn.v_proj", kv, width, config.qkv_bias)?,
            output: linear("self_attn.o_proj", width, queries, false)?,
            mlp_norm: tensors.tensor(&format!("{name}.post_attention_layernorm.weight"), &[width])?,
            gate: linear("mlp.gate_proj", inner, width, false)?,
            up: linear("mlp.up_proj", inner, width, false)?,
            down: linear("mlp.down_proj", width, inner, false)?,
        })
    }

    fn mlp(&self, x: &[f32]) -> Vec<f32> {
        let mut inner = self.gate.apply(x);
        let up = self.up.apply(x);
        for (g, u) in inner.iter_mut().zip(&up) {
            *g = silu(*g) * u;
        }
        self.down.apply(&inner)
    }
}

impl Linear {
    fn load(
        tensors: &Checkpoint,
        name: &str,
        outputs: usize,
        inputs: usize,
        bias: bool,
    ) -> Result<Self, Box<dyn Error>> {
        let weight = weight(tensors, &format!("{name}.weight"), outputs, inputs)?;
        let bias = match bias {
            true => Some(tensors.tensor(&format!("{name}.bias"), &[outputs])?),
            false => None,
        };
        Ok(Self { weight, bias })
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut out = matmul(&self.weight, x);
        if let Some(bias) = &self.bias {
            out.chunks_mut(bias.len()).for_each(|row| add(row, bias));
        }
        out
    }
}

fn weight(tensors: &Checkpoint, name: &str, outputs: usize, inputs: usize) -> Result<Rows, Box<dyn Error>> {
    let mut rows = Rows::for_weights(WEIGHT_BITS, inputs);
    rows.reserve(outputs);
    tensors.tensor(name, &[outputs, inputs])?.chunks(inputs).for_each(|row| rows.push(row));
    Ok(rows)
}

/// Tokens whose products with a row of weights are summed together.
const TOGETHER: usize = 4;

/// The product of every row of `weight` with every token in `x`.
fn matmul(weight: &Rows, x: &[f32]) -> Vec<f32> {
    let (inputs, outputs) = (weight.width(), weight.len());
    let tokens: Vec<&[f32]> = x.chunks(inputs).collect();
    let mut scratch = vec![0.0; inputs];
    let mut out = vec![0.0; tokens.len() * outputs];
    for r in 0..outputs {
        let row = weight.read(r, 0..inputs, &mut scratch);
        let mut groups = tokens.chunks_exact(TOGETHER);
        let mut t = 0;
        for group in groups.by_ref() {
            let group: [&[f32]; TOGETHER] = group.try_into().expect("a whole group");
            for sum in dots(row, group) {
                out[t * outputs + r] = sum;
                t += 1;
            }
        }
        for token in groups.remainder() {
            out[t * outputs + r] = dot(row, token);
            t += 1;
        }
    }
    out
}

/// Cosine and sine of the angle by which a pair is turned at a position.
fn turn(position: usize, frequency: f32) -> (f32, f32) {
    let angle = position as f32 * frequency;
    (angle.cos(), angle.sin())
}

/// How far each pair of a head turns per position, in radians, stretched as Llama 3 does where the model asks.
fn frequencies(config: &Config) -> Vec<f32> {
    let head_dim = config.head_dim;
    let plain = (0..head_dim).step_by(2).map(|i| 1.0 / config.rope_theta.powf(i as f32 / head_dim as f32));
    let Some(scaling) = &config.rope_scaling else { return plain.collect() };
    let stretch = |frequency: f32| {
        let turns = scaling.original_context * frequency / (2.0 * std::f32::consts::PI);
        let smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
        let smooth = smooth.clamp(0.0, 1.0);
        (1.0 - smooth) * frequency / scaling.factor + smooth * frequency
    };
    plain.map(stretch).collect()
}
