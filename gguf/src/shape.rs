//! The shape of a llama: what its settings and tensors are called, and which shape has so many parameters.

use crate::file::{Setting, Tensor};
use crate::numbers::NumberFormat;

/// The shape of a model of llama's architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width of the feed-forward layers.
    pub inner: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Longest text, in tokens.
    pub context: usize,
    /// Base of the rotary embedding's wavelengths.
    pub rope_base: f32,
    /// Added to the mean square in RMSNorm.
    pub epsilon: f32,
    /// Whether the output projection is the embedding.
    pub tied: bool,
}

/// A matrix of a layer: its name in the file, its rows and the numbers of a row.
pub type LayerMatrix = (&'static str, usize, usize);

impl Shape {
    /// A shape of about so many parameters: heads of 64, four query heads for one of keys, as many layers as the width has heads.
    pub fn of_size(parameters: u64, vocabulary: usize, context: usize) -> Self {
        // A layer of this form has 10.5 numbers for each square of the width.
        let width = (64.0 * parameters as f64 / 10.5).cbrt();
        let width = ((width / 256.0).round() as usize).max(1) * 256;
        let mut shape = Self {
            vocabulary,
            width,
            inner: (width * 8 / 3).next_multiple_of(256),
            layers: 1,
            heads: width / 64,
            kv_heads: width / 256,
            head: 64,
            context,
            rope_base: 10_000.0,
            epsilon: 1e-5,
            tied: true,
        };
        let one = shape.parameters() - (vocabulary * width) as u64;
        let layers = parameters.saturating_sub((vocabulary * width) as u64) as f64 / one as f64;
        shape.layers = (layers.round() as usize).max(1);
        shape
    }

    /// How many numbers its matrices have.
    pub fn parameters(&self) -> u64 {
        let layer: usize = self.matrices().iter().map(|(_, rows, columns)| rows * columns).sum();
        let ends = self.vocabulary * self.width * if self.tied { 1 } else { 2 };
        (layer * self.layers + ends) as u64
    }

    /// The matrices of each layer.
    pub fn matrices(&self) -> [LayerMatrix; 7] {
        let (all, kv) = (self.heads * self.head, self.kv_heads * self.head);
        [
            ("attn_q", all, self.width),
            ("attn_k", kv, self.width),
            ("attn_v", kv, self.width),
            ("attn_output", self.width, all),
            ("ffn_gate", self.inner, self.width),
            ("ffn_up", self.inner, self.width),
            ("ffn_down", self.width, self.inner),
        ]
    }

    /// The tensors of a file, in their order.
    pub fn tensors(&self, format: NumberFormat) -> Vec<Tensor> {
        let mut tensors = vec![
            Tensor::matrix("token_embd.weight", self.vocabulary, self.width, format),
            Tensor::vector("output_norm.weight", self.width),
        ];
        if !self.tied {
            tensors.push(Tensor::matrix("output.weight", self.vocabulary, self.width, format));
        }
        for layer in 0..self.layers {
            for norm in ["attn_norm", "ffn_norm"] {
                tensors.push(Tensor::vector(format!("blk.{layer}.{norm}.weight"), self.width));
            }
            for (name, rows, columns) in self.matrices() {
                tensors.push(Tensor::matrix(format!("blk.{layer}.{name}.weight"), rows, columns, format));
            }
        }
        tensors
    }

    /// The settings of a file, but for the vocabulary's.
    pub fn settings(&self, name: &str, format: NumberFormat) -> Vec<(&'static str, Setting)> {
        let whole = |number: usize| Setting::Whole(number as u32);
        vec![
            ("general.architecture", Setting::Text("llama".into())),
            ("general.name", Setting::Text(name.to_owned())),
            ("general.file_type", Setting::Whole(format.file_type())),
            ("general.quantization_version", Setting::Whole(2)),
            ("llama.vocab_size", whole(self.vocabulary)),
            ("llama.context_length", whole(self.context)),
            ("llama.embedding_length", whole(self.width)),
            ("llama.feed_forward_length", whole(self.inner)),
            ("llama.block_count", whole(self.layers)),
            ("llama.attention.head_count", whole(self.heads)),
            ("llama.attention.head_count_kv", whole(self.kv_heads)),
            ("llama.attention.key_length", whole(self.head)),
            ("llama.attention.value_length", whole(self.head)),
            ("llama.attention.layer_norm_rms_epsilon", Setting::Real(self.epsilon)),
            ("llama.rope.dimension_count", whole(self.head)),
            ("llama.rope.freq_base", Setting::Real(self.rope_base)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_of_a_size_has_about_that_size() {
        for millions in [5, 12, 87, 135, 1000, 7000] {
            let asked = millions * 1_000_000;
            let shape = Shape::of_size(asked, 576, 4096);
            let off = shape.parameters() as f64 / asked as f64 - 1.0;
            assert!(off.abs() < 0.15, "{millions} M: {shape:?}, {off:.2} off");
            assert_eq!((shape.heads % shape.kv_heads, shape.inner % 32), (0, 0));
        }
    }
}
