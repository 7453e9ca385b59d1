//! A checkpoint in the Hugging Face layout as a file of its own.

use std::collections::HashMap;
use std::path::Path;

use harness::model::{Checkpoint, Config};
use piton_base::error::{Context, Error, Result};

use crate::numbers::NumberFormat;
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;
use crate::{file, random};

/// Names of a layer's tensors: in the file, and in the checkpoint.
const NAMES: [(&str, &str); 9] = [
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// Writes the model in `dir` to `out`, with its matrices in `format`. What stood there is replaced in one step.
///
/// # Errors
/// A model that the harness does not read, one that llama's architecture has no place for, and a file that cannot be written.
pub fn convert(dir: &Path, out: &Path, format: NumberFormat) -> Result<()> {
    let what = format!("{} was not converted", dir.display());
    let checkpoint = Checkpoint::open(dir).context(&what)?;
    let shape = shape(&checkpoint.config).map_err(|cause| Error::usage(&what).cause(cause))?;
    let vocabulary = Vocabulary::read(dir)?;
    if vocabulary.len() != shape.vocabulary {
        let cause =
            format!("its tokenizer knows {} tokens, its matrices {}", vocabulary.len(), shape.vocabulary);
        return Err(Error::usage(what).cause(cause));
    }
    let end =
        *checkpoint.config.end.first().ok_or_else(|| Error::usage(&what).cause("no token ends a text"))?;
    let weights = checkpoint.load().context(&what)?.into_tensors();
    let mut settings = shape.settings(&format!("piton-{}", format.name()), format);
    settings.extend(vocabulary.settings(end));
    random::replace(out, |to| {
        file::write(to, &settings, &shape.tensors(format), |tensor| {
            let mut bytes = vec![];
            let numbers = numbers(&weights, &shape, &tensor.name).map_err(std::io::Error::other)?;
            tensor.format.write(&numbers, &mut bytes);
            Ok(bytes)
        })
    })
}

/// The shape of a checkpoint, where it is a llama's.
fn shape(config: &Config) -> std::result::Result<Shape, &'static str> {
    if config.qkv_bias || config.output_bias || config.mlp_bias {
        return Err("its projections have biases, as a llama's have not");
    }
    if config.rope.llama3.is_some() {
        return Err("its rotary embedding is stretched, which is not written here");
    }
    Ok(Shape {
        vocabulary: config.vocab,
        width: config.hidden,
        inner: config.intermediate,
        layers: config.layers,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head: config.head_dim,
        context: config.max_positions,
        rope_base: config.rope.theta as f32,
        epsilon: config.norm_eps as f32,
        tied: config.tied,
    })
}

type Weights = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// The numbers of a tensor of the file.
fn numbers(weights: &Weights, shape: &Shape, name: &str) -> std::result::Result<Vec<f32>, String> {
    let missing = || format!("the checkpoint has nothing for {name}");
    let layer = name.strip_prefix("blk.").and_then(|rest| rest.strip_suffix(".weight")?.split_once('.'));
    let (theirs, kind) = match (name, layer) {
        ("token_embd.weight", _) => ("model.embed_tokens.weight".to_owned(), ""),
        ("output_norm.weight", _) => ("model.norm.weight".to_owned(), ""),
        ("output.weight", _) => ("lm_head.weight".to_owned(), ""),
        (_, Some((layer, kind))) => {
            let (_, theirs) = NAMES.iter().find(|(ours, _)| *ours == kind).ok_or_else(missing)?;
            (format!("model.layers.{layer}.{theirs}.weight"), kind)
        }
        _ => return Err(missing()),
    };
    let (_, numbers) = weights.get(&theirs).ok_or_else(missing)?;
    Ok(match kind {
        "attn_q" => neighbours(numbers, shape.heads, shape.head),
        "attn_k" => neighbours(numbers, shape.kv_heads, shape.head),
        _ => numbers.clone(),
    })
}

/// Rows of a query or key matrix in llama.cpp's order. A pair that is rotated together stands half a head apart in the checkpoint, and side by
/// side in the file: row `i` and row `head / 2 + i` of a head become rows `2 i` and `2 i + 1`.
fn neighbours(numbers: &[f32], heads: usize, head: usize) -> Vec<f32> {
    let columns = numbers.len() / (heads * head);
    let rows = (0..heads)
        .flat_map(|number| (0..head).map(move |row| number * head + row % 2 * (head / 2) + row / 2));
    rows.flat_map(|row| &numbers[row * columns..(row + 1) * columns]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_pairs_become_neighbours_within_their_head() {
        let numbers: Vec<f32> = (0..16).map(|number| number as f32).collect();
        let rows = |order: [usize; 8]| order.map(|row| [2.0 * row as f32, 2.0 * row as f32 + 1.0]).concat();
        assert_eq!(neighbours(&numbers, 2, 4), rows([0, 2, 1, 3, 4, 6, 5, 7]));
    }
}
