//! Models of random weights, in any size: for memory, time and "the biggest that fits". What they answer means nothing.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use piton_base::error::{Context, Result};
use piton_base::rng::Random;

use crate::file::{self, Tensor};
use crate::numbers::NumberFormat;
use crate::shape::Shape;
use crate::vocabulary::Vocabulary;

/// How large a random matrix makes what it is given: a little less than it was.
const SIZE: f64 = 0.7;

/// Writes a model of random weights of this shape to `out`, with this vocabulary. The same shape and format give the same file.
///
/// All layers share their numbers: those are drawn once, and computing with them takes as long. Tokens that are no plain text have rows of
/// zeros, so that every token that is answered is text that a server sends at once.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    shape: &Shape,
    vocabulary: &Vocabulary,
    end: u32,
    out: &Path,
    format: NumberFormat,
) -> Result<()> {
    let name = format!("random-{}x{}-{}", shape.width, shape.layers, format.name());
    let mut settings = shape.settings(&name, format);
    settings.extend(vocabulary.settings(end));
    let mut drawn: HashMap<(usize, usize), Vec<u8>> = HashMap::new();
    replace(out, |to| {
        file::write(to, &settings, &shape.tensors(format), |tensor| {
            let Some(rows) = tensor.rows else { return Ok(written(tensor, &vec![1.0; tensor.columns])) };
            if tensor.name == "token_embd.weight" {
                let mut numbers = matrix(rows, tensor.columns);
                for token in (0..rows).filter(|token| !vocabulary.is_plain(*token)) {
                    numbers[token * tensor.columns..(token + 1) * tensor.columns].fill(0.0);
                }
                return Ok(written(tensor, &numbers));
            }
            let bytes = drawn
                .entry((rows, tensor.columns))
                .or_insert_with(|| written(tensor, &matrix(rows, tensor.columns)));
            Ok(bytes.clone())
        })
    })
}

fn written(tensor: &Tensor, numbers: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 4);
    tensor.format.write(numbers, &mut bytes);
    bytes
}

fn matrix(rows: usize, columns: usize) -> Vec<f32> {
    let mut random = Random::of_block(0, "gguf", (rows * 1_000_003 + columns) as u64);
    let size = SIZE / (columns as f64).sqrt();
    (0..rows * columns).map(|_| (random.normal() * size) as f32).collect()
}

/// Writes a file beside `out` and puts it there when it is whole.
pub(crate) fn replace(
    out: &Path,
    write: impl FnOnce(&mut BufWriter<&mut std::fs::File>) -> io::Result<()>,
) -> Result<()> {
    let what = format!("{} was not written", out.display());
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(dir).context(&what)?;
    let mut to = BufWriter::with_capacity(1 << 20, new.as_file_mut());
    write(&mut to).and_then(|()| to.flush()).context(&what)?;
    drop(to);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    new.as_file().set_permissions(mode).context(&what)?;
    new.persist(out).map(|_| ()).map_err(|e| e.error).context(what)
}
